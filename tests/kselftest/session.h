/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel tests share: one watching of a process, spoken in raw
 * ioctls, and the questions that the kernel itself can answer about a target.
 *
 * It goes past libglassram on purpose: what is tested here is the ABI.
 *
 * Weak spot: slots are found by a linear search over the blocks; fine for the
 * few hundred blocks of a test program, too slow for a browser.
 */
#ifndef GLASSRAM_TESTS_SESSION_H
#define GLASSRAM_TESTS_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <linux/fs.h>
#include <linux/glassram.h>

#define PAGE 4096UL

/* Long enough that no test ever sees its ranges truncated. */
#define SESSION_WORK (1024 * 1024UL)

#define SESSION_COLUMNS 16

struct session {
	pid_t pid;
	int fd;
	int mem_fd;
	int pagemap_fd;
	void *work;
	const volatile struct glassram_control *control;

	struct glassram_advance advanced; /* outcome of the last ADVANCE */
	struct glassram_stats stats; /* as of the last session_stats() */

	/* The counters as last imported. */
	int counters_fd;
	const volatile char *counters;
	struct glassram_counters counters_info;
	struct glassram_column columns[SESSION_COLUMNS];
	struct glassram_block *blocks;
	uint32_t nr_blocks;
	uint32_t last_block; /* the block found last: most look-ups repeat it */
	uint32_t target; /* whose addresses are looked up; 0 unless a test sets it */
};

/**
 * device_open() - open /dev/glassram
 *
 * Return: a file descriptor, or -errno.
 */
int device_open(void);

/**
 * backends() - how this module arms: GLASSRAM_BACKEND_*, of QUERY; 0 on failure
 */
uint64_t backends(void);

/* proc_clear_refs() - the file that arms by soft-dirty bits, for ATTACH. Return: fd or -errno. */
int proc_clear_refs(pid_t pid);

/* arms_by_soft_dirty() - no asynchronous write-protection: what follows from that */
bool arms_by_soft_dirty(void);

/**
 * session_open() - watch a process and map its counters
 * @ret: filled in; untouched fields are -1 or NULL, so that session_close()
 *	may follow a failure as well
 * @pid: the target
 *
 * Nothing is armed yet: that is the first session_advance().
 *
 * Return: 0 or -errno of the call that failed.
 */
int session_open(struct session *ret, pid_t pid);

/* session_open_flags() - as session_open(), with GLASSRAM_ATTACH_* */
int session_open_flags(struct session *ret, pid_t pid, uint32_t flags);

/**
 * session_add() - TARGET_ADD
 * @s: an open session
 * @pid: the process
 * @ret: outcome
 *
 * Return: 0 or -errno.
 */
int session_add(struct session *s, pid_t pid, struct glassram_target_add *ret);

/* session_drop(), session_pause(), session_reset() - one ioctl each. Return: 0 or -errno. */
int session_drop(struct session *s, uint32_t target);
int session_pause(struct session *s, bool paused);
int session_reset(struct session *s);

/* session_close() - stop watching and release everything */
void session_close(struct session *s);

/**
 * session_advance() - ADVANCE, then import the counters again if they grew
 * @s: an open session
 * @flags: GLASSRAM_ADVANCE_*
 *
 * Return: 0 or -errno.
 */
int session_advance(struct session *s, uint32_t flags);

/* The written ranges that the last ADVANCE listed; advanced.nr_ranges of them. */
const struct page_region *session_ranges(const struct session *s);

/**
 * session_import() - map the counters as they are now, and learn the blocks
 * @s: an open session
 *
 * Return: 0 or -errno.
 */
int session_import(struct session *s);

/* session_slot() - slot of an address of the current target, or GLASSRAM_NO_SLOT */
uint32_t session_slot(struct session *s, uint64_t address);

/* session_address() - address of a slot; 0 for a slot that was not given out */
uint64_t session_address(const struct session *s, uint32_t slot);

/* Column @id of one slot, or of one address (0 where that has no slot). */
uint32_t session_column(const struct session *s, uint32_t id, uint32_t slot);
uint32_t session_hits(struct session *s, uint64_t address);
uint32_t session_stamp(struct session *s, uint64_t address);
uint32_t session_owner(struct session *s, uint64_t address);

/* session_total_hits() - sum of HITS over all slots given out */
uint64_t session_total_hits(const struct session *s);

/* session_area_hits() - sum of HITS over the pages of [start, start + length) */
uint64_t session_area_hits(struct session *s, uint64_t start, uint64_t length);

/* session_stats() - STATS into s->stats. Return: 0 or -errno. */
int session_stats(struct session *s);

/**
 * session_threads() - the thread table
 * @s: an open session
 * @ret_threads: the table; the caller frees it
 * @ret_overflow: hits whose thread found the table full, or NULL
 *
 * Return: number of records, or -errno.
 */
int session_threads(const struct session *s, struct glassram_thread **ret_threads,
		    uint64_t *ret_overflow);

/**
 * session_regions() - the region table
 * @s: an open session
 * @ret_regions: the table; the caller frees it
 * @ret_names: the names area, or NULL if not wanted; the caller frees it
 *
 * Return: number of records, or -errno.
 */
int session_regions(const struct session *s, struct glassram_region **ret_regions,
		    char **ret_names);

/**
 * session_region() - the region that covers an address
 *
 * Return: 0, -ENOENT if no region covers it, or another -errno.
 */
int session_region(const struct session *s, uint64_t address, struct glassram_region *ret);

/**
 * scan_written() - the kernel's own truth: which pages are written and there
 * @pagemap_fd: of the process
 * @start: page-aligned
 * @end: page-aligned
 * @ret_written: one byte for each page, set to 0 or 1
 *
 * WRITTEN & (PRESENT | SWAPPED), nothing armed and nothing changed. WRITTEN
 * alone over-reports: pages never touched read as written. Where the module arms
 * by soft-dirty bits, these are the truth.
 *
 * Return: number of written pages, or -errno.
 */
long scan_written(int pagemap_fd, uint64_t start, uint64_t end, uint8_t *ret_written);

/* proc_status_kb() - a kB field of /proc/PID/status, such as "VmPTE"; -1 if absent */
long proc_status_kb(pid_t pid, const char *field);

/* proc_open() - open a file of /proc/PID. Return: a file descriptor or -errno. */
int proc_open(pid_t pid, const char *name, int flags);

/* proc_uffd_mappings() - mappings with the VmFlag "uw" in /proc/PID/smaps; -1 on failure */
int proc_uffd_mappings(pid_t pid);

/**
 * proc_freeze() - stop a process and wait until none of its threads runs
 * @pid: stopped with SIGSTOP
 *
 * Return: 0, or -ETIMEDOUT after 10 s.
 */
int proc_freeze(pid_t pid);

/*
 * take_precedence() - let the calling process run before busy targets
 *
 * A target that never rests would else make every ADVANCE wait for its turn.
 */
void take_precedence(void);

/* now_ns() - CLOCK_MONOTONIC in ns */
uint64_t now_ns(void);

/*
 * How long to wait before it is a failure: @ms, times TEST_SLOWNESS of the environment
 * (docs/testing.md). patience_ns() in ns, patience_ms() in ms.
 */
uint64_t patience_ns(uint64_t ms);
int patience_ms(int ms);

#endif
