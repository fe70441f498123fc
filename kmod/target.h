/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The target: one watched address space. A session has at least one.
 */
#ifndef GLASSRAM_TARGET_H
#define GLASSRAM_TARGET_H

#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/sched.h>

#include <linux/glassram.h>

#include "region.h"
#include "slots.h"

struct glassram_backend;
struct page_region;
struct glassram_session;

/**
 * struct glassram_work - the caller memory that one ATTACH or ADVANCE uses
 * @args: where ioctl arguments are placed, one page
 * @ranges: where struct page_region records go
 * @nr_ranges: their room
 * @used: records that are in place already
 * @truncated: the room did not suffice
 */
struct glassram_work {
	void __user *args;
	void __user *ranges;
	u32 nr_ranges;
	u32 used;
	bool truncated;
};

/**
 * struct glassram_mm - one watched address space
 * @hash: membership in the hook's table (fault.c)
 * @link: membership in glassram_session.targets; RCU
 * @session: whose target it is; hook
 * @id: what userspace calls it; the low 16 bits are unique within the session
 * @mm: mmgrab()ed, so it may be dead: glassram_target_get() before use; hook
 * @backend: how its pages are armed
 * @disarmed: @backend must be started again before anything can be armed
 * @uffd: backend WP_ASYNC: the userfaultfd minted in @mm; owned; dropping it
 *	disarms everything; NULL while disarmed
 * @uffd_ctx: how VMAs registered with @uffd are told apart; NULL with another
 *	backend; hook
 * @clear_refs: backend SOFT_DIRTY: the target's clear_refs file, reference owned
 * @spares: backend SOFT_DIRTY: pages could not be armed the last time
 * @cleared: somebody cleared the soft-dirty bits; set by the mmu notifier
 * @pagemap: the target's pagemap file, reference owned
 * @state: GLASSRAM_STATE_LIVE or _ENDED; set by the mmu notifier at any time
 * @stale: a write hit a mapping that is not registered; hook
 * @fresh: no ADVANCE has looked for its pages yet
 * @watched: it is in the hook's table, or paused; under the lock of fault.c
 * @paused: it is in the list of paused ones instead; under the lock of fault.c
 * @paused_link: membership in that list
 * @listed: the session lists it
 * @index: address -> block
 * @regions: its regions
 * @notifier: tells when @mm dies
 * @tgid: its process, initial pid namespace
 * @pid: the same, reference held
 * @cpu_ns: CPU time of its threads when a tick last looked
 * @late_ns: as in struct glassram_target_add
 * @late_run_ns: as in struct glassram_target_add
 * @comm: the name of its process when it was added
 */
struct glassram_mm {
	struct hlist_node hash;
	struct list_head link;
	struct glassram_session *session;
	u32 id;
	struct mm_struct *mm;
	const struct glassram_backend *backend;
	bool disarmed;
	struct file *uffd;
	void *uffd_ctx;
	struct file *clear_refs;
	bool spares;
	bool cleared;
	struct file *pagemap;
	u32 state;
	bool stale;
	bool fresh;
	bool watched;
	bool paused;
	struct list_head paused_link;
	bool listed;
	struct glassram_slot_index index;
	struct glassram_region_table regions;
	struct mmu_notifier notifier;

	pid_t tgid;
	struct pid *pid;
	u64 cpu_ns;
	u64 late_ns;
	u64 late_run_ns;
	char comm[TASK_COMM_LEN];
};

/**
 * struct glassram_identity - which address space a client may watch, and how
 * @mm: a user reference is held
 * @task: the process's main thread, reference held
 * @pagemap: its pagemap file, reference held
 * @clear_refs: its clear_refs file, reference held; NULL if the backend needs none
 */
struct glassram_identity {
	struct mm_struct *mm;
	struct task_struct *task;
	struct file *pagemap;
	struct file *clear_refs;
};

/* target.c */
bool glassram_is_proc_file(const struct file *file, const char *name);
int glassram_identify(pid_t pid, int mem_fd, int pagemap_fd, int clear_refs_fd,
		      struct glassram_identity *ret_identity);
void glassram_identity_put(struct glassram_identity *identity);
struct glassram_mm *glassram_target_alloc(struct glassram_session *session, u32 id,
					  const struct glassram_identity *identity);
int glassram_target_start(struct glassram_mm *target, struct glassram_work *work);
int glassram_target_resume(struct glassram_mm *target, struct glassram_work *work);
void glassram_target_disarm(struct glassram_mm *target);
void glassram_target_free(struct glassram_mm *target);
bool glassram_target_get(struct glassram_mm *target);
void glassram_target_put(struct glassram_mm *target);
void glassram_target_ended(struct glassram_mm *target);
void glassram_target_mark_stale(struct glassram_mm *target);
u64 glassram_target_cpu_ns(struct glassram_mm *target);

/* uffd.c */
int glassram_uffd_mint(struct glassram_mm *target, struct glassram_work *work);
int glassram_uffd_register(struct glassram_mm *target, struct glassram_work *work,
			   unsigned long start, unsigned long end);
int glassram_uffd_protect(struct glassram_mm *target, struct glassram_work *work,
			  unsigned long start, unsigned long end);

/* protect.c */
int glassram_work_init(struct glassram_work *work, u64 start, u64 len);
void __user *glassram_work_room(struct glassram_work *work, u32 nr);
int glassram_protect_found(struct glassram_mm *target, const struct page_region *ranges, u32 nr,
			   unsigned long from, unsigned long to, bool armed, u64 *ret_pages);

/* fault.c */
int glassram_fault_watch(struct glassram_mm *target);
void glassram_fault_unwatch(struct glassram_mm *target);
void glassram_fault_pause(struct glassram_mm *target);
int glassram_fault_resume(struct glassram_mm *target);
struct glassram_session *glassram_fault_find(const struct mm_struct *mm);
struct glassram_mm *glassram_fault_target(const struct mm_struct *mm);

#endif /* GLASSRAM_TARGET_H */
