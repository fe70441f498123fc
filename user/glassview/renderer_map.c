// SPDX-License-Identifier: GPL-2.0
/*
 * From the region and block tables to runs of slots, cells and areas.
 *
 * Weak: a cell of several slots that belong to different regions is given to the
 * first of them; a map of more than 65,535 regions reuses their numbers, which
 * can hide an outline.
 */
#include "renderer_map.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <glassram/hilbert.h>

#define BLOCK_BYTES ((uint64_t)GLASSRAM_BLOCK_SLOTS * 4096)
#define TILE_ORDER 6
/* A tile is an area's if this share of its slots is: labels must not spill. */
#define TILE_SHARE 0.6

void map_area_name(const char *path, char ret_name[static MAP_NAME_LEN])
{
	const char *base = strrchr(path, '/');
	size_t len;

	if (!*path) {
		snprintf(ret_name, MAP_NAME_LEN, "anon");
		return;
	}
	if (path[0] == '[') {
		/* "[heap]", "[stack]", "[anon:name]" */
		const char *name = strncmp(path, "[anon:", 6) ? path + 1 : path + 6;

		len = strcspn(name, "]");
		snprintf(ret_name, MAP_NAME_LEN, "%.*s", (int)len, name);
		return;
	}
	base = base && base[1] ? base + 1 : path;
	len = strlen(base);
	if (len > 10 && !strcmp(base + len - 10, " (deleted)"))
		len -= 10;
	if (len > 6 && !strncmp(base, "memfd:", 6)) {
		base += 6;
		len -= 6;
	}
	snprintf(ret_name, MAP_NAME_LEN, "%.*s", (int)len, base);
}

static bool same_area(const struct glassram_layout *layout, uint32_t a, uint32_t b)
{
	const char *name_a = layout->names + layout->regions[a].name;
	const char *name_b = layout->names + layout->regions[b].name;

	return layout->regions[a].target == layout->regions[b].target && *name_a &&
	       !strcmp(name_a, name_b);
}

/* Fills @area_of with the area of each region. */
static int find_areas(struct map *map, const struct glassram_layout *layout,
		      uint32_t *area_of)
{
	struct map_area *areas = calloc(layout->nr_regions + 1, sizeof(*areas));
	size_t nr = 0;

	if (!areas)
		return -1;
	for (uint32_t i = 0; i < layout->nr_regions; i++) {
		const struct glassram_region *region = &layout->regions[i];

		if (!i || !same_area(layout, i - 1, i)) {
			map_area_name(layout->names + region->name, areas[nr].name);
			areas[nr].target = region->target;
			areas[nr].start = region->start;
			nr++;
		}
		areas[nr - 1].bytes += region->end - region->start;
		area_of[i] = (uint32_t)nr - 1;
	}
	free(map->areas);
	map->areas = areas;
	map->nr_areas = nr;
	return 0;
}

static int add_run(struct map *map, struct map_run run)
{
	if (map->nr_runs == map->runs_capacity) {
		size_t capacity = map->runs_capacity ? 2 * map->runs_capacity : 256;
		struct map_run *runs = realloc(map->runs, capacity * sizeof(*runs));

		if (!runs)
			return -1;
		map->runs = runs;
		map->runs_capacity = capacity;
	}
	map->runs[map->nr_runs++] = run;
	return 0;
}

/* The first region of @target that ends above @address. */
static uint32_t first_region(const struct glassram_layout *layout, uint32_t target,
			     uint64_t address)
{
	uint32_t low = 0, high = layout->nr_regions;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const struct glassram_region *region = &layout->regions[middle];

		if (region->target < target ||
		    (region->target == target && region->end <= address))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int find_runs(struct map *map, const struct glassram_layout *layout,
		     const uint32_t *area_of)
{
	map->nr_runs = 0;
	for (uint32_t b = 0; b < layout->nr_blocks; b++) {
		uint64_t start = layout->blocks[b].start;
		uint32_t target = layout->blocks[b].target;
		uint32_t slot = b * GLASSRAM_BLOCK_SLOTS;

		for (uint32_t r = first_region(layout, target, start); r < layout->nr_regions;
		     r++) {
			const struct glassram_region *region = &layout->regions[r];
			uint64_t from = region->start > start ? region->start - start : 0;
			uint64_t to = region->end - start;
			struct map_run run = { .region = r, .area = area_of[r] };

			if (region->target != target || region->start >= start + BLOCK_BYTES)
				break;
			if (to > BLOCK_BYTES)
				to = BLOCK_BYTES;
			run.begin = slot + (uint32_t)(from / 4096);
			run.end = slot + (uint32_t)(to / 4096);
			if (add_run(map, run))
				return -1;
		}
	}
	return 0;
}

static void measure_areas(struct map *map)
{
	for (size_t i = 0; i < map->nr_runs; i++) {
		const struct map_run *run = &map->runs[i];
		struct map_area *area = &map->areas[run->area];
		uint32_t length = run->end - run->begin;

		if (length > area->longest) {
			area->longest = length;
			area->middle = run->begin + length / 2;
		}
		area->slots += length;
	}
}

static void fill_cells(struct map *map)
{
	size_t cells = (size_t)1 << (2 * map->cell_order);

	memset(map->cell_region, 0, cells * sizeof(*map->cell_region));
	for (size_t i = 0; i < map->nr_runs; i++) {
		const struct map_run *run = &map->runs[i];
		size_t end = ((size_t)run->end + (1U << map->shift) - 1) >> map->shift;

		for (size_t c = run->begin >> map->shift; c < end && c < cells; c++)
			if (!map->cell_region[c])
				map->cell_region[c] = (uint16_t)(1 + run->region % 65535);
	}
}

/* Slots of @run inside [@begin, @end). */
static uint32_t overlap(const struct map_run *run, uint32_t begin, uint32_t end)
{
	uint32_t from = run->begin > begin ? run->begin : begin;
	uint32_t to = run->end < end ? run->end : end;

	return to > from ? to - from : 0;
}

static void fill_tiles(struct map *map)
{
	uint32_t order = map->cell_order < TILE_ORDER ? map->cell_order : TILE_ORDER;
	uint32_t tile_slots = 1U << (2 * (map->order - order));
	uint32_t nr = 1U << (2 * order);
	size_t first = 0;

	map->tiles.side = 1 << order;
	for (uint32_t t = 0; t < nr; t++) {
		uint32_t begin = t * tile_slots, end = begin + tile_slots;
		uint32_t point = hilbert_point(t, order);
		uint32_t best = 0, best_slots = 0, area = UINT32_MAX, slots = 0;

		while (first < map->nr_runs && map->runs[first].end <= begin)
			first++;
		/* Runs of one area follow each other, but for holes. */
		for (size_t i = first; i < map->nr_runs && map->runs[i].begin < end; i++) {
			if (map->runs[i].area != area)
				slots = 0;
			area = map->runs[i].area;
			slots += overlap(&map->runs[i], begin, end);
			if (slots > best_slots) {
				best_slots = slots;
				best = area;
			}
		}
		map->tiles.area[(point >> 16) * map->tiles.side + (point & 0xffff)] =
			best_slots >= TILE_SHARE * tile_slots && best < 65535 ?
			(uint16_t)(best + 1) : 0;
	}
}

static void choose_orders(struct map *map, uint32_t max_side)
{
	uint32_t max = map->order_max ? map->order_max : MAP_ORDER_MAX;
	uint32_t fits = 1;

	while (fits < MAP_ORDER_MAX && (2U << fits) <= max_side)
		fits++;
	/* A cell is a slot at least, so a lower bound of cells is one of slots: of as
	 * many as can be shown, or the map would only be smaller.
	 */
	map->order = map->order_min < fits ? map->order_min : fits;
	if (map->order < MAP_ORDER_MIN)
		map->order = MAP_ORDER_MIN;
	while (map->order < MAP_ORDER_MAX && (1U << (2 * map->order)) < map->slots)
		map->order++;
	map->cell_order = map->order < max ? map->order : max;
	if (map->cell_order > fits)
		map->cell_order = fits;
	map->shift = 2 * (map->order - map->cell_order);
}

static int rebuild(struct map *map, const struct glassram_layout *layout)
{
	size_t cells = (size_t)1 << (2 * map->cell_order);
	uint32_t *area_of = calloc(layout->nr_regions + 1, sizeof(*area_of));
	uint16_t *cell_region = realloc(map->cell_region, cells * sizeof(*cell_region));
	int err = -1;

	if (cell_region)
		map->cell_region = cell_region;
	if (!area_of || !cell_region)
		goto out;
	if (find_areas(map, layout, area_of) || find_runs(map, layout, area_of))
		goto out;
	measure_areas(map);
	fill_cells(map);
	fill_tiles(map);
	err = outline_collect(&map->outline, map->cell_region, map->cell_order);
out:
	free(area_of);
	return err;
}

int map_update(struct map *map, const struct glassram_layout *layout, uint32_t max_side)
{
	if (map->cell_region && map->generation == layout->generation &&
	    map->nr_blocks == layout->nr_blocks && map->max_side == max_side)
		return 0;
	map->slots = layout->nr_blocks * GLASSRAM_BLOCK_SLOTS;
	choose_orders(map, max_side);
	if (rebuild(map, layout))
		return -1;
	map->generation = layout->generation;
	map->nr_blocks = layout->nr_blocks;
	map->max_side = max_side;
	return 1;
}

void map_finish(struct map *map)
{
	free(map->areas);
	free(map->runs);
	free(map->cell_region);
	outline_finish(&map->outline);
	memset(map, 0, sizeof(*map));
}

void map_point(const struct map *map, uint32_t slot, double *ret_x, double *ret_y)
{
	uint32_t point = hilbert_point(slot, map->order);
	double side = 1U << map->order;

	*ret_x = ((point & 0xffff) + 0.5) / side;
	*ret_y = ((point >> 16) + 0.5) / side;
}
