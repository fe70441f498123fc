// SPDX-License-Identifier: GPL-2.0
/*
 * Which pages to arm at a tick: see sampler.h.
 *
 * Weak: time is counted in ticks, so at a low rate the density follows slowly.
 */
#include "sampler.h"

#define ONE GLASSRAM_SAMPLER_ONE
#define RUN GLASSRAM_SAMPLER_RUN
#define RUNS GLASSRAM_SAMPLER_RUNS

/* Estimates of writes are kept in this part of one. */
#define FINE 256
/* Means forget within some 2^this ticks: a quarter of a second at 60 Hz. */
#define MEAN_SHIFT 4
/* What was earned before this many ticks is forfeited, and what was overspent forgiven. */
#define CREDIT_TICKS 64
/* A credit is spent, a debt paid back, within some 2^this ticks. */
#define CREDIT_SHIFT 5
/* With fewer than one in 1,000 nothing is learnt within a second. */
#define DENSITY_MIN (ONE / 1024)
/*
 * While little is written nearly all of it hits slots that were armed because
 * they are quiet. That is a large share of nothing: no reason to give up the
 * density that the next burst will need.
 */
#define FLOOR_SHARE 8
/* Where nothing says otherwise: what one can pay who spends 10 % on faults. */
#define DENSITY_FIRST (ONE / 10)
/* The density moves by an eighth of its error in a tick: slower than the means. */
#define GAIN_SHIFT 3
/*
 * Unarmed slots are drawn with a chance of density >> this even where enough are
 * armed: else one that is unlike its run would never be found.
 */
#define EXPLORE_SHIFT 3

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

static __u64 follow(__u64 mean, __u64 value)
{
	return mean - (mean >> MEAN_SHIFT) + (value >> MEAN_SHIFT);
}

/* By how much of what may be spent it is not spent: ONE nothing was, below 0 too much. */
static __s64 limit_error(struct glassram_sampler_limit *limit, __u64 earned, __u64 spent)
{
	__s64 most, may;

	limit->earned = follow(limit->earned, earned);
	limit->spent = follow(limit->spent, spent);
	limit->credit += (__s64)(earned - spent);
	most = (__s64)limit->earned * CREDIT_TICKS;
	if (limit->credit > most)
		limit->credit = most;
	if (limit->credit < -most)
		limit->credit = -most;
	may = (__s64)limit->earned + (limit->credit >> CREDIT_SHIFT);
	if (may > 0)
		return (__s64)ONE - (__s64)(limit->spent * ONE / (__u64)may);
	return limit->spent ? -(__s64)ONE : 0;
}

static void move_density(struct glassram_sampler *sampler, __s64 error)
{
	__s64 density = sampler->density, least = sampler->share / FLOOR_SHARE;

	if (error < -(__s64)ONE)
		error = -(__s64)ONE;
	/* Upwards at half the pace: overspending is felt, saving is not. */
	if (error > ONE / 2)
		error = ONE / 2;
	density += (density * error / ONE) >> GAIN_SHIFT;
	if (error > 0)
		density++; /* a small one would never move */
	if (density > ONE)
		density = ONE;
	if (density < DENSITY_MIN)
		density = DENSITY_MIN;
	if (density < least)
		density = least;
	sampler->density = density;
}

void glassram_sampler_open(struct glassram_sampler *sampler, __u32 epoch, __u64 earned_ns,
			   __u32 fault_ns, __u32 call_ns)
{
	__s64 error = ONE, other;

	if (!sampler->density) {
		sampler->density = sampler->share ? sampler->share : DENSITY_FIRST;
		sampler->random = 1;
	} else {
		if (earned_ns != ~0ULL) {
			other = limit_error(&sampler->time, earned_ns,
					    sampler->hits * fault_ns +
					    sampler->calls * call_ns);
			if (other < error)
				error = other;
		}
		if (sampler->share) {
			other = limit_error(&sampler->faults,
					    sampler->writes * sampler->share / ONE,
					    sampler->hits * FINE);
			if (other < error)
				error = other;
		}
		move_density(sampler, error);
	}
	sampler->epoch = epoch;
	sampler->fault_ns = fault_ns;
	sampler->call_ns = call_ns;
	sampler->hits = 0;
	sampler->writes = 0;
	sampler->pages = 0;
	sampler->calls = 0;
}

/**
 * struct run - what a run of slots looks like at a tick
 * @pages: slots with a page
 * @trusted: armed ones, lately and since the last hit of any slot of the run
 * @pending: unarmed ones that were armed before
 * @nr_unarmed: unarmed ones to draw from
 * @unarmed: bits of them
 * @unwritten: bits of unarmed ones that were never written: their faults are
 *	one for each at most, and all that stay quiet are known for nothing
 */
struct run {
	__u32 pages;
	__u32 trusted;
	__u32 pending;
	__u32 nr_unarmed;
	__u64 unarmed;
	__u64 unwritten;
};

/* The columns change meanwhile: each word is read once. */
static __u32 read_once(const __u32 *word)
{
	return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static struct run look_at_run(struct glassram_sampler *sampler, __u32 chance,
			      const __u32 *stamps, const __u32 *armings)
{
	__u32 closed = sampler->epoch - 1, last_hit = 0, nr_armed = 0, i;
	__u32 quiet_since[RUN];
	struct run run = { 0 };

	for (i = 0; i < RUN; i++) {
		__u32 stamp = read_once(&stamps[i]), armed = read_once(&armings[i]);

		if (stamp == GLASSRAM_STAMP_NO_PAGE)
			continue;
		run.pages++;
		if (armed > stamp) {
			quiet_since[nr_armed++] = armed;
			continue;
		}
		/* Never armed: if it was written, that was its first touch. */
		if (!armed && stamp == GLASSRAM_STAMP_UNWRITTEN) {
			run.unwritten |= 1ULL << i;
			continue;
		}
		run.unarmed |= 1ULL << i;
		run.nr_unarmed++;
		if (!armed)
			continue;
		run.pending++;
		if (last_hit < stamp)
			last_hit = stamp;
		if (stamp != closed)
			continue;
		sampler->hits++;
		/* A fresh draw stands for all those that could have been drawn. */
		sampler->writes += armed == closed ? (__u64)FINE * ONE / (chance + 1) : FINE;
	}
	for (i = 0; i < nr_armed; i++)
		run.trusted += quiet_since[i] > last_hit &&
			       sampler->epoch - quiet_since[i] < GLASSRAM_SAMPLER_TRUST;
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

/* Each with the same chance, evenly spread. */
static __u64 draw(struct glassram_sampler *sampler, __u64 candidates, __u32 chance)
{
	__u32 level = next_random(sampler) % ONE;
	__u64 left, drawn = 0;

	for (left = candidates; left; left &= left - 1) {
		level += chance;
		if (level >= ONE) {
			level -= ONE;
			drawn |= left & -left;
		}
	}
	return drawn;
}

/* Join neighbours between which no slot would have to stay unarmed. */
static __u64 join(__u64 drawn, __u64 stay)
{
	__u64 joined = drawn, left = drawn;

	while (left & (left - 1)) {
		__u64 first = left & -left, next;

		left &= left - 1;
		next = left & -left;
		if (!(stay & (next - first)))
			joined |= next - first;
	}
	return joined;
}

static __u32 count_bits(__u64 word)
{
	__u32 nr = 0;

	for (; word; word &= word - 1)
		nr++;
	return nr;
}

void glassram_sampler_choose(struct glassram_sampler *sampler,
			     const struct glassram_sampler_block *block, __u64 chosen[RUNS],
			     struct glassram_sampler_found *found)
{
	__u64 before = 0;
	__u32 r;

	for (r = 0; r < RUNS; r++) {
		__u16 *memory = &block->memory->chance[r];
		struct run run = look_at_run(sampler, *memory, block->stamp + r * RUN,
					     block->armed + r * RUN);
		__u32 chance = chance_of(sampler, &run);
		__u64 drawn = chance ? draw(sampler, run.unarmed, chance) : 0;
		__u64 stay = run.unarmed & ~drawn;

		*memory = chance ? chance - 1 : 0;
		drawn |= run.unwritten;
		chosen[r] = join(drawn, stay);
		sampler->pages += count_bits(drawn);
		/* A stretch may go over the edge of a run. */
		sampler->calls += count_bits(chosen[r] & ~(chosen[r] << 1 | before));
		before = chosen[r] >> (RUN - 1);
		found->pages += run.pages;
		found->pending += run.pending;
		found->unarmed += count_bits(stay);
	}
}
