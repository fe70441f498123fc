// SPDX-License-Identifier: GPL-2.0
/*
 * The hook: one module-wide ftrace callback at the entry of handle_mm_fault(),
 * where every write of a watched page comes by, whoever does it: user code, a
 * system call, get_user_pages, a KVM guest.
 *
 * It runs in any task, under mmap_lock or a VMA lock, for any process of the
 * machine: no sleeping, no user access, no locks, and next to nothing for
 * processes that are not watched.
 *
 * Weak spot: it counts on entry, before the fault is resolved, so a fault that
 * is retried shows twice; once-per-epoch de-duplication absorbs that.
 */
#include <linux/ftrace.h>
#include <linux/hash.h>
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/rculist.h>
#include <linux/workqueue.h>

#include "backend.h"
#include "compat.h"
#include "policy.h"
#include "session.h"
#include "target.h"
#include "trace.h"

#define WATCHED_BITS 8
static struct hlist_head watched[BIT(WATCHED_BITS)];
/* Paused targets: the hook does not look here, and nobody else may take them. */
static LIST_HEAD(paused);
/* Protects @watched, @paused, @watchers and whether the hook is registered. */
static DEFINE_MUTEX(watched_lock);
static unsigned int watchers;
static bool hooked;

/*
 * Unregistering waits for synchronize_rcu_tasks(), up to seconds under load:
 * never in close(), and not between two sessions that follow each other.
 */
#define UNHOOK_DELAY (5 * HZ)
static void unhook_work(struct work_struct *work);
static DECLARE_DELAYED_WORK(unhook, unhook_work);

static struct hlist_head *bucket_of(const struct mm_struct *mm)
{
	return &watched[hash_ptr(mm, WATCHED_BITS)];
}

/*
 * The slot of a huge page is that of its first 4 KiB. Only hugetlb: pages of a
 * transparent huge page are split and armed one by one.
 */
static __always_inline unsigned long page_start(struct vm_area_struct *vma, unsigned long address)
{
	if (unlikely(is_vm_hugetlb_page(vma)))
		return address & huge_page_mask(hstate_vma(vma));
	return address & PAGE_MASK;
}

/*
 * Claim the page for this epoch. The epoch only moves forward, and a fault
 * that began before ADVANCE must not count again what a later one counted.
 */
static __always_inline bool claim(u32 *stamp, u32 epoch)
{
	u32 old = READ_ONCE(*stamp);

	do {
		if ((s32)(old - epoch) >= 0)
			return false;
	} while (!try_cmpxchg(stamp, &old, epoch));
	return true;
}

/* For streams of HIT; kept out of the way of all others. */
static noinline notrace void tell_hit(const struct glassram_mm *target, unsigned long address,
				      unsigned int flags, u32 epoch, u32 weight)
{
	struct glassram_event event = {
		.type = GLASSRAM_EVENT_HIT,
		.epoch = epoch,
		.target = target->id,
		.tid = current->pid,
		.tgid = current->tgid,
		.address = address,
		.value = weight,
		.flags = flags & (FAULT_FLAG_WRITE | FAULT_FLAG_USER),
	};

	glassram_events_put(target->session, &event);
}

static __always_inline void count_write(struct glassram_mm *target, struct vm_area_struct *vma,
					unsigned long address, unsigned int flags)
{
	struct glassram_session *session = target->session;
	u32 epoch = READ_ONCE(session->epoch);
	struct glassram_slot_block *block;
	struct glassram_policy_ops *policy;
	unsigned int i;
	u32 weight = 1, thread;

	if (unlikely(!glassram_backend_covers(target, vma) ||
		     glassram_backend_new(target, vma))) {
		if (glassram_regions_refused(&target->regions, address))
			return;
		glassram_target_mark_stale(target);
	}
	this_cpu_inc(session->totals->faults);

	address = page_start(vma, address);
#ifdef GLASSRAM_MUTATE_LOSE_HITS /* shows that the tests notice (tests/kselftest) */
	if ((address >> PAGE_SHIFT) % 97 == 0)
		return;
#endif
	i = glassram_slot_of(address);
	block = glassram_slots_lookup(&target->index, address);
	if (likely(block)) {
		u32 stamp = READ_ONCE(block->column[GLASSRAM_STAMP][i]);
		u32 armed = READ_ONCE(block->column[GLASSRAM_ARMED][i]);
		bool counted = (s32)(stamp - epoch) >= 0;

		/*
		 * Counted since it was armed, and armed still: another fault is
		 * in flight. One that is not counted itself leaves no other trace;
		 * by now ADVANCE may have armed the page for the next epoch.
		 */
		if (unlikely(counted || (stamp >= GLASSRAM_FIRST_EPOCH &&
					 (s32)(stamp - armed) >= 0)))
			set_bit(i, block->raced);
		if (counted)
			return;
	}
	/* A retry was deferred already when it came by first. */
	if (unlikely(!block) && (flags & FAULT_FLAG_TRIED))
		return;

	policy = rcu_dereference(session->policy);
	if (policy) {
		weight = glassram_policy_weight(policy, address, flags,
						block ? block->column[GLASSRAM_HITS][i] : 0);
		if (!weight) {
			/* It will be found written without a hit, and that is explained. */
			if (block && !test_bit(i, block->rejected))
				set_bit(i, block->rejected);
			this_cpu_inc(session->totals->rejected);
			return;
		}
	}

	if (likely(block) && !claim(&block->column[GLASSRAM_STAMP][i], epoch)) {
		set_bit(i, block->raced);
		return;
	}
	if (unlikely(!block) && READ_ONCE(session->slots.full)) {
		this_cpu_inc(session->totals->lost);
		return;
	}

	thread = glassram_threads_current(&session->threads, epoch, target->id);
	if (unlikely(thread == GLASSRAM_THREAD_NONE))
		this_cpu_inc(session->totals->thread_overflow);
	if (policy)
		thread = glassram_policy_owner(policy, address, flags, thread);
	if (likely(block)) {
		/* The owner's, also where a policy names another. */
		atomic64_inc(&session->threads.entries[thread].hits);
		WRITE_ONCE(block->column[GLASSRAM_OWNER][i], thread);
		/* Two epochs can overlap on two CPUs, so atomic. */
		atomic_add(weight, (atomic_t *)&block->column[GLASSRAM_HITS][i]);
		this_cpu_inc(session->totals->hits);
		if (glassram_events_wanted(session, GLASSRAM_EVENT_HIT))
			tell_hit(target, address, flags, epoch, weight);
	} else {
		if (!glassram_deferred_push(&session->deferred, target->id, address, epoch,
					    thread, weight, flags & FAULT_FLAG_USER)) {
			this_cpu_inc(session->totals->lost);
			return;
		}
		this_cpu_inc(session->totals->deferred);
		glassram_session_mark_stale(session, GLASSRAM_STALE_SLOTS);
	}
	if (trace_hit_enabled())
		glassram_trace_hit(session->id, target->id, address, thread, weight, flags, epoch);
}

/* A read fault in a watched mapping: what is there now may never have been armed. */
static __always_inline void note_refill(struct glassram_mm *target, unsigned long address)
{
	struct glassram_slot_block *block = glassram_slots_lookup(&target->index, address);

	/* Leave its chunk out of this epoch's self-check: see armed_page(). */
	if (block)
		WRITE_ONCE(block->exempt[(address - block->start) >> GLASSRAM_CHUNK_SHIFT],
			   READ_ONCE(target->session->epoch));
}

static noinline notrace void watched_fault(struct vm_area_struct *vma, unsigned long address,
					   unsigned int flags)
{
	struct mm_struct *mm = vma->vm_mm;
	struct glassram_mm *target;

	rcu_read_lock();
	hlist_for_each_entry_rcu(target, bucket_of(mm), hash) {
		if (target->mm != mm)
			continue;
		if (flags & FAULT_FLAG_WRITE)
			count_write(target, vma, address, flags);
		else
			note_refill(target, address);
		break;
	}
	rcu_read_unlock();
}

/* Every fault of the machine comes by here: no register to save, one look. */
static void notrace fault_hook(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *ops,
			       struct ftrace_regs *fregs)
{
	struct vm_area_struct *vma = (void *)ftrace_regs_get_argument(fregs, 0);

	if (likely(hlist_empty(bucket_of(vma->vm_mm))))
		return;
	watched_fault(vma, ftrace_regs_get_argument(fregs, 1), ftrace_regs_get_argument(fregs, 2));
}

static struct ftrace_ops fault_ops = {
	.func = fault_hook,
	/* Else "sysctl kernel.ftrace_enabled=0" would silently stop the counting. */
	.flags = FTRACE_OPS_FL_PERMANENT,
};

static int hook_get(void)
{
	int ret;

	lockdep_assert_held(&watched_lock);
	if (!hooked) {
		ret = register_ftrace_function(&fault_ops);
		if (ret) {
			pr_err("glassram: ftrace refused the hook (%d); is kernel.ftrace_enabled 0?\n",
			       ret);
			return ret;
		}
		hooked = true;
	}
	return 0;
}

static void unhook_work(struct work_struct *work)
{
	mutex_lock(&watched_lock);
	if (hooked && !watchers) {
		unregister_ftrace_function(&fault_ops);
		hooked = false;
	}
	mutex_unlock(&watched_lock);
}

/* Everybody who has this address space, paused or not. */
static struct glassram_mm *find_target(const struct mm_struct *mm)
{
	struct glassram_mm *target;

	lockdep_assert_held(&watched_lock);
	hlist_for_each_entry(target, bucket_of(mm), hash)
		if (target->mm == mm)
			return target;
	list_for_each_entry(target, &paused, paused_link)
		if (target->mm == mm)
			return target;
	return NULL;
}

/* Show a target to the hook. */
static int enter(struct glassram_mm *target)
{
	int ret = hook_get();

	if (ret)
		return ret;
	hlist_add_head_rcu(&target->hash, bucket_of(target->mm));
	watchers++;
	return 0;
}

static void leave(struct glassram_mm *target)
{
	lockdep_assert_held(&watched_lock);
	hlist_del_rcu(&target->hash);
	if (!--watchers)
		mod_delayed_work(system_wq, &unhook, UNHOOK_DELAY);
}

/**
 * glassram_fault_watch() - start counting for a target
 * @target: complete but for its slots; stays valid until
 *	glassram_fault_unwatch() and a grace period
 *
 * Return: 0; -EEXIST if the address space is watched already; -EINTR when
 * killed; an error of ftrace.
 */
int glassram_fault_watch(struct glassram_mm *target)
{
	int ret;

	/* The hook may be on its way out, which can take seconds. */
	if (mutex_lock_killable(&watched_lock))
		return -EINTR;
	ret = find_target(target->mm) ? -EEXIST : enter(target);
	target->watched = !ret;
	mutex_unlock(&watched_lock);
	return ret;
}

/**
 * glassram_fault_unwatch() - stop counting for a target
 * @target: may be freed after a grace period; one that is not watched is left alone
 */
void glassram_fault_unwatch(struct glassram_mm *target)
{
	mutex_lock(&watched_lock);
	if (target->paused)
		list_del(&target->paused_link);
	else if (target->watched)
		leave(target);
	target->paused = false;
	target->watched = false;
	mutex_unlock(&watched_lock);
}

/**
 * glassram_fault_pause() - hide a target from the hook, and keep it from others
 * @target: the target; after a grace period the hook is not inside any more
 */
void glassram_fault_pause(struct glassram_mm *target)
{
	mutex_lock(&watched_lock);
	if (target->watched && !target->paused) {
		leave(target);
		target->paused = true;
		list_add(&target->paused_link, &paused);
	}
	mutex_unlock(&watched_lock);
}

/**
 * glassram_fault_resume() - show a paused target to the hook again
 * @target: paused, and a grace period has passed since
 * Return: 0, -EINTR when killed, or an error of ftrace.
 */
int glassram_fault_resume(struct glassram_mm *target)
{
	int ret;

	if (mutex_lock_killable(&watched_lock))
		return -EINTR;
	ret = enter(target);
	if (!ret) {
		list_del(&target->paused_link);
		target->paused = false;
	}
	mutex_unlock(&watched_lock);
	return ret;
}

/**
 * glassram_fault_find() - the session that watches an address space
 * @mm: the address space
 * Return: the session, with a count of its @users taken; or NULL if there is none,
 * or its last client is closing it.
 */
struct glassram_session *glassram_fault_find(const struct mm_struct *mm)
{
	struct glassram_session *session = NULL;
	struct glassram_mm *target;

	mutex_lock(&watched_lock);
	target = find_target(mm);
	if (target && refcount_inc_not_zero(&target->session->users))
		session = target->session;
	mutex_unlock(&watched_lock);
	return session;
}

/**
 * glassram_fault_target() - the target of an address space, if it is watched
 * @mm: the address space
 *
 * Not found while it is paused. Any context.
 * Return: the target, valid in this RCU read section; or NULL.
 */
struct glassram_mm *glassram_fault_target(const struct mm_struct *mm)
{
	struct glassram_mm *target;

	hlist_for_each_entry_rcu(target, bucket_of(mm), hash)
		if (target->mm == mm)
			return target;
	return NULL;
}

int glassram_fault_init(void)
{
	return ftrace_set_filter_ip(&fault_ops, (unsigned long)handle_mm_fault, 0, 0);
}

void glassram_fault_exit(void)
{
	cancel_delayed_work_sync(&unhook);
	if (hooked)
		unregister_ftrace_function(&fault_ops);
	ftrace_free_filter(&fault_ops);
}
