// SPDX-License-Identifier: GPL-2.0
/*
 * Reads counters by the module's functions: on request (a program of type
 * syscall), and at each hit of the target (a tracing program).
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "glassram_kfunc.bpf.h"
#include "kfunc_read.h"

char LICENSE[] SEC("license") = "GPL";

/* What on_hit looks at: the pages [first, last) of one session. */
__u64 session, first, last;
/* What it saw. */
__u64 hits, not_counted, other_here;

SEC("syscall")
int ask(struct kfunc_question *q)
{
	struct glassram_slot_info info = {};
	struct glassram_here here = {};

	q->here_result = bpf_glassram_current(&here, sizeof(here));
	q->result = q->odd_size ?
		    bpf_glassram_slot(q->session, q->target, q->address, &info, sizeof(info) - 4) :
		    bpf_glassram_slot(q->session, q->target, q->address, &info, sizeof(info));
	q->hits = info.hits;
	q->stamp = info.stamp;
	q->owner = info.owner;
	q->epoch = info.epoch;
	q->slot = info.slot;
	return 0;
}

SEC("tp_btf/hit")
int BPF_PROG(on_hit, __u64 in_session, __u32 target, __u64 address, __u32 thread, __u32 weight,
	     __u32 flags, __u32 epoch)
{
	struct glassram_slot_info info;
	struct glassram_here here;

	if (in_session != session || address < first || address >= last)
		return 0;
	__sync_fetch_and_add(&hits, 1);
	if (bpf_glassram_slot(session, target, address, &info, sizeof(info)) || !info.hits ||
	    (__s32)(info.stamp - epoch) < 0 || info.owner != thread)
		__sync_fetch_and_add(&not_counted, 1);
	if (bpf_glassram_current(&here, sizeof(here)) || here.session != session ||
	    here.target != target)
		__sync_fetch_and_add(&other_here, 1);
	return 0;
}
