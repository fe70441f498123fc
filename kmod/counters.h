/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The counters as a dma-buf.
 */
#ifndef GLASSRAM_COUNTERS_H
#define GLASSRAM_COUNTERS_H

#include <linux/types.h>

#include <linux/glassram.h>

struct glassram_slots;

int glassram_counters_export(const struct glassram_slots *slots);
void glassram_counters_columns(const struct glassram_slots *slots,
			       struct glassram_column ret_columns[]);

#endif /* GLASSRAM_COUNTERS_H */
