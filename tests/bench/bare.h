/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel offers without Glass RAM: a process's own userfaultfd and
 * PAGEMAP_SCAN. The yardstick of the benchmarks.
 */
#ifndef GLASSRAM_BENCH_BARE_H
#define GLASSRAM_BENCH_BARE_H

#include <stdint.h>

/**
 * bare_open() - a userfaultfd of the calling process on one range
 * @start: page-aligned
 * @bytes: page-aligned
 * @synchronous: 0: WP_ASYNC, faults resolve themselves; else every fault waits
 *	for bare_writeprotect()
 *
 * Return: the file descriptor, or -1.
 */
int bare_open(uint64_t start, uint64_t bytes, int synchronous);

/* bare_writeprotect() - protect (@on) or release a range. Return: 0 or -1. */
int bare_writeprotect(int uffd, uint64_t start, uint64_t bytes, int on);

/**
 * bare_scan() - arm what was written, with the categories that the module uses
 * @pagemap: of the process, open for reading
 * @start: page-aligned
 * @end: page-aligned
 *
 * The ranges are asked for, and thrown away.
 *
 * Return: ranges found, or -1.
 */
long bare_scan(int pagemap, uint64_t start, uint64_t end);

#endif
