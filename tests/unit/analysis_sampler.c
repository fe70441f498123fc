// SPDX-License-Identifier: GPL-2.0-only
/*
 * The decider: what it must choose, what it must not, and that it keeps its
 * limits on a program that writes.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "../../kmod/sampler.h"
#include "tap.h"

#define SLOTS GLASSRAM_BLOCK_SLOTS
#define NO_LIMIT (~0ULL)

/* One block and its columns. */
static __u32 stamp[SLOTS], armed[SLOTS];
static struct glassram_sampler_memory memory;
static __u64 chosen[GLASSRAM_SAMPLER_RUNS];

static bool is_chosen(unsigned int s)
{
	return chosen[s / 64] >> s % 64 & 1;
}

static struct glassram_sampler_found choose(struct glassram_sampler *sampler)
{
	struct glassram_sampler_found found = { 0 };
	struct glassram_sampler_block block = {
		.stamp = stamp, .armed = armed, .memory = &memory,
	};

	glassram_sampler_choose(sampler, &block, chosen, &found);
	return found;
}

static bool is_candidate(unsigned int s)
{
	return armed[s] ? stamp[s] >= armed[s] : stamp[s] >= GLASSRAM_STAMP_UNWRITTEN;
}

static unsigned int arm(__u32 epoch)
{
	unsigned int nr = 0;

	for (unsigned int s = 0; s < SLOTS; s++) {
		if (!is_chosen(s) || !is_candidate(s))
			continue;
		armed[s] = epoch;
		nr++;
	}
	return nr;
}

static void start(struct glassram_sampler *sampler, double share)
{
	memset(stamp, 0, sizeof(stamp));
	memset(armed, 0, sizeof(armed));
	memset(&memory, 0, sizeof(memory));
	*sampler = (struct glassram_sampler){ .share = share * GLASSRAM_SAMPLER_ONE };
}

static void test_empty(void)
{
	struct glassram_sampler sampler;
	struct glassram_sampler_found found;
	unsigned int nr = 0;

	start(&sampler, 0.1);
	glassram_sampler_open(&sampler, 5, NO_LIMIT, 1, 1);
	found = choose(&sampler);
	for (unsigned int r = 0; r < GLASSRAM_SAMPLER_RUNS; r++)
		nr += chosen[r] != 0;
	tap_check(!nr && !found.pages && !found.unarmed && !sampler.calls,
		  "nothing is armed where no pages are");
}

static void test_unwritten(void)
{
	struct glassram_sampler sampler;
	struct glassram_sampler_found found;
	unsigned int nr;

	start(&sampler, 0.001);
	for (unsigned int s = 100; s < 400; s++)
		stamp[s] = GLASSRAM_STAMP_UNWRITTEN;
	glassram_sampler_open(&sampler, 5, NO_LIMIT, 1, 1);
	found = choose(&sampler);
	nr = arm(5);
	tap_check(nr == 300 && !found.unarmed && found.pages == 300,
		  "pages that were never written are armed at once: %u of 300", nr);
	tap_check(sampler.calls == 1, "with one call, as they are neighbours: %llu",
		  (unsigned long long)sampler.calls);
	glassram_sampler_open(&sampler, 6, NO_LIMIT, 1, 1);
	choose(&sampler);
	tap_check(!sampler.pages && !sampler.hits, "and not again");
}

static void test_all(void)
{
	struct glassram_sampler sampler;
	bool all = true;

	start(&sampler, 1);
	srandom(7);
	for (__u32 epoch = 5; epoch < 100; epoch++) {
		glassram_sampler_open(&sampler, epoch, NO_LIMIT, 1, 1);
		choose(&sampler);
		arm(epoch);
		for (unsigned int s = 0; s < SLOTS; s++) {
			all &= !stamp[s] || armed[s] > stamp[s];
			if (!(random() % 4))
				stamp[s] = epoch;
		}
	}
	tap_check(all, "with a share of 1 all is armed at each tick");
}

/* A program: runs of 48 pages that are busy or quiet, together or each for itself. */
static bool writes(unsigned int s, __u32 epoch, bool together)
{
	unsigned int run = s / 48;

	if (together)
		return run % 3 && (epoch / (7 + run) + run) % 2;
	return random() % 100 < run * 3;
}

static void test_share(double share, bool together)
{
	struct glassram_sampler sampler;
	double seen = 0, all = 0, thought = 0;

	start(&sampler, share);
	srandom(3);
	for (__u32 epoch = 5; epoch < 605; epoch++) {
		glassram_sampler_open(&sampler, epoch, NO_LIMIT, 1, 1);
		choose(&sampler);
		thought += sampler.writes / 256.0;
		arm(epoch);
		for (unsigned int s = 0; s < SLOTS; s++) {
			if (!writes(s, epoch, together))
				continue;
			all += stamp[s] != 0;
			if (stamp[s] && armed[s] <= stamp[s])
				continue;
			seen += stamp[s] != 0;
			stamp[s] = epoch;
		}
	}
	tap_check(seen / all < share * 1.1 && seen / all > share * 0.7,
		  "of %.0f writes %.3f are hits, where %.3f may be (%s)", all, seen / all, share,
		  together ? "runs" : "each for itself");
	tap_check(thought / all > 0.9 && thought / all < 1.1,
		  "and it thinks that there were %.0f", thought);
}

static void test_time(void)
{
	struct glassram_sampler sampler;
	double spent = 0;
	__u32 calls = 0;

	start(&sampler, 0);
	srandom(4);
	for (__u32 epoch = 5; epoch < 605; epoch++) {
		glassram_sampler_open(&sampler, epoch, 50000, 700, 600);
		choose(&sampler);
		calls += sampler.calls;
		arm(epoch);
		for (unsigned int s = 0; s < SLOTS; s++) {
			if (!writes(s, epoch, true) || (stamp[s] && armed[s] <= stamp[s]))
				continue;
			spent += stamp[s] ? 700 : 0;
			stamp[s] = epoch;
		}
	}
	spent = (spent + calls * 600.0) / 600;
	tap_check(spent < 55000 && spent > 35000, "of 50,000 ns a tick %.0f are spent", spent);
	for (__u32 epoch = 605; epoch < 700; epoch++) {
		glassram_sampler_open(&sampler, epoch, 0, 700, 600);
		choose(&sampler);
	}
	tap_check(sampler.pages * 100 < SLOTS, "who earns nothing arms next to nothing: %llu",
		  (unsigned long long)sampler.pages);
}

/* Bits may be set where nothing is to be armed, but never where a slot was to stay. */
static void test_join(void)
{
	struct glassram_sampler sampler;
	struct glassram_sampler_found found;
	unsigned int nr = 0, unarmed = 0;

	start(&sampler, 0.3);
	srandom(9);
	for (unsigned int s = 0; s < SLOTS; s++) {
		stamp[s] = random() % 3 ? 4 : 0;
		armed[s] = !stamp[s] ? 0 : random() % 2 ? 5 : 3;
	}
	glassram_sampler_open(&sampler, 6, NO_LIMIT, 1, 1);
	found = choose(&sampler);
	for (unsigned int s = 0; s < SLOTS; s++) {
		nr += is_chosen(s) && is_candidate(s);
		unarmed += !is_chosen(s) && is_candidate(s);
	}
	tap_check(nr == sampler.pages && unarmed == found.unarmed && found.pending == nr + unarmed,
		  "of %u candidates %u are chosen, and %u told to stay", found.pending, nr, unarmed);
}

static void test_noise(void)
{
	struct glassram_sampler sampler;

	start(&sampler, 0.1);
	srandom(5);
	for (int i = 0; i < 3000; i++) {
		for (unsigned int s = 0; s < SLOTS; s++) {
			stamp[s] = random() % 5 ? random() : random() * 2U;
			armed[s] = random() % 5 ? random() : 0;
		}
		glassram_sampler_open(&sampler, random() * 2U, random(), random() * 2U,
				      random() * 2U);
		choose(&sampler);
	}
	tap_check(sampler.density >= 1 && sampler.density <= GLASSRAM_SAMPLER_ONE,
		  "columns of noise do no harm: the density is %u", sampler.density);
}

int main(void)
{
	test_empty();
	test_unwritten();
	test_all();
	test_share(0.1, true);
	test_share(0.1, false);
	test_share(0.03, true);
	test_share(0.3, false);
	test_time();
	test_join();
	test_noise();
	return tap_end();
}
