// SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0
/*
 * The best that independent samples can do: see gr_replay_oracle().
 *
 * The expected absolute error of a rate p seen in n of N epochs is that of a
 * normal distribution with the variance p (1 - p) / n (1 - n / N); the errors
 * of the slots of a cell are independent.
 * Weak: for few samples that is no normal distribution.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../libglassram/internal.h"
#include "replay.h"

#define MEAN_ABSOLUTE 0.7979 /* sqrt(2 / pi) */

/* Epochs in which to observe, so that the hits are @budget in all. */
static double scale_for(const double *truth, size_t slots, double budget)
{
	double low = 0, high = GLASSRAM_WINDOW * 1e3;

	for (int i = 0; i < 60; i++) {
		double scale = (low + high) / 2, hits = 0;

		for (size_t s = 0; s < slots; s++)
			if (truth[s] > 0)
				hits += truth[s] * fmin(GLASSRAM_WINDOW,
							scale * cbrt((1 - truth[s]) / truth[s]) +
							1e-9);
		if (hits < budget)
			low = scale;
		else
			high = scale;
	}
	return low;
}

static void add_window(const double *truth, size_t slots, double share, double *wrong,
		       double *sum)
{
	double budget = 0, scale;

	for (size_t s = 0; s < slots; s++)
		budget += share * truth[s] * GLASSRAM_WINDOW;
	scale = scale_for(truth, slots, budget);
	for (size_t size = 0; size < REPLAY_SIZES; size++) {
		for (size_t s = 0; s < slots; s += gr_replay_sizes[size]) {
			double variance = 0;

			for (size_t i = s; i < s + gr_replay_sizes[size]; i++) {
				double p = truth[i], n;

				if (p <= 0 || p >= 1)
					continue;
				n = fmax(1e-3, fmin(GLASSRAM_WINDOW, scale * cbrt((1 - p) / p)));
				/* Nobody need be worse than who says p = 0. */
				variance += fmin(p * (1 - p) / n * (1 - n / GLASSRAM_WINDOW),
						 p * p / MEAN_ABSOLUTE / MEAN_ABSOLUTE);
			}
			wrong[size] += MEAN_ABSOLUTE * sqrt(variance);
		}
	}
	for (size_t s = 0; s < slots; s++)
		*sum += truth[s];
}

enum glassram_error gr_replay_oracle(const struct gr_replay *replay, double share,
				     double ret_accuracy[REPLAY_SIZES])
{
	double *truth = calloc(replay->slots + 1, sizeof(*truth)), sum = 0;
	double wrong[REPLAY_SIZES] = { 0 };

	if (!truth)
		return gr_fail_errno(ENOMEM, "replaying a trace");
	for (size_t e = 0; e < replay->trace->nr_epochs; e++) {
		const struct glassram_trace_epoch *record = &replay->trace->epochs[e];

		for (size_t i = record->first; i < record->first + record->nr; i++)
			for (uint64_t n = 0; n < replay->trace->ranges[i].count; n++)
				truth[replay->first[i] + n] += 1.0 / GLASSRAM_WINDOW;
		if ((e + 1) % GLASSRAM_WINDOW)
			continue;
		for (size_t s = 0; s < replay->slots; s++)
			truth[s] = fmin(truth[s], 1);
		add_window(truth, replay->slots, share, wrong, &sum);
		memset(truth, 0, replay->slots * sizeof(*truth));
	}
	free(truth);
	for (size_t i = 0; i < REPLAY_SIZES; i++)
		ret_accuracy[i] = sum > 0 ? 1 - wrong[i] / sum : 1;
	return GLASSRAM_OK;
}
