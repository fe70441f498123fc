// SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0
/*
 * What an estimator thinks of itself, by a test: what was known is guessed as if
 * it had not been, and compared.
 *
 * Each guess says p; what it is off by, divided by the deviation of p, has the
 * variance 1 if p is right. Three things are measured, all slots together:
 * the mean square (chance), the mean product of two epochs of one slot (a slot
 * that is not like its neighbours errs the same way in all its epochs), and the
 * mean product of epochs of different slots of one cell (a cell errs as one).
 * The errors of the guesses that could not be tested are expected to be such.
 *
 * Weak: what is tested is what was armed, and with one witness less.
 */
#include <math.h>
#include <stdlib.h>

#include "estimator.h"

bool gr_trial_init(struct gr_trial *trial, size_t slots)
{
	float *room = calloc(4 * slots + 1, sizeof(*room));

	if (!room)
		return false;
	*trial = (struct gr_trial){
		.guessed = room,
		.chance = room + slots,
		.wrong = room + 2 * slots,
		.tests = room + 3 * slots,
	};
	return true;
}

void gr_trial_finish(struct gr_trial *trial)
{
	free(trial->guessed);
	*trial = (struct gr_trial){ 0 };
}

/* Mean product of tests of different slots of the same cell. */
static double cell_product(const struct gr_trial *trial, size_t slots, size_t per_cell)
{
	double products = 0, pairs = 0;

	for (size_t first = 0; first < slots; first += per_cell) {
		size_t end = first + per_cell < slots ? first + per_cell : slots;
		double wrong = 0, tests = 0;

		for (size_t s = first; s < end; s++) {
			wrong += trial->wrong[s];
			tests += trial->tests[s];
			products -= trial->wrong[s] * trial->wrong[s];
			pairs -= trial->tests[s] * trial->tests[s];
		}
		products += wrong * wrong;
		pairs += tests * tests;
	}
	return pairs > 0 ? fmax(0, products / pairs) : 0;
}

void gr_trial_errors(const struct gr_trial *trial, size_t slots, float *errors,
		     struct glassram_estimate_figures *figures)
{
	double tests = 0, products = -trial->squares, pairs = 0, straight = 0, squares = 0;
	double chance, slot, cells[2];

	for (size_t s = 0; s < slots; s++) {
		tests += trial->tests[s];
		products += trial->wrong[s] * trial->wrong[s];
		pairs += trial->tests[s] * (trial->tests[s] - 1);
	}
	chance = tests > 0 ? trial->squares / tests : 1;
	slot = pairs > 0 ? fmax(0, products / pairs) : chance;
	for (size_t s = 0; s < slots; s++) {
		double variance = slot * trial->guessed[s] * trial->guessed[s] +
				  chance * trial->chance[s];

		errors[s] = MEAN_ABSOLUTE * sqrt(variance) / GLASSRAM_WINDOW;
		squares += variance;
		straight += trial->guessed[s] * trial->guessed[s];
	}
	/* A slot's part of what its cell errs as one, in what it errs at all. */
	cells[0] = cell_product(trial, slots, 16);
	cells[1] = cell_product(trial, slots, 64);
	for (int i = 0; i < 2; i++)
		figures->together[i] = squares > 0 ? fmin(1, cells[i] * straight / squares) : 0;
}
