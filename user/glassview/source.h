/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A source: where the counters, tables and figures of one target come from.
 *
 * glassview has four stages, each behind one small interface: a source gives
 * counters, a mapper makes them textures, a renderer draws the picture, a sink
 * shows it. Sources: a session of glassram.ko, and a synthetic one for tests
 * and layout work.
 */
#ifndef GLASSVIEW_SOURCE_H
#define GLASSVIEW_SOURCE_H

#include <glassram/glassram.h>

/**
 * struct source_view - everything the later stages may know of a target
 * @columns: counters, valid until the next call of update()
 * @layout: regions and blocks
 * @threads, @nr_threads: threads seen writing
 * @stats: totals
 * @epoch: the open epoch
 * @epoch_began: when it began, seconds of CLOCK_MONOTONIC
 * @pid, @comm: the target, or the first one
 * @targets, @nr_targets: all of them, ended ones that were not dropped included
 * @nr_processes: those that live
 * @follows: forks and execs are followed; @follow: what came of it
 * @forks, @execs, @exits: seen so far
 * @nr_target_threads: threads they have now
 * @rss: their resident bytes
 * @rate_hz: arming rate
 * @overhead: share of the target's CPU time that watching cost, 0 to 1,
 *	negative if not known
 * @paused: nothing is counted at the moment
 * @ended: the target is gone; everything above is its last state
 * @changed: SOURCE_* bits: what differs from the previous update
 */
#define SOURCE_COLUMNS (1U << 0)
#define SOURCE_LAYOUT (1U << 1)

struct source_view {
	struct glassram_columns columns;
	struct glassram_layout layout;
	struct glassram_thread *threads;
	size_t nr_threads;
	struct glassram_stats stats;
	uint32_t epoch;
	double epoch_began;
	pid_t pid;
	char comm[GLASSRAM_COMM_LEN];
	struct glassram_target *targets;
	size_t nr_targets;
	uint32_t nr_processes;
	bool follows;
	struct glassram_follow_figures follow;
	uint64_t forks;
	uint64_t execs;
	uint64_t exits;
	uint32_t nr_target_threads;
	uint64_t rss;
	uint32_t rate_hz;
	double overhead;
	bool paused;
	bool ended;
	unsigned int changed;
};

/**
 * struct source - one open source
 * @update: bring @view up to date; never blocks longer than a few ms;
 *	returns 0, or -1 with a one-line message printed
 * @freeze: arm one last time, then stop arming: update() changes nothing any
 *	more. Pages that were armed then may still take one hit each.
 * @pause: stop counting, or go on; NULL where there is nothing to stop
 * @reset: set all counters to zero; may be NULL. Both return 0, or -1 with a
 *	one-line message printed: only the owner of a session may
 * @destroy: free it and everything in @view
 */
struct source {
	struct source_view view;
	int (*update)(struct source *source);
	int (*freeze)(struct source *source);
	int (*pause)(struct source *source);
	int (*reset)(struct source *source);
	void (*destroy)(struct source *source);
};

/**
 * struct source_settings - how to watch a process
 * @rate_hz: arming rate, 0 for the default
 * @policy: policy object file, or NULL
 * @follow: watch the processes that it starts, too
 */
struct source_settings {
	pid_t pid;
	uint32_t rate_hz;
	const char *policy;
	bool follow;
};

/* The session of a running process; arming ticks run in a thread of their own. */
struct source *source_session_create(const struct source_settings *settings);

/* A made-up target with every kind of pattern; @slots up to 2^24. */
struct source *source_synthetic_create(uint32_t slots);

#endif
