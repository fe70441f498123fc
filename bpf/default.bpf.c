// SPDX-License-Identifier: GPL-2.0
/*
 * The default policy: every write counts once.
 *
 * The same as no policy at all, and meant as the start of your own: copy it,
 * change the name and the body of weight, and `make bpf` builds it.
 * Weak spot: asking costs some hundred instructions for each fault, which this
 * policy spends to learn nothing.
 */
#include "glassram_policy.bpf.h"

char LICENSE[] SEC("license") = "GPL";

SEC("struct_ops/weight")
__u32 BPF_PROG(weight, __u64 address, __u32 flags, __u32 hits)
{
	return 1;
}

SEC(".struct_ops.link")
struct glassram_policy_ops default_policy = {
	.weight = (void *)weight,
	.name = "default",
};
