// SPDX-License-Identifier: GPL-2.0
/*
 * Programs that must not call the module's functions: another struct_ops, and
 * a socket filter.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "glassram_kfunc.bpf.h"

char LICENSE[] SEC("license") = "GPL";

struct sock;

struct tcp_congestion_ops {
	__u32 (*ssthresh)(struct sock *sk);
	char name[16];
};

SEC("struct_ops/ssthresh")
__u32 BPF_PROG(ssthresh, struct sock *sk)
{
	struct glassram_here here;

	return bpf_glassram_current(&here, sizeof(here));
}

SEC("socket")
int filter(struct __sk_buff *skb)
{
	struct glassram_here here;

	return bpf_glassram_current(&here, sizeof(here));
}

SEC(".struct_ops")
struct tcp_congestion_ops foreign = {
	.ssthresh = (void *)ssthresh,
	.name = "foreign",
};
