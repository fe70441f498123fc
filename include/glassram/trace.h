/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * Write traces: files that say which pages a program wrote in each epoch.
 *
 * Format: little-endian u64 words, as they are or compressed with xz. One
 * record for each epoch: 'E' (0x45), the end of the epoch in ns
 * (CLOCK_MONOTONIC), n, and n pairs (first page number, page count). A page
 * number is an address >> 12. The pages of a record were written at least once
 * since the record before; the first record that names a page is its first
 * touch, which faults whether anybody watches or not.
 *
 * Weak: a trace is held in memory as a whole, and has no name of its program.
 */
#ifndef GLASSRAM_TRACE_H
#define GLASSRAM_TRACE_H

#include <glassram/glassram.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The first word of a record. */
#define GLASSRAM_TRACE_EPOCH 0x45
/* Page numbers are below this: 57 address bits. */
#define GLASSRAM_TRACE_PAGES (1ULL << 45)
/* Most words of a trace, uncompressed: 1 GiB. */
#define GLASSRAM_TRACE_WORDS (1ULL << 27)
/* Most pages that the ranges of one trace may name, all epochs together. */
#define GLASSRAM_TRACE_WRITES (1ULL << 32)

/**
 * struct glassram_trace_range - pages that were written in one epoch
 * @page: number of the first one
 * @count: how many, at least 1
 */
struct glassram_trace_range {
	uint64_t page;
	uint64_t count;
};

/**
 * struct glassram_trace_epoch - one record
 * @end_ns: when it ended
 * @first: index of its first range
 * @nr: its ranges
 */
struct glassram_trace_epoch {
	uint64_t end_ns;
	size_t first;
	size_t nr;
};

/**
 * struct glassram_trace - a trace, read
 * @epochs: oldest first; @nr_epochs of them
 * @ranges: of all epochs; @nr_ranges of them
 * @cut: the file ends within a record or within the compressed data, as that of
 *	a recorder that was killed; what was whole is here
 */
struct glassram_trace {
	struct glassram_trace_epoch *epochs;
	size_t nr_epochs;
	struct glassram_trace_range *ranges;
	size_t nr_ranges;
	bool cut;
};

/**
 * glassram_trace_load() - read a trace
 * @path: the file, plain or xz
 * @ret_trace: release with glassram_trace_finish()
 * Return: 0; GLASSRAM_ERR_INVALID: it is no such file; _NO_MEMORY; _SYSTEM.
 */
enum glassram_error glassram_trace_load(const char *path, struct glassram_trace *ret_trace);

/* glassram_trace_finish() - free what it holds; zeroes are fine */
void glassram_trace_finish(struct glassram_trace *trace);

struct glassram_trace_writer;

/**
 * glassram_trace_create() - begin a trace file
 * @path: created or truncated; compressed if it ends in ".xz"
 * @ret_writer: end with glassram_trace_close()
 *
 * Every record of a plain file is handed to the kernel at once, so that a
 * killed recorder leaves all its epochs; of a compressed one, every 64th time.
 */
enum glassram_error glassram_trace_create(const char *path,
					  struct glassram_trace_writer **ret_writer);

/**
 * glassram_trace_put() - add an epoch
 * @writer: the file
 * @end_ns: its end
 * @ranges: what was written
 * @nr: number of @ranges
 * Return: 0; GLASSRAM_ERR_SYSTEM: it could not be written, say the disk is full.
 */
enum glassram_error glassram_trace_put(struct glassram_trace_writer *writer, uint64_t end_ns,
				       const struct glassram_trace_range *ranges, size_t nr);

/**
 * glassram_trace_close() - finish the file and free the writer; NULL is fine
 * Return: 0; GLASSRAM_ERR_SYSTEM: the end could not be written. Freed in any case.
 */
enum glassram_error glassram_trace_close(struct glassram_trace_writer *writer);

#ifdef __cplusplus
}
#endif

#endif /* GLASSRAM_TRACE_H */
