// SPDX-License-Identifier: GPL-2.0
/*
 * Arming, whatever the backend: what becomes of pages that were found written,
 * or new, and the caller's work area.
 *
 * Weak spot: a page can look written without a write (see armed_page()).
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "session.h"
#include "target.h"
#include "trace.h"

/**
 * glassram_work_init() - check the caller's work area
 * @work: filled
 * @start: its address
 * @len: its length
 * Return: 0 or -EINVAL.
 */
int glassram_work_init(struct glassram_work *work, u64 start, u64 len)
{
	if (!PAGE_ALIGNED(start) || len < GLASSRAM_WORK_MIN || len > SZ_1G || start + len < start ||
	    start != (unsigned long)start)
		return -EINVAL;
	work->args = u64_to_user_ptr(start);
	work->ranges = work->args + GLASSRAM_WORK_RANGES;
	work->nr_ranges = (len - GLASSRAM_WORK_RANGES) / sizeof(struct page_region);
	work->used = 0;
	work->truncated = false;
	return 0;
}

/**
 * glassram_work_room() - where to put records for the client
 * @work: the caller's memory
 * @nr: how many; at most what GLASSRAM_WORK_MIN has room for
 *
 * What does not fit any more goes over the last records. The caller adds what
 * it has put there to @work->used.
 */
void __user *glassram_work_room(struct glassram_work *work, u32 nr)
{
	if (work->nr_ranges - work->used < nr) {
		work->used = work->nr_ranges - nr;
		work->truncated = true;
	}
	return work->ranges + work->used * sizeof(struct page_region);
}

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
 * Has KSM merged this page? That takes its protection away without a fault, so
 * the page looks written although nobody wrote it. One that is not there any
 * more (swapped out) may have been merged before.
 */
static bool is_merged(struct glassram_mm *target, unsigned long address)
{
	struct vm_area_struct *vma;
	struct page *page;
	bool merged;

	mmap_read_lock(target->mm);
	vma = find_vma(target->mm, address);
	merged = vma && vma->vm_start <= address && vma->vm_flags & VM_MERGEABLE;
	if (merged && glassram_get_present_page(target->mm, address, &page)) {
		merged = folio_test_ksm(page_folio(page));
		put_page(page);
	}
	mmap_read_unlock(target->mm);
	return merged;
}

/*
 * One page was found written and is armed again. Self-check: since it was armed
 * before, there must have been a hit. Exempt are chunks with a read fault since
 * (the page may have been dropped and read anew: not written, yet WRITTEN),
 * merged pages, and pages with two faults in flight: the slower may store after
 * ADVANCE has armed the page again, which unarms it without passing the hook;
 * that write is counted here, unless the policy has lately rejected writes of
 * the page: then it may be one of those.
 */
static void armed_page(struct glassram_mm *target, struct glassram_slot_block *block,
		       unsigned int i, u32 epoch)
{
	u32 *stamp = &block->column[GLASSRAM_STAMP][i];
	u32 before = block->column[GLASSRAM_ARMED][i], seen = READ_ONCE(*stamp);

	glassram_slot_settle(block, i, epoch);
	WRITE_ONCE(block->column[GLASSRAM_ARMED][i], epoch);
	if (!before) {
		target->session->slots.nr_pages++;
		if (!seen)
			cmpxchg(stamp, GLASSRAM_STAMP_NO_PAGE, GLASSRAM_STAMP_UNWRITTEN);
		return;
	}
	if (likely((s32)(seen - before) >= 0)) {
		/* With a budget it was counted when it was found. */
		if (target->session->budget.share == GLASSRAM_BUDGET_ALL)
			target->session->budget.again++;
		return;
	}
	if ((s32)(READ_ONCE(block->exempt[i * GLASSRAM_BLOCK_CHUNKS / GLASSRAM_BLOCK_SLOTS]) -
		  before) >= 0)
		return;
	if (test_bit(i, block->rejected) || test_bit(i, block->rejected_before))
		return;
	if (is_merged(target, block->start + i * PAGE_SIZE))
		return;
	if (test_bit(i, block->raced) || test_bit(i, block->raced_before)) {
		if (try_cmpxchg(stamp, &seen, epoch - 1)) {
			atomic_inc((atomic_t *)&block->column[GLASSRAM_HITS][i]);
			this_cpu_inc(target->session->totals->hits);
			if (glassram_events_wanted(target->session, GLASSRAM_EVENT_HIT))
				tell_late_hit(target, block->start + i * PAGE_SIZE, epoch - 1);
			if (trace_hit_enabled())
				glassram_trace_hit(target->session->id, target->id,
						   block->start + ((u64)i << PAGE_SHIFT),
						   GLASSRAM_THREAD_NONE, 1, 0, epoch - 1);
		}
		return;
	}
	target->session->unexplained++;
}

/*
 * One page was found populated, and with a budget that is news: one that came
 * without a hit (a page read, or part of a huge page) would never be armed. Nor
 * would one that has lost its protection, as it still counts as armed: when KSM
 * merged it, or its huge page was dropped and touched anew.
 */
static void found_page(struct glassram_mm *target, struct glassram_slot_block *block,
		       unsigned int i, bool written)
{
	u32 *stamp = &block->column[GLASSRAM_STAMP][i];
	u32 seen = READ_ONCE(*stamp), armed = block->column[GLASSRAM_ARMED][i];

	if (!seen)
		cmpxchg(stamp, GLASSRAM_STAMP_NO_PAGE, GLASSRAM_STAMP_UNWRITTEN);
	else if (written && armed && (s32)(seen - armed) < 0)
		glassram_slot_disown(&target->session->slots, block, i, target->session->epoch);
}

static int armed_range(struct glassram_mm *target, unsigned long start, unsigned long end,
		       bool armed, bool written)
{
	u32 epoch = target->session->epoch;

	while (start < end) {
		struct glassram_slot_block *block = glassram_slots_get(&target->session->slots,
								  &target->index, start);
		unsigned long stop = min(end, round_down(start, GLASSRAM_BLOCK_BYTES) +
					 GLASSRAM_BLOCK_BYTES);
		unsigned int i = glassram_slot_of(start);

		if (PTR_ERR(block) == -ENOMEM)
			return -ENOMEM;
		if (IS_ERR(block))
			start = stop;
		else if (!armed && target->session->budget.share == GLASSRAM_BUDGET_ALL)
			start = stop;
		for (; start < stop; start += PAGE_SIZE, i++) {
			if (armed)
				armed_page(target, block, i, epoch);
			else
				found_page(target, block, i, written);
		}
	}
	return 0;
}

/**
 * glassram_protect_found() - a backend has found populated pages
 * @target: the target; the session's lock is held
 * @ranges: the pages; PAGE_IS_HUGE in the categories of huge ones
 * @nr: their number
 * @from: they lie between here
 * @to: and here
 * @armed: they are new or were written, and are armed; else they only get blocks
 * @ret_pages: pages are added here
 *
 * Return: 0; -ENOMEM: some pages have no slots; -EXDEV: that makes no sense.
 */
int glassram_protect_found(struct glassram_mm *target, const struct page_region *ranges, u32 nr,
			   unsigned long from, unsigned long to, bool armed, u64 *ret_pages)
{
	u32 i;
	int ret = 0, failed = 0;

	for (i = 0; i < nr; i++) {
		unsigned long start = ranges[i].start, end = ranges[i].end;
		bool written = ranges[i].categories & PAGE_IS_WRITTEN;
		unsigned long step;

		/* They come from caller memory: believe nothing. */
		if (start < from || end > to || start >= end || !PAGE_ALIGNED(start | end))
			return -EXDEV;
		*ret_pages += (end - start) >> PAGE_SHIFT;
		step = ranges[i].categories & PAGE_IS_HUGE ?
		       glassram_regions_page_size(&target->regions, start) : PAGE_SIZE;
		/*
		 * A transparent huge page that is still whole was not written page by
		 * page: it is new, its first touch was one hit, and the other pages
		 * owe none.
		 */
		if (armed && step == PAGE_SIZE && ranges[i].categories & PAGE_IS_HUGE)
			glassram_slots_forget(&target->session->slots, &target->index, start, end,
					      target->session->epoch, false);
		if (step == PAGE_SIZE)
			ret = armed_range(target, start, end, armed, written);
		/* The slot of a huge page is that of its first 4 KiB. */
		for (; step != PAGE_SIZE && start < end && !ret; start += step)
			ret = armed_range(target, start, start + PAGE_SIZE, armed, written);
		if (ret)
			failed = ret;
		cond_resched();
	}
	return failed;
}
