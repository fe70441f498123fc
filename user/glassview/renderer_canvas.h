/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A canvas: a list of flat coloured quads, in pixels with y downwards, that the
 * renderer hands to GL in one draw. Knows nothing of GL itself.
 */
#ifndef GLASSVIEW_RENDERER_CANVAS_H
#define GLASSVIEW_RENDERER_CANVAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layout.h"
#include "palette.h"
#include "text.h"

/**
 * struct canvas_vertex - one corner
 * @x, @y: pixels
 * @u, @v: atlas texels
 * @solid: a rectangle, covered everywhere; else one texel of the atlas to a pixel
 */
struct canvas_vertex {
	float x, y;
	float u, v;
	struct palette_color color;
	bool solid;
};

/**
 * struct canvas_note - one piece of text as it was drawn, for tests
 */
struct canvas_note {
	struct layout_rect box;
	char string[48];
};

/**
 * struct canvas_stroke - one corner of a quad that encloses a line or a disc
 * @x, @y: pixels
 * @x0, @y0, @x1, @y1: the ends of the line, the same in all corners
 * @radius: half its width
 */
struct canvas_stroke {
	float x, y;
	float x0, y0, x1, y1;
	float radius;
	struct palette_color color;
};

/**
 * struct canvas - zero it, set @text, then draw
 * @strokes, @nr_strokes: lines and discs, six corners each; they lie below all
 *	that is flat
 * @vertices, @nr_vertices: rectangles and text, one texel to a pixel, six
 *	corners each
 * @notes, @nr_notes: every string drawn since canvas_clear()
 * @failed: memory ran out at some point: something is missing
 */
struct canvas {
	struct text *text;
	struct canvas_stroke *strokes;
	size_t nr_strokes, strokes_capacity;
	struct canvas_vertex *vertices;
	size_t nr_vertices, vertices_capacity;
	struct canvas_note *notes;
	size_t nr_notes, notes_capacity;
	bool failed;
};

void canvas_clear(struct canvas *canvas);
void canvas_finish(struct canvas *canvas);

void canvas_rect(struct canvas *canvas, struct layout_rect rect, struct palette_color color);
/* Four thin rectangles just inside @rect. */
void canvas_frame(struct canvas *canvas, struct layout_rect rect, int width,
		  struct palette_color color);
void canvas_line(struct canvas *canvas, float x0, float y0, float x1, float y1, float width,
		 struct palette_color color);
void canvas_disc(struct canvas *canvas, float x, float y, float radius,
		 struct palette_color color);

enum canvas_align { CANVAS_LEFT, CANVAS_CENTER, CANVAS_RIGHT };

/**
 * canvas_text() - one line of text
 * @x: its left edge, middle or right edge, by @align
 * @top: top of the line; its height is the font's ascent and descent
 * Return: its width, pixels.
 */
int canvas_text(struct canvas *canvas, int x, int top, int size, enum canvas_align align,
		struct palette_color color, const char *string);

#endif
