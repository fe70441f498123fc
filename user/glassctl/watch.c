// SPDX-License-Identifier: GPL-2.0
/*
 * Watch a target for some seconds: in a session of our own, or in the one that
 * another client has.
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

int watch_failed(void)
{
	fprintf(stderr, "glassctl: %s\n", glassram_error_message());
	return GLASSCTL_FAILED;
}

/* The one follower of this program; glassctl has one session at a time. */
static struct glassram_follow *follower;

static void on_missed(void *data, pid_t pid, enum glassram_error why, const char *message)
{
	(void)data;
	(void)why;
	fprintf(stderr, "glassctl: process %d is not followed: %s\n", pid, message);
}

struct glassram_session *watch_begin(const struct glassctl_options *options, bool *ret_joined)
{
	const struct glassram_attach_settings settings = {
		.size = sizeof(settings),
		.rate_hz = options->rate_hz,
		.shared = true,
	};
	struct glassram_session *session;
	struct glassram_stats stats;

	if (glassram_attach(options->pid, &settings, &session)) {
		watch_failed();
		return NULL;
	}
	stop_on_signals();
	if (glassram_stats(session, &stats)) {
		watch_failed();
		watch_end(session);
		return NULL;
	}
	*ret_joined = stats.clients > 1;
	if (*ret_joined)
		fprintf(stderr, "glassctl: process %d is watched by another client already: this is what that session shows, since it began (epoch %u)\n",
			options->pid, stats.epoch);
	return session;
}

bool watch_follow(struct glassram_session *session, const struct glassctl_options *options)
{
	const struct glassram_follow_settings settings = {
		.size = sizeof(settings),
		.missed = on_missed,
	};

	if (!options->follow || !glassram_follow_start(session, &settings, &follower))
		return true;
	watch_failed();
	return false;
}

bool watch_stopped(void)
{
	return stop;
}

double watch_clock(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

void watch_end(struct glassram_session *session)
{
	glassram_follow_stop(follower);
	follower = NULL;
	glassram_detach(session);
}

/* One tick, or where another client makes them, the wait for one. */
static enum glassram_error tick(struct glassram_session *session, double left)
{
	enum glassram_error error = glassram_advance(session, GLASSRAM_ADVANCE_PACED, NULL);
	struct glassram_stats stats;

	if (error == GLASSRAM_ERR_NOT_OWNER) {
		error = glassram_wait(session, left > 0 ? (int)(left * 1000) : 0, &stats);
		if (!error && stats.state == GLASSRAM_STATE_ENDED)
			error = GLASSRAM_ERR_ENDED;
	}
	return error == GLASSRAM_ERR_INTERRUPTED ? GLASSRAM_OK : error;
}

struct glassram_session *watch(const struct glassctl_options *options, bool *ret_joined)
{
	struct glassram_session *session = watch_begin(options, ret_joined);
	enum glassram_error error;
	double end;

	if (!session)
		return NULL;
	if (!watch_follow(session, options)) {
		watch_end(session);
		return NULL;
	}
	error = glassram_advance(session, 0, NULL);
	if (error == GLASSRAM_ERR_NOT_OWNER)
		error = GLASSRAM_OK;
	end = watch_clock() + options->seconds;
	while (!error && !stop && watch_clock() < end)
		error = tick(session, end - watch_clock());
	if (error == GLASSRAM_ERR_ENDED) {
		fprintf(stderr, "glassctl: process %d ended while it was watched: what follows is its last state\n",
			options->pid);
	} else if (error) {
		watch_failed();
		watch_end(session);
		return NULL;
	}
	return session;
}
