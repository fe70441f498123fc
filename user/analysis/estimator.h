/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * What the files of the estimator share.
 */
#ifndef ANALYSIS_ESTIMATOR_H
#define ANALYSIS_ESTIMATOR_H

#include <glassram/estimate.h>

/* Slots that the decider looks at together (kmod/sampler.h). */
#define RUN 64

/* The epochs of a window, as bits of a history: bit 0 is the last closed one. */
#define WINDOW_MASK ((1ULL << GLASSRAM_WINDOW) - 1)

/* The compiler makes a version for each of these machines and picks one at start. */
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
#define SIMD __attribute__((target_clones("avx2", "default")))
#define POPCNT __attribute__((target_clones("popcnt", "default")))
#else
#define SIMD
#define POPCNT
#endif

/**
 * struct glassram_estimator - what is known of the slots
 * @slots: their number
 * @epoch: that was open when the columns were taken last, 0 if never
 * @stamp: the columns as they were then
 * @armed: so, too
 * @known: bits of epochs in which it is known whether the slot was written
 * @written: bits of those in which it was
 * @trusted: bits of those in which it may stand for others
 * @known_before: the bits that were shifted out of @known; epochs 64 to 127 back
 * @written_before: so, too
 */
struct glassram_estimator {
	size_t slots;
	uint32_t epoch;
	uint32_t *stamp;
	uint32_t *armed;
	uint64_t *known;
	uint64_t *written;
	uint64_t *trusted;
	uint64_t *known_before;
	uint64_t *written_before;
};

/* Mean of the absolute value, by the deviation, of what is normally distributed. */
#define MEAN_ABSOLUTE 0.798f

/* Each fills @estimates and the expected absolute @errors of all slots. */
enum glassram_error gr_estimate_direct(const struct glassram_estimator *estimator,
				       float *estimates, float *errors);
enum glassram_error gr_estimate_neighbours(const struct glassram_estimator *estimator,
					   float *estimates, float *errors,
					   struct glassram_estimate_figures *figures);
enum glassram_error gr_estimate_l1(const struct glassram_estimator *estimator, float *estimates,
				   float *errors, struct glassram_estimate_figures *figures);

/**
 * struct gr_trial - an estimator tested on what is known (estimate_trial.c)
 * @guessed: of each slot: sum of the deviations of its guessed epochs
 * @chance: sum of the squares of these
 * @wrong: sum of (what was - what would have been guessed) / deviation
 * @tests: how many those are
 * @squares: sum of the squares of those, all slots together
 */
struct gr_trial {
	float *guessed;
	float *chance;
	float *wrong;
	float *tests;
	double squares;
};

bool gr_trial_init(struct gr_trial *trial, size_t slots);
void gr_trial_finish(struct gr_trial *trial);
/* From the outcome to the expected @errors, and to figures->together. */
void gr_trial_errors(const struct gr_trial *trial, size_t slots, float *errors,
		     struct glassram_estimate_figures *figures);

#endif
