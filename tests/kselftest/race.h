/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests that race on purpose share: how many rounds, a target that
 * checks its own memory and notes how long it was ever held up, and waiting
 * for what goes on after a close.
 *
 * RACE_ROUNDS in the environment multiplies the rounds of every race: 1, the
 * default, suits `make check`.
 *
 * Weak spot: a race is won by chance. More rounds find more, none prove
 * absence; the debug kernel makes a short race worth more than a long one on
 * an ordinary kernel.
 */
#ifndef GLASSRAM_TESTS_RACE_H
#define GLASSRAM_TESTS_RACE_H

#include <stddef.h>
#include <stdint.h>

#include "loader.h"
#include "session.h"
#include "target.h"

/* race_rounds() - @few, times RACE_ROUNDS of the environment */
unsigned int race_rounds(unsigned int few);

/* Words of target.shared that racing_target() uses; a test has those from RACE_OWN on. */
enum {
	RACE_AREA, /* address of the checked area */
	RACE_STOP, /* set by the test: check everything and end */
	RACE_BEATS, /* passes over the area so far */
	RACE_STALL, /* the longest pass so far, ns */
	RACE_REST, /* set by the test: rest so many us after each pass */
	RACE_OWN,
};

#define RACE_PAGES 256UL

/**
 * racing_target() - body for target_start(): write, check, note the time
 *
 * After its one pause it passes over RACE_PAGES pages until RACE_STOP, and
 * checks before each store that the page still holds what it stored last.
 * Ends with 0 if all memory was as it had left it, 2 if not.
 */
int racing_target(struct target *t);

/* race_go() - let a target run on without waiting for its next pause */
void race_go(struct target *t);

/* race_moves() - does the target make another pass within @ms? */
int race_moves(const struct target *t, int ms);

/* race_end() - end a racing_target(). Return: its wait status; 0 if it was whole. */
int race_end(struct target *t);

/**
 * race_open() - session_open(), trying again while the module is away
 * @ret: as for session_open(); nothing to close after a failure
 * @pid: the target
 *
 * Return: 0 or -errno of the last try.
 */
int race_open(struct session *ret, pid_t pid);

/* race_open_flags() - the same with GLASSRAM_ATTACH_*; a shared session is never in the way */
int race_open_flags(struct session *ret, pid_t pid, uint32_t flags);

/* race_unarmed() - wait until nothing of the target is armed. Return: mappings that still are. */
int race_unarmed(pid_t pid);

/**
 * race_blocking() - memory that blocks for good whoever touches it
 * @length: bytes, page-aligned
 * @first_page: what the first page holds: that one can be read, and blocks who writes
 *
 * A userfaultfd of the caller that nobody serves; SIGKILL ends the waiting.
 *
 * Return: the memory, or NULL.
 */
char *race_blocking(size_t length, const void *first_page);

/*
 * RACE_EXPECT_UNLOADS() - in a test: stop a struct unloader, and expect that each rmmod
 * was refused or clean, and that some met the test. Needs the harness's header.
 */
#define RACE_EXPECT_UNLOADS(unloader) do { \
	struct unloads race_seen = unloader_stop(unloader); \
	\
	TH_LOG("rmmod: %ju refused, %ju done, loaded again after %ju ms at most", \
	       (uintmax_t)race_seen.refused, (uintmax_t)race_seen.done, \
	       (uintmax_t)race_seen.longest_ns / 1000000); \
	EXPECT_EQ(0, race_seen.error) \
		TH_LOG("rmmod or insmod: %s", strerror(-race_seen.error)); \
	EXPECT_LT(0, race_seen.refused); \
} while (0)

/* race_meminfo_kb() - a field of /proc/meminfo; -1 if there is none */
long race_meminfo_kb(const char *field);

/* race_write_file() - write a line to a file of /proc or /sys. Return: 0 or -errno. */
int race_write_file(const char *path, const char *text);

/*
 * A control group of a test, under the root; one at a time in a program.
 *
 * race_group_make(): @setting, "memory.max" say, gets @value. Return: 0 or -errno.
 * race_group_enter(): the calling process joins; its children will be in it, too.
 * race_group_end(): kills all in it and removes it; it may not be there.
 */
int race_group_make(const char *setting, const char *value);
int race_group_enter(void);
void race_group_end(void);
/* race_group_events() - a count of a file like "memory.events", 0 if it is not there */
uint64_t race_group_events(const char *file, const char *what);

#endif
