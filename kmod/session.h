/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The session: one watching, of one target or several, and what its parts share.
 *
 * Who may touch what: everything but the fields marked "hook" belongs to the
 * holder of @lock. The hook (fault.c) runs in any task, sees target and session
 * under RCU, and only reads what ADVANCE publishes and writes columns, the thread
 * table, the deferred ring and the per-CPU totals.
 */
#ifndef GLASSRAM_SESSION_H
#define GLASSRAM_SESSION_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/uidgid.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include <linux/glassram.h>

#include "budget.h"
#include "deferred.h"
#include "events.h"
#include "family.h"
#include "slots.h"
#include "thread.h"

struct glassram_farewell;
struct glassram_identity;
struct glassram_mm;
struct glassram_policy_ops;
struct glassram_session;
struct glassram_work;

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
 * struct glassram_client - one session fd
 * @link: membership in glassram_session.clients, in the order of their coming
 * @session: the session; a count in its @users is held
 * @uid: effective user who attached
 * @privileged: who had CAP_SYS_PTRACE then
 * @promoted: became the owner, and STATS has not told it yet
 * @stats_epoch: the epoch when STATS was last called, for poll()
 */
struct glassram_client {
	struct list_head link;
	struct glassram_session *session;
	kuid_t uid;
	bool privileged;
	bool promoted;
	u32 stats_epoch;
};

/**
 * struct glassram_session - one watching
 * @id: unique since the module was loaded
 * @users: clients, and calls that are about to become one
 * @clients_lock: protects @clients and @owner
 * @clients: session fds
 * @owner: the client that may change things; NULL only while none is there
 * @epoch: the open epoch; hook
 * @state: GLASSRAM_STATE_LIVE, _ENDED or _FAILED; ENDED can come at any time
 * @paused: nothing is watched at the moment
 * @live: targets whose address space is alive
 * @stale: something was seen that the next ADVANCE must look at; hook
 * @policy: the bound policy or NULL; RCU, list membership under policy_lock; hook
 * @policy_link: membership in the list of sessions that bound a policy
 * @lock: serialises all ioctls of the session
 * @targets: struct glassram_mm by id; changed under @lock, read under RCU
 * @nr_targets: their number
 * @next_target: id for the next one
 * @regions_generation: changes with the regions of any target; shown with the
 *	blocks that were used again: glassram_session_regions_generation()
 * @slots: the columns and blocks of all targets
 * @family: the processes of its targets, and whom it follows
 * @streams: who reads its events; hook
 * @threads: thread table
 * @deferred: hits that came before their slot
 * @totals: per-CPU totals; hook
 * @totals_base: totals at the last RESET
 * @wait: poll() sleeps here
 * @control_page: the page that clients map; owned
 * @budget: what its targets may pay, and what they did
 * @sampler: decides what is armed for it
 * @raced_ns: when the marks of faults in flight were aged last
 * @farewell: tells close() that the clean-up is done; shared with it
 */
struct glassram_session {
	u32 id;
	refcount_t users;
	spinlock_t clients_lock; /* the list below */
	struct list_head clients;
	struct glassram_client *owner;

	u32 epoch;
	u32 state;
	bool paused;
	atomic_t live;
	unsigned long stale;
	struct glassram_policy_ops __rcu *policy;
	struct list_head policy_link;

	struct mutex lock; /* all ioctls of the session, one at a time */
	struct list_head targets;
	u32 nr_targets;
	u32 next_target;
	u64 regions_generation;
	struct glassram_slots slots;
	struct glassram_family family;
	struct glassram_streams streams;
	struct glassram_thread_table threads;
	struct glassram_deferred deferred;
	struct glassram_totals __percpu *totals;
	struct glassram_totals totals_base;
	wait_queue_head_t wait;

	u32 rate_hz;
	ktime_t next_tick;
	struct glassram_budget budget;
	struct glassram_sampler sampler;
	u64 epoch_ns;
	u64 raced_ns;
	u64 armed;
	u64 armed_last;
	u64 advance_ns;
	u64 advance_last_ns;
	u64 unexplained;
	struct page *control_page;

	struct work_struct destroy_work;
	struct glassram_farewell *farewell;
};

/* Numbers of the bits of glassram_session.stale */
enum glassram_stale {
	GLASSRAM_STALE_REGIONS, /* a write hit a mapping that is not registered */
	GLASSRAM_STALE_SLOTS, /* a write hit an address without a slot */
	GLASSRAM_STALE_TARGETS, /* a target ended */
};

/* What userspace sees as the generation of the regions. */
static inline u64 glassram_session_regions_generation(const struct glassram_session *session)
{
	return session->regions_generation + session->slots.nr_reused;
}

/* Targets in the order of their ids; the session's lock is held. */
#define glassram_for_each_target(target, session) \
	list_for_each_entry(target, &(session)->targets, link)

/* session.c: what the session is */
struct glassram_session *glassram_session_alloc(void);
int glassram_session_add_target(struct glassram_session *session,
				const struct glassram_identity *identity,
				struct glassram_work *work, struct glassram_mm **ret_target);
void glassram_session_drop_target(struct glassram_session *session, struct glassram_mm *target);
void glassram_session_free(struct glassram_session *session);
void glassram_session_destroy(struct glassram_session *session);
struct glassram_mm *glassram_session_target(struct glassram_session *session, u32 id);
struct glassram_mm *glassram_session_target_low(struct glassram_session *session, u16 low);
struct glassram_session *glassram_session_find(u32 id);
void glassram_session_mark_stale(struct glassram_session *session, enum glassram_stale why);
void glassram_session_target_ended(struct glassram_session *session,
				   const struct glassram_mm *target);
void glassram_session_check_end(struct glassram_session *session);
void glassram_session_fail(struct glassram_session *session);
void glassram_session_update_control(struct glassram_session *session);
u32 glassram_session_shown_state(const struct glassram_session *session);
int glassram_session_init(void);
void glassram_session_exit(void);
unsigned int glassram_session_count(void);

/* fault.c */
int glassram_fault_init(void);
void glassram_fault_exit(void);

/* client.c: session fds */
int glassram_attach(const struct glassram_attach *args);
bool glassram_client_owns(const struct glassram_client *client);

/* advance.c */
long glassram_advance_ioctl(struct glassram_client *client, void __user *user);

/* control.c: ioctls that change a session */
long glassram_control_ioctl(struct glassram_client *client, unsigned int nr, void __user *arg);

/* tables.c: ioctls that show it */
long glassram_tables_ioctl(struct glassram_client *client, unsigned int nr, void __user *arg);
void glassram_tables_totals(struct glassram_session *session, struct glassram_totals *ret_sum);

#endif /* GLASSRAM_SESSION_H */
