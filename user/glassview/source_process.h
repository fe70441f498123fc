/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What /proc says of the targets, and what watching costs them.
 */
#ifndef GLASSVIEW_SOURCE_PROCESS_H
#define GLASSVIEW_SOURCE_PROCESS_H

#include "source.h"

/* The overhead is taken over the last two seconds, or what there is from one on. */
#define OVERHEAD_SAMPLES 16

/**
 * struct process_sample - totals at one moment
 * @cpu_ticks: of all live targets
 * @newest, @live: the greatest id of a target, and their number: other processes
 *	make the ticks of two samples incomparable
 */
struct process_sample {
	double at;
	uint64_t faults;
	uint64_t advance_ns;
	uint64_t cpu_ticks;
	uint32_t newest;
	uint32_t live;
};

struct process_figures {
	struct process_sample samples[OVERHEAD_SAMPLES];
	unsigned int nr_samples;
};

/**
 * process_refresh() - name, threads, memory and overhead of @view, which has its
 * totals and targets already
 */
void process_refresh(struct process_figures *figures, struct source_view *view);

#endif
