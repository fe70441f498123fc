// SPDX-License-Identifier: GPL-2.0-only
/*
 * Phase transitions: programs whose phases are known, made of ways to write that
 * real programs have. The bars of the detector were set on single ways and the
 * seeds 1 to 40 and 1000 to 1030; what is judged here are others, and mixtures.
 *
 * Weak: the programs change as a whole; a part that changes beside a larger one
 * that does not is no change here, and may or may not be told.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "detect_model.h"
#include "tap.h"

/* Not those that the bars were set on. */
#define JUDGED_SEED 5000
#define JUDGED_SEEDS 20

#define REGION_SLOTS 8192U
#define REGIONS 4

/* See next_page(). */
enum shape { SWEEP, RANDOM, HOT, STRIDE, STACK, RUNS, REST, SHAPES };

/**
 * struct way - one way to write
 * @region, @start, @span: to which pages
 * @rate: pages a second
 * @at: where it has come to
 */
struct way {
	enum shape shape;
	uint32_t region;
	uint32_t start;
	uint32_t span;
	double rate;
	uint32_t at;
};

static uint32_t next_page(struct model *m, struct way *w)
{
	switch (w->shape) {
	case SWEEP: /* as a pass over an array */
		return w->at++ % w->span;
	case RANDOM: /* as a hash table */
		return model_random(m, w->span);
	case HOT: /* as counters and caches: a few much more than others */
		return (uint32_t)(pow(model_uniform(m), 4) * w->span);
	case STRIDE: /* as a column of a matrix */
		return w->at++ * 8 % w->span;
	case STACK: /* up and down */
		w->at++;
		return (uint32_t)((1 + sin(w->at / 200.0)) / 2 * (w->span - 1));
	case RUNS: /* as an allocator: some pages in a row, then elsewhere */
		if (w->at % 16 == 0)
			w->at = (model_random(m, w->span) & ~15U);
		return w->at++ % w->span;
	default:
		return 0;
	}
}

static void way_tick(struct model *m, struct way *w, const uint32_t *regions)
{
	/* no program is even: bursts and pauses of a factor of two */
	double mean = w->rate * (double)m->period_ns * 1e-9 * (0.6 + 0.8 * model_uniform(m));
	uint32_t n = w->shape == REST ? model_poisson(m, 0.3) : model_poisson(m, mean);

	for (uint32_t i = 0; i < n; i++)
		model_write(m, regions[w->region] + w->start + next_page(m, w), 1);
}

static struct way random_way(struct model *m, unsigned int shapes)
{
	uint32_t span = 64U << model_random(m, 6); /* to 2048 */

	return (struct way){
		.shape = model_random(m, shapes),
		.region = model_random(m, REGIONS),
		.start = model_random(m, REGION_SLOTS - span),
		.span = span,
		.rate = 100 * exp2(model_uniform(m) * 6), /* to 6400 */
	};
}

/* Whether two ways are unlike to anyone who looks: in place or rate. */
static bool ways_differ(const struct way *a, const struct way *b)
{
	if (a->shape == REST || b->shape == REST)
		return a->shape != b->shape;
	if (a->region != b->region)
		return true;
	if (a->start + a->span < b->start || b->start + b->span < a->start)
		return true;
	return a->rate > 8 * b->rate || b->rate > 8 * a->rate;
}

/* The most ways that one phase mixes. */
#define MIXED 3

struct phase {
	struct way ways[MIXED];
	uint32_t nr;
};

static struct phase random_phase(struct model *m, uint32_t mixed)
{
	struct phase phase = { .nr = 1 + model_random(m, mixed) };

	for (uint32_t i = 0; i < phase.nr; i++)
		phase.ways[i] = random_way(m, phase.nr == 1 ? SHAPES : REST);
	return phase;
}

/* Of every two ways before and after none may be like the other: all has changed. */
static bool differ(const struct phase *a, const struct phase *b)
{
	for (uint32_t i = 0; i < a->nr; i++)
		for (uint32_t j = 0; j < b->nr; j++)
			if (!ways_differ(&a->ways[i], &b->ways[j]))
				return false;
	return true;
}

struct score {
	unsigned int changes, found, told, right;
	double delay;
};

#define PHASES 12
/* A change is found if it is told to have been so near. */
#define NEAR_SECONDS 1.5

static void judge(struct score *score, const struct model *m, const double *changes)
{
	bool matched[PHASES] = { false };

	score->changes += PHASES - 1;
	for (unsigned int i = 0; i < m->nr_found; i++) {
		double at = (double)m->found[i].begin_ns * 1e-9;

		if (m->found[i].kind != GLASSRAM_DETECTION_PHASE)
			continue;
		score->told++;
		for (int p = 1; p < PHASES; p++) {
			if (matched[p] || fabs(changes[p] - at) >= NEAR_SECONDS)
				continue;
			matched[p] = true;
			score->right++;
			score->delay += (double)m->found[i].time_ns * 1e-9 - changes[p];
			break;
		}
	}
	for (int p = 1; p < PHASES; p++)
		score->found += matched[p];
}

/* One program of PHASES phases of 5 to 12 s, beside which something always goes on. */
static void run(struct score *score, uint64_t seed, unsigned int hz, uint32_t mixed)
{
	static struct model m;
	uint32_t regions[REGIONS];
	double changes[PHASES];
	struct phase phase, before;
	struct way always;

	model_init(&m, hz, seed);
	for (uint32_t r = 0; r < REGIONS; r++)
		regions[r] = model_region(&m, "region", REGION_SLOTS);
	always = random_way(&m, REST);
	always.rate = 20;
	for (int p = 0; p < PHASES; p++) {
		double end = model_seconds(&m) + 5 + 7 * model_uniform(&m);

		before = phase;
		do
			phase = random_phase(&m, mixed);
		while (p && !differ(&phase, &before));
		changes[p] = model_seconds(&m);
		while (model_seconds(&m) < end) {
			for (uint32_t i = 0; i < phase.nr; i++)
				way_tick(&m, &phase.ways[i], regions);
			way_tick(&m, &always, regions);
			model_tick(&m);
		}
	}
	judge(score, &m, changes);
	model_finish(&m);
}

static void judge_seeds(const char *what, unsigned int hz, uint32_t mixed, uint32_t seeds)
{
	double precision, recall;
	struct score s = { 0 };

	for (uint64_t seed = JUDGED_SEED; seed < JUDGED_SEED + seeds; seed++)
		run(&s, seed, hz, mixed);
	precision = (double)s.right / (s.told ? s.told : 1);
	recall = (double)s.found / s.changes;
	printf("# %s, %u Hz: %u changes, %u told: precision %.3f, recall %.3f, told after %.1f s\n",
	       what, hz, s.changes, s.told, precision, recall, s.delay / (s.right ? s.right : 1));
	tap_check(precision >= 0.9 && recall >= 0.9,
		  "%s at %u Hz: precision and recall at least 0.9", what, hz);
}

/* One change of place, whose parts are known. */
static void test_what_is_told(void)
{
	static struct model m;
	const struct glassram_detection *d;
	uint32_t before, after;

	model_init(&m, 10, 5);
	before = model_region(&m, "[heap]", REGION_SLOTS);
	after = model_region(&m, "/usr/lib/second", REGION_SLOTS);
	for (int tick = 0; tick < 300; tick++) {
		for (int i = 0; i < 40; i++)
			model_write(&m, (tick < 150 ? before : after) + model_random(&m, 400), 1);
		model_tick(&m);
	}
	d = model_first(&m, GLASSRAM_DETECTION_PHASE);
	tap_check(model_count(&m, GLASSRAM_DETECTION_PHASE) == 1 && m.nr_found == 1,
		  "one change is told once, and nothing else");
	tap_check(d && fabs((double)d->begin_ns * 1e-9 - 15) < 0.6, "its time");
	tap_check(d && d->time_ns < 19500000000ULL && d->time_ns > d->begin_ns,
		  "it is told within 4.5 s");
	tap_check(d && d->strength > 0.6 && d->strength <= 1, "its size");
	tap_check(d && d->nr_regions == 2 && ((!strcmp(d->regions[0].name, "[heap]") &&
		  d->regions[0].share < -0.95 && d->regions[1].share > 0.95) ||
		  (!strcmp(d->regions[1].name, "[heap]") && d->regions[1].share < -0.95 &&
		   d->regions[0].share > 0.95)), "its regions: from one to the other");
	tap_check(d && d->pages_per_second > 300 && d->pages_per_second < 420,
		  "its pages a second");
	model_finish(&m);
}

int main(void)
{
	test_what_is_told();
	judge_seeds("single ways to write", 10, 1, JUDGED_SEEDS);
	judge_seeds("mixtures of them", 10, MIXED, JUDGED_SEEDS);
	judge_seeds("mixtures of them", 60, MIXED, JUDGED_SEEDS / 4);
	return tap_end();
}
