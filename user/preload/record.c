// SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0
/*
 * The recorder's loop: see record.h.
 *
 * Weak: what was written after the last round is lost with the process.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
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

static int put_record(struct recorder *recorder, const struct selfwatch_list *list)
{
	uint64_t words[WORDS];
	struct timespec now;
	size_t nr = 3;
	int error;

	clock_gettime(CLOCK_MONOTONIC, &now);
	words[0] = EPOCH_WORD;
	words[1] = now.tv_sec * NS_PER_S + now.tv_nsec;
	words[2] = list->nr;
	for (size_t i = 0; i < list->nr; i++) {
		const struct selfwatch_range *range = &list->range[i];
		uint64_t pages = (range->end - range->start) >> PAGE_SHIFT;

		if (nr + 2 > WORDS) {
			error = put(recorder->file, words, nr);
			if (error)
				return error;
			nr = 0;
		}
		words[nr++] = range->start >> PAGE_SHIFT;
		words[nr++] = pages;
		recorder->pages += pages;
	}
	return put(recorder->file, words, nr);
}

static int one_round(struct recorder *recorder)
{
	struct selfwatch *watch = recorder->watch;
	int error = recorder->share ? sampled_round(&recorder->sampled) : selfwatch_round(watch);

	if (error)
		return error;
	recorder->rounds++;
	recorder->scan_ns += watch->scan_ns;
	return put_record(recorder, recorder->share ? &recorder->sampled.seen : &watch->written);
}

int recorder_begin(struct recorder *recorder)
{
	int error;

	if (recorder->share) {
		error = sampled_open(&recorder->sampled, recorder->watch, recorder->pid,
				     recorder->share);
		if (error)
			return error;
	}
	return one_round(recorder);
}

int recorder_run(struct recorder *recorder)
{
	struct sigaction action = { .sa_handler = on_signal };
	uint64_t period = NS_PER_S / recorder->rate_hz, next;
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
		error = one_round(recorder);
		/* after a long stop go on from here, not with a burst of rounds */
		clock_gettime(CLOCK_MONOTONIC, &now);
		late = now.tv_sec * NS_PER_S + now.tv_nsec;
		if (late > next + period)
			next = late;
	}
	return error == -ESRCH ? 0 : error;
}

void recorder_figures(const struct recorder *recorder, int file)
{
	const struct sampled *sampled = &recorder->sampled;
	struct timespec cpu;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
	dprintf(file,
		"{\"rounds\": %" PRIu64 ", \"pages\": %" PRIu64 ", \"registered\": %" PRIu64
		", \"scan_ns\": %" PRIu64 ", \"recorder_cpu_ns\": %" PRIu64
		", \"hits\": %" PRIu64 ", \"armed\": %" PRIu64 ", \"calls\": %" PRIu64
		", \"fault_ns\": %" PRIu32 ", \"call_ns\": %" PRIu32 ", \"program_cpu_ns\": %" PRIu64 "}\n",
		recorder->rounds, recorder->pages, recorder->watch->registered,
		recorder->scan_ns, (uint64_t)(cpu.tv_sec * NS_PER_S + cpu.tv_nsec), sampled->hits,
		sampled->armed, sampled->calls, sampled->fault_ns, sampled->call_ns,
		sampled->cpu_ns);
}
