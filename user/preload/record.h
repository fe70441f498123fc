/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * Write what a watched process writes to a trace file, epoch by epoch.
 */
#ifndef GLASSRAM_RECORD_H
#define GLASSRAM_RECORD_H

#include <stdint.h>

#include "sampled.h"

/**
 * struct recorder - what is recorded, and what it costs
 * @watch: opened; the recorder's from here on
 * @pid: the process
 * @file: plain trace (include/glassram/trace.h), for appending
 * @rate_hz: rounds a second
 * @share: what the process may pay, in 65,536ths of its CPU time; 0: all is armed.
 *	With a share the trace holds what was seen, not all that was written
 * @sampled: private, with a share
 * @rounds: so far
 * @pages: that the records name, so far
 * @scan_ns: all scans together
 */
struct recorder {
	struct selfwatch *watch;
	pid_t pid;
	int file;
	unsigned int rate_hz;
	uint32_t share;
	struct sampled sampled;
	uint64_t rounds;
	uint64_t pages;
	uint64_t scan_ns;
};

/**
 * recorder_begin() - the first round: what is populated now is its record
 * Return: 0, or a negative errno.
 */
int recorder_begin(struct recorder *recorder);

/**
 * recorder_run() - rounds at a steady pace, until the process ends or SIGTERM comes
 * Each record arrives whole, unless it has more than 2,000 ranges.
 * Return: 0, or a negative errno.
 */
int recorder_run(struct recorder *recorder);

/* recorder_figures() - write what it cost as one line of JSON to a file */
void recorder_figures(const struct recorder *recorder, int file);

#endif
