// SPDX-License-Identifier: GPL-2.0
/*
 * Watch a target for some seconds.
 *
 * Weak spot: the last tick may come up to one period after the time is over.
 */
#include <signal.h>
#include <stdio.h>
#include <time.h>

#include "watch.h"

static volatile sig_atomic_t stop;

static void on_signal(int signal)
{
	(void)signal;
	stop = 1;
}

/* No SA_RESTART: a sleeping ADVANCE has to return. */
static void stop_on_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

int watch_failed(void)
{
	fprintf(stderr, "glassctl: %s\n", glassram_error_message());
	return GLASSCTL_FAILED;
}

struct glassram_session *watch(const struct glassctl_options *options)
{
	struct glassram_attach_settings settings = {
		.size = sizeof(settings),
		.rate_hz = options->rate_hz,
	};
	struct glassram_session *session;
	enum glassram_error error;
	double end;

	if (glassram_attach(options->pid, &settings, &session)) {
		watch_failed();
		return NULL;
	}
	stop_on_signals();
	error = glassram_advance(session, 0, NULL);
	end = now() + options->seconds;
	while (!error && !stop && now() < end) {
		error = glassram_advance(session, GLASSRAM_ADVANCE_PACED, NULL);
		if (error == GLASSRAM_ERR_INTERRUPTED)
			error = GLASSRAM_OK;
	}
	if (error == GLASSRAM_ERR_ENDED) {
		fprintf(stderr, "glassctl: process %d ended while it was watched: what follows is its last state\n",
			options->pid);
	} else if (error) {
		watch_failed();
		glassram_detach(session);
		return NULL;
	}
	return session;
}
