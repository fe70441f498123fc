/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Density maps: how much of the memory behind each cell was written lately.
 */
#ifndef GLASSCTL_DENSITY_H
#define GLASSCTL_DENSITY_H

#include <glassram/telemetry.h>

/* Orders of a map: 2^order cells a side. */
#define DENSITY_ORDER_MAX 10
#define DENSITY_ORDER_DEFAULT 6

/**
 * struct density - the counters at the last map
 * @order: of the maps, at most that of the curve that holds all slots
 */
struct density {
	uint32_t order;
	uint32_t *hits;
	uint32_t slots;
	uint32_t epoch;
	float *cells;
	size_t nr_cells;
};

/* density_finish() - free what it holds; zeroes are fine */
void density_finish(struct density *density);

/**
 * density_order() - order of the curve that holds so many slots
 */
uint32_t density_order(uint32_t slots);

/**
 * density_map() - the map since the last one
 * @columns: the counters
 * @slots: slots given out
 * @epoch: the open epoch
 * @ret_map: valid until the next call
 *
 * Cell (x, y) shows the slots of that stretch of the Hilbert curve: the share of
 * their pages' epochs in which they were written. The first map is empty.
 * Return: false without memory.
 */
bool density_map(struct density *density, const struct glassram_columns *columns, uint32_t slots,
		 uint32_t epoch, struct glassram_density *ret_map);

#endif
