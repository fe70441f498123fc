/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The session: one watching of one address space, and what its parts share.
 *
 * Who may touch what: everything but the fields marked "hook" belongs to the
 * holder of @lock. The hook (fault.c) runs in any task, sees the session under
 * RCU, and only reads what ADVANCE publishes and writes columns, the thread
 * table, the deferred ring and the per-CPU totals.
 */
#ifndef GLASSRAM_SESSION_H
#define GLASSRAM_SESSION_H

#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include <linux/glassram.h>

#include "counters.h"
#include "deferred.h"
#include "region.h"
#include "slots.h"
#include "thread.h"

struct glassram_farewell;
struct glassram_policy_ops;

/* Totals that the hook keeps, one set for each CPU. */
struct glassram_totals {
	u64 faults;
	u64 hits;
	u64 rejected;
	u64 deferred;
	u64 lost;
	u64 thread_overflow;
};

/**
 * struct glassram_session - one watching of one address space
 * @hash: membership in the hook's table of watched address spaces (fault.c)
 * @mm: the target; mmgrab()ed, so it may be dead: mmget_not_zero() before use
 * @uffd: the userfaultfd minted in @mm; owned; dropping it disarms everything
 * @uffd_ctx: how VMAs registered with @uffd are told apart; hook
 * @pagemap: the target's pagemap file, reference owned
 * @epoch: the open epoch; hook
 * @state: GLASSRAM_STATE_*; set to ENDED by the mmu notifier at any time
 * @stale: something was seen that the next ADVANCE must look at; hook
 * @policy: the bound policy or NULL; RCU, list membership under policy_lock; hook
 * @policy_link: membership in the list of sessions that bound a policy
 * @lock: serialises all ioctls of the session
 * @slots: address -> slot
 * @regions: the region table
 * @threads: thread table
 * @deferred: hits that came before their slot
 * @totals: per-CPU totals; hook
 * @wait: poll() sleeps here
 * @control_page: the page that clients map; owned
 * @raced_ns: when the marks of faults in flight were aged last
 * @stats_epoch: the epoch when STATS was last called, for poll()
 * @farewell: tells close() that the clean-up is done; shared with it
 */
struct glassram_session {
	struct hlist_node hash;
	struct mm_struct *mm;
	struct file *uffd;
	void *uffd_ctx;
	struct file *pagemap;
	u32 epoch;
	u32 state;
	u32 stats_epoch;
	unsigned long stale;
	struct glassram_policy_ops __rcu *policy;
	struct list_head policy_link;

	struct mutex lock; /* all ioctls of the session, one at a time */
	struct glassram_slots slots;
	struct glassram_region_table regions;
	struct glassram_thread_table threads;
	struct glassram_deferred deferred;
	struct glassram_totals __percpu *totals;
	wait_queue_head_t wait;

	u32 rate_hz;
	ktime_t next_tick;
	u64 epoch_ns;
	u64 raced_ns;
	u64 armed;
	u64 armed_last;
	u64 advance_ns;
	u64 advance_last_ns;
	u64 unexplained;
	struct page *control_page;

	struct mmu_notifier notifier;
	struct work_struct destroy_work;
	struct glassram_farewell *farewell;
};

/* Numbers of the bits of glassram_session.stale */
enum glassram_stale {
	GLASSRAM_STALE_REGIONS, /* a write hit a mapping that is not registered */
	GLASSRAM_STALE_SLOTS, /* a write hit an address without a slot */
};

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

/* session.c */
int glassram_session_create(const struct glassram_attach *args);
void glassram_session_mark_stale(struct glassram_session *session, enum glassram_stale why);
int glassram_session_init(void);
void glassram_session_exit(void);
unsigned int glassram_session_count(void);

/* uffd.c */
int glassram_work_init(struct glassram_work *work, u64 start, u64 len);
int glassram_uffd_mint(struct glassram_session *session, struct glassram_work *work);
int glassram_uffd_register(struct glassram_session *session, struct glassram_work *work,
			   unsigned long start, unsigned long end);

/* protect.c */
int glassram_protect_scan(struct glassram_session *session, struct glassram_work *work,
			  bool arm, u64 *armed);

/* fault.c */
int glassram_fault_watch(struct glassram_session *session);
void glassram_fault_unwatch(struct glassram_session *session);
int glassram_fault_init(void);
void glassram_fault_exit(void);

/* tables.c */
long glassram_tables_ioctl(struct glassram_session *session, unsigned int nr, void __user *arg);
void glassram_tables_totals(struct glassram_session *session, struct glassram_totals *ret_sum);
u64 glassram_tables_memory(struct glassram_session *session);

#endif /* GLASSRAM_SESSION_H */
