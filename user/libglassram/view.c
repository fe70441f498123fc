// SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0
/*
 * All that a session has at a moment: its totals, its columns and tables, and what
 * /proc says of its targets.
 *
 * Weak: the parts are read one after the other, so that a target which writes or
 * maps meanwhile is newer in the later ones.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <glassram/detect.h>

#include "internal.h"

/* Add what /proc says of one process. One that is gone adds nothing. */
static void add_process(struct glassram_view *view, uint32_t tgid)
{
	unsigned long long user, system, resident;
	char path[64], text[1024], *fields;

	snprintf(path, sizeof(path), "/proc/%u/statm", tgid);
	if (!gr_read_file(path, text, sizeof(text)) && sscanf(text, "%*u %llu", &resident) == 1)
		view->resident += resident;
	snprintf(path, sizeof(path), "/proc/%u/stat", tgid);
	if (gr_read_file(path, text, sizeof(text)))
		return;
	/* The name may hold anything, a bracket too: start behind the last one. */
	fields = strrchr(text, ')');
	if (fields && sscanf(fields + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu",
			     &user, &system) == 2)
		view->cpu_ns += (user + system) * (1000000000ULL / (uint64_t)sysconf(_SC_CLK_TCK));
}

static enum glassram_error refresh_targets(struct glassram_view *view,
					   struct glassram_session *session)
{
	struct glassram_target *targets;
	enum glassram_error error;
	size_t nr;

	error = glassram_targets(session, &targets, &nr);
	if (error)
		return error;
	view->live = 0;
	view->resident = 0;
	view->cpu_ns = 0;
	for (size_t i = 0; i < nr; i++) {
		if (targets[i].state != GLASSRAM_STATE_LIVE)
			continue;
		view->live++;
		add_process(view, targets[i].tgid);
	}
	free(targets);
	return GLASSRAM_OK;
}

static enum glassram_error refresh_columns(struct glassram_view *view,
					   struct glassram_session *session, uint64_t generation)
{
	if (view->columns.map && view->columns.generation == generation)
		return GLASSRAM_OK;
	glassram_columns_finish(&view->columns);
	return glassram_columns_init(session, &view->columns);
}

/* @slots: given out before; new blocks do not change the tables' generation. */
static enum glassram_error refresh_layout(struct glassram_view *view,
					  struct glassram_session *session, uint64_t generation,
					  uint64_t slots)
{
	if (view->layout.blocks && view->layout.generation == generation &&
	    view->stats.slots == slots)
		return GLASSRAM_OK;
	glassram_layout_finish(&view->layout);
	memset(&view->layout, 0, sizeof(view->layout));
	return glassram_layout_init(session, &view->layout);
}

enum glassram_error glassram_view_refresh(struct glassram_view *view,
					  struct glassram_session *session)
{
	uint64_t slots = view->stats.slots;
	struct glassram_control control;
	enum glassram_error error;
	struct timespec now;

	if ((error = glassram_stats(session, &view->stats)) ||
	    (error = glassram_control_read(session, &control)) ||
	    (error = refresh_columns(view, session, control.counters_generation)) ||
	    (error = refresh_layout(view, session, control.regions_generation, slots)) ||
	    (error = refresh_targets(view, session)))
		return error;
	view->slots = view->stats.slots < view->columns.slots ? (uint32_t)view->stats.slots :
								view->columns.slots;
	clock_gettime(CLOCK_MONOTONIC, &now);
	view->time_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	return GLASSRAM_OK;
}

void glassram_view_finish(struct glassram_view *view)
{
	glassram_layout_finish(&view->layout);
	glassram_columns_finish(&view->columns);
	memset(view, 0, sizeof(*view));
}
