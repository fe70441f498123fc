/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Outlines: where cells of different regions meet on the map. Plain C, no GL.
 */
#ifndef GLASSVIEW_RENDERER_OUTLINE_H
#define GLASSVIEW_RENDERER_OUTLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct outline_segment - one straight piece, in cells
 * @x, @y: its left or upper end
 * @length: to the right, or downwards if @vertical
 */
struct outline_segment {
	uint16_t x, y, length;
	bool vertical;
};

/**
 * struct outline - zero it before the first outline_collect()
 */
struct outline {
	struct outline_segment *segments;
	size_t nr, capacity;
};

/**
 * outline_collect() - find all pieces, anew
 * @cell_region: what each cell belongs to, in the order of the curve
 * @order: of the curve, 1 to 15
 * Return: 0, or -1 if memory ran out.
 *
 * The outer border of the map is left to its frame.
 */
int outline_collect(struct outline *outline, const uint16_t *cell_region, uint32_t order);
void outline_finish(struct outline *outline);

#endif
