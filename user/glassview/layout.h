/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Layout: where everything stands, as pure functions of sizes. No GL, no font,
 * no state: a test can try any size and any map.
 */
#ifndef GLASSVIEW_LAYOUT_H
#define GLASSVIEW_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct layout_rect - pixels, y downwards
 */
struct layout_rect {
	int x, y, width, height;
};

bool layout_overlap(struct layout_rect a, struct layout_rect b);
bool layout_inside(struct layout_rect inner, struct layout_rect outer);

/**
 * struct layout_picture - the parts of a picture
 * @title: the line on top
 * @map: the square that the map may take
 * @gutter: beside the map, for labels that do not fit inside it
 * @panel: the right column
 * @small, @base, @large, @huge: font sizes: remarks, text, title, figures
 * @gap: the usual distance between two things
 * @stroke: width of a thin line
 */
struct layout_picture {
	struct layout_rect title;
	struct layout_rect map;
	struct layout_rect gutter;
	struct layout_rect panel;
	int small, base, large, huge;
	int gap;
	int stroke;
};

/* Below this nothing can be read; the picture is drawn as if it were this large. */
#define LAYOUT_WIDTH_MIN 640
#define LAYOUT_HEIGHT_MIN 480

/**
 * layout_picture() - lay out a picture of @width x @height
 * All parts lie inside the picture and do not overlap.
 */
struct layout_picture layout_picture(int width, int height);

/**
 * layout_map() - the square of a map of @cells x @cells cells inside @area
 *
 * A whole number of pixels for each cell where that wastes little of the area;
 * else all of the area, with cells of unequal pixels. At least one pixel a cell
 * if @cells is at most the area's side.
 */
struct layout_rect layout_map(struct layout_rect area, int cells);

/* Labels find their places on a coarse grid over the map. */
#define LAYOUT_TILES 64

/**
 * struct layout_tiles - which area of memory each tile of the map shows
 * @side: tiles in a row, 1 to LAYOUT_TILES
 * @area: [y * @side + x], area + 1, or 0 where no area prevails
 */
struct layout_tiles {
	int side;
	uint16_t area[LAYOUT_TILES * LAYOUT_TILES];
};

/**
 * struct layout_label - one label, most important first
 * @area: index of the area it names
 * @width, @height: size of its text with padding; at most the gutter's width
 * @anchor_x, @anchor_y: a point of the area, pixels, where no tile prevails
 * @may_inside: try inside the map first
 * @place: out: where it stands, if any place was left
 * @box: out: its rectangle
 * @lead_x, @lead_y: out, LAYOUT_LEADER: where its line starts in the map
 */
struct layout_label {
	uint16_t area;
	int width, height;
	int anchor_x, anchor_y;
	bool may_inside;
	enum { LAYOUT_HIDDEN, LAYOUT_IN_MAP, LAYOUT_LEADER } place;
	struct layout_rect box;
	int lead_x, lead_y;
};

/**
 * layout_labels() - place labels
 * @reserved: a part of the map that no label may cover; empty for none
 * Inside their area where it has room, else in the gutter in the order of their
 * leading points, else not at all. No two boxes overlap, none leaves the map or
 * the gutter.
 */
void layout_labels(struct layout_rect map, struct layout_rect gutter,
		   struct layout_rect reserved, const struct layout_tiles *tiles,
		   struct layout_label *labels, size_t nr);

#endif
