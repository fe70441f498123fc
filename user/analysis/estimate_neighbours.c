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
#define STEEP 18.0f
/* Epochs in which both were quiet, against one in which both were written. */
#define QUIET_WORTH 0.25f
/* Common epochs that the difference of strangers is worth. */
#define PRIOR 1.0f
/* Near pairs always seem alike on a map where nothing happens. */
#define STRANGE_MIN 0.1f
/* Weight of the slot's own rate: that of a near slot that differs by half. */
#define OWN_WEIGHT 0.001f
/* Nothing is certain: this much variance remains. */
#define DEVIATION_MIN 0.002f
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

/* What the neighbours say of the epochs of a slot: sums of weights. */
struct votes {
	float all[64];
	float written[64];
};

static inline float weight_of(const struct weights *weights, float differ, float alike)
{
	float difference = (differ + PRIOR * weights->strange) / (differ + alike + PRIOR);

	return weights->of_difference[(int)(difference * STEPS)];
}

static inline void vote(struct votes *votes, int epoch, uint64_t written, float weight)
{
	votes->all[epoch] += weight;
	if (written >> epoch & 1)
		votes->written[epoch] += weight;
}

/*
 * One neighbour votes on the epochs that are unknown, and on those that are to be
 * tested: there its likeness must not come from the very epoch.
 */
static inline void ask(const struct glassram_estimator *estimator, const struct weights *weights,
		       size_t s, size_t other, size_t distance, uint64_t unknown, uint64_t test,
		       struct votes *votes)
{
	uint64_t told = estimator->trusted[other] & unknown;
	uint64_t tested = estimator->trusted[other] & test;
	size_t apart = other > s ? other - s : s - other;
	float near = weights->of_distance[distance], weight;
	struct common common;

	if (!(told | tested))
		return;
	if (apart > FAR)
		near *= FAR_WEIGHT;
	common = compare(estimator, s, other);
	weight = near * weight_of(weights, common.differ, common.alike);
	for (; told; told &= told - 1)
		vote(votes, __builtin_ctzll(told), estimator->written[other], weight);
	for (; tested; tested &= tested - 1) {
		int epoch = __builtin_ctzll(tested);
		bool one = estimator->written[s] >> epoch & 1;
		bool two = estimator->written[other] >> epoch & 1;

		if (one != two)
			weight = weight_of(weights, common.differ - 1, common.alike);
		else
			weight = weight_of(weights, common.differ, common.alike - QUIET_WORTH -
								   (one ? 1 : 0));
		vote(votes, epoch, estimator->written[other], near * weight);
	}
}

static inline float share_of(const struct votes *votes, int epoch, float own)
{
	return (votes->written[epoch] + OWN_WEIGHT * own) / (votes->all[epoch] + OWN_WEIGHT);
}

/* The deviation of an epoch that is written with chance @p. */
static inline float deviation(float p)
{
	return sqrtf(p * (1 - p) + DEVIATION_MIN);
}

POPCNT static void all_slots(const struct glassram_estimator *estimator,
			     const struct weights *weights, const uint32_t *pages, size_t nr,
			     float *estimates, struct gr_trial *trial)
{
	for (size_t i = 0; i < nr; i++) {
		size_t s = pages[i];
		uint64_t unknown = ~estimator->known[s] & WINDOW_MASK;
		uint64_t test = unknown ? estimator->trusted[s] & WINDOW_MASK : 0;
		float own, sum = __builtin_popcountll(estimator->written[s] & WINDOW_MASK);
		struct votes votes = { 0 };

		if (!unknown)
			continue;
		/* The direct estimator has left its estimate of the whole window. */
		own = (estimates[s] * GLASSRAM_WINDOW - sum) / __builtin_popcountll(unknown);
		for (size_t d = 1; d <= REACH; d++) {
			if (d <= i)
				ask(estimator, weights, s, pages[i - d], d, unknown, test, &votes);
			if (i + d < nr)
				ask(estimator, weights, s, pages[i + d], d, unknown, test, &votes);
		}
		for (; unknown; unknown &= unknown - 1) {
			float p = share_of(&votes, __builtin_ctzll(unknown), own);

			sum += p;
			trial->guessed[s] += deviation(p);
			trial->chance[s] += deviation(p) * deviation(p);
		}
		for (; test; test &= test - 1) {
			int epoch = __builtin_ctzll(test);
			float p = share_of(&votes, epoch, own);
			float wrong = ((estimator->written[s] >> epoch & 1) - p) / deviation(p);

			trial->wrong[s] += wrong;
			trial->squares += wrong * wrong;
			trial->tests[s]++;
		}
		estimates[s] = sum / GLASSRAM_WINDOW;
	}
}

enum glassram_error gr_estimate_neighbours(const struct glassram_estimator *estimator,
					   float *estimates, float *errors,
					   struct glassram_estimate_figures *figures)
{
	size_t slots = estimator->slots, nr = 0;
	uint32_t *pages = malloc(slots * sizeof(*pages) + 1);
	struct weights weights;
	struct gr_trial trial;

	if (!pages || !gr_trial_init(&trial, slots)) {
		free(pages);
		return gr_fail_errno(ENOMEM, "estimating %zu slots", slots);
	}
	for (size_t s = 0; s < slots; s++)
		if (estimator->stamp[s] != GLASSRAM_STAMP_NO_PAGE)
			pages[nr++] = s;
	gr_estimate_direct(estimator, estimates, errors);
	init_weights(&weights, estimator, pages, nr);
	all_slots(estimator, &weights, pages, nr, estimates, &trial);
	gr_trial_errors(&trial, slots, errors, figures);
	gr_trial_finish(&trial);
	free(pages);
	return GLASSRAM_OK;
}
