// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the arming tick costs: ADVANCE against a bare PAGEMAP_SCAN with the same
 * categories. Two processes with the same arena: one is watched, the other
 * protects itself and is scanned from here. Interleaved; the smallest time of
 * all rounds counts.
 *
 * Weak spot: ADVANCE looks at the whole address space, the bare scan at the
 * arena only; the difference is part of what is judged, and the smaller the
 * arena, the more it weighs.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "bare.h"
#include "row.h"
#include "series.h"
#include "session.h"
#include "writer.h"

#define PAGES 65536UL
#define ROUNDS 12
/* A round with few dirty pages is short: do more of them. */
#define ROUNDS_FEW 48
/* Counted instructions are the same each time, and counting is slow. */
#define PAGES_COUNTED 16384UL
#define ROUNDS_COUNTED 4

struct side {
	struct writer writer;
	struct session session;
	int pagemap;
};

static uint64_t advance_ns(struct side *watched, uint64_t expected)
{
	struct glassram_advance arg = {
		.size = sizeof(arg),
		.work = (uintptr_t)watched->session.work,
		.work_len = SESSION_WORK,
	};
	uint64_t begin = now_ns();

	if (ioctl(watched->session.fd, GLASSRAM_ADVANCE, &arg))
		die("ADVANCE failed");
	begin = now_ns() - begin;
	if (arg.armed < expected)
		die("ADVANCE armed %lu pages of %lu", (unsigned long)arg.armed,
		    (unsigned long)expected);
	return begin;
}

static uint64_t scan_ns(struct side *bare)
{
	uint64_t start = bare->writer.arena, begin = now_ns();

	if (bare_scan(bare->pagemap, start, start + bare->writer.pages * PAGE) <= 0)
		die("the bare PAGEMAP_SCAN found nothing written");
	return now_ns() - begin;
}

static void put_ratio(const char *name, const struct series *a, const struct series *b,
		      double counted_bar, const char *method)
{
	struct series ratio = {.nr = 0};

	for (size_t i = 0; i < a->nr; i++)
		series_add(&ratio, a->value[i] / b->value[i]);
	row_put(&(struct row){
		.name = name,
		.measured = series_min(a) / series_min(b),
		.bar = NO_BAR,
		.counted_bar = counted_bar,
		.unit = "ratio",
		.low = series_min(&ratio),
		.high = series_max(&ratio),
		.samples = ratio.nr,
		.method = method,
	});
}

static void put_cost(const char *name, const struct series *s, const char *method)
{
	row_put(&(struct row){
		.name = name,
		.measured = series_min(s),
		.bar = NO_BAR,
		.counted_bar = NO_BAR,
		.unit = "ns per page",
		.low = series_min(s),
		.high = series_max(s),
		.samples = s->nr,
		.method = method,
	});
}

/* @stride: each how many'th page is written before each round */
static void compare(struct side *watched, struct side *bare, uint64_t stride, int rounds,
		    const char *suffix)
{
	struct series advance = {.nr = 0}, scan = {.nr = 0}, again = {.nr = 0};
	uint64_t pages = watched->writer.pages, written = (pages + stride - 1) / stride;
	char name[64];

	for (int i = 0; i < rounds; i++) {
		writer_do(&watched->writer, WRITER_WRITE, stride);
		series_add(&advance, (double)advance_ns(watched, written) / (double)pages);
		writer_do(&bare->writer, WRITER_WRITE, stride);
		series_add(&scan, (double)scan_ns(bare) / (double)pages);
		writer_do(&bare->writer, WRITER_WRITE, stride);
		series_add(&again, (double)scan_ns(bare) / (double)pages);
	}
	snprintf(name, sizeof(name), "scan-%s", suffix);
	put_cost(name, &scan, "a bare PAGEMAP_SCAN that arms what was written, per page of the arena");
	snprintf(name, sizeof(name), "null-scan-%s", suffix);
	put_ratio(name, &again, &scan, NO_BAR, "null comparison: the scan done twice a round");
	snprintf(name, sizeof(name), "rearm-%s", suffix);
	put_ratio(name, &advance, &scan, 1.2,
		  "ADVANCE to the bare scan; smallest time of all rounds of each");
}

int main(int argc, char **argv)
{
	struct side watched, bare;
	char path[64];
	uint64_t pages;
	bool counted;

	if (argc < 2 || (argc > 2 && strcmp(argv[2], "--counted")))
		die("usage: arming ROWS.jsonl [--counted]");
	counted = argc > 2;
	pages = counted ? PAGES_COUNTED : PAGES;
	rows_open(argv[1], counted);
	writer_start(&watched.writer, pages);
	writer_start(&bare.writer, pages);
	writer_do(&bare.writer, WRITER_PROTECT, 0);
	snprintf(path, sizeof(path), "/proc/%d/pagemap", (int)bare.writer.target.pid);
	bare.pagemap = open(path, O_RDONLY | O_CLOEXEC);
	if (bare.pagemap < 0 || session_open(&watched.session, watched.writer.target.pid))
		die("the processes cannot be watched");
	advance_ns(&watched, pages);
	scan_ns(&bare);

	compare(&watched, &bare, 1, counted ? ROUNDS_COUNTED : ROUNDS, "all-dirty");
	compare(&watched, &bare, 100, counted ? ROUNDS_COUNTED : ROUNDS_FEW, "1-percent-dirty");

	session_close(&watched.session);
	close(bare.pagemap);
	writer_finish(&watched.writer);
	writer_finish(&bare.writer);
	return rows_close();
}
