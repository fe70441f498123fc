/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * Detectors: what happens to a target's memory, told from its counters.
 *
 *	struct glassram_view view = { 0 };
 *	struct glassram_detect *d;
 *	glassram_detect_create(&d);
 *	while (!glassram_advance(session, GLASSRAM_ADVANCE_PACED, NULL) &&
 *	       !glassram_view_refresh(&view, session) &&
 *	       !glassram_detect_view(d, &view))
 *		while (glassram_detect_next(d, &detection))
 *			...
 *	glassram_detect_destroy(d);
 *	glassram_view_finish(&view);
 *
 * One pass over the STAMP column for each tick, and work for each page that was
 * hit; 22 bytes for each slot, and some 400 kB. Definitions, their sources,
 * what is found and what is not: docs/detectors.md.
 *
 * Weak: OWNER is the first writer of an epoch, and a detector sees what the last
 * tick left: pages hit twice between two calls count twice, but have one owner.
 */
#ifndef GLASSRAM_DETECT_H
#define GLASSRAM_DETECT_H

#include <glassram/glassram.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Kinds of detections: glassram_detection.kind, and bits of glassram_report.alarms. */
#define GLASSRAM_DETECTION_CASCADE 0 /* pages wake other pages, and more each time */
#define GLASSRAM_DETECTION_GROWTH 1 /* memory grows without a pause: a leak, or a load */
#define GLASSRAM_DETECTION_PHASE 2 /* from here on the target writes in another way */
#define GLASSRAM_DETECTION_NR 3

/* Regions and threads that a detection names, most important first. */
#define GLASSRAM_DETECTION_NAMES 4
#define GLASSRAM_DETECTION_REGION_LEN 64

/**
 * struct glassram_detection_region - a region that takes part
 * @start, @end: its addresses
 * @target: its target
 * @pad: 0
 * @share: of the detection's pages, 0 to 1; PHASE: of the hits after less that of
 *	the hits before, -1 to 1
 * @name: its pathname, cut if longer; empty for anonymous memory
 */
struct glassram_detection_region {
	uint64_t start;
	uint64_t end;
	uint32_t target;
	uint32_t pad;
	double share;
	char name[GLASSRAM_DETECTION_REGION_LEN];
};

/**
 * struct glassram_detection_thread - a thread that takes part
 * @slot: thread slot: glassram_thread.slot
 * @tid: thread id; 0 until the caller looks it up (glassram_threads())
 * @share: of the detection's pages that it wrote first, 0 to 1
 */
struct glassram_detection_thread {
	uint32_t slot;
	uint32_t tid;
	double share;
};

/**
 * struct glassram_detection - something was found
 * @kind: GLASSRAM_DETECTION_*
 * @nr_regions, @regions: where; none without a layout
 * @nr_threads, @threads: who
 * @begin_ns: when it began; PHASE: the moment of the change
 * @time_ns: when it was found, the input's clock
 * @pages: CASCADE: pages woken; GROWTH: new pages since it began, at most those of
 *	the last 64 s; PHASE: pages hit in a second after it
 * @pages_per_second: CASCADE: of its fastest 0.1 s; GROWTH: mean; PHASE: hits
 *	after it
 * @strength: CASCADE: branching ratio, pages woken over those woken 0.1 s
 *	before (above 1); GROWTH: share of its time in which it grew; PHASE:
 *	distance between before and after, 0 to 1
 */
struct glassram_detection {
	uint32_t kind;
	uint32_t nr_regions;
	uint32_t nr_threads;
	uint32_t pad;
	uint64_t begin_ns;
	uint64_t time_ns;
	uint64_t pages;
	double pages_per_second;
	double strength;
	struct glassram_detection_region regions[GLASSRAM_DETECTION_NAMES];
	struct glassram_detection_thread threads[GLASSRAM_DETECTION_NAMES];
};

/**
 * struct glassram_detect_input - what a session has after a tick
 * @size: sizeof(struct glassram_detect_input)
 * @time_ns: now, any clock that does not go back
 * @slots: length of the columns; they may grow, never shrink
 * @hits, @stamp, @owner: the columns (struct glassram_columns)
 * @layout: to name regions, or NULL
 * @resident: pages of the targets that are in memory (/proc/PID/statm), 0 if not
 *	known. It tells growth from memory that is given back and taken anew
 */
struct glassram_detect_input {
	size_t size;
	uint64_t time_ns;
	uint32_t slots;
	const volatile uint32_t *hits;
	const volatile uint32_t *stamp;
	const volatile uint32_t *owner;
	const struct glassram_layout *layout;
	uint64_t resident;
};

struct glassram_detect;

/**
 * glassram_detect_create() - detectors that know nothing yet
 * @ret_detect: release with glassram_detect_destroy()
 */
enum glassram_error glassram_detect_create(struct glassram_detect **ret_detect);

/**
 * struct glassram_view - all that a session has at a moment
 * @time_ns: when, CLOCK_MONOTONIC
 * @columns, @layout, @stats: see there
 * @slots: slots given out that @columns covers
 * @live: targets that live
 * @resident: pages of them that are in memory; those of other users may be missing
 * @cpu_ns: their CPU time, as exact as the clock ticks of /proc/PID/stat
 */
struct glassram_view {
	uint64_t time_ns;
	struct glassram_columns columns;
	struct glassram_layout layout;
	struct glassram_stats stats;
	uint32_t slots;
	uint32_t live;
	uint64_t resident;
	uint64_t cpu_ns;
};

/**
 * glassram_view_refresh() - bring a view up to date
 * @view: zeroes at first; release with glassram_view_finish(), also after an error
 *
 * Columns and layout are read anew only when they changed.
 */
enum glassram_error glassram_view_refresh(struct glassram_view *view,
					  struct glassram_session *session);

/* glassram_view_finish() - zeroes are fine */
void glassram_view_finish(struct glassram_view *view);

/* glassram_detect_destroy() - NULL is fine */
void glassram_detect_destroy(struct glassram_detect *detect);

/**
 * glassram_detect_tick() - look at the counters, best right after each
 * glassram_advance()
 *
 * The first call only learns what is there. After an error nothing was taken in.
 * Not for two threads at a time.
 */
enum glassram_error glassram_detect_tick(struct glassram_detect *detect,
					 const struct glassram_detect_input *input);

/* glassram_detect_view() - glassram_detect_tick() with what a view has */
enum glassram_error glassram_detect_view(struct glassram_detect *detect,
					 const struct glassram_view *view);

/**
 * glassram_detect_next() - the next thing that was found
 * Return: false if there is none. Of more than 64 that nobody asks for, the
 * oldest are dropped.
 */
bool glassram_detect_next(struct glassram_detect *detect, struct glassram_detection *ret_detection);

/* glassram_detection_name() - "cascade", "growth", "phase"; "unknown" for others */
const char *glassram_detection_name(uint32_t kind);

/**
 * struct glassram_report - the figures of the moment
 * @alarms: 1 << GLASSRAM_DETECTION_*: CASCADE and GROWTH while they last, PHASE
 *	in the first 5 s after a change
 * @active_threads: threads that were first to write a page in the last second
 * @hits_per_second: of all threads, smoothed over 1 s
 * @new_per_second: pages that appeared, smoothed over 1 s
 * @working_set: pages written in the last 1, 10 and 60 s
 * @trend: change of the 10 s working set, pages per second, over the last 30 s; 0
 *	where it is not more than chance
 * @phase_distance: how far the last seconds are from those before, 0 to 1
 * @detections: how many of each kind were found
 */
struct glassram_report {
	uint32_t alarms;
	uint32_t active_threads;
	double hits_per_second;
	double new_per_second;
	uint64_t working_set[3];
	double trend;
	double phase_distance;
	uint64_t detections[GLASSRAM_DETECTION_NR];
};

void glassram_detect_report(const struct glassram_detect *detect,
			    struct glassram_report *ret_report);

/**
 * struct glassram_energy - what a thread moves
 * @slot: thread slot; GLASSRAM_THREAD_NONE: threads that have none
 * @pages_per_second: pages x epochs it was the first to write, smoothed over 1 s
 */
struct glassram_energy {
	uint32_t slot;
	double pages_per_second;
};

/**
 * glassram_detect_energy() - kinetic energy of the threads, busiest first
 * @energy: filled
 * @nr: its capacity
 * Return: entries filled. Threads at rest (below 0.01 pages a second) are left out.
 */
size_t glassram_detect_energy(const struct glassram_detect *detect,
			      struct glassram_energy *energy, size_t nr);

/**
 * struct glassram_entangled - two threads that write the same pages
 * @a, @b: thread slots, @a < @b
 * @handovers_per_second: pages that went from one to the other, within 10 s of
 *	the write before; smoothed over 10 s
 * @strength: share of the rewrites of the quieter thread that took part, 0 to 1
 */
struct glassram_entangled {
	uint32_t a;
	uint32_t b;
	double handovers_per_second;
	double strength;
};

/**
 * glassram_detect_entangled() - pairs of threads, most handovers first
 * @pairs: filled
 * @nr: its capacity
 * Return: entries filled, at most 512 pairs are kept.
 */
size_t glassram_detect_entangled(const struct glassram_detect *detect,
				 struct glassram_entangled *pairs, size_t nr);

#ifdef __cplusplus
}
#endif

#endif /* GLASSRAM_DETECT_H */
