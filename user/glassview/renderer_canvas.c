// SPDX-License-Identifier: GPL-2.0
/*
 * Quads for everything that is not the map: text, bars, lines, plates.
 *
 * Flat things sample one atlas, lines and discs know their own shape: the whole
 * overlay is two draw calls.
 *
 * Weak: within a kind, what is drawn later lies above; lines always lie below.
 */
#include "renderer_canvas.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void canvas_clear(struct canvas *canvas)
{
	canvas->nr_strokes = 0;
	canvas->nr_vertices = 0;
	canvas->nr_notes = 0;
	canvas->failed = false;
}

void canvas_finish(struct canvas *canvas)
{
	free(canvas->strokes);
	free(canvas->vertices);
	free(canvas->notes);
	*canvas = (struct canvas){ .text = canvas->text };
}

/* Room for one more element of an array that doubles. */
static bool grow(void **array, size_t *capacity, size_t needed, size_t element)
{
	size_t wanted = *capacity ? *capacity : 1024;
	void *bigger;

	if (needed <= *capacity)
		return true;
	while (wanted < needed)
		wanted *= 2;
	bigger = realloc(*array, wanted * element);
	if (!bigger)
		return false;
	*array = bigger;
	*capacity = wanted;
	return true;
}

/* Corners of a quad in the order top left, top right, bottom left, bottom right. */
static const int corner_order[6] = { 0, 1, 2, 2, 1, 3 };

static void add_patch(struct canvas *canvas, float x, float y, float width, float height,
		      struct text_patch patch, struct palette_color color, bool solid)
{
	float u0 = patch.x, u1 = patch.x + patch.width;
	float v0 = patch.y, v1 = patch.y + patch.height;
	const struct canvas_vertex corner[4] = {
		{ x, y, u0, v0, color, solid },
		{ x + width, y, u1, v0, color, solid },
		{ x, y + height, u0, v1, color, solid },
		{ x + width, y + height, u1, v1, color, solid },
	};
	void *array = canvas->vertices;

	if (!grow(&array, &canvas->vertices_capacity, canvas->nr_vertices + 6,
		  sizeof(*canvas->vertices))) {
		canvas->failed = true;
		return;
	}
	canvas->vertices = array;
	for (int i = 0; i < 6; i++)
		canvas->vertices[canvas->nr_vertices++] = corner[corner_order[i]];
}

void canvas_rect(struct canvas *canvas, struct layout_rect rect, struct palette_color color)
{
	if (rect.width > 0 && rect.height > 0)
		add_patch(canvas, (float)rect.x, (float)rect.y, (float)rect.width,
			  (float)rect.height, text_white(canvas->text), color, true);
}

void canvas_frame(struct canvas *canvas, struct layout_rect r, int width,
		  struct palette_color color)
{
	canvas_rect(canvas, (struct layout_rect){ r.x, r.y, r.width, width }, color);
	canvas_rect(canvas, (struct layout_rect){ r.x, r.y + r.height - width, r.width, width },
		    color);
	canvas_rect(canvas, (struct layout_rect){ r.x, r.y + width, width, r.height - 2 * width },
		    color);
	canvas_rect(canvas, (struct layout_rect){ r.x + r.width - width, r.y + width, width,
						  r.height - 2 * width }, color);
}

void canvas_line(struct canvas *canvas, float x0, float y0, float x1, float y1, float width,
		 struct palette_color color)
{
	struct canvas_stroke corner = { 0, 0, x0, y0, x1, y1, width / 2, color };
	float dx = x1 - x0, dy = y1 - y0;
	float length = sqrtf(dx * dx + dy * dy);
	/* So far its smoothed edge reaches, and a little more. */
	float reach = width / 2 + 1;
	void *array = canvas->strokes;

	if (!grow(&array, &canvas->strokes_capacity, canvas->nr_strokes + 6,
		  sizeof(*canvas->strokes))) {
		canvas->failed = true;
		return;
	}
	canvas->strokes = array;
	dx = length > 0 ? dx / length * reach : reach;
	dy = length > 0 ? dy / length * reach : 0;
	for (int i = 0; i < 6; i++) {
		bool at_end = corner_order[i] & 1;
		float side = corner_order[i] & 2 ? 1 : -1;

		corner.x = (at_end ? x1 + dx : x0 - dx) - side * dy;
		corner.y = (at_end ? y1 + dy : y0 - dy) + side * dx;
		canvas->strokes[canvas->nr_strokes++] = corner;
	}
}

void canvas_disc(struct canvas *canvas, float x, float y, float radius,
		 struct palette_color color)
{
	canvas_line(canvas, x, y, x, y, 2 * radius, color);
}

static void add_note(struct canvas *canvas, struct layout_rect box, const char *string)
{
	void *array = canvas->notes;

	if (!grow(&array, &canvas->notes_capacity, canvas->nr_notes + 1,
		  sizeof(*canvas->notes))) {
		canvas->failed = true;
		return;
	}
	canvas->notes = array;
	canvas->notes[canvas->nr_notes].box = box;
	snprintf(canvas->notes[canvas->nr_notes].string,
		 sizeof(canvas->notes[0].string), "%s", string);
	canvas->nr_notes++;
}

int canvas_text(struct canvas *canvas, int x, int top, int size, enum canvas_align align,
		struct palette_color color, const char *string)
{
	int width = text_width(canvas->text, size, string);
	int ascent = text_ascent(canvas->text, size);
	int pen = align == CANVAS_LEFT ? x : align == CANVAS_RIGHT ? x - width : x - width / 2;

	if (!width)
		return 0;
	add_note(canvas, (struct layout_rect){ pen, top, width,
					       ascent + text_descent(canvas->text, size) },
		 string);
	for (uint32_t c; (c = text_next(&string));) {
		const struct text_glyph *glyph = text_glyph(canvas->text, size, c);

		if (glyph->width)
			add_patch(canvas, pen + glyph->left,
				  top + ascent - glyph->top, glyph->width, glyph->height,
				  (struct text_patch){ glyph->x, glyph->y, glyph->width,
						       glyph->height }, color, false);
		pen += glyph->advance;
	}
	return width;
}
