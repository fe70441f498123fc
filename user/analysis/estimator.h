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

/* Each fills @estimates and @variances (of the number of epochs written) of all slots. */
enum glassram_error gr_estimate_direct(const struct glassram_estimator *estimator,
				       float *estimates, float *variances);
enum glassram_error gr_estimate_neighbours(const struct glassram_estimator *estimator,
					   float *estimates, float *variances);
enum glassram_error gr_estimate_l1(const struct glassram_estimator *estimator, float *estimates,
				   float *variances, struct glassram_estimate_figures *figures);

#endif
