// SPDX-License-Identifier: GPL-2.0
/*
 * A target's life: who it is, the way into its address space, its end.
 *
 * Its end is seen by an mmu notifier, not by an exec event: a vfork child
 * shares the address space, and its exec must not end anything.
 *
 * Weak spot: dropping a userfaultfd takes the target's mmap_lock, and nothing
 * can interrupt that; sessions that go away leave it to a worker.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "backend.h"
#include "session.h"
#include "target.h"

/* Is @file a regular file of procfs called @name? */
bool glassram_is_proc_file(const struct file *file, const char *name)
{
	return file_inode(file)->i_sb->s_magic == PROC_SUPER_MAGIC &&
	       S_ISREG(file_inode(file)->i_mode) &&
	       !strcmp(file->f_path.dentry->d_name.name, name);
}

/*
 * Is @file the open "mem" or "pagemap" file of the address space @mm? Opening
 * it was the permission check, with everything that security modules and user
 * namespaces have to say; it is not done again here.
 */
static int check_proc_file(const struct file *file, const char *name, const struct mm_struct *mm)
{
	if (!glassram_is_proc_file(file, name))
		return -EINVAL;
	if (file->private_data != mm)
		return -EPERM;
	return 0;
}

/* Fill in the task and its mm. */
static int find_process(pid_t nr, struct glassram_identity *identity)
{
	struct pid *pid = find_get_pid(nr);

	identity->task = get_pid_task(pid, PIDTYPE_PID);
	put_pid(pid);
	if (!identity->task)
		return -ESRCH;
	identity->mm = get_task_mm(identity->task);
	if (identity->mm)
		return 0;
	return identity->task->flags & PF_KTHREAD ? -EINVAL : -ESRCH;
}

/**
 * glassram_identify() - which address space may the caller watch?
 * @pid: process or thread, in the caller's pid namespace
 * @mem_fd: the caller's proof that it may
 * @pagemap_fd: its pagemap file
 * @clear_refs_fd: its clear_refs file, open for writing; ignored where the
 *	backend needs none
 * @ret_identity: filled; glassram_identity_put() it, unless an error is returned
 *
 * Return: 0; -EBADF, -ESRCH, -EINVAL, -EPERM as documented for ATTACH.
 */
int glassram_identify(pid_t pid, int mem_fd, int pagemap_fd, int clear_refs_fd,
		      struct glassram_identity *ret_identity)
{
	struct glassram_identity identity = {};
	struct file *mem = fget(mem_fd);
	int ret = -EBADF;

	if (!mem)
		return ret;
	identity.pagemap = fget(pagemap_fd);
	if (!identity.pagemap)
		goto put_identity;
	if (glassram_backend() == &glassram_softdirty) {
		identity.clear_refs = fget(clear_refs_fd);
		if (!identity.clear_refs)
			goto put_identity;
	}
	ret = find_process(pid, &identity);
	if (!ret)
		ret = check_proc_file(mem, "mem", identity.mm);
	if (!ret)
		ret = check_proc_file(identity.pagemap, "pagemap", identity.mm);
	if (!ret && identity.clear_refs)
		ret = glassram_softdirty_check(identity.clear_refs, identity.mm);
put_identity:
	if (ret)
		glassram_identity_put(&identity);
	else
		*ret_identity = identity;
	fput(mem);
	return ret;
}

void glassram_identity_put(struct glassram_identity *identity)
{
	if (identity->mm)
		mmput(identity->mm);
	if (identity->task)
		put_task_struct(identity->task);
	if (identity->pagemap)
		fput(identity->pagemap);
	if (identity->clear_refs)
		fput(identity->clear_refs);
}

/**
 * glassram_target_ended() - its address space is gone, or as good as gone
 * @target: the target
 */
void glassram_target_ended(struct glassram_mm *target)
{
	if (cmpxchg(&target->state, GLASSRAM_STATE_LIVE, GLASSRAM_STATE_ENDED) ==
	    GLASSRAM_STATE_LIVE)
		glassram_session_target_ended(target->session, target);
}

/* Exit, exec, or OOM kill; also called while we unregister. */
static void notifier_release(struct mmu_notifier *notifier, struct mm_struct *mm)
{
	glassram_target_ended(container_of(notifier, struct glassram_mm, notifier));
}

static const struct mmu_notifier_ops notifier_ops = {
	.release = notifier_release,
};

/* Before anything of @mm is invalidated; tells the backend that clear_refs has worked. */
static int notifier_range_start(struct mmu_notifier *notifier,
				const struct mmu_notifier_range *range)
{
	struct glassram_mm *target = container_of(notifier, struct glassram_mm, notifier);

	if (range->event == MMU_NOTIFY_SOFT_DIRTY)
		WRITE_ONCE(target->cleared, true);
	return 0;
}

static const struct mmu_notifier_ops softdirty_notifier_ops = {
	.release = notifier_release,
	.invalidate_range_start = notifier_range_start,
};

/**
 * glassram_target_alloc() - a target that is not watched yet
 * @session: its session; does not list it yet
 * @id: its id
 * @identity: who it is; references of its own are taken
 *
 * Return: the target, glassram_target_free() it; or NULL.
 */
struct glassram_mm *glassram_target_alloc(struct glassram_session *session, u32 id,
					  const struct glassram_identity *identity)
{
	struct glassram_mm *target = kzalloc(sizeof(*target), GFP_KERNEL_ACCOUNT);

	if (!target)
		return NULL;
	if (glassram_slot_index_init(&target->index, id)) {
		kfree(target);
		return NULL;
	}
	target->session = session;
	target->id = id;
	target->state = GLASSRAM_STATE_LIVE;
	target->fresh = true;
	atomic_inc(&session->live);
	/* Only the structure is held; the address space may die under us. */
	target->mm = identity->mm;
	mmgrab(target->mm);
	target->backend = glassram_backend();
	target->pagemap = get_file(identity->pagemap);
	if (identity->clear_refs)
		target->clear_refs = get_file(identity->clear_refs);
	target->tgid = identity->task->tgid;
	target->pid = get_task_pid(identity->task, PIDTYPE_TGID);
	glassram_target_cpu_ns(target);
	get_task_comm(target->comm, identity->task);
	return target;
}

/**
 * glassram_target_start() - get ready, hook, register: all that needs it alive
 * @target: from glassram_target_alloc(); freed by the caller in any case
 * @work: the caller's memory
 *
 * Return: 0, or an error as documented for ATTACH.
 */
int glassram_target_start(struct glassram_mm *target, struct glassram_work *work)
{
	u32 registered;
	int ret;

	ret = target->backend->start(target, work);
	if (ret)
		return ret;
	target->notifier.ops = target->clear_refs ? &softdirty_notifier_ops : &notifier_ops;
	ret = mmu_notifier_register(&target->notifier, target->mm);
	if (ret) {
		target->notifier.ops = NULL;
		return ret;
	}
	ret = glassram_fault_watch(target);
	if (ret)
		return ret;
	return glassram_regions_update(target, work, &registered);
}

/**
 * glassram_target_disarm() - drop the userfaultfd, and with it all protection
 * @target: the target; the hook cannot be inside any more
 *
 * What was armed by soft-dirty bits stays so until its next write.
 */
void glassram_target_disarm(struct glassram_mm *target)
{
	target->disarmed = true;
	if (!target->uffd)
		return;
	/* At once: fput() would leave it to another worker, or to the way back. */
	__fput_sync(target->uffd);
	target->uffd = NULL;
	/* Equal to that of no mapping, as NULL is. */
	target->uffd_ctx = target;
}

/**
 * glassram_target_resume() - watch a paused target again
 * @target: the target; alive; the next scan arms it
 * @work: the caller's memory
 * Return: as glassram_target_start().
 */
int glassram_target_resume(struct glassram_mm *target, struct glassram_work *work)
{
	int ret = target->backend->start(target, work);

	if (!ret)
		ret = glassram_fault_resume(target);
	if (ret) {
		glassram_target_disarm(target);
		return ret;
	}
	target->disarmed = false;
	WRITE_ONCE(target->stale, true);
	target->fresh = true;
	return 0;
}

/**
 * glassram_target_free() - free a target, from any point of its life
 * @target: no longer watched or listed, and a grace period has passed since
 */
void glassram_target_free(struct glassram_mm *target)
{
	glassram_target_ended(target);
	if (target->notifier.ops)
		mmu_notifier_unregister(&target->notifier, target->mm);
	glassram_target_disarm(target);
	fput(target->pagemap);
	if (target->clear_refs)
		fput(target->clear_refs);
	mmdrop(target->mm);
	put_pid(target->pid);
	glassram_regions_finish(&target->regions);
	glassram_slot_index_finish(&target->index);
	kfree(target);
}

/**
 * glassram_target_get() - keep the address space alive for a while
 * @target: the target
 * Return: true, and glassram_target_put() is needed; false if it is gone.
 */
bool glassram_target_get(struct glassram_mm *target)
{
	if (READ_ONCE(target->state) == GLASSRAM_STATE_LIVE && mmget_not_zero(target->mm))
		return true;
	glassram_target_ended(target);
	return false;
}

void glassram_target_put(struct glassram_mm *target)
{
	mmput(target->mm);
}

/**
 * glassram_target_cpu_ns() - CPU time of a target's threads since this was called last
 * @target: the target; the session's lock is held, or nobody knows it yet
 *
 * As exact as the scheduler's accounting, which a running thread updates at each
 * timer tick. Return: ns; 0 once its process is gone.
 */
u64 glassram_target_cpu_ns(struct glassram_mm *target)
{
	struct task_struct *leader, *thread;
	u64 sum = 0, before = target->cpu_ns;

	rcu_read_lock();
	leader = pid_task(target->pid, PIDTYPE_TGID);
	if (leader) {
		sum = READ_ONCE(leader->signal->sum_sched_runtime);
		for_each_thread(leader, thread)
			sum += READ_ONCE(thread->se.sum_exec_runtime);
	}
	rcu_read_unlock();
	/* A thread that exits right now is missing in both. */
	if (sum <= before)
		return 0;
	target->cpu_ns = sum;
	return sum - before;
}

/**
 * glassram_target_mark_stale() - the next ADVANCE must look at its mappings
 * @target: the target
 *
 * Called by the hook.
 */
void glassram_target_mark_stale(struct glassram_mm *target)
{
	if (!READ_ONCE(target->stale))
		WRITE_ONCE(target->stale, true);
	glassram_session_mark_stale(target->session, GLASSRAM_STALE_REGIONS);
}
