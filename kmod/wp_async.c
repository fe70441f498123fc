// SPDX-License-Identifier: GPL-2.0
/*
 * Backend "asynchronous write-protection": a userfaultfd in the target (uffd.c),
 * and PAGEMAP_SCAN on its pagemap file, which finds what was written, arms it
 * and lists it in one go.
 *
 * Only populated pages are armed: protecting a hole would allocate page tables
 * for it (gigabytes for an address sanitizer's shadow). The first touch of a
 * hole faults anyway.
 *
 * Weak spot: PAGEMAP_SCAN's "written" has false positives (see protect.c).
 */
#include "compat.h"

#ifdef GLASSRAM_HAS_WP_ASYNC

#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "backend.h"
#include "session.h"
#include "target.h"

/*
 * Pages armed under one hold of the target's mmap_lock, so that its own mmap
 * calls wait for microseconds, not for the whole address space.
 */
#define PAGES_PER_SCAN 16384
/* Ranges of one scan: what is copied back through one kernel buffer. */
#define RANGES_PER_SCAN 512

/*
 * PAGEMAP_SCAN says armed of two kinds of pages, and they are not for long.
 * A huge page of a shared file: its first write maps it anew as a whole,
 * writable, and the others go unseen. A page that is being migrated: what takes
 * its place is writable again. To protect them by userfaultfd as well splits
 * the one for as long as it is watched, and works for the other.
 */
static int arm_for_good(struct glassram_mm *target, struct glassram_work *work,
			const struct page_region *ranges, u32 nr)
{
	u32 i;

	for (i = 0; i < nr; i++) {
		int ret;

		if (!(ranges[i].categories & PAGE_IS_SWAPPED) &&
		    (!(ranges[i].categories & PAGE_IS_HUGE) ||
		     !glassram_regions_splits(&target->regions, ranges[i].start)))
			continue;
		ret = glassram_uffd_protect(target, work, ranges[i].start, ranges[i].end);
		/* Gone meanwhile, or in change: what is there then is found next time. */
		if (ret == -EFAULT || ret == -EINTR)
			return ret;
	}
	return 0;
}

/* Tell the client which target the ranges belong to. */
static int tag_ranges(const struct glassram_mm *target, struct page_region *ranges, u32 nr,
		      void __user *list)
{
	u32 i;

	if (!target->id)
		return 0;
	for (i = 0; i < nr; i++)
		ranges[i].categories |= (u64)target->id << 32;
	return copy_to_user(list, ranges, nr * sizeof(*ranges)) ? -EFAULT : 0;
}

/* One pass over some of a target's pages. @ranges has room for RANGES_PER_SCAN. */
struct pass {
	struct glassram_mm *target;
	struct glassram_work *work;
	struct page_region *ranges;
	bool arm;
	u64 *armed;
};

/* What the kernel says of the pages from scan->start on. Return: ranges, or -errno. */
static long ask(const struct pass *pass, struct pm_scan_arg *scan)
{
	struct glassram_work *work = pass->work;
	void __user *list = glassram_work_room(work, RANGES_PER_SCAN);
	long nr;

	pass->target->session->budget.calls += pass->arm;
	scan->walk_end = 0;
	scan->vec = (u64)(unsigned long)list;
	scan->vec_len = RANGES_PER_SCAN;
	if (copy_to_user(work->args, scan, sizeof(*scan)))
		return -EFAULT;
	nr = pass->target->pagemap->f_op->unlocked_ioctl(pass->target->pagemap, PAGEMAP_SCAN,
							 (unsigned long)work->args);
	/* Only PM_SCAN_CHECK_WPASYNC gives EPERM, and we did not ask for it. */
	if (nr < 0)
		return nr == -EPERM ? -EXDEV : nr;
	if (nr > RANGES_PER_SCAN)
		return -EXDEV;
	if (copy_from_user(&scan->walk_end,
			   work->args + offsetof(struct pm_scan_arg, walk_end),
			   sizeof(scan->walk_end)) ||
	    copy_from_user(pass->ranges, list, nr * sizeof(*pass->ranges)))
		return -EFAULT;
	if (scan->walk_end <= scan->start || scan->walk_end > scan->end)
		return fatal_signal_pending(current) ? -EINTR : -EXDEV;
	return nr;
}

/* Return: as of the backend's scan. */
static int scan_span(const struct pass *pass, unsigned long start, unsigned long end)
{
	/* PAGEMAP_SCAN skips a hugetlb page that max_pages cuts: no limit there. */
	bool huge = glassram_regions_huge(&pass->target->regions), arm = pass->arm;
	/* Only a look for a budget asks for it: it splits ranges. */
	bool budget = pass->target->session->budget.share != GLASSRAM_BUDGET_ALL;
	struct pm_scan_arg scan = {
		.size = sizeof(scan),
		.flags = arm ? PM_SCAN_WP_MATCHING : 0,
		.end = end,
		.max_pages = huge ? 0 : PAGES_PER_SCAN,
		.category_mask = PAGE_IS_WPALLOWED | (arm ? PAGE_IS_WRITTEN : 0),
		.category_anyof_mask = PAGE_IS_PRESENT | PAGE_IS_SWAPPED,
		/* Keeps apart what is treated differently. */
		.return_mask = PAGE_IS_WPALLOWED | PAGE_IS_HUGE | PAGE_IS_SWAPPED |
			       (!arm && budget ? PAGE_IS_WRITTEN : 0),
	};
	int ret, failed = 0;

	for (scan.start = start; scan.start < end; scan.start = scan.walk_end) {
		long nr = ask(pass, &scan);

		if (nr < 0)
			return nr;
		ret = glassram_protect_found(pass->target, pass->ranges, nr, scan.start,
					     scan.walk_end, arm, pass->armed);
		if (ret == -ENOMEM)
			failed = ret;
		else if (ret)
			return ret;
		if (!arm)
			continue;
		ret = arm_for_good(pass->target, pass->work, pass->ranges, nr);
		if (!ret)
			ret = tag_ranges(pass->target, pass->ranges, nr,
					 (void __user *)(unsigned long)scan.vec);
		if (ret)
			return ret;
		pass->work->used += nr;
	}
	return failed;
}

static int scan_spans(struct glassram_mm *target, struct glassram_work *work, bool arm,
		      const struct glassram_span *spans, u32 nr, u64 *armed)
{
	struct pass pass = { .target = target, .work = work, .arm = arm, .armed = armed };
	int ret, failed = 0;
	u32 i;

	pass.ranges = kvmalloc_array(RANGES_PER_SCAN, sizeof(*pass.ranges), GFP_KERNEL_ACCOUNT);
	if (!pass.ranges)
		return -ENOMEM;
	for (i = 0; i < nr; i++) {
		ret = scan_span(&pass, spans[i].start, spans[i].end);
		if (ret == -ENOMEM)
			failed = ret;
		else if (ret)
			break;
	}
	kvfree(pass.ranges);
	return i < nr ? ret : failed;
}

static int wp_async_scan(struct glassram_mm *target, struct glassram_work *work, bool arm,
			 u64 *armed)
{
	struct glassram_span all;

	glassram_regions_span(&target->regions, &all.start, &all.end);
	return scan_spans(target, work, arm, &all, 1, armed);
}

static int wp_async_arm(struct glassram_mm *target, struct glassram_work *work,
			const struct glassram_span *spans, u32 nr, u64 *armed)
{
	return scan_spans(target, work, true, spans, nr, armed);
}

const struct glassram_backend glassram_wp_async = {
	.bit = GLASSRAM_BACKEND_WP_ASYNC,
	.start = glassram_uffd_mint,
	.watch = glassram_uffd_register,
	.scan = wp_async_scan,
	.arm = wp_async_arm,
};

#endif /* GLASSRAM_HAS_WP_ASYNC */
