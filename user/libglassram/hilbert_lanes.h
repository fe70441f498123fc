/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * The Hilbert curve, HILBERT_WIDTH points at once: hilbert.c includes this file
 * once for each kind of processor. The transformations themselves are the text of
 * shaders/hilbert.glsl, compiled for vectors of GNU C.
 *
 * Expects HILBERT_WIDTH, HILBERT_NAME(name), which makes a name unique, and
 * HILBERT_TARGET, the attribute that lets the compiler use that processor. It
 * takes all three away again. So it has no include guard.
 */

/* Loaded and stored at any multiple of 4 bytes. */
typedef uint32_t HILBERT_NAME(lanes)
	__attribute__((vector_size(4 * HILBERT_WIDTH), aligned(4), may_alias));

#define HILBERT_LANES HILBERT_NAME(lanes)
#define HILBERT_FUNCTION HILBERT_TARGET __attribute__((always_inline)) static inline
#define hilbert_spread HILBERT_NAME(spread)
#define hilbert_gather HILBERT_NAME(gather)
#define hilbert_xor_above HILBERT_NAME(xor_above)
#define hilbert_index HILBERT_NAME(index)
#define hilbert_point HILBERT_NAME(point)
#include "../../shaders/hilbert.glsl"

HILBERT_FUNCTION HILBERT_LANES HILBERT_NAME(index_of)(HILBERT_LANES points, uint order)
{
	uint side = (1U << order) - 1;

	return hilbert_index(points & side, (points >> 16) & side, order);
}

/* One of the two functions above on each number of an array. */
#define TRANSFORM(function)                                                             \
	do {                                                                            \
		HILBERT_LANES lanes = { 0 };                                            \
		size_t i;                                                               \
											\
		for (i = 0; i + HILBERT_WIDTH <= count; i += HILBERT_WIDTH)             \
			*(HILBERT_LANES *)(to + i) =                                    \
				function(*(const HILBERT_LANES *)(from + i), order);    \
		if (i == count)                                                         \
			break;                                                          \
		memcpy(&lanes, from + i, (count - i) * sizeof(*from));                  \
		lanes = function(lanes, order);                                         \
		memcpy(to + i, &lanes, (count - i) * sizeof(*to));                      \
	} while (0)

HILBERT_TARGET static void HILBERT_NAME(points_of)(uint order, const uint32_t *from, size_t count,
						   uint32_t *to)
{
	TRANSFORM(hilbert_point);
}

HILBERT_TARGET static void HILBERT_NAME(indices_of)(uint order, const uint32_t *from,
						    size_t count, uint32_t *to)
{
	TRANSFORM(HILBERT_NAME(index_of));
}

/* A whole square: its points lie @corner away from those of @square. */
HILBERT_TARGET static void HILBERT_NAME(square_at)(const uint32_t *square, uint32_t corner,
						   uint32_t *to)
{
	for (size_t i = 0; i < SQUARE_POINTS; i += HILBERT_WIDTH)
		*(HILBERT_LANES *)(to + i) = *(const HILBERT_LANES *)(square + i) + corner;
}

#undef TRANSFORM
#undef hilbert_spread
#undef hilbert_gather
#undef hilbert_xor_above
#undef hilbert_index
#undef hilbert_point
#undef HILBERT_LANES
#undef HILBERT_FUNCTION
#undef HILBERT_WIDTH
#undef HILBERT_NAME
#undef HILBERT_TARGET
