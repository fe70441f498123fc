// SPDX-License-Identifier: GPL-2.0-only
/*
 * The batch calls of the Hilbert curve against hilbert_point() and
 * hilbert_index(), one by one: every way that this processor has.
 *
 * Every point of orders 1 to 12; above, squares of 256 points spread over the
 * curve, with both ends. `lib_hilbert all` compares every point of all orders
 * instead, which takes many minutes under the sanitizers.
 */
#include <stdlib.h>
#include <string.h>

#include <glassram/hilbert.h>

#include "../../user/libglassram/internal.h"
#include "tap.h"

#define CHUNK 4096U
/* Every point up to here, unless "all" was asked for. */
#define ORDER_WHOLE 12
/* How many chunks of the orders above. */
#define SPREAD 512U

/* Longer than two squares, and nothing that a vector divides. */
#define LENGTH_MAX 600U
#define GUARD 0xdeadbeefU

static uint32_t points[CHUNK], out[CHUNK];

/* The points from @first on, one by one, for all ways to be compared with. */
static void expect(unsigned int order, uint32_t first, size_t count)
{
	for (size_t i = 0; i < count; i++)
		points[i] = hilbert_point(first + (uint32_t)i, order);
}

/* Return: false if @way differs anywhere in a chunk. */
static bool same_chunk(const struct gr_hilbert_way *way, unsigned int order, uint32_t first,
		       size_t count)
{
	uint32_t indices[CHUNK];

	memset(out, 0xff, sizeof(out));
	gr_hilbert_run(way, order, first, count, out);
	if (memcmp(out, points, count * sizeof(*out)))
		return false;
	for (size_t i = 0; i < count; i++)
		indices[i] = first + (uint32_t)i;
	memset(out, 0xff, sizeof(out));
	way->points_of(order, indices, count, out);
	if (memcmp(out, points, count * sizeof(*out)))
		return false;
	memset(out, 0xff, sizeof(out));
	way->indices_of(order, points, count, out);
	return !memcmp(out, indices, count * sizeof(*out));
}

static void test_points(unsigned int order, bool all)
{
	uint64_t nr = 1ULL << (2 * order);
	size_t count = nr < CHUNK ? (size_t)nr : CHUNK;
	uint64_t step = all || order <= ORDER_WHOLE ? count : nr / SPREAD;
	uint64_t compared = 0, wrong = 0;

	for (uint64_t first = 0; first < nr; first += step) {
		/* The last chunk ends with the curve. */
		uint32_t at = (uint32_t)(first + step < nr ? first : nr - count);

		expect(order, at, count);
		for (const struct gr_hilbert_way *way = gr_hilbert_ways; way->name; way++)
			if (gr_hilbert_way_works(way))
				wrong += !same_chunk(way, order, at, count);
		compared += count;
	}
	tap_check(!wrong, "order %u: %llu of %llu points and indices by each way", order,
		  (unsigned long long)compared, (unsigned long long)nr);
}

/* Every length and offset up to LENGTH_MAX, at every alignment, and not one number more. */
static void test_lengths(const struct gr_hilbert_way *way)
{
	static uint32_t room[LENGTH_MAX + 64];
	/* Somewhere in the middle, where all four squares come up. */
	const uint32_t base = 0x2a5b00 - 256;
	unsigned int wrong = 0, beyond = 0;

	for (uint32_t offset = 0; offset < 300; offset += offset < 40 ? 1 : 37) {
		expect(12, base + offset, LENGTH_MAX);
		for (size_t length = 0; length <= LENGTH_MAX; length++) {
			uint32_t *to = room + offset % 17;

			for (size_t i = 0; i < sizeof(room) / sizeof(*room); i++)
				room[i] = GUARD;
			gr_hilbert_run(way, 12, base + offset, length, to);
			wrong += memcmp(to, points, length * sizeof(*to)) != 0;
			way->indices_of(12, to, length, to);
			for (size_t i = 0; i < length; i++)
				wrong += to[i] != base + offset + i;
			way->points_of(12, to, length, to);
			wrong += memcmp(to, points, length * sizeof(*to)) != 0;
			beyond += to[length] != GUARD || (to > room && to[-1] != GUARD);
		}
	}
	tap_check(!wrong, "%s: all lengths to %u, in place too", way->name, LENGTH_MAX);
	tap_check(!beyond, "%s: nothing beside them is written", way->name);
}

/* A block of the exact size, so that the sanitizer sees a read or write outside. */
static void test_bounds(const struct gr_hilbert_way *way)
{
	for (size_t length = 1; length < 70; length++) {
		uint32_t *from = malloc(length * sizeof(*from));
		uint32_t *to = malloc(length * sizeof(*to));

		for (size_t i = 0; i < length; i++)
			from[i] = (uint32_t)i;
		way->points_of(8, from, length, to);
		way->indices_of(8, to, length, from);
		gr_hilbert_run(way, 8, 251, length, to);
		free(from);
		free(to);
	}
	tap_check(true, "%s: no access outside of the arrays", way->name);
}

static void test_stray_bits(const struct gr_hilbert_way *way)
{
	unsigned int wrong = 0;

	for (unsigned int order = 1; order <= HILBERT_ORDER_MAX; order++) {
		uint32_t side = (1U << order) - 1;
		uint32_t stray = 0xa53c9617, index = order < 16 ? stray % (1U << 2 * order) : stray;
		uint32_t point;

		way->points_of(order, &stray, 1, &point);
		wrong += point != hilbert_point(index, order);
		way->indices_of(order, &stray, 1, &point);
		wrong += point != hilbert_index(stray & side, stray >> 16 & side, order);
	}
	tap_check(!wrong, "%s: bits above the order are left out", way->name);
}

static void test_calls(void)
{
	uint32_t to[4] = { GUARD, GUARD, GUARD, GUARD }, index = 11;

	tap_check(!glassram_hilbert_points(2, 12, 4, to) && to[3] == hilbert_point(15, 2),
		  "the end of a curve");
	tap_check(!glassram_hilbert_points(16, UINT32_MAX, 1, to) &&
		  to[0] == hilbert_point(UINT32_MAX, 16), "the end of the longest");
	tap_check(!glassram_hilbert_points(3, 64, 0, to), "no points behind the end");
	tap_check(!glassram_hilbert_points_of(2, &index, 1, to) &&
		  to[0] == hilbert_point(11, 2) &&
		  !glassram_hilbert_indices_of(2, to, 1, to) && to[0] == 11, "there and back");
	to[0] = GUARD;
	tap_check(glassram_hilbert_points(2, 13, 4, to) == GLASSRAM_ERR_INVALID &&
		  strstr(glassram_error_message(), "has 16"), "refused: one too many");
	tap_check(glassram_hilbert_points(2, 17, 0, to) == GLASSRAM_ERR_INVALID,
		  "refused: from beyond the end");
	tap_check(glassram_hilbert_points(2, 1, SIZE_MAX, to) == GLASSRAM_ERR_INVALID,
		  "refused: a count that wraps");
	tap_check(glassram_hilbert_points(0, 0, 1, to) == GLASSRAM_ERR_INVALID &&
		  glassram_hilbert_points(17, 0, 1, to) == GLASSRAM_ERR_INVALID &&
		  glassram_hilbert_points_of(17, &index, 1, to) == GLASSRAM_ERR_INVALID &&
		  glassram_hilbert_indices_of(0, &index, 1, to) == GLASSRAM_ERR_INVALID &&
		  strstr(glassram_error_message(), "1 to 16"), "refused: orders 0 and 17");
	tap_check(to[0] == GUARD, "and nothing was written");
}

int main(int argc, char **argv)
{
	bool all = argc > 1 && !strcmp(argv[1], "all");

	test_calls();
	for (unsigned int order = 1; order <= HILBERT_ORDER_MAX; order++)
		test_points(order, all);
	for (const struct gr_hilbert_way *way = gr_hilbert_ways; way->name; way++) {
		if (!gr_hilbert_way_works(way)) {
			tap_skip(way->name, "this processor lacks it");
			continue;
		}
		test_lengths(way);
		test_bounds(way);
		test_stray_bits(way);
	}
	return tap_end();
}
