// SPDX-License-Identifier: GPL-2.0
/*
 * Who belongs to a session, and what becomes of them: forks, execs and exits,
 * as the scheduler's tracepoints tell them (probes.c).
 *
 * A member is a process, kept by its struct pid: a number that is used again is
 * never taken for it. Members that exited stay until their last thread is past
 * the tracepoint, because threads of a killed process pass it in any order.
 *
 * Weak spots: tracepoints cannot wait for memory, so a fork can be missed when
 * there is none (it is counted as lost). Worker threads that the kernel makes for
 * io_uring are not announced when they start, so their end is not told either.
 */
#include <linux/hash.h>
#include <linux/pid.h>
#include <linux/rculist.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <linux/workqueue.h>

#include "compat.h"
#include "events.h"
#include "family.h"
#include "session.h"

/**
 * struct member - one process of one session
 * @hash: membership in the table of all members, by @pid; RCU
 * @link: membership in the session's family
 * @rcu: it is freed after a grace period
 * @session: whose family it is
 * @pid: the process; reference owned
 * @target: which target it is, or GLASSRAM_TARGET_NONE
 * @exited: EXIT was told; set once
 * @exec_ns: time of its last exec that was seen, or 0
 * @exec_run_ns: what its main thread had run by then
 */
struct member {
	struct hlist_node hash;
	struct list_head link;
	struct rcu_head rcu;
	struct glassram_session *session;
	struct pid *pid;
	u32 target;
	atomic_t exited;
	u64 exec_ns;
	u64 exec_run_ns;
};

#define MEMBERS_BITS 10
static struct hlist_head members[BIT(MEMBERS_BITS)];
/* Protects @members and the families. Taken in tracepoints. */
static DEFINE_SPINLOCK(family_lock);

/* How often exited members are looked at until they can go. */
#define SWEEP_DELAY (HZ / 4)
static void sweep_work(struct work_struct *work);
static DECLARE_DELAYED_WORK(sweeping, sweep_work);

static struct hlist_head *bucket_of(const struct pid *pid)
{
	return &members[hash_ptr(pid, MEMBERS_BITS)];
}

static struct member *find_member(const struct glassram_session *session, const struct pid *pid)
{
	struct member *member;

	hlist_for_each_entry_rcu(member, bucket_of(pid), hash)
		if (member->pid == pid && member->session == session)
			return member;
	return NULL;
}

static void free_member(struct rcu_head *rcu)
{
	struct member *member = container_of(rcu, struct member, rcu);

	put_pid(member->pid);
	kfree(member);
}

/* Return: the family has died out with it. */
static bool mark_exited(struct member *member)
{
	lockdep_assert_held(&family_lock);
	return !atomic_xchg(&member->exited, 1) && !--member->session->family.alive;
}

/* Return: the family has died out with it. */
static bool remove_member(struct member *member)
{
	bool last = mark_exited(member);

	hlist_del_init_rcu(&member->hash);
	list_del(&member->link);
	member->session->family.nr--;
	call_rcu(&member->rcu, free_member);
	return last;
}

/* Return: 0; -ENOSPC, the family is full; -ESHUTDOWN, the session is being closed. */
static int add_member(struct glassram_session *session, struct member *member, struct pid *pid,
		      u32 target)
{
	struct glassram_family *family = &session->family;

	lockdep_assert_held(&family_lock);
	if (family->closed)
		return -ESHUTDOWN;
	if (family->nr >= GLASSRAM_FAMILY_MAX)
		return -ENOSPC;
	member->session = session;
	member->pid = get_pid(pid);
	member->target = target;
	atomic_set(&member->exited, 0);
	hlist_add_head_rcu(&member->hash, bucket_of(pid));
	list_add_tail(&member->link, &family->members);
	family->nr++;
	family->alive++;
	return 0;
}

/* A member forked. The child does not run yet, but a fast client can see it already. */
static bool adopt(struct glassram_session *session, struct pid *child)
{
	struct member *member = kzalloc(sizeof(*member), GFP_NOWAIT | __GFP_NOWARN);
	int ret = -ENOMEM;

	if (!member)
		return false;
	spin_lock(&family_lock);
	ret = session->family.follow ?
	      add_member(session, member, child, GLASSRAM_TARGET_NONE) : -ESHUTDOWN;
	spin_unlock(&family_lock);
	if (ret)
		kfree(member);
	return ret != -ENOSPC;
}

static void tell_fork(struct member *member, struct task_struct *parent, struct task_struct *child)
{
	struct glassram_session *session = member->session;
	struct glassram_event event = {
		.type = GLASSRAM_EVENT_FORK,
		.target = READ_ONCE(member->target),
		.value = child->pid,
	};

	if (same_thread_group(parent, child)) {
		event.type = GLASSRAM_EVENT_THREAD_START;
	} else {
		if (child->mm && child->mm == parent->mm)
			event.flags = GLASSRAM_EVENT_SAME_MM;
		if (READ_ONCE(session->family.follow) && !adopt(session, task_tgid(child))) {
			glassram_events_lose(session, GLASSRAM_EVENT_FORK);
			return;
		}
	}
	glassram_events_emit(session, event);
}

/**
 * glassram_family_forked() - a process forked, or made a thread
 * @parent: who did; called in it, and does not sleep
 * @child: the new task, which did not run yet
 */
void glassram_family_forked(struct task_struct *parent, struct task_struct *child)
{
	struct pid *process = task_tgid(parent);
	struct member *member;

	rcu_read_lock();
	hlist_for_each_entry_rcu(member, bucket_of(process), hash)
		if (member->pid == process)
			tell_fork(member, parent, child);
	rcu_read_unlock();
}

static void tell_exec(struct member *member, struct task_struct *task, pid_t old_pid)
{
	struct glassram_session *session = member->session;
	bool last = false;

	glassram_events_emit(session, (struct glassram_event){
		.type = GLASSRAM_EVENT_EXEC,
		.target = READ_ONCE(member->target),
		.value = old_pid,
	});
	spin_lock(&family_lock);
	member->exec_ns = ktime_get_ns();
	member->exec_run_ns = task->se.sum_exec_runtime;
	/* The target was the address space, and that is gone. */
	WRITE_ONCE(member->target, GLASSRAM_TARGET_NONE);
	if (!session->family.follow && !hlist_unhashed(&member->hash))
		last = remove_member(member);
	spin_unlock(&family_lock);
	if (last)
		glassram_session_check_end(session);
}

/**
 * glassram_family_execed() - a process runs another program now
 * @task: its only thread; called in it, and does not sleep
 * @old_pid: what its thread id was before
 */
void glassram_family_execed(struct task_struct *task, pid_t old_pid)
{
	struct pid *process = task_tgid(task);
	struct member *member;

	rcu_read_lock();
	hlist_for_each_entry_rcu(member, bucket_of(process), hash)
		if (member->pid == process)
			tell_exec(member, task, old_pid);
	rcu_read_unlock();
}

/* What wait() tells of it. */
static int exit_status(const struct task_struct *task)
{
	const struct signal_struct *signal = task->signal;

	return signal->flags & SIGNAL_GROUP_EXIT ? signal->group_exit_code :
						   task->group_leader->exit_code;
}

static void tell_exit(struct member *member, struct task_struct *task)
{
	struct glassram_session *session = member->session;
	struct glassram_event event = {
		.type = GLASSRAM_EVENT_THREAD_EXIT,
		.target = READ_ONCE(member->target),
	};
	bool last = false;

	/* Threads that die together all see 0 here: the first of them tells. */
	if (!atomic_read(&task->signal->live) && !atomic_read(&member->exited)) {
		spin_lock(&family_lock);
		if (!atomic_read(&member->exited)) {
			event.type = GLASSRAM_EVENT_EXIT;
			event.value = exit_status(task);
			/* Others may still have to come by, unless it is the only one. */
			last = thread_group_empty(task) ? remove_member(member) :
							  mark_exited(member);
		}
		spin_unlock(&family_lock);
	}
	if (event.type == GLASSRAM_EVENT_EXIT)
		schedule_delayed_work(&sweeping, SWEEP_DELAY);
	if (event.type == GLASSRAM_EVENT_EXIT || !(task->flags & GLASSRAM_PF_WORKER))
		glassram_events_emit(session, event);
	if (last)
		glassram_session_check_end(session);
}

/* glassram_family_exited() - @task exits; called in it, and does not sleep */
void glassram_family_exited(struct task_struct *task)
{
	struct pid *process = task_tgid(task);
	struct member *member;

	rcu_read_lock();
	hlist_for_each_entry_rcu(member, bucket_of(process), hash)
		if (member->pid == process)
			tell_exit(member, task);
	rcu_read_unlock();
}

/*
 * Is every thread of a process past the exit tracepoint? Then nothing more will
 * be heard of it.
 */
static bool is_past(struct pid *pid)
{
	struct task_struct *leader = pid_task(pid, PIDTYPE_TGID);

	return !leader || (leader->exit_state && thread_group_empty(leader));
}

/* All threads have begun to exit; maybe some are not past the tracepoint. */
static bool is_exiting(struct pid *pid)
{
	struct task_struct *leader = pid_task(pid, PIDTYPE_TGID);

	return !leader || !atomic_read(&leader->signal->live);
}

/*
 * Remove the members that are past everything, also those that exited while the
 * tracepoints were off. Return: some have to be looked at again.
 */
static bool sweep(void)
{
	struct member *member;
	struct hlist_node *next;
	bool again = false, last;
	unsigned int i;

	rcu_read_lock();
	for (i = 0; i < ARRAY_SIZE(members); i++) {
		/* One bucket at a time: tracepoints wait for this lock. */
		spin_lock(&family_lock);
		hlist_for_each_entry_safe(member, next, &members[i], hash) {
			struct glassram_session *session = member->session;

			if (!is_past(member->pid)) {
				again |= is_exiting(member->pid);
				continue;
			}
			last = remove_member(member);
			if (last)
				glassram_session_check_end(session);
		}
		spin_unlock(&family_lock);
	}
	rcu_read_unlock();
	return again;
}

static void sweep_work(struct work_struct *work)
{
	if (sweep())
		schedule_delayed_work(&sweeping, SWEEP_DELAY);
}

/* glassram_family_look() - some may have exited unseen: look for them soon */
void glassram_family_look(void)
{
	mod_delayed_work(system_wq, &sweeping, 0);
}

void glassram_family_init(struct glassram_family *family)
{
	INIT_LIST_HEAD(&family->members);
}

/**
 * glassram_family_add() - the process of a target belongs to the family
 * @session: the session; its lock is held
 * @task: any thread of the process
 * @target: id of the target
 *
 * Return: 0; -ENOMEM; -ENOSPC with GLASSRAM_FAMILY_MAX members.
 */
int glassram_family_add(struct glassram_session *session, struct task_struct *task, u32 target)
{
	struct member *member, *new = kzalloc(sizeof(*new), GFP_KERNEL_ACCOUNT);
	struct pid *pid;
	int ret = 0;

	if (!new)
		return -ENOMEM;
	rcu_read_lock();
	spin_lock(&family_lock);
	pid = task_tgid(task);
	member = pid ? find_member(session, pid) : NULL;
	if (member) {
		WRITE_ONCE(member->target, target);
	} else if (pid) {
		ret = add_member(session, new, pid, target);
		if (!ret)
			new = NULL;
	}
	spin_unlock(&family_lock);
	rcu_read_unlock();
	kfree(new);
	return ret;
}

/**
 * glassram_family_drop() - a target was dropped
 * @session: the session; its lock is held
 * @target: its id
 *
 * Its process stays a member only if the session follows.
 */
void glassram_family_drop(struct glassram_session *session, u32 target)
{
	struct member *member, *next;

	spin_lock(&family_lock);
	list_for_each_entry_safe(member, next, &session->family.members, link) {
		if (member->target != target)
			continue;
		WRITE_ONCE(member->target, GLASSRAM_TARGET_NONE);
		if (!session->family.follow)
			remove_member(member);
	}
	spin_unlock(&family_lock);
}

/* No more following: only targets stay. */
static void unfollow(struct glassram_session *session)
{
	struct member *member, *next;
	bool followed;

	spin_lock(&family_lock);
	followed = session->family.follow;
	WRITE_ONCE(session->family.follow, false);
	list_for_each_entry_safe(member, next, &session->family.members, link)
		if (member->target == GLASSRAM_TARGET_NONE)
			remove_member(member);
	spin_unlock(&family_lock);
	if (followed)
		glassram_probes_put();
	glassram_session_check_end(session);
}

/**
 * glassram_family_follow() - let forked processes belong to the family, or not
 * @session: the session; its lock is held
 * @follow: what is wanted
 *
 * Return: 0 or an error of glassram_probes_get().
 */
int glassram_family_follow(struct glassram_session *session, bool follow)
{
	int ret;

	if (session->family.follow == follow)
		return 0;
	if (!follow) {
		unfollow(session);
		return 0;
	}
	ret = glassram_probes_get();
	if (ret)
		return ret;
	/* Those that exited unseen would keep the session alive for ever. */
	if (sweep())
		mod_delayed_work(system_wq, &sweeping, SWEEP_DELAY);
	spin_lock(&family_lock);
	WRITE_ONCE(session->family.follow, true);
	spin_unlock(&family_lock);
	return 0;
}

/**
 * glassram_family_forget() - the session goes away
 * @session: the session; the caller waits for RCU before it frees it
 */
void glassram_family_forget(struct glassram_session *session)
{
	struct member *member, *next;
	bool followed;

	spin_lock(&family_lock);
	session->family.closed = true;
	followed = session->family.follow;
	WRITE_ONCE(session->family.follow, false);
	list_for_each_entry_safe(member, next, &session->family.members, link)
		remove_member(member);
	spin_unlock(&family_lock);
	if (followed)
		glassram_probes_put();
}

/* glassram_family_follows() - is there anybody to follow? Takes no lock. */
bool glassram_family_follows(const struct glassram_session *session)
{
	return READ_ONCE(session->family.follow) && READ_ONCE(session->family.alive);
}

/**
 * glassram_family_late() - what could be missed of a process until now
 * @session: the session
 * @task: any thread of it
 * @ret_late_ns: time since its fork, exec or start, whichever was last
 * @ret_late_run_ns: how much of that its main thread ran
 *
 * Execs are known of members only.
 */
void glassram_family_late(struct glassram_session *session, struct task_struct *task,
			  u64 *ret_late_ns, u64 *ret_late_run_ns)
{
	u64 since, ran = 0, run;
	const struct task_struct *leader;
	const struct member *member;
	struct pid *pid;

	rcu_read_lock();
	pid = task_tgid(task);
	leader = pid ? pid_task(pid, PIDTYPE_TGID) : NULL;
	if (!leader)
		leader = task;
	since = leader->start_time;
	run = READ_ONCE(leader->se.sum_exec_runtime);
	spin_lock(&family_lock);
	member = pid ? find_member(session, pid) : NULL;
	if (member && member->exec_ns) {
		since = member->exec_ns;
		ran = member->exec_run_ns;
	}
	spin_unlock(&family_lock);
	rcu_read_unlock();
	*ret_late_ns = ktime_get_ns() - since;
	*ret_late_run_ns = run - ran;
}

/* glassram_family_memory() - bytes held for the members */
u64 glassram_family_memory(const struct glassram_session *session)
{
	return READ_ONCE(session->family.nr) * sizeof(struct member);
}

/* No session is left, and nothing is told any more: glassram_probes_exit(). */
void glassram_family_exit(void)
{
	cancel_delayed_work_sync(&sweeping);
	/* free_member() may still wait for its turn. */
	rcu_barrier();
}
