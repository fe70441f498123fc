// SPDX-License-Identifier: GPL-2.0
/*
 * Backend "soft-dirty", for kernels without asynchronous write-protection: the
 * client's /proc/PID/clear_refs arms the whole address space at once, and the
 * page tables say which pages exist and which were written.
 *
 * Nothing is registered with the target, and nothing can block it: an armed
 * page is an ordinary read-only page, and its next write an ordinary fault.
 *
 * Weak spots: arming holds the target's mmap_lock for writing while all its
 * page tables are walked. A transparent huge page is armed as one page. What
 * is pinned or being migrated at that moment is not armed. hugetlb mappings
 * cannot be watched.
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/pid.h>
#include <linux/proc_fs.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "backend.h"
#include "compat.h"
#include "session.h"
#include "target.h"

/* Found at a time: what is copied to the client through one kernel buffer. */
#define RANGES_PER_WALK 1024
/* Steps under one hold of the target's mmap_lock; each is one page table, or one hole. */
#define STEPS_PER_WALK 64
/* Most ranges that one step can find: every other page of a page table. */
#define RANGES_PER_STEP (PTRS_PER_PTE / 2)

/* In our copy of page_region.categories: the self-check cannot judge these pages. */
#define UNCHECKED BIT_ULL(31)

/*
 * One walk over the page tables, in pieces.
 * @spared: look for pages that arming has spared, else for new and written ones
 * @ranges: found in this piece; categories are 0 or UNCHECKED
 * @unchecked: the whole mapping that is being looked at is UNCHECKED
 * @pages: how many were spared
 */
struct walk {
	struct glassram_mm *target;
	bool spared;
	struct page_region *ranges;
	u32 nr;
	bool unchecked;
	u64 pages;
};

static void found(struct walk *walk, unsigned long start, unsigned long end, bool unchecked)
{
	u64 categories = unchecked || walk->unchecked ? UNCHECKED : 0;
	struct page_region *last = walk->nr ? &walk->ranges[walk->nr - 1] : NULL;

	if (last && last->end == start && last->categories == categories)
		last->end = end;
	else
		walk->ranges[walk->nr++] = (struct page_region){ start, end, categories };
}

/* A page that exists and was not written since it was armed needs nothing. */
static bool is_news(struct walk *walk, unsigned long address, bool dirty)
{
	struct glassram_slot_block *block;

	if (dirty)
		return true;
	block = glassram_slots_lookup(&walk->target->index, address);
	if (!block)
		return !READ_ONCE(walk->target->session->slots.full);
	return !block->column[GLASSRAM_ARMED][glassram_slot_of(address)];
}

/* Writable and written, and not by a fault since arming, which had left its stamp first. */
static bool is_spared(struct walk *walk, unsigned long address, pte_t pte)
{
	struct glassram_slot_block *block;

	if (!pte_present(pte) || !pte_write(pte) || !pte_soft_dirty(pte))
		return false;
	block = glassram_slots_lookup(&walk->target->index, address);
	return block && READ_ONCE(block->column[GLASSRAM_STAMP][glassram_slot_of(address)]) !=
			walk->target->session->epoch;
}

static bool is_found(struct walk *walk, unsigned long address, pte_t pte)
{
	if (pte_none(pte))
		return false;
	if (walk->spared)
		return is_spared(walk, address, pte);
	return is_news(walk, address,
		       pte_present(pte) ? pte_soft_dirty(pte) : pte_swp_soft_dirty(pte));
}

/*
 * Under mmap_lock, so that no page table of a mapping goes away before 6.5, and
 * under RCU, which is what keeps them since.
 */
static void walk_ptes(struct walk *walk, pmd_t *pmdp, unsigned long address, unsigned long end)
{
	pmd_t pmd;
	pte_t *ptep;

	rcu_read_lock();
	pmd = READ_ONCE(*pmdp);
	if (pmd_none(pmd))
		goto unlock;
	if (!pmd_present(pmd) || pmd_leaf(pmd)) {
		/* A single fault unarms all of it, and only one page gets the hit. */
		if (!walk->spared &&
		    is_news(walk, address, !pmd_present(pmd) || pmd_soft_dirty(pmd)))
			found(walk, address, end, true);
		goto unlock;
	}
	ptep = pte_offset_kernel(&pmd, address);
	for (; address < end; ptep++, address += PAGE_SIZE) {
		if (is_found(walk, address, ptep_get(ptep)))
			found(walk, address, address + PAGE_SIZE, false);
	}
unlock:
	rcu_read_unlock();
}

/*
 * The next page table, or hole. Holes are passed by as large as they are, so a
 * sparse terabyte costs a thousand steps.
 * Return: the address behind it.
 */
static unsigned long walk_step(struct walk *walk, unsigned long address, unsigned long end)
{
	unsigned long next;
	pgd_t *pgd;
	p4d_t *p4d;
	pud_t *pud;
	pmd_t *pmd;

	pgd = pgd_offset(walk->target->mm, address);
	if (pgd_none(READ_ONCE(*pgd)))
		return pgd_addr_end(address, end);
	p4d = p4d_offset(pgd, address);
	if (p4d_none(READ_ONCE(*p4d)))
		return p4d_addr_end(address, end);
	pud = pud_offset(p4d, address);
	if (pud_none(READ_ONCE(*pud)) || pud_leaf(READ_ONCE(*pud)))
		return pud_addr_end(address, end);
	pmd = pmd_offset(pud, address);
	next = pmd_addr_end(address, end);
	walk_ptes(walk, pmd, address, next);
	return next;
}

/*
 * Pages can become dirty without a write, and so without a hit, in mappings that
 * were moved, or are filled through a userfaultfd of the target.
 */
static bool is_unchecked(const struct vm_area_struct *vma)
{
	return vma->vm_userfaultfd_ctx.ctx || (vma->anon_vma && !vma->vm_file &&
					       vma->vm_pgoff != vma->vm_start >> PAGE_SHIFT);
}

/*
 * Look at some of the address space.
 * Return: the address to go on at, 0 at its end; -EINTR.
 */
static long walk_piece(struct walk *walk, unsigned long address)
{
	struct mm_struct *mm = walk->target->mm;
	struct vm_area_struct *vma;
	unsigned int steps = 0;

	VMA_ITERATOR(vmi, mm, address);

	walk->nr = 0;
	if (mmap_read_lock_killable(mm))
		return -EINTR;
	for_each_vma(vmi, vma) {
		if (!glassram_backend_covers(walk->target, vma) || !(vma->vm_flags & VM_MAYWRITE))
			continue;
		walk->unchecked = is_unchecked(vma);
		for (address = max(address, vma->vm_start); address < vma->vm_end; steps++) {
			if (steps == STEPS_PER_WALK || walk->nr > RANGES_PER_WALK - RANGES_PER_STEP)
				goto unlock;
			address = walk_step(walk, address, vma->vm_end);
		}
	}
	address = 0;
unlock:
	mmap_read_unlock(mm);
	return address;
}

/* Leave these out of the self-check, now and when they are looked at next. */
static int exempt(struct glassram_mm *target, unsigned long start, unsigned long end)
{
	u32 epoch = target->session->epoch;

	for (; start < end; start = round_down(start, BIT(GLASSRAM_CHUNK_SHIFT)) +
				    BIT(GLASSRAM_CHUNK_SHIFT)) {
		struct glassram_slot_block *block =
			glassram_slots_get(&target->session->slots, &target->index, start);

		if (PTR_ERR(block) == -ENOMEM)
			return -ENOMEM;
		if (!IS_ERR(block))
			WRITE_ONCE(block->exempt[(start - block->start) >> GLASSRAM_CHUNK_SHIFT],
				   epoch);
	}
	return 0;
}

/* Hand over what a piece has found, to the client and to the slots. */
static int take(struct walk *walk, struct glassram_work *work, bool arm, u64 *armed)
{
	int ret, failed = 0;
	u32 i;

	for (i = 0; i < walk->nr; i++) {
		struct page_region *range = &walk->ranges[i];

		if (range->categories & UNCHECKED && exempt(walk->target, range->start, range->end))
			failed = -ENOMEM;
		range->categories = (u64)walk->target->id << 32;
	}
	ret = glassram_protect_found(walk->target, walk->ranges, walk->nr, 0, TASK_SIZE_MAX, arm,
				     armed);
	if (ret)
		failed = ret;
	if (arm && copy_to_user(glassram_work_room(work, walk->nr), walk->ranges,
				walk->nr * sizeof(*walk->ranges)))
		return -EFAULT;
	work->used += arm ? walk->nr : 0;
	return failed;
}

/*
 * Write "4" to clear_refs. Another thread of the client may change that to what
 * arms nothing, and the file may belong to the process's next address space:
 * our notifier tells whether this one was cleared.
 */
static int clear(struct glassram_mm *target, struct glassram_work *work)
{
	struct file *file = target->clear_refs;
	loff_t pos = 0;
	ssize_t ret;

	WRITE_ONCE(target->cleared, false);
	if (put_user('4', (char __user *)work->args))
		return -EFAULT;
	ret = file->f_op->write(file, (const char __user *)work->args, 1, &pos);
	if (READ_ONCE(target->cleared))
		return 0;
	if (fatal_signal_pending(current))
		return -EINTR;
	if (ret == -EFAULT)
		return ret;
	if (!glassram_softdirty_check(file, target->mm))
		return -EXDEV;
	/* The process has another address space by now, and this one may live on. */
	glassram_target_ended(target);
	return 0;
}

/* They have blocks, so this cannot fail. */
static int note_spared(struct walk *walk)
{
	u32 i;

	for (i = 0; i < walk->nr; i++) {
		exempt(walk->target, walk->ranges[i].start, walk->ranges[i].end);
		walk->pages += (walk->ranges[i].end - walk->ranges[i].start) >> PAGE_SHIFT;
	}
	return 0;
}

/* Go over the address space once. Return: as of the backend's scan. */
static int walk_all(struct walk *walk, struct glassram_work *work, bool arm, u64 *armed)
{
	int ret, failed = 0;
	long address = 0;

	do {
		address = walk_piece(walk, address);
		if (address < 0)
			return address;
		ret = walk->spared ? note_spared(walk) : take(walk, work, arm, armed);
		if (ret == -ENOMEM)
			failed = ret;
		else if (ret)
			return ret;
		cond_resched();
	} while (address);
	return failed;
}

/*
 * The kernel spares pages that are pinned. Most pins last for microseconds
 * (process_vm_writev, O_DIRECT): once more, then. Others last for good; where
 * they do, it is not tried again each time, and what is written there is not seen.
 */
#define ARM_TRIES 4

static int arm_pages(struct walk *walk, struct glassram_work *work)
{
	struct glassram_mm *target = walk->target;
	int ret, tries = target->spares ? 1 : ARM_TRIES;

	do {
		ret = clear(target, work);
		if (ret || !glassram_mm_has_pinned(target->mm))
			return ret;
		walk->spared = true;
		walk->pages = 0;
		ret = walk_all(walk, work, true, NULL);
	} while (!ret && walk->pages && --tries);
	target->spares = walk->pages;
	return ret;
}

/*
 * The walk comes before arming, so that what it has found is armed in any case;
 * what is written in between has its hit already.
 */
static int softdirty_scan(struct glassram_mm *target, struct glassram_work *work, bool arm,
			  u64 *armed)
{
	struct walk walk = { .target = target };
	int ret, failed;

	walk.ranges = kvmalloc_array(RANGES_PER_WALK, sizeof(*walk.ranges), GFP_KERNEL_ACCOUNT);
	if (!walk.ranges)
		return -ENOMEM;
	ret = walk_all(&walk, work, arm, armed);
	failed = ret;
	if (arm && (!ret || ret == -ENOMEM))
		ret = arm_pages(&walk, work);
	kvfree(walk.ranges);
	return ret ?: failed;
}

/* Is this a process or thread whose address space is @mm? */
static bool names(const struct dentry *dentry, struct super_block *sb, const struct mm_struct *mm)
{
	struct task_struct *task;
	struct mm_struct *its;
	struct pid *pid;
	bool same;
	pid_t nr;

	if (kstrtoint(dentry->d_name.name, 10, &nr))
		return false;
	rcu_read_lock();
	pid = get_pid(find_pid_ns(nr, proc_pid_ns(sb)));
	rcu_read_unlock();
	task = get_pid_task(pid, PIDTYPE_PID);
	put_pid(pid);
	if (!task)
		return false;
	its = get_task_mm(task);
	put_task_struct(task);
	same = its == mm;
	if (its)
		mmput(its);
	return same;
}

/**
 * glassram_softdirty_check() - is a file the clear_refs of an address space?
 * @file: any file of the caller's
 * @mm: the address space
 *
 * For the caller's sake: writing to the file needs no more rights than having
 * it open for writing, so the caller could do by itself what we do with it. A
 * pid that was used again, or an exec to come, is found out when arming.
 *
 * Return: 0; -EINVAL no such file; -EBADF not open for writing; -EPERM another
 * process's.
 */
int glassram_softdirty_check(const struct file *file, const struct mm_struct *mm)
{
	const struct dentry *dentry = file->f_path.dentry;

	if (!glassram_is_proc_file(file, "clear_refs"))
		return -EINVAL;
	if (!(file->f_mode & FMODE_WRITE))
		return -EBADF;
	return names(dentry->d_parent, file_inode(file)->i_sb, mm) ? 0 : -EPERM;
}

static int softdirty_start(struct glassram_mm *target, struct glassram_work *work)
{
	/* Not needed yet, but said now. */
	if (put_user('4', (char __user *)work->args))
		return -EFAULT;
	/* What was written in a pause has no hit, and needs none. */
	glassram_slots_forget(&target->session->slots, &target->index, 0, TASK_SIZE_MAX,
			      target->session->epoch, false);
	return IS_ENABLED(CONFIG_MEM_SOFT_DIRTY) ? 0 : -EOPNOTSUPP;
}

/* Asked only for what is not covered. */
static int softdirty_watch(struct glassram_mm *target, struct glassram_work *work,
			   unsigned long start, unsigned long end)
{
	return -EINVAL;
}

const struct glassram_backend glassram_softdirty = {
	.bit = IS_ENABLED(CONFIG_MEM_SOFT_DIRTY) ? GLASSRAM_BACKEND_SOFT_DIRTY : 0,
	.start = softdirty_start,
	.watch = softdirty_watch,
	.scan = softdirty_scan,
};
