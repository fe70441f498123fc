// SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0
/*
 * The estimator by neighbours: what a slot did in an epoch in which it was not
 * armed, others tell that were.
 *
 * Programs write runs of pages together, in sweeps and bursts. So of the slots
 * near in address that could be trusted in that epoch (see estimate.c), each
 * votes with a weight that falls with its distance and, steeply, with the share
 * of the commonly known epochs in which the two differed; that two were quiet
 * together says little, that they were written together says much. Along a
 * Hilbert curve, neighbours in address are neighbours on the map.
 *
 * How much strangers differ is measured first, on near pairs of this very map,
 * and stands in where two slots were rarely known together. Where nobody
 * alike was known, the slot's own rate decides (estimate_direct.c).
 *
 * Weak: slots that are written at random, each for itself, gain nothing here.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "../libglassram/internal.h"
#include "estimator.h"

/* Neighbours that are asked, to each side, counted in slots with pages. */
#define REACH 64
/* Slots farther away than this belong to something else, mostly. */
#define FAR 64
#define FAR_WEIGHT 0.135f /* e^-2 */
/* The weight falls by e for every 1/STEEP of difference. */
#define STEEP 12.0f
/* Epochs in which both were quiet, against one in which both were written. */
#define QUIET_WORTH 0.25f
/* Common epochs that the difference of strangers is worth. */
#define PRIOR 1.0f
/* Near pairs always seem alike on a map where nothing happens. */
#define STRANGE_MIN 0.1f
/* Weight of the slot's own rate: that of a near slot that differs by half. */
#define OWN_WEIGHT 0.001f
/* Steps of the table of weights. */
#define STEPS 256

struct weights {
	float of_difference[STEPS + 1];
	float of_distance[REACH + 1];
	float strange;
};

struct common {
	float differ;
	float alike;
};

static inline struct common compare(const struct glassram_estimator *estimator, size_t a, size_t b)
{
	uint64_t both = estimator->known[a] & estimator->known[b] & WINDOW_MASK;
	uint64_t before = estimator->known_before[a] & estimator->known_before[b];
	uint64_t differ = both & (estimator->written[a] ^ estimator->written[b]);
	uint64_t differ_before = before &
				 (estimator->written_before[a] ^ estimator->written_before[b]);
	float nr = __builtin_popcountll(both) + __builtin_popcountll(before);
	float ones = __builtin_popcountll(both & estimator->written[a] & estimator->written[b]) +
		     __builtin_popcountll(before & estimator->written_before[a] &
					  estimator->written_before[b]);
	struct common common;

	common.differ = __builtin_popcountll(differ) + __builtin_popcountll(differ_before);
	common.alike = QUIET_WORTH * (nr - common.differ) + ones;
	return common;
}

static void init_weights(struct weights *weights, const struct glassram_estimator *estimator,
			 const uint32_t *pages, size_t nr)
{
	double differ = 0, all = 0;

	for (size_t i = 0; i < nr; i++) {
		if ((estimator->known[pages[i]] & WINDOW_MASK) == WINDOW_MASK)
			continue;
		for (size_t d = 1; d <= 4 && i + d < nr; d++) {
			struct common common = compare(estimator, pages[i], pages[i + d]);

			differ += common.differ;
			all += common.differ + common.alike;
		}
	}
	weights->strange = fmaxf(all > 0 ? differ / all : 0, STRANGE_MIN);
	for (int i = 0; i <= STEPS; i++)
		weights->of_difference[i] = expf(-STEEP * i / STEPS);
	for (int d = 1; d <= REACH; d++)
		weights->of_distance[d] = 1.0f / d;
}

struct votes {
	float all[64];
	float written[64];
};

static inline void ask(const struct glassram_estimator *estimator, const struct weights *weights,
		       size_t s, size_t other, size_t distance, uint64_t unknown,
		       struct votes *votes)
{
	uint64_t told = estimator->trusted[other] & unknown;
	size_t apart = other > s ? other - s : s - other;
	struct common common;
	float weight;

	if (!told)
		return;
	common = compare(estimator, s, other);
	weight = (common.differ + PRIOR * weights->strange) /
		 (common.differ + common.alike + PRIOR);
	weight = weights->of_difference[(int)(weight * STEPS)] * weights->of_distance[distance];
	if (apart > FAR)
		weight *= FAR_WEIGHT;
	for (; told; told &= told - 1) {
		int epoch = __builtin_ctzll(told);

		votes->all[epoch] += weight;
		if (estimator->written[other] >> epoch & 1)
			votes->written[epoch] += weight;
	}
}

POPCNT static void all_slots(const struct glassram_estimator *estimator,
			     const struct weights *weights, const uint32_t *pages, size_t nr,
			     float *estimates, float *variances)
{
	for (size_t i = 0; i < nr; i++) {
		size_t s = pages[i];
		uint64_t unknown = ~estimator->known[s] & WINDOW_MASK;
		float own = estimates[s], sum, variance = 0;
		struct votes votes = { 0 };

		sum = __builtin_popcountll(estimator->written[s] & WINDOW_MASK);
		if (unknown) {
			/* The direct estimator has left its estimate of the whole window. */
			own = (own * GLASSRAM_WINDOW - sum) / __builtin_popcountll(unknown);
			for (size_t d = 1; d <= REACH; d++) {
				if (d <= i)
					ask(estimator, weights, s, pages[i - d], d, unknown, &votes);
				if (i + d < nr)
					ask(estimator, weights, s, pages[i + d], d, unknown, &votes);
			}
		}
		for (; unknown; unknown &= unknown - 1) {
			int epoch = __builtin_ctzll(unknown);
			float p = (votes.written[epoch] + OWN_WEIGHT * own) /
				  (votes.all[epoch] + OWN_WEIGHT);

			sum += p;
			variance += p * (1 - p);
		}
		estimates[s] = sum / GLASSRAM_WINDOW;
		variances[s] = variance;
	}
}

enum glassram_error gr_estimate_neighbours(const struct glassram_estimator *estimator,
					   float *estimates, float *variances)
{
	uint32_t *pages = malloc(estimator->slots * sizeof(*pages) + 1);
	struct weights weights;
	size_t nr = 0;

	if (!pages)
		return gr_fail_errno(ENOMEM, "estimating %zu slots", estimator->slots);
	for (size_t s = 0; s < estimator->slots; s++)
		if (estimator->stamp[s] != GLASSRAM_STAMP_NO_PAGE)
			pages[nr++] = s;
	gr_estimate_direct(estimator, estimates, variances);
	init_weights(&weights, estimator, pages, nr);
	all_slots(estimator, &weights, pages, nr, estimates, variances);
	free(pages);
	return GLASSRAM_OK;
}
