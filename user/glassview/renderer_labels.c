// SPDX-License-Identifier: GPL-2.0
/*
 * What is drawn on the map: outlines, labels of areas there and in the gutter, and
 * the line that says that nothing happens.
 */
#include "renderer_overlay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* So many areas are labelled in their place, so many by a line. */
#define LABELS_INSIDE 6
#define LABELS_MAX 16
/* Name of a process and name of an area. */
#define LABEL_LEN (GLASSRAM_COMM_LEN + 12 + MAP_NAME_LEN)
/* From so many pixels a cell on, pages are told apart by a seam. */
#define SEAM_PIXELS 6
/* A still map needs an explanation after so many seconds. */
#define QUIET_SECONDS 3.0

struct candidate {
	const struct map_area *area;
	uint32_t pages;
	uint16_t index;
};

/* By what is there, not by what is mapped: a stack of 8 MiB may hold one page. */
static int by_pages(const void *a, const void *b)
{
	const struct candidate *ca = a, *cb = b;

	if (ca->pages != cb->pages)
		return ca->pages > cb->pages ? -1 : 1;
	return ca->index < cb->index ? -1 : ca->index > cb->index;
}

/* The largest areas that hold a page, largest first. */
static size_t choose_areas(const struct overlay_input *input, struct candidate *ret_chosen)
{
	const struct map *map = input->map;
	struct candidate *all = calloc(map->nr_areas + 1, sizeof(*all));
	size_t nr = 0;

	if (!all)
		return 0;
	for (size_t i = 0; i < map->nr_areas && i < UINT16_MAX; i++)
		if (i < input->figures->nr_areas && input->figures->areas[i].pages)
			all[nr++] = (struct candidate){ &map->areas[i],
							input->figures->areas[i].pages,
							(uint16_t)i };
	qsort(all, nr, sizeof(*all), by_pages);
	if (nr > LABELS_MAX)
		nr = LABELS_MAX;
	memcpy(ret_chosen, all, nr * sizeof(*all));
	free(all);
	return nr;
}

/* Name and size in at most @width pixels; the size is never cut. */
static void write_label(struct canvas *canvas, const struct overlay_input *input,
			const struct map_area *area, int width, char *ret_string, size_t capacity)
{
	int size = input->picture->base, room;
	char bytes[16], whole[LABEL_LEN], name[LABEL_LEN + 4];

	figures_bytes(area->bytes, bytes, sizeof(bytes));
	room = width - text_width(canvas->text, size, bytes) - text_width(canvas->text, size, " ");
	figures_area_name(input->view, area, whole, sizeof(whole));
	text_fit(canvas->text, size, whole, room, name, sizeof(name));
	snprintf(ret_string, capacity, "%s %s", name, bytes);
}

static void draw_label(struct canvas *canvas, const struct overlay_input *input,
		       const struct layout_label *label, const char *string, int pad)
{
	const struct layout_picture *p = input->picture;
	float x = label->box.x;
	float y = label->box.y + label->box.height / 2.0f;

	if (label->place == LAYOUT_IN_MAP)
		canvas_rect(canvas, label->box, palette_plate);
	else if (label->lead_x < input->map_rect.x + input->map_rect.width)
		canvas_disc(canvas, label->lead_x + 0.5f, label->lead_y + 0.5f, 2.5f * p->stroke,
			    palette_text);
	canvas_text(canvas, (int)x + pad, (int)y - (text_ascent(canvas->text, p->base) +
						    text_descent(canvas->text, p->base)) / 2,
		    p->base, CANVAS_LEFT, label->place == LAYOUT_IN_MAP ? palette_text : palette_dim,
		    string);
}

static void draw_leader(struct canvas *canvas, const struct overlay_input *input,
			const struct layout_label *label)
{
	const struct layout_picture *p = input->picture;
	float y = label->box.y + label->box.height / 2.0f;
	struct palette_color color = palette_outline;
	struct palette_color shade = palette_plate;
	float knee = input->map_rect.x + input->map_rect.width + p->gap / 2.0f;

	/* A dark line under a light one is seen on any colour. */
	canvas_line(canvas, label->lead_x, label->lead_y, knee, y, 3.0f * p->stroke, shade);
	canvas_line(canvas, label->lead_x, label->lead_y, knee, y, 1.2f * p->stroke, color);
	canvas_line(canvas, knee, y, label->box.x, y, 1.2f * p->stroke, color);
}

/* What a map says that does not change; NULL while it does. */
static const char *quiet_message(const struct overlay_input *input)
{
	if (input->view->ended)
		return "the target has ended";
	if (input->view->paused)
		return "paused: nothing is counted; p goes on";
	return input->figures->quiet < QUIET_SECONDS ? NULL : "nothing written in 3 s";
}

static struct layout_rect quiet_box(struct canvas *canvas, const struct overlay_input *input)
{
	const struct layout_picture *p = input->picture;
	const char *message = quiet_message(input);
	int height, width;

	if (!message)
		return (struct layout_rect){ 0 };
	height = text_ascent(canvas->text, p->large) + text_descent(canvas->text, p->large);
	width = text_width(canvas->text, p->large, message);
	return (struct layout_rect){
		input->map_rect.x + (input->map_rect.width - width) / 2 - p->gap,
		input->map_rect.y + input->map_rect.height - 3 * height,
		width + 2 * p->gap, height + p->gap,
	};
}

static void draw_quiet(struct canvas *canvas, const struct overlay_input *input,
		       struct layout_rect box)
{
	const struct layout_picture *p = input->picture;

	if (!box.width)
		return;
	canvas_rect(canvas, box, palette_plate);
	canvas_frame(canvas, box, p->stroke, palette_outline);
	canvas_text(canvas, box.x + box.width / 2, box.y + p->gap / 2, p->large, CANVAS_CENTER,
		    palette_text, quiet_message(input));
}

/* From cells to pixels. */
static int cell_edge(const struct overlay_input *input, uint32_t cell)
{
	return (int)((uint64_t)cell * (uint64_t)input->map_rect.width >> input->map->cell_order);
}

void overlay_draw_outlines(struct canvas *canvas, const struct overlay_input *input)
{
	const struct outline *outline = &input->map->outline;
	struct layout_rect map = input->map_rect;
	uint32_t cells = 1U << input->map->cell_order;
	int stroke = input->picture->stroke;
	struct palette_color color = palette_outline;
	struct palette_color seam = palette_ground;

	/* Large cells get a seam, so that single pages can be counted. */
	seam.a = 60;
	for (uint32_t i = 1; i < cells && (uint32_t)map.width >= SEAM_PIXELS * cells; i++) {
		int at = cell_edge(input, i);

		canvas_rect(canvas, (struct layout_rect){ map.x + at, map.y, stroke, map.height },
			    seam);
		canvas_rect(canvas, (struct layout_rect){ map.x, map.y + at, map.width, stroke },
			    seam);
	}
	/* On small cells a line hides what it runs over: let it shine through. */
	color.a = (uint32_t)map.width < 2 * cells ? 130 : 220;
	for (size_t i = 0; i < outline->nr; i++) {
		const struct outline_segment *segment = &outline->segments[i];
		int x = cell_edge(input, segment->x), y = cell_edge(input, segment->y);
		int length = segment->vertical ?
			     cell_edge(input, segment->y + segment->length) - y :
			     cell_edge(input, segment->x + segment->length) - x;

		canvas_rect(canvas, (struct layout_rect){ map.x + x, map.y + y,
							  segment->vertical ? stroke : length,
							  segment->vertical ? length : stroke },
			    color);
	}
	canvas_frame(canvas, map, stroke, palette_trough);
}

void overlay_draw_labels(struct canvas *canvas, const struct overlay_input *input)
{
	const struct layout_picture *p = input->picture;
	struct candidate chosen[LABELS_MAX];
	struct layout_label labels[LABELS_MAX];
	char strings[LABELS_MAX][LABEL_LEN + 24];
	size_t nr = choose_areas(input, chosen);
	int pad = p->base / 3;
	int height = text_ascent(canvas->text, p->base) + text_descent(canvas->text, p->base);
	struct layout_rect gutter = input->picture->gutter;
	struct layout_rect quiet = quiet_box(canvas, input);

	/* The lines need some way to fan out before the first letter. */
	gutter.x += 3 * p->gap / 2;
	gutter.width -= 3 * p->gap / 2;
	for (size_t i = 0; i < nr; i++) {
		double x, y;

		write_label(canvas, input, chosen[i].area, gutter.width - 2 * pad, strings[i],
			    sizeof(strings[i]));
		map_point(input->map, chosen[i].area->middle, &x, &y);
		labels[i] = (struct layout_label){
			.area = chosen[i].index,
			.width = text_width(canvas->text, p->base, strings[i]) + 2 * pad,
			.height = height + pad,
			.anchor_x = input->map_rect.x + (int)(x * input->map_rect.width),
			.anchor_y = input->map_rect.y + (int)(y * input->map_rect.height),
			.may_inside = i < LABELS_INSIDE,
		};
	}
	layout_labels(input->map_rect, gutter, quiet, &input->map->tiles, labels, nr);
	for (size_t i = 0; i < nr; i++)
		if (labels[i].place == LAYOUT_LEADER)
			draw_leader(canvas, input, &labels[i]);
	for (size_t i = 0; i < nr; i++)
		if (labels[i].place != LAYOUT_HIDDEN)
			draw_label(canvas, input, &labels[i], strings[i], pad);
	draw_quiet(canvas, input, quiet);
}
