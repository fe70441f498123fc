// SPDX-License-Identifier: GPL-2.0-only
/*
 * What watching costs the one who is watched, without the module and on this
 * machine's own kernel: a write to an armed page, a scan, an arming call, and
 * above all what a call costs a thread that is busy on another CPU, whose TLB has
 * to be flushed. The budget of sampled arming is reckoned with these figures.
 *
 * A busy thread times slices of fixed work while another arms; each slice knows
 * how many calls fell into it. Slices without a call are the yardstick, in the same
 * moment of the same run, so a shared machine does not spoil it.
 *
 * Weak: in a virtual machine an interrupt to another CPU may be far dearer than
 * on a real one, and the figures are of that.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "bare.h"
#include "row.h"

#define PAGE 4096UL
#define ARENA_PAGES 2048UL
#define ROUNDS 25
/* Work of a slice: some 60 us, a hundredth of what a thread runs at a time. */
#define SWEPT_PAGES 64UL
#define SLICES 6000
/* Between two calls, so that a slice sees some of them and some see none. */
#define CALL_GAP_NS 60000

static int pagemap, uffd;
static char *arena, *idle;

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void put(const char *name, double *values, size_t nr, const char *unit, const char *method)
{
	qsort(values, nr, sizeof(*values), by_value);
	row_put(&(struct row){
		.name = name,
		.measured = nr ? values[nr / 2] : 0,
		.bar = NO_BAR,
		.counted_bar = NO_BAR,
		.unit = unit,
		.low = nr ? values[nr / 4] : 0,
		.high = nr ? values[nr - 1 - nr / 4] : 0,
		.samples = nr,
		.method = method,
	});
}

static void sweep(char *area, size_t pages)
{
	for (size_t i = 0; i < pages; i++)
		*(volatile char *)(area + i * PAGE) += 1;
}

static void on_cpu(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("cannot run on CPU %d", cpu);
}

static void scan(char *area, size_t pages)
{
	if (bare_scan(pagemap, (uintptr_t)area, (uintptr_t)area + pages * PAGE) < 0)
		die("PAGEMAP_SCAN failed");
}

static void measure_alone(void)
{
	static const size_t runs[] = { 1, 8, 16, 64 };
	double fault[ROUNDS], dirty[ROUNDS], clean[ROUNDS], call[ROUNDS];
	char name[64];

	for (int i = 0; i < ROUNDS; i++) {
		uint64_t begin, plain;

		sweep(arena, ARENA_PAGES);
		begin = now_ns();
		sweep(arena, ARENA_PAGES);
		plain = now_ns() - begin;
		begin = now_ns();
		scan(arena, ARENA_PAGES);
		dirty[i] = (double)(now_ns() - begin) / ARENA_PAGES;
		begin = now_ns();
		scan(arena, ARENA_PAGES);
		clean[i] = (double)(now_ns() - begin) / ARENA_PAGES;
		begin = now_ns();
		sweep(arena, ARENA_PAGES);
		fault[i] = (double)(now_ns() - begin - plain) / ARENA_PAGES;
	}
	put("price-fault", fault, ROUNDS, "ns",
	    "write to an armed page, a plain write taken off; median and quartiles");
	put("price-scan-dirty", dirty, ROUNDS, "ns per page",
	    "PAGEMAP_SCAN that arms, all pages written; paid by the watcher");
	put("price-scan-clean", clean, ROUNDS, "ns per page", "the same, no page written");
	for (size_t r = 0; r < sizeof(runs) / sizeof(runs[0]); r++) {
		size_t calls = ARENA_PAGES / runs[r];

		for (int i = 0; i < ROUNDS; i++) {
			uint64_t begin;

			sweep(arena, ARENA_PAGES);
			begin = now_ns();
			for (size_t c = 0; c < calls; c++)
				bare_writeprotect(uffd, (uintptr_t)arena + c * runs[r] * PAGE,
						  runs[r] * PAGE, 1);
			call[i] = (double)(now_ns() - begin) / calls;
		}
		snprintf(name, sizeof(name), "price-call-%zu", runs[r]);
		put(name, call, ROUNDS, "ns",
		    "UFFDIO_WRITEPROTECT of that many written pages, nobody else running in the process; paid by the watcher");
	}
}

static atomic_ulong calls_made;
static atomic_bool slices_done;
static double slice_ns[SLICES], slice_calls[SLICES];

/* What the busy thread does in a slice: stores to the pages it owns, and some arithmetic. */
static void slice(void)
{
	static volatile uint64_t sink;
	uint64_t x = sink;

	for (int i = 0; i < 8; i++) {
		sweep(arena, SWEPT_PAGES);
		for (int k = 0; k < 4000; k++)
			x = x * 6364136223846793005ULL + 1442695040888963407ULL;
	}
	sink = x;
}

static void *be_busy(void *unused)
{
	(void)unused;
	on_cpu(1);
	for (int i = 0; i < SLICES; i++) {
		unsigned long before = atomic_load(&calls_made);
		uint64_t begin = now_ns();

		slice();
		slice_ns[i] = now_ns() - begin;
		slice_calls[i] = atomic_load(&calls_made) - before;
	}
	atomic_store(&slices_done, true);
	return NULL;
}

/* Arm runs of @pages, of what the busy thread writes or of what it never does. */
static void measure_beside(size_t pages, bool swept)
{
	static double none[SLICES], lost[SLICES];
	char *area = swept ? arena : idle;
	size_t nr_none = 0, nr_lost = 0, at = 0;
	pthread_t thread;
	char name[64];

	sweep(arena, SWEPT_PAGES);
	sweep(idle, SWEPT_PAGES);
	atomic_store(&calls_made, 0);
	atomic_store(&slices_done, false);
	if (pthread_create(&thread, NULL, be_busy, NULL))
		die("no thread");
	while (!atomic_load(&slices_done)) {
		uint64_t next = now_ns() + CALL_GAP_NS + rand() % CALL_GAP_NS;

		while (now_ns() < next)
			;
		if (!swept)
			sweep(area + at * PAGE, pages);
		bare_writeprotect(uffd, (uintptr_t)area + at * PAGE, pages * PAGE, 1);
		atomic_fetch_add(&calls_made, 1);
		at = (at + pages) % SWEPT_PAGES;
	}
	pthread_join(thread, NULL);
	for (int i = 0; i < SLICES; i++)
		if (!slice_calls[i])
			none[nr_none++] = slice_ns[i];
	qsort(none, nr_none, sizeof(*none), by_value);
	/* a call's price may fall into the slice after it: two together */
	for (int i = 1; i < SLICES; i++)
		if (nr_none && slice_calls[i - 1] == 1 && !slice_calls[i] &&
		    (i < 2 || !slice_calls[i - 2]))
			lost[nr_lost++] = slice_ns[i - 1] + slice_ns[i] - 2 * none[nr_none / 2];
	snprintf(name, sizeof(name), swept ? "price-run-%zu" : "price-flush-%zu", pages);
	put(name, lost, nr_lost, "ns per call",
	    swept ? "what a busy thread loses when that many of its pages are armed by one call and written again" :
		    "what a busy thread loses when that many pages that it never writes are armed by one call");
}

int main(int argc, char **argv)
{
	static const size_t runs[] = { 1, 8, 16, 64 };
	size_t bytes = ARENA_PAGES * PAGE;

	if (argc != 2)
		die("usage: price ROWS");
	rows_open(argv[1], false);
	arena = mmap(NULL, 2 * bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (arena == MAP_FAILED || madvise(arena, 2 * bytes, MADV_NOHUGEPAGE))
		die("no memory");
	idle = arena + bytes;
	sweep(arena, 2 * ARENA_PAGES);
	pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uffd = bare_open((uintptr_t)arena, 2 * bytes, 0);
	if (pagemap < 0 || uffd < 0)
		die("this kernel has no asynchronous write-protection: 6.7 and later do");
	measure_alone();
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		die("one CPU alone: what arming costs a busy one cannot be measured");
	on_cpu(0);
	for (size_t r = 0; r < sizeof(runs) / sizeof(runs[0]); r++)
		measure_beside(runs[r], false);
	for (size_t r = 0; r < sizeof(runs) / sizeof(runs[0]); r++)
		measure_beside(runs[r], true);
	return rows_close();
}
