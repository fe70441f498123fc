/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * The Hilbert curve for C and C++: slot index to map position and back.
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

#ifdef __cplusplus
}
#endif

#endif /* GLASSRAM_HILBERT_H */
