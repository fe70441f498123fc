/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One result of a benchmark: a line of JSON in a file, and a line of the table
 * that people read.
 */
#ifndef GLASSRAM_BENCH_ROW_H
#define GLASSRAM_BENCH_ROW_H

#include <stdbool.h>
#include <stddef.h>

/* A row without a bar is reported, and never judged. */
#define NO_BAR (-1.0)

/**
 * struct row - what was measured, and what was allowed
 * @name: short, unique, words with dashes
 * @measured: the figure that is judged
 * @bar: the most that @measured may be, or NO_BAR
 * @counted_bar: the same where time is counted in instructions (rows_open())
 * @unit: of @measured, the bars, @low and @high
 * @low: smallest of the figures behind @measured
 * @high: largest of them
 * @samples: how many figures those were
 * @method: one sentence: how it was measured, and which of the figures is shown
 */
struct row {
	const char *name;
	double measured;
	double bar;
	double counted_bar;
	const char *unit;
	double low;
	double high;
	size_t samples;
	const char *method;
};

/**
 * rows_open() - where the rows of this program go
 * @path: file to be written, one JSON object on each line; exits on failure
 * @counted: the machine's clock counts instructions (QEMU's -icount shift=0
 *	makes each a nanosecond): names and units then say so
 */
void rows_open(const char *path, bool counted);

/* row_put() - write one row to the file and to standard output */
void row_put(const struct row *row);

/* rows_close() - Return: the exit status of the program: 1 if any bar was missed. */
int rows_close(void);

/**
 * die() - one line to standard error, then exit status 2
 * For what must not fail; a benchmark has no use for half a result.
 */
__attribute__((noreturn, format(printf, 1, 2))) void die(const char *format, ...);

#endif
