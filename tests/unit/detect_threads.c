// SPDX-License-Identifier: GPL-2.0-only
/*
 * Energy, entanglement and working set, with threads and pages that are known; and
 * what the detectors do with counters that are set back, given to others, or grow.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "detect_model.h"
#include "tap.h"

#define SLOTS (64U * GLASSRAM_BLOCK_SLOTS)

static struct model m;

static void run(double seconds, void (*step)(void))
{
	double end = model_seconds(&m) + seconds;

	while (model_seconds(&m) < end) {
		step();
		model_tick(&m);
	}
}

static struct glassram_report report(void)
{
	struct glassram_report r;

	glassram_detect_report(m.detect, &r);
	return r;
}

static bool near(double value, double wanted, double error)
{
	return fabs(value - wanted) <= error * fabs(wanted);
}

static void four_rates(void)
{
	for (uint32_t thread = 1; thread <= 4; thread++)
		for (uint32_t i = 0; i < 20 * thread; i++)
			model_write(&m, thread * 2048 + i, thread);
}

static void nothing(void)
{
}

static void test_energy(void)
{
	struct glassram_energy e[8];
	size_t nr;
	bool right = true;

	model_init(&m, 10, 1);
	model_region(&m, "heap", SLOTS);
	run(10, four_rates);
	nr = glassram_detect_energy(m.detect, e, 8);
	tap_check(nr == 4, "four threads have energy");
	for (size_t i = 0; i < nr; i++)
		right = right && e[i].slot == 4 - i &&
			near(e[i].pages_per_second, 200 * e[i].slot, 0.1);
	tap_check(right, "busiest first, each with its pages a second");
	tap_check(glassram_detect_energy(m.detect, e, 2) == 2 && e[0].slot == 4 && e[1].slot == 3,
		  "of fewer the busiest are told");
	tap_check(!glassram_detect_energy(m.detect, e, 0), "of none none");
	tap_check(report().active_threads == 4, "four are active");
	tap_check(near(report().hits_per_second, 2000, 0.1), "the sum is 2000 pages a second: %.0f",
		  report().hits_per_second);
	run(20, nothing);
	tap_check(!glassram_detect_energy(m.detect, e, 8) && !report().active_threads,
		  "threads at rest have none");
	model_finish(&m);
}

/*
 * 1 and 2 write the same pages and race for them; 3 and 4 have their own, but for
 * one page in twenty; 5 is alone; 6 and 7 share, and 7 is nearly always late.
 */
static void pairs(void)
{
	for (uint32_t i = 0; i < 100; i++) {
		model_write(&m, i, 1 + model_random(&m, 2));
		model_write(&m, 2048 + i, i < 5 ? 3 + model_random(&m, 2) : 3);
		model_write(&m, 4096 + i, i < 5 ? 3 + model_random(&m, 2) : 4);
		model_write(&m, 6144 + i, 5);
		model_write(&m, 8192 + i, model_random(&m, 20) ? 6 : 7);
	}
}

static const struct glassram_entangled *pair(const struct glassram_entangled *p, size_t nr,
					     uint32_t a, uint32_t b)
{
	for (size_t i = 0; i < nr; i++)
		if (p[i].a == a && p[i].b == b)
			return &p[i];
	return NULL;
}

static void test_entangled(void)
{
	const struct glassram_entangled *equal, *little, *late;
	struct glassram_entangled p[16];
	size_t nr;

	model_init(&m, 10, 2);
	model_region(&m, "heap", SLOTS);
	run(60, pairs);
	nr = glassram_detect_entangled(m.detect, p, 16);
	equal = pair(p, nr, 1, 2);
	little = pair(p, nr, 3, 4);
	late = pair(p, nr, 6, 7);
	tap_check(nr == 3, "three pairs are entangled (%zu)", nr);
	tap_check(equal && equal == p && near(equal->handovers_per_second, 500, 0.1) &&
		  near(equal->strength, 0.5, 0.1), "equal ones hand over every second time");
	tap_check(little && little->strength > 0.01 && little->strength < 0.06,
		  "a few shared pages entangle little: %.3f", little ? little->strength : -1);
	tap_check(late && late->strength > 0.9, "one that is nearly always late is found: %.2f",
		  late ? late->strength : -1);
	tap_check(glassram_detect_entangled(m.detect, p, 1) == 1 && p[0].b == 2,
		  "of fewer the strongest are told");
	run(120, nothing);
	tap_check(!glassram_detect_entangled(m.detect, p, 16), "and forgotten when they stop");
	model_finish(&m);
}

/* Pages that wait long for their next writer are passed on, not shared. */
static void passed_on(void)
{
	uint32_t round = (uint32_t)(model_seconds(&m) / 15);

	if (fmod(model_seconds(&m), 15) < 0.5)
		for (uint32_t i = 0; i < 100; i++)
			model_write(&m, i, 1 + round % 2);
}

static void test_passed_on(void)
{
	struct glassram_entangled p[4];

	model_init(&m, 10, 3);
	model_region(&m, "heap", SLOTS);
	run(100, passed_on);
	tap_check(!glassram_detect_entangled(m.detect, p, 4), "memory that is passed on is not shared");
	model_finish(&m);
}

/* More pairs than there is room for; one of them is busy. */
static void crowd(void)
{
	for (uint32_t i = 0; i < 400; i++)
		model_write(&m, i, 10 + model_random(&m, 300));
	for (uint32_t i = 0; i < 50; i++)
		model_write(&m, 2048 + i, 5 + model_random(&m, 2));
}

static void test_crowd(void)
{
	struct glassram_entangled p[1];

	model_init(&m, 10, 4);
	model_region(&m, "heap", SLOTS);
	run(30, crowd);
	tap_check(glassram_detect_entangled(m.detect, p, 1) == 1 && p[0].a == 5 && p[0].b == 6,
		  "the busiest pair among 45,000 is found");
	model_finish(&m);
}

static uint32_t sweep_at;

/* 100 pages again and again, and 20 new ones each time. */
static void sweep(void)
{
	for (uint32_t i = 0; i < 100; i++)
		model_write(&m, i, 1);
	for (uint32_t i = 0; i < 20; i++)
		model_write(&m, 2048 + sweep_at++ % 40000, 1);
}

static void grow_slowly(void)
{
	uint32_t pages = 100 + (uint32_t)(model_seconds(&m) * 20);

	for (uint32_t i = 0; i < 200; i++)
		model_write(&m, model_random(&m, pages), 1);
}

static void test_workset(void)
{
	struct glassram_report r;

	model_init(&m, 10, 5);
	model_region(&m, "heap", SLOTS);
	run(70, sweep);
	r = report();
	tap_check(r.working_set[0] >= 100 + 180 && r.working_set[0] <= 100 + 220,
		  "written in the last second: %ju of 300", (uintmax_t)r.working_set[0]);
	tap_check(near(r.working_set[1], 2100, 0.02), "in 10 s: %ju of 2100",
		  (uintmax_t)r.working_set[1]);
	tap_check(near(r.working_set[2], 12100, 0.02), "in 60 s: %ju of 12100",
		  (uintmax_t)r.working_set[2]);
	tap_check(r.trend == 0, "it stays as it is: %.1f", r.trend);
	run(70, nothing);
	r = report();
	tap_check(!r.working_set[0] && !r.working_set[1] && !r.working_set[2],
		  "after a minute of rest it is empty");
	model_finish(&m);

	model_init(&m, 10, 6);
	model_region(&m, "heap", SLOTS);
	run(60, grow_slowly);
	tap_check(near(report().trend, 20, 0.35), "it grows by 20 pages a second: %.1f",
		  report().trend);
	model_finish(&m);
}

static void test_set_back(void)
{
	struct glassram_report before, after;

	model_init(&m, 10, 7);
	model_region(&m, "heap", SLOTS);
	run(20, sweep);
	before = report();
	/* as RESET does, and one epoch's hits before the next look */
	for (uint32_t i = 0; i < m.slots; i++) {
		m.hits[i] = m.owner[i] = 0;
		if (m.stamp[i])
			m.stamp[i] = GLASSRAM_STAMP_UNWRITTEN;
	}
	run(2, sweep);
	after = report();
	tap_check(after.hits_per_second < 1.2 * before.hits_per_second,
		  "a reset is no burst of hits: %.0f after %.0f", after.hits_per_second,
		  before.hits_per_second);
	/* as when a target is dropped */
	memset(m.stamp, 0, m.slots * sizeof(*m.stamp));
	memset(m.hits, 0, m.slots * sizeof(*m.hits));
	memset(m.owner, 0, m.slots * sizeof(*m.owner));
	run(2, nothing);
	run(2, sweep);
	tap_check(report().hits_per_second < 1.2 * before.hits_per_second,
		  "nor is a target that goes");
	model_finish(&m);
}

static void test_wrong_input(void)
{
	struct glassram_detect_input input = { .size = sizeof(input), .time_ns = 100 };
	uint32_t column[64] = { 0 };
	struct glassram_detect *d = NULL;
	struct glassram_detection detection;

	tap_check(!glassram_detect_create(&d), "detectors are made");
	tap_check(glassram_detect_tick(d, &input) == GLASSRAM_ERR_INVALID, "columns are needed");
	input.hits = input.stamp = input.owner = column;
	input.size = 8;
	tap_check(glassram_detect_tick(d, &input) == GLASSRAM_ERR_INVALID, "and the size");
	input.size = sizeof(input);
	tap_check(!glassram_detect_tick(d, &input), "no slots yet are fine");
	input.slots = 63;
	tap_check(!glassram_detect_tick(d, &input), "so is a number that is no multiple of anything");
	input.time_ns = 99;
	tap_check(glassram_detect_tick(d, &input) == GLASSRAM_ERR_INVALID, "time does not go back");
	column[5] = 7;
	input.time_ns = 101;
	column[62] = UINT32_MAX;
	tap_check(!glassram_detect_tick(d, &input), "an owner beyond the table is one without a slot");
	tap_check(!glassram_detect_next(d, &detection), "nothing was found");
	tap_check(!strcmp(glassram_detection_name(GLASSRAM_DETECTION_PHASE), "phase") &&
		  !strcmp(glassram_detection_name(GLASSRAM_DETECTION_NR), "unknown"),
		  "kinds have names");
	glassram_detect_destroy(d);
	glassram_detect_destroy(NULL);
}

/* A million slots, of which 10,000 are hit in each tick. */
static void wide(void)
{
	for (uint32_t i = 0; i < 10000; i++)
		model_write(&m, model_random(&m, 1U << 20), 1 + model_random(&m, 8));
}

static void test_cost(void)
{
	model_init(&m, 10, 8);
	model_region(&m, "heap", 1U << 20);
	model_exists(&m, (1U << 20) - 1);
	run(20, wide);
	/* Sanitized, and on a machine that others use: the figure is in docs/detectors.md. */
	tap_check(m.tick_ns / m.ticks < 100000000,
		  "a tick of a million slots, 10,000 of them hit: %.2f ms",
		  (double)m.tick_ns / m.ticks * 1e-6);
	model_finish(&m);
}

int main(void)
{
	test_energy();
	test_entangled();
	test_passed_on();
	test_crowd();
	test_workset();
	test_set_back();
	test_wrong_input();
	test_cost();
	return tap_end();
}
