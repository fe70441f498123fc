// SPDX-License-Identifier: GPL-2.0
/*
 * Outlines by the quadtree that a Hilbert curve is: a run of equal cells falls
 * into a few aligned squares, and only the rims of these have to be looked at.
 * The work follows the length of the borders, not the area of the map.
 *
 * Weak: pieces are joined within one square only.
 */
#include "renderer_outline.h"

#include <stdlib.h>

#include <glassram/hilbert.h>

static int add_segment(struct outline *outline, struct outline_segment segment)
{
	if (outline->nr == outline->capacity) {
		size_t capacity = outline->capacity ? 2 * outline->capacity : 256;
		struct outline_segment *segments =
			realloc(outline->segments, capacity * sizeof(*segments));

		if (!segments)
			return -1;
		outline->segments = segments;
		outline->capacity = capacity;
	}
	outline->segments[outline->nr++] = segment;
	return 0;
}

/*
 * One rim of a square of side @side at (@x, @y): its left one, looking at the
 * cells to the left, or its upper one.
 */
static int scan_rim(struct outline *outline, const uint16_t *cell_region, uint32_t order,
		    uint32_t x, uint32_t y, uint32_t side, bool vertical)
{
	uint16_t here = cell_region[hilbert_index(x, y, order)];
	uint32_t began = side;

	if (vertical ? !x : !y)
		return 0;
	for (uint32_t i = 0; i <= side; i++) {
		bool border = i < side && here != (vertical ?
			cell_region[hilbert_index(x - 1, y + i, order)] :
			cell_region[hilbert_index(x + i, y - 1, order)]);

		if (border && began == side)
			began = i;
		if (border || began == side)
			continue;
		if (add_segment(outline, (struct outline_segment){
				.x = (uint16_t)(vertical ? x : x + began),
				.y = (uint16_t)(vertical ? y + began : y),
				.length = (uint16_t)(i - began),
				.vertical = vertical }))
			return -1;
		began = side;
	}
	return 0;
}

/* The largest k such that 4^k cells from @begin are one square inside the run. */
static uint32_t square_order(size_t begin, size_t end)
{
	uint32_t k = 0;

	while (!(begin & (((size_t)4 << (2 * k)) - 1)) && begin + ((size_t)4 << (2 * k)) <= end)
		k++;
	return k;
}

int outline_collect(struct outline *outline, const uint16_t *cell_region, uint32_t order)
{
	size_t cells = (size_t)1 << (2 * order);
	size_t begin = 0, end = 0;

	outline->nr = 0;
	while (begin < cells) {
		uint32_t k, point, x, y;

		if (begin == end)
			while (end < cells && cell_region[end] == cell_region[begin])
				end++;
		k = square_order(begin, end);
		if (k > order)
			k = order;
		point = k < order ? hilbert_point((uint32_t)(begin >> (2 * k)), order - k) : 0;
		x = (point & 0xffff) << k;
		y = (point >> 16) << k;
		if (scan_rim(outline, cell_region, order, x, y, 1U << k, true) ||
		    scan_rim(outline, cell_region, order, x, y, 1U << k, false))
			return -1;
		begin += (size_t)1 << (2 * k);
	}
	return 0;
}

void outline_finish(struct outline *outline)
{
	free(outline->segments);
	*outline = (struct outline){ 0 };
}
