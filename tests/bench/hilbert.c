// SPDX-License-Identifier: GPL-2.0-only
/*
 * The Hilbert curve on one core: all points of order 12, by the batch calls of
 * libglassram, beside a memcpy of the same output. Runs natively: an emulated
 * processor has no vectors to speak of.
 *
 * What is timed is checked first, every point. Rounds are interleaved and the
 * smallest CPU time counts. Weak spot: a busy neighbour on the same memory
 * controller still shows in the rows of 64 MiB.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <glassram/hilbert.h>

#include "../../user/libglassram/internal.h"
#include "row.h"
#include "series.h"

#define ORDER 12
#define POINTS (1U << (2 * ORDER))
/* 256 KiB of points, as a program that uses them at once would ask. */
#define BATCH (1U << 16)
#define ROUNDS 12
/* 500 million points a second. */
#define BAR_NS 2

static uint32_t *indices; /* every index of the curve once, in no order */
static uint32_t *mixed; /* their points */
static uint32_t *out, *from;

static void run(void)
{
	if (glassram_hilbert_points(ORDER, 0, POINTS, out))
		die("%s", glassram_error_message());
}

static void run_in_batches(void)
{
	for (uint32_t i = 0; i < POINTS; i += BATCH)
		if (glassram_hilbert_points(ORDER, i, BATCH, out))
			die("%s", glassram_error_message());
}

static void points_of(void)
{
	if (glassram_hilbert_points_of(ORDER, indices, POINTS, out))
		die("%s", glassram_error_message());
}

static void indices_of(void)
{
	if (glassram_hilbert_indices_of(ORDER, mixed, POINTS, out))
		die("%s", glassram_error_message());
}

static void copy(void)
{
	memcpy(out, from, POINTS * sizeof(*out));
}

static void copy_in_batches(void)
{
	for (uint32_t i = 0; i < POINTS; i += BATCH) {
		memcpy(out, from, BATCH * sizeof(*out));
		/* Else the compiler would copy once. */
		__asm__ volatile("" ::: "memory");
	}
}

static const struct way {
	const char *name;
	void (*run)(void);
	double bar;
	const char *method;
} ways[] = {
	{ "hilbert-run", run, BAR_NS,
	  "all points of order 12 by one call of glassram_hilbert_points(), native, CPU time, minimum" },
	{ "hilbert-run-batches", run_in_batches, BAR_NS,
	  "the same in batches of 65,536 points into one buffer" },
	{ "hilbert-points", points_of, BAR_NS,
	  "the points of all indices of order 12 in no order, glassram_hilbert_points_of()" },
	{ "hilbert-indices", indices_of, BAR_NS,
	  "the indices of those points, glassram_hilbert_indices_of()" },
	{ "hilbert-memcpy", copy, NO_BAR, "memcpy() of 64 MiB, the same output" },
	{ "hilbert-memcpy-batches", copy_in_batches, NO_BAR,
	  "memcpy() of 256 KiB again and again, the same output" },
};
#define NR_WAYS (sizeof(ways) / sizeof(*ways))

static double cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec * 1e9 + now.tv_nsec;
}

static uint32_t *buffer(void)
{
	uint32_t *points = aligned_alloc(4096, POINTS * sizeof(*points));

	if (!points)
		die("no memory: 256 MiB are needed");
	memset(points, 0, POINTS * sizeof(*points));
	return points;
}

static void check(void)
{
	run();
	for (uint32_t i = 0; i < POINTS; i++)
		if (out[i] != hilbert_point(i, ORDER))
			die("the run has a wrong point at index %u", i);
	points_of();
	for (uint32_t i = 0; i < POINTS; i++) {
		mixed[i] = hilbert_point(indices[i], ORDER);
		if (out[i] != mixed[i])
			die("the point of index %u is wrong", indices[i]);
	}
	indices_of();
	if (memcmp(out, indices, POINTS * sizeof(*out)))
		die("the points do not give their indices back");
}

static void put_ratio(const char *name, const struct series *a, const struct series *b,
		      const char *method)
{
	double ratio = series_min(a) / series_min(b);

	row_put(&(struct row){ .name = name, .measured = ratio, .bar = NO_BAR, .unit = "times",
			       .low = series_min(a) / series_max(b),
			       .high = series_max(a) / series_min(b), .samples = a->nr,
			       .method = method });
}

/* What narrower vectors give, for readers with another processor. */
static void put_way(const struct gr_hilbert_way *way)
{
	struct series points = { 0 }, back = { 0 };
	char name[64];

	for (int round = 0; round < ROUNDS; round++) {
		double began = cpu_ns();

		way->points_of(ORDER, indices, POINTS, out);
		series_add(&points, (cpu_ns() - began) / POINTS);
		began = cpu_ns();
		way->indices_of(ORDER, mixed, POINTS, out);
		series_add(&back, (cpu_ns() - began) / POINTS);
	}
	snprintf(name, sizeof(name), "hilbert-points-%s", way->name);
	row_put(&(struct row){ .name = name, .measured = series_min(&points), .bar = NO_BAR,
			       .unit = "ns per point", .low = series_min(&points),
			       .high = series_max(&points), .samples = points.nr,
			       .method = "hilbert-points by vectors of this kind" });
	snprintf(name, sizeof(name), "hilbert-indices-%s", way->name);
	row_put(&(struct row){ .name = name, .measured = series_min(&back), .bar = NO_BAR,
			       .unit = "ns per point", .low = series_min(&back),
			       .high = series_max(&back), .samples = back.nr,
			       .method = "hilbert-indices by vectors of this kind" });
}

int main(int argc, char **argv)
{
	struct series ns[NR_WAYS] = { 0 };

	if (argc != 2)
		die("usage: hilbert ROWS.jsonl");
	rows_open(argv[1], false);
	indices = buffer();
	mixed = buffer();
	out = buffer();
	from = buffer();
	/* An odd factor only changes the order of the numbers below 2^24. */
	for (uint32_t i = 0; i < POINTS; i++)
		indices[i] = (i * 2654435761U) % POINTS;
	check();
	for (int round = 0; round < ROUNDS; round++) {
		for (size_t i = 0; i < NR_WAYS; i++) {
			double began = cpu_ns();

			ways[i].run();
			series_add(&ns[i], (cpu_ns() - began) / POINTS);
		}
	}
	for (size_t i = 0; i < NR_WAYS; i++)
		row_put(&(struct row){ .name = ways[i].name, .measured = series_min(&ns[i]),
				       .bar = ways[i].bar, .unit = "ns per point",
				       .low = series_min(&ns[i]), .high = series_max(&ns[i]),
				       .samples = ns[i].nr, .method = ways[i].method });
	put_ratio("hilbert-run-to-memcpy", &ns[0], &ns[4], "minimum to minimum, 64 MiB");
	put_ratio("hilbert-run-to-memcpy-batches", &ns[1], &ns[5],
		  "minimum to minimum, 256 KiB at a time");
	for (const struct gr_hilbert_way *way = gr_hilbert_ways; way->name; way++)
		if (gr_hilbert_way_works(way))
			put_way(way);
	return rows_close();
}
