// SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0
/*
 * The direct estimator: every slot has a rate of its own.
 *
 * A slot is known from its arming to its hit, so for writes at random its hits
 * divided by its known epochs is the likeliest rate (the geometric
 * distribution). Where little is known it is drawn towards the rate of its 16
 * neighbours, theirs towards that of 64, and theirs towards that of all, each
 * with the weight of some known epochs.
 * Weak: knows nothing of time: a burst is spread over the whole window.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "../libglassram/internal.h"
#include "estimator.h"

/* Known epochs that the opinion of the neighbourhood is worth. */
#define PRIOR 2.0f

struct tally {
	float hits;
	float known;
};

/* Of the epochs in which they may stand for others: the rest tells of themselves only. */
static struct tally tally(const struct glassram_estimator *estimator, size_t first, size_t nr)
{
	struct tally sum = { 0 };

	for (size_t s = first; s < first + nr && s < estimator->slots; s++) {
		uint64_t trusted = estimator->trusted[s] & WINDOW_MASK;

		sum.hits += __builtin_popcountll(estimator->written[s] & trusted);
		sum.known += __builtin_popcountll(trusted);
	}
	return sum;
}

static float shrink(struct tally tally, float prior)
{
	return (tally.hits + PRIOR * prior) / (tally.known + PRIOR);
}

POPCNT static void all_slots(const struct glassram_estimator *estimator, float *estimates,
			     float *errors)
{
	struct tally all = tally(estimator, 0, estimator->slots);
	float rate = all.known > 0 ? all.hits / all.known : 0, rate64 = rate, rate16 = rate;

	for (size_t s = 0; s < estimator->slots; s++) {
		uint64_t known = estimator->known[s] & WINDOW_MASK;
		float hits = __builtin_popcountll(estimator->written[s] & WINDOW_MASK);
		float nr = __builtin_popcountll(known), unknown = GLASSRAM_WINDOW - nr, own;

		if (!(s % 64))
			rate64 = shrink(tally(estimator, s, 64), rate);
		if (!(s % 16))
			rate16 = shrink(tally(estimator, s, 16), rate64);
		own = shrink(tally(estimator, s, 1), rate16);
		estimates[s] = (hits + unknown * own) / GLASSRAM_WINDOW;
		errors[s] = MEAN_ABSOLUTE / GLASSRAM_WINDOW *
			    sqrtf(unknown * own * (1 - own) * (1 + unknown / (nr + PRIOR)));
	}
}

enum glassram_error gr_estimate_direct(const struct glassram_estimator *estimator,
				       float *estimates, float *errors)
{
	all_slots(estimator, estimates, errors);
	return GLASSRAM_OK;
}
