/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which pages to arm at a tick, when not all can be.
 *
 * The same code decides in the module and, for `glassctl sample-bench` and the
 * preload source, in userspace: no floats, no allocation, nothing but
 * <linux/types.h>.
 *
 * A slot is armed from the tick that armed it to its next hit; until then it is
 * known not to be written, and costs nothing. What costs is a hit, and arming
 * anew. So each tick looks at all slots in runs of 64 and keeps a *density* of
 * trustworthy armed slots in each:
 *
 * - an armed slot is trustworthy as long as no other slot of its run was hit
 *   after it had been armed: one that stays quiet among hits is unlike them, and
 *   says nothing about the unarmed ones (it is still known for itself);
 * - what is missing is drawn at random, evenly spread, among the unarmed slots
 *   of the run, each with the same known chance: the outcome of a fresh draw,
 *   weighted with 1 / chance, is an unbiased estimate of what the others did.
 *
 * The density is what the budget sets: after each tick it is moved so that the
 * spending, averaged over some 16 ticks, meets the budget.
 *
 * Weak: a sudden sweep over slots that are armed because they were quiet costs
 * a fault for each, at once; only the ticks after it can save. Slots that the
 * policy rejects look armed when they are not.
 */
#ifndef GLASSRAM_SAMPLER_H
#define GLASSRAM_SAMPLER_H

#include <linux/types.h>

/* Slots of a run; a run is a word of a plan. */
#define GLASSRAM_SAMPLER_RUN 64
/* Runs of a block of GLASSRAM_BLOCK_SLOTS. */
#define GLASSRAM_SAMPLER_RUNS 16
/* Shares, chances and densities are fractions of this. */
#define GLASSRAM_SAMPLER_ONE 65536U

/**
 * struct glassram_sampler_costs - what the target pays, in ns, measured live
 * @fault: a hit
 * @call: one arming call, of however many pages
 * @page: each page that it arms
 * @flush: a flush of the TLB of the target's CPUs, one for each call
 */
struct glassram_sampler_costs {
	__u32 fault;
	__u32 call;
	__u32 page;
	__u32 flush;
};

/**
 * struct glassram_sampler_tick - what one tick has found and spent
 * @hits: hits of armed slots in the epoch that was closed (first touches are
 *	not among them: they fault anyway)
 * @writes: estimate of the slots written in it, first touches excepted
 * @pages: slots to be armed
 * @calls: stretches of neighbours among them: arming calls
 * @unarmed: slots that stay unarmed
 * @ns: the price: @hits, @calls and @pages by struct glassram_sampler_costs
 */
struct glassram_sampler_tick {
	__u64 hits;
	__u64 writes;
	__u64 pages;
	__u64 calls;
	__u64 unarmed;
	__u64 ns;
};

/**
 * struct glassram_sampler - the decisions of one session
 * @share: most hits, as a share of all writes but first touches; ONE: no limit
 * @budget_ns: most ns that the target may pay for an epoch; 0: no limit
 * @costs: may be changed at any time
 * @density: of trustworthy armed slots, as a share; ONE: all are armed, always
 * @tick: of the tick in progress, or the last one
 * @mean_hits: running means; 1/256
 * @mean_writes: so, too
 * @mean_ns: so, too
 * @random: state of the generator
 * @epoch: the epoch that the tick in progress closes
 */
struct glassram_sampler {
	__u32 share;
	__u64 budget_ns;
	struct glassram_sampler_costs costs;
	__u32 density;
	struct glassram_sampler_tick tick;
	__u64 mean_hits;
	__u64 mean_writes;
	__u64 mean_ns;
	__u32 random;
	__u32 epoch;
};

/**
 * struct glassram_sampler_block - what is kept of one block between ticks
 * @chance: with which the unarmed slots of each run were drawn; 0: none was
 * @unarmed: slots left unarmed; while it is 0 and nothing of the block is hit or
 *	touched for the first time, a tick may pass over the block
 */
struct glassram_sampler_block {
	__u32 chance[GLASSRAM_SAMPLER_RUNS];
	__u32 unarmed;
};

/**
 * glassram_sampler_init() - begin
 * @sampler: filled; limits and costs may be set after it
 * @share: see struct glassram_sampler; the density begins there, too
 * @seed: any number
 */
void glassram_sampler_init(struct glassram_sampler *sampler, __u32 share, __u32 seed);

/**
 * glassram_sampler_begin() - begin a tick
 * @sampler: the session's
 * @closed: the epoch that this tick closes; slots are armed in the next one
 */
void glassram_sampler_begin(struct glassram_sampler *sampler, __u32 closed);

/**
 * glassram_sampler_decide() - which slots of a block to arm
 * @sampler: the session's
 * @block: of this block; zeroes at first
 * @stamp: the block's STAMP column: epoch of the last hit; 0: no page there;
 *	1: never written
 * @armed: epoch for which each slot was armed last; 0: never. A slot is armed
 *	now if that is above its stamp. The caller sets it to @closed + 1 for
 *	the slots that it arms
 * @plan: filled: one word for each run, one bit for each slot to be armed
 *
 * Return: number of slots in @plan.
 */
__u32 glassram_sampler_decide(struct glassram_sampler *sampler,
			      struct glassram_sampler_block *block, const __u32 *stamp,
			      const __u32 *armed, __u64 plan[GLASSRAM_SAMPLER_RUNS]);

/**
 * glassram_sampler_end() - end a tick: set the density of the next one
 * @sampler: the session's; its @tick is now complete
 */
void glassram_sampler_end(struct glassram_sampler *sampler);

#endif /* GLASSRAM_SAMPLER_H */
