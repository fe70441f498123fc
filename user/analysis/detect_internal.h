/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * The detectors' own structures: one for each detector, all of bounded size, and
 * what detect.c tells them: pages that were hit, and ticks.
 */
#ifndef DETECT_INTERNAL_H
#define DETECT_INTERNAL_H

#include <glassram/detect.h>

/* Slots hold times in tenths of a second since the first tick, +1 so that 0 is never. */
#define DETECT_TENTH_NS 100000000ULL
/* A page is asleep after so long without a write, and a handover no sharing. */
#define DETECT_ASLEEP_TENTHS 100

/**
 * struct detect_slots - what is remembered of each slot
 * @nr: slots known
 * @stamp, @hits, @owner: the columns at the last tick
 * @written: time of the last hit, 0 never
 * @appeared: time when its page was first seen, 0: not, or at the first tick
 * @woken: time of its last hit after a sleep or as the first one
 */
struct detect_slots {
	uint32_t nr;
	uint32_t *stamp;
	uint32_t *hits;
	uint32_t *written;
	uint32_t *appeared;
	uint32_t *woken;
	uint16_t *owner;
};

/**
 * struct detect_hit - one page that was hit since the last tick
 * @slot: which
 * @epochs: how many times
 * @owner: its first writer of the last epoch; @before: that of the hit before
 * @rewritten: the hit before was at most DETECT_ASLEEP_TENTHS ago
 */
struct detect_hit {
	uint32_t slot;
	uint32_t epochs;
	uint16_t owner;
	uint16_t before;
	bool rewritten;
};

/* Bins of 0.1 s of a burst, at most 20 s. */
#define CASCADE_BINS 200

/**
 * struct detect_cascade - bursts of waking pages, see detect_cascade.c
 */
struct detect_cascade {
	uint64_t bin_begin_ns;
	uint32_t woken; /* in this bin */
	uint32_t fresh_blocks; /* blocks that the burst reached in this bin */
	double mean, deviation; /* of the rate, pages/s, outside of bursts */
	double observed; /* seconds that these rest on */
	double habit; /* pages of earlier bursts */
	bool bursting, told;
	uint64_t begin_ns;
	uint32_t begin_tenth;
	uint32_t quiet; /* bins below the end of the burst */
	uint64_t pages;
	uint32_t nr_bins;
	double rates[CASCADE_BINS];
	uint32_t blocks[CASCADE_BINS];
	uint32_t burst; /* number of the burst, never 0 */
	uint32_t *block_burst; /* for each block the last burst that reached it */
	uint32_t nr_blocks;
};

/* Windows of growth: of 1 s and of 8 s bins. */
#define GROWTH_SCALES 2
#define GROWTH_BINS 8

/**
 * struct detect_growth - pages that appear without a pause, see detect_growth.c
 */
struct detect_growth {
	struct growth_scale {
		uint64_t begin_ns;
		uint64_t pages; /* in the open bin */
		int64_t resident; /* at its begin */
		bool resident_known;
		uint32_t nr; /* closed bins, at most GROWTH_BINS; the newest is last */
		struct growth_bin {
			uint64_t begin_ns;
			double seconds;
			double pages;
			double resident; /* change; pages where it is not known */
		} bins[GROWTH_BINS];
		bool alarm;
		uint32_t quiet;
	} scales[GROWTH_SCALES];
	uint64_t alarm_ns; /* when an alarm last stood */
	double per_second;
};

#define PHASE_BINS 4096
#define PHASE_LEVELS 16
/* Stretches of places, for targets that write a few pages here and there. */
#define PHASE_STRETCHES 64
#define PHASE_STRETCH (PHASE_BINS / PHASE_STRETCHES)
#define PHASE_WINDOW 6
#define PHASE_FRAMES (2 * PHASE_WINDOW)

/**
 * struct phase_frame - how the target wrote in half a second
 * @where: square roots of the shares of the hits by place; the last is rest
 * @about: the same by stretches of places
 * @how: by density
 * @much: by rate
 * @shares: not yet square roots: hits by place
 */
struct phase_frame {
	uint64_t begin_ns;
	double hits;
	double seconds;
	float where[PHASE_BINS + 1];
	float about[PHASE_STRETCHES + 1];
	float how[PHASE_LEVELS + 1];
	float much[PHASE_LEVELS];
	float counts[PHASE_BINS];
};

/**
 * struct detect_phase - see detect_phase.c
 */
struct detect_phase {
	uint32_t shift; /* a place is 1 << shift slots */
	uint64_t begin_ns;
	uint32_t ticks; /* in the open frame */
	float counts[PHASE_BINS];
	struct phase_frame frames[PHASE_FRAMES]; /* a ring */
	float alike[PHASE_FRAMES][PHASE_FRAMES];
	uint64_t nr_frames;
	double mean, deviation; /* of the statistic, where nothing changes */
	double statistic;
	double peak;
	uint64_t peak_frame; /* number of the frame that made the peak */
	bool above;
	uint64_t told_ns; /* the last change that was told, 0 none */
	struct phase_change {
		uint64_t begin_ns;
		double distance, hits_per_second;
		float before[PHASE_BINS], after[PHASE_BINS];
	} change; /* at the peak */
};

/* Pairs of threads: sets of ways, so that a handover looks at 8 entries. */
#define PAIR_SETS 64
#define PAIR_WAYS 8

/**
 * struct detect_threads - energy and entanglement, see detect_threads.c
 */
struct detect_threads {
	struct thread_state {
		uint32_t hits; /* since the last tick */
		uint32_t active; /* tenth of the last hit, 0 never */
		double rate; /* pages/s */
		double rewrites; /* decaying */
	} *threads;
	uint32_t nr; /* in use, of GLASSRAM_MAX_THREADS */
	struct thread_pair {
		uint16_t a, b; /* a < b; 0, 0: free */
		double handovers; /* decaying */
	} pairs[PAIR_SETS * PAIR_WAYS];
	double hits_per_second;
};

/* Tenths of a second of the longest working set, and some room. */
#define WORKSET_TENTHS 640
#define WORKSET_TREND 30

/**
 * struct detect_workset - see detect_workset.c
 * @written: pages whose last write was in a tenth; index: tenth % WORKSET_TENTHS
 * @now: the newest tenth in it
 * @trend: the 10 s working set, one for each second, the newest at nr_trend - 1
 */
struct detect_workset {
	uint32_t written[WORKSET_TENTHS];
	uint32_t now;
	double trend[WORKSET_TREND];
	uint64_t nr_trend;
	uint32_t next_trend; /* tenth */
};

#define DETECT_QUEUE 64

struct glassram_detect {
	uint64_t begin_ns, now_ns;
	uint32_t tenth;
	bool started;
	struct detect_slots slots;
	struct detect_cascade cascade;
	struct detect_growth growth;
	struct detect_phase phase;
	struct detect_threads threads;
	struct detect_workset workset;
	const struct glassram_layout *layout; /* only during a tick */
	struct glassram_detection queue[DETECT_QUEUE];
	uint64_t queue_head, queue_tail;
	uint64_t detections[GLASSRAM_DETECTION_NR];
};

/* detect.c: put a detection into the queue. */
void gr_detect_tell(struct glassram_detect *d, const struct glassram_detection *detection);

/* detect_names.c */
/*
 * Fill regions and threads from the slots whose @times are at least @tenth.
 */
void gr_detect_name(struct glassram_detect *d, const uint32_t *times, uint32_t tenth,
		    struct glassram_detection *detection);
/* Fill regions from the change of shares of places of 1 << @shift slots. */
void gr_detect_name_change(struct glassram_detect *d, const float *before, const float *after,
			   uint32_t shift, struct glassram_detection *detection);

/* Each detector: room for @slots (or false), a page that woke or was hit, a tick. */
bool gr_cascade_room(struct detect_cascade *c, uint32_t slots);
void gr_cascade_woken(struct detect_cascade *c, uint32_t slot);
void gr_cascade_tick(struct glassram_detect *d);
void gr_growth_tick(struct glassram_detect *d, uint64_t appeared, uint64_t resident);
void gr_phase_room(struct detect_phase *p, uint32_t slots);
void gr_phase_hit(struct detect_phase *p, const struct detect_hit *hit);
void gr_phase_tick(struct glassram_detect *d);
double gr_phase_distance(const struct detect_phase *p);
bool gr_threads_init(struct detect_threads *t);
void gr_threads_finish(struct detect_threads *t);
void gr_threads_hit(struct detect_threads *t, const struct detect_hit *hit, uint32_t tenth);
void gr_threads_tick(struct detect_threads *t, double seconds);
void gr_workset_hit(struct detect_workset *w, uint32_t before);
void gr_workset_tick(struct detect_workset *w, uint32_t tenth);
uint64_t gr_workset_pages(const struct detect_workset *w, uint32_t tenths);
double gr_workset_trend(const struct detect_workset *w);

#endif
