/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * The ioctl interface of /dev/glassram.
 *
 * Everything is a file descriptor, and closing it undoes everything: killing
 * the client is a supported way to stop. ATTACH on the device gives a session
 * fd; every other call below is made on that session.
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
#define GLASSRAM_FEATURE_VALID (GLASSRAM_FEATURE_POLICY)

/* Protection backends: bits of glassram_query.backends. */
#define GLASSRAM_BACKEND_WP_ASYNC (1ULL << 0) /* userfaultfd, asynchronous */

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

/**
 * struct glassram_attach - start a session (ATTACH, on the device)
 * @size: sizeof(struct glassram_attach)
 * @flags: must be 0
 * @pid: the target, as seen in the caller's pid namespace
 * @mem_fd: an open /proc/PID/mem of the target; opening it is the permission
 *	check (ptrace attach rules)
 * @pagemap_fd: an open /proc/PID/pagemap of the target
 * @pad: must be 0
 * @work: address of the work area
 * @work_len: its length in bytes, at least GLASSRAM_WORK_MIN
 *
 * Return: a session fd (close-on-exec). The target's pages are not armed yet:
 * the first ADVANCE does that.
 *
 * Errors: EINVAL a field is wrong or the fd is not the mem or pagemap file of
 * a process, or the target is a kernel thread; EBADF an fd is not open; ESRCH
 * no such process, or it is exiting; EPERM an fd belongs to another process
 * or address space; EBUSY this address space is watched already, or
 * kernel.ftrace_enabled is 0; EOPNOTSUPP
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
 *	the pages that were found written (or new) and are armed again
 * @pad: must be 0
 *
 * All arming happens in this call, in the caller's context.
 *
 * Errors: EINVAL, EFAULT as for ATTACH; ESRCH the target's address space is
 * gone (exit or exec); EXDEV the arguments were changed while in use, and the
 * session was ended; EINTR a signal came while sleeping (PACED), nothing was
 * done; ENOMEM the epoch was closed but some pages have no slots yet.
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
 * @generation: out: changes with every change of the table
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
 * A block, once given, keeps its address and its slots until the session ends.
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
#define GLASSRAM_OPTION_VALID_FLAGS \
	(GLASSRAM_OPTION_RATE | GLASSRAM_OPTION_POLICY)

#define GLASSRAM_RATE_DEFAULT 10
#define GLASSRAM_RATE_MAX 1000

/**
 * struct glassram_options - read and change settings (OPTIONS)
 * @size: sizeof(struct glassram_options)
 * @flags: GLASSRAM_OPTION_* for each setting to change; 0 only reads
 * @rate_hz: arming ticks a second that ADVANCE with GLASSRAM_ADVANCE_PACED
 *	keeps, 1 to GLASSRAM_RATE_MAX
 * @pad: must be 0
 * @policy: name of a registered policy, NUL-terminated; "" counts every write
 *
 * On success all fields hold the settings now in force. A field whose flag is
 * not set is ignored on input.
 *
 * Errors: EINVAL; EFAULT; ENOENT no policy of that name; EOPNOTSUPP this
 * module was built without policies.
 */
struct glassram_options {
	__u32 size;
	__u32 flags;
	__u32 rate_hz;
	__u32 pad;
	char policy[GLASSRAM_POLICY_NAME_LEN];
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
 * @deferred: out: hits that came before their page had a slot and were kept
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
 * @pad: 0
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
	__u32 pad;
};

/* glassram_stats.state and glassram_control.state */
#define GLASSRAM_STATE_LIVE 1
#define GLASSRAM_STATE_ENDED 2 /* the target exited or called exec */
#define GLASSRAM_STATE_FAILED 3 /* the session was ended by the module (EXDEV) */

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

/*
 * poll() on a session: POLLIN, an epoch closed since the last STATS; POLLPRI,
 * the target wrote to a mapping that waits for the next ADVANCE; POLLHUP, the
 * target's address space is gone.
 */

/* On the device. Number 0xC2 is kept for EXPORT_RAM (guest RAM as a dma-buf). */
#define GLASSRAM_QUERY _IOWR(GLASSRAM_IOCTL_TYPE, 0xC0, struct glassram_query)
#define GLASSRAM_ATTACH _IOW(GLASSRAM_IOCTL_TYPE, 0xC1, struct glassram_attach)

/* On a session. 0xD8 to 0xDB are kept for PAUSE, RESET, budgets and filters. */
#define GLASSRAM_ADVANCE _IOWR(GLASSRAM_IOCTL_TYPE, 0xD0, struct glassram_advance)
#define GLASSRAM_COUNTERS _IOWR(GLASSRAM_IOCTL_TYPE, 0xD1, struct glassram_counters)
#define GLASSRAM_REGIONS _IOWR(GLASSRAM_IOCTL_TYPE, 0xD2, struct glassram_regions)
#define GLASSRAM_BLOCKS _IOWR(GLASSRAM_IOCTL_TYPE, 0xD3, struct glassram_blocks)
#define GLASSRAM_THREADS _IOWR(GLASSRAM_IOCTL_TYPE, 0xD4, struct glassram_threads)
#define GLASSRAM_OPTIONS _IOWR(GLASSRAM_IOCTL_TYPE, 0xD5, struct glassram_options)
#define GLASSRAM_STATS _IOWR(GLASSRAM_IOCTL_TYPE, 0xD6, struct glassram_stats)

#if defined(__cplusplus)
}
#endif

#endif /* _UAPI_LINUX_GLASSRAM_H */
