/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The figures of one run of glassview, for --stats FILE.json.
 *
 * The file holds one object:
 *	version		of glassview
 *	target		{ pid, comm, threads, rss (bytes), ended }
 *	sink		"kms", "headless" or "terminal"
 *	width, height	of the picture, pixels
 *	renderer	what drew it
 *	software	true: the CPU drew it
 *	emulated	true: the whole machine is emulated; its times are not real
 *	import		the rung: "view", "unpack", "external" or "upload"
 *	seconds		length of the run, from the start of the first picture, which
 *			may take long, until the last was shown
 *	frames, fps	pictures shown, and pictures a second
 *	rate_hz, epochs	arming ticks a second asked for, and epochs closed in the run
 *	hits, faults	since attach; rejected, deferred, lost, unexplained likewise
 *			(see struct glassram_stats)
 *	hits_per_s, faults_per_s	over the run
 *	pages, pages_written, slots	at the end
 *	blocks		blocks that the picture knows the addresses of
 *	regions, refused		regions watched and refused, at the end
 *	memory		bytes held by the module for the session
 *	overhead	share of the target's CPU time that watching cost, an estimate
 *			over the last two seconds; null if not known
 *	advance_ms	mean time of one arming tick
 *	draw_ms		{ p50, p90, p99, max }: drawing one picture
 *	epoch_to_screen_ms	{ p50, p90, p99, max }: from the close of an epoch
 *			until the first picture drawn after it was handed to the display
 *	owner		true: this client makes the ticks; clients: all of the session
 *	targets		[ { id, pid, comm, live, late_ms, late_run_ms } ]: the address
 *			spaces watched, and how late each came under watch
 *	forks, execs, exits	seen in the run
 *	follow		{ added, gone, missed, dropped, lost, late_ms_max,
 *			late_run_ms_max } with --follow, else null; see struct
 *			glassram_follow_figures
 *	threads		[ { tid, comm, hits, share } ], most hits first; share of all
 * A figure that could not be measured is null.
 */
#ifndef GLASSVIEW_STATS_H
#define GLASSVIEW_STATS_H

#include <stddef.h>
#include <stdint.h>

#include "mapper.h"
#include "renderer.h"
#include "source.h"

/* Pictures whose times are kept: the last 18 minutes at 60 Hz. */
#define STATS_SAMPLES 65536

/**
 * struct stats_series - the last STATS_SAMPLES of a measured time, seconds
 */
struct stats_series {
	double *values;
	size_t nr;
};

/**
 * struct stats - what was measured so far
 * @began: when the first picture was begun, seconds; figures count from here
 * @first, @last: when the first and the last were shown
 * @frames: pictures shown
 */
struct stats {
	double began;
	double first;
	double last;
	uint64_t frames;
	uint64_t hits_began;
	uint64_t hits_seen;
	uint64_t faults_began;
	uint64_t faults_seen;
	uint32_t epoch_began;
	uint32_t epoch_seen;
	struct stats_series draw;
	struct stats_series latency;
};

/**
 * stats_init() - nothing measured yet
 * Return: 0, or -1 with a one-line message printed.
 */
int stats_init(struct stats *stats);
void stats_finish(struct stats *stats);

/**
 * stats_frame() - one picture was shown
 * @view: what it shows
 * @drawing: seconds of drawing it
 * @now: when it was handed to the display
 */
void stats_frame(struct stats *stats, const struct source_view *view, double drawing, double now);

/**
 * stats_percentile() - of the kept samples
 * @percent: 0 to 100
 * Return: seconds, or a negative number if there are no samples.
 */
double stats_percentile(const struct stats_series *series, double percent);

/**
 * struct stats_picture - what else belongs into the file
 */
struct stats_picture {
	const char *sink;
	uint32_t width;
	uint32_t height;
	enum mapper_rung rung;
};

/**
 * stats_write() - write the file; it appears whole or not at all
 * Return: 0, or -1 with a one-line message printed.
 */
int stats_write(const struct stats *stats, const char *path, const struct source_view *view,
		const struct renderer_status *status, const struct stats_picture *picture);

#endif
