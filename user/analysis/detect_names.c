// SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0
/*
 * Which regions and threads a detection is about.
 *
 * Looked up when something was found, not before: one pass over the slots.
 *
 * Weak: regions are those of the layout at that moment; pages whose mapping is
 * gone by then have no name. Of more than 64 regions or threads the later ones
 * count only if an earlier one is smaller.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "detect_internal.h"

#define CANDIDATES 64

struct candidates {
	size_t nr;
	struct {
		const void *key;
		double weight;
	} entries[CANDIDATES];
};

static void add(struct candidates *c, const void *key, double weight)
{
	size_t weakest = 0;

	for (size_t i = 0; i < c->nr; i++) {
		if (c->entries[i].key == key) {
			c->entries[i].weight += weight;
			return;
		}
		if (fabs(c->entries[i].weight) < fabs(c->entries[weakest].weight))
			weakest = i;
	}
	if (c->nr < CANDIDATES)
		weakest = c->nr++;
	else if (fabs(c->entries[weakest].weight) >= fabs(weight))
		return;
	c->entries[weakest].key = key;
	c->entries[weakest].weight = weight;
}

/* Take out the one with the most weight. Return: false if none is left. */
static bool heaviest(struct candidates *c, const void **ret_key, double *ret_weight)
{
	size_t best = 0;

	for (size_t i = 1; i < c->nr; i++)
		if (fabs(c->entries[i].weight) > fabs(c->entries[best].weight))
			best = i;
	if (!c->nr)
		return false;
	*ret_key = c->entries[best].key;
	*ret_weight = c->entries[best].weight;
	c->entries[best] = c->entries[--c->nr];
	return true;
}

static const struct glassram_region *region_of(const struct glassram_layout *layout, uint32_t slot)
{
	uint64_t address = layout ? glassram_layout_address(layout, slot) : 0;

	return address ? glassram_layout_region_of(layout, glassram_layout_target(layout, slot),
						   address) : NULL;
}

static void fill_regions(const struct glassram_layout *layout, struct candidates *c, double all,
			 struct glassram_detection *detection)
{
	struct glassram_detection_region *r = detection->regions;
	const void *key;
	double weight;

	while (detection->nr_regions < GLASSRAM_DETECTION_NAMES && heaviest(c, &key, &weight)) {
		const struct glassram_region *region = key;

		*r = (struct glassram_detection_region){
			.start = region->start,
			.end = region->end,
			.target = region->target,
			.share = weight / all,
		};
		strncpy(r->name, layout->names + region->name, sizeof(r->name) - 1);
		r++;
		detection->nr_regions++;
	}
}

static void fill_threads(const struct detect_threads *threads, struct candidates *c, double all,
			 struct glassram_detection *detection)
{
	const void *key;
	double weight;

	while (detection->nr_threads < GLASSRAM_DETECTION_NAMES && heaviest(c, &key, &weight))
		detection->threads[detection->nr_threads++] = (struct glassram_detection_thread){
			.slot = (uint32_t)((const struct thread_state *)key - threads->threads),
			.share = weight / all,
		};
}

void gr_detect_name(struct glassram_detect *d, const uint32_t *times, uint32_t tenth,
		    struct glassram_detection *detection)
{
	struct candidates regions = { 0 }, threads = { 0 };
	const struct glassram_region *region = NULL;
	double all = 0;

	for (uint32_t slot = 0; slot < d->slots.nr; slot++) {
		if (!times[slot] || times[slot] < tenth)
			continue;
		all++;
		if (d->slots.owner[slot])
			add(&threads, &d->threads.threads[d->slots.owner[slot]], 1);
		region = region_of(d->layout, slot);
		if (region)
			add(&regions, region, 1);
	}
	fill_regions(d->layout, &regions, all, detection);
	fill_threads(&d->threads, &threads, all, detection);
}

/* Some slot of the place that was written: the first one may be of another region. */
static const struct glassram_region *region_of_place(struct glassram_detect *d, uint32_t first,
						     uint32_t slots)
{
	for (uint32_t slot = first; slot < first + slots && slot < d->slots.nr; slot++)
		if (d->slots.written[slot])
			return region_of(d->layout, slot);
	return NULL;
}

void gr_detect_name_change(struct glassram_detect *d, const float *before, const float *after,
			   uint32_t shift, struct glassram_detection *detection)
{
	struct candidates regions = { 0 };
	double all_before = 0, all_after = 0;

	for (uint32_t i = 0; i < PHASE_BINS; i++) {
		all_before += before[i];
		all_after += after[i];
	}
	for (uint32_t i = 0; i < PHASE_BINS; i++) {
		double change = (all_after > 0 ? after[i] / all_after : 0) -
				(all_before > 0 ? before[i] / all_before : 0);
		const struct glassram_region *region;

		if (change == 0)
			continue;
		region = region_of_place(d, i << shift, 1U << shift);
		if (region)
			add(&regions, region, change);
	}
	fill_regions(d->layout, &regions, 1, detection);
}
