// SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0
/*
 * Trials of what arming costs: see calibrate.h.
 *
 * The price of a call is seen from the other side: a busy thread reads the clock
 * as fast as it can, and a gap that a call falls into is what that call took from
 * it. The median of the gaps is taken.
 *
 * Weak: where the two never run at the same time (one CPU, or a machine that is
 * very busy) no gap is seen, and the figure is a guess.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "calibrate.h"
#include "selfwatch.h"

#define PAGE 4096UL
#define TRIAL_PAGES 1024UL
#define TRIAL_ROUNDS 5
#define FAULT_NS_MIN 100
#define FAULT_NS_GUESS 1000
#define CALLS 300
/* Time between two calls: much more than one takes. */
#define CALL_GAP_NS 40000
#define CALL_NS_MIN 200
/*
 * As in a virtual machine that must be left for each interrupt: too high arms less,
 * too low would cost the program what it was not to pay. Real machines take 1 us.
 */
#define CALL_NS_GUESS 10000
/* A longer gap is somebody else's turn on that CPU. */
#define CALL_NS_MAX 50000
#define GAPS_MIN 20
#define STACK 65536UL

struct trial {
	char *area;
	atomic_uint calls;
	atomic_bool done;
	unsigned int nr_gaps;
	uint32_t gap[CALLS];
};

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

/* The least of some trials: everything that disturbs makes it dearer. */
static uint32_t try_fault(struct selfwatch *watch, volatile char *area)
{
	uint64_t best = UINT32_MAX;

	for (int i = 0; i < TRIAL_ROUNDS; i++) {
		uint64_t ns;

		if (selfwatch_round(watch))
			return FAULT_NS_GUESS;
		ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
		for (size_t at = 0; at < TRIAL_PAGES * PAGE; at += PAGE)
			area[at] = 2;
		ns = (clock_ns(CLOCK_THREAD_CPUTIME_ID) - ns) / TRIAL_PAGES;
		if (ns < best)
			best = ns;
	}
	return best < FAULT_NS_MIN ? FAULT_NS_MIN : best;
}

/*
 * Runs as a process that shares our memory and nothing else, on a bare stack: no
 * thread of libc, which may be in any state here.
 */
static int be_busy(void *data)
{
	struct trial *trial = data;
	unsigned int calls = atomic_load(&trial->calls);
	uint64_t last = clock_ns(CLOCK_MONOTONIC);

	while (!atomic_load(&trial->done)) {
		uint64_t now = clock_ns(CLOCK_MONOTONIC), gap = now - last;
		unsigned int made;

		last = now;
		if (gap < CALL_NS_MIN)
			continue;
		made = atomic_load(&trial->calls);
		if (made != calls && gap < CALL_NS_MAX && trial->nr_gaps < CALLS)
			trial->gap[trial->nr_gaps++] = gap;
		calls = made;
	}
	return 0;
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static uint32_t try_calls(struct selfwatch *watch, char *area)
{
	struct trial *trial = mmap(NULL, sizeof(*trial) + STACK, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint32_t result = CALL_NS_GUESS;
	pid_t busy;

	if (trial == MAP_FAILED)
		return result;
	busy = clone(be_busy, (char *)trial + sizeof(*trial) / PAGE * PAGE + STACK, CLONE_VM, trial);
	for (int i = 0; busy > 0 && i < CALLS; i++) {
		uint64_t next = clock_ns(CLOCK_MONOTONIC) + CALL_GAP_NS;
		uint64_t at = (uintptr_t)area + i % TRIAL_PAGES * PAGE;

		while (clock_ns(CLOCK_MONOTONIC) < next)
			;
		/* it must have been written: what is armed already needs no flush */
		*(volatile char *)at = 3;
		atomic_fetch_add(&trial->calls, 1);
		selfwatch_arm(watch, at, at + PAGE);
	}
	atomic_store(&trial->done, true);
	while (busy > 0 && waitpid(busy, NULL, __WCLONE) < 0 && errno == EINTR)
		;
	if (trial->nr_gaps >= GAPS_MIN) {
		qsort(trial->gap, trial->nr_gaps, sizeof(*trial->gap), by_value);
		result = trial->gap[trial->nr_gaps / 2];
	}
	munmap(trial, sizeof(*trial) + STACK);
	return result;
}

void calibrate(uint32_t *ret_fault_ns, uint32_t *ret_call_ns)
{
	struct selfwatch watch;
	const char *what;
	char *area;

	*ret_fault_ns = FAULT_NS_GUESS;
	*ret_call_ns = CALL_NS_GUESS;
	if (selfwatch_open(&watch, &what))
		return;
	area = mmap(NULL, TRIAL_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		    -1, 0);
	if (area != MAP_FAILED) {
		madvise(area, TRIAL_PAGES * PAGE, MADV_NOHUGEPAGE);
		for (size_t at = 0; at < TRIAL_PAGES * PAGE; at += PAGE)
			area[at] = 1;
		*ret_fault_ns = try_fault(&watch, area);
		*ret_call_ns = try_calls(&watch, area);
		munmap(area, TRIAL_PAGES * PAGE);
	}
	selfwatch_close(&watch);
}
