// SPDX-License-Identifier: GPL-2.0
/*
 * The tracepoints themselves, and what is computed for them only while somebody
 * listens: out of line, so that the hook pays little for it.
 *
 * Weak spot: a change of protection alone is no region event.
 */
#include <linux/glassram.h>

#define CREATE_TRACE_POINTS
#include "trace.h"

/**
 * glassram_trace_hit() - tell of one counted write
 * @session: number of the session
 * @target: id of the target
 * @address: the page
 * @thread: thread slot of the owner
 * @weight: what was added to HITS
 * @flags: FAULT_FLAG_* of the fault; 0: found by ADVANCE
 * @epoch: the epoch that counted it
 *
 * Called by the hook if trace_hit_enabled(): does not sleep, takes no lock.
 */
noinline notrace void glassram_trace_hit(u64 session, u32 target, u64 address, u32 thread,
					 u32 weight, u32 flags, u32 epoch)
{
	trace_hit(session, target, address, thread, weight, flags, epoch);
}

static bool same_region(const struct glassram_region *a, const struct glassram_region *b)
{
	return a->start == b->start && a->end == b->end && a->state == b->state &&
	       a->error == b->error;
}

/**
 * glassram_trace_regions() - tell what changed in a region table
 * @session: number of the session
 * @target: id of the target
 * @before: the table as it was, sorted by address
 * @nr_before: its length
 * @now: the table as it is, sorted by address
 * @nr_now: its length
 *
 * A mapping of another size or state is one that went and one that came.
 */
void glassram_trace_regions(u64 session, u32 target, const struct glassram_region *before,
			    u32 nr_before, const struct glassram_region *now, u32 nr_now)
{
	u32 i = 0, j = 0;

	while (i < nr_before || j < nr_now) {
		const struct glassram_region *old = i < nr_before ? &before[i] : NULL;
		const struct glassram_region *new = j < nr_now ? &now[j] : NULL;

		if (old && new && same_region(old, new)) {
			i++;
			j++;
		} else if (old && (!new || old->start <= new->start)) {
			trace_region(session, target, old->start, old->end, old->state,
				     old->error, GLASSRAM_TRACE_REGION_REMOVED);
			i++;
		} else {
			trace_region(session, target, new->start, new->end, new->state,
				     new->error,
				     new->state == GLASSRAM_REGION_REFUSED ?
				     GLASSRAM_TRACE_REGION_REFUSED :
				     GLASSRAM_TRACE_REGION_ADDED);
			j++;
		}
	}
}
