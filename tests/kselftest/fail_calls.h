/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The calls of the interface, each ready to be made again and again: what
 * fail_nth sweeps. The list below is all of them; a call that is missing there
 * is not tested.
 *
 * Weak spot: one example of arguments for each.
 */
#ifndef GLASSRAM_TESTS_FAIL_CALLS_H
#define GLASSRAM_TESTS_FAIL_CALLS_H

#include "session.h"
#include "target.h"

#define PAGES 64UL
/* More than any wait on the debug kernel. */
#define PATIENCE_MS 20000

enum { AREA, BROKEN, NEW }; /* words shared with the target */

struct sweep {
	struct target target;
	struct target other; /* for TARGET_ADD */
	struct session session;
	struct session added; /* the files of other */
	int device;
	int fd; /* what the call under test made */
	int fail_nth;
	uint32_t other_id;
	void *map;
	size_t map_bytes;
	unsigned int injections;
	unsigned int survived; /* injections after which the call succeeded */
	unsigned int ended; /* and those that ended the session */
	char errors[256]; /* errnos seen, for the report */
	struct glassram_column columns[SESSION_COLUMNS];
	struct glassram_region regions[1024];
	struct glassram_block blocks[4096];
	struct glassram_thread threads[256];
	char names[65536];
};

/**
 * struct call - one call of the interface
 * @prepare: what goes before, or NULL. Return: 0 or -errno
 * @call: the call, which may fail. Return: >= 0 or -errno
 * @undo: takes back what @prepare and @call did, whatever became of them, or NULL
 * @without_session: none is open before @prepare and after @undo
 * @closes: it takes an fd instead of making one
 */
struct call {
	int (*prepare)(struct sweep *s);
	long (*call)(struct sweep *s);
	void (*undo)(struct sweep *s);
	bool without_session;
	bool closes;
};

#define FAIL_CALLS(X) \
	X(open) X(QUERY) X(ATTACH) X(ATTACH_shared) X(close) X(ADVANCE_first) X(ADVANCE) \
	X(mmap_control) X(mmap_counters) X(poll) X(COUNTERS) X(REGIONS) X(BLOCKS) \
	X(THREADS) X(OPTIONS) X(STATS) X(PAUSE) X(PAUSE_off) X(RESET) X(TARGET_ADD) \
	X(TARGET_DROP) X(TARGETS) X(EVENTS) X(EVENTS_read)

#define DECLARE_CALL(name) extern const struct call fail_call_##name;
FAIL_CALLS(DECLARE_CALL)

/* sweep_init() - nothing is open yet */
void sweep_init(struct sweep *s);

/*
 * sweep_target() - body of a target (target_start()): each step writes a word of
 * each page of AREA, counts in BROKEN what it does not find as it left it, and
 * maps something new if NEW is set
 */
int sweep_target(struct target *t);

/* sweep_open() - a session of the target, and only one. Return: 0 or -errno. */
int sweep_open(struct sweep *s);

/* sweep_release() - close and unmap whatever is open */
void sweep_release(struct sweep *s);

/* target_is_free() - true once nothing of the target is registered, false after 20 s */
bool target_is_free(const struct sweep *s);

#endif
