/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A target that works with the test: a forked child that runs a function and
 * waits, wherever the function calls target_pause(), for the test to let it
 * go on. So a test reads as a sequence: start, look, next, look, finish.
 *
 * Weak spot: the pauses are pipe reads of the child's main thread; threads
 * that the child makes itself run on regardless.
 */
#ifndef GLASSRAM_TESTS_TARGET_H
#define GLASSRAM_TESTS_TARGET_H

#include <stdint.h>
#include <sys/types.h>

struct target {
	pid_t pid;
	int to_child;
	int from_child;
	volatile uint64_t *shared; /* 512 words that child and test share */
};

/**
 * target_start() - fork a child that runs @body, up to its first pause
 * @ret: the target; target_finish() or target_kill() releases it
 * @body: returns the child's exit status
 *
 * The child is killed with the test.
 *
 * Return: 0, -errno, or -ESRCH if the child ended before it paused.
 */
int target_start(struct target *ret, int (*body)(struct target *t));

/* target_pause() - in the child: wait until the test says go on */
void target_pause(struct target *t);

/* target_next() - let the child run to its next pause. Return: 0, or -ESRCH if it ended. */
int target_next(struct target *t);

/* target_paused() - wait until a child that runs already pauses. Return: as target_next(). */
int target_paused(struct target *t);

/* target_finish() - let the child run to its end. Return: its wait status. */
int target_finish(struct target *t);

/* target_kill() - SIGKILL, and release; the target may have ended already */
void target_kill(struct target *t);

#endif
