// SPDX-License-Identifier: GPL-2.0
/*
 * What a session is: its parts, its targets, its state, its end.
 *
 * It goes with its last client (client.c), and a worker does the rest, because
 * dropping a userfaultfd takes the target's mmap_lock.
 *
 * Weak spot: an ended target keeps its slots until the client drops it, so a
 * session that follows many short processes must drop them.
 */
#include <linux/mm.h>
#include <linux/poll.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "policy.h"
#include "session.h"
#include "target.h"

/* Frees sessions; a queue of its own, so that unloading can wait for it. */
static struct workqueue_struct *destroy_queue;
static DEFINE_XARRAY_ALLOC1(sessions);
static u32 next_id;
static atomic_t nr_sessions = ATOMIC_INIT(0);

/*
 * How long close() waits for the clean-up, so that the usual caller finds the
 * target as it was. A target whose mmap_lock is stuck must not hang it.
 */
#define CLOSE_PATIENCE (HZ / 2)

/* Shared by close(), which may lose patience, and the worker that frees the session. */
struct glassram_farewell {
	refcount_t references;
	struct completion done;
};

static void farewell_put(struct glassram_farewell *farewell)
{
	if (farewell && refcount_dec_and_test(&farewell->references))
		kfree(farewell);
}

unsigned int glassram_session_count(void)
{
	return atomic_read(&nr_sessions);
}

/**
 * glassram_session_find() - a session by its number
 * @id: glassram_session.id
 * Return: the session, valid in this RCU read section; or NULL.
 */
struct glassram_session *glassram_session_find(u32 id)
{
	return xa_load(&sessions, id);
}

/**
 * glassram_session_target_low() - a target by the low 16 bits of its id
 * @session: the session; its lock is held, or RCU, or it is not visible yet
 * @low: they are unique within a session
 * Return: the target, or NULL.
 */
struct glassram_mm *glassram_session_target_low(struct glassram_session *session, u16 low)
{
	struct glassram_mm *target;

	list_for_each_entry_rcu(target, &session->targets, link, true)
		if ((u16)target->id == low)
			return target;
	return NULL;
}

/**
 * glassram_session_target() - a target by its id
 * @session: the session; its lock is held, or RCU
 * @id: glassram_mm.id
 * Return: the target, or NULL.
 */
struct glassram_mm *glassram_session_target(struct glassram_session *session, u32 id)
{
	struct glassram_mm *target = glassram_session_target_low(session, id);

	return target && target->id == id ? target : NULL;
}

/**
 * glassram_session_mark_stale() - something waits for the next ADVANCE
 * @session: the session
 * @why: GLASSRAM_STALE_*
 *
 * Called by the hook. Wakes poll() once, not for each fault.
 */
void glassram_session_mark_stale(struct glassram_session *session, enum glassram_stale why)
{
	if (!test_bit(why, &session->stale) && !test_and_set_bit(why, &session->stale))
		wake_up_interruptible_poll(&session->wait, EPOLLPRI);
}

/* The state as clients see it. */
u32 glassram_session_shown_state(const struct glassram_session *session)
{
	u32 state = READ_ONCE(session->state);

	return state == GLASSRAM_STATE_LIVE && READ_ONCE(session->paused) ?
	       GLASSRAM_STATE_PAUSED : state;
}

/**
 * glassram_session_update_control() - bring the page that clients map up to date
 * @session: the session; its lock is held
 */
void glassram_session_update_control(struct glassram_session *session)
{
	struct glassram_control *control = page_address(session->control_page);
	struct glassram_totals totals;

	glassram_tables_totals(session, &totals);
	WRITE_ONCE(control->seq, control->seq + 1);
	smp_wmb(); /* Readers see an odd number before any change. */
	control->size = sizeof(*control);
	control->epoch = session->epoch;
	control->state = glassram_session_shown_state(session);
	control->epoch_ns = session->epoch_ns;
	control->counters_generation = session->slots.generation;
	control->regions_generation = glassram_session_regions_generation(session);
	control->hits = totals.hits;
	control->faults = totals.faults;
	control->unexplained = session->unexplained;
	control->armed_last = session->armed_last;
	smp_wmb(); /* And all changes before the even one. */
	WRITE_ONCE(control->seq, control->seq + 1);
}

static void end_session(struct glassram_session *session, u32 state)
{
	struct glassram_control *control = page_address(session->control_page);

	if (cmpxchg(&session->state, GLASSRAM_STATE_LIVE, state) != GLASSRAM_STATE_LIVE)
		return;
	/* For whoever kept the control page. */
	WRITE_ONCE(control->state, state);
	wake_up_interruptible_poll(&session->wait, EPOLLHUP);
}

/**
 * glassram_session_check_end() - end the session if nothing is left to watch
 * @session: the session
 *
 * Takes no lock: it is called where a process dies.
 */
void glassram_session_check_end(struct glassram_session *session)
{
	if (!atomic_read(&session->live) && !glassram_family_follows(session))
		end_session(session, GLASSRAM_STATE_ENDED);
}

/**
 * glassram_session_target_ended() - a target's address space is gone
 * @session: the session
 * @target: the target; called once for each
 */
void glassram_session_target_ended(struct glassram_session *session,
				   const struct glassram_mm *target)
{
	if (target->listed)
		glassram_events_emit(session, (struct glassram_event){
			.type = GLASSRAM_EVENT_TARGET_END,
			.target = target->id,
		});
	atomic_dec(&session->live);
	glassram_session_check_end(session);
	if (target->listed)
		glassram_session_mark_stale(session, GLASSRAM_STALE_TARGETS);
}

/**
 * glassram_session_fail() - end the session: its arguments were changed in use
 * @session: the session; its lock is held
 *
 * Disarms everything, and keeps what was counted.
 */
void glassram_session_fail(struct glassram_session *session)
{
	struct glassram_mm *target;

	pr_warn_ratelimited("glassram: %s[%d] changed arguments in use; session ended\n",
			    current->comm, current->pid);
	end_session(session, GLASSRAM_STATE_FAILED);
	glassram_session_update_control(session);
	/* The hook compares with uffd_ctx, and never follows it. */
	glassram_for_each_target(target, session)
		glassram_target_disarm(target);
}

/* The low 16 bits name a target where space is scarce: see deferred.h. */
static u32 new_target_id(struct glassram_session *session)
{
	while (session->next_target == GLASSRAM_TARGET_NONE ||
	       glassram_session_target_low(session, session->next_target))
		session->next_target++;
	return session->next_target;
}

/**
 * glassram_session_add_target() - watch one more address space
 * @session: the session; its lock is held, or it is not visible yet
 * @identity: which
 * @work: the caller's memory
 * @ret_target: the target
 *
 * Return: 0, or an error as documented for ATTACH and TARGET_ADD.
 */
int glassram_session_add_target(struct glassram_session *session,
				const struct glassram_identity *identity,
				struct glassram_work *work, struct glassram_mm **ret_target)
{
	struct glassram_mm *target;
	int ret;

	if (session->nr_targets == GLASSRAM_MAX_TARGETS)
		return -ENOSPC;
	target = glassram_target_alloc(session, new_target_id(session), identity);
	if (!target)
		return -ENOMEM;
	ret = glassram_target_start(target, work);
	if (!ret)
		ret = glassram_family_add(session, identity->task, target->id);
	if (ret) {
		glassram_fault_unwatch(target);
		synchronize_rcu();
		/* What it counted meanwhile belongs to nobody. */
		glassram_deferred_replay(session);
		glassram_slots_drop(&session->slots, &target->index);
		glassram_target_free(target);
		return ret;
	}
	list_add_tail_rcu(&target->link, &session->targets);
	target->listed = true;
	session->nr_targets++;
	session->next_target++;
	*ret_target = target;
	return 0;
}

/**
 * glassram_session_drop_target() - forget a target
 * @session: the session; its lock is held
 * @target: one of its targets
 */
void glassram_session_drop_target(struct glassram_session *session, struct glassram_mm *target)
{
	glassram_fault_unwatch(target);
	glassram_family_drop(session, target->id);
	/* While its last hits still find it. */
	glassram_deferred_replay(session);
	target->listed = false;
	list_del_rcu(&target->link);
	session->nr_targets--;
	session->regions_generation++;
	synchronize_rcu();
	glassram_slots_drop(&session->slots, &target->index);
	glassram_target_free(target);
}

/**
 * glassram_session_alloc() - a session without targets and clients
 * Return: the session, glassram_session_free() it; or NULL.
 */
struct glassram_session *glassram_session_alloc(void)
{
	struct glassram_session *session = kzalloc(sizeof(*session), GFP_KERNEL_ACCOUNT);

	if (!session)
		return NULL;
	atomic_inc(&nr_sessions);
	refcount_set(&session->users, 1);
	spin_lock_init(&session->clients_lock);
	INIT_LIST_HEAD(&session->clients);
	mutex_init(&session->lock);
	INIT_LIST_HEAD(&session->targets);
	glassram_family_init(&session->family);
	glassram_streams_init(&session->streams);
	init_waitqueue_head(&session->wait);
	INIT_LIST_HEAD(&session->policy_link);
	session->epoch = GLASSRAM_FIRST_EPOCH;
	session->epoch_ns = ktime_get_ns();
	session->raced_ns = session->epoch_ns;
	session->state = GLASSRAM_STATE_LIVE;
	session->rate_hz = GLASSRAM_RATE_DEFAULT;
	glassram_budget_init(session);
	session->control_page = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	session->totals = alloc_percpu_gfp(struct glassram_totals,
					   GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	session->farewell = kzalloc(sizeof(*session->farewell), GFP_KERNEL_ACCOUNT);
	/* Capacity for a small process, so that COUNTERS works before ADVANCE. */
	if (!session->control_page || !session->totals || !session->farewell ||
	    glassram_slots_reserve(&session->slots) ||
	    glassram_threads_init(&session->threads) ||
	    glassram_deferred_init(&session->deferred) ||
	    xa_alloc_cyclic(&sessions, &session->id, session, xa_limit_32b, &next_id,
			    GFP_KERNEL_ACCOUNT) < 0) {
		glassram_session_free(session);
		return NULL;
	}
	refcount_set(&session->farewell->references, 1);
	init_completion(&session->farewell->done);
	return session;
}

/**
 * glassram_session_free() - free a session, from any point of its life
 * @session: not watched any more, and a grace period has passed since
 */
void glassram_session_free(struct glassram_session *session)
{
	struct glassram_mm *target, *next;

	list_for_each_entry_safe(target, next, &session->targets, link)
		glassram_target_free(target);
	glassram_slots_finish(&session->slots);
	glassram_deferred_finish(&session->deferred);
	glassram_threads_finish(&session->threads);
	free_percpu(session->totals);
	if (session->control_page)
		put_page(session->control_page);
	kfree(session->farewell);
	kfree(session);
	atomic_dec(&nr_sessions);
}

static void destroy_work(struct work_struct *work)
{
	struct glassram_session *session =
		container_of(work, struct glassram_session, destroy_work);
	struct glassram_farewell *farewell = session->farewell;

	/* The hook and the tracepoints may still be inside. */
	synchronize_rcu();
	glassram_streams_close(&session->streams);
	session->farewell = NULL;
	glassram_session_free(session);
	complete(&farewell->done);
	farewell_put(farewell);
}

/**
 * glassram_session_destroy() - the last client is gone
 * @session: nobody else knows it
 *
 * Waits a moment for the clean-up, which a worker does.
 */
void glassram_session_destroy(struct glassram_session *session)
{
	struct glassram_farewell *farewell = session->farewell;
	struct glassram_mm *target;

	refcount_inc(&farewell->references);
	xa_erase(&sessions, session->id);
	glassram_policy_bind(session, "");
	glassram_for_each_target(target, session)
		glassram_fault_unwatch(target);
	glassram_family_forget(session);
	INIT_WORK(&session->destroy_work, destroy_work);
	queue_work(destroy_queue, &session->destroy_work);
	wait_for_completion_timeout(&farewell->done, CLOSE_PATIENCE);
	farewell_put(farewell);
}

int glassram_session_init(void)
{
	destroy_queue = alloc_workqueue("glassram", WQ_UNBOUND, 0);
	return destroy_queue ? 0 : -ENOMEM;
}

/* No session fd is open any more, but the last ones may still be cleaned up. */
void glassram_session_exit(void)
{
	destroy_workqueue(destroy_queue);
}
