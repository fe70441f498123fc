/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A target for the tests of the library: a child with two areas of pages and
 * two threads, "work-one" and "other", that write where the test tells them.
 */
#ifndef GLASSRAM_TESTS_LIB_TARGET_H
#define GLASSRAM_TESTS_LIB_TARGET_H

#include <glassram/glassram.h>

#include "target.h"

#define LIB_PAGE 4096UL
#define LIB_AREA_PAGES 64UL

/* lib_target_start() - as target_start(), up to the point where it takes orders. */
int lib_target_start(struct target *ret);

/* Where an area lies: 0 and 1 are the two that are there from the start. */
uint64_t lib_target_area(const struct target *t, unsigned int area);

/*
 * lib_target_write() - let a thread write one byte to each of @pages pages
 * @thread: 0 "work-one", 1 "other"
 * Return: 0, or -ESRCH if the target is gone.
 */
int lib_target_write(struct target *t, unsigned int thread, uint64_t address,
		     unsigned long pages);

/*
 * lib_target_map() - map room for @blocks blocks of slots, and write one page of each
 * Return: its address, or 0.
 */
uint64_t lib_target_map(struct target *t, unsigned long blocks);

/* Sums of a column over @pages pages, 0 for those without a slot. */
uint64_t lib_sum_hits(const struct glassram_columns *columns,
		      const struct glassram_layout *layout, uint64_t address,
		      unsigned long pages);

#endif
