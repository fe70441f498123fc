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
 * Weak: the overhead is an estimate, see FAULT_COST.
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

#define REFRESH_SECONDS 0.25

/*
 * Seconds that one watched write costs the target, the fault itself included:
 * measured on a real machine; and in the lab VM under TCG, where tests/bench
 * gives 4.7 us as the smallest of many rounds and much more when the host is
 * busy, so that the overhead shown there is a lower bound.
 */
#define FAULT_COST 0.75e-6
#define FAULT_COST_EMULATED 5e-6

/* The overhead is taken over the last two seconds, or what there is from one on. */
#define OVERHEAD_SECONDS 2.0
#define OVERHEAD_SECONDS_MIN 1.0
#define OVERHEAD_SAMPLES 16

struct sample {
	double at;
	uint64_t faults;
	uint64_t advance_ns;
	uint64_t cpu_ticks;
};

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
	double fault_cost;
	struct sample samples[OVERHEAD_SAMPLES];
	unsigned int nr_samples;
};

/* Nothing to do: its arrival alone ends the sleep in ADVANCE. */
static void on_wake(int number)
{
	(void)number;
}

static void *arm_thread(void *data)
{
	struct session_source *s = data;
	bool warned = false;

	while (!atomic_load(&s->stop)) {
		switch (glassram_advance(s->session, GLASSRAM_ADVANCE_PACED, NULL)) {
		case GLASSRAM_OK:
		case GLASSRAM_ERR_INTERRUPTED:
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

/* Read a small file of /proc/PID. Return: its length, or -1 if it is gone. */
static ssize_t read_proc(pid_t pid, const char *name, char *buffer, size_t size)
{
	char path[64];
	FILE *file;
	size_t n;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	file = fopen(path, "re");
	if (!file)
		return -1;
	n = fread(buffer, 1, size - 1, file);
	fclose(file);
	buffer[n] = '\0';
	return n ? (ssize_t)n : -1;
}

/* What /proc knows: name, size, threads. Return: CPU ticks used, 0 if unknown. */
static uint64_t refresh_process(struct source_view *view)
{
	unsigned long long user = 0, system = 0, resident;
	unsigned int threads;
	char text[1024], *fields;

	if (read_proc(view->pid, "comm", text, sizeof(text)) > 0) {
		text[strcspn(text, "\n")] = '\0';
		snprintf(view->comm, sizeof(view->comm), "%.*s", GLASSRAM_COMM_LEN - 1, text);
	}
	if (read_proc(view->pid, "statm", text, sizeof(text)) > 0 &&
	    sscanf(text, "%*u %llu", &resident) == 1)
		view->rss = resident * sysconf(_SC_PAGESIZE);
	if (read_proc(view->pid, "stat", text, sizeof(text)) <= 0)
		return 0;
	/* The name may hold anything, a bracket too: start behind the last one. */
	fields = strrchr(text, ')');
	if (!fields || sscanf(fields + 1,
			      " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d %*d %u",
			      &user, &system, &threads) != 3)
		return 0;
	view->nr_target_threads = threads;
	return user + system;
}

/* The newest sample that is old enough, or else the oldest. */
static const struct sample *choose_sample(const struct session_source *s, double now)
{
	unsigned int i, kept = s->nr_samples < OVERHEAD_SAMPLES ? s->nr_samples : OVERHEAD_SAMPLES;
	const struct sample *sample = NULL;

	for (i = 1; i <= kept; i++) {
		sample = &s->samples[(s->nr_samples - i) % OVERHEAD_SAMPLES];
		if (now - sample->at >= OVERHEAD_SECONDS)
			break;
	}
	return sample && now - sample->at >= OVERHEAD_SECONDS_MIN ? sample : NULL;
}

/* Time that watching took, over the CPU time of the target. */
static void refresh_overhead(struct session_source *s, uint64_t cpu_ticks)
{
	struct source_view *view = &s->source.view;
	struct sample now = {
		.at = machine_seconds(),
		.faults = view->stats.faults,
		.advance_ns = view->stats.advance_ns,
		.cpu_ticks = cpu_ticks,
	};
	const struct sample *then = choose_sample(s, now.at);
	double cost, cpu;

	if (then) {
		cost = (now.faults - then->faults) * s->fault_cost +
		       (now.advance_ns - then->advance_ns) * 1e-9;
		cpu = (double)(now.cpu_ticks - then->cpu_ticks) / sysconf(_SC_CLK_TCK);
		view->overhead = cpu > 0 ? cost / cpu : -1;
		if (view->overhead > 1)
			view->overhead = 1;
	}
	s->samples[s->nr_samples++ % OVERHEAD_SAMPLES] = now;
}

static void refresh_figures(struct session_source *s)
{
	struct source_view *view = &s->source.view;
	struct glassram_thread *threads;
	struct glassram_stats stats = { 0 };
	uint64_t cpu_ticks;
	size_t nr;

	if (!glassram_threads(s->session, &threads, &nr, NULL)) {
		free(view->threads);
		view->threads = threads;
		view->nr_threads = nr;
	}
	if (!glassram_stats(s->session, &stats))
		view->stats = stats;
	/* Of an ended target the number may be another process already. */
	if (view->ended)
		return;
	cpu_ticks = refresh_process(view);
	if (cpu_ticks)
		refresh_overhead(s, cpu_ticks);
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
	view->ended = ended || control.state != GLASSRAM_STATE_LIVE;
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

static void session_destroy(struct source *source)
{
	struct session_source *s = (struct session_source *)source;

	if (!s)
		return;
	stop_thread(s);
	glassram_columns_finish(&source->view.columns);
	glassram_layout_finish(&source->view.layout);
	free(source->view.threads);
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

struct source *source_session_create(pid_t pid, uint32_t rate_hz, const char *policy_path)
{
	struct glassram_attach_settings settings = {
		.size = sizeof(settings),
		.rate_hz = rate_hz,
	};
	struct session_source *s = calloc(1, sizeof(*s));
	enum glassram_error err;

	if (!s) {
		message("no memory for a session: free some and repeat");
		return NULL;
	}
	s->source = (struct source){
		.update = session_update,
		.freeze = session_freeze,
		.destroy = session_destroy,
		.view = {
			.columns.dmabuf_fd = -1,
			.pid = pid,
			.rate_hz = rate_hz ? rate_hz : GLASSRAM_RATE_DEFAULT,
			.overhead = -1,
		},
	};
	s->fault_cost = machine_is_emulated() ? FAULT_COST_EMULATED : FAULT_COST;
	err = glassram_attach(pid, &settings, &s->session);
	if (err) {
		message("%s", glassram_error_message());
		free(s);
		return NULL;
	}
	if (policy_path && bind_policy(s, policy_path)) {
		session_destroy(&s->source);
		return NULL;
	}
	/* The first arming: whoever started the target lets it run after this. */
	do {
		err = glassram_advance(s->session, 0, NULL);
	} while (err == GLASSRAM_ERR_INTERRUPTED);
	if (err) {
		message("%s", glassram_error_message());
		session_destroy(&s->source);
		return NULL;
	}
	if (session_update(&s->source) || start_thread(s)) {
		session_destroy(&s->source);
		return NULL;
	}
	return &s->source;
}
