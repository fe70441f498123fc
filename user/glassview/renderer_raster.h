/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Drawing by plain C, for machines where a CPU draws anyway: the same picture as
 * the shaders map_*.frag, stroke.frag and overlay.frag give. Knows no GL.
 */
#ifndef GLASSVIEW_RENDERER_RASTER_H
#define GLASSVIEW_RENDERER_RASTER_H

#include <stdbool.h>
#include <stdint.h>

#include "layout.h"
#include "palette.h"
#include "renderer_canvas.h"

/**
 * struct raster - zero it before the first raster_resize()
 * @pixels: four bytes each
 * @bottom_up: the first row is the bottom row of the picture
 * @bgra: bytes are blue, green, red; else red, green, blue
 */
struct raster {
	uint32_t *pixels;
	int width, height;
	bool bottom_up;
	bool bgra;
};

/**
 * raster_resize() - room for a picture; what was drawn is lost if anything changes
 * Return: 1 if it changed, 0 if not, -1 if memory ran out.
 */
int raster_resize(struct raster *raster, int width, int height, bool bottom_up, bool bgra);
void raster_finish(struct raster *raster);

void raster_clear(struct raster *raster, struct palette_color color);

/**
 * raster_map() - the coloured cells
 * @rect: the square of the map
 * @colours: red, green, blue, alpha of each cell, row by row; changed in place
 * @cells: cells a side
 * Return: 0, or -1 if memory ran out.
 */
int raster_map(struct raster *raster, struct layout_rect rect, uint32_t *colours, int cells);

/**
 * raster_canvas() - lines, discs, rectangles and text, inside @clip alone
 */
void raster_canvas(struct raster *raster, const struct canvas *canvas, struct layout_rect clip);

#endif
