/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The process that is measured: a child with an arena of pages, which does one
 * thing at a time and says how long it took. It can protect its own arena with
 * a userfaultfd, which is the bare cost that watching is compared with.
 *
 * Weak spot: one writer thread; what several threads cost each other is not
 * measured here.
 */
#ifndef GLASSRAM_BENCH_WRITER_H
#define GLASSRAM_BENCH_WRITER_H

#include <stdint.h>

#include "target.h"

enum writer_command {
	WRITER_WRITE, /* one store to each @stride'th page of the arena */
	WRITER_FRESH, /* one store to each page of a new mapping, then unmap it */
	WRITER_LOOP, /* a loop of 1,000,000 instructions, no memory */
	WRITER_PROTECT, /* a userfaultfd of its own on the arena, asynchronous */
	WRITER_PROTECT_SYNC, /* the same, synchronous, and a thread that serves it */
	WRITER_ARM, /* arm the arena by PAGEMAP_SCAN; or by UFFDIO_WRITEPROTECT if synchronous */
	WRITER_UNPROTECT, /* close that userfaultfd */
	WRITER_WORK, /* rewrite the arena for so many nanoseconds; writer_result(): pages written */
	WRITER_BUSY, /* start threads that write the arena for ever; argument: how many */
};

/**
 * struct writer - a child under control
 * @target: the process; target.pid is what to watch
 * @pages: of the arena
 * @arena: its address in the child
 * @stride: of the last pass
 * @ticks: cost of each store of the last pass in ticks of the time-stamp
 *	counter, @pages of them; shared with the child
 */
struct writer {
	struct target target;
	uint64_t pages;
	uint64_t arena;
	uint64_t stride;
	volatile uint32_t *ticks;
};

/**
 * writer_start() - fork the child; its arena is populated with 4 KiB pages
 * @ret: release with writer_finish()
 * @pages: of the arena
 *
 * Exits the program on failure, as all of these do.
 */
void writer_start(struct writer *ret, uint64_t pages);

/**
 * writer_do() - have the child do one thing, and wait
 * @argument: for WRITER_WRITE the stride in pages; else see the command
 *
 * Return: nanoseconds that it took, the way to the child and back left out.
 */
uint64_t writer_do(struct writer *w, enum writer_command command, uint64_t argument);

/* writer_result() - what the last command counted, for those that count */
uint64_t writer_result(const struct writer *w);

/**
 * writer_median() - the usual cost of one store of the last pass
 * @ret_low: 5th percentile, or NULL
 * @ret_high: 95th percentile, or NULL
 *
 * Return: the median in ticks: interrupts and page tables touch a few stores only.
 */
double writer_median(const struct writer *w, double *ret_low, double *ret_high);

/* writer_finish() - end the child */
void writer_finish(struct writer *w);

#endif
