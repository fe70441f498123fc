// SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0
/*
 * Phase transitions: from some moment on the target writes in another way, and
 * goes on so.
 *
 * A frame is how it wrote in half a second: the distribution of its hits over
 * places, over densities, and its rate. Frames are compared by the Bhattacharyya
 * coefficient (1 - squared Hellinger distance), which is an inner product. So the
 * six newest frames can be compared with the six before by the maximum mean
 * discrepancy (Gretton et al.): how unlike frames of the two are, less how unlike
 * frames of the same six are. What changes all the time (a sweep through memory, a
 * program of many small steps) is as unlike itself and tells nothing; what changes
 * once stands out.
 *
 * A change is told where this statistic has its peak, if the peak is above a bar
 * that follows the target's own unrest.
 *
 * Weak: phases shorter than three seconds are mixed into what surrounds them. It
 * is told some three seconds late.
 */
#include <math.h>
#include <string.h>

#include "detect_internal.h"

#define FRAME_NS 450000000ULL
/* Hits of rest that every frame has: few pages are no distribution yet. */
#define REST_HITS 4.0
/* Weights of place, fine and coarse, of density and rate; together 1. */
#define WEIGHT_WHERE 0.25
#define WEIGHT_ABOUT 0.25
#define WEIGHT_HOW 0.3
#define WEIGHT_MUCH 0.2
/* A place is 16 pages or more: fewer hold too few hits to have a density. */
#define PLACE_SHIFT 4
/* The statistic is 0 to 2. */
#define BAR_LEAST 0.6
#define BAR_DEVIATIONS 6.0
/* The unrest: how many frames it follows, and how much one frame may add. */
#define UNREST_FRAMES 60.0
/* A peak is one when the statistic has fallen from it by this. */
#define PEAK_FALL 0.85

void gr_phase_room(struct detect_phase *p, uint32_t slots)
{
	if (!p->shift)
		p->shift = PLACE_SHIFT;
	while (slots > (uint32_t)PHASE_BINS << p->shift) {
		for (uint32_t f = 0; f <= PHASE_FRAMES; f++) {
			float *counts = f < PHASE_FRAMES ? p->frames[f].counts : p->counts;

			for (uint32_t i = 0; i < PHASE_BINS / 2; i++)
				counts[i] = counts[2 * i] + counts[2 * i + 1];
			memset(counts + PHASE_BINS / 2, 0, PHASE_BINS / 2 * sizeof(*counts));
		}
		p->shift++;
	}
}

void gr_phase_hit(struct detect_phase *p, const struct detect_hit *hit)
{
	p->counts[hit->slot >> p->shift] += (float)hit->epochs;
}

static void add_level(float *levels, int nr, double level, double weight)
{
	int low;
	double share;

	level = fmin(fmax(level, 0), nr - 1.001);
	low = (int)level;
	share = level - low;
	levels[low] += (float)(weight * (1 - share));
	levels[low + 1] += (float)(weight * share);
}

static void to_roots(float *shares, int nr, double all)
{
	for (int i = 0; i < nr; i++)
		shares[i] = (float)sqrt(shares[i] / all);
}

/* From counts to distributions. @ticks: how often a page could be hit. */
static void fill_frame(struct phase_frame *f, uint32_t shift, uint32_t ticks)
{
	double pages = (double)(1U << shift) * ticks;

	memset(f->about, 0, sizeof(f->about));
	memset(f->how, 0, sizeof(f->how));
	memset(f->much, 0, sizeof(f->much));
	f->hits = 0;
	for (uint32_t i = 0; i < PHASE_BINS; i++) {
		f->where[i] = f->counts[i];
		f->about[i / PHASE_STRETCH] += f->counts[i];
		f->hits += f->counts[i];
		if (f->counts[i] > 0) /* a level for each halving of the density */
			add_level(f->how, PHASE_LEVELS, -log2(f->counts[i] / pages), f->counts[i]);
	}
	f->where[PHASE_BINS] = REST_HITS;
	f->about[PHASE_STRETCHES] = REST_HITS;
	f->how[PHASE_LEVELS] = REST_HITS;
	to_roots(f->where, PHASE_BINS + 1, f->hits + REST_HITS);
	to_roots(f->about, PHASE_STRETCHES + 1, f->hits + REST_HITS);
	to_roots(f->how, PHASE_LEVELS + 1, f->hits + REST_HITS);
	/* A level for each fourfold rate. */
	add_level(f->much, PHASE_LEVELS, log2(1 + f->hits / f->seconds / REST_HITS) / 2, 1);
	to_roots(f->much, PHASE_LEVELS, 1);
}

static float inner(const float *a, const float *b, int nr)
{
	float sum = 0;

	for (int i = 0; i < nr; i++)
		sum += a[i] * b[i];
	return sum;
}

static float alike(const struct phase_frame *a, const struct phase_frame *b)
{
	return WEIGHT_WHERE * inner(a->where, b->where, PHASE_BINS + 1) +
	       WEIGHT_ABOUT * inner(a->about, b->about, PHASE_STRETCHES + 1) +
	       WEIGHT_HOW * inner(a->how, b->how, PHASE_LEVELS + 1) +
	       WEIGHT_MUCH * inner(a->much, b->much, PHASE_LEVELS);
}

/* Unbiased: a frame is not compared with itself. */
static double statistic(const struct detect_phase *p)
{
	double within = 0, between = 0;

	for (int a = 0; a < PHASE_FRAMES; a++) {
		uint64_t i = (p->nr_frames + a) % PHASE_FRAMES;

		for (int b = 0; b < PHASE_FRAMES; b++) {
			uint64_t j = (p->nr_frames + b) % PHASE_FRAMES;

			if ((a < PHASE_WINDOW) != (b < PHASE_WINDOW))
				between += p->alike[i][j];
			else if (a != b)
				within += p->alike[i][j];
		}
	}
	return within / (PHASE_WINDOW * (PHASE_WINDOW - 1)) -
	       between / (PHASE_WINDOW * PHASE_WINDOW);
}

/* What the change at the statistic's peak was like, kept until it is told. */
static void keep_change(struct detect_phase *p)
{
	struct phase_change *c = &p->change;
	double seconds = 0, hits = 0;

	memset(c->before, 0, sizeof(c->before));
	memset(c->after, 0, sizeof(c->after));
	for (int a = 0; a < PHASE_FRAMES; a++) {
		const struct phase_frame *f = &p->frames[(p->nr_frames + a) % PHASE_FRAMES];
		float *sum = a < PHASE_WINDOW ? c->before : c->after;

		for (int i = 0; i < PHASE_BINS; i++)
			sum[i] += f->counts[i];
		if (a < PHASE_WINDOW)
			continue;
		if (a == PHASE_WINDOW)
			c->begin_ns = f->begin_ns;
		seconds += f->seconds;
		hits += f->hits;
	}
	c->distance = sqrt(fmax(p->statistic, 0) / 2);
	c->hits_per_second = hits / seconds;
	p->peak = p->statistic;
	p->peak_frame = p->nr_frames;
}

static void tell(struct glassram_detect *d)
{
	const struct phase_change *c = &d->phase.change;
	struct glassram_detection detection = {
		.kind = GLASSRAM_DETECTION_PHASE,
		.begin_ns = c->begin_ns,
		.time_ns = d->now_ns,
		.pages = (uint64_t)c->hits_per_second,
		.pages_per_second = c->hits_per_second,
		.strength = fmin(c->distance, 1),
	};

	gr_detect_name_change(d, c->before, c->after, d->phase.shift, &detection);
	gr_detect_tell(d, &detection);
	d->phase.told_ns = d->now_ns;
}

static void judge(struct glassram_detect *d)
{
	struct detect_phase *p = &d->phase;
	double bar = fmax(BAR_LEAST, p->mean + BAR_DEVIATIONS * p->deviation);

	p->statistic = statistic(p);
	if (p->statistic > bar && (!p->above || p->statistic > p->peak)) {
		p->above = true;
		keep_change(p);
		return;
	}
	if (!p->above) {
		p->deviation += (fabs(p->statistic - p->mean) - p->deviation) / UNREST_FRAMES;
		p->mean += (p->statistic - p->mean) / UNREST_FRAMES;
		return;
	}
	if (p->peak_frame && p->statistic < PEAK_FALL * p->peak) {
		tell(d);
		p->peak_frame = 0;
	}
	/* One change gives one peak: the next may begin when this one has passed. */
	if (!p->peak_frame && p->statistic < fmin(bar, p->peak / 2))
		p->above = false;
}

void gr_phase_tick(struct glassram_detect *d)
{
	struct detect_phase *p = &d->phase;
	uint64_t ns = d->now_ns - p->begin_ns, newest = p->nr_frames % PHASE_FRAMES;
	struct phase_frame *f = &p->frames[newest];

	if (!d->started) {
		p->begin_ns = d->now_ns;
		return;
	}
	p->ticks++;
	if (ns < FRAME_NS)
		return;
	f->begin_ns = p->begin_ns;
	f->seconds = (double)ns * 1e-9;
	memcpy(f->counts, p->counts, sizeof(f->counts));
	fill_frame(f, p->shift, p->ticks);
	p->nr_frames++;
	for (uint64_t i = 0; i < PHASE_FRAMES && i < p->nr_frames; i++)
		p->alike[newest][i] = p->alike[i][newest] = alike(f, &p->frames[i]);
	if (p->nr_frames >= PHASE_FRAMES)
		judge(d);
	memset(p->counts, 0, sizeof(p->counts));
	p->ticks = 0;
	p->begin_ns = d->now_ns;
}

double gr_phase_distance(const struct detect_phase *p)
{
	return fmin(sqrt(fmax(p->statistic, 0) / 2), 1);
}
