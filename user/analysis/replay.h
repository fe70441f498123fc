/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * Replaying write traces: what sampling would have cost, and how true the map
 * would have been.
 *
 * The decisions are those of the module (kmod/sampler.c), the estimates those of
 * the library; the columns between them are played by this code.
 */
#ifndef ANALYSIS_REPLAY_H
#define ANALYSIS_REPLAY_H

#include <glassram/estimate.h>
#include <glassram/trace.h>

/* Sizes of the cells that are compared, in slots. */
#define REPLAY_SIZES 3
extern const size_t gr_replay_sizes[REPLAY_SIZES]; /* 1, 16, 64 */

/**
 * struct gr_replay - a trace, laid out in slots
 * @trace: the trace
 * @chunks: numbers of the 2 MiB chunks that were ever written, in order
 * @nr_chunks: their number
 * @slots: 512 for each chunk, rounded up to whole blocks
 * @first: slot of each range of the trace; a range that spans chunks is in one
 *	piece here, as neighbouring chunks are neighbours
 * @writes: written (page, epoch) pairs, first touches excepted
 */
struct gr_replay {
	const struct glassram_trace *trace;
	uint64_t *chunks;
	size_t nr_chunks;
	size_t slots;
	uint32_t *first;
	uint64_t writes;
};

enum glassram_error gr_replay_init(struct gr_replay *replay, const struct glassram_trace *trace);
void gr_replay_finish(struct gr_replay *replay);

/* Prices in ns, natively: docs/bench.md. */
#define REPLAY_FAULT_NS 727
#define REPLAY_CALL_NS 600

/**
 * enum gr_replay_scheme - who decides what is armed, and who estimates
 * @REPLAY_SAMPLER: the module's decider and the library's estimator
 * @REPLAY_STRATIFIED: one slot in @stride, in rotation, stays armed to its hit; the
 *	rest is interpolated
 * @REPLAY_STRATIFIED_IDEAL: so, but disarmed after its epoch, for nothing: nobody
 *	can do that, but that is how the figures of this scheme are known
 */
enum gr_replay_scheme {
	REPLAY_SAMPLER,
	REPLAY_STRATIFIED,
	REPLAY_STRATIFIED_IDEAL,
};

/**
 * struct gr_replay_settings - how to replay
 * @scheme: which
 * @share: hits allowed, as a share of all writes but first touches
 * @stride: for the stratified schemes
 * @method: for REPLAY_SAMPLER
 * @blind: do not estimate, only find the price
 */
struct gr_replay_settings {
	enum gr_replay_scheme scheme;
	double share;
	unsigned int stride;
	enum glassram_method method;
	bool blind;
};

/**
 * struct gr_replay_result - what came of it, all windows together
 * @windows: how many whole windows the trace has
 * @faults: hits, as a share of the writes
 * @hits: their number
 * @calls: arming calls
 * @price_us: of the whole trace
 * @accuracy: 1 - sum |truth - estimate| / sum truth, for each size of cells
 * @reported: what the estimator thought that was; means over the windows
 * @f1: of the slots that were written at all in a window
 * @ms: CPU time of the estimate of a window, looks at the columns included; mean
 * @decide_ms: CPU time of the decision of a tick, mean
 * @figures: of the last window
 */
struct gr_replay_result {
	unsigned int windows;
	double faults;
	uint64_t hits;
	uint64_t calls;
	double price_us;
	double accuracy[REPLAY_SIZES];
	double reported[REPLAY_SIZES];
	double f1;
	double ms;
	double decide_ms;
	struct glassram_estimate_figures figures;
};

/**
 * gr_replay_run() - replay a trace
 * @replay: the trace
 * @settings: how
 * @ret_result: filled
 */
enum glassram_error gr_replay_run(const struct gr_replay *replay,
				  const struct gr_replay_settings *settings,
				  struct gr_replay_result *ret_result);

/**
 * gr_replay_match() - the stratified scheme at a price
 * @replay: the trace
 * @price_us: its price is at least this, and as near as strides allow
 * @ret_result: filled
 */
enum glassram_error gr_replay_match(const struct gr_replay *replay, double price_us,
				    struct gr_replay_result *ret_result);

/**
 * gr_replay_oracle() - the best independent samples, by one who knows the truth
 * @replay: the trace
 * @share: hits allowed, as a share of the writes
 * @ret_accuracy: expected accuracy of each size of cells
 *
 * Each slot is observed in n epochs, chosen at random, and every slot estimated
 * for itself. n is as ((1 - p) / p)^(1/3), which is best for single pages, with p
 * the true share of epochs. Who uses neighbours may do better.
 */
enum glassram_error gr_replay_oracle(const struct gr_replay *replay, double share,
				     double ret_accuracy[REPLAY_SIZES]);

/* replay_stratified.c: what the rest of the slots did in an epoch, added to @estimates. */
struct gr_stratified {
	unsigned int stride;
	uint32_t phase;
};

bool gr_stratified_has(const struct gr_stratified *stratified, size_t slot);
/* @known: 0 not known, 1 known quiet, 2 known written, 3 no page */
void gr_stratified_estimate(const struct gr_stratified *stratified, const uint8_t *known,
			    size_t slots, float *estimates);

#endif
