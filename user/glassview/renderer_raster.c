// SPDX-License-Identifier: GPL-2.0
/*
 * Drawing by plain C.
 *
 * A software rasteriser shades each pixel in floating point, whatever the shader
 * does; enlarging a small picture and copying glyphs is memory traffic instead.
 * For 768 x 768 pixels of map this takes a third of llvmpipe's time, and under
 * emulation, where vector floating point is slowest of all, a hundredth.
 *
 * Weak: a second way to the same picture; tests/unit/render_picture.c compares
 * the two. Colours may differ from the shaders' by rounding where they are mixed.
 */
#include "renderer_raster.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int raster_resize(struct raster *raster, int width, int height, bool bottom_up, bool bgra)
{
	uint32_t *pixels;

	if (raster->pixels && raster->width == width && raster->height == height &&
	    raster->bottom_up == bottom_up && raster->bgra == bgra)
		return 0;
	pixels = realloc(raster->pixels, (size_t)width * (size_t)height * sizeof(*pixels));
	if (!pixels)
		return -1;
	*raster = (struct raster){ pixels, width, height, bottom_up, bgra };
	return 1;
}

void raster_finish(struct raster *raster)
{
	free(raster->pixels);
	*raster = (struct raster){ 0 };
}

static uint32_t *row_of(const struct raster *raster, int y)
{
	if (raster->bottom_up)
		y = raster->height - 1 - y;
	return raster->pixels + (size_t)y * (size_t)raster->width;
}

/* In the order of the bytes of a pixel. */
static struct palette_color ordered(const struct raster *raster, struct palette_color color)
{
	uint8_t r = color.r;

	if (raster->bgra) {
		color.r = color.b;
		color.b = r;
	}
	return color;
}

static uint32_t packed(struct palette_color color)
{
	uint32_t pixel;

	color.a = 255;
	memcpy(&pixel, &color, sizeof(pixel));
	return pixel;
}

static uint8_t mix(uint8_t from, uint8_t to, unsigned int share)
{
	return (uint8_t)((from * (255 - share) + to * share + 127) / 255);
}

static void blend(uint32_t *pixel, struct palette_color color, unsigned int share)
{
	struct palette_color below;

	memcpy(&below, pixel, sizeof(below));
	below.r = mix(below.r, color.r, share);
	below.g = mix(below.g, color.g, share);
	below.b = mix(below.b, color.b, share);
	*pixel = packed(below);
}

void raster_clear(struct raster *raster, struct palette_color color)
{
	uint32_t pixel = packed(ordered(raster, color));
	size_t nr = (size_t)raster->width * (size_t)raster->height;

	for (size_t i = 0; i < nr; i++)
		raster->pixels[i] = pixel;
}

/* One pixel across a line of cells: @first, and @share of 255 of the one after it. */
struct tap {
	int first;
	unsigned int share;
};

/* As in map_mixed.frag: only the pixel across which an edge runs is mixed. */
static struct tap tap_of(int pixel, int side, int cells)
{
	double scale = (double)side / cells;
	double place = (pixel + 0.5) / scale;
	int cell = (int)place;
	double inside = (place - cell) * scale;
	double mixed = fmin(fmax(inside, 0), 0.5) + fmin(fmax(inside - scale + 0.5, 0), 0.5) - 0.5;
	struct tap tap = { mixed < 0 ? cell - 1 : cell, 0 };

	if (side % cells == 0)
		return (struct tap){ cell, 0 };
	tap.share = (unsigned int)lround((mixed < 0 ? mixed + 1 : mixed) * 255);
	if (tap.first < 0)
		return (struct tap){ 0, 0 };
	if (tap.first >= cells - 1)
		return (struct tap){ cells - 1, 0 };
	return tap;
}

static uint32_t mix_pixels(uint32_t from, uint32_t to, unsigned int share)
{
	struct palette_color color;

	if (!share)
		return from;
	memcpy(&color, &to, sizeof(color));
	blend(&from, color, share);
	return from;
}

int raster_map(struct raster *raster, struct layout_rect rect, uint32_t *colours, int cells)
{
	struct tap *taps = malloc((size_t)rect.width * sizeof(*taps));
	struct tap last = { -1, 0 };
	uint32_t *last_row = NULL;
	int width = rect.width;

	if (rect.x + width > raster->width)
		width = raster->width > rect.x ? raster->width - rect.x : 0;
	if (!taps)
		return -1;
	for (int i = 0; i < rect.width; i++)
		taps[i] = tap_of(i, rect.width, cells);
	for (int i = 0; raster->bgra && i < cells * cells; i++) {
		struct palette_color color;

		memcpy(&color, &colours[i], sizeof(color));
		colours[i] = packed(ordered(raster, color));
	}
	/* A picture smaller than its layout is cut off. */
	for (int y = 0; y < rect.height && rect.y + y < raster->height; y++) {
		struct tap v = taps[y];
		uint32_t *row = row_of(raster, rect.y + y) + rect.x;
		const uint32_t *upper = colours + (size_t)v.first * (size_t)cells;
		const uint32_t *lower = v.share ? upper + cells : upper;

		if (last_row && v.first == last.first && v.share == last.share) {
			memcpy(row, last_row, (size_t)width * sizeof(*row));
			continue;
		}
		for (int x = 0; x < width; x++) {
			struct tap h = taps[x];
			int next = h.share ? h.first + 1 : h.first;

			row[x] = mix_pixels(mix_pixels(upper[h.first], upper[next], h.share),
					    mix_pixels(lower[h.first], lower[next], h.share),
					    v.share);
		}
		last = v;
		last_row = row;
	}
	free(taps);
	return 0;
}

static struct layout_rect intersect(struct layout_rect a, struct layout_rect b)
{
	int x0 = a.x > b.x ? a.x : b.x, y0 = a.y > b.y ? a.y : b.y;
	int x1 = a.x + a.width < b.x + b.width ? a.x + a.width : b.x + b.width;
	int y1 = a.y + a.height < b.y + b.height ? a.y + a.height : b.y + b.height;

	return (struct layout_rect){ x0, y0, x1 > x0 ? x1 - x0 : 0, y1 > y0 ? y1 - y0 : 0 };
}

static void draw_rect(struct raster *raster, struct layout_rect r, struct palette_color color)
{
	uint32_t pixel = packed(color);

	for (int y = r.y; y < r.y + r.height; y++) {
		uint32_t *row = row_of(raster, y);

		for (int x = r.x; x < r.x + r.width; x++) {
			if (color.a == 255)
				row[x] = pixel;
			else
				blend(&row[x], color, color.a);
		}
	}
}

/* @u, @v: the texel of the pixel at the corner of @r */
static void draw_glyph(struct raster *raster, struct layout_rect r, const uint8_t *atlas, int u,
		       int v, struct palette_color color)
{
	for (int y = 0; y < r.height; y++) {
		uint32_t *row = row_of(raster, r.y + y) + r.x;
		const uint8_t *cover = atlas + (size_t)(v + y) * TEXT_ATLAS_SIZE + u;

		for (int x = 0; x < r.width; x++)
			if (cover[x])
				blend(&row[x], color, (cover[x] * color.a + 127U) / 255);
	}
}

/* Six vertices of the canvas: a rectangle, or a glyph with a texel for each pixel. */
static void draw_quad(struct raster *raster, const struct canvas_vertex *v, const uint8_t *atlas,
		      struct layout_rect clip)
{
	const struct canvas_vertex *from = &v[0], *to = &v[5];
	struct layout_rect r = { (int)from->x, (int)from->y, (int)(to->x - from->x),
				 (int)(to->y - from->y) };
	struct layout_rect seen = intersect(r, clip);
	struct palette_color color = ordered(raster, from->color);

	if (!seen.width || !seen.height)
		return;
	if (v->solid)
		draw_rect(raster, seen, color);
	else
		draw_glyph(raster, seen, atlas, (int)from->u + seen.x - r.x,
			   (int)from->v + seen.y - r.y, color);
}

/* As in stroke.frag: the distance of the pixel's middle from the line. */
static void cover_pixel(struct raster *raster, const struct canvas_stroke *s,
			struct palette_color color, int x, int y)
{
	float dx = s->x1 - s->x0, dy = s->y1 - s->y0;
	float fx = (float)x + 0.5f - s->x0, fy = (float)y + 0.5f - s->y0;
	float t = (fx * dx + fy * dy) / fmaxf(dx * dx + dy * dy, 1e-6f);
	float cover;

	t = fminf(fmaxf(t, 0), 1);
	fx -= t * dx;
	fy -= t * dy;
	cover = s->radius + 0.5f - sqrtf(fx * fx + fy * fy);
	if (cover > 0)
		blend(row_of(raster, y) + x, color,
		      (unsigned int)lroundf(fminf(cover, 1) * color.a));
}

/* Walks along the longer direction, and across as far as the line's edge reaches. */
static void draw_stroke(struct raster *raster, const struct canvas_stroke *s,
			struct layout_rect clip)
{
	struct palette_color color = ordered(raster, s->color);
	float dx = s->x1 - s->x0, dy = s->y1 - s->y0;
	bool flat = fabsf(dx) >= fabsf(dy);
	float longer = flat ? dx : dy, reach = s->radius + 1;
	float slope = longer != 0 ? (flat ? dy : dx) / longer : 0;
	float across = reach * sqrtf(1 + slope * slope);
	float from = flat ? s->x0 : s->y0, other = flat ? s->y0 : s->x0;
	int first = (int)floorf(fminf(from, from + longer) - reach);
	int last = (int)ceilf(fmaxf(from, from + longer) + reach);

	for (int i = first; i <= last; i++) {
		float along = fminf(fmaxf((float)i + 0.5f, fminf(from, from + longer)),
				    fmaxf(from, from + longer));
		float middle = other + (along - from) * slope;

		for (int j = (int)floorf(middle - across); j <= (int)ceilf(middle + across); j++) {
			int x = flat ? i : j, y = flat ? j : i;

			if (x >= clip.x && y >= clip.y && x < clip.x + clip.width &&
			    y < clip.y + clip.height)
				cover_pixel(raster, s, color, x, y);
		}
	}
}

void raster_canvas(struct raster *raster, const struct canvas *canvas, struct layout_rect clip)
{
	const struct layout_rect all = { 0, 0, raster->width, raster->height };
	const uint8_t *atlas = text_coverage(canvas->text);

	clip = intersect(clip, all);
	for (size_t i = 0; i < canvas->nr_strokes; i += 6)
		draw_stroke(raster, &canvas->strokes[i], clip);
	for (size_t i = 0; i < canvas->nr_vertices; i += 6)
		draw_quad(raster, &canvas->vertices[i], atlas, clip);
}
