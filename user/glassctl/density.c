// SPDX-License-Identifier: GPL-2.0
/*
 * Density maps: how much of the memory behind each cell was written lately.
 *
 * Weak: weights of a policy count as epochs, so that a cell is full sooner.
 */
#include "density.h"

#include <stdlib.h>
#include <string.h>

#include <glassram/hilbert.h>

/* A block is a square of this order, and no curve is smaller. */
#define ORDER_MIN 5

void density_finish(struct density *d)
{
	free(d->hits);
	free(d->cells);
	d->hits = NULL;
	d->cells = NULL;
}

uint32_t density_order(uint32_t slots)
{
	uint32_t order = ORDER_MIN;

	while ((1U << (2 * order)) < slots)
		order++;
	return order;
}

static bool make_room(struct density *d, uint32_t slots, size_t cells)
{
	if (slots > d->slots) {
		uint32_t *hits = realloc(d->hits, slots * sizeof(*hits));

		if (!hits)
			return false;
		memset(hits + d->slots, 0, (slots - d->slots) * sizeof(*hits));
		d->hits = hits;
		d->slots = slots;
	}
	if (cells != d->nr_cells) {
		float *more = realloc(d->cells, cells * sizeof(*more));

		if (!more)
			return false;
		d->cells = more;
		d->nr_cells = cells;
	}
	return true;
}

bool density_map(struct density *d, const struct glassram_columns *columns, uint32_t slots,
		 uint32_t epoch, struct glassram_density *ret_map)
{
	uint32_t whole = density_order(slots), order = d->order < whole ? d->order : whole;
	uint32_t side = 1U << order, shift = 2 * (whole - order), epochs = epoch - d->epoch;
	bool first = !d->epoch;

	/* Nothing closed since: what there is stays for the next map. */
	if (!first && !epochs && d->nr_cells == (size_t)side * side) {
		*ret_map = (struct glassram_density){ side, side, d->cells };
		return true;
	}
	if (!make_room(d, slots, (size_t)side * side))
		return false;
	memset(d->cells, 0, d->nr_cells * sizeof(*d->cells));
	for (uint32_t cell = 0; cell << shift < slots; cell++) {
		uint32_t end = (cell + 1) << shift, point = hilbert_point(cell, order);
		uint64_t hits = 0, pages = 0;

		for (uint32_t slot = cell << shift; slot < end && slot < slots; slot++) {
			uint32_t now = columns->hits[slot], more = now - d->hits[slot];

			d->hits[slot] = now;
			pages += columns->stamp[slot] != GLASSRAM_STAMP_NO_PAGE;
			/* A RESET sets counters back. */
			hits += more > UINT32_MAX / 2 ? now : more;
		}
		if (!first && pages && epochs) {
			double density = (double)hits / ((double)pages * epochs);

			d->cells[(point >> 16) * side + (point & 0xffff)] =
				density < 1 ? (float)density : 1;
		}
	}
	d->epoch = epoch;
	*ret_map = (struct glassram_density){ side, side, d->cells };
	return true;
}
