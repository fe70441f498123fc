// SPDX-License-Identifier: GPL-2.0
/*
 * Counts only the writes of threads whose name begins with comm_prefix:
 *
 *	glassview --policy comm.bpf.o:comm_prefix=worker PID
 *
 * Weak spot, and it holds for every policy that says no: a page is asked about
 * once for each time it is armed. When a thread that does not count writes it
 * first, the page is unarmed until the next tick, and a write of a thread that
 * does count is missed in that epoch. So the figures are a lower bound where
 * threads share pages, and exact where each writes pages of its own. A higher
 * arming rate narrows the gap.
 */
#include "glassram_policy.bpf.h"

char LICENSE[] SEC("license") = "GPL";

/* Set when the policy is loaded; empty: every thread counts. */
const volatile char comm_prefix[TASK_COMM_LEN];

SEC("struct_ops/weight")
__u32 BPF_PROG(weight, __u64 address, __u32 flags, __u32 hits)
{
	struct task_struct *task = bpf_get_current_task_btf();

	/* The verifier wants constant offsets into a task, hence no real loop. */
#pragma clang loop unroll(full)
	for (int i = 0; i < TASK_COMM_LEN; i++) {
		if (!comm_prefix[i])
			break;
		if (task->comm[i] != comm_prefix[i])
			return 0;
	}
	return 1;
}

SEC(".struct_ops.link")
struct glassram_policy_ops comm_policy = {
	.weight = (void *)weight,
	.name = "comm",
};
