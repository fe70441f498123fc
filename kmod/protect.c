// SPDX-License-Identifier: GPL-2.0
/*
 * Arming: write-protects what was written, by PAGEMAP_SCAN on the target's
 * pagemap file, and learns from its result which pages exist.
 *
 * Only populated pages are armed: protecting a hole would allocate page tables
 * for it (gigabytes for an address sanitizer's shadow). The first touch of a
 * hole faults anyway.
 *
 * Weak spot: PAGEMAP_SCAN's "written" has false positives (see armed_page()).
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "session.h"
#include "target.h"

/*
 * Pages armed under one hold of the target's mmap_lock, so that its own mmap
 * calls wait for microseconds, not for the whole address space.
 */
#define PAGES_PER_SCAN 16384
/* Ranges of one scan: what is copied back through one kernel buffer. */
#define RANGES_PER_SCAN 512

/* Nobody knows any more who it was. */
static void tell_late_hit(const struct glassram_mm *target, unsigned long address, u32 epoch)
{
	struct glassram_event event = {
		.type = GLASSRAM_EVENT_HIT,
		.epoch = epoch,
		.target = target->id,
		.address = address,
		.value = 1,
		.flags = FAULT_FLAG_WRITE,
	};

	glassram_events_put(target->session, &event);
}

/*
 * One page was found written and is armed again. Self-check: since it was armed
 * before, there must have been a hit. Exempt are chunks with a read fault since
 * (the page may have been dropped and read anew: not written, yet WRITTEN) or a
 * write that the policy rejected, and pages with two faults in flight: the
 * slower may store after ADVANCE has armed the page again, which unarms it
 * without passing the hook; that write is counted here.
 */
static void armed_page(struct glassram_mm *target, struct glassram_slot_block *block,
		       unsigned int i, u32 epoch)
{
	u32 *stamp = &block->column[GLASSRAM_STAMP][i];
	u32 before = block->armed[i], seen = READ_ONCE(*stamp);

	WRITE_ONCE(block->armed[i], epoch);
	if (!before) {
		target->session->slots.nr_pages++;
		if (!seen)
			cmpxchg(stamp, GLASSRAM_STAMP_NO_PAGE, GLASSRAM_STAMP_UNWRITTEN);
		return;
	}
	if (likely((s32)(seen - before) >= 0))
		return;
	if ((s32)(READ_ONCE(block->exempt[i * GLASSRAM_BLOCK_CHUNKS / GLASSRAM_BLOCK_SLOTS]) -
		  before) >= 0)
		return;
	if (test_bit(i, block->raced) || test_bit(i, block->raced_before)) {
		if (try_cmpxchg(stamp, &seen, epoch - 1)) {
			atomic_inc((atomic_t *)&block->column[GLASSRAM_HITS][i]);
			this_cpu_inc(target->session->totals->hits);
			if (glassram_events_wanted(target->session, GLASSRAM_EVENT_HIT))
				tell_late_hit(target, block->start + i * PAGE_SIZE, epoch - 1);
		}
		return;
	}
	target->session->unexplained++;
}

/* KSM merges pages without a fault: they read as written, and nobody wrote them. */
static bool is_mergeable(struct glassram_mm *target, unsigned long address)
{
	struct vm_area_struct *vma;
	bool mergeable;

	mmap_read_lock(target->mm);
	vma = find_vma(target->mm, address);
	mergeable = vma && vma->vm_flags & VM_MERGEABLE;
	mmap_read_unlock(target->mm);
	return mergeable;
}

static int armed_range(struct glassram_mm *target, unsigned long start, unsigned long end,
		       bool armed)
{
	u32 epoch = target->session->epoch;
	u64 unexplained = target->session->unexplained;

	while (start < end) {
		struct glassram_slot_block *block = glassram_slots_get(&target->session->slots,
								  &target->index, start);
		unsigned long stop = min(end, round_down(start, GLASSRAM_BLOCK_BYTES) +
					 GLASSRAM_BLOCK_BYTES);
		unsigned int i = glassram_slot_of(start);

		if (PTR_ERR(block) == -ENOMEM)
			return -ENOMEM;
		if (!IS_ERR(block) && armed)
			for (; start < stop; start += PAGE_SIZE)
				armed_page(target, block, i++, epoch);
		start = stop;
	}
	if (unlikely(target->session->unexplained != unexplained) && is_mergeable(target, end - 1))
		target->session->unexplained = unexplained;
	return 0;
}

static int take_ranges(struct glassram_mm *target, const struct page_region *ranges,
		       u32 nr, unsigned long from, unsigned long to, bool armed, u64 *ret_pages)
{
	u32 i;
	int ret = 0, failed = 0;

	for (i = 0; i < nr; i++) {
		unsigned long start = ranges[i].start, end = ranges[i].end;
		unsigned long step;

		/* They come from caller memory: believe nothing. */
		if (start < from || end > to || start >= end || !PAGE_ALIGNED(start | end))
			return -EXDEV;
		*ret_pages += (end - start) >> PAGE_SHIFT;
		step = ranges[i].categories & PAGE_IS_HUGE ?
		       glassram_regions_page_size(&target->regions, start) : PAGE_SIZE;
		if (step == PAGE_SIZE)
			ret = armed_range(target, start, end, armed);
		/* The slot of a huge page is that of its first 4 KiB. */
		for (; step != PAGE_SIZE && start < end && !ret; start += step)
			ret = armed_range(target, start, start + PAGE_SIZE, armed);
		if (ret)
			failed = ret;
		cond_resched();
	}
	return failed;
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

/**
 * glassram_protect_scan() - find populated pages, and arm the written ones
 * @target: the target; the session's lock is held, the mm is alive
 * @work: the caller's memory; the ranges are left there
 * @arm: arm what was written; else only make blocks for what is populated
 * @armed: pages armed are added here
 *
 * Return: 0; -ENOMEM: all was armed, but some pages have no slots; -EINTR when
 * killed; -EFAULT; -EXDEV: the result makes no sense, the caller must end the
 * session.
 */
int glassram_protect_scan(struct glassram_mm *target, struct glassram_work *work,
			  bool arm, u64 *armed)
{
	/* PAGEMAP_SCAN skips a hugetlb page that max_pages cuts: no limit there. */
	bool huge = glassram_regions_huge(&target->regions);
	struct pm_scan_arg scan = {
		.size = sizeof(scan),
		.flags = arm ? PM_SCAN_WP_MATCHING : 0,
		.max_pages = huge ? 0 : PAGES_PER_SCAN,
		.category_mask = PAGE_IS_WPALLOWED | (arm ? PAGE_IS_WRITTEN : 0),
		.category_anyof_mask = PAGE_IS_PRESENT | PAGE_IS_SWAPPED,
		/* Keeps a hugetlb mapping's ranges apart from its neighbours'. */
		.return_mask = PAGE_IS_WPALLOWED | (huge ? PAGE_IS_HUGE : 0),
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

		/* What does not fit any more goes over the last records. */
		if (work->nr_ranges - work->used < RANGES_PER_SCAN) {
			work->used = work->nr_ranges - RANGES_PER_SCAN;
			work->truncated = true;
		}
		list = work->ranges + work->used * sizeof(*ranges);
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
		ret = take_ranges(target, ranges, nr, at, walk_end, arm, armed);
		if (ret == -ENOMEM)
			failed = ret;
		else if (ret)
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
