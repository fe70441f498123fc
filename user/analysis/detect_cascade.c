// SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0
/*
 * Memory avalanches: pages that were asleep wake, and each tenth of a second more
 * of them than in the one before, in ever new places.
 *
 * A burst begins where the rate of waking pages leaves what is usual for this
 * target, and ends where it is back. Within a burst, the branching ratio is the
 * geometric mean growth from tenth to tenth (Beggs and Plenz's sigma). A burst is
 * a cascade when it grew for several tenths in a row, is large, and reached new
 * blocks as it went. Bursts that come again and again become usual (habit).
 *
 * Weak: a burst that is over within three tenths of a second is too short to be
 * seen growing: it is a step, whatever made it.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "detect_internal.h"

/* A bin is as long as the ticks make it, but at least this. */
#define BIN_NS 90000000ULL
/* Nothing is told before the usual rate is known, s; its memory, s. */
#define WARM_SECONDS 3.0
#define USUAL_SECONDS 10.0
/* A burst: above the usual rate by so many mean deviations, and by pages/s. */
#define BURST_DEVIATIONS 6.0
#define BURST_RATE 640.0
/* It ends after so many bins below the bar, or below a share of its peak. */
#define BURST_QUIET 3
#define BURST_PEAK_SHARE 0.1
/* A cascade: bins of growth in a row, all together, ratio, pages (8 MiB), blocks. */
#define CASCADE_STEPS 3
#define CASCADE_GROWTH 2.5
#define CASCADE_RATIO 1.15
#define CASCADE_PAGES 2048
#define CASCADE_BLOCKS 4
/* Larger than bursts of the last minutes by this. */
#define HABIT_FACTOR 1.5
#define HABIT_SECONDS 180.0

bool gr_cascade_room(struct detect_cascade *c, uint32_t slots)
{
	uint32_t nr = slots / GLASSRAM_BLOCK_SLOTS;
	uint32_t *blocks = realloc(c->block_burst, nr * sizeof(*blocks));

	if (!blocks)
		return false;
	memset(blocks + c->nr_blocks, 0, (nr - c->nr_blocks) * sizeof(*blocks));
	c->block_burst = blocks;
	c->nr_blocks = nr;
	if (!c->burst)
		c->burst = 1;
	return true;
}

void gr_cascade_woken(struct detect_cascade *c, uint32_t slot)
{
	uint32_t *burst = &c->block_burst[slot / GLASSRAM_BLOCK_SLOTS];

	c->woken++;
	/* Outside of a burst too: the bin that begins one counts as its first. */
	if (*burst != c->burst) {
		*burst = c->burst;
		c->fresh_blocks++;
	}
}

static double bar(const struct detect_cascade *c)
{
	return c->mean + BURST_DEVIATIONS * c->deviation + BURST_RATE;
}

static void learn(struct detect_cascade *c, double rate, double seconds)
{
	/* The plain mean at first, then one that forgets. */
	double follow = seconds / fmin(c->observed + seconds, USUAL_SECONDS);

	c->observed += seconds;
	c->deviation += (fabs(rate - c->mean) - c->deviation) * follow;
	c->mean += (rate - c->mean) * follow;
}

/*
 * The longest run of growth that ends in the newest bin.
 * @ret_ratio: its branching ratio
 * Return: whether it is that of a cascade.
 */
static bool grows(const struct detect_cascade *c, double *ret_ratio)
{
	uint32_t last = c->nr_bins - 1, first = last, reached = 0;
	double all;

	while (first > 0 && c->rates[first - 1] < c->rates[first])
		first--;
	if (last - first < CASCADE_STEPS || c->rates[first] <= 0)
		return false;
	for (uint32_t i = first; i <= last; i++)
		reached += c->blocks[i] > 0;
	all = c->rates[last] / c->rates[first];
	*ret_ratio = pow(all, 1.0 / (last - first));
	return all >= CASCADE_GROWTH && *ret_ratio >= CASCADE_RATIO &&
	       reached >= last - first;
}

static void tell(struct glassram_detect *d, double ratio)
{
	struct detect_cascade *c = &d->cascade;
	struct glassram_detection detection = {
		.kind = GLASSRAM_DETECTION_CASCADE,
		.begin_ns = c->begin_ns,
		.time_ns = d->now_ns,
		.pages = c->pages,
		.strength = ratio,
	};

	for (uint32_t i = 0; i < c->nr_bins; i++)
		detection.pages_per_second = fmax(detection.pages_per_second, c->rates[i]);
	gr_detect_name(d, d->slots.woken, c->begin_tenth, &detection);
	gr_detect_tell(d, &detection);
	c->told = true;
}

static void burst_begin(struct glassram_detect *d, double seconds)
{
	struct detect_cascade *c = &d->cascade;

	c->bursting = true;
	c->told = false;
	c->begin_ns = c->bin_begin_ns;
	c->begin_tenth = d->tenth - (uint32_t)(seconds * 10);
	c->pages = 0;
	c->nr_bins = 0;
	c->quiet = 0;
}

static void burst_end(struct detect_cascade *c)
{
	c->bursting = false;
	c->habit = fmax(c->habit, (double)c->pages);
}

static bool large(const struct detect_cascade *c)
{
	uint32_t blocks = 0;

	for (uint32_t i = 0; i < c->nr_bins; i++)
		blocks += c->blocks[i];
	return c->pages >= CASCADE_PAGES && (double)c->pages > HABIT_FACTOR * c->habit &&
	       blocks >= CASCADE_BLOCKS;
}

static void burst_bin(struct glassram_detect *d, double rate)
{
	struct detect_cascade *c = &d->cascade;
	double peak = 0, ratio;

	c->pages += c->woken;
	c->rates[c->nr_bins] = rate;
	c->blocks[c->nr_bins++] = c->fresh_blocks;
	if (!c->told && large(c) && grows(c, &ratio))
		tell(d, ratio);
	for (uint32_t i = 0; i < c->nr_bins; i++)
		peak = fmax(peak, c->rates[i]);
	c->quiet = rate < fmax(bar(c), peak * BURST_PEAK_SHARE) ? c->quiet + 1 : 0;
	if (c->quiet == BURST_QUIET || c->nr_bins == CASCADE_BINS)
		burst_end(c);
}

void gr_cascade_tick(struct glassram_detect *d)
{
	struct detect_cascade *c = &d->cascade;
	uint64_t ns = d->now_ns - c->bin_begin_ns;
	double seconds = (double)ns * 1e-9, rate;

	if (!d->started) {
		c->bin_begin_ns = d->now_ns;
		return;
	}
	if (ns < BIN_NS)
		return;
	rate = c->woken / seconds;
	c->habit *= exp(-seconds / HABIT_SECONDS);
	if (!c->bursting && c->observed >= WARM_SECONDS && rate > bar(c))
		burst_begin(d, seconds);
	if (c->bursting) {
		burst_bin(d, rate);
	} else {
		learn(c, rate, seconds);
		c->burst++;
	}
	c->woken = 0;
	c->fresh_blocks = 0;
	c->bin_begin_ns = d->now_ns;
}
