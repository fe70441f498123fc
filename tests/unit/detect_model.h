/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A target for tests of the detectors that exists only as counters: its columns,
 * regions and time, written to by the test as the module would.
 */
#ifndef TESTS_UNIT_DETECT_MODEL_H
#define TESTS_UNIT_DETECT_MODEL_H

#include <glassram/detect.h>

#define MODEL_BLOCKS 4096
#define MODEL_REGIONS 8
#define MODEL_DETECTIONS 256

/**
 * struct model - the target, and the detectors that watch it
 * @slots: of the columns that the detectors see; grows with model_write()
 * @found: every detection so far, the first MODEL_DETECTIONS kept
 * @resident: what is told of the resident memory, pages
 * @tick_ns: CPU time of all glassram_detect_tick() together, ns
 */
struct model {
	uint32_t slots;
	uint32_t *hits, *stamp, *owner;
	struct glassram_layout layout;
	struct glassram_region regions[MODEL_REGIONS];
	struct glassram_block blocks[MODEL_BLOCKS];
	char names[MODEL_REGIONS * 32];
	struct glassram_detect *detect;
	uint64_t time_ns, period_ns;
	uint32_t epoch;
	uint64_t resident;
	struct glassram_detection found[MODEL_DETECTIONS];
	unsigned int nr_found;
	uint64_t random;
	uint64_t ticks, tick_ns, tick_ns_most;
};

/* model_init() - nothing written yet. @hz: ticks a second; @seed: of model_random() */
void model_init(struct model *m, unsigned int hz, uint64_t seed);
void model_finish(struct model *m);

/* model_region() - name the next @slots slots, a multiple of a block's. Return: the first. */
uint32_t model_region(struct model *m, const char *name, uint32_t slots);

/* model_write() - one page is written by a thread slot; in an epoch the first counts */
void model_write(struct model *m, uint32_t slot, uint32_t thread);

/* model_exists() - a page is there before it is written, as at attach */
void model_exists(struct model *m, uint32_t slot);

/* model_tick() - one ADVANCE, and one look of the detectors */
void model_tick(struct model *m);

/* model_seconds() - time since model_init() */
double model_seconds(const struct model *m);

/* model_random() - 0 to below @n; model_uniform() - 0 to below 1 */
uint32_t model_random(struct model *m, uint32_t n);
double model_uniform(struct model *m);

/* model_poisson() - a random number of events with this mean */
uint32_t model_poisson(struct model *m, double mean);

/* model_count() - detections of a kind so far */
unsigned int model_count(const struct model *m, uint32_t kind);

/* model_first() - the first detection of a kind, or NULL */
const struct glassram_detection *model_first(const struct model *m, uint32_t kind);

#endif
