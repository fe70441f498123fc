// SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0
/*
 * The working set: pages written in the last 1, 10, 60 s (Denning's W(t, T), of
 * writes), exact to a tenth of a second and to one tick.
 *
 * Each page is counted in the tenth of its last write and moves when it is hit
 * again, so that a set is a sum over the newest tenths.
 *
 * Weak: pages that were given back to the kernel stay in the set until they are
 * too old; pages that are only read are not in it.
 */
#include <math.h>

#include "detect_internal.h"

/* Tenths of the set whose trend is told, and between two of its points. */
#define TREND_TENTHS 100
#define TREND_STEP 10
/* A slope below so many standard errors is chance. */
#define TREND_ERRORS 4

void gr_workset_hit(struct detect_workset *w, uint32_t before)
{
	if (before && w->now - before < WORKSET_TENTHS)
		w->written[before % WORKSET_TENTHS]--;
	w->written[w->now % WORKSET_TENTHS]++;
}

void gr_workset_tick(struct detect_workset *w, uint32_t tenth)
{
	uint32_t passed = tenth - w->now;

	for (uint32_t i = 1; i <= passed && i <= WORKSET_TENTHS; i++)
		w->written[(w->now + i) % WORKSET_TENTHS] = 0;
	w->now = tenth;
	/* The set needs as long as it is wide to mean anything. */
	if (!w->next_trend)
		w->next_trend = tenth + TREND_TENTHS;
	if (tenth < w->next_trend)
		return;
	w->trend[w->nr_trend++ % WORKSET_TREND] = (double)gr_workset_pages(w, TREND_TENTHS);
	w->next_trend = tenth + TREND_STEP;
}

uint64_t gr_workset_pages(const struct detect_workset *w, uint32_t tenths)
{
	uint64_t pages = 0;

	for (uint32_t i = 0; i < tenths && i < w->now; i++)
		pages += w->written[(w->now - i) % WORKSET_TENTHS];
	return pages;
}

/*
 * The slope of the least-squares line. Neighbouring points share nine tenths of
 * their pages, so that the usual error is too small; hence a high bar for it.
 */
double gr_workset_trend(const struct detect_workset *w)
{
	double n = WORKSET_TREND, mean_x = (n - 1) / 2, mean_y = 0, xy = 0, xx = 0, rest = 0;
	double slope, error;

	if (w->nr_trend < WORKSET_TREND)
		return 0;
	for (int i = 0; i < WORKSET_TREND; i++)
		mean_y += w->trend[i] / n;
	for (int i = 0; i < WORKSET_TREND; i++) {
		double x = i - mean_x;

		xy += x * (w->trend[(w->nr_trend + i) % WORKSET_TREND] - mean_y);
		xx += x * x;
	}
	slope = xy / xx;
	for (int i = 0; i < WORKSET_TREND; i++) {
		double y = w->trend[(w->nr_trend + i) % WORKSET_TREND];

		rest += pow(y - mean_y - slope * (i - mean_x), 2);
	}
	error = sqrt(rest / (n - 2) / xx);
	return fabs(slope) > TREND_ERRORS * error ? slope : 0;
}
