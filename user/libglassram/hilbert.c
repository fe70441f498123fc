// SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0
/*
 * The Hilbert curve, many points at once: by vectors as wide as the processor
 * has, and for runs of indices by a table.
 *
 * A run needs no arithmetic on each index. 256 aligned indices fill a square of
 * 16 x 16 points, and there are only four such squares: the curve as it is, with
 * x and y swapped, with both complemented, and both. So each point of a run is
 * the sum of a corner and an entry of one of four tables of 1 KiB.
 *
 * Weak: wider vectors than those of every x86-64 are known for x86 alone;
 * elsewhere the compiler makes what it can of vectors of four.
 */
#include <pthread.h>
#include <string.h>

#include <glassram/hilbert.h>

#include "internal.h"

#define SQUARE_ORDER 4
#define SQUARE_POINTS (1U << (2 * SQUARE_ORDER))
#define SQUARE_SIDE (1U << SQUARE_ORDER)

#define HILBERT_WIDTH 4
#define HILBERT_NAME(name) hilbert4_##name
#define HILBERT_TARGET
#include "hilbert_lanes.h"

#ifdef __x86_64__
#define HILBERT_WIDTH 8
#define HILBERT_NAME(name) hilbert8_##name
#define HILBERT_TARGET __attribute__((target("avx2")))
#include "hilbert_lanes.h"

#define HILBERT_WIDTH 16
#define HILBERT_NAME(name) hilbert16_##name
#define HILBERT_TARGET __attribute__((target("avx512f")))
#include "hilbert_lanes.h"
#endif

/* The widest first. */
const struct gr_hilbert_way gr_hilbert_ways[] = {
#ifdef __x86_64__
	{ "avx512", hilbert16_points_of, hilbert16_indices_of, hilbert16_square_at },
	{ "avx2", hilbert8_points_of, hilbert8_indices_of, hilbert8_square_at },
#endif
	{ "portable", hilbert4_points_of, hilbert4_indices_of, hilbert4_square_at },
	{ NULL, NULL, NULL, NULL },
};

/* The square of the curve's first 256 points, by GR_HILBERT_SWAPPED and _COMPLEMENTED. */
static uint32_t squares[4][SQUARE_POINTS];
static const struct gr_hilbert_way *best;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void prepare(void)
{
	for (uint32_t i = 0; i < SQUARE_POINTS; i++) {
		uint32_t point = hilbert_point(i, SQUARE_ORDER);
		uint32_t swapped = point >> 16 | point << 16;
		uint32_t far_corner = (SQUARE_SIDE - 1) | (SQUARE_SIDE - 1) << 16;

		squares[0][i] = point;
		squares[1][i] = swapped;
		squares[2][i] = far_corner - point;
		squares[3][i] = far_corner - swapped;
	}
	best = gr_hilbert_ways;
	while (!gr_hilbert_way_works(best))
		best++;
}

bool gr_hilbert_way_works(const struct gr_hilbert_way *way)
{
#ifdef __x86_64__
	/* These also ask whether the system keeps the registers. */
	__builtin_cpu_init();
	if (!strcmp(way->name, "avx512"))
		return __builtin_cpu_supports("avx512f");
	if (!strcmp(way->name, "avx2"))
		return __builtin_cpu_supports("avx2");
#endif
	return !strcmp(way->name, "portable");
}

/* How the square with the number @square lies: see shaders/hilbert.glsl for s and c. */
static const uint32_t *orientation(uint32_t square, uint32_t levels)
{
	uint32_t odd = square & 0x55555555, high = (square >> 1) & 0x55555555;
	int swapped = (levels + __builtin_parity(odd ^ high)) & 1;
	int complemented = __builtin_parity(odd & high);

	return squares[swapped + 2 * complemented];
}

void gr_hilbert_run(const struct gr_hilbert_way *way, unsigned int order, uint32_t first,
		    size_t count, uint32_t *to)
{
	pthread_once(&once, prepare);
	/* Less than one square in all. */
	if (order <= SQUARE_ORDER) {
		for (size_t i = 0; i < count; i++)
			to[i] = hilbert_point(first + (uint32_t)i, order);
		return;
	}
	while (count) {
		uint32_t square = first / SQUARE_POINTS, begin = first % SQUARE_POINTS;
		uint32_t levels = order - SQUARE_ORDER;
		uint32_t corner = hilbert_point(square, levels) << SQUARE_ORDER;
		const uint32_t *points = orientation(square, levels);
		size_t nr = SQUARE_POINTS - begin;

		if (nr > count)
			nr = count;
		if (nr == SQUARE_POINTS)
			way->square_at(points, corner, to);
		else
			for (size_t i = 0; i < nr; i++)
				to[i] = points[begin + i] + corner;
		/* Wraps to 0 behind the last index of order 16, and then nothing is left. */
		first += (uint32_t)nr;
		to += nr;
		count -= nr;
	}
}

static enum glassram_error check_order(unsigned int order)
{
	if (order >= 1 && order <= HILBERT_ORDER_MAX)
		return GLASSRAM_OK;
	return gr_fail(GLASSRAM_ERR_INVALID, "a Hilbert curve of order %u: take 1 to %d", order,
		       HILBERT_ORDER_MAX);
}

enum glassram_error glassram_hilbert_points(unsigned int order, uint32_t first, size_t count,
					    uint32_t *ret_points)
{
	enum glassram_error error = check_order(order);
	uint64_t all;

	if (error)
		return error;
	all = 1ULL << (2 * order);
	if (first > all || count > all - first)
		return gr_fail(GLASSRAM_ERR_INVALID,
			       "%zu points from index %u: a Hilbert curve of order %u has %llu",
			       count, first, order, (unsigned long long)all);
	pthread_once(&once, prepare);
	gr_hilbert_run(best, order, first, count, ret_points);
	return GLASSRAM_OK;
}

enum glassram_error glassram_hilbert_points_of(unsigned int order, const uint32_t *indices,
					       size_t count, uint32_t *ret_points)
{
	enum glassram_error error = check_order(order);

	if (error)
		return error;
	pthread_once(&once, prepare);
	best->points_of(order, indices, count, ret_points);
	return GLASSRAM_OK;
}

enum glassram_error glassram_hilbert_indices_of(unsigned int order, const uint32_t *points,
						size_t count, uint32_t *ret_indices)
{
	enum glassram_error error = check_order(order);

	if (error)
		return error;
	pthread_once(&once, prepare);
	best->indices_of(order, points, count, ret_indices);
	return GLASSRAM_OK;
}
