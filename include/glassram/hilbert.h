/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * The Hilbert curve for C and C++: slot index to map position and back, one by
 * one inline, or many at once by libglassram.
 *
 * The definition is the text that the shaders compile, shaders/hilbert.glsl,
 * installed beside this header; see there for the functions:
 *
 *	hilbert_index(x, y, order)	the index of a point
 *	hilbert_point(index, order)	x | y << 16
 *
 * Weak: defines the type name uint, as <sys/types.h> does.
 */
#ifndef GLASSRAM_HILBERT_H
#define GLASSRAM_HILBERT_H

#include <stddef.h>
#include <stdint.h>

#include <glassram/glassram.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HILBERT_ORDER_MAX 16

typedef unsigned int uint;

#define HILBERT_FUNCTION static inline
#if __has_include("hilbert.glsl")
#include "hilbert.glsl"
#else
#include "../../shaders/hilbert.glsl"
#endif
#undef HILBERT_FUNCTION
#undef HILBERT_LANES

/*
 * Many at once. They give what the functions above give, by the widest vectors
 * that this processor has; a run of indices costs little more than copying it.
 * None of them waits or allocates, and any number of threads may call them.
 * GLASSRAM_ERR_INVALID: @order is not 1 to HILBERT_ORDER_MAX, or the run of
 * indices leaves the curve.
 */

/**
 * glassram_hilbert_points() - the points of a run of indices
 * @order: 1 to HILBERT_ORDER_MAX
 * @first: the first index
 * @count: how many; @first + @count is at most 4^order
 * @ret_points: @count points, x in the low 16 bits, y in the high 16
 */
enum glassram_error glassram_hilbert_points(unsigned int order, uint32_t first, size_t count,
					    uint32_t *ret_points);

/**
 * glassram_hilbert_points_of() - the points of any indices
 * @order: 1 to HILBERT_ORDER_MAX
 * @indices: @count of them; bits above the order are left out
 * @ret_points: @count points; may be @indices itself, but not overlap it otherwise
 */
enum glassram_error glassram_hilbert_points_of(unsigned int order, const uint32_t *indices,
					       size_t count, uint32_t *ret_points);

/**
 * glassram_hilbert_indices_of() - the indices of any points
 * @order: 1 to HILBERT_ORDER_MAX
 * @points: @count of them; bits of x and y above the order are left out
 * @ret_indices: @count indices; may be @points itself, but not overlap it otherwise
 */
enum glassram_error glassram_hilbert_indices_of(unsigned int order, const uint32_t *points,
						size_t count, uint32_t *ret_indices);

#ifdef __cplusplus
}
#endif

#endif /* GLASSRAM_HILBERT_H */
