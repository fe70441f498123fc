// SPDX-License-Identifier: GPL-2.0
/*
 * A policy with settable numbers: each write weighs `heavy`, and belongs to
 * thread slot `whose`.
 */
#include "glassram_policy.bpf.h"

char LICENSE[] SEC("license") = "GPL";

const volatile __u32 heavy = 1;
const volatile __u32 whose;

SEC("struct_ops/weight")
__u32 BPF_PROG(weight, __u64 address, __u32 flags, __u32 hits)
{
	return heavy;
}

SEC("struct_ops/owner")
__u32 BPF_PROG(owner, __u64 address, __u32 flags, __u32 thread)
{
	return whose;
}

SEC(".struct_ops.link")
struct glassram_policy_ops numbers_policy = {
	.weight = (void *)weight,
	.owner = (void *)owner,
	.name = "numbers",
};
