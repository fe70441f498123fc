/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * From samples to the whole map: how often each page was written, estimated
 * from what its armed epochs have shown, with a confidence.
 *
 * An estimator remembers of each slot what is known of its last epochs, taken
 * from the columns STAMP and ARMED once in each epoch (or less often, and then
 * it knows less). What is not known is estimated in one of three ways:
 *
 * - *neighbours* (the default): in each unknown epoch a slot did what those did
 *	that were known in that epoch, near in address, and alike in the epochs in
 *	which both were known;
 * - *direct*: each slot has its own rate, hits in known epochs, drawn towards
 *	that of its 16 and 64 neighbours where little is known;
 * - *L1*: the map whose Haar transform has the smallest sum of absolute values
 *	among those that agree with the known rates (FISTA).
 *
 * docs/sampling.md compares them.
 *
 * Weak: all state is per slot, 56 bytes of it; slots of pages that move keep
 * the history of what was there before for the length of the window.
 */
#ifndef GLASSRAM_ESTIMATE_H
#define GLASSRAM_ESTIMATE_H

#include <glassram/glassram.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Epochs of a window: about a second at 60 Hz. */
#define GLASSRAM_WINDOW 60
/* Order of the smallest and the largest map, and the usual one. */
#define GLASSRAM_ORDER_MIN 4
#define GLASSRAM_ORDER_MAX 12
#define GLASSRAM_ORDER_DEFAULT 8

struct glassram_estimator;

/**
 * enum glassram_method - how to estimate what is not known
 */
enum glassram_method {
	GLASSRAM_METHOD_NEIGHBOURS,
	GLASSRAM_METHOD_DIRECT,
	GLASSRAM_METHOD_L1,
};

/**
 * struct glassram_estimate_figures - how an estimate came about
 * @pages: slots with a page
 * @coverage: share of the (page, epoch) pairs of the window that are known
 * @accuracy: what the estimator thinks of itself, pages, 16-slot and 64-slot cells:
 *	1 - sum of the expected errors / sum of the estimates
 * @together: how much the errors of neighbours go together, in cells of 16 and of 64
 *	slots: 0 not at all, 1 wholly
 * @iterations: of L1; else 0
 * @sparsity: share of the coefficients of L1 that are not 0; else 0
 */
struct glassram_estimate_figures {
	uint64_t pages;
	double coverage;
	double accuracy[3];
	float together[2];
	uint32_t iterations;
	double sparsity;
};

/**
 * glassram_estimator_create() - an estimator that knows nothing yet
 * @slots: how many; see glassram_estimator_resize()
 * @ret_estimator: destroy with glassram_estimator_destroy()
 */
enum glassram_error glassram_estimator_create(size_t slots,
					      struct glassram_estimator **ret_estimator);

/* glassram_estimator_destroy() - free it; NULL is fine */
void glassram_estimator_destroy(struct glassram_estimator *estimator);

/**
 * glassram_estimator_resize() - the counters have grown
 * @estimator: keeps what it knows of the slots it had
 * @slots: not fewer than before
 */
enum glassram_error glassram_estimator_resize(struct glassram_estimator *estimator, size_t slots);

/**
 * glassram_estimator_observe() - take what the columns show
 * @estimator: best called once after each ADVANCE
 * @epoch: the epoch that is open now
 * @stamp: the STAMP column, all slots
 * @armed: the ARMED column, all slots
 */
void glassram_estimator_observe(struct glassram_estimator *estimator, uint32_t epoch,
				const uint32_t *stamp, const uint32_t *armed);

/**
 * glassram_estimator_run() - estimate the last GLASSRAM_WINDOW closed epochs
 * @estimator: the estimator
 * @method: how
 * @estimates: filled, one for each slot: share of the epochs in which it was
 *	written, 0 to 1
 * @errors: filled, one for each slot: the expected absolute error of the above;
 *	or NULL
 * @ret_figures: filled; or NULL
 */
enum glassram_error glassram_estimator_run(struct glassram_estimator *estimator,
					   enum glassram_method method, float *estimates,
					   float *errors,
					   struct glassram_estimate_figures *ret_figures);

/**
 * glassram_estimate_cells() - from slots to the cells of a map
 * @figures: as the estimate came with; only together is looked at
 * @estimates: of the slots, in order; @slots of them
 * @errors: their expected errors, or NULL
 * @slots: their number
 * @per_cell: slots of a cell, a power of two from 1 to 2^20
 * @ret_cells: filled: the mean of each cell; the last one may have fewer slots
 * @ret_confidence: filled: 1 - expected error / estimate, 0 to 1, and 1 where both
 *	are 0; or NULL
 * Return: number of cells.
 */
size_t glassram_estimate_cells(const struct glassram_estimate_figures *figures,
			       const float *estimates, const float *errors, size_t slots,
			       size_t per_cell, float *ret_cells, float *ret_confidence);

/**
 * glassram_estimate_order() - the largest map that the evidence can fill
 * @figures: as the estimate came with; only together is looked at
 * @estimates: of the slots
 * @errors: their expected errors
 * @slots: their number
 * @min: smallest order wanted, GLASSRAM_ORDER_MIN or more
 * @max: largest order wanted, GLASSRAM_ORDER_MAX or less
 * @floor: accuracy that cells should have, 0 to 1
 * @ret_accuracy: self-reported accuracy of that order; below @floor only if no
 *	order has more. Or NULL
 * Return: the order: 4^order cells hold the slots.
 */
unsigned int glassram_estimate_order(const struct glassram_estimate_figures *figures,
				     const float *estimates, const float *errors, size_t slots,
				     unsigned int min, unsigned int max, double floor,
				     double *ret_accuracy);

#ifdef __cplusplus
}
#endif

#endif /* GLASSRAM_ESTIMATE_H */
