// SPDX-License-Identifier: GPL-2.0
/*
 * The text beside the map in a terminal.
 */
#include "panel.h"

#include <stdlib.h>
#include <string.h>

#include "palette.h"

/* Rates over less than this jump about too much to be read. */
#define INTERVAL 1.0

#define BAR_COLUMNS 7
#define SCALE_COLUMNS 11
#define NUMBER_COLUMNS 12

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

/* 1234567 as "1 234 567", right in a field. */
static void group_digits(char *text, size_t size, uint64_t value)
{
	char digits[32], grouped[40];
	size_t i, n, used = 0;

	n = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)value);
	for (i = 0; i < n; i++) {
		if (i && (n - i) % 3 == 0)
			grouped[used++] = ' ';
		grouped[used++] = digits[i];
	}
	grouped[used] = '\0';
	snprintf(text, size, "%*s", NUMBER_COLUMNS, grouped);
}

static void update_text(struct panel *panel, const struct source_view *view,
			const struct renderer_status *status)
{
	char number[40], family[32] = "";

	if (view->nr_targets > 1)
		snprintf(family, sizeof(family), "  %u process%s", view->nr_processes,
			 view->nr_processes == 1 ? "" : "es");
	snprintf(panel->title, sizeof(panel->title), "%.15s  pid %d%s  %u thread%s  %.2f GiB  writes only%s",
		 view->comm, view->pid, family, view->nr_target_threads,
		 view->nr_target_threads == 1 ? "" : "s",
		 view->stats.pages * 4096.0 / (1 << 30),
		 view->ended ? "  (ended)" : view->paused ? "  PAUSED" : "");
	group_digits(number, sizeof(number), panel->hits_per_s + 0.5);
	snprintf(panel->lines[0], sizeof(*panel->lines), "%s hits/s", number);
	group_digits(number, sizeof(number), view->stats.pages);
	snprintf(panel->lines[1], sizeof(*panel->lines), "%s pages", number);
	if (view->overhead >= 0)
		snprintf(panel->lines[2], sizeof(*panel->lines), "%*.1f %% overhead",
			 NUMBER_COLUMNS, view->overhead * 100);
	else
		snprintf(panel->lines[2], sizeof(*panel->lines), "%*s overhead", NUMBER_COLUMNS, "-");
	snprintf(panel->lines[3], sizeof(*panel->lines), "%*u epochs/s", NUMBER_COLUMNS,
		 view->rate_hz);
	snprintf(panel->lines[4], sizeof(*panel->lines), "%*.1f frames/s", NUMBER_COLUMNS,
		 status->fps);
	snprintf(panel->warning, sizeof(panel->warning), "%s%s%s",
		 status->software ? "drawn in software" : "",
		 status->software && status->emulated ? ", " : "",
		 status->emulated ? "emulated" : "");
	snprintf(panel->scale_high, sizeof(panel->scale_high), "%.0f", palette_rate_high(view->rate_hz));
}

void panel_update(struct panel *panel, const struct source_view *view,
		  const struct renderer_status *status, double now)
{
	double seconds = now - panel->since;

	if (!panel->since || seconds >= INTERVAL) {
		if (panel->since) {
			/* a reset makes the total smaller */
			panel->hits_per_s = view->stats.hits < panel->hits ? 0 :
					    (view->stats.hits - panel->hits) / seconds;
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

static uint32_t rgb(const struct palette_color *colour)
{
	return (uint32_t)colour->r << 16 | colour->g << 8 | colour->b;
}

/* The colours of the map, and the two that are not on the scale. */
static unsigned int draw_legend(const struct panel *panel, struct cells *cells, unsigned int row,
				unsigned int column)
{
	struct palette_color table[PALETTE_ENTRIES];
	char low[16];
	unsigned int i, n;

	palette_fill(table);
	n = cells_text(cells, row, column, PANEL_COLUMNS, CELL_DEFAULT, "writes/s ");
	snprintf(low, sizeof(low), "%.1f ", PALETTE_RATE_LOW);
	n += cells_text(cells, row, column + n, PANEL_COLUMNS - n, CELL_DEFAULT, low);
	for (i = 0; i < SCALE_COLUMNS; i++)
		cells_fill(cells, row, column + n++, 1,
			   rgb(&table[i * (PALETTE_ENTRIES - 1) / (SCALE_COLUMNS - 1)]));
	cells_text(cells, row++, column + n + 1, 4, CELL_DEFAULT, panel->scale_high);
	cells_fill(cells, row, column, 2, rgb(&palette_unwritten));
	cells_text(cells, row, column + 3, 14, CELL_DEFAULT, "never written");
	cells_fill(cells, row, column + 18, 2, rgb(&palette_ground));
	cells_text(cells, row++, column + 21, 8, CELL_DEFAULT, "no page");
	return row;
}

void panel_draw(const struct panel *panel, struct cells *cells, unsigned int row,
		unsigned int column)
{
	unsigned int i;
	char line[64];

	row = draw_legend(panel, cells, row, column) + 1;
	for (i = 0; i < sizeof(panel->lines) / sizeof(*panel->lines); i++)
		cells_text(cells, row++, column, PANEL_COLUMNS, CELL_DEFAULT, panel->lines[i]);
	cells_text(cells, row++, column, PANEL_COLUMNS, rgb(&palette_amber), panel->warning);
	if (panel->nr_top)
		cells_text(cells, ++row, column, PANEL_COLUMNS, CELL_DEFAULT,
			   "thread          hits/s");
	row++;
	for (i = 0; i < panel->nr_top; i++) {
		const struct panel_thread *thread = &panel->top[i];

		snprintf(line, sizeof(line), "%-12.12s%10.0f", thread->comm, thread->hits_per_s);
		cells_text(cells, row, column, PANEL_COLUMNS, CELL_DEFAULT, line);
		cells_fill(cells, row++, column + 23,
			   0.5 + BAR_COLUMNS * thread->hits_per_s / panel->top[0].hits_per_s,
			   rgb(&palette_bar));
	}
}
