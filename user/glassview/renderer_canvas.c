// SPDX-License-Identifier: GPL-2.0
/*
 * Quads for everything that is not the map: text, bars, lines, plates.
 *
 * All of them sample the same atlas, so the whole overlay is two draw calls.
 *
 * Weak: lines and discs are smoothed by their texture, which fits widths from
 * one to about four pixels.
 */
#include "renderer_canvas.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void canvas_clear(struct canvas *canvas)
{
	canvas->smooth.nr = 0;
	canvas->flat.nr = 0;
	canvas->nr_notes = 0;
	canvas->failed = false;
}

void canvas_finish(struct canvas *canvas)
{
	free(canvas->smooth.vertices);
	free(canvas->flat.vertices);
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

/* Corners in the order top left, top right, bottom left, bottom right. */
static void add_quad(struct canvas *canvas, struct canvas_list *list,
		     const struct canvas_vertex corner[static 4])
{
	static const int order[6] = { 0, 1, 2, 2, 1, 3 };
	void *array = list->vertices;

	if (!grow(&array, &list->capacity, list->nr + 6, sizeof(*list->vertices))) {
		canvas->failed = true;
		return;
	}
	list->vertices = array;
	for (int i = 0; i < 6; i++)
		list->vertices[list->nr++] = corner[order[i]];
}

static void add_patch(struct canvas *canvas, struct canvas_list *list, float x, float y,
		      float width, float height, struct text_patch patch,
		      struct palette_color left, struct palette_color right)
{
	float u0 = patch.x, u1 = patch.x + patch.width;
	float v0 = patch.y, v1 = patch.y + patch.height;
	const struct canvas_vertex corner[4] = {
		{ x, y, u0, v0, left },
		{ x + width, y, u1, v0, right },
		{ x, y + height, u0, v1, left },
		{ x + width, y + height, u1, v1, right },
	};

	add_quad(canvas, list, corner);
}

void canvas_gradient(struct canvas *canvas, struct layout_rect rect, struct palette_color left,
		     struct palette_color right)
{
	if (rect.width > 0 && rect.height > 0)
		add_patch(canvas, &canvas->flat, rect.x, rect.y, rect.width, rect.height,
			  text_white(canvas->text), left, right);
}

void canvas_rect(struct canvas *canvas, struct layout_rect rect, struct palette_color color)
{
	canvas_gradient(canvas, rect, color, color);
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
	struct text_patch patch = text_stroke(canvas->text);
	float dx = x1 - x0, dy = y1 - y0;
	float length = sqrtf(dx * dx + dy * dy);
	/* The stroke's own faded rims lie outside @width. */
	float half = width / 2 * (float)patch.height / (float)(patch.height - 2);
	float nx, ny;

	if (length <= 0)
		return;
	nx = -dy / length * half;
	ny = dx / length * half;
	add_quad(canvas, &canvas->smooth, (struct canvas_vertex[4]){
		{ x0 - nx, y0 - ny, patch.x, patch.y, color },
		{ x1 - nx, y1 - ny, patch.x + patch.width, patch.y, color },
		{ x0 + nx, y0 + ny, patch.x, patch.y + patch.height, color },
		{ x1 + nx, y1 + ny, patch.x + patch.width, patch.y + patch.height, color },
	});
}

void canvas_disc(struct canvas *canvas, float x, float y, float radius,
		 struct palette_color color)
{
	add_patch(canvas, &canvas->smooth, x - radius, y - radius, 2 * radius, 2 * radius,
		  text_disc(canvas->text), color, color);
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
			add_patch(canvas, &canvas->flat, pen + glyph->left,
				  top + ascent - glyph->top, glyph->width, glyph->height,
				  (struct text_patch){ glyph->x, glyph->y, glyph->width,
						       glyph->height }, color, color);
		pen += glyph->advance;
	}
	return width;
}
