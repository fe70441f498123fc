/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints of system "glassram", for perf, bpftrace and BPF programs: each
 * counted write, each arming tick, each change of the region table.
 *
 * They cost next to nothing while nobody listens: call them behind trace_NAME_enabled()
 * and through the functions below, so that nothing is computed for them.
 *
 * Weak spot: the names of raw tracepoints ("hit") know no system, so another
 * module's could stand in the way of BPF programs of type raw_tp and tp_btf.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM glassram

#if !defined(GLASSRAM_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define GLASSRAM_TRACE_H

#include <linux/tracepoint.h>

#define GLASSRAM_TRACE_REGION_ADDED 1 /* watched from now on */
#define GLASSRAM_TRACE_REGION_REMOVED 2 /* unmapped, moved, or of another size now */
#define GLASSRAM_TRACE_REGION_REFUSED 3 /* cannot be watched: see error */

/*
 * One counted write. Fired by the thread that writes, in the fault; for a late
 * write that ADVANCE finds (docs/design.md) by the client, with flags 0 and
 * thread slot 0, as neither is known then.
 */
TRACE_EVENT(hit,
	TP_PROTO(u64 session, u32 target, u64 address, u32 thread, u32 weight, u32 flags,
		 u32 epoch),
	TP_ARGS(session, target, address, thread, weight, flags, epoch),
	TP_STRUCT__entry(
		__field(u64, session)
		__field(u64, address)
		__field(u32, target)
		__field(u32, thread)
		__field(u32, weight)
		__field(u32, flags)
		__field(u32, epoch)
	),
	TP_fast_assign(
		__entry->session = session;
		__entry->address = address;
		__entry->target = target;
		__entry->thread = thread;
		__entry->weight = weight;
		__entry->flags = flags;
		__entry->epoch = epoch;
	),
	TP_printk("session=%llu target=%u address=0x%llx thread=%u weight=%u flags=0x%x epoch=%u",
		  __entry->session, __entry->target, __entry->address, __entry->thread,
		  __entry->weight, __entry->flags, __entry->epoch)
);

/* One arming tick. epoch: the one that it opened. */
TRACE_EVENT(advance,
	TP_PROTO(u64 session, u32 epoch, u64 armed, u64 ns, u64 unexplained),
	TP_ARGS(session, epoch, armed, ns, unexplained),
	TP_STRUCT__entry(
		__field(u64, session)
		__field(u64, armed)
		__field(u64, ns)
		__field(u64, unexplained)
		__field(u32, epoch)
	),
	TP_fast_assign(
		__entry->session = session;
		__entry->armed = armed;
		__entry->ns = ns;
		__entry->unexplained = unexplained;
		__entry->epoch = epoch;
	),
	TP_printk("session=%llu epoch=%u armed=%llu ns=%llu unexplained=%llu",
		  __entry->session, __entry->epoch, __entry->armed, __entry->ns,
		  __entry->unexplained)
);

/* One change of the region table. state: GLASSRAM_REGION_*; error: a positive errno. */
TRACE_EVENT(region,
	TP_PROTO(u64 session, u32 target, u64 start, u64 end, u32 state, u32 error, u32 what),
	TP_ARGS(session, target, start, end, state, error, what),
	TP_STRUCT__entry(
		__field(u64, session)
		__field(u64, start)
		__field(u64, end)
		__field(u32, target)
		__field(u32, state)
		__field(u32, error)
		__field(u32, what)
	),
	TP_fast_assign(
		__entry->session = session;
		__entry->start = start;
		__entry->end = end;
		__entry->target = target;
		__entry->state = state;
		__entry->error = error;
		__entry->what = what;
	),
	TP_printk("session=%llu target=%u start=0x%llx end=0x%llx state=%u error=%u what=%s",
		  __entry->session, __entry->target, __entry->start, __entry->end,
		  __entry->state, __entry->error,
		  __print_symbolic(__entry->what, { 1, "added" }, { 2, "removed" },
				   { 3, "refused" }))
);

#ifndef GLASSRAM_TRACE_ONCE
#define GLASSRAM_TRACE_ONCE

struct glassram_region;

void glassram_trace_hit(u64 session, u32 target, u64 address, u32 thread, u32 weight, u32 flags,
			u32 epoch);
void glassram_trace_regions(u64 session, u32 target, const struct glassram_region *before,
			    u32 nr_before, const struct glassram_region *now, u32 nr_now);

#endif

#endif /* GLASSRAM_TRACE_H */

/* Outside of the guard: the kernel's machinery reads this file again. */
#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
