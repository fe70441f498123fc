// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a program loses to being watched, without the module and on this machine's
 * own kernel: all pages armed at 60 and at 10 Hz, and within a budget of 2 %.
 *
 * The program does units of work and takes the CPU time of each. Its watcher
 * changes every other second what it does, with a second of doing nothing in
 * between; each is compared with the nothing beside it. So a machine that others use, too,
 * spoils little, and one row compares nothing with nothing (null).
 *
 * Weak: what beginning to watch costs, once, is not in it. An interrupt that flushes
 * a TLB hits only a program that runs at that moment: on a crowded machine it looks
 * cheaper.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../user/preload/sampled.h"
#include "row.h"

#define NS_PER_S 1000000000ULL
#define TABLE_BYTES (24UL << 20)
/*
 * Before what is measured the program has time to find its place: without a watcher
 * to write what is armed, with one until that has found what it may spend. Pages that
 * stayed armed through a pause are all hit at once.
 */
#define SETTLE_OFF_NS (400 * 1000000ULL)
#define SETTLE_NS (1200 * 1000000ULL)
#define MEASURED_NS (800 * 1000000ULL)
#define CYCLES 5
#define BUDGET 0.02

enum mode { OFF, ALL_60, ALL_10, BUDGET_60, BUDGET_10, NOTHING, MODES };

static const struct {
	const char *name;
	unsigned int rate_hz;
	const char *method;
} modes[MODES] = {
	[ALL_60] = { "all-60", 60, "all pages armed at each tick, 60 Hz" },
	[ALL_10] = { "all-10", 10, "all pages armed at each tick, 10 Hz" },
	[BUDGET_60] = { "budget-60", 60, "armed within 2 % of the CPU time, 60 Hz" },
	[BUDGET_10] = { "budget-10", 10, "armed within 2 % of the CPU time, 10 Hz" },
	[NOTHING] = { "null", 60, "nothing compared with nothing" },
};

/* One block of time: what the program did in it. */
struct block {
	_Atomic uint64_t cpu_ns, units;
};

#define BLOCKS (CYCLES * 2 * (MODES - 1) + 1)

static struct shared {
	atomic_int block; /* that is measured now; -1: none */
	atomic_bool done;
	struct block blocks[BLOCKS];
	uint64_t hits[MODES], calls[MODES], ticks[MODES];
	uint32_t fault_ns, call_ns;
} *shared;

static char *table;
static uint64_t seed = 88172645463325252ULL;

static uint64_t random_next(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* A unit is about a millisecond of each. */

/* Like a dictionary: a store anywhere, some thinking in between. */
static void work_scattered(void)
{
	for (int i = 0; i < 3000; i++) {
		uint64_t at = random_next() % (TABLE_BYTES / 8), x = at;

		for (int k = 0; k < 60; k++)
			x = x * 6364136223846793005ULL + at;
		((volatile uint64_t *)table)[at] += x;
	}
}

/* Like STREAM: one long sweep, over and over. */
static void work_sweep(void)
{
	static uint64_t at;
	volatile uint64_t *words = (uint64_t *)table;

	for (int i = 0; i < 200000; i++) {
		words[at] += i;
		at = (at + 1) % (TABLE_BYTES / 8);
	}
}

/* Like most programs: few pages often, many rarely. */
static void work_skewed(void)
{
	for (int i = 0; i < 3000; i++) {
		double u = (random_next() >> 11) * 0x1p-53;
		uint64_t at = u * u * u * u * (TABLE_BYTES / 8), x = at;

		for (int k = 0; k < 60; k++)
			x = x * 6364136223846793005ULL + at;
		((volatile uint64_t *)table)[at] += x;
	}
}

static const struct work {
	const char *name;
	void (*unit)(void);
	bool huge;
} works[] = {
	{ "scattered", work_scattered, false },
	{ "sweep", work_sweep, false },
	{ "skewed", work_skewed, false },
	{ "skewed-thp", work_skewed, true },
};

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

static void sleep_until(uint64_t ns)
{
	const struct timespec at = { .tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
		;
}

static void do_work(const struct work *work)
{
	while (!atomic_load(&shared->done)) {
		int block = atomic_load(&shared->block);
		uint64_t begin = clock_ns(CLOCK_THREAD_CPUTIME_ID);

		work->unit();
		begin = clock_ns(CLOCK_THREAD_CPUTIME_ID) - begin;
		if (block < 0 || block != atomic_load(&shared->block))
			continue;
		atomic_fetch_add(&shared->blocks[block].cpu_ns, begin);
		atomic_fetch_add(&shared->blocks[block].units, 1);
	}
}

/* The mode of a block: nothing in every other one, and what is measured in turn between. */
static enum mode mode_of(int block)
{
	return block % 2 ? ALL_60 + block / 2 % (MODES - 1) : OFF;
}

static void tick(enum mode mode, struct selfwatch *watch, struct sampled *sampled)
{
	int error = 0;

	if (mode == ALL_60 || mode == ALL_10)
		error = selfwatch_round(watch);
	else if (mode == BUDGET_60 || mode == BUDGET_10)
		error = sampled_round(sampled);
	if (error)
		die("a round failed: %s", strerror(-error));
}

static void watch_it(struct selfwatch *watch, pid_t pid)
{
	struct sampled sampled[2];

	for (int i = 0; i < 2; i++)
		if (sampled_open(&sampled[i], watch, pid, BUDGET * GLASSRAM_SAMPLER_ONE))
			die("no memory");
	shared->fault_ns = sampled[0].fault_ns;
	shared->call_ns = sampled[0].call_ns;
	for (int block = 0; block < BLOCKS; block++) {
		enum mode mode = mode_of(block);
		struct sampled *own = &sampled[mode == BUDGET_10];
		uint64_t begin = clock_ns(CLOCK_MONOTONIC), next = begin;
		uint64_t settled = begin + (mode == OFF ? SETTLE_OFF_NS : SETTLE_NS);
		uint64_t hits = 0, calls = 0;

		sampled_resume(own);
		while (next < settled + MEASURED_NS) {
			next += NS_PER_S / (mode == OFF ? 60 : modes[mode].rate_hz);
			sleep_until(next);
			if (next >= settled && atomic_load(&shared->block) < 0) {
				hits = own->hits;
				calls = own->calls;
				atomic_store(&shared->block, block);
			}
			tick(mode, watch, own);
			shared->ticks[mode] += next >= settled;
		}
		atomic_store(&shared->block, -1);
		shared->hits[mode] += own->hits - hits;
		shared->calls[mode] += own->calls - calls;
	}
	atomic_store(&shared->done, true);
}

static double unit_ns(int block)
{
	const struct block *b = &shared->blocks[block];

	return b->units ? (double)b->cpu_ns / b->units : 0;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* What all programs lost within the budget, and what the watcher reckoned that they did. */
static double within[BLOCKS * 4], reckoned[16];
static size_t nr_within, nr_reckoned;

/* Hits and calls at their prices, the calls for the time that the program ran. */
static void reckon(enum mode mode, double share_of_cpu)
{
	double per_tick = NS_PER_S / modes[mode].rate_hz * share_of_cpu;

	if (!shared->ticks[mode] || per_tick <= 0)
		return;
	reckoned[nr_reckoned++] = 1 + ((double)shared->hits[mode] * shared->fault_ns +
				       (double)shared->calls[mode] * shared->call_ns *
				       share_of_cpu) / shared->ticks[mode] / per_tick;
}

static void report_budget(void)
{
	qsort(within, nr_within, sizeof(*within), by_value);
	qsort(reckoned, nr_reckoned, sizeof(*reckoned), by_value);
	row_put(&(struct row){
		.name = "price-budget",
		.measured = within[nr_within / 2],
		.bar = 1 + BUDGET,
		.counted_bar = NO_BAR,
		.unit = "ratio",
		.low = within[nr_within / 4],
		.high = within[nr_within - 1 - nr_within / 4],
		.samples = nr_within,
		.method = "CPU time of a unit of work, watched within 2 % to alone: all programs, both rates; median and quartiles",
	});
	row_put(&(struct row){
		.name = "price-budget-reckoned",
		.measured = reckoned[nr_reckoned / 2],
		.bar = 1 + BUDGET,
		.counted_bar = NO_BAR,
		.unit = "ratio",
		.low = reckoned[0],
		.high = reckoned[nr_reckoned - 1],
		.samples = nr_reckoned,
		.method = "the same by the watcher's own books: hits and calls at the prices that it tried out; median, all",
	});
}

static void report(const struct work *work)
{
	for (int mode = ALL_60; mode < MODES; mode++) {
		double ratio[CYCLES], ran = 0;
		size_t nr = 0;
		char name[64], method[256];

		for (int block = 1; block < BLOCKS - 1; block += 2) {
			double beside = (unit_ns(block - 1) + unit_ns(block + 1)) / 2;

			if (mode_of(block) == (enum mode)mode && beside > 0 && unit_ns(block) > 0) {
				ratio[nr++] = unit_ns(block) / beside;
				ran += shared->blocks[block].cpu_ns;
			}
		}
		if (!nr)
			die("%s got no CPU time: is the machine too busy?", work->name);
		if (mode == BUDGET_60 || mode == BUDGET_10) {
			for (size_t i = 0; i < nr; i++)
				within[nr_within++] = ratio[i];
			reckon(mode, ran / nr / MEASURED_NS);
		}
		qsort(ratio, nr, sizeof(*ratio), by_value);
		snprintf(name, sizeof(name), "price-%s-%s", work->name, modes[mode].name);
		snprintf(method, sizeof(method),
			 "CPU time of a unit of work, watched to alone, side by side; median, all; %s; %.0f hits and %.0f calls a tick; it had %.0f %% of a CPU",
			 modes[mode].method,
			 shared->ticks[mode] ? (double)shared->hits[mode] / shared->ticks[mode] : 0,
			 shared->ticks[mode] ? (double)shared->calls[mode] / shared->ticks[mode] : 0,
			 100 * ran / nr / MEASURED_NS);
		row_put(&(struct row){
			.name = name,
			.measured = ratio[nr / 2],
			.bar = NO_BAR,
			.counted_bar = NO_BAR,
			.unit = "ratio",
			.low = ratio[0],
			.high = ratio[nr - 1],
			.samples = nr,
			.method = method,
		});
	}
	printf("  a fault was taken to cost %u ns, an arming call %u ns\n", shared->fault_ns,
	       shared->call_ns);
}

static void measure(const struct work *work)
{
	struct selfwatch watch;
	const char *what;
	int status;
	pid_t pid, watcher;

	memset(shared, 0, sizeof(*shared));
	atomic_store(&shared->block, -1);
	pid = fork();
	if (pid) {
		if (waitpid(pid, &status, 0) != pid || status)
			die("%s could not be measured", work->name);
		report(work);
		return;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	table = aligned_alloc(2UL << 20, TABLE_BYTES);
	if (!table)
		die("no memory");
	madvise(table, TABLE_BYTES, work->huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	memset(table, 1, TABLE_BYTES);
	if (selfwatch_open(&watch, &what))
		die("this kernel gives no %s", what);
	pid = getpid();
	watcher = fork();
	if (!watcher) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		munmap(table, TABLE_BYTES);
		watch_it(&watch, pid);
		_exit(0);
	}
	selfwatch_close(&watch);
	do_work(work);
	if (waitpid(watcher, &status, 0) != watcher || status)
		_exit(1);
	_exit(0);
}

int main(int argc, char **argv)
{
	if (argc < 2)
		die("usage: price_steady ROWS [NAME]");
	rows_open(argv[1], false);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	if (shared == MAP_FAILED)
		die("no memory");
	for (size_t i = 0; i < sizeof(works) / sizeof(works[0]); i++)
		if (argc < 3 || !strcmp(argv[2], works[i].name))
			measure(&works[i]);
	report_budget();
	return rows_close();
}
