// SPDX-License-Identifier: GPL-2.0-only
/*
 * The layout: nothing overlaps, nothing is clipped, at any size of the picture
 * and for any map of areas.
 */
#include <stdlib.h>
#include <string.h>

#include <glassram/hilbert.h>

#include "layout.h"
#include "tap.h"

static const int sizes[][2] = {
	{ 1920, 1080 }, { 1280, 720 }, { 3840, 2160 }, { 1280, 800 }, { 1024, 768 },
	{ 1280, 1024 }, { 2560, 1440 }, { 640, 480 }, { 800, 600 }, { 1080, 1920 },
	{ 3440, 1440 }, { 1366, 768 },
};
#define NR_SIZES (sizeof(sizes) / sizeof(*sizes))

/* A fixed sequence: a failure can be repeated. */
static uint32_t random_state = 1;

static uint32_t next_random(uint32_t below)
{
	random_state = random_state * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)(random_state >> 8) * below >> 24);
}

static void test_picture(int width, int height)
{
	struct layout_picture p = layout_picture(width, height);
	const struct layout_rect all = { 0, 0, width, height };
	const struct layout_rect part[] = { p.title, p.map, p.gutter, p.panel };
	bool apart = true, inside = true;

	for (size_t i = 0; i < 4; i++) {
		inside &= layout_inside(part[i], all) && part[i].width > 0 && part[i].height > 0;
		for (size_t j = i + 1; j < 4; j++)
			apart &= !layout_overlap(part[i], part[j]);
	}
	tap_check(inside, "%dx%d: all parts lie inside the picture", width, height);
	tap_check(apart, "%dx%d: no two parts overlap", width, height);
	tap_check(p.map.width == p.map.height, "%dx%d: the map is square", width, height);
	tap_check(p.map.width >= (width < height ? width : height) / 3,
		  "%dx%d: the map is what is seen first", width, height);
	if (width * 9 >= height * 14)
		tap_check(p.map.height > height * 9 / 10, "%dx%d: the map has the full height",
			  width, height);
	if (height == 1080 && width == 1920)
		tap_check(p.base == 14 && p.map.width == 1024,
			  "1920x1080: text of 14 px, a map of 1024");
	if (height == 2160)
		tap_check(p.base == 28, "%dx%d: text grows with the height", width, height);
}

static void test_map_scale(void)
{
	bool fits = true, enough = true;

	for (int side = 64; side <= 2200; side += 7) {
		for (int cells = 2; cells <= side; cells *= 2) {
			struct layout_rect area = { 5, 9, side, side };
			struct layout_rect map = layout_map(area, cells);

			fits &= layout_inside(map, area) && map.width == map.height;
			enough &= map.width >= cells && map.width >= side - side / 8;
		}
	}
	tap_check(fits, "the map stays inside its square at every scale");
	tap_check(enough, "it fills nearly all of it, with a pixel or more for each cell");
}

/* Areas as they are on a real map: runs along the curve, of all lengths. */
static void make_tiles(struct layout_tiles *tiles, uint32_t order, uint16_t *ret_areas)
{
	uint32_t nr = 1U << (2 * order);
	uint16_t area = 0;

	memset(tiles, 0, sizeof(*tiles));
	tiles->side = 1 << order;
	for (uint32_t i = 0; i < nr; area++) {
		uint32_t length = 1 + next_random(1 + next_random(nr / 2));
		bool hole = next_random(4) == 0;

		for (uint32_t end = i + length; i < end && i < nr; i++) {
			uint32_t point = hilbert_point(i, order);

			tiles->area[(point >> 16) * (uint32_t)tiles->side + (point & 0xffff)] =
				hole ? 0 : (uint16_t)(area + 1);
		}
	}
	*ret_areas = area;
}

struct findings {
	int outside, overlapping, reserved, foreign, astray, hidden, in_map, leaders, crossed;
};

/* Does a label inside the map cover a tile of another area? */
static bool covers_foreign(struct layout_rect map, const struct layout_tiles *tiles,
			   const struct layout_label *label)
{
	for (int y = label->box.y; y < label->box.y + label->box.height; y++) {
		for (int x = label->box.x; x < label->box.x + label->box.width; x++) {
			int tx = (x - map.x) * tiles->side / map.width;
			int ty = (y - map.y) * tiles->side / map.height;

			/* Edges of tiles are rounded down: the last pixel may be either. */
			if (tiles->area[ty * tiles->side + tx] != label->area + 1 &&
			    (x + 1 - map.x) * tiles->side / map.width == tx &&
			    (y + 1 - map.y) * tiles->side / map.height == ty)
				return true;
		}
	}
	return false;
}

static void judge(const struct layout_picture *p, const struct layout_tiles *tiles,
		  const struct layout_label *labels, size_t nr, struct findings *f)
{
	for (size_t i = 0; i < nr; i++) {
		const struct layout_label *a = &labels[i];
		struct layout_rect home = a->place == LAYOUT_IN_MAP ? p->map : p->gutter;

		if (a->place == LAYOUT_HIDDEN) {
			f->hidden++;
			continue;
		}
		f->outside += !layout_inside(a->box, home);
		if (a->place == LAYOUT_IN_MAP) {
			f->in_map++;
			f->foreign += covers_foreign(p->map, tiles, a);
		} else {
			struct layout_rect dot = { a->lead_x, a->lead_y, 1, 1 };

			f->leaders++;
			f->astray += !layout_inside(dot, p->map);
		}
		for (size_t j = i + 1; j < nr; j++) {
			const struct layout_label *b = &labels[j];

			if (b->place == LAYOUT_HIDDEN)
				continue;
			f->overlapping += layout_overlap(a->box, b->box);
			if (a->place == LAYOUT_LEADER && b->place == LAYOUT_LEADER)
				f->crossed += (a->lead_y - b->lead_y) * (a->box.y - b->box.y) < 0;
		}
	}
}

static void test_labels(int width, int height)
{
	struct layout_picture p = layout_picture(width, height);
	struct findings f = { 0 };
	struct layout_tiles tiles;

	for (int round = 0; round < 200; round++) {
		struct layout_rect reserved = { p.map.x + p.map.width / 4,
						p.map.y + (int)next_random((uint32_t)p.map.height),
						round % 2 ? p.map.width / 2 : 0, 3 * p.base };
		struct layout_label labels[24];
		uint16_t areas;
		size_t nr = 0;

		make_tiles(&tiles, 1 + next_random(6), &areas);
		for (uint16_t area = 0; area < areas && nr < 24; area++) {
			labels[nr] = (struct layout_label){
				.area = area,
				.width = 2 * p.base + (int)next_random((uint32_t)p.gutter.width),
				.height = p.base * 3 / 2,
				.anchor_x = p.map.x + (int)next_random((uint32_t)p.map.width),
				.anchor_y = p.map.y + (int)next_random((uint32_t)p.map.height),
				.may_inside = area < 6,
			};
			nr++;
		}
		layout_labels(p.map, p.gutter, reserved, &tiles, labels, nr);
		judge(&p, &tiles, labels, nr, &f);
		for (size_t i = 0; i < nr; i++)
			f.reserved += labels[i].place == LAYOUT_IN_MAP &&
				      layout_overlap(labels[i].box, reserved);
	}
	tap_check(!f.outside, "%dx%d: no label is clipped (of %d)", width, height,
		  f.in_map + f.leaders);
	tap_check(!f.overlapping, "%dx%d: no two labels overlap", width, height);
	tap_check(!f.reserved, "%dx%d: none covers what is reserved", width, height);
	tap_check(!f.foreign, "%dx%d: labels in the map stand on their own area (%d)", width,
		  height, f.in_map);
	tap_check(!f.astray && !f.crossed, "%dx%d: lines start in the map, in the order of labels",
		  width, height);
	tap_check(f.in_map > 100 && f.leaders > 100, "%dx%d: both kinds were tried", width, height);
}

/* More labels than a gutter holds: the most important ones stay. */
static void test_crowd(void)
{
	struct layout_rect map = { 0, 0, 400, 400 }, gutter = { 400, 0, 100, 95 };
	struct layout_tiles tiles = { .side = 2 };
	struct layout_label labels[20];
	int shown = 0;

	for (int i = 0; i < 20; i++)
		labels[i] = (struct layout_label){ .area = (uint16_t)i, .width = 90, .height = 10,
						   .anchor_x = 10 * i, .anchor_y = 399 };
	layout_labels(map, gutter, (struct layout_rect){ 0 }, &tiles, labels, 20);
	for (int i = 0; i < 20; i++)
		shown += labels[i].place == LAYOUT_LEADER;
	tap_check(shown == 9 && labels[0].place == LAYOUT_LEADER &&
		  labels[9].place == LAYOUT_HIDDEN, "a full gutter keeps the first labels");
	labels[0].width = 101;
	layout_labels(map, gutter, (struct layout_rect){ 0 }, &tiles, labels, 1);
	tap_check(labels[0].place == LAYOUT_HIDDEN, "a label wider than the gutter is not clipped");
}

int main(void)
{
	for (size_t i = 0; i < NR_SIZES; i++)
		test_picture(sizes[i][0], sizes[i][1]);
	test_map_scale();
	for (size_t i = 0; i < 4; i++)
		test_labels(sizes[i][0], sizes[i][1]);
	test_crowd();
	return tap_end();
}
