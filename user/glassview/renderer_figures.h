/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The figures beside the map, refreshed at 4 Hz: rates, counts of pages, the
 * most active threads and areas, and the last minute. Plain C, no GL.
 */
#ifndef GLASSVIEW_RENDERER_FIGURES_H
#define GLASSVIEW_RENDERER_FIGURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "renderer_map.h"
#include "source.h"

#define FIGURES_HZ 4
#define FIGURES_SECONDS 60
#define FIGURES_HISTORY (FIGURES_SECONDS * FIGURES_HZ)
#define FIGURES_TOP 5

/* Rates everywhere in the picture are averages that forget with this constant. */
#define FIGURES_TAU 1.0

/* Marks on the timeline. */
#define FIGURES_MARK_MAP (1U << 0) /* the region table changed */
#define FIGURES_MARK_THREADS (1U << 1) /* threads came or went */
#define FIGURES_MARK_FORK (1U << 2) /* a process was forked */
#define FIGURES_MARK_EXEC (1U << 3) /* a process started another program */
#define FIGURES_MARK_EXIT (1U << 4) /* a process ended */

/**
 * struct figures_rate - hits a second out of a growing total
 */
struct figures_rate {
	uint64_t total;
	double per_second;
	bool primed;
};

/**
 * struct figures_row - one of the most active
 * @thread: its thread slot, in the table of threads
 */
struct figures_row {
	char name[64];
	uint32_t thread;
	double per_second;
};

/**
 * struct figures_area - what is known of one area of the map
 * @target, @start: to find it again after a change of the map
 * @pages: slots with a page
 * @hits: rate of all its slots
 */
struct figures_area {
	uint32_t target;
	uint64_t start;
	uint32_t pages;
	struct figures_rate hits;
};

struct figures_thread {
	uint64_t key;
	struct figures_rate hits;
};

/**
 * struct figures - zero it before the first figures_refresh()
 * @hits: of the whole target
 * @pages: slots with a page; @written: those written since attach
 * @pages_1s, @pages_10s: pages written in the last 1 and 10 seconds
 * @quiet: seconds since the last hit
 * @areas: parallel to the areas of the map
 * @history: hits a second, newest last; @marks: FIGURES_MARK_* bits beside it
 */
struct figures {
	double refreshed;
	bool primed;
	struct figures_rate hits;
	uint64_t pages, written, pages_1s, pages_10s;
	double quiet;
	double last_hit;
	struct figures_row threads[FIGURES_TOP];
	size_t nr_threads;
	struct figures_row top_areas[FIGURES_TOP];
	size_t nr_top_areas;
	struct figures_area *areas;
	size_t nr_areas;
	struct figures_thread *known_threads;
	size_t nr_known_threads;
	double history[FIGURES_HISTORY];
	uint8_t marks[FIGURES_HISTORY];
	size_t nr_history;
	uint64_t map_generation;
	uint32_t nr_target_threads;
	uint64_t forks, execs, exits;
};

/**
 * figures_refresh() - bring the figures up to date if a quarter second has passed
 * @now: seconds, CLOCK_MONOTONIC; a clock that stands still changes nothing
 * Return: 1 if they were refreshed, 0 if not, -1 if memory ran out.
 */
int figures_refresh(struct figures *figures, const struct source_view *view,
		    const struct map *map, double now);
void figures_finish(struct figures *figures);

/**
 * figures_area_name() - what to call an area: "heap", and with several targets
 * "cc1 4711 heap"
 */
void figures_area_name(const struct source_view *view, const struct map_area *area,
		       char *ret_name, size_t capacity);

/**
 * figures_number() - a number in at most five characters: "0.3", "42", "12.4k"
 */
void figures_number(double value, char *ret_string, size_t capacity);

/**
 * figures_bytes() - "412 MiB", "1.5 GiB"
 */
void figures_bytes(uint64_t bytes, char *ret_string, size_t capacity);

#endif
