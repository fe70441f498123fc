/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * Watch within a budget, without the module: the decider that the module uses
 * (kmod/sampler.h) says which pages to arm at each round.
 *
 * Weak: hits are found by a scan of what is not armed, not by a hook, so the
 * watcher pays more than the module's would; the watched process does not. A hit
 * between the scan and the arming of its neighbours may be overlooked.
 */
#ifndef GLASSRAM_SAMPLED_H
#define GLASSRAM_SAMPLED_H

#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "../../kmod/sampler.h"
#include "selfwatch.h"

/* Most blocks (4 MiB of addresses each) that are looked after; more are left out. */
#define SAMPLED_BLOCKS 4096

struct sampled_block;

/**
 * struct sampled - a watch within a budget
 * @watch: its watch
 * @seen: pages that were seen written in the last round's epoch; not all that were
 * @share: what the process may pay, as a share of its CPU time, in 65,536ths
 * @fault_ns: what a hit costs, measured when it began
 * @call_ns: what an arming call costs it, so, too
 * @hits: hits of armed pages so far
 * @armed: pages chosen so far
 * @calls: arming calls so far
 * @cpu_ns: CPU time of the process since the watch began
 */
struct sampled {
	struct selfwatch *watch;
	struct selfwatch_list seen;
	uint32_t share;
	uint32_t fault_ns;
	uint32_t call_ns;
	uint64_t hits;
	uint64_t armed;
	uint64_t calls;
	uint64_t cpu_ns;
	/* private */
	struct glassram_sampler sampler;
	clockid_t clock;
	uint64_t clock_first;
	uint64_t now_ns;
	uint32_t epoch;
	struct sampled_block *blocks;
	uint32_t nr_blocks;
};

/**
 * sampled_open() - begin
 * @sampled: caller's memory
 * @watch: opened, not closed by this
 * @pid: the process
 * @share: of its CPU time, in 65,536ths
 * Return: 0, or a negative errno.
 */
int sampled_open(struct sampled *sampled, struct selfwatch *watch, pid_t pid, uint32_t share);

/**
 * sampled_round() - find the hits, and arm what the budget allows
 * Return: as selfwatch_round().
 */
int sampled_round(struct sampled *sampled);

/* sampled_resume() - go on after a pause, whose time earns nothing */
void sampled_resume(struct sampled *sampled);

/* sampled_close() - free it; the watch stays */
void sampled_close(struct sampled *sampled);

#endif
