/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Budgets: what the targets pay for being watched, and which pages are armed
 * again for it. The decision itself is in sampler.c, shared with userspace.
 */
#ifndef GLASSRAM_BUDGET_H
#define GLASSRAM_BUDGET_H

#include <linux/types.h>

struct glassram_session;
struct glassram_stats;
struct glassram_work;

/**
 * struct glassram_budget - the account of one session; under its lock
 * @share: parts per 10,000 of the targets' CPU time, or GLASSRAM_BUDGET_ALL
 * @fault_ns: price of one fault of an armed page
 * @call_ns: price of one run of pages to arm
 * @cpu_ns: what the targets ran while there was a budget
 * @again: hits of pages that had been armed
 * @calls: runs of pages that were armed
 * @unarmed: pages left unarmed at the last tick
 * @looked_ns: when pages that came without a hit were looked for last
 */
struct glassram_budget {
	u32 share;
	u32 fault_ns;
	u32 call_ns;
	u64 cpu_ns;
	u64 again;
	u64 calls;
	u64 unarmed;
	u64 looked_ns;
};

void glassram_budget_init(struct glassram_session *session);
void glassram_budget_set(struct glassram_session *session, u32 share);
void glassram_budget_reset(struct glassram_session *session);
void glassram_budget_fill_stats(const struct glassram_session *session,
				struct glassram_stats *stats);
int glassram_budget_arm(struct glassram_session *session, struct glassram_work *work, u64 *armed);

#endif /* GLASSRAM_BUDGET_H */
