/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What can happen to the pages of an area between their arming and the next
 * write, for matrix_moves.c.
 */
#ifndef GLASSRAM_TESTS_MATRIX_EVENTS_H
#define GLASSRAM_TESTS_MATRIX_EVENTS_H

#include "matrix.h"

/* What another process, or a device, puts into the pages. */
#define FOREIGN 200

/* What the target can be asked to do: matrix_acts.c */
enum matrix_action {
	PAGE_OUT, READ_ALL, BIND, SPIN, MERGEABLE, UNMERGEABLE, FREE, FORK_HOLD, FORK_END, FORK_EXIT,
	FORK_WRITE, DONTNEED, REMOVE, COLLAPSE, PROTECT, FORBID, MOVE, WRITE_BACK, LOCK, POPULATE,
	PIN, FILL_PINNED, UNPIN
};

/* What an event does to the content of the pages, besides a value of its own. */
#define EVENT_KEEPS 0
#define EVENT_ZEROES VALUE_ZERO
#define EVENT_LOSES 254 /* the kernel may have dropped it, or not yet */

/**
 * struct matrix_event
 * @name: for the test's name
 * @run: lets it happen, and makes sure that it did; returns NULL or what is wrong
 * @content: of all units afterwards: EVENT_KEEPS, EVENT_ZEROES, EVENT_LOSES, or a value
 * @shared_content: the same, for areas with MAP_SHARED
 * @dropped: the next touch of a huge page may be a first one
 * @unarmed: until the next ADVANCE, a huge page may be written as a whole
 * @needs: a file of the kernel's that must be there, or NULL
 * @areas: names of the areas to which it can happen; NULL ends the list
 */
struct matrix_event {
	const char *name;
	const char *(*run)(struct matrix *m);
	uint8_t content;
	uint8_t shared_content;
	bool dropped;
	bool unarmed;
	const char *needs;
	const char *areas[8];
};

extern const struct matrix_event matrix_events[];
extern const size_t matrix_nr_events;

/* matrix_act() - obeys enum matrix_action; the @call of matrix_start() */
int matrix_act(char *start, size_t length, int action);

/* matrix_event() - by name; NULL if there is none */
const struct matrix_event *matrix_event(const char *name);

/* Swap, a control group for the targets, KSM and NUMA settings. Return: 0 or an exit status. */
int matrix_events_prepare(void);
void matrix_events_finish(void);

/* matrix_events_join() - put a target into the control group that memory is taken from */
int matrix_events_join(const struct matrix *m);

#endif
