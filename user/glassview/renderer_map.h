/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The map of memory: how slots lie on the Hilbert curve, and which region and
 * which area each of them belongs to. Plain C, no GL.
 *
 * Slot s is point s of the curve; nothing is sorted, so a page keeps its place
 * as long as the map keeps its order. A cell is one texel of the map: one slot,
 * or an aligned run of 4^k slots where the map has more slots than pixels.
 */
#ifndef GLASSVIEW_RENDERER_MAP_H
#define GLASSVIEW_RENDERER_MAP_H

#include <stddef.h>
#include <stdint.h>

#include <glassram/glassram.h>

#include "layout.h"
#include "renderer_outline.h"

#define MAP_NAME_LEN 32

/**
 * struct map_area - neighbouring regions of one name: what a label names
 * @name: "heap", "libc.so.6", "anon"
 * @target, @start: of which target, and its first address; tell areas apart
 * @bytes: mapped size of its regions
 * @slots: slots that stand for its addresses
 * @longest: slots of its longest run
 * @middle: a slot in the middle of that run
 */
struct map_area {
	char name[MAP_NAME_LEN];
	uint32_t target;
	uint64_t start;
	uint64_t bytes;
	uint32_t slots;
	uint32_t longest;
	uint32_t middle;
};

/**
 * struct map_run - slots in a row that belong to one region
 */
struct map_run {
	uint32_t begin, end;
	uint32_t region;
	uint32_t area;
};

/**
 * struct map - zero it before the first map_update(), but for the bounds
 * @order: the curve has 4^order slots
 * @cell_order: the map has 2^cell_order cells a side
 * @shift: a cell shows 2^shift slots
 * @slots: slots given out
 * @cell_region: for each cell in the order of the curve, region + 1, or 0
 * @outline: where regions meet
 * @tiles: areas on a coarse grid
 * @order_min, @order_max: bounds of @cell_order, 1 to MAP_ORDER_MAX; 0: none. The
 *	lower one holds as far as there are pixels for it
 */
struct map {
	uint32_t order;
	uint32_t cell_order;
	uint32_t shift;
	uint32_t slots;
	struct map_area *areas;
	size_t nr_areas;
	struct map_run *runs;
	size_t nr_runs, runs_capacity;
	uint16_t *cell_region;
	struct outline outline;
	struct layout_tiles tiles;
	uint64_t generation;
	uint32_t nr_blocks;
	uint32_t max_side;
	uint32_t order_min, order_max;
};

/* The smallest map: one block, and the largest: GLASSRAM_MAX_SLOTS. */
#define MAP_ORDER_MIN 5
#define MAP_ORDER_MAX 12

/**
 * map_update() - follow the layout
 * @max_side: the most cells a side that can be shown, at least 1
 * Return: 1 if anything changed, 0 if not, -1 if memory ran out.
 */
int map_update(struct map *map, const struct glassram_layout *layout, uint32_t max_side);
void map_finish(struct map *map);

/**
 * map_point() - where a slot lies, as a share of the map's side
 */
void map_point(const struct map *map, uint32_t slot, double *ret_x, double *ret_y);

/**
 * map_area_name() - a readable name for a pathname of the region table
 */
void map_area_name(const char *path, char ret_name[static MAP_NAME_LEN]);

#endif
