/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the matrix programs share: a target with one area of memory, ways to
 * write to its pages, and the account of how many hits each page must have.
 *
 * The account knows nothing of the module: the test chooses the pages, so it
 * knows what was written, whatever the kernel says about it.
 */
#ifndef GLASSRAM_TESTS_MATRIX_H
#define GLASSRAM_TESTS_MATRIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "session.h"
#include "target.h"

#define HUGE_PAGE (2UL << 20)

/* Units are pages, or the huge pages of hugetlb; no area of a test has more. */
#define MATRIX_MAX_UNITS 1024

/* Ways to write. The last three are taken by the test, the others by the target. */
enum matrix_writer {
	WRITER_STORE, /* user code */
	WRITER_READ, /* read(2): the kernel, for the target */
	WRITER_DIRECT, /* O_DIRECT from a block device, into pinned pages */
	WRITER_RING, /* io_uring, by its worker thread */
	WRITER_GUEST, /* a KVM guest, whose RAM the area is */
	WRITER_OUTSIDE, /* process_vm_writev() */
	WRITER_MEM, /* /proc/PID/mem */
	WRITER_PTRACE, /* PTRACE_POKEDATA */
	WRITERS_NR
};

/**
 * struct matrix_area - memory to be watched
 * @name: for the test's name
 * @make: maps it, in the target; MAP_FAILED with errno when it cannot
 * @length: bytes; 0 means 256 KiB
 * @step: bytes of one unit; 0 means PAGE
 * @first: bytes that one first touch may populate; 0 means @step
 * @unfilled: leave it unpopulated
 * @alone: wants a target of its own
 * @refusal: errno with which a writer must fail here, by enum matrix_writer; 0: it works
 * @file_system: what must be mounted for it, or NULL
 */
struct matrix_area {
	const char *name;
	void *(*make)(size_t length);
	size_t length;
	size_t step;
	size_t first;
	bool unfilled;
	bool alone;
	int refusal[WRITERS_NR];
	const char *file_system;
};

/* All that a program can map. */
extern const struct matrix_area matrix_areas[];
extern const size_t matrix_nr_areas;

/* matrix_area() - by name; NULL if there is none */
const struct matrix_area *matrix_area(const char *name);

/* matrix_missing() - why this kernel cannot have the area, or NULL */
const char *matrix_missing(const struct matrix_area *area);

/* In struct matrix, value[]: not known, or not to be looked at; and known to be zero. */
#define VALUE_UNKNOWN 0
#define VALUE_ZERO 255

/**
 * struct matrix - one watched area and its account
 * @value: what must be read in each unit; shared with the target
 * @between: hits in the slots of each huge page but its first
 * @whole: the next touch of a huge page of @area->first bytes may be one of all of it
 * @touched: for units of @area->first bytes: 1 + the round of that touch
 * @refused: errno of the first write that failed, 0 if all went well
 * @before: STATS as of matrix_make()
 */
struct matrix {
	const struct matrix_area *area;
	struct target target;
	struct session session;
	uint64_t start;
	size_t units, step;
	uint32_t hits[MATRIX_MAX_UNITS];
	uint32_t stamp[MATRIX_MAX_UNITS];
	uint64_t between[MATRIX_MAX_UNITS];
	volatile uint8_t *value;
	bool whole;
	uint32_t touched[MATRIX_MAX_UNITS];
	int refused;
	struct glassram_stats before;
};

#define MATRIX_NONE { .session = { .fd = -1, .mem_fd = -1, .pagemap_fd = -1, .counters_fd = -1 } }

/**
 * matrix_start() - start a target that has no area yet, and watch it
 * @m: filled in; matrix_stop() releases it, also after a failure
 * @call: what matrix_call() runs in the target; returns 0 or an errno. May be NULL
 *
 * Return: 0 or -errno.
 */
int matrix_start(struct matrix *m, int (*call)(char *start, size_t length, int argument));
void matrix_stop(struct matrix *m);

/**
 * matrix_make() - give the target a new area, arm it, and begin its account
 * @m: started; the area that it had is unmapped
 * @area: what to map; static, as the target has its own copy of the program
 * @writer: what the target gets ready to write with
 *
 * Return: 0; the errno of the target's preparations, positive; or -errno.
 */
int matrix_make(struct matrix *m, const struct matrix_area *area, enum matrix_writer writer);

/* matrix_chosen() - is a unit among the two of three that a round writes? */
bool matrix_chosen(uint32_t round, size_t unit);

/**
 * matrix_write() - write to the units of a round, and keep the account
 * @m: watched
 * @writer: as given to matrix_make(), or one of the test's own
 * @round: picks the units and the value
 *
 * Return: 0, or -ESRCH. m->refused says if a write failed.
 */
int matrix_write(struct matrix *m, enum matrix_writer writer, uint32_t round);

/* matrix_call() - run @call of matrix_start(). Return: what it returned, or -ESRCH. */
int matrix_call(struct matrix *m, int argument);

/* matrix_verify() - units whose content is not as in value[]; or -ESRCH */
int matrix_verify(struct matrix *m);

/**
 * matrix_wrong() - units whose HITS or STAMP are not as in the account
 *
 * Call it after an ADVANCE. The first that is wrong is described on stdout.
 */
unsigned int matrix_wrong(struct matrix *m);

/* matrix_seen() - the kernel faulted all units in for writing: each has a hit now */
void matrix_seen(struct matrix *m);

/* matrix_touched_anew() - the next touch of a huge page may be a first one */
void matrix_touched_anew(struct matrix *m);

/* matrix_expect() - from now on, all units have this content */
void matrix_expect(struct matrix *m, uint8_t value);

/* matrix_is_shared() - is the area mapped with MAP_SHARED? */
bool matrix_is_shared(const struct matrix *m);

/**
 * matrix_settle() - freeze the target, ADVANCE, compare, let it go on
 *
 * Return: NULL, or what is wrong: counts, content, hits lost or unexplained since
 * matrix_make().
 */
const char *matrix_settle(struct matrix *m);

/* matrix_asked_for() - is a test's name among the arguments? Without any, it is. */
bool matrix_asked_for(int argc, char **argv, const char *name);

/* matrix_set() - write @text to @path. Return: 0 or -errno. */
int matrix_set(const char *path, const char *text);

/**
 * matrix_disks() - make a loop device for WRITER_DIRECT, and mount file systems
 * @names: "ext4", "xfs", "btrfs", "huge" (a tmpfs of huge pages); NULL ends the list
 *
 * What this kernel does not have is left out. Return: 0 or an exit status.
 */
int matrix_disks(const char *const *names);
void matrix_disks_finish(void);

/* matrix_mounted() - was it made? NULL always is. */
bool matrix_mounted(const char *file_system);

/**
 * matrix_map_file() - map a new file that goes with its last mapping
 * @file_system: as for matrix_disks(), or "tmpfs" or "9p"
 * @place: where, with MAP_FIXED; or NULL
 * @length: bytes
 * @flags: MAP_SHARED or MAP_PRIVATE, and MAP_FIXED
 *
 * Return: its address, or MAP_FAILED with errno.
 */
void *matrix_map_file(const char *file_system, void *place, size_t length, int flags);

/* The pipe, ring, guest and device that a target writes with. */
struct matrix_tools;

/* matrix_tools_create() - in the target. Return: NULL with errno on failure. */
struct matrix_tools *matrix_tools_create(enum matrix_writer writer, char *start, size_t length);
void matrix_tools_destroy(struct matrix_tools *tools);

/* matrix_tools_write() - one page. Return: 0 or a positive errno. */
int matrix_tools_write(struct matrix_tools *tools, char *to, uint8_t value);

struct matrix_guest;

/* matrix_guest_create() - a KVM guest whose RAM is @start. Return: NULL with errno. */
struct matrix_guest *matrix_guest_create(char *start, size_t length);
void matrix_guest_destroy(struct matrix_guest *guest);

/* matrix_guest_write() - let it store a byte. Return: 0 or a positive errno. */
int matrix_guest_write(struct matrix_guest *guest, char *to, uint8_t value);

struct matrix_ring;

/* matrix_ring_create() - an io_uring. Return: NULL with errno. */
struct matrix_ring *matrix_ring_create(void);
void matrix_ring_destroy(struct matrix_ring *ring);

/* matrix_ring_pin() - register a fixed buffer, which pins its pages. Return: 0 or errno. */
int matrix_ring_pin(struct matrix_ring *ring, void *start, size_t length);

/*
 * matrix_ring_read() - read from a file by the ring's worker thread
 * @fixed: @to lies in the buffer that was registered
 * Return: bytes read, or -errno.
 */
int matrix_ring_read(struct matrix_ring *ring, int fd, void *to, unsigned int length,
		     uint64_t offset, bool fixed);

#endif
