// SPDX-License-Identifier: GPL-2.0
/*
 * The session fd: attach, the arming tick, clean-up.
 *
 * The fd owns everything. Its release takes the session from the hook and lets
 * a worker do the rest, because dropping the userfaultfd takes the target's
 * mmap_lock. The target's end is seen by an mmu notifier, not by an exec event:
 * a vfork child shares the address space, and its exec must not end anything.
 *
 * Weak spot: one session for each address space; a second client gets -EBUSY.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/hrtimer.h>
#include <linux/magic.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/proc_ns.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "args.h"
#include "compat.h"
#include "policy.h"
#include "session.h"

/* Frees sessions; a queue of its own, so that unloading can wait for it. */
static struct workqueue_struct *destroy_queue;
static atomic_t sessions = ATOMIC_INIT(0);

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
	return atomic_read(&sessions);
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

static void update_control(struct glassram_session *session)
{
	struct glassram_control *control = page_address(session->control_page);
	struct glassram_totals totals;

	glassram_tables_totals(session, &totals);
	WRITE_ONCE(control->seq, control->seq + 1);
	smp_wmb(); /* Readers see an odd number before any change. */
	control->size = sizeof(*control);
	control->epoch = session->epoch;
	control->state = READ_ONCE(session->state);
	control->epoch_ns = session->epoch_ns;
	control->counters_generation = session->slots.generation;
	control->regions_generation = session->regions.generation;
	control->hits = totals.hits;
	control->faults = totals.faults;
	control->unexplained = session->unexplained;
	control->armed_last = session->armed_last;
	smp_wmb(); /* And all changes before the even one. */
	WRITE_ONCE(control->seq, control->seq + 1);
}

/* The target's address space goes away: exit, exec, or OOM kill. */
static void notifier_release(struct mmu_notifier *notifier, struct mm_struct *mm)
{
	struct glassram_session *session =
		container_of(notifier, struct glassram_session, notifier);

	struct glassram_control *control = page_address(session->control_page);

	/* Also called while we unregister: for whoever kept the control page. */
	if (cmpxchg(&session->state, GLASSRAM_STATE_LIVE, GLASSRAM_STATE_ENDED) ==
	    GLASSRAM_STATE_LIVE)
		WRITE_ONCE(control->state, GLASSRAM_STATE_ENDED);
	wake_up_interruptible_poll(&session->wait, EPOLLHUP);
}

static const struct mmu_notifier_ops notifier_ops = {
	.release = notifier_release,
};

/* Tear down what glassram_session_create() has built, from any point of it. */
static void session_free(struct glassram_session *session)
{
	if (session->notifier.ops)
		mmu_notifier_unregister(&session->notifier, session->mm);
	/* At once: fput() would leave it to yet another worker. */
	if (session->uffd)
		__fput_sync(session->uffd);
	if (session->pagemap)
		fput(session->pagemap);
	if (session->mm)
		mmdrop(session->mm);
	glassram_slots_finish(&session->slots);
	glassram_regions_finish(&session->regions);
	glassram_deferred_finish(&session->deferred);
	glassram_threads_finish(&session->threads);
	free_percpu(session->totals);
	if (session->control_page)
		put_page(session->control_page);
	farewell_put(session->farewell);
	kfree(session);
	atomic_dec(&sessions);
}

static void destroy_work(struct work_struct *work)
{
	struct glassram_session *session =
		container_of(work, struct glassram_session, destroy_work);
	struct glassram_farewell *farewell = session->farewell;

	/* The hook may still be inside. */
	synchronize_rcu();
	session->farewell = NULL;
	session_free(session);
	complete(&farewell->done);
	farewell_put(farewell);
}

static int session_release(struct inode *inode, struct file *file)
{
	struct glassram_session *session = file->private_data;
	struct glassram_farewell *farewell = session->farewell;

	refcount_inc(&farewell->references);
	glassram_policy_bind(session, "");
	glassram_fault_unwatch(session);
	queue_work(destroy_queue, &session->destroy_work);
	wait_for_completion_timeout(&farewell->done, CLOSE_PATIENCE);
	farewell_put(farewell);
	return 0;
}

static void end_session(struct glassram_session *session, u32 state)
{
	if (cmpxchg(&session->state, GLASSRAM_STATE_LIVE, state) == GLASSRAM_STATE_LIVE)
		wake_up_interruptible_poll(&session->wait, EPOLLHUP);
	update_control(session);
}

/* Arguments were changed under us: disarm everything, keep only what was counted. */
static void fail_session(struct glassram_session *session)
{
	struct file *uffd = session->uffd;

	pr_warn_ratelimited("glassram: %s[%d] changed arguments in use; session ended\n",
			    current->comm, current->pid);
	end_session(session, GLASSRAM_STATE_FAILED);
	session->uffd = NULL;
	if (uffd)
		fput(uffd);
}

/* Sleep until the session's next tick. Late ticks are not made up for. */
static int wait_for_tick(struct glassram_session *session)
{
	u32 rate = READ_ONCE(session->rate_hz);
	ktime_t tick = READ_ONCE(session->next_tick), now = ktime_get();

	if (ktime_before(now, tick)) {
		set_current_state(TASK_INTERRUPTIBLE);
		schedule_hrtimeout_range(&tick, NSEC_PER_MSEC / 10, HRTIMER_MODE_ABS);
		if (signal_pending(current))
			return -EINTR;
		now = tick;
	}
	WRITE_ONCE(session->next_tick, ktime_add_ns(now, NSEC_PER_SEC / rate));
	return 0;
}

/*
 * How long a page with two faults in flight keeps its mark at least: no fault
 * takes that long, and the self-check is blind to the page meanwhile.
 */
#define RACED_PERIOD (10 * NSEC_PER_SEC)

static void open_epoch(struct glassram_session *session)
{
	/* Full barrier: the new number is visible before any page is armed for it. */
	smp_store_mb(session->epoch, session->epoch + 1);
	session->epoch_ns = ktime_get_ns();
	if (session->epoch_ns - session->raced_ns > RACED_PERIOD) {
		session->raced_ns = session->epoch_ns;
		glassram_slots_age_raced(&session->slots);
	}
}

/* The tick itself. The session's lock is held and the mm is alive. */
static int advance(struct glassram_session *session, struct glassram_advance *args,
		   struct glassram_work *work)
{
	u64 generation = session->regions.generation, growth = session->slots.generation;
	u32 registered = 0;
	u64 armed = 0;
	bool rescan;
	int ret;

	rescan = args->flags & GLASSRAM_ADVANCE_RESCAN || glassram_regions_changed(session);
	if (rescan) {
		ret = glassram_regions_update(session, work, &registered);
		if (ret)
			return ret;
	}
	/* Blocks first for what is newly watched, so that its hits find their slot. */
	if (registered || session->epoch == GLASSRAM_FIRST_EPOCH) {
		ret = glassram_protect_scan(session, work, false, &armed);
		if (ret && ret != -ENOMEM)
			return ret;
		armed = 0;
	}

	/*
	 * The order matters: a page armed before its epoch opened could be
	 * written and counted in the old one, and be missed in the new one.
	 */
#ifdef GLASSRAM_MUTATE_ARM_FIRST /* shows that the tests notice (tests/kselftest) */
	ret = glassram_protect_scan(session, work, true, &armed);
	open_epoch(session);
#else
	open_epoch(session);
	ret = glassram_protect_scan(session, work, true, &armed);
#endif
	clear_bit(GLASSRAM_STALE_SLOTS, &session->stale);
	glassram_deferred_replay(session);

	session->armed += armed;
	session->armed_last = armed;
	args->armed = armed;
	args->epoch = session->epoch;
	args->nr_ranges = work->used;
	args->result = (work->truncated ? GLASSRAM_ADVANCED_TRUNCATED : 0) |
		       (session->regions.generation != generation ?
			GLASSRAM_ADVANCED_REGIONS : 0) |
		       (session->slots.generation != growth ? GLASSRAM_ADVANCED_COUNTERS : 0);
	return ret;
}

static long ioctl_advance(struct glassram_session *session, void __user *user)
{
	struct glassram_advance args;
	struct glassram_work work;
	u64 begin;
	long ret;

	ret = glassram_args_get(user, &args, sizeof(args));
	if (ret < 0)
		return ret;
	if (args.flags & ~GLASSRAM_ADVANCE_VALID_FLAGS || args.pad)
		return -EINVAL;
	ret = glassram_work_init(&work, args.work, args.work_len);
	if (ret)
		return ret;
	if (args.flags & GLASSRAM_ADVANCE_PACED) {
		ret = wait_for_tick(session);
		if (ret)
			return ret;
	}

	if (mutex_lock_killable(&session->lock))
		return -EINTR;
	begin = ktime_get_ns();
	if (session->state != GLASSRAM_STATE_LIVE || !mmget_not_zero(session->mm)) {
		end_session(session, GLASSRAM_STATE_ENDED);
		ret = session->state == GLASSRAM_STATE_FAILED ? -EXDEV : -ESRCH;
		goto unlock;
	}
	ret = advance(session, &args, &work);
	mmput(session->mm);
	if (ret == -EXDEV) {
		fail_session(session);
		goto unlock;
	}
	session->advance_last_ns = ktime_get_ns() - begin;
	session->advance_ns += session->advance_last_ns;
	update_control(session);
	wake_up_interruptible_poll(&session->wait, EPOLLIN);
	if (!ret || ret == -ENOMEM)
		ret = glassram_args_put(user, &args, sizeof(args)) ?: ret;
unlock:
	mutex_unlock(&session->lock);
	return ret;
}

static long ioctl_options(struct glassram_session *session, void __user *user)
{
	struct glassram_options args;
	long ret;

	ret = glassram_args_get(user, &args, sizeof(args));
	if (ret < 0)
		return ret;
	if (args.flags & ~GLASSRAM_OPTION_VALID_FLAGS || args.follow)
		return -EINVAL;
	if (args.flags & GLASSRAM_OPTION_RATE &&
	    (!args.rate_hz || args.rate_hz > GLASSRAM_RATE_MAX))
		return -EINVAL;
	if (args.flags & GLASSRAM_OPTION_POLICY) {
		if (strnlen(args.policy, sizeof(args.policy)) == sizeof(args.policy))
			return -EINVAL;
		if (*args.policy && !glassram_policy_supported())
			return -EOPNOTSUPP;
		ret = glassram_policy_bind(session, args.policy);
		if (ret)
			return ret;
	}
	if (args.flags & GLASSRAM_OPTION_RATE) {
		WRITE_ONCE(session->rate_hz, args.rate_hz);
		WRITE_ONCE(session->next_tick, ktime_get());
	}
	args.flags = 0;
	args.rate_hz = session->rate_hz;
	glassram_policy_name(session, args.policy);
	return glassram_args_put(user, &args, sizeof(args));
}

static long session_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct glassram_session *session = file->private_data;
	void __user *user = (void __user *)arg;
	long ret;

	if (_IOC_TYPE(cmd) != GLASSRAM_IOCTL_TYPE)
		return -ENOTTY;
	/* ADVANCE may sleep until its tick, and must not do so under the lock. */
	if (_IOC_NR(cmd) == _IOC_NR(GLASSRAM_ADVANCE))
		return ioctl_advance(session, user);
	if (mutex_lock_killable(&session->lock))
		return -EINTR;
	if (_IOC_NR(cmd) == _IOC_NR(GLASSRAM_OPTIONS))
		ret = ioctl_options(session, user);
	else
		ret = glassram_tables_ioctl(session, _IOC_NR(cmd), user);
	mutex_unlock(&session->lock);
	return ret;
}

static __poll_t session_poll(struct file *file, poll_table *wait)
{
	struct glassram_session *session = file->private_data;
	__poll_t mask = 0;

	poll_wait(file, &session->wait, wait);
	if (READ_ONCE(session->epoch) != READ_ONCE(session->stats_epoch))
		mask |= EPOLLIN | EPOLLRDNORM;
	if (READ_ONCE(session->stale))
		mask |= EPOLLPRI;
	if (READ_ONCE(session->state) != GLASSRAM_STATE_LIVE)
		mask |= EPOLLHUP;
	return mask;
}

/* Takes no lock of ours: it runs under mmap_lock. */
static int session_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct glassram_session *session = file->private_data;

	if (vma->vm_pgoff || vma_pages(vma) != 1 || !(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	if (vma->vm_flags & VM_WRITE)
		return -EACCES;
	vm_flags_mod(vma, VM_DONTEXPAND, VM_MAYWRITE);
	return vm_insert_page(vma, vma->vm_start, session->control_page);
}

static const struct file_operations session_fops = {
	.owner = THIS_MODULE,
	.release = session_release,
	.unlocked_ioctl = session_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.poll = session_poll,
	.mmap = session_mmap,
};

/*
 * Is @file the open "mem" or "pagemap" file of the address space @mm? Opening
 * it was the permission check, with everything that security modules and user
 * namespaces have to say; it is not done again here.
 */
static int check_proc_file(const struct file *file, const char *name, const struct mm_struct *mm)
{
	if (file_inode(file)->i_sb->s_magic != PROC_SUPER_MAGIC ||
	    strcmp(file->f_path.dentry->d_name.name, name) || !S_ISREG(file_inode(file)->i_mode))
		return -EINVAL;
	if (file->private_data != mm)
		return -EPERM;
	return 0;
}

/* Return: the target's mm with a user reference, mmput() it; or an error. */
static struct mm_struct *get_target_mm(pid_t nr)
{
	struct pid *pid = find_get_pid(nr);
	struct task_struct *task = get_pid_task(pid, PIDTYPE_PID);
	struct mm_struct *mm;
	bool kernel_thread;

	put_pid(pid);
	if (!task)
		return ERR_PTR(-ESRCH);
	kernel_thread = task->flags & PF_KTHREAD;
	mm = get_task_mm(task);
	put_task_struct(task);
	if (mm)
		return mm;
	return ERR_PTR(kernel_thread ? -EINVAL : -ESRCH);
}

/* The target behind the caller's fds. Return: its mm, mmput() it; or an error. */
static struct mm_struct *get_checked_target(const struct glassram_attach *args,
					    struct file **ret_pagemap)
{
	struct file *mem, *pagemap = NULL;
	struct mm_struct *mm;
	int ret;

	mem = fget(args->mem_fd);
	if (!mem)
		return ERR_PTR(-EBADF);
	pagemap = fget(args->pagemap_fd);
	if (!pagemap) {
		ret = -EBADF;
		goto put_files;
	}
	mm = get_target_mm(args->pid);
	if (IS_ERR(mm)) {
		ret = PTR_ERR(mm);
		goto put_files;
	}
	ret = check_proc_file(mem, "mem", mm);
	if (!ret)
		ret = check_proc_file(pagemap, "pagemap", mm);
	if (ret)
		goto put_mm;
	fput(mem);
	*ret_pagemap = pagemap;
	return mm;

put_mm:
	mmput(mm);
put_files:
	fput(mem);
	if (pagemap)
		fput(pagemap);
	return ERR_PTR(ret);
}

static struct glassram_session *session_alloc(void)
{
	struct glassram_session *session = kzalloc(sizeof(*session), GFP_KERNEL_ACCOUNT);
	int no_slots;

	if (!session)
		return NULL;
	atomic_inc(&sessions);
	mutex_init(&session->lock);
	init_waitqueue_head(&session->wait);
	INIT_LIST_HEAD(&session->policy_link);
	INIT_WORK(&session->destroy_work, destroy_work);
	session->epoch = GLASSRAM_FIRST_EPOCH;
	session->stats_epoch = GLASSRAM_FIRST_EPOCH;
	session->epoch_ns = ktime_get_ns();
	session->raced_ns = session->epoch_ns;
	session->state = GLASSRAM_STATE_LIVE;
	session->rate_hz = GLASSRAM_RATE_DEFAULT;
	no_slots = glassram_slots_init(&session->slots);
	session->farewell = kzalloc(sizeof(*session->farewell), GFP_KERNEL_ACCOUNT);
	if (no_slots || !session->farewell) {
		session_free(session);
		return NULL;
	}
	refcount_set(&session->farewell->references, 1);
	init_completion(&session->farewell->done);
	session->totals = alloc_percpu_gfp(struct glassram_totals, GFP_KERNEL_ACCOUNT);
	session->control_page = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (!session->totals || !session->control_page ||
	    glassram_threads_init(&session->threads) ||
	    glassram_deferred_init(&session->deferred)) {
		session_free(session);
		return NULL;
	}
	return session;
}

/* Mint, hook, register: everything that needs the living target. */
static int session_start(struct glassram_session *session, struct glassram_work *work)
{
	u32 registered;
	int ret;

	ret = glassram_uffd_mint(session, work);
	if (ret)
		return ret;
	session->notifier.ops = &notifier_ops;
	ret = mmu_notifier_register(&session->notifier, session->mm);
	if (ret) {
		session->notifier.ops = NULL;
		return ret;
	}
	/* Capacity for a small process, so that COUNTERS works before ADVANCE. */
	ret = glassram_slots_reserve(&session->slots);
	if (ret)
		return ret;
	ret = glassram_fault_watch(session);
	if (ret)
		return ret;
	ret = glassram_regions_update(session, work, &registered);
	if (ret) {
		glassram_fault_unwatch(session);
		synchronize_rcu();
		return ret;
	}
	update_control(session);
	return 0;
}

/**
 * glassram_session_create() - ATTACH
 * @args: the caller's arguments, flags and pad checked
 * Return: the session fd, or an error as documented in the UAPI header.
 */
int glassram_session_create(const struct glassram_attach *args)
{
	struct glassram_session *session;
	struct glassram_work work;
	struct file *file, *pagemap;
	struct mm_struct *mm;
	int fd, ret;

	ret = glassram_work_init(&work, args->work, args->work_len);
	if (ret)
		return ret;
	mm = get_checked_target(args, &pagemap);
	if (IS_ERR(mm))
		return PTR_ERR(mm);
	session = session_alloc();
	if (!session) {
		fput(pagemap);
		ret = -ENOMEM;
		goto put_mm;
	}
	/* Only the structure is held; the address space may die under us. */
	mmgrab(mm);
	session->mm = mm;
	session->pagemap = pagemap;

	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0) {
		ret = fd;
		goto free_session;
	}
	ret = session_start(session, &work);
	if (ret)
		goto put_fd;
	file = anon_inode_getfile("[glassram]", &session_fops, session, O_RDWR);
	if (IS_ERR(file)) {
		ret = PTR_ERR(file);
		goto unwatch;
	}
	/* The file owns the session from here. */
	fd_install(fd, file);
	mmput(mm);
	return fd;

unwatch:
	glassram_fault_unwatch(session);
	synchronize_rcu();
put_fd:
	put_unused_fd(fd);
free_session:
	session_free(session);
put_mm:
	mmput(mm);
	return ret;
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
