// SPDX-License-Identifier: GPL-2.0
/*
 * Which pages to arm at a tick: see sampler.h.
 *
 * Weak: time is counted in ticks, so the means follow slowly at a low rate.
 */
#include "sampler.h"

#define ONE GLASSRAM_SAMPLER_ONE
#define RUN GLASSRAM_SAMPLER_RUN
#define RUNS GLASSRAM_SAMPLER_RUNS

/* The means forget within some 2^SHIFT ticks: a quarter of a second at 60 Hz. */
#define MEAN_SHIFT 4
#define MEAN_ONE 256
/* With fewer than one in 1,000 nothing is learnt within a second. */
#define DENSITY_MIN (ONE / 1024)
/* The density moves by an eighth of its error in a tick: slower than the means. */
#define GAIN_SHIFT 3
/*
 * Unarmed slots are drawn with a chance of density >> this, even where enough are
 * armed: else a slot that is unlike its run would never be found.
 */
#define EXPLORE_SHIFT 5

/* Marsaglia's xorshift: even enough to spread samples. */
static __u32 next_random(struct glassram_sampler *sampler)
{
	__u32 x = sampler->random;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	sampler->random = x;
	return x;
}

static int is_before(__u32 a, __u32 b)
{
	return (__s32)(a - b) < 0;
}

/* Was armed, and has not been hit since. */
static int is_armed(__u32 stamp, __u32 armed)
{
	return armed && is_before(stamp, armed);
}

void glassram_sampler_init(struct glassram_sampler *sampler, __u32 share, __u32 seed)
{
	*sampler = (struct glassram_sampler){
		.share = share,
		.density = share < DENSITY_MIN ? DENSITY_MIN : share,
		.random = seed ? seed : 1, /* 0 would stay 0 for ever */
	};
}

void glassram_sampler_begin(struct glassram_sampler *sampler, __u32 closed)
{
	sampler->epoch = closed;
	sampler->tick = (struct glassram_sampler_tick){ 0 };
}

/**
 * struct run - what a run of slots looks like at a tick
 * @pages: slots with a page
 * @unarmed: bits of those that are not armed
 * @nr_unarmed: their number
 * @trusted: armed ones, since the last hit of any slot of the run
 */
struct run {
	__u32 pages;
	__u64 unarmed;
	__u32 nr_unarmed;
	__u32 trusted;
};

static struct run look_at_run(struct glassram_sampler *sampler, __u32 chance,
			      const __u32 *stamp, const __u32 *armed)
{
	struct run run = { 0 };
	__u32 last_hit = 0, i;

	for (i = 0; i < RUN; i++) {
		if (!stamp[i])
			continue;
		run.pages++;
		if (is_armed(stamp[i], armed[i]))
			continue;
		run.unarmed |= 1ULL << i;
		run.nr_unarmed++;
		/* Never armed: that was the first touch, which says nothing. */
		if (!armed[i])
			continue;
		if (!last_hit || is_before(last_hit, stamp[i]))
			last_hit = stamp[i];
		if (stamp[i] != sampler->epoch)
			continue;
		sampler->tick.hits++;
		/* A fresh draw stands for all those that could have been drawn. */
		sampler->tick.writes += armed[i] == sampler->epoch && chance ?
					(__u64)MEAN_ONE * ONE / chance : MEAN_ONE;
	}
	for (i = 0; i < RUN; i++)
		if (stamp[i] && is_armed(stamp[i], armed[i]) &&
		    (!last_hit || is_before(last_hit, armed[i])))
			run.trusted++;
	return run;
}

/* The chance of each unarmed slot of a run to be armed now. */
static __u32 chance_of(const struct glassram_sampler *sampler, const struct run *run)
{
	__u32 wanted = run->pages * sampler->density, chance = 0;

	if (!run->nr_unarmed)
		return 0;
	if (wanted > run->trusted * ONE)
		chance = (wanted - run->trusted * ONE) / run->nr_unarmed;
	chance += sampler->density >> EXPLORE_SHIFT;
	return chance > ONE ? ONE : chance;
}

static __u32 count_bits(__u64 word)
{
	__u32 nr = 0;

	for (; word; word &= word - 1)
		nr++;
	return nr;
}

__u32 glassram_sampler_decide(struct glassram_sampler *sampler,
			      struct glassram_sampler_block *block, const __u32 *stamp,
			      const __u32 *armed, __u64 plan[RUNS])
{
	__u32 nr = 0, before = 0, r, i;

	block->unarmed = 0;
	for (r = 0; r < RUNS; r++, stamp += RUN, armed += RUN) {
		struct run run = look_at_run(sampler, block->chance[r], stamp, armed);
		__u32 chance = chance_of(sampler, &run);
		__u32 level = next_random(sampler) % ONE;
		__u64 word = 0;
		__u32 bits;

		for (i = 0; chance && i < RUN; i++) {
			if (!(run.unarmed >> i & 1))
				continue;
			level += chance;
			if (level >= ONE) {
				level -= ONE;
				word |= 1ULL << i;
			}
		}
		plan[r] = word;
		block->chance[r] = chance;
		bits = count_bits(word);
		block->unarmed += run.nr_unarmed - bits;
		nr += bits;
		/* One call for each stretch, also over the edge of a run. */
		sampler->tick.calls += count_bits(word & ~(word << 1 | before));
		before = word >> (RUN - 1);
	}
	sampler->tick.pages += nr;
	sampler->tick.unarmed += block->unarmed;
	return nr;
}

static __u64 follow(__u64 mean, __u64 value)
{
	return mean - (mean >> MEAN_SHIFT) + (value >> MEAN_SHIFT);
}

void glassram_sampler_end(struct glassram_sampler *sampler)
{
	struct glassram_sampler_tick *tick = &sampler->tick;
	const struct glassram_sampler_costs *costs = &sampler->costs;
	__u64 limit, density = sampler->density;
	__s64 error = ONE, share;

	tick->ns = tick->hits * costs->fault + tick->pages * costs->page +
		   tick->calls * ((__u64)costs->call + costs->flush);
	sampler->mean_hits = follow(sampler->mean_hits, tick->hits * MEAN_ONE);
	sampler->mean_writes = follow(sampler->mean_writes, tick->writes);
	sampler->mean_ns = follow(sampler->mean_ns, tick->ns * MEAN_ONE);
	tick->writes /= MEAN_ONE;

	/* By how much of the limit that is nearest is it missed? */
	limit = sampler->mean_writes * sampler->share / ONE;
	if (sampler->share < ONE) {
		share = limit ? (__s64)ONE - (__s64)(sampler->mean_hits * ONE / limit) : 0;
		if (share < error)
			error = share;
	}
	limit = sampler->budget_ns * MEAN_ONE;
	if (limit) {
		share = (__s64)ONE - (__s64)(sampler->mean_ns * ONE / limit);
		if (share < error)
			error = share;
	}
	if (error < -(__s64)ONE)
		error = -(__s64)ONE;
	/* Upwards at half the pace: an overspent budget is felt, an unspent one is not. */
	if (error > ONE / 2)
		error = ONE / 2;
	density += (__s64)density * error / ONE >> GAIN_SHIFT;
	if (error > 0 && density == sampler->density)
		density++;
	if (density > ONE)
		density = ONE;
	if (density < DENSITY_MIN)
		density = DENSITY_MIN;
	sampler->density = density;
}
