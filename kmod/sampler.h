/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which pages to arm at a tick, when not all can be.
 *
 * The same code decides in the module and, for `glassctl sample-bench` and the
 * preload source, in userspace: no floats, no allocation, nothing of the kernel
 * but <linux/types.h> and our own uapi header.
 *
 * A slot is armed from the tick that armed it to its next hit; until then it is
 * known not to be written, and costs nothing. What costs is a hit, and arming
 * anew. So each tick looks at all slots in runs of 64 and keeps a *density* of
 * trusted armed slots in each:
 *
 * - an armed slot is trusted as long as no slot of its run was hit after it had
 *   been armed, and for four epochs at most: one that stays quiet among hits, or
 *   for long, is quieter than most, and says nothing about the unarmed ones (it
 *   is still known for itself);
 * - what is missing is drawn at random, evenly spread, among the unarmed slots
 *   of the run, each with the same known chance: the outcome of a fresh draw,
 *   weighted with 1 / chance, is an unbiased estimate of what the others did.
 *
 * The density is what the limits set: at each tick it is moved so that what is
 * spent meets what is earned.
 *
 * Weak: a sudden sweep over slots that are armed because they were quiet costs
 * a fault for each, at once; only the ticks after it can save. Slots that the
 * policy rejects look armed when they are not.
 */
#ifndef GLASSRAM_SAMPLER_H
#define GLASSRAM_SAMPLER_H

#include <linux/types.h>

#include <linux/glassram.h>

/* Slots of a run; a run is a word of a choice. */
#define GLASSRAM_SAMPLER_RUN 64
#define GLASSRAM_SAMPLER_RUNS (GLASSRAM_BLOCK_SLOTS / GLASSRAM_SAMPLER_RUN)
/* Epochs for which an armed slot may stand for others, unless it is proved unlike them. */
#define GLASSRAM_SAMPLER_TRUST 4
/* Shares, chances and densities are fractions of this. */
#define GLASSRAM_SAMPLER_ONE 65536U

/**
 * struct glassram_sampler_limit - what may be spent on one thing, and what was
 * @earned: running mean of a tick
 * @spent: so, too
 * @credit: all that was earned and not spent; bounded, may be negative
 */
struct glassram_sampler_limit {
	__u64 earned;
	__u64 spent;
	__s64 credit;
};

/**
 * struct glassram_sampler - the decisions of one session; zeroes at first
 * @share: set by the caller: most hits, as a share of all writes but first
 *	touches; 0: no such limit
 * @epoch: the open one
 * @fault_ns: price of a hit
 * @call_ns: price of an arming call
 * @density: of trusted armed slots, as a share; ONE: all are armed at each tick
 * @random: state of the generator
 * @hits: hits of armed slots in the epoch that was closed last (first touches
 *	are not among them: they fault anyway)
 * @writes: estimate of the slots written in it, first touches excepted; 1/256
 * @pages: slots that were chosen in this tick
 * @calls: stretches of them
 * @time: the limit in ns
 * @faults: the limit by @share; in 1/256 hits
 */
struct glassram_sampler {
	__u32 share;
	__u32 epoch;
	__u32 fault_ns;
	__u32 call_ns;
	__u32 density;
	__u32 random;
	__u64 hits;
	__u64 writes;
	__u64 pages;
	__u64 calls;
	struct glassram_sampler_limit time;
	struct glassram_sampler_limit faults;
};

/**
 * struct glassram_sampler_memory - what is kept of one block; zeroes at first
 * @chance: with which the unarmed slots of each run were drawn last, less one
 *	65536th; 0: none was
 */
struct glassram_sampler_memory {
	__u16 chance[GLASSRAM_SAMPLER_RUNS];
};

/**
 * struct glassram_sampler_block - a block of GLASSRAM_BLOCK_SLOTS slots, to be looked at
 * @stamp: its part of the STAMP column
 * @armed: epoch for which each slot was armed last, 0 never: it is armed now if
 *	that is above its stamp
 * @memory: the same at each tick
 */
struct glassram_sampler_block {
	const __u32 *stamp;
	const __u32 *armed;
	struct glassram_sampler_memory *memory;
};

/**
 * struct glassram_sampler_found - what the looks of a tick have found
 * @pages: slots with a page
 * @pending: that were armed once, were hit, and were not armed before this tick
 * @unarmed: that are not armed after this tick
 */
struct glassram_sampler_found {
	__u32 pages;
	__u32 pending;
	__u32 unarmed;
};

/**
 * glassram_sampler_open() - a tick begins
 * @sampler: the session's
 * @epoch: that was just opened; what is chosen is armed for it
 * @earned_ns: what the target may pay for the time since the last tick; 0 while
 *	it did not run. ~0: no limit
 * @fault_ns: what it pays for a hit
 * @call_ns: what it pays for an arming call
 */
void glassram_sampler_open(struct glassram_sampler *sampler, __u32 epoch, __u64 earned_ns,
			   __u32 fault_ns, __u32 call_ns);

/**
 * glassram_sampler_choose() - which slots of a block to arm now
 * @sampler: the session's, opened
 * @block: the block
 * @chosen: filled: a bit for each slot; a stretch of bits is one arming call. Bits
 *	of slots that are armed already, or have no page, join stretches
 * @found: added to
 */
void glassram_sampler_choose(struct glassram_sampler *sampler,
			     const struct glassram_sampler_block *block,
			     __u64 chosen[GLASSRAM_SAMPLER_RUNS],
			     struct glassram_sampler_found *found);

#endif /* GLASSRAM_SAMPLER_H */
