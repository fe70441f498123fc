// SPDX-License-Identifier: GPL-2.0
/*
 * Layout of the picture: a square map of full height, a gutter for labels, a
 * column of figures. Sizes follow the height; the text of 1080 lines has 14 px.
 *
 * Weak: on a screen that is nearly square or upright the column keeps its least
 * width and the map gives way.
 */
#include "layout.h"

#include <stdlib.h>
#include <string.h>

/* Everything is designed at this height and scaled from it. */
#define DESIGN_HEIGHT 1080
/* A map has a power of two cells a side: sides that many of them divide fit best. */
#define GOOD_SIDE 256
/* Smaller text than this cannot be read, whatever the screen. */
#define TEXT_MIN 10

bool layout_overlap(struct layout_rect a, struct layout_rect b)
{
	if (!a.width || !a.height || !b.width || !b.height)
		return false;
	return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height &&
	       b.y < a.y + a.height;
}

bool layout_inside(struct layout_rect inner, struct layout_rect outer)
{
	return inner.x >= outer.x && inner.y >= outer.y &&
	       inner.x + inner.width <= outer.x + outer.width &&
	       inner.y + inner.height <= outer.y + outer.height;
}

static int at_least(int value, int least)
{
	return value < least ? least : value;
}

struct layout_picture layout_picture(int width, int height)
{
	struct layout_picture p = { 0 };
	int w = at_least(width, LAYOUT_WIDTH_MIN);
	int h = at_least(height, LAYOUT_HEIGHT_MIN);
	/* Text follows the height, but on an upright screen the width is what is scarce. */
	int scale = h * 4 > w * 3 ? w * 3 / 4 : h;
	int top = 44 * scale / DESIGN_HEIGHT;
	int margin = 16 * scale / DESIGN_HEIGHT;
	int bottom = 12 * scale / DESIGN_HEIGHT;
	int panel_min, gutter, side;

	p.base = at_least(14 * scale / DESIGN_HEIGHT, TEXT_MIN);
	p.small = at_least(12 * scale / DESIGN_HEIGHT, TEXT_MIN);
	p.large = at_least(19 * scale / DESIGN_HEIGHT, TEXT_MIN + 3);
	p.huge = at_least(32 * scale / DESIGN_HEIGHT, 2 * TEXT_MIN);
	p.gap = at_least(p.base, 8);
	p.stroke = at_least(scale / DESIGN_HEIGHT, 1);
	top = at_least(top, p.large * 2);
	side = h - top - bottom;
	/* Some lines less for the title can make all cells equal. */
	side = (side + GOOD_SIDE - 1) / GOOD_SIDE * GOOD_SIDE;
	if (h - side >= p.large * 2) {
		bottom = (h - side) / 5;
		top = h - side - bottom;
	}

	/* 28 ems hold the panel's rows, 14 a label such as "libpython3.13.so 6 MiB". */
	panel_min = 28 * p.base;
	gutter = 14 * p.base;
	side = h - top - bottom;
	if (side > w - 2 * margin - panel_min - gutter - p.gap)
		side = w - 2 * margin - panel_min - gutter - p.gap;
	/* What is left is shared, but neither grows without end. */
	gutter += (w - 2 * margin - panel_min - gutter - p.gap - side) / 4;
	if (gutter > 17 * p.base)
		gutter = 17 * p.base;

	p.title = (struct layout_rect){ margin, 0, w - 2 * margin, top };
	p.map = (struct layout_rect){ margin, top, side, side };
	p.gutter = (struct layout_rect){ margin + side, top, gutter, h - top - bottom };
	p.panel.x = p.gutter.x + gutter + p.gap;
	p.panel.y = top;
	p.panel.width = w - margin - p.panel.x;
	p.panel.height = h - top - bottom;
	return p;
}

struct layout_rect layout_map(struct layout_rect area, int cells)
{
	int side = area.width < area.height ? area.width : area.height;
	int whole = side / cells * cells;

	/* An unequal cell is uglier than a margin of an eighth. */
	if (whole >= side - side / 8)
		side = whole;
	return (struct layout_rect){ area.x, area.y, side, side };
}

/* Pixels of the map where tile column or row @t begins. */
static int tile_edge(int side_px, int tiles, int t)
{
	return side_px * t / tiles;
}

struct centre {
	double x, y;
	int tiles;
};

static struct centre centre_of(const struct layout_tiles *tiles, uint16_t area)
{
	struct centre c = { 0, 0, 0 };

	for (int y = 0; y < tiles->side; y++) {
		for (int x = 0; x < tiles->side; x++) {
			if (tiles->area[y * tiles->side + x] != area + 1)
				continue;
			c.x += x + 0.5;
			c.y += y + 0.5;
			c.tiles++;
		}
	}
	if (c.tiles) {
		c.x /= c.tiles;
		c.y /= c.tiles;
	}
	return c;
}

static bool is_free(struct layout_rect box, const struct layout_label *labels, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		if (labels[i].place == LAYOUT_IN_MAP && layout_overlap(box, labels[i].box))
			return false;
	return true;
}

/* Do all tiles under @box, whose corner is that of tile (@x0, @y0), show @area? */
static bool all_of(struct layout_rect map, struct layout_rect box, int x0, int y0,
		   const struct layout_tiles *tiles, uint16_t area)
{
	int n = tiles->side;

	for (int y = y0; y < n && map.y + tile_edge(map.height, n, y) < box.y + box.height; y++)
		for (int x = x0;
		     x < n && map.x + tile_edge(map.width, n, x) < box.x + box.width; x++)
			if (tiles->area[y * n + x] != area + 1)
				return false;
	return true;
}

/* The place inside the label's own area that is nearest to the area's centre. */
static bool place_inside(struct layout_rect map, struct layout_rect reserved,
			 const struct layout_tiles *tiles, struct layout_label *labels,
			 size_t index, struct centre centre)
{
	struct layout_label *label = &labels[index];
	double tile = (double)map.width / tiles->side;
	double best = -1;

	if (centre.tiles * tile * tile < (double)label->width * label->height)
		return false;
	for (int y = 0; y < tiles->side; y++) {
		for (int x = 0; x < tiles->side; x++) {
			struct layout_rect box = {
				map.x + tile_edge(map.width, tiles->side, x),
				map.y + tile_edge(map.height, tiles->side, y),
				label->width, label->height,
			};
			double dx = box.x + box.width / 2.0 - map.x - centre.x * tile;
			double dy = box.y + box.height / 2.0 - map.y - centre.y * tile;
			double distance = dx * dx + dy * dy;

			if (tiles->area[y * tiles->side + x] != label->area + 1)
				continue;
			if (best >= 0 && distance >= best)
				continue;
			if (!layout_inside(box, map) || layout_overlap(box, reserved) ||
			    !all_of(map, box, x, y, tiles, label->area) ||
			    !is_free(box, labels, index))
				continue;
			best = distance;
			label->box = box;
		}
	}
	return best >= 0;
}

/* Where a line to the label starts: the area's tile nearest to its centre. */
static void find_lead(struct layout_rect map, const struct layout_tiles *tiles,
		      struct layout_label *label, struct centre centre)
{
	double best = -1;

	label->lead_x = label->anchor_x;
	label->lead_y = label->anchor_y;
	for (int y = 0; y < tiles->side; y++) {
		for (int x = 0; x < tiles->side; x++) {
			double dx = x + 0.5 - centre.x, dy = y + 0.5 - centre.y;
			double distance = dx * dx + dy * dy;

			if (tiles->area[y * tiles->side + x] != label->area + 1)
				continue;
			if (best >= 0 && distance >= best)
				continue;
			best = distance;
			label->lead_x = map.x + (tile_edge(map.width, tiles->side, x) +
						 tile_edge(map.width, tiles->side, x + 1)) / 2;
			label->lead_y = map.y + (tile_edge(map.height, tiles->side, y) +
						 tile_edge(map.height, tiles->side, y + 1)) / 2;
		}
	}
}

static int by_lead(const void *a, const void *b)
{
	const struct layout_label *const *la = a;
	const struct layout_label *const *lb = b;

	if ((*la)->lead_y != (*lb)->lead_y)
		return (*la)->lead_y < (*lb)->lead_y ? -1 : 1;
	return (*la)->lead_x < (*lb)->lead_x ? 1 : (*la)->lead_x > (*lb)->lead_x ? -1 : 0;
}

/*
 * Stack labels in the order of their points, each as near to the height of its
 * own as the ones before it allow, then push the stack up where it left the
 * gutter.
 */
static void stack_leaders(struct layout_rect gutter, struct layout_label **leaders, size_t nr)
{
	int y = gutter.y;
	int limit = gutter.y + gutter.height;
	int widest = 0;

	for (size_t i = 0; i < nr; i++)
		if (leaders[i]->width > widest)
			widest = leaders[i]->width;
	for (size_t i = 0; i < nr; i++) {
		struct layout_label *label = leaders[i];
		int wanted = label->lead_y - label->height / 2;

		label->box = (struct layout_rect){ gutter.x + gutter.width - widest,
						   wanted < y ? y : wanted, label->width,
						   label->height };
		y = label->box.y + label->height;
	}
	for (size_t i = nr; i-- > 0;) {
		struct layout_label *label = leaders[i];

		if (label->box.y + label->height > limit)
			label->box.y = limit - label->height;
		limit = label->box.y;
	}
}

void layout_labels(struct layout_rect map, struct layout_rect gutter,
		   struct layout_rect reserved, const struct layout_tiles *tiles,
		   struct layout_label *labels, size_t nr)
{
	struct layout_label **leaders = calloc(nr ? nr : 1, sizeof(*leaders));
	size_t nr_leaders = 0;
	int used = 0;

	for (size_t i = 0; i < nr; i++) {
		struct centre centre = centre_of(tiles, labels[i].area);

		labels[i].place = LAYOUT_HIDDEN;
		if (labels[i].may_inside &&
		    place_inside(map, reserved, tiles, labels, i, centre)) {
			labels[i].place = LAYOUT_IN_MAP;
			continue;
		}
		if (!leaders || labels[i].width > gutter.width ||
		    used + labels[i].height > gutter.height)
			continue;
		find_lead(map, tiles, &labels[i], centre);
		labels[i].place = LAYOUT_LEADER;
		used += labels[i].height;
		leaders[nr_leaders++] = &labels[i];
	}
	if (leaders) {
		qsort(leaders, nr_leaders, sizeof(*leaders), by_lead);
		stack_leaders(gutter, leaders, nr_leaders);
	}
	free(leaders);
}
