// SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0
/*
 * From slots to the cells of a map, and what the estimate thinks of itself.
 *
 * The errors of neighbours go together, more or less: the expected error of a
 * cell lies between that of independent slots (the root of the sum of squares)
 * and that of slots that err as one (the sum). How much they go together was
 * measured on the known epochs (estimate_trial.c).
 * Weak: for cells of more than 64 slots that is an assumption.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../libglassram/internal.h"
#include "estimator.h"

/* How much the errors of the slots of such a cell go together. */
static float together(const struct glassram_estimate_figures *figures, size_t per_cell)
{
	if (per_cell <= 16)
		return figures->together[0];
	if (per_cell <= 64)
		return figures->together[1];
	/* Beyond that nobody has looked: as if no more than 64 did. */
	return figures->together[1] * 64 / per_cell;
}

/* Mean of @nr slots, and its expected error. */
SIMD static void cell(float together, const float *estimates, const float *errors, size_t nr, float *ret_mean,
		      float *ret_error)
{
	float sum = 0, squares = 0, straight = 0;

	for (size_t i = 0; i < nr; i++)
		sum += estimates[i];
	for (size_t i = 0; errors && i < nr; i++) {
		straight += errors[i];
		squares += errors[i] * errors[i];
	}
	*ret_mean = sum / nr;
	*ret_error = sqrtf((1 - together) * squares + together * straight * straight) / nr;
}

size_t glassram_estimate_cells(const struct glassram_estimate_figures *figures,
			       const float *estimates, const float *errors, size_t slots,
			       size_t per_cell, float *ret_cells, float *ret_confidence)
{
	float share = together(figures, per_cell);
	size_t nr = 0;

	for (size_t s = 0; s < slots; s += per_cell, nr++) {
		size_t length = slots - s < per_cell ? slots - s : per_cell;
		float mean, error;

		cell(share, estimates + s, errors ? errors + s : NULL, length, &mean, &error);
		ret_cells[nr] = mean;
		if (ret_confidence)
			ret_confidence[nr] = mean <= 0 ? error <= 0 : fmaxf(0, 1 - error / mean);
	}
	return nr;
}

/* Self-reported accuracy of cells of this many slots. */
static double accuracy_of(const struct glassram_estimate_figures *figures, const float *estimates, const float *errors, size_t slots,
			  size_t per_cell)
{
	float share = together(figures, per_cell);
	double sum = 0, wrong = 0;

	for (size_t s = 0; s < slots; s += per_cell) {
		size_t length = slots - s < per_cell ? slots - s : per_cell;
		float mean, error;

		cell(share, estimates + s, errors + s, length, &mean, &error);
		sum += mean * length;
		wrong += error * length;
	}
	return sum > 0 ? fmax(0, 1 - wrong / sum) : 1;
}

unsigned int glassram_estimate_order(const struct glassram_estimate_figures *figures,
				     const float *estimates, const float *errors, size_t slots,
				     unsigned int min, unsigned int max, double floor,
				     double *ret_accuracy)
{
	unsigned int order = min < GLASSRAM_ORDER_MIN ? GLASSRAM_ORDER_MIN : min;
	double accuracy = 0, best;

	if (max > GLASSRAM_ORDER_MAX)
		max = GLASSRAM_ORDER_MAX;
	if (max < order)
		max = order;
	best = accuracy_of(figures, estimates, errors, slots, (slots >> 2 * order) + 1);
	/* Where each slot has a cell there is nothing finer to see. */
	for (unsigned int o = order + 1; o <= max && slots >> 2 * order; o++) {
		accuracy = accuracy_of(figures, estimates, errors, slots, (slots >> 2 * o) + 1);
		if (accuracy < floor)
			break;
		order = o;
		best = accuracy;
	}
	if (ret_accuracy)
		*ret_accuracy = best;
	return order;
}

enum glassram_error glassram_estimator_run(struct glassram_estimator *estimator,
					   enum glassram_method method, float *estimates,
					   float *errors,
					   struct glassram_estimate_figures *ret_figures)
{
	struct glassram_estimate_figures figures = { 0 };
	enum glassram_error error;
	uint64_t known = 0;
	float *room = NULL;

	if (!errors) {
		room = malloc(estimator->slots * sizeof(*room) + 1);
		if (!room)
			return gr_fail_errno(ENOMEM, "estimating %zu slots", estimator->slots);
		errors = room;
	}
	switch (method) {
	case GLASSRAM_METHOD_DIRECT:
		error = gr_estimate_direct(estimator, estimates, errors);
		break;
	case GLASSRAM_METHOD_L1:
		error = gr_estimate_l1(estimator, estimates, errors, &figures);
		break;
	default:
		error = gr_estimate_neighbours(estimator, estimates, errors, &figures);
	}
	for (size_t s = 0; !error && s < estimator->slots; s++) {
		if (estimator->stamp[s] == GLASSRAM_STAMP_NO_PAGE)
			continue;
		figures.pages++;
		known += __builtin_popcountll(estimator->known[s] & WINDOW_MASK);
	}
	if (!error && ret_figures) {
		figures.coverage = figures.pages ?
				   (double)known / (figures.pages * GLASSRAM_WINDOW) : 1;
		figures.accuracy[0] = accuracy_of(&figures, estimates, errors, estimator->slots, 1);
		figures.accuracy[1] = accuracy_of(&figures, estimates, errors, estimator->slots, 16);
		figures.accuracy[2] = accuracy_of(&figures, estimates, errors, estimator->slots, 64);
		*ret_figures = figures;
	}
	free(room);
	return error;
}
