// SPDX-License-Identifier: GPL-2.0
/*
 * The legend: what colour, brightness, greys and one cell mean.
 */
#include "renderer_overlay.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Bar, and swatch, heights in lines of text. */
static int line_height(const struct layout_picture *p)
{
	return p->base * 10 / 7;
}

int legend_height(const struct layout_picture *p)
{
	/* two scales of heading, bar and ticks; swatches; the size of a cell */
	return 2 * (2 * line_height(p) + p->base) + 2 * line_height(p) + p->gap;
}

static struct palette_color faded(struct palette_color color, double brightness)
{
	color.r = (uint8_t)lround(color.r * brightness);
	color.g = (uint8_t)lround(color.g * brightness);
	color.b = (uint8_t)lround(color.b * brightness);
	return color;
}

/* The tick labels of a scale: both ends, @end after the last, and every decade with room. */
static void draw_ticks(struct canvas *canvas, const struct layout_picture *p,
		       struct layout_rect bar, double low, double high, const char *end)
{
	double decades = log10(high / low);
	int top = bar.y + bar.height + 1;
	char string[32];
	int room_end, next;

	figures_number(low, string, sizeof(string));
	next = bar.x + canvas_text(canvas, bar.x, top, p->small, CANVAS_LEFT, palette_dim, string);
	figures_number(high, string, sizeof(string));
	strncat(string, end, sizeof(string) - strlen(string) - 1);
	room_end = bar.x + bar.width -
		   canvas_text(canvas, bar.x + bar.width, top, p->small, CANVAS_RIGHT, palette_dim,
			       string);
	for (double rate = low * 10; rate < high * 0.999; rate *= 10) {
		int x = bar.x + (int)(log10(rate / low) / decades * bar.width);
		int width;

		figures_number(rate, string, sizeof(string));
		width = text_width(canvas->text, p->small, string);
		canvas_rect(canvas, (struct layout_rect){ x, bar.y + bar.height - p->small / 3,
							  p->stroke, p->small / 3 },
			    palette_ground);
		if (x - width / 2 < next + p->small || x + width > room_end - p->small)
			continue;
		canvas_text(canvas, x, top, p->small, CANVAS_CENTER, palette_dim, string);
		next = x + width / 2;
	}
}

/* Scales are drawn in slices of one colour: each has exactly the map's colours. */
#define SLICES 128

static struct layout_rect slice(struct layout_rect bar, int i)
{
	int x0 = bar.x + bar.width * i / SLICES;
	int x1 = bar.x + bar.width * (i + 1) / SLICES;

	return (struct layout_rect){ x0, bar.y, x1 - x0, bar.height };
}

static void draw_rate_bar(struct canvas *canvas, struct layout_rect bar, bool reverse)
{
	struct palette_color table[PALETTE_ENTRIES];

	palette_fill(table);
	for (int i = 0; i < SLICES; i++)
		canvas_rect(canvas, slice(bar, i),
			    table[(2 * (reverse ? SLICES - 1 - i : i) + 1) *
				  (PALETTE_ENTRIES - 1) / (2 * SLICES)]);
}

static void draw_age_bar(struct canvas *canvas, struct layout_rect bar)
{
	struct palette_color table[PALETTE_ENTRIES];

	palette_fill(table);
	for (int i = 0; i < SLICES; i++)
		canvas_rect(canvas, slice(bar, i),
			    faded(table[PALETTE_ENTRIES * 5 / 8],
				  1 - (1 - PALETTE_AGE_FLOOR) * (i + 0.5) / SLICES));
}

/* A swatch and its meaning; returns where the next one may begin. */
static int draw_swatch(struct canvas *canvas, const struct layout_picture *p, int x, int y,
		       struct palette_color color, bool framed, const char *string)
{
	struct layout_rect box = { x, y + p->base / 4, p->base, p->base };

	canvas_rect(canvas, box, color);
	if (framed)
		canvas_frame(canvas, box, p->stroke, palette_outline);
	x += p->base + p->base / 2;
	return x + canvas_text(canvas, x, y, p->small, CANVAS_LEFT, palette_dim, string) + p->gap;
}

static void describe_cell(const struct overlay_input *input, char *ret_string, size_t capacity)
{
	const struct map *map = input->map;
	double pixels = (double)input->map_rect.width / (1U << map->cell_order);
	char bytes[16], size[32];

	figures_bytes(4096ULL << map->shift, bytes, sizeof(bytes));
	if (pixels < 1.01)
		snprintf(size, sizeof(size), "1 px");
	else if (input->map_rect.width % (1 << map->cell_order) == 0)
		snprintf(size, sizeof(size), "%.0f x %.0f px", pixels, pixels);
	else
		snprintf(size, sizeof(size), "%.1f x %.1f px", pixels, pixels);
	if (map->shift)
		snprintf(ret_string, capacity, "%s = %s (%u pages)", size, bytes,
			 1U << map->shift);
	else
		snprintf(ret_string, capacity, "%s = %s (one page)", size, bytes);
}

/* What colour means, by look; a look of one's own says it in its own words elsewhere. */
static void draw_colour(struct canvas *canvas, const struct overlay_input *input,
			struct layout_rect box, struct layout_rect bar)
{
	const struct layout_picture *p = input->picture;
	const char *heading = "colour: hits per second";

	if (!strcmp(input->look, "heat")) {
		draw_rate_bar(canvas, bar, false);
		/* A page counts once in an epoch; a cell of several can have more. */
		draw_ticks(canvas, p, bar, PALETTE_RATE_LOW,
			   palette_rate_high(input->view->rate_hz),
			   input->map->shift ? " hits/s or more" : " hits/s = every epoch");
	} else if (!strcmp(input->look, "age")) {
		heading = "colour: time since the last write";
		draw_rate_bar(canvas, bar, true);
		draw_ticks(canvas, p, bar, 0.1, 1000, " s or more");
	} else if (!strcmp(input->look, "thread")) {
		heading = "colour: the thread that wrote last";
		canvas_text(canvas, bar.x, bar.y, p->small, CANVAS_LEFT, palette_dim,
			    "the most active ones: bars below");
	} else {
		heading = input->look;
	}
	canvas_text(canvas, box.x, box.y, p->base, CANVAS_LEFT, palette_text, heading);
}

static void draw_brightness(struct canvas *canvas, const struct overlay_input *input,
			    struct layout_rect bar)
{
	const struct layout_picture *p = input->picture;

	canvas_text(canvas, bar.x, bar.y - line_height(p), p->base, CANVAS_LEFT, palette_text,
		    "brightness: time since the last write");
	draw_age_bar(canvas, bar);
	canvas_text(canvas, bar.x, bar.y + bar.height + 1, p->small, CANVAS_LEFT, palette_dim,
		    "now");
	canvas_text(canvas, bar.x + bar.width, bar.y + bar.height + 1, p->small, CANVAS_RIGHT,
		    palette_dim, "2 s or more");
}

void legend_draw(struct canvas *canvas, const struct overlay_input *input, struct layout_rect box)
{
	const struct layout_picture *p = input->picture;
	int line = line_height(p);
	struct layout_rect bar = { box.x, box.y + line, box.width, p->base };
	char string[96];
	int x;

	draw_colour(canvas, input, box, bar);
	bar.y += 2 * line + p->base + p->gap / 2;
	if (input->glow && strcmp(input->look, "age"))
		draw_brightness(canvas, input, bar);

	bar.y += p->base + line + p->gap / 2;
	x = draw_swatch(canvas, p, box.x, bar.y, palette_unwritten, false, "never written");
	x = draw_swatch(canvas, p, x, bar.y, palette_ground, true, "no page");
	describe_cell(input, string, sizeof(string));
	if (x + text_width(canvas->text, p->small, string) > box.x + box.width)
		*strchr(string, '(') = '\0'; /* the pages, on a narrow screen */
	canvas_text(canvas, box.x + box.width, bar.y, p->small, CANVAS_RIGHT, palette_dim, string);
}
