// SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0
/*
 * Sustained growth: pages that appear second after second, as those of a leak do.
 *
 * Two windows of eight bins each look for it, of 1 s bins (from 0.75 MB/s) and of
 * 8 s bins (from 0.125 MB/s, and for growth in bursts). Growth is sustained when
 * nearly every bin has its part, it does not slow down, and the target's resident
 * memory went the same way.
 *
 * Weak: a leak and a long load look alike for as long as both last. Without
 * resident memory, an allocator that moves through fresh addresses and gives the
 * old ones back looks like a leak.
 */
#include <math.h>
#include <string.h>

#include "detect_internal.h"

/* Bins may be shorter than their scale by a tick's jitter. */
#define BIN_SLACK 0.95
/* Bins that must have at least a share of the mean, and the share. */
#define BINS_GROWING (GROWTH_BINS - 1)
#define BIN_SHARE 0.2
/* The newer half grows at least by this share of the older half. */
#define HALF_SHARE 0.5
/* Resident memory keeps at least this share of the pages that appeared. */
#define RESIDENT_SHARE 0.5
/* It ends after so many bins below half of the least rate. */
#define QUIET_BINS 3

/* Length of a bin, s; least growth, pages/s. */
static const struct {
	double seconds, pages_per_second;
} scales[GROWTH_SCALES] = {
	{ 1, 0.75e6 / 4096 },
	{ 8, 0.125e6 / 4096 },
};

static void close_bin(struct glassram_detect *d, struct growth_scale *g, double seconds,
		      uint64_t resident)
{
	struct growth_bin *bin;

	if (g->nr == GROWTH_BINS) {
		memmove(g->bins, g->bins + 1, sizeof(g->bins) - sizeof(*g->bins));
		g->nr--;
	}
	bin = &g->bins[g->nr++];
	*bin = (struct growth_bin){
		.begin_ns = g->begin_ns,
		.seconds = seconds,
		.pages = (double)g->pages,
		.resident = (double)g->pages,
	};
	if (resident && g->resident_known)
		bin->resident = (double)((int64_t)resident - g->resident);
	g->begin_ns = d->now_ns;
	g->pages = 0;
	g->resident = (int64_t)resident;
	g->resident_known = resident;
}

/* Return: whether the window holds sustained growth; its bins are all closed. */
static bool sustained(const struct growth_scale *g, double least, double *ret_share)
{
	double seconds = 0, pages = 0, resident = 0, halves[2] = { 0, 0 };
	int growing = 0;

	if (g->nr < GROWTH_BINS)
		return false;
	for (int i = 0; i < GROWTH_BINS; i++) {
		seconds += g->bins[i].seconds;
		pages += g->bins[i].pages;
		resident += g->bins[i].resident;
		halves[i >= GROWTH_BINS / 2] += g->bins[i].pages;
	}
	for (int i = 0; i < GROWTH_BINS; i++)
		growing += g->bins[i].pages > BIN_SHARE * pages / GROWTH_BINS;
	*ret_share = (double)growing / GROWTH_BINS;
	return pages >= least * seconds && growing >= BINS_GROWING &&
	       halves[1] >= HALF_SHARE * halves[0] && resident >= RESIDENT_SHARE * pages;
}

static void tell(struct glassram_detect *d, const struct growth_scale *g, double share)
{
	/* It may have begun in the midst of the oldest bin. */
	int first = g->bins[0].pages < g->bins[1].pages / 2;
	struct glassram_detection detection = {
		.kind = GLASSRAM_DETECTION_GROWTH,
		.begin_ns = g->bins[first].begin_ns,
		.time_ns = d->now_ns,
		.strength = share,
	};
	uint64_t tenth = (detection.begin_ns - d->begin_ns) / DETECT_TENTH_NS + 1;

	for (int i = first; i < GROWTH_BINS; i++)
		detection.pages += (uint64_t)g->bins[i].pages;
	detection.pages_per_second = (double)detection.pages /
				     ((double)(d->now_ns - detection.begin_ns) * 1e-9);
	gr_detect_name(d, d->slots.appeared, (uint32_t)tenth, &detection);
	gr_detect_tell(d, &detection);
}

static void scale_tick(struct glassram_detect *d, int i, uint64_t resident)
{
	struct growth_scale *g = &d->growth.scales[i];
	double seconds = (double)(d->now_ns - g->begin_ns) * 1e-9, rate, share;

	if (seconds < scales[i].seconds * BIN_SLACK)
		return;
	rate = (double)g->pages / seconds;
	close_bin(d, g, seconds, resident);
	if (g->alarm) {
		g->quiet = rate < scales[i].pages_per_second / 2 ? g->quiet + 1 : 0;
		g->alarm = g->quiet < QUIET_BINS;
	} else if (sustained(g, scales[i].pages_per_second, &share)) {
		/* One growth is told once, whichever window saw it first, or sees it longer. */
		if (g->bins[0].begin_ns >= d->growth.alarm_ns)
			tell(d, g, share);
		g->alarm = true;
		g->quiet = 0;
	}
}

void gr_growth_tick(struct glassram_detect *d, uint64_t appeared, uint64_t resident)
{
	struct detect_growth *growth = &d->growth;

	for (int i = 0; i < GROWTH_SCALES; i++) {
		struct growth_scale *g = &growth->scales[i];

		/* Two ticks: the first one finds what is there, and may leave some of it. */
		if (!d->started || !g->begin_ns) {
			g->begin_ns = d->started ? d->now_ns : 0;
			g->resident = (int64_t)resident;
			g->resident_known = resident;
			continue;
		}
		g->pages += appeared;
		scale_tick(d, i, resident);
	}
	if (growth->scales[0].alarm || growth->scales[1].alarm)
		growth->alarm_ns = d->now_ns;
	if (growth->scales[0].nr) {
		const struct growth_bin *bin = &growth->scales[0].bins[growth->scales[0].nr - 1];

		growth->per_second = bin->pages / bin->seconds;
	}
}
