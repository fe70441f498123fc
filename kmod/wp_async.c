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

static int wp_async_scan(struct glassram_mm *target, struct glassram_work *work, bool arm,
			 u64 *armed)
{
	/* PAGEMAP_SCAN skips a hugetlb page that max_pages cuts: no limit there. */
	bool huge = glassram_regions_huge(&target->regions);
	struct pm_scan_arg scan = {
		.size = sizeof(scan),
		.flags = arm ? PM_SCAN_WP_MATCHING : 0,
		.max_pages = huge ? 0 : PAGES_PER_SCAN,
		.category_mask = PAGE_IS_WPALLOWED | (arm ? PAGE_IS_WRITTEN : 0),
		.category_anyof_mask = PAGE_IS_PRESENT | PAGE_IS_SWAPPED,
		/* Keeps apart what is treated differently. */
		.return_mask = PAGE_IS_WPALLOWED | PAGE_IS_HUGE | PAGE_IS_SWAPPED,
	};
	struct page_region *ranges;
	unsigned long at, end;
	int ret = 0, failed = 0;

	glassram_regions_span(&target->regions, &at, &end);
	ranges = kvmalloc_array(RANGES_PER_SCAN, sizeof(*ranges), GFP_KERNEL_ACCOUNT);
	if (!ranges)
		return -ENOMEM;

	while (at < end) {
		void __user *list;
		u64 walk_end;
		long nr;

		list = glassram_work_room(work, RANGES_PER_SCAN);
		scan.start = at;
		scan.end = end;
		scan.walk_end = 0;
		scan.vec = (u64)(unsigned long)list;
		scan.vec_len = RANGES_PER_SCAN;
		if (copy_to_user(work->args, &scan, sizeof(scan))) {
			ret = -EFAULT;
			break;
		}
		nr = target->pagemap->f_op->unlocked_ioctl(target->pagemap, PAGEMAP_SCAN,
							    (unsigned long)work->args);
		if (nr < 0) {
			ret = nr;
			break;
		}
		if (nr > RANGES_PER_SCAN) {
			ret = -EXDEV;
			break;
		}
		if (copy_from_user(&walk_end, work->args + offsetof(struct pm_scan_arg, walk_end),
				   sizeof(walk_end)) ||
		    copy_from_user(ranges, list, nr * sizeof(*ranges))) {
			ret = -EFAULT;
			break;
		}
		if (walk_end <= at || walk_end > end) {
			ret = fatal_signal_pending(current) ? -EINTR : -EXDEV;
			break;
		}
		ret = glassram_protect_found(target, ranges, nr, at, walk_end, arm, armed);
		if (ret == -ENOMEM)
			failed = ret;
		else if (ret)
			break;
		ret = arm ? arm_for_good(target, work, ranges, nr) : 0;
		if (ret)
			break;
		ret = tag_ranges(target, ranges, arm ? nr : 0, list);
		if (ret)
			break;
		work->used += arm ? nr : 0;
		at = walk_end;
	}
	kvfree(ranges);
	return ret ?: failed;
}

const struct glassram_backend glassram_wp_async = {
	.bit = GLASSRAM_BACKEND_WP_ASYNC,
	.start = glassram_uffd_mint,
	.watch = glassram_uffd_register,
	.scan = wp_async_scan,
};

#endif /* GLASSRAM_HAS_WP_ASYNC */
