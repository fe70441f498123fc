/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Regions: the mappings of the target, watched or refused.
 */
#ifndef GLASSRAM_REGION_H
#define GLASSRAM_REGION_H

#include <linux/rcupdate.h>
#include <linux/types.h>

#include <linux/glassram.h>

struct glassram_mm;
struct glassram_work;

/* One refused mapping: faults there are not ours, and never trigger a rescan. */
struct glassram_refusal {
	unsigned long start;
	unsigned long end;
	int error;
};

/* All of them, sorted by address. Replaced as a whole; read by the hook. */
struct glassram_refusals {
	struct rcu_head rcu;
	u32 nr;
	struct glassram_refusal entries[] __counted_by(nr);
};

/**
 * struct glassram_region_table - the regions as of the last rescan
 * @regions: sorted by address
 * @names: NUL-terminated names, one after the other
 * @refusals: RCU; NULL if there are none
 */
struct glassram_region_table {
	struct glassram_region *regions;
	u32 nr_regions;
	u32 nr_refused;
	char *names;
	u32 names_len;
	struct glassram_refusals __rcu *refusals;
};

bool glassram_regions_changed(const struct glassram_mm *target);
int glassram_regions_update(struct glassram_mm *target, struct glassram_work *work,
			    u32 *ret_registered);
bool glassram_regions_refused(struct glassram_region_table *table, unsigned long address);
void glassram_regions_span(const struct glassram_region_table *table, unsigned long *ret_start,
			   unsigned long *ret_end);
bool glassram_regions_huge(const struct glassram_region_table *table);
unsigned long glassram_regions_page_size(const struct glassram_region_table *table,
					 unsigned long address);
bool glassram_regions_splits(const struct glassram_region_table *table, unsigned long address);
void glassram_regions_finish(struct glassram_region_table *table);
u64 glassram_regions_memory(const struct glassram_region_table *table);

#endif /* GLASSRAM_REGION_H */
