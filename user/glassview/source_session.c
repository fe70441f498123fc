// SPDX-License-Identifier: GPL-2.0
/*
 * The source behind the real thing: a session of glassram.ko on a running
 * process, through libglassram.
 *
 * Arming ticks run in a thread of their own, so that a slow picture does not
 * change the length of an epoch. The columns need no copying: they are memory
 * that the kernel counts into. Tables and figures are refreshed at 4 Hz, as
 * often as they are printed.
 *
 * Where another client has a session on the process already, this is one more
 * reader of it: ticks and settings are the owner's, until that client leaves.
 *
 * Weak: a reader notices only ten times a second that it became the owner.
 */
#define _GNU_SOURCE
#include "source.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "machine.h"
#include "message.h"
#include "source_family.h"
#include "source_process.h"

#define REFRESH_SECONDS 0.25

/* How long the arming thread rests where there is nothing to arm. */
#define REST_NS (100 * 1000 * 1000)

struct session_source {
	struct source source;
	struct glassram_session *session;
	struct glassram_policy *policy;
	pthread_t thread;
	bool thread_runs;
	atomic_bool stop;
	atomic_bool ended;
	bool frozen;
	double refreshed;
	struct family family;
	struct process_figures figures;
};

/* Nothing to do: its arrival alone ends the sleep in ADVANCE. */
static void on_wake(int number)
{
	(void)number;
}

/* While the session is paused, or belongs to another client. A signal ends it. */
static void rest(void)
{
	const struct timespec time = { .tv_nsec = REST_NS };

	nanosleep(&time, NULL);
}

static void *arm_thread(void *data)
{
	struct session_source *s = data;
	struct glassram_tick tick;
	bool warned = false;

	while (!atomic_load(&s->stop)) {
		switch (glassram_advance(s->session, GLASSRAM_ADVANCE_PACED, &tick)) {
		case GLASSRAM_OK:
			if (tick.result & GLASSRAM_ADVANCED_PAUSED)
				rest();
			break;
		case GLASSRAM_ERR_INTERRUPTED:
			break;
		case GLASSRAM_ERR_NOT_OWNER:
			rest();
			break;
		case GLASSRAM_ERR_NO_MEMORY:
			/* The epoch was closed; some pages stay uncounted. */
			if (!warned)
				message("%s", glassram_error_message());
			warned = true;
			break;
		case GLASSRAM_ERR_ENDED:
			atomic_store(&s->ended, true);
			return NULL;
		default:
			message("%s", glassram_error_message());
			atomic_store(&s->ended, true);
			return NULL;
		}
	}
	return NULL;
}

static void stop_thread(struct session_source *s)
{
	struct timespec until;

	if (!s->thread_runs)
		return;
	atomic_store(&s->stop, true);
	do {
		/* The signal may come just before the sleep: then send another. */
		pthread_kill(s->thread, SIGRTMIN);
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += 20 * 1000 * 1000;
		if (until.tv_nsec >= 1000000000) {
			until.tv_nsec -= 1000000000;
			until.tv_sec++;
		}
	} while (pthread_timedjoin_np(s->thread, NULL, &until) == ETIMEDOUT);
	s->thread_runs = false;
}

static int start_thread(struct session_source *s)
{
	struct sigaction wake = { .sa_handler = on_wake };
	sigset_t all, before;
	int err;

	/* Without SA_RESTART, which is the point. */
	sigaction(SIGRTMIN, &wake, NULL);
	sigfillset(&all);
	sigdelset(&all, SIGRTMIN);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&s->thread, NULL, arm_thread, s);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err) {
		message("cannot start the arming thread (%s): end some processes and repeat",
			strerror(err));
		return -1;
	}
	s->thread_runs = true;
	return 0;
}

static void refresh_figures(struct session_source *s)
{
	struct source_view *view = &s->source.view;
	struct glassram_thread *threads;
	struct glassram_options options;
	struct glassram_stats stats = { 0 };
	size_t nr;

	if (!glassram_threads(s->session, &threads, &nr, NULL)) {
		free(view->threads);
		view->threads = threads;
		view->nr_threads = nr;
	}
	if (!glassram_stats(s->session, &stats))
		view->stats = stats;
	/* Of a session that another client owns, it may change at any time. */
	if (!glassram_get_options(s->session, &options))
		view->rate_hz = options.rate_hz;
	family_update(&s->family, s->session, view);
	/* Of an ended target the number may be another process already. */
	if (!view->ended)
		process_refresh(&s->figures, view);
}

static int refresh_columns(struct session_source *s, const struct glassram_control *control)
{
	struct source_view *view = &s->source.view;
	struct glassram_columns columns;

	if (view->columns.map && view->columns.generation == control->counters_generation)
		return 0;
	if (glassram_columns_init(s->session, &columns)) {
		message("%s", glassram_error_message());
		return -1;
	}
	glassram_columns_finish(&view->columns);
	view->columns = columns;
	view->changed |= SOURCE_COLUMNS;
	return 0;
}

static int refresh_layout(struct session_source *s)
{
	struct source_view *view = &s->source.view;
	struct glassram_layout layout;

	if (glassram_layout_init(s->session, &layout)) {
		message("%s", glassram_error_message());
		return -1;
	}
	glassram_layout_finish(&view->layout);
	view->layout = layout;
	view->changed |= SOURCE_LAYOUT;
	return 0;
}

/* Blocks are also given out without any other change, where the counters have room. */
static bool layout_is_old(const struct source_view *view, uint64_t regions_generation)
{
	return view->layout.generation != regions_generation ||
	       (uint64_t)view->layout.nr_blocks * GLASSRAM_BLOCK_SLOTS < view->stats.slots;
}

static int session_update(struct source *source)
{
	struct session_source *s = (struct session_source *)source;
	struct source_view *view = &source->view;
	struct glassram_control control;
	bool ended = atomic_load(&s->ended), refresh;
	double now = machine_seconds();

	view->changed = 0;
	if (s->frozen || view->ended)
		return 0;
	if (glassram_control_read(s->session, &control)) {
		message("%s", glassram_error_message());
		return -1;
	}
	view->paused = control.state == GLASSRAM_STATE_PAUSED;
	view->ended = ended || (control.state != GLASSRAM_STATE_LIVE && !view->paused);
	view->epoch = control.epoch;
	view->epoch_began = control.epoch_ns * 1e-9;
	if (refresh_columns(s, &control))
		return -1;
	refresh = view->ended || now - s->refreshed >= REFRESH_SECONDS;
	if (refresh) {
		s->refreshed = now;
		refresh_figures(s);
	}
	/* New counters come with new blocks; everything else can wait its turn. */
	if (view->changed & SOURCE_COLUMNS ||
	    (refresh && layout_is_old(view, control.regions_generation)))
		return refresh_layout(s);
	return 0;
}

static int session_freeze(struct source *source)
{
	struct session_source *s = (struct session_source *)source;
	enum glassram_error err;

	if (s->frozen)
		return 0;
	stop_thread(s);
	if (!source->view.ended) {
		do {
			err = glassram_advance(s->session, 0, NULL);
		} while (err == GLASSRAM_ERR_INTERRUPTED);
		if (err == GLASSRAM_ERR_ENDED)
			atomic_store(&s->ended, true);
	}
	s->refreshed = 0;
	if (session_update(source))
		return -1;
	s->frozen = true;
	return 0;
}

static int session_pause(struct source *source)
{
	struct session_source *s = (struct session_source *)source;

	if (!glassram_pause(s->session, !source->view.paused))
		return 0;
	message("%s", glassram_error_message());
	return -1;
}

static int session_reset(struct source *source)
{
	struct session_source *s = (struct session_source *)source;

	if (!glassram_reset(s->session))
		return 0;
	message("%s", glassram_error_message());
	return -1;
}

static void session_destroy(struct source *source)
{
	struct session_source *s = (struct session_source *)source;

	if (!s)
		return;
	stop_thread(s);
	family_close(&s->family);
	glassram_columns_finish(&source->view.columns);
	glassram_layout_finish(&source->view.layout);
	free(source->view.threads);
	free(source->view.targets);
	glassram_detach(s->session);
	/* After the session that it is bound to. */
	glassram_policy_unload(s->policy);
	free(s);
}

/* Load and bind a policy. Without the rights for BPF everything is counted. */
static int bind_policy(struct session_source *s, const char *path)
{
	enum glassram_error err = glassram_policy_load(path, &s->policy);

	if (err == GLASSRAM_ERR_PERMISSION) {
		message("%s", glassram_error_message());
		message("going on without a policy: every write counts");
		return 0;
	}
	if (!err)
		err = glassram_set_policy(s->session, glassram_policy_name(s->policy));
	if (err) {
		message("%s", glassram_error_message());
		return -1;
	}
	return 0;
}

/* Joining is told, as the settings are another client's then. */
static int find_owner(struct session_source *s, const struct source_settings *settings)
{
	struct glassram_stats stats;

	if (glassram_stats(s->session, &stats)) {
		message("%s", glassram_error_message());
		return -1;
	}
	if (stats.clients > 1 && !stats.owner)
		message("process %d is watched by another client already: this is that session%s",
			settings->pid, settings->rate_hz ? "; --rate is its owner's" : "");
	return 0;
}

/* The first arming: whoever started the target lets it run after this. */
static int arm_first(struct session_source *s)
{
	enum glassram_error err;

	do {
		err = glassram_advance(s->session, 0, NULL);
	} while (err == GLASSRAM_ERR_INTERRUPTED);
	if (!err || err == GLASSRAM_ERR_NOT_OWNER)
		return 0;
	message("%s", glassram_error_message());
	return -1;
}

struct source *source_session_create(const struct source_settings *settings)
{
	const struct glassram_attach_settings attach = {
		.size = sizeof(attach),
		.rate_hz = settings->rate_hz,
		.shared = true,
	};
	struct session_source *s = calloc(1, sizeof(*s));

	if (!s) {
		message("no memory for a session: free some and repeat");
		return NULL;
	}
	s->source = (struct source){
		.update = session_update,
		.freeze = session_freeze,
		.pause = session_pause,
		.reset = session_reset,
		.destroy = session_destroy,
		.view = {
			.columns.dmabuf_fd = -1,
			.pid = settings->pid,
			.rate_hz = settings->rate_hz ? settings->rate_hz : GLASSRAM_RATE_DEFAULT,
			.follows = settings->follow,
			.overhead = -1,
		},
	};
	if (glassram_attach(settings->pid, &attach, &s->session)) {
		message("%s", glassram_error_message());
		free(s);
		return NULL;
	}
	if (find_owner(s, settings) ||
	    (settings->policy && bind_policy(s, settings->policy)) ||
	    family_open(&s->family, s->session, settings->follow) || arm_first(s) ||
	    session_update(&s->source) || start_thread(s)) {
		session_destroy(&s->source);
		return NULL;
	}
	return &s->source;
}
