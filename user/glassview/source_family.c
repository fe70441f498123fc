// SPDX-License-Identifier: GPL-2.0
/*
 * The processes of a session.
 *
 * Weak: events that find the stream full are not counted; the table of targets is
 * right all the same.
 */
#include "source_family.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "message.h"

#define MASK (1ULL << GLASSRAM_EVENT_FORK | 1ULL << GLASSRAM_EVENT_EXEC | \
	      1ULL << GLASSRAM_EVENT_EXIT)

/* Events read in one go. */
#define BATCH 64

/* A long build may have thousands of them: a few lines tell the reason. */
#define MISSED_LINES 5

/* In the thread that follows. */
static void on_missed(void *data, pid_t pid, enum glassram_error why, const char *text)
{
	static atomic_uint lines;
	unsigned int line = atomic_fetch_add(&lines, 1);

	(void)data;
	(void)why;
	if (line < MISSED_LINES)
		message("process %d is not followed: %s", pid, text);
	else if (line == MISSED_LINES)
		message("more processes are not followed: --stats counts them");
}

int family_open(struct family *family, struct glassram_session *session, bool follow)
{
	const struct glassram_follow_settings settings = {
		.size = sizeof(settings),
		.missed = on_missed,
	};

	/* Only marks on the timeline are lost without it. */
	if (glassram_events_open(session, MASK, 0, &family->stream))
		family->stream = NULL;
	if (follow && glassram_follow_start(session, &settings, &family->follow)) {
		message("%s", glassram_error_message());
		return -1;
	}
	return 0;
}

static void read_events(struct family *family, struct source_view *view)
{
	struct glassram_event events[BATCH];
	size_t nr = 0;

	do {
		if (!family->stream || glassram_events_read(family->stream, events, BATCH, 0, &nr))
			return;
		for (size_t i = 0; i < nr; i++) {
			view->forks += events[i].type == GLASSRAM_EVENT_FORK;
			view->execs += events[i].type == GLASSRAM_EVENT_EXEC;
			view->exits += events[i].type == GLASSRAM_EVENT_EXIT;
		}
	} while (nr == BATCH);
}

void family_update(struct family *family, struct glassram_session *session,
		   struct source_view *view)
{
	struct glassram_target *targets;
	size_t nr;

	read_events(family, view);
	if (family->follow)
		glassram_follow_figures(family->follow, &view->follow);
	if (glassram_targets(session, &targets, &nr))
		return;
	free(view->targets);
	view->targets = targets;
	view->nr_targets = nr;
	view->nr_processes = 0;
	for (size_t i = 0; i < nr; i++)
		view->nr_processes += targets[i].state == GLASSRAM_STATE_LIVE;
}

void family_close(struct family *family)
{
	glassram_follow_stop(family->follow);
	glassram_events_close(family->stream);
	*family = (struct family){ 0 };
}
