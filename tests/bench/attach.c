// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long it takes to start watching a process with 1,000 mappings, to read
 * its region table, and to stop: idle, and while four threads write.
 *
 * Weak spot: times of single system calls, so a busy host shows in the spread.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "row.h"
#include "series.h"
#include "session.h"
#include "writer.h"

#define MAPPINGS 1000
#define MAPPING_PAGES 4
/* From one mapping to the next: the gap keeps them apart. */
#define MAPPING_STEP (16 * PAGE)
#define ROUNDS 12
#define BUSY_THREADS 4
#define BUSY_PAGES 4096UL

static int many_mappings(struct target *t)
{
	char *base = mmap(NULL, MAPPINGS * MAPPING_STEP, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (base == MAP_FAILED || munmap(base, MAPPINGS * MAPPING_STEP))
		return 1;
	for (int i = 0; i < MAPPINGS; i++)
		if (mmap(base + i * MAPPING_STEP, MAPPING_PAGES * PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE | MAP_FIXED_NOREPLACE, -1,
			 0) == MAP_FAILED)
			return 2;
	target_pause(t);
	return 0;
}

static int no_mappings(struct target *t)
{
	target_pause(t);
	return 0;
}

static void put(const char *name, const struct series *s, double bar, const char *method)
{
	row_put(&(struct row){
		.name = name,
		.measured = series_min(s),
		.bar = bar,
		.counted_bar = NO_BAR,
		.unit = "ms",
		.low = series_min(s),
		.high = series_max(s),
		.samples = s->nr,
		.method = method,
	});
}

static double ms_since(uint64_t begin)
{
	return (double)(now_ns() - begin) / 1e6;
}

static void measure_attach(void)
{
	struct series first = {.nr = 0}, attach = {.nr = 0}, arm = {.nr = 0}, table = {.nr = 0};
	struct glassram_region *regions;
	struct session session;
	struct target target;
	uint64_t begin;

	if (target_start(&target, many_mappings))
		die("cannot make a process with %d mappings", MAPPINGS);
	for (int i = 0; i < ROUNDS + 1; i++) {
		begin = now_ns();
		if (session_open(&session, target.pid))
			die("the process cannot be watched");
		/* The first session registers the ftrace hook, the others find it. */
		series_add(i ? &attach : &first, ms_since(begin));
		if (session_advance(&session, 0))
			die("ADVANCE failed");
		if (i)
			series_add(&arm, ms_since(begin));
		begin = now_ns();
		if (session_regions(&session, &regions, NULL) < MAPPINGS)
			die("fewer than %d regions", MAPPINGS);
		series_add(&table, ms_since(begin));
		free(regions);
		session_close(&session);
	}
	target_kill(&target);
	put("attach-1000-first-session", &first, NO_BAR,
	    "as attach-1000, but this session registers the ftrace hook");
	put("attach-1000", &attach, 40,
	    "1,000 mappings: open the files of the process, ATTACH, import the counters; minimum");
	put("attach-1000-armed", &arm, 40, "the same, and the first ADVANCE, which arms every page");
	put("regions-1000", &table, 10, "REGIONS of 1,000 mappings with names, both calls; minimum");
}

static void measure_small(void)
{
	struct series attach = {.nr = 0};
	struct session session;
	struct target target;

	if (target_start(&target, no_mappings))
		die("cannot make a small process");
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t begin = now_ns();

		if (session_open(&session, target.pid))
			die("the small process cannot be watched");
		series_add(&attach, ms_since(begin));
		session_close(&session);
	}
	target_kill(&target);
	put("attach-small", &attach, NO_BAR, "the same with a small process: what attaching costs at least");
}

static void measure_close(const char *name, uint64_t threads, const char *method)
{
	struct series close_ms = {.nr = 0};
	struct session session;
	struct writer writer;

	writer_start(&writer, BUSY_PAGES);
	writer_do(&writer, WRITER_BUSY, threads);
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t begin;

		if (session_open(&session, writer.target.pid))
			die("the process cannot be watched");
		for (int k = 0; k < 3; k++) {
			if (session_advance(&session, 0))
				die("ADVANCE failed");
			usleep(20000);
		}
		begin = now_ns();
		close(session.fd);
		/* The control page keeps the session, until it is unmapped. */
		munmap((void *)session.control, PAGE);
		series_add(&close_ms, ms_since(begin));
		session.fd = -1;
		session.control = NULL;
		session_close(&session);
	}
	writer_finish(&writer);
	put(name, &close_ms, NO_BAR, method);
}

int main(int argc, char **argv)
{
	if (argc < 2 || (argc > 2 && strcmp(argv[2], "--counted")))
		die("usage: attach ROWS.jsonl [--counted]");
	rows_open(argv[1], argc > 2);
	measure_attach();
	measure_small();
	measure_close("close-idle", 0, "close of a session whose target sleeps, everything undone when it returns; minimum");
	measure_close("close-busy", BUSY_THREADS, "the same while four threads of the target write");
	return rows_close();
}
