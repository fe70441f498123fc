// SPDX-License-Identifier: GPL-2.0
/*
 * Figures from the counters and tables.
 *
 * Pages and areas are counted by reading the mapped columns, four times a
 * second; that costs about 2 ms of CPU for a million slots, and nothing in the
 * kernel.
 *
 * Rates are averages over about a second that forget exponentially, the same
 * formula as for each cell of the map, so that both tell the same story.
 *
 * Weak: HITS wraps at 2^32; a rate is right as long as an area has fewer than
 * 2^32 hits between two refreshes.
 */
#include "renderer_figures.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void figures_number(double value, char *ret_string, size_t capacity)
{
	static const struct {
		double from;
		double unit;
		const char *suffix;
	} scales[] = { { 999.5e6, 1e9, "G" }, { 999.5e3, 1e6, "M" }, { 999.5, 1e3, "k" },
		       { 0, 1, "" } };
	size_t i = 0;
	double v;

	while (value < scales[i].from)
		i++;
	v = value / scales[i].unit;
	if (value > 0 && value < 0.05)
		snprintf(ret_string, capacity, "<0.1");
	else if (v >= 99.95 || value == 0 || (!*scales[i].suffix && v >= 9.95))
		snprintf(ret_string, capacity, "%.0f%s", v, scales[i].suffix);
	else
		snprintf(ret_string, capacity, "%.1f%s", v, scales[i].suffix);
}

void figures_bytes(uint64_t bytes, char *ret_string, size_t capacity)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double v = (double)bytes;
	size_t unit = 0;

	while (v >= 1023.5 && unit + 1 < sizeof(units) / sizeof(*units)) {
		v /= 1024;
		unit++;
	}
	snprintf(ret_string, capacity, v < 9.95 && unit > 1 ? "%.1f %s" : "%.0f %s", v,
		 units[unit]);
}

static void rate_update(struct figures_rate *rate, uint64_t total, double dt)
{
	double keep = exp(-dt / FIGURES_TAU);

	/* counters can be set to zero */
	if (total < rate->total)
		rate->total = 0;
	if (rate->primed && dt > 0)
		rate->per_second = keep * rate->per_second +
				   (1 - keep) * (double)(total - rate->total) / dt;
	rate->total = total;
	rate->primed = true;
}

void figures_area_name(const struct source_view *view, const struct map_area *area,
		       char *ret_name, size_t capacity)
{
	for (size_t i = 0; view->nr_targets > 1 && i < view->nr_targets; i++) {
		const struct glassram_target *target = &view->targets[i];

		if (target->id != area->target)
			continue;
		snprintf(ret_name, capacity, "%.*s %u %s", GLASSRAM_COMM_LEN, target->comm,
			 target->tgid, area->name);
		return;
	}
	snprintf(ret_name, capacity, "%s", area->name);
}

/* The order of areas: by target, then address. */
static int compare_area(const struct figures_area *known, const struct map_area *area)
{
	if (known->target != area->target)
		return known->target < area->target ? -1 : 1;
	return known->start < area->start ? -1 : known->start > area->start;
}

/* Carry what is known of areas over to a new map. */
static int follow_map(struct figures *figures, const struct map *map)
{
	struct figures_area *areas;
	size_t old = 0;

	if (figures->areas && figures->nr_areas == map->nr_areas) {
		bool same = true;

		for (size_t i = 0; i < map->nr_areas && same; i++)
			same = !compare_area(&figures->areas[i], &map->areas[i]);
		if (same)
			return 0;
	}
	areas = calloc(map->nr_areas + 1, sizeof(*areas));
	if (!areas)
		return -1;
	for (size_t i = 0; i < map->nr_areas; i++) {
		while (old < figures->nr_areas &&
		       compare_area(&figures->areas[old], &map->areas[i]) < 0)
			old++;
		if (old < figures->nr_areas &&
		    !compare_area(&figures->areas[old], &map->areas[i]))
			areas[i] = figures->areas[old];
		areas[i].target = map->areas[i].target;
		areas[i].start = map->areas[i].start;
	}
	free(figures->areas);
	figures->areas = areas;
	figures->nr_areas = map->nr_areas;
	return 0;
}

static void count_slots(struct figures *figures, const struct source_view *view,
			const struct map *map, double dt)
{
	const volatile uint32_t *hits = view->columns.hits;
	const volatile uint32_t *stamp = view->columns.stamp;
	uint32_t epoch_1s = view->rate_hz ? view->rate_hz : 1;
	uint32_t epoch_10s = 10 * epoch_1s;
	uint32_t *sums = calloc(map->nr_areas + 1, sizeof(*sums));

	figures->pages = 0;
	figures->written = 0;
	figures->pages_1s = 0;
	figures->pages_10s = 0;
	for (size_t i = 0; i < figures->nr_areas; i++)
		figures->areas[i].pages = 0;
	for (size_t i = 0; i < map->nr_runs; i++) {
		const struct map_run *run = &map->runs[i];
		uint32_t end = run->end < view->columns.slots ? run->end : view->columns.slots;
		uint32_t pages = 0, sum = 0;

		for (uint32_t slot = run->begin; slot < end; slot++) {
			uint32_t s = stamp[slot];
			uint32_t age = view->epoch > s ? view->epoch - s : 0;

			if (s == GLASSRAM_STAMP_NO_PAGE)
				continue;
			pages++;
			if (s < GLASSRAM_FIRST_EPOCH)
				continue;
			sum += hits[slot];
			figures->written++;
			figures->pages_1s += age <= epoch_1s;
			figures->pages_10s += age <= epoch_10s;
		}
		figures->pages += pages;
		figures->areas[run->area].pages += pages;
		if (sums)
			sums[run->area] += sum;
	}
	for (size_t i = 0; sums && i < figures->nr_areas; i++) {
		struct figures_rate *rate = &figures->areas[i].hits;
		/* The sum wraps as its terms do: only its growth means something. */
		uint32_t growth = rate->primed ? sums[i] - (uint32_t)rate->total : 0;

		/* So much only seems to grow where the counters were set to zero. */
		if (growth > INT32_MAX)
			growth = sums[i], rate->total -= (uint32_t)rate->total;

		rate_update(rate, rate->primed ? rate->total + growth : sums[i], dt);
	}
	free(sums);
}

/* Keeps @row if it is among the greatest of @rows, which are sorted. */
static void keep_top(struct figures_row *rows, size_t *nr, double per_second, const char *name,
		     uint32_t thread)
{
	size_t place = *nr;

	while (place > 0 && rows[place - 1].per_second < per_second)
		place--;
	if (place >= FIGURES_TOP)
		return;
	if (*nr < FIGURES_TOP)
		(*nr)++;
	memmove(&rows[place + 1], &rows[place], (*nr - 1 - place) * sizeof(*rows));
	snprintf(rows[place].name, sizeof(rows[place].name), "%s", name);
	rows[place].per_second = per_second;
	rows[place].thread = thread;
}

static void rank_areas(struct figures *figures, const struct source_view *view,
		       const struct map *map)
{
	figures->nr_top_areas = 0;
	for (size_t i = 0; i < figures->nr_areas; i++) {
		char area[48], name[64], size[16];

		if (figures->areas[i].hits.per_second < 0.05)
			continue;
		figures_bytes(map->areas[i].bytes, size, sizeof(size));
		figures_area_name(view, &map->areas[i], area, sizeof(area));
		snprintf(name, sizeof(name), "%s %s", area, size);
		keep_top(figures->top_areas, &figures->nr_top_areas,
			 figures->areas[i].hits.per_second, name, 0);
	}
}

static int by_key(const void *a, const void *b)
{
	const struct figures_thread *ta = a, *tb = b;

	return ta->key < tb->key ? -1 : ta->key > tb->key;
}

static int rank_threads(struct figures *figures, const struct source_view *view, double dt)
{
	struct figures_thread *threads = calloc(view->nr_threads + 1, sizeof(*threads));

	if (!threads)
		return -1;
	figures->nr_threads = 0;
	for (size_t i = 0; i < view->nr_threads; i++) {
		const struct glassram_thread *thread = &view->threads[i];
		struct figures_thread *known, *mine = &threads[i];
		char name[48];

		mine->key = (uint64_t)thread->tid << 32 ^ thread->slot ^ thread->start_ns << 8;
		known = figures->nr_known_threads ?
			bsearch(mine, figures->known_threads, figures->nr_known_threads,
				sizeof(*mine), by_key) : NULL;
		if (known)
			mine->hits = known->hits;
		else
			mine->hits.primed = figures->primed; /* new: all its hits are new */
		rate_update(&mine->hits, thread->hits, dt);
		if (mine->hits.per_second < 0.05)
			continue;
		snprintf(name, sizeof(name), "%.*s %u", GLASSRAM_COMM_LEN, thread->comm,
			 thread->tid);
		keep_top(figures->threads, &figures->nr_threads, mine->hits.per_second, name,
			 thread->slot);
	}
	qsort(threads, view->nr_threads, sizeof(*threads), by_key);
	free(figures->known_threads);
	figures->known_threads = threads;
	figures->nr_known_threads = view->nr_threads;
	return 0;
}

static void add_history(struct figures *figures, double per_second, uint8_t marks)
{
	if (figures->nr_history == FIGURES_HISTORY) {
		memmove(figures->history, figures->history + 1,
			(FIGURES_HISTORY - 1) * sizeof(*figures->history));
		memmove(figures->marks, figures->marks + 1, FIGURES_HISTORY - 1);
		figures->nr_history--;
	}
	figures->history[figures->nr_history] = per_second;
	figures->marks[figures->nr_history++] = marks;
}

int figures_refresh(struct figures *figures, const struct source_view *view,
		    const struct map *map, double now)
{
	double dt = figures->primed ? now - figures->refreshed : 0;
	uint64_t before = figures->hits.total;
	uint8_t marks = 0;

	if (follow_map(figures, map))
		return -1;
	if (figures->primed && dt < 1.0 / FIGURES_HZ)
		return 0;
	rate_update(&figures->hits, view->stats.hits, dt);
	if (!figures->primed || view->stats.hits != before)
		figures->last_hit = now;
	figures->quiet = now - figures->last_hit;
	count_slots(figures, view, map, dt);
	rank_areas(figures, view, map);
	if (rank_threads(figures, view, dt))
		return -1;
	if (figures->primed && figures->map_generation != view->layout.generation)
		marks |= FIGURES_MARK_MAP;
	if (figures->primed && figures->nr_target_threads != view->nr_target_threads)
		marks |= FIGURES_MARK_THREADS;
	if (figures->primed) {
		marks |= figures->forks != view->forks ? FIGURES_MARK_FORK : 0;
		marks |= figures->execs != view->execs ? FIGURES_MARK_EXEC : 0;
		marks |= figures->exits != view->exits ? FIGURES_MARK_EXIT : 0;
	}
	figures->forks = view->forks;
	figures->execs = view->execs;
	figures->exits = view->exits;
	figures->map_generation = view->layout.generation;
	figures->nr_target_threads = view->nr_target_threads;
	/* A slow renderer refreshes less often: its samples stand for longer. */
	for (double t = 0; figures->primed && t < dt - 0.5 / FIGURES_HZ && t < FIGURES_SECONDS;
	     t += 1.0 / FIGURES_HZ) {
		add_history(figures, figures->hits.per_second, marks);
		marks = 0;
	}
	figures->refreshed = now;
	figures->primed = true;
	return 1;
}

void figures_finish(struct figures *figures)
{
	free(figures->areas);
	free(figures->known_threads);
	memset(figures, 0, sizeof(*figures));
}
