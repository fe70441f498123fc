/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * Watch an address space without the module: a userfaultfd of its own with
 * WP_ASYNC, and PAGEMAP_SCAN. Opened in the process that is watched, used there
 * or in any process that inherits it.
 *
 * Weak: whatever is written between the mapping of new memory and the next round
 * is told once, and pages that were only read in it count as not written; two
 * unmappings and mappings of one place within a round look like one.
 */
#ifndef GLASSRAM_SELFWATCH_H
#define GLASSRAM_SELFWATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct selfwatch_range - addresses that were written, or are to be armed
 * @start: page-aligned
 * @end: page-aligned, beyond the last
 */
struct selfwatch_range {
	uint64_t start;
	uint64_t end;
};

/**
 * struct selfwatch_list - ranges in order of addresses; zeroes are an empty one
 * @range: the ranges
 * @nr: how many
 * @room: private
 */
struct selfwatch_list {
	struct selfwatch_range *range;
	size_t nr, room;
};

/**
 * selfwatch_list_add() - add a range beyond the last, joined to that if they touch
 * Return: 0 or -ENOMEM. Emptied by setting @nr to 0, and freed by selfwatch_list_finish().
 */
int selfwatch_list_add(struct selfwatch_list *list, uint64_t start, uint64_t end);
void selfwatch_list_finish(struct selfwatch_list *list);

/* Mappings that the kernel would not let us watch: not to be asked for each round. */
#define SELFWATCH_REFUSED 64

/**
 * struct selfwatch - a watch; read what is documented, change nothing
 * @written: what the last round found
 * @scan_ns: how long the scans of the last round took, each arming what it found
 * @registered: mappings that were registered so far
 */
struct selfwatch {
	struct selfwatch_list written;
	uint64_t scan_ns;
	uint64_t registered;
	/* private */
	int uffd, pagemap, maps;
	struct selfwatch_range refused[SELFWATCH_REFUSED];
	size_t nr_refused;
	struct selfwatch_list mappings;
};

/**
 * selfwatch_open() - watch the calling process
 * @watch: caller's memory
 * @ret_what: on failure, what failed, in words
 * Return: 0, or a negative errno.
 */
int selfwatch_open(struct selfwatch *watch, const char **ret_what);

/**
 * selfwatch_round() - what was written since the last round; arm it again
 *
 * New private writable mappings are watched from here on; what of them is
 * populated counts as written.
 *
 * Return: 0; -ESRCH: the address space is gone; another negative errno.
 */
int selfwatch_round(struct selfwatch *watch);

/**
 * selfwatch_look() - which pages are not armed: populated, and written since they were
 * or never armed; as selfwatch_round(), but nothing is armed
 */
int selfwatch_look(struct selfwatch *watch);

/**
 * selfwatch_arm() - arm pages, whatever they are
 * @start: page-aligned
 * @end: page-aligned; what is not mapped or not watched between them is left out
 * Return: the calls that it took.
 */
unsigned int selfwatch_arm(struct selfwatch *watch, uint64_t start, uint64_t end);

/* selfwatch_close() - end it; the process pays nothing any more. */
void selfwatch_close(struct selfwatch *watch);

#endif
