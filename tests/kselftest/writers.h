/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Six threads that write to one arena of pages in different manners, for the
 * tests that no hit is lost. The tests differ in what a write puts there.
 *
 * Weak spot: the random order is a linear congruential generator, so that a
 * failure can be run again; it is no model of a real program.
 */
#ifndef GLASSRAM_TESTS_WRITERS_H
#define GLASSRAM_TESTS_WRITERS_H

#include <stdint.h>
#include <sys/types.h>

#define WRITERS 6

/* Memory that the arena is made of. */
enum writers_arena {
	ARENA_ANON, /* private, small pages */
	ARENA_THP, /* private, transparent huge pages */
	ARENA_SHMEM, /* a shared memfd */
};

struct writers {
	volatile char *arena; /* populated, every page written once */
	size_t pages;
	volatile uint64_t *count; /* page writes, one word for each writer; may be shared */
	uint64_t (*value)(void); /* what a write stores in the page's first 8 bytes */
};

/**
 * writers_arena() - map and populate the arena, aligned to 2 MiB
 *
 * Return: its address, or NULL.
 */
char *writers_arena(enum writers_arena kind, size_t pages);

/**
 * writers_run() - start the six threads; they never stop
 * @w: must live as long as the process
 *
 * Return: 0 or a positive errno.
 */
int writers_run(struct writers *w);

/**
 * writers_outside() - write to another process's arena, for ever
 * @w: arena as an address in the target
 * @pid: the target
 *
 * process_vm_writev() from the outside: kernel-mode writes by a foreign task.
 * Ends when the target is gone.
 */
void writers_outside(const struct writers *w, pid_t pid);

#endif
