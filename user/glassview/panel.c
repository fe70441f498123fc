// SPDX-License-Identifier: GPL-2.0
/*
 * The text beside the map in a terminal.
 */
#include "panel.h"

#include <stdlib.h>
#include <string.h>

/* Rates over less than this jump about too much to be read. */
#define INTERVAL 1.0

#define AMBER 0xd79a2bU

#define BAR_COLUMNS 8

static int by_rate(const void *a, const void *b)
{
	const struct panel_thread *first = a, *second = b;

	return (first->hits_per_s < second->hits_per_s) - (first->hits_per_s > second->hits_per_s);
}

/* Hits of a thread slot at the last interval's end. */
static uint64_t hits_before(const struct panel *panel, uint32_t slot)
{
	return slot < panel->nr_thread_hits ? panel->thread_hits[slot] : 0;
}

static void keep_thread_hits(struct panel *panel, const struct source_view *view)
{
	uint64_t *hits;
	size_t i, count = 0;

	for (i = 0; i < view->nr_threads; i++)
		if (view->threads[i].slot >= count)
			count = view->threads[i].slot + (size_t)1;
	if (count > panel->nr_thread_hits) {
		hits = realloc(panel->thread_hits, count * sizeof(*hits));
		if (!hits)
			return;
		memset(hits + panel->nr_thread_hits, 0,
		       (count - panel->nr_thread_hits) * sizeof(*hits));
		panel->thread_hits = hits;
		panel->nr_thread_hits = count;
	}
	for (i = 0; i < view->nr_threads; i++)
		panel->thread_hits[view->threads[i].slot] = view->threads[i].hits;
}

static void update_threads(struct panel *panel, const struct source_view *view, double seconds)
{
	struct panel_thread *all = calloc(view->nr_threads + 1, sizeof(*all));
	size_t i, nr = 0;

	panel->nr_top = 0;
	if (!all)
		return;
	for (i = 0; i < view->nr_threads; i++) {
		const struct glassram_thread *thread = &view->threads[i];
		uint64_t before = hits_before(panel, thread->slot);

		if (thread->hits <= before)
			continue;
		memcpy(all[nr].comm, thread->comm, sizeof(all[nr].comm));
		all[nr].tid = thread->tid;
		all[nr++].hits_per_s = (thread->hits - before) / seconds;
	}
	qsort(all, nr, sizeof(*all), by_rate);
	panel->nr_top = nr < PANEL_THREADS ? nr : PANEL_THREADS;
	memcpy(panel->top, all, panel->nr_top * sizeof(*all));
	free(all);
}

static void update_text(struct panel *panel, const struct source_view *view,
			const struct renderer_status *status)
{
	unsigned int n = 0;

	snprintf(panel->title, sizeof(panel->title), "%.15s %d  %u thread%s  %.2f GiB  writes only%s",
		 view->comm, view->pid, view->nr_target_threads,
		 view->nr_target_threads == 1 ? "" : "s",
		 view->stats.pages * 4096.0 / (1 << 30), view->ended ? "  (ended)" : "");
	snprintf(panel->lines[n++], sizeof(*panel->lines), "%12.0f hits/s", panel->hits_per_s);
	snprintf(panel->lines[n++], sizeof(*panel->lines), "%12llu pages",
		 (unsigned long long)view->stats.pages);
	if (view->overhead >= 0)
		snprintf(panel->lines[n++], sizeof(*panel->lines), "%12.1f %% overhead",
			 view->overhead * 100);
	else
		snprintf(panel->lines[n++], sizeof(*panel->lines), "%12s overhead", "-");
	snprintf(panel->lines[n++], sizeof(*panel->lines), "%12u epochs/s", view->rate_hz);
	snprintf(panel->lines[n++], sizeof(*panel->lines), "%12.1f frames/s", status->fps);
	if (status->software || status->emulated)
		snprintf(panel->lines[n++], sizeof(*panel->lines), "%s%s%s",
			 status->software ? "drawn in software" : "",
			 status->software && status->emulated ? ", " : "",
			 status->emulated ? "emulated" : "");
	panel->nr_lines = n;
}

void panel_update(struct panel *panel, const struct source_view *view,
		  const struct renderer_status *status, double now)
{
	double seconds = now - panel->since;

	if (!panel->since || seconds >= INTERVAL || view->ended) {
		if (panel->since && seconds > 0) {
			panel->hits_per_s = (view->stats.hits - panel->hits) / seconds;
			update_threads(panel, view, seconds);
		}
		panel->hits = view->stats.hits;
		keep_thread_hits(panel, view);
		panel->since = now;
	}
	update_text(panel, view, status);
}

void panel_finish(struct panel *panel)
{
	free(panel->thread_hits);
	*panel = (struct panel){ 0 };
}

void panel_draw(const struct panel *panel, struct cells *cells, unsigned int row,
		unsigned int column)
{
	unsigned int i, bar;
	char line[64];

	for (i = 0; i < panel->nr_lines; i++)
		cells_text(cells, row++, column, PANEL_COLUMNS,
			   i == 5 ? AMBER : CELL_DEFAULT, panel->lines[i]);
	row++;
	for (i = 0; i < panel->nr_top; i++) {
		const struct panel_thread *thread = &panel->top[i];

		bar = 0.5 + BAR_COLUMNS * thread->hits_per_s / panel->top[0].hits_per_s;
		snprintf(line, sizeof(line), "%-12.12s%8.0f ", thread->comm, thread->hits_per_s);
		cells_text(cells, row, column, PANEL_COLUMNS, CELL_DEFAULT, line);
		snprintf(line, sizeof(line), "%.*s", bar, "########");
		cells_text(cells, row++, column + 21, BAR_COLUMNS, AMBER, line);
	}
}
