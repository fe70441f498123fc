// SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0
/*
 * The recorder's loop: see record.h.
 *
 * Weak: what was written after the last round is lost with the process.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "record.h"

#define NS_PER_S 1000000000ULL
#define PAGE_SHIFT 12
/* Words of one write: a record of up to 2,047 ranges is one call. */
#define WORDS 4096
#define EPOCH_WORD 0x45

static volatile sig_atomic_t stop;

static void on_signal(int signal)
{
	(void)signal;
	stop = 1;
}

static int put(int file, const uint64_t *words, size_t nr)
{
	const char *at = (const char *)words;
	size_t left = nr * sizeof(*words);

	while (left) {
		ssize_t n = write(file, at, left);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += n;
		left -= n;
	}
	return 0;
}

int record_round(struct selfwatch *watch, int file)
{
	int error = selfwatch_round(watch);
	uint64_t words[WORDS];
	struct timespec now;
	size_t nr = 3;

	if (error)
		return error;
	clock_gettime(CLOCK_MONOTONIC, &now);
	words[0] = EPOCH_WORD;
	words[1] = now.tv_sec * NS_PER_S + now.tv_nsec;
	words[2] = watch->nr_written;
	for (size_t i = 0; i < watch->nr_written; i++) {
		const struct selfwatch_range *range = &watch->written[i];

		if (nr + 2 > WORDS) {
			error = put(file, words, nr);
			if (error)
				return error;
			nr = 0;
		}
		words[nr++] = range->start >> PAGE_SHIFT;
		words[nr++] = (range->end - range->start) >> PAGE_SHIFT;
	}
	return put(file, words, nr);
}

int record_until_end(struct selfwatch *watch, int file, unsigned int rate_hz)
{
	struct sigaction action = { .sa_handler = on_signal };
	uint64_t period = NS_PER_S / rate_hz, next;
	struct timespec at;
	int error = 0;

	sigaction(SIGTERM, &action, NULL);
	clock_gettime(CLOCK_MONOTONIC, &at);
	next = at.tv_sec * NS_PER_S + at.tv_nsec;
	while (!error && !stop) {
		struct timespec now;
		uint64_t late;

		next += period;
		at.tv_sec = next / NS_PER_S;
		at.tv_nsec = next % NS_PER_S;
		if (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL))
			continue;
		error = record_round(watch, file);
		/* after a long stop go on from here, not with a burst of rounds */
		clock_gettime(CLOCK_MONOTONIC, &now);
		late = now.tv_sec * NS_PER_S + now.tv_nsec;
		if (late > next + period)
			next = late;
	}
	return error == -ESRCH ? 0 : error;
}
