// SPDX-License-Identifier: GPL-2.0
/*
 * A policy that the verifier must refuse: it follows a number as if it were a
 * pointer. The test shows that its author is told so.
 */
#include "glassram_policy.bpf.h"

char LICENSE[] SEC("license") = "GPL";

SEC("struct_ops/weight")
__u32 BPF_PROG(weight, __u64 address, __u32 flags, __u32 hits)
{
	return *(volatile __u32 *)address;
}

SEC(".struct_ops.link")
struct glassram_policy_ops broken_policy = {
	.weight = (void *)weight,
	.name = "broken",
};
