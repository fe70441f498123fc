// SPDX-License-Identifier: GPL-2.0
/*
 * Budgets: pages stay armed until they are hit, so those that nobody writes cost
 * nothing. Which of the others are armed again at a tick is decided by sampler.c,
 * block by block, within what the targets have earned by running; this file keeps
 * the accounts, and arms the runs that were chosen.
 *
 * Weak spot: faults of armed pages can only be foreseen, so a target that becomes
 * busier at once pays first, and is spared afterwards.
 */
#include <linux/bitmap.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "backend.h"
#include "budget.h"
#include "sampler.h"
#include "session.h"
#include "target.h"

/* Runs that are handed to the backend at once: of one block, at worst every second slot. */
#define SPANS (GLASSRAM_BLOCK_SLOTS / 2)

/* Pages that became populated without a hit are looked for so often. */
#define LOOK_PERIOD NSEC_PER_SEC

void glassram_budget_init(struct glassram_session *session)
{
	session->budget.share = GLASSRAM_BUDGET_ALL;
	session->budget.fault_ns = GLASSRAM_FAULT_NS_DEFAULT;
	session->budget.call_ns = GLASSRAM_CALL_NS_DEFAULT;
}

/* glassram_budget_set() - a new budget; the session's lock is held */
void glassram_budget_set(struct glassram_session *session, u32 share)
{
	struct glassram_budget *budget = &session->budget;
	struct glassram_mm *target;

	if (budget->share == GLASSRAM_BUDGET_ALL) {
		memset(&session->sampler, 0, sizeof(session->sampler));
		budget->looked_ns = 0;
		/* What they ran before earned nothing. */
		glassram_for_each_target(target, session)
			glassram_target_cpu_ns(target);
	}
	budget->share = share;
}

/* glassram_budget_reset() - accounts begin anew; the session's lock is held */
void glassram_budget_reset(struct glassram_session *session)
{
	session->budget.cpu_ns = 0;
	session->budget.again = 0;
	session->budget.calls = 0;
}

/* glassram_budget_fill_stats() - the fields of STATS that tell of it; under the lock */
void glassram_budget_fill_stats(const struct glassram_session *session,
				struct glassram_stats *stats)
{
	const struct glassram_budget *budget = &session->budget;

	stats->budget = budget->share;
	stats->cpu_ns = budget->cpu_ns;
	stats->again = budget->again;
	stats->calls = budget->calls;
	stats->price_ns = budget->again * (u64)budget->fault_ns +
			  budget->calls * budget->call_ns;
	stats->unarmed = budget->unarmed;
}

/* The slot of a hugetlb page is that of its first 4 KiB, and it is armed as a whole. */
static unsigned long end_of_page(const struct glassram_mm *target, unsigned long address)
{
	return address + glassram_regions_page_size(&target->regions, address);
}

/* Return: runs of the chosen slots of a block. */
static u32 find_spans(const struct glassram_mm *target, const struct glassram_slot_block *block,
		      const unsigned long *chosen, struct glassram_span *spans)
{
	unsigned int from, to;
	u32 nr = 0;

	for_each_set_bitrange(from, to, chosen, GLASSRAM_BLOCK_SLOTS) {
		spans[nr].start = block->start + from * PAGE_SIZE;
		spans[nr].end = end_of_page(target, block->start + (to - 1) * PAGE_SIZE);
		nr++;
	}
	return nr;
}

static int arm_block(struct glassram_mm *target, struct glassram_slot_block *block,
		     struct glassram_work *work, struct glassram_span *spans,
		     struct glassram_sampler_found *found, u64 *armed)
{
	u64 chosen[GLASSRAM_SAMPLER_RUNS];
	u32 nr;

	static_assert(sizeof(chosen) * BITS_PER_BYTE == GLASSRAM_BLOCK_SLOTS);
	glassram_sampler_choose(&target->session->sampler, &(struct glassram_sampler_block){
		.stamp = block->column[GLASSRAM_STAMP],
		.armed = block->column[GLASSRAM_ARMED],
		.memory = &block->sampled,
	}, chosen, found);
	nr = find_spans(target, block, (unsigned long *)chosen, spans);
	return nr ? target->backend->arm(target, work, spans, nr, armed) : 0;
}

static int arm_target(struct glassram_mm *target, struct glassram_work *work,
		      struct glassram_span *spans, struct glassram_sampler_found *found, u64 *armed)
{
	struct glassram_slot_block *block;
	int ret, failed = 0;
	unsigned long at;

	xa_for_each(&target->index.by_address, at, block) {
		ret = arm_block(target, block, work, spans, found, armed);
		if (ret == -ENOMEM)
			failed = ret;
		else if (ret)
			return ret;
		cond_resched();
	}
	return failed;
}

/**
 * glassram_budget_arm() - arm what the budget allows, in all targets
 * @session: the session; its lock is held, it has a budget, and the epoch is open
 * @work: the caller's memory
 * @armed: pages armed are added here
 * Return: as of the backends' scan.
 */
int glassram_budget_arm(struct glassram_session *session, struct glassram_work *work, u64 *armed)
{
	struct glassram_budget *budget = &session->budget;
	struct glassram_sampler_found found = {};
	bool look = session->epoch_ns - budget->looked_ns >= LOOK_PERIOD;
	struct glassram_span *spans;
	struct glassram_mm *target;
	u64 ran = 0, seen = 0;
	int ret = 0, failed = 0;

	spans = kvmalloc_array(SPANS, sizeof(*spans), GFP_KERNEL_ACCOUNT);
	if (!spans)
		return -ENOMEM;
	glassram_for_each_target(target, session)
		ran += glassram_target_cpu_ns(target);
	budget->cpu_ns += ran;
	if (look)
		budget->looked_ns = session->epoch_ns;

	glassram_sampler_open(&session->sampler, session->epoch,
			      mul_u64_u32_div(ran, budget->share, GLASSRAM_BUDGET_ALL),
			      budget->fault_ns, budget->call_ns);
	glassram_for_each_target(target, session) {
		if (!glassram_target_get(target))
			continue;
		ret = look ? target->backend->scan(target, work, false, &seen) : 0;
		if (ret == -ENOMEM)
			failed = ret;
		if (!ret || ret == -ENOMEM)
			ret = arm_target(target, work, spans, &found, armed);
		glassram_target_put(target);
		if (ret == -ENOMEM)
			failed = ret;
		else if (ret)
			break;
	}
	budget->again += session->sampler.hits;
	budget->unarmed = found.unarmed;
	kvfree(spans);
	return ret && ret != -ENOMEM ? ret : failed;
}
