// SPDX-License-Identifier: GPL-2.0-only
/*
 * From the tables to the map: runs, cells, areas and outlines, against what a
 * slow and simple count says.
 */
#include <stdlib.h>
#include <string.h>

#include <glassram/hilbert.h>

#include "renderer_map.h"
#include "source_synthetic.h"
#include "tap.h"

/* What the region table says of a slot, slot by slot. */
static uint16_t region_of_slot(const struct glassram_layout *layout, uint32_t slot)
{
	uint64_t address = layout->blocks[slot / GLASSRAM_BLOCK_SLOTS].start +
			   (uint64_t)(slot % GLASSRAM_BLOCK_SLOTS) * 4096;

	for (uint32_t i = 0; i < layout->nr_regions; i++)
		if (address >= layout->regions[i].start && address < layout->regions[i].end)
			return (uint16_t)(1 + i);
	return 0;
}

static void test_cells(const struct map *map, const struct glassram_layout *layout)
{
	size_t cells = (size_t)1 << (2 * map->cell_order);
	size_t wrong = 0;

	for (size_t c = 0; c < cells; c++) {
		uint16_t expected = 0;

		for (uint32_t i = 0; i < 1U << map->shift && !expected; i++) {
			uint32_t slot = (uint32_t)(c << map->shift) + i;

			if (slot < map->slots)
				expected = region_of_slot(layout, slot);
		}
		wrong += map->cell_region[c] != expected;
	}
	tap_check(!wrong, "each of %zu cells of %u slots shows its region", cells,
		  1U << map->shift);
}

static uint16_t region_at(const struct map *map, uint32_t x, uint32_t y)
{
	return map->cell_region[hilbert_index(x, y, map->cell_order)];
}

/* Paint the pieces into two bitmaps and compare with all pairs of neighbours. */
static void test_outline(const struct map *map)
{
	uint32_t side = 1U << map->cell_order;
	uint8_t *painted = calloc(side, side);
	size_t wrong = 0, twice = 0;

	for (size_t i = 0; i < map->outline.nr; i++) {
		const struct outline_segment *s = &map->outline.segments[i];

		for (uint32_t k = 0; k < s->length; k++) {
			uint8_t *p = &painted[(s->y + (s->vertical ? k : 0)) * side + s->x +
					      (s->vertical ? 0 : k)];
			uint8_t bit = s->vertical ? 1 : 2;

			twice += (*p & bit) != 0;
			*p |= bit;
		}
	}
	for (uint32_t y = 0; y < side; y++) {
		for (uint32_t x = 0; x < side; x++) {
			bool left = x && region_at(map, x - 1, y) != region_at(map, x, y);
			bool above = y && region_at(map, x, y - 1) != region_at(map, x, y);

			wrong += painted[y * side + x] != (left ? 1 : 0) + (above ? 2 : 0);
		}
	}
	free(painted);
	tap_check(!wrong && !twice && map->outline.nr,
		  "the outline runs exactly where regions meet (%zu pieces)", map->outline.nr);
}

static void test_synthetic(uint32_t slots, uint32_t max_side, uint32_t order, uint32_t shift)
{
	struct source *source = source_synthetic_create(slots);
	const struct glassram_layout *layout = &source->view.layout;
	struct map map = { 0 };
	uint64_t bytes = 0;

	tap_check(map_update(&map, layout, max_side) == 1, "%u slots on %u pixels", slots, max_side);
	tap_check(map.order == order && map.shift == shift, "order %u, 2^%u slots a cell", map.order,
		  map.shift);
	tap_check(map_update(&map, layout, max_side) == 0, "nothing changed: nothing is made anew");
	test_cells(&map, layout);
	test_outline(&map);
	for (size_t i = 0; i < map.nr_areas; i++)
		bytes += map.areas[i].bytes;
	for (uint32_t i = 0; i < layout->nr_regions; i++)
		bytes -= layout->regions[i].end - layout->regions[i].start;
	tap_check(!bytes && map.nr_areas < layout->nr_regions,
		  "regions of one file are one area, and nothing is lost (%zu of %u)",
		  map.nr_areas, layout->nr_regions);
	map_finish(&map);
	source->destroy(source);
}

static void test_name(const char *path, const char *expected)
{
	char name[MAP_NAME_LEN];

	map_area_name(path, name);
	tap_check(!strcmp(name, expected), "'%s' is called '%s'", path, name);
}

static void test_empty(void)
{
	struct glassram_layout layout = { 0 };
	struct map map = { 0 };

	tap_check(map_update(&map, &layout, 500) == 1 && map.order == MAP_ORDER_MIN &&
		  !map.nr_runs && !map.outline.nr, "a target without a page has an empty map");
	map_finish(&map);
}

/* Bounds of the order, as the settings hilbert-* give them. */
static void test_bounds(uint32_t min, uint32_t max, uint32_t max_side, uint32_t order,
			uint32_t cell_order)
{
	struct source *source = source_synthetic_create(1 << 16);
	struct map map = { .order_min = min, .order_max = max };

	tap_check(map_update(&map, &source->view.layout, max_side) == 1 && map.order == order &&
		  map.cell_order == cell_order && map.shift == 2 * (order - cell_order),
		  "orders %u to %u on %u pixels: %u cells a side", min, max, max_side,
		  1U << map.cell_order);
	test_cells(&map, &source->view.layout);
	test_outline(&map);
	map_finish(&map);
	source->destroy(source);
}

int main(void)
{
	test_empty();
	test_bounds(4, 12, 1024, 8, 8);
	test_bounds(4, 6, 1024, 8, 6);
	test_bounds(10, 12, 2048, 10, 10);
	test_bounds(10, 12, 300, 8, 8);
	test_bounds(9, 12, 300, 8, 8);
	test_bounds(3, 3, 1024, 8, 3);
	test_bounds(9, 9, 1024, 9, 9);
	test_synthetic(1 << 16, 1024, 8, 0);
	test_synthetic(1 << 18, 1024, 9, 0);
	test_synthetic(1 << 18, 300, 9, 2);
	test_synthetic(1 << 15, 90, 8, 4);
	test_name("", "anon");
	test_name("[heap]", "heap");
	test_name("[stack]", "stack");
	test_name("[anon:arena]", "arena");
	test_name("/usr/lib/libc.so.6", "libc.so.6");
	test_name("/dev/shm/x (deleted)", "x");
	test_name("/memfd:ring (deleted)", "ring");
	test_name("/memfd: (deleted)", "memfd:");
	test_name("/", "/");
	test_name("/a/0123456789012345678901234567890123456789", "0123456789012345678901234567890");
	return tap_end();
}
