/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * The ioctl interface of /dev/glassram.
 *
 * Everything is a file descriptor, and closing it undoes everything: killing
 * the client is a supported way to stop. ATTACH on the device gives a session
 * fd; every other call below is made on that session.
 *
 * A session watches one or more targets (address spaces) and may have several
 * clients (session fds). The first client owns it: only the owner may ADVANCE,
 * change OPTIONS, PAUSE, RESET, add or drop targets; the others read, and get
 * -EPERM for these. When the owner closes, the client that joined first of
 * those left owns the session (poll: POLLPRI; STATS, owner).
 *
 * Every argument structure starts with @size and @flags and grows only at its
 * end, with the rules of copy_struct_from_user(): the caller sets @size to
 * sizeof() of the structure it was compiled with; a smaller size than the
 * first version and a non-zero unknown flag, pad or reserved field give
 * -EINVAL; a larger size with a non-zero tail gives -E2BIG. Nothing may be
 * inferred from a version number: ask with QUERY.
 *
 * Weak spot: a hit is "an epoch in which this page was seen written", not a
 * number of stores, and the owner is the first writer of that epoch.
 */
#ifndef _UAPI_LINUX_GLASSRAM_H
#define _UAPI_LINUX_GLASSRAM_H

#include <linux/ioctl.h>
#include <linux/types.h>

#if defined(__cplusplus)
extern "C" {
#endif

/* Bumped when the meaning of an existing field changes, never for additions. */
#define GLASSRAM_API_VERSION 1

#define GLASSRAM_IOCTL_TYPE 'M'

/* Slots of one block: 4 MiB of addresses, one 4 KiB page of each column. */
#define GLASSRAM_BLOCK_SLOTS 1024
/* Slots in one row of a column when it is read as a two-dimensional image. */
#define GLASSRAM_COLUMN_WIDTH 4096
/* Bytes from one row of a column to the next. */
#define GLASSRAM_COLUMN_STRIDE 16384
/* Upper limit of the slots of a session. */
#define GLASSRAM_MAX_SLOTS (1U << 24)
/* "This address has no slot". */
#define GLASSRAM_NO_SLOT 0xffffffffU

/* Values of the STAMP column below the first epoch. */
#define GLASSRAM_STAMP_NO_PAGE 0 /* no page was ever seen in this slot */
#define GLASSRAM_STAMP_UNWRITTEN 1 /* a page is there, not written since attach */
#define GLASSRAM_FIRST_EPOCH 2

/* Thread slot 0 stands for "no writer yet", or, where HITS is not 0, for a
 * thread that found the thread table full.
 */
#define GLASSRAM_THREAD_NONE 0
#define GLASSRAM_MAX_THREADS 16384
#define GLASSRAM_COMM_LEN 16
#define GLASSRAM_POLICY_NAME_LEN 32

/* Targets of one session, ended ones that were not dropped included. */
#define GLASSRAM_MAX_TARGETS 1024
/* "No target": in a block that is not in use, in an event of no target. */
#define GLASSRAM_TARGET_NONE 0xffffffffU

/*
 * A work area is caller memory, page-aligned, writable and at least this long.
 * The module places the arguments of userfaultfd and pagemap ioctls in its
 * first page and the written ranges behind it. Its contents are not trusted.
 */
#define GLASSRAM_WORK_MIN (64U * 1024)
/* Where struct page_region records (<linux/fs.h>) start in the work area. */
#define GLASSRAM_WORK_RANGES 4096U

/* enum glassram_feature - bits of glassram_query.features */
#define GLASSRAM_FEATURE_POLICY (1ULL << 0) /* eBPF policies can be bound */
#define GLASSRAM_FEATURE_LAYOUT_EVENTS (1ULL << 1) /* EVENTS has MAP to REMAP */
#define GLASSRAM_FEATURE_KFUNCS (1ULL << 2) /* BPF programs can read counters */
#define GLASSRAM_FEATURE_BUDGET (1ULL << 3) /* OPTIONS takes a budget */
#define GLASSRAM_FEATURE_VALID \
	(GLASSRAM_FEATURE_POLICY | GLASSRAM_FEATURE_LAYOUT_EVENTS | GLASSRAM_FEATURE_KFUNCS | \
	 GLASSRAM_FEATURE_BUDGET)

/* Protection backends: bits of glassram_query.backends. */
#define GLASSRAM_BACKEND_WP_ASYNC (1ULL << 0) /* userfaultfd, asynchronous */
#define GLASSRAM_BACKEND_SOFT_DIRTY (1ULL << 1) /* clear_refs; needs clear_refs_fd */

/**
 * struct glassram_query - what this module can do (QUERY, on the device)
 * @size: sizeof(struct glassram_query)
 * @flags: must be 0
 * @api_version: out: GLASSRAM_API_VERSION of the module
 * @block_slots: out: slots of one block
 * @features: out: GLASSRAM_FEATURE_* bits
 * @backends: out: GLASSRAM_BACKEND_* bits
 * @max_slots: out: most slots of one session
 * @max_threads: out: most thread slots of one session
 * @sessions: out: sessions alive in the whole system
 * @policies: out: policies registered at the moment
 */
struct glassram_query {
	__u32 size;
	__u32 flags;
	__u32 api_version;
	__u32 block_slots;
	__u64 features;
	__u64 backends;
	__u32 max_slots;
	__u32 max_threads;
	__u32 sessions;
	__u32 policies;
};

/* Join the session that watches this address space, if there is one. */
#define GLASSRAM_ATTACH_SHARED (1U << 0)
#define GLASSRAM_ATTACH_VALID_FLAGS (GLASSRAM_ATTACH_SHARED)

/* Size of struct glassram_attach before clear_refs_fd. */
#define GLASSRAM_ATTACH_SIZE_VER0 40

/**
 * struct glassram_attach - start or join a session (ATTACH, on the device)
 * @size: sizeof(struct glassram_attach)
 * @flags: GLASSRAM_ATTACH_*
 * @pid: the target, as seen in the caller's pid namespace
 * @mem_fd: an open /proc/PID/mem of the target; opening it is the permission
 *	check (ptrace attach rules)
 * @pagemap_fd: an open /proc/PID/pagemap of the target
 * @pad: must be 0
 * @work: address of the work area
 * @work_len: its length in bytes, at least GLASSRAM_WORK_MIN
 * @clear_refs_fd: /proc/PID/clear_refs of the target, open for writing, where
 *	QUERY names GLASSRAM_BACKEND_SOFT_DIRTY and not _WP_ASYNC; else ignored
 * @pad2: must be 0
 *
 * Return: a session fd (close-on-exec). The target's pages are not armed yet:
 * the first ADVANCE does that. With GLASSRAM_ATTACH_SHARED the fd may be one
 * more client of a session that exists (STATS, owner); a session of several
 * targets is joined only by a client with the owner's effective user id, or
 * with CAP_SYS_PTRACE, as it shows all of them.
 *
 * Errors: EINVAL a field is wrong or the fd is not the mem or pagemap file of
 * a process, or the target is a kernel thread; EBADF an fd is not open; ESRCH
 * no such process, or it is exiting; EPERM an fd belongs to another process
 * or address space, or the session may not be joined; EBUSY this address space
 * is watched already, or kernel.ftrace_enabled is 0; EOPNOTSUPP
 * the kernel lacks asynchronous write-protection; EFAULT the work area is not
 * writable; ENODEV no /dev/userfaultfd; EXDEV the userfaultfd arguments were
 * changed while in use.
 */
struct glassram_attach {
	__u32 size;
	__u32 flags;
	__s32 pid;
	__s32 mem_fd;
	__s32 pagemap_fd;
	__u32 pad;
	__u64 work;
	__u64 work_len;
	__s32 clear_refs_fd;
	__u32 pad2;
};

/* Sleep until the session's next tick (OPTIONS, rate) before advancing. */
#define GLASSRAM_ADVANCE_PACED (1U << 0)
/* Look at all mappings anew, also where nothing announced a change. */
#define GLASSRAM_ADVANCE_RESCAN (1U << 1)
#define GLASSRAM_ADVANCE_VALID_FLAGS \
	(GLASSRAM_ADVANCE_PACED | GLASSRAM_ADVANCE_RESCAN)

/* The work area was too short for all written ranges; the rest was armed but
 * is not listed.
 */
#define GLASSRAM_ADVANCED_TRUNCATED (1U << 0)
/* The region table changed (REGIONS, generation). */
#define GLASSRAM_ADVANCED_REGIONS (1U << 1)
/* The counters grew (COUNTERS, generation). */
#define GLASSRAM_ADVANCED_COUNTERS (1U << 2)
/* The session is paused: nothing was done, no epoch was opened. */
#define GLASSRAM_ADVANCED_PAUSED (1U << 3)
/* A target's address space is gone since the last ADVANCE (TARGETS). */
#define GLASSRAM_ADVANCED_TARGETS (1U << 4)

/**
 * struct glassram_advance - close the epoch and arm what was written (ADVANCE)
 * @size: sizeof(struct glassram_advance)
 * @flags: GLASSRAM_ADVANCE_*
 * @work: address of the work area
 * @work_len: its length in bytes, at least GLASSRAM_WORK_MIN
 * @epoch: out: the epoch that is open now
 * @result: out: GLASSRAM_ADVANCED_* bits
 * @armed: out: pages armed by this call
 * @nr_ranges: out: struct page_region records at @work + GLASSRAM_WORK_RANGES:
 *	the pages that were found written (or new) and are armed again; the upper
 *	half of page_region.categories is the target's id
 * @pad: must be 0
 *
 * All arming happens in this call, in the caller's context.
 *
 * Errors: EINVAL, EFAULT as for ATTACH; EPERM not the owner; ESRCH no target's
 * address space is left (exit or exec), and none is followed; EXDEV the arguments
 * were changed while in use, and the session was ended; EINTR a signal came while
 * sleeping (PACED), nothing was done; ENOMEM the epoch was closed but some pages
 * have no slots yet.
 */
struct glassram_advance {
	__u32 size;
	__u32 flags;
	__u64 work;
	__u64 work_len;
	__u32 epoch;
	__u32 result;
	__u64 armed;
	__u32 nr_ranges;
	__u32 pad;
};

/* Columns of the counters: glassram_column.id. Every element is a u32. */
#define GLASSRAM_COLUMN_HITS 1 /* epochs in which the page was written x weight; wraps */
#define GLASSRAM_COLUMN_STAMP 2 /* epoch of the last hit, or GLASSRAM_STAMP_* */
#define GLASSRAM_COLUMN_OWNER 3 /* thread slot of the first writer of that epoch */
#define GLASSRAM_COLUMN_ARMED 4 /* epoch that opened when it was last armed; 0: never */
#define GLASSRAM_COLUMN_OBSERVED 5 /* see glassram_observed() */

/**
 * glassram_observed() - in how many epochs would a write of this page have been seen?
 * @epoch: the open epoch
 * @stamp: the slot's STAMP
 * @armed: its ARMED
 * @observed: its OBSERVED
 *
 * HITS of a page that is armed again after each hit, divided by this, is the share
 * of epochs in which it was written; so it is for any span, with the differences
 * of both. A page is armed until it is hit; the epoch of the hit is observed, those
 * from there to the next arming are not. A first touch is seen without arming.
 *
 * Return: closed epochs since the page was first seen, or since RESET; and the
 * open one if the page was hit in it. Wraps.
 */
static __inline__ __u32 glassram_observed(__u32 epoch, __u32 stamp, __u32 armed, __u32 observed)
{
	if (!armed)
		return observed + (stamp >= GLASSRAM_FIRST_EPOCH);
	if ((__s32)(stamp - armed) >= 0)
		return observed + stamp - armed + 1;
	return observed + epoch - armed;
}

/**
 * struct glassram_column - one u32 for each slot, inside the counters dma-buf
 * @id: GLASSRAM_COLUMN_*
 * @elem_size: bytes of one element (4)
 * @offset: bytes from the start of the dma-buf, page-aligned
 * @stride: bytes from one row of @width elements to the next
 * @width: elements in one row
 * @rows: rows; slot s lies at row s / width, column s % width
 * @pad: 0
 */
struct glassram_column {
	__u32 id;
	__u32 elem_size;
	__u64 offset;
	__u32 stride;
	__u32 width;
	__u32 rows;
	__u32 pad;
};

/**
 * struct glassram_counters - the counters as a dma-buf (COUNTERS)
 * @size: sizeof(struct glassram_counters)
 * @flags: must be 0
 * @columns: address of an array of struct glassram_column, or 0
 * @nr_columns: in: its capacity; out: columns that exist
 * @slots: out: slots that this dma-buf covers
 * @generation: out: a growth of the counters gives a new number; a dma-buf of
 *	an older generation stays valid for the slots it covers, which never move
 * @bytes: out: size of the dma-buf
 *
 * Return: a read-only dma-buf fd (close-on-exec). It may outlive the session.
 *
 * Errors: EINVAL; EFAULT; ENOMEM; ENOSPC @nr_columns is too small (the needed
 * number is written back, no fd is made).
 */
struct glassram_counters {
	__u32 size;
	__u32 flags;
	__u64 columns;
	__u32 nr_columns;
	__u32 slots;
	__u64 generation;
	__u64 bytes;
};

/* glassram_region.prot: the fields of /proc/PID/maps */
#define GLASSRAM_REGION_READ (1U << 0)
#define GLASSRAM_REGION_WRITE (1U << 1)
#define GLASSRAM_REGION_EXEC (1U << 2)
#define GLASSRAM_REGION_SHARED (1U << 3)

/* glassram_region.state */
#define GLASSRAM_REGION_WATCHED 1
#define GLASSRAM_REGION_REFUSED 2 /* see glassram_region.error */

/**
 * struct glassram_region - one mapping of the target
 * @start: first address
 * @end: one past the last address
 * @offset: file offset in bytes
 * @inode: inode number, 0 for anonymous memory
 * @dev_major: device of the file
 * @dev_minor: device of the file
 * @prot: GLASSRAM_REGION_READ, ...
 * @state: GLASSRAM_REGION_WATCHED or _REFUSED
 * @error: why it was refused: a positive errno, 0 if watched
 * @page_shift: log2 of the page size; pages larger than 4 KiB (hugetlb) use
 *	the slot of their first 4 KiB
 * @target: which target it belongs to; 0 is the process attached to
 * @first_slot: slot of @start, or GLASSRAM_NO_SLOT if that stretch has none yet
 *	(slots are given out by block: see BLOCKS)
 * @name: offset of the NUL-terminated pathname in the names area
 * @pad: 0
 */
struct glassram_region {
	__u64 start;
	__u64 end;
	__u64 offset;
	__u64 inode;
	__u32 dev_major;
	__u32 dev_minor;
	__u32 prot;
	__u32 state;
	__u32 error;
	__u32 page_shift;
	__u32 target;
	__u32 first_slot;
	__u32 name;
	__u32 pad;
};

/**
 * struct glassram_regions - the region table (REGIONS)
 * @size: sizeof(struct glassram_regions)
 * @flags: must be 0
 * @regions: address of an array of struct glassram_region, or 0
 * @names: address of the names area, or 0
 * @nr_regions: in: capacity of @regions; out: regions that exist
 * @names_len: in: bytes at @names; out: bytes of all names
 * @generation: out: changes with every change of the table, and when a block of
 *	a dropped target is given out again
 *
 * Sorted by target, then address. Brought up to date by ADVANCE. Mappings that
 * can never be written (no VM_MAYWRITE) are left out.
 *
 * Errors: EINVAL; EFAULT; ENOSPC something is too small (needed sizes are
 * written back, nothing is copied).
 */
struct glassram_regions {
	__u32 size;
	__u32 flags;
	__u64 regions;
	__u64 names;
	__u32 nr_regions;
	__u32 names_len;
	__u64 generation;
};

/**
 * struct glassram_block - the addresses of one block of slots
 * @start: address of the block's first slot, aligned to the block's length
 * @target: which target it belongs to
 * @pad: 0
 *
 * Record i describes slots i * GLASSRAM_BLOCK_SLOTS onwards.
 */
struct glassram_block {
	__u64 start;
	__u32 target;
	__u32 pad;
};

/**
 * struct glassram_blocks - which addresses the slots stand for (BLOCKS)
 * @size: sizeof(struct glassram_blocks)
 * @flags: must be 0
 * @blocks: address of an array of struct glassram_block, or 0
 * @nr_blocks: in: capacity of @blocks; out: blocks in use
 * @pad: must be 0
 *
 * A block, once given, keeps its address and its slots until its target is
 * dropped, or the session ends. Blocks of dropped targets have @target
 * GLASSRAM_TARGET_NONE until they are given out again.
 *
 * Errors: as for REGIONS.
 */
struct glassram_blocks {
	__u32 size;
	__u32 flags;
	__u64 blocks;
	__u32 nr_blocks;
	__u32 pad;
};

/**
 * struct glassram_thread - one thread that was seen writing
 * @slot: thread slot, the value found in the OWNER column
 * @tid: thread id, initial pid namespace
 * @tgid: its process
 * @target: which target's memory it wrote
 * @start_ns: start time of the thread, CLOCK_MONOTONIC
 * @hits: pages x epochs it was noted as owner of
 * @last_epoch: epoch of its last hit
 * @pad: 0
 * @comm: its name, as of its first hit in @last_epoch; NUL-terminated
 */
struct glassram_thread {
	__u32 slot;
	__u32 tid;
	__u32 tgid;
	__u32 target;
	__u64 start_ns;
	__u64 hits;
	__u32 last_epoch;
	__u32 pad;
	char comm[GLASSRAM_COMM_LEN];
};

/**
 * struct glassram_threads - the thread table (THREADS)
 * @size: sizeof(struct glassram_threads)
 * @flags: must be 0
 * @threads: address of an array of struct glassram_thread, or 0
 * @nr_threads: in: capacity; out: threads known
 * @pad: must be 0
 * @overflow: out: hits whose thread found the table full; they are counted,
 *	under thread slot GLASSRAM_THREAD_NONE
 *
 * Errors: as for REGIONS.
 */
struct glassram_threads {
	__u32 size;
	__u32 flags;
	__u64 threads;
	__u32 nr_threads;
	__u32 pad;
	__u64 overflow;
};

#define GLASSRAM_OPTION_RATE (1U << 0) /* set @rate_hz */
#define GLASSRAM_OPTION_POLICY (1U << 1) /* bind @policy; "" unbinds */
#define GLASSRAM_OPTION_FOLLOW (1U << 2) /* set @follow */
#define GLASSRAM_OPTION_BUDGET (1U << 3) /* set @budget */
#define GLASSRAM_OPTION_PRICE (1U << 4) /* set @fault_ns and @call_ns */
#define GLASSRAM_OPTION_VALID_FLAGS \
	(GLASSRAM_OPTION_RATE | GLASSRAM_OPTION_POLICY | GLASSRAM_OPTION_FOLLOW | \
	 GLASSRAM_OPTION_BUDGET | GLASSRAM_OPTION_PRICE)

#define GLASSRAM_RATE_DEFAULT 10
#define GLASSRAM_RATE_MAX 1000

/* Budgets are in parts per 10,000 of the targets' CPU time. */
#define GLASSRAM_BUDGET_ALL 10000 /* no limit: everything is armed at each tick */
/* Prices of natively run kernels, until the client has measured its own. */
#define GLASSRAM_FAULT_NS_DEFAULT 750
#define GLASSRAM_CALL_NS_DEFAULT 1000
#define GLASSRAM_PRICE_MAX 1000000 /* highest of any of them */

/* Size of struct glassram_options before budget. */
#define GLASSRAM_OPTIONS_SIZE_VER0 48

/**
 * struct glassram_options - read and change settings (OPTIONS)
 * @size: sizeof(struct glassram_options)
 * @flags: GLASSRAM_OPTION_* for each setting to change; 0 only reads
 * @rate_hz: arming ticks a second that ADVANCE with GLASSRAM_ADVANCE_PACED
 *	keeps, 1 to GLASSRAM_RATE_MAX
 * @follow: 1: processes that the targets fork belong to the session's family,
 *	and theirs too: events tell of their forks, execs and exits, and the
 *	session lives as long as one of them does. The client adds those that it
 *	wants watched (TARGET_ADD): opening their mem file is the permission. 0:
 *	only the targets themselves
 * @policy: name of a registered policy, NUL-terminated; "" counts every write
 * @budget: what the targets may pay for being watched, in parts per 10,000 of
 *	their CPU time, 1 to GLASSRAM_BUDGET_ALL. Pages stay armed until they are
 *	hit; the budget decides which of those that were hit are armed again at a
 *	tick. GLASSRAM_BUDGET_ALL: all of them, whatever it costs
 * @fault_ns: what one fault of an armed page costs its thread, ns
 * @call_ns: what one run of neighbouring pages to arm costs them, ns: a hold of
 *	mmap_lock, a flush of TLBs
 * @pad: must be 0
 *
 * On success all fields hold the settings now in force. A field whose flag is
 * not set is ignored on input, @follow must then be 0.
 *
 * Errors: EINVAL; EFAULT; ENOENT no policy of that name; EOPNOTSUPP this
 * module was built without policies, or its backend can only arm everything.
 */
struct glassram_options {
	__u32 size;
	__u32 flags;
	__u32 rate_hz;
	__u32 follow;
	char policy[GLASSRAM_POLICY_NAME_LEN];
	__u32 budget;
	__u32 fault_ns;
	__u32 call_ns;
	__u32 pad;
};

/**
 * struct glassram_stats - totals of a session (STATS)
 * @size: sizeof(struct glassram_stats)
 * @flags: must be 0
 * @epoch: out: the open epoch
 * @state: out: GLASSRAM_STATE_*
 * @faults: out: write faults of the target that reached the hook
 * @hits: out: faults that were counted (once for each page and epoch)
 * @rejected: out: faults that the policy did not count
 * @deferred: out: hits that came before their page had a slot and were kept; they
 *	are in @hits once their slot counts them
 * @lost: out: hits that found the ring of deferred hits full, or no slots left;
 *	not counted anywhere else
 * @unexplained: out: armed pages found written although no hit was seen: a
 *	self-check, 0 unless something is wrong
 * @armed: out: pages armed, all epochs together
 * @armed_last: out: pages armed by the last ADVANCE
 * @advance_ns: out: time spent in ADVANCE, all together
 * @advance_last_ns: out: time spent in the last ADVANCE
 * @pages: out: slots in which a page was seen
 * @slots: out: slots given out
 * @memory: out: bytes held for the session by the module
 * @regions: out: regions watched
 * @refused: out: regions refused
 * @threads: out: thread slots in use
 * @targets: out: targets whose address space is alive
 * @session: out: number of the session, unique since the module was loaded; for
 *	the kfuncs
 * @clients: out: session fds
 * @owner: out: 1 if the caller's fd owns the session, else 0
 * @cpu_ns: out: CPU time of the targets' threads while they were watched, up to
 *	the last ADVANCE; 0 without a budget
 * @price_ns: out: what they paid of it for being watched: @again faults and
 *	@calls runs, at the prices of OPTIONS
 * @again: out: hits of pages that had been armed: faults that nobody would have
 *	had unwatched
 * @calls: out: runs of pages that were armed, all epochs together
 * @unarmed: out: pages that the budget left unarmed at the last ADVANCE
 * @budget: out: see OPTIONS
 * @pad: out: 0
 *
 * @faults to @lost, @unexplained, @armed, @advance_ns and @cpu_ns to @calls count
 * since the last RESET.
 */
struct glassram_stats {
	__u32 size;
	__u32 flags;
	__u32 epoch;
	__u32 state;
	__u64 faults;
	__u64 hits;
	__u64 rejected;
	__u64 deferred;
	__u64 lost;
	__u64 unexplained;
	__u64 armed;
	__u64 armed_last;
	__u64 advance_ns;
	__u64 advance_last_ns;
	__u64 pages;
	__u64 slots;
	__u64 memory;
	__u32 regions;
	__u32 refused;
	__u32 threads;
	__u32 targets;
	__u64 session;
	__u32 clients;
	__u32 owner;
	__u64 cpu_ns;
	__u64 price_ns;
	__u64 again;
	__u64 calls;
	__u64 unarmed;
	__u32 budget;
	__u32 pad;
};

/* Size of struct glassram_stats before session. */
#define GLASSRAM_STATS_SIZE_VER0 136

/* glassram_stats.state and glassram_control.state */
#define GLASSRAM_STATE_LIVE 1
#define GLASSRAM_STATE_ENDED 2 /* the target exited or called exec */
#define GLASSRAM_STATE_FAILED 3 /* the session was ended by the module (EXDEV) */
#define GLASSRAM_STATE_PAUSED 4 /* see PAUSE */

/**
 * struct glassram_control - the first page of the session fd, mapped read-only
 * @seq: odd while the module is writing; read before and after, retry on change
 * @size: bytes of this structure that the module fills
 * @epoch: the open epoch
 * @state: GLASSRAM_STATE_*
 * @epoch_ns: when that epoch began, CLOCK_MONOTONIC
 * @counters_generation: see COUNTERS
 * @regions_generation: see REGIONS
 * @hits: as in STATS, at the last ADVANCE
 * @faults: as in STATS, at the last ADVANCE
 * @unexplained: as in STATS, at the last ADVANCE
 * @armed_last: as in STATS
 *
 * mmap(NULL, page size, PROT_READ, MAP_SHARED, session_fd, 0).
 */
struct glassram_control {
	__u32 seq;
	__u32 size;
	__u32 epoch;
	__u32 state;
	__u64 epoch_ns;
	__u64 counters_generation;
	__u64 regions_generation;
	__u64 hits;
	__u64 faults;
	__u64 unexplained;
	__u64 armed_last;
};

/**
 * struct glassram_pause - stop and go on (PAUSE)
 * @size: sizeof(struct glassram_pause)
 * @flags: must be 0
 * @paused: 1: disarm everything, unregister every mapping and leave the hook:
 *	the targets run as if nobody watched. Counters are kept. 0: go on; the
 *	next ADVANCE registers and arms anew. What was written meanwhile is not
 *	counted
 * @pad: must be 0
 *
 * Errors: EINVAL; EFAULT; EPERM not the owner; ESRCH, EXDEV the session ended.
 */
struct glassram_pause {
	__u32 size;
	__u32 flags;
	__u32 paused;
	__u32 pad;
};

/**
 * struct glassram_reset - set all counters to zero (RESET)
 * @size: sizeof(struct glassram_reset)
 * @flags: must be 0
 *
 * HITS and OWNER become 0 and STAMP GLASSRAM_STAMP_UNWRITTEN or _NO_PAGE, the
 * hits of threads and the totals of STATS 0. Epochs go on; slots, regions and
 * arming stay. A hit in flight may land on either side.
 *
 * Errors: EINVAL; EFAULT; EPERM not the owner.
 */
struct glassram_reset {
	__u32 size;
	__u32 flags;
};

/**
 * struct glassram_target_add - watch one more address space (TARGET_ADD)
 * @size: sizeof(struct glassram_target_add)
 * @flags: must be 0
 * @pid: as for ATTACH
 * @mem_fd: as for ATTACH
 * @pagemap_fd: as for ATTACH
 * @clear_refs_fd: as for ATTACH
 * @work: as for ATTACH
 * @work_len: as for ATTACH
 * @target: out: its id
 * @pad: must be 0
 * @late_ns: out: what could be missed: time from its fork, exec or start,
 *	whichever was last, until its pages were armed
 * @late_run_ns: out: how much of that its main thread ran; as exact as the
 *	scheduler's accounting, which a running thread updates at each tick
 *
 * Pages that exist are armed when the call returns; no ADVANCE is needed.
 *
 * Errors: as for ATTACH; EPERM also: not the owner, or a client of the session
 * is another user without CAP_SYS_PTRACE; EEXIST the session watches this
 * address space already (@target is its id); EBUSY another session does; EAGAIN
 * the session is paused; ENOSPC GLASSRAM_MAX_TARGETS.
 */
struct glassram_target_add {
	__u32 size;
	__u32 flags;
	__s32 pid;
	__s32 mem_fd;
	__s32 pagemap_fd;
	__s32 clear_refs_fd;
	__u64 work;
	__u64 work_len;
	__u32 target;
	__u32 pad;
	__u64 late_ns;
	__u64 late_run_ns;
};

/**
 * struct glassram_target_drop - forget a target (TARGET_DROP)
 * @size: sizeof(struct glassram_target_drop)
 * @flags: must be 0
 * @target: its id
 * @pad: must be 0
 *
 * Stops watching it if it is alive. Its slots are cleared and given to others,
 * its regions leave the table. Ids are not used again.
 *
 * Errors: EINVAL; EFAULT; EPERM not the owner; ENOENT no such target.
 */
struct glassram_target_drop {
	__u32 size;
	__u32 flags;
	__u32 target;
	__u32 pad;
};

/**
 * struct glassram_target - one target
 * @id: what regions, blocks, threads and events call it; 0 is the first one
 * @state: GLASSRAM_STATE_LIVE or _ENDED
 * @tgid: its process, initial pid namespace
 * @regions: regions watched
 * @late_ns: as in TARGET_ADD; 0 for the first target
 * @late_run_ns: as in TARGET_ADD
 * @comm: name of the process when it was added; NUL-terminated
 */
struct glassram_target {
	__u32 id;
	__u32 state;
	__u32 tgid;
	__u32 regions;
	__u64 late_ns;
	__u64 late_run_ns;
	char comm[GLASSRAM_COMM_LEN];
};

/**
 * struct glassram_targets - the targets (TARGETS)
 * @size: sizeof(struct glassram_targets)
 * @flags: must be 0
 * @targets: address of an array of struct glassram_target, or 0
 * @nr_targets: in: capacity; out: targets not dropped
 * @pad: must be 0
 *
 * Sorted by id.
 *
 * Errors: as for REGIONS.
 */
struct glassram_targets {
	__u32 size;
	__u32 flags;
	__u64 targets;
	__u32 nr_targets;
	__u32 pad;
};

/* Types of events: glassram_event.type, and bit numbers of glassram_events.mask. */
#define GLASSRAM_EVENT_LOST 0 /* value: records that found the stream full; always on */
#define GLASSRAM_EVENT_FORK 1 /* value: the new process; SAME_MM: it shares the memory */
#define GLASSRAM_EVENT_EXEC 2 /* a new program; value: the tid that the caller of exec had before */
#define GLASSRAM_EVENT_EXIT 3 /* a process; value: status, as wait(); see struct glassram_event */
#define GLASSRAM_EVENT_THREAD_START 4 /* tid: who started it; value: the new thread */
#define GLASSRAM_EVENT_THREAD_EXIT 5
#define GLASSRAM_EVENT_MAP 6 /* address, length: new, grown, or its protection changed */
#define GLASSRAM_EVENT_UNMAP 7 /* address, length */
#define GLASSRAM_EVENT_REMOVE 8 /* MADV_DONTNEED, _FREE, _REMOVE: address, length */
#define GLASSRAM_EVENT_REMAP 9 /* mremap(): address, length (the old ones), value: new address */
#define GLASSRAM_EVENT_REFUSED 10 /* address, length; value: errno */
#define GLASSRAM_EVENT_LAYOUT 11 /* value: generation of the regions; length: of the counters */
#define GLASSRAM_EVENT_TARGET 12 /* added; value: late_ns, length: late_run_ns */
#define GLASSRAM_EVENT_TARGET_END 13 /* its address space is gone */
#define GLASSRAM_EVENT_PAUSE 14 /* value: 1 paused, 0 goes on */
#define GLASSRAM_EVENT_RESET 15
#define GLASSRAM_EVENT_OWNER 16 /* the session has a new owner */
#define GLASSRAM_EVENT_HIT 17 /* one hit: address; value: weight; flags: of the fault */
#define GLASSRAM_EVENT_NR 18

/* glassram_event.flags of FORK */
#define GLASSRAM_EVENT_SAME_MM (1U << 0)

/**
 * struct glassram_event - one record of an event stream
 * @size: bytes of this record; later versions may be longer, skip what is unknown
 * @type: GLASSRAM_EVENT_*
 * @time_ns: when, CLOCK_MONOTONIC
 * @epoch: the open epoch
 * @target: which target, or GLASSRAM_TARGET_NONE: a process of the family that is
 *	not one
 * @tid: the thread that did it, initial pid namespace; 0: not known
 * @tgid: its process
 * @address: by type
 * @length: by type; bytes where it goes with an address
 * @value: by type
 * @flags: by type; for HIT the fault's flags: bit 0 write, bit 6 user mode (the
 *	kernel's FAULT_FLAG_*)
 * @pad: 0
 *
 * The records of a stream are in the order of their times. EXIT is told once for
 * each process, when none of its threads runs its program any more; where they
 * die together, it takes the place of the THREAD_EXIT of one of them, and those of
 * the others may follow. UNMAP and REMOVE are told when the change begins, for
 * each mapping with the addresses that it loses (before 6.2: once, with those
 * that were asked for); shmdt(), exit and exec tell none. Nothing of MAP to REMAP
 * is told while the session is paused. HIT is told when the hit counts, for a
 * page without a slot that is the next ADVANCE; its tid is 0 where nobody knows
 * who wrote.
 */
struct glassram_event {
	__u32 size;
	__u32 type;
	__u64 time_ns;
	__u32 epoch;
	__u32 target;
	__u32 tid;
	__u32 tgid;
	__u64 address;
	__u64 length;
	__u64 value;
	__u32 flags;
	__u32 pad;
};

#define GLASSRAM_EVENTS_MIN 64U
#define GLASSRAM_EVENTS_MAX (1U << 18)

/**
 * struct glassram_events - a stream of events (EVENTS)
 * @size: sizeof(struct glassram_events)
 * @flags: must be 0
 * @mask: 1 << GLASSRAM_EVENT_* for each type wanted. MAP to REMAP cost the targets
 *	something at each of these calls, HIT at each hit (docs/bench.md); all
 *	others cost nothing where memory is touched
 * @records: room, GLASSRAM_EVENTS_MIN to _MAX; rounded up to a power of two, the
 *	result is written back. When it is full, new records are dropped and
 *	counted: a LOST record comes where they would have been
 * @pad: must be 0
 *
 * Return: an fd (close-on-exec; nonblocking as fcntl() says). read() gives whole
 * records, as many as fit, and 0 once the session is closed and all are read;
 * EINVAL where not even one fits. poll() says POLLIN when there are some, POLLHUP
 * when the session is closed. It keeps no session alive. Any client may open
 * several, with masks of their own: the hit ring is a stream of HIT alone.
 *
 * Errors: EINVAL; EFAULT; ENOMEM; EMFILE; EOPNOTSUPP this kernel lacks the source
 * of a type asked for; EBUSY kernel.ftrace_enabled is 0 (MAP to REMAP).
 */
struct glassram_events {
	__u32 size;
	__u32 flags;
	__u64 mask;
	__u32 records;
	__u32 pad;
};

/*
 * poll() on a session: POLLIN, an epoch closed since this client's last STATS;
 * POLLPRI, the target wrote to a mapping that waits for the next ADVANCE, or this
 * client became the owner since its last STATS; POLLHUP, no target is left.
 */

/* On the device. Number 0xC2 is kept for EXPORT_RAM (guest RAM as a dma-buf). */
#define GLASSRAM_QUERY _IOWR(GLASSRAM_IOCTL_TYPE, 0xC0, struct glassram_query)
#define GLASSRAM_ATTACH _IOW(GLASSRAM_IOCTL_TYPE, 0xC1, struct glassram_attach)

/* On a session. 0xDA and 0xDB are kept for filters. */
#define GLASSRAM_ADVANCE _IOWR(GLASSRAM_IOCTL_TYPE, 0xD0, struct glassram_advance)
#define GLASSRAM_COUNTERS _IOWR(GLASSRAM_IOCTL_TYPE, 0xD1, struct glassram_counters)
#define GLASSRAM_REGIONS _IOWR(GLASSRAM_IOCTL_TYPE, 0xD2, struct glassram_regions)
#define GLASSRAM_BLOCKS _IOWR(GLASSRAM_IOCTL_TYPE, 0xD3, struct glassram_blocks)
#define GLASSRAM_THREADS _IOWR(GLASSRAM_IOCTL_TYPE, 0xD4, struct glassram_threads)
#define GLASSRAM_OPTIONS _IOWR(GLASSRAM_IOCTL_TYPE, 0xD5, struct glassram_options)
#define GLASSRAM_STATS _IOWR(GLASSRAM_IOCTL_TYPE, 0xD6, struct glassram_stats)
#define GLASSRAM_PAUSE _IOW(GLASSRAM_IOCTL_TYPE, 0xD8, struct glassram_pause)
#define GLASSRAM_RESET _IOW(GLASSRAM_IOCTL_TYPE, 0xD9, struct glassram_reset)
#define GLASSRAM_TARGET_ADD _IOWR(GLASSRAM_IOCTL_TYPE, 0xDC, struct glassram_target_add)
#define GLASSRAM_TARGET_DROP _IOW(GLASSRAM_IOCTL_TYPE, 0xDD, struct glassram_target_drop)
#define GLASSRAM_TARGETS _IOWR(GLASSRAM_IOCTL_TYPE, 0xDE, struct glassram_targets)
#define GLASSRAM_EVENTS _IOWR(GLASSRAM_IOCTL_TYPE, 0xDF, struct glassram_events)

#if defined(__cplusplus)
}
#endif

#endif /* _UAPI_LINUX_GLASSRAM_H */
