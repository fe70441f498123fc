// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory avalanches: cascades and leaks of known size, beside what ordinary
 * programs do that looks a little like them.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "detect_model.h"
#include "tap.h"

#define PAGES_PER_MB (1e6 / 4096)
#define HEAP_SLOTS (256U * GLASSRAM_BLOCK_SLOTS)
#define LEAK_THREAD 3

/* What goes on in every program here: writes to pages that are there. */
static void hum(struct model *m, uint32_t heap)
{
	uint32_t n = model_poisson(m, 60);

	for (uint32_t i = 0; i < n; i++)
		model_write(m, heap + model_random(m, 2000), 1 + model_random(m, 2));
}

/**
 * struct leak - a target that grows
 * @heap, @leaked: its regions
 * @pages: leaked so far
 */
struct leak {
	uint32_t heap, leaked;
	double pages;
};

static void leak_init(struct leak *l, struct model *m)
{
	l->heap = model_region(m, "[heap]", HEAP_SLOTS);
	l->leaked = model_region(m, "/dev/zero (deleted)", MODEL_BLOCKS * GLASSRAM_BLOCK_SLOTS - HEAP_SLOTS);
	l->pages = 0;
	m->resident = 2000;
	for (uint32_t i = 0; i < 2000; i++)
		model_exists(m, l->heap + i);
}

static void leak(struct leak *l, struct model *m, double pages)
{
	for (uint32_t at = (uint32_t)l->pages; at < (uint32_t)(l->pages + pages); at++)
		model_write(m, l->leaked + at, LEAK_THREAD);
	l->pages += pages;
	m->resident = 2000 + (uint64_t)l->pages;
}

static void test_leak(double mb_per_second, unsigned int hz, bool in_bursts)
{
	static struct model m;
	const struct glassram_detection *d;
	double begin = 15 + 5 * mb_per_second / 100, found, rate = mb_per_second * PAGES_PER_MB;
	struct glassram_report report;
	struct leak l;

	model_init(&m, hz, (uint64_t)(mb_per_second * 10) + hz);
	leak_init(&l, &m);
	for (unsigned int tick = 0; tick < 32 * hz; tick++) {
		double now = model_seconds(&m);

		hum(&m, l.heap);
		if (now >= begin && !in_bursts)
			leak(&l, &m, rate / hz);
		else if (now >= begin && tick % hz == 0)
			leak(&l, &m, rate * model_uniform(&m) * 2);
		model_tick(&m);
		if (model_count(&m, GLASSRAM_DETECTION_GROWTH))
			break;
	}
	found = model_seconds(&m) - begin;
	d = model_first(&m, GLASSRAM_DETECTION_GROWTH);
	tap_check(d && d->time_ns > begin * 1e9 && found <= 10,
		  "a leak of %.0f MB/s%s is found within 10 s (%.1f s, at %u Hz)", mb_per_second,
		  in_bursts ? " once a second" : "", found, hz);
	tap_check(d && d->nr_regions && !strcmp(d->regions[0].name, "/dev/zero (deleted)") &&
		  d->regions[0].share > 0.95, "its region");
	tap_check(d && d->nr_threads && d->threads[0].slot == LEAK_THREAD &&
		  d->threads[0].share > 0.95, "its thread");
	tap_check(d && fabs(d->pages_per_second / rate - 1) < (in_bursts ? 0.5 : 0.2),
		  "its rate: %.0f of %.0f pages/s", d ? d->pages_per_second : 0, rate);
	glassram_detect_report(m.detect, &report);
	tap_check(report.alarms & 1U << GLASSRAM_DETECTION_GROWTH, "the alarm stands");
	model_finish(&m);
}

static void test_a_leak_that_ends(void)
{
	static struct model m;
	struct glassram_report report;
	struct leak l;

	model_init(&m, 10, 77);
	leak_init(&l, &m);
	for (int tick = 0; tick < 600; tick++) {
		hum(&m, l.heap);
		if (tick < 300)
			leak(&l, &m, 100);
		model_tick(&m);
	}
	glassram_detect_report(m.detect, &report);
	tap_check(model_count(&m, GLASSRAM_DETECTION_GROWTH) == 1, "a long leak is told once");
	tap_check(!(report.alarms & 1U << GLASSRAM_DETECTION_GROWTH), "and ends when it does");
	model_finish(&m);
}

static void test_a_slow_leak(void)
{
	static struct model m;
	struct leak l;

	model_init(&m, 10, 78);
	leak_init(&l, &m);
	while (model_seconds(&m) < 80) {
		hum(&m, l.heap);
		leak(&l, &m, 0.2 * PAGES_PER_MB / 10);
		model_tick(&m);
	}
	tap_check(model_count(&m, GLASSRAM_DETECTION_GROWTH) == 1,
		  "a leak of 0.2 MB/s is found within 80 s");
	model_finish(&m);
}

/* A loader: quick at first, then done. Its end is far below the eight seconds. */
static void test_loading_is_no_leak(void)
{
	static struct model m;
	struct leak l;

	model_init(&m, 10, 79);
	leak_init(&l, &m);
	for (int tick = 0; tick < 300; tick++) {
		hum(&m, l.heap);
		if (tick > 50 && tick < 100)
			leak(&l, &m, 400);
		model_tick(&m);
	}
	tap_check(!model_count(&m, GLASSRAM_DETECTION_GROWTH), "five seconds of loading are no leak");
	model_finish(&m);
}

/* An allocator that takes fresh addresses and gives the old ones back. */
static void test_moving_is_no_leak(void)
{
	static struct model m;
	struct leak l;

	model_init(&m, 10, 80);
	leak_init(&l, &m);
	for (int tick = 0; tick < 600; tick++) {
		hum(&m, l.heap);
		leak(&l, &m, 60);
		m.resident = 2000 + 60 * (tick % 20);
		model_tick(&m);
	}
	tap_check(!model_count(&m, GLASSRAM_DETECTION_GROWTH),
		  "memory that is given back as fast is no leak");
	model_finish(&m);
}

/* In each tenth of a second @ratio times the pages of the one before, over all blocks. */
static void test_cascade(double ratio, unsigned int hz)
{
	static struct model m;
	const struct glassram_detection *d;
	uint32_t heap, others;
	double wakes = 40;

	model_init(&m, hz, (uint64_t)(ratio * 100) + hz);
	heap = model_region(&m, "[heap]", 2 * GLASSRAM_BLOCK_SLOTS);
	others = model_region(&m, "others", HEAP_SLOTS);
	while (model_seconds(&m) < 20) {
		double now = model_seconds(&m);

		hum(&m, heap);
		if (now >= 12 && wakes < 20000) {
			uint32_t n = (uint32_t)(wakes * 10 / hz);

			for (uint32_t i = 0; i < n; i++)
				model_write(&m, others + model_random(&m, HEAP_SLOTS), 2);
			wakes *= pow(ratio, 10.0 / hz);
		}
		model_tick(&m);
	}
	d = model_first(&m, GLASSRAM_DETECTION_CASCADE);
	tap_check(d && model_count(&m, GLASSRAM_DETECTION_CASCADE) == 1,
		  "a cascade of ratio %.2f is told once, at %u Hz", ratio, hz);
	tap_check(d && d->begin_ns > 11.5e9 && d->time_ns < 12e9 + 1e8 * (log(500) / log(ratio) + 5),
		  "while it grows: after %.1f s", d ? (double)d->time_ns * 1e-9 - 12 : 0);
	tap_check(d && fabs(d->strength / ratio - 1) < 0.25, "its ratio: %.2f",
		  d ? d->strength : 0);
	tap_check(d && d->nr_regions && !strcmp(d->regions[0].name, "others") &&
		  d->nr_threads && d->threads[0].slot == 2, "its region and its thread");
	model_finish(&m);
}

enum calm { STEP, SPIKE, TIDE, SWEEP, COLLECTOR, CALMS };

static const char *const calm_names[CALMS] = {
	[STEP] = "a step in load",
	[SPIKE] = "a large allocation at once",
	[TIDE] = "load that comes and goes with 10 s",
	[SWEEP] = "a sweep through 200 MB",
	[COLLECTOR] = "a collector that touches everything every 7 s",
};

static uint32_t calm_pages(struct model *m, enum calm calm, uint32_t others)
{
	double now = model_seconds(m);
	uint32_t n = 0;

	switch (calm) {
	case STEP:
		n = now > 12 ? 500 : 0;
		break;
	case SPIKE:
		n = now > 12 && now < 12.15 ? 20000 : 0;
		break;
	case TIDE:
		n = (uint32_t)(300 * (1 + sin(now * 2 * M_PI / 10)));
		break;
	case SWEEP:
		for (uint32_t i = 0; i < 1000; i++)
			model_write(m, others + ((uint32_t)(now * 10000) + i) % 50000, 2);
		break;
	case COLLECTOR:
		n = fmod(now, 7) < 0.4 ? 3000 : 30;
		break;
	default:
		break;
	}
	return n;
}

/* Ten minutes of it. */
static void test_calm(enum calm calm)
{
	static struct model m;
	uint32_t heap, others;

	model_init(&m, 10, 90 + calm);
	heap = model_region(&m, "[heap]", 2 * GLASSRAM_BLOCK_SLOTS);
	others = model_region(&m, "others", HEAP_SLOTS);
	m.resident = HEAP_SLOTS;
	while (model_seconds(&m) < 600) {
		uint32_t n = calm_pages(&m, calm, others);

		hum(&m, heap);
		for (uint32_t i = 0; i < n; i++)
			model_write(&m, others + model_random(&m, 60000), 2);
		model_tick(&m);
	}
	tap_check(!model_count(&m, GLASSRAM_DETECTION_CASCADE), "%s is no cascade in ten minutes (%u)",
		  calm_names[calm], model_count(&m, GLASSRAM_DETECTION_CASCADE));
	tap_check(!model_count(&m, GLASSRAM_DETECTION_GROWTH), "and no leak (%u)",
		  model_count(&m, GLASSRAM_DETECTION_GROWTH));
	model_finish(&m);
}

int main(void)
{
	test_leak(1, 10, false);
	test_leak(10, 10, false);
	test_leak(100, 10, false);
	test_leak(1, 60, false);
	test_leak(2, 2, false);
	test_leak(3, 10, true);
	test_a_leak_that_ends();
	test_a_slow_leak();
	test_loading_is_no_leak();
	test_moving_is_no_leak();
	test_cascade(1.25, 10);
	test_cascade(1.5, 10);
	test_cascade(2, 10);
	test_cascade(1.5, 60);
	for (enum calm calm = 0; calm < CALMS; calm++)
		test_calm(calm);
	return tap_end();
}
