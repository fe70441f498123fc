// SPDX-License-Identifier: GPL-2.0
/*
 * Counts one in n of the writes of each page:
 *
 *	glassview --policy one_in_n.bpf.o:n=8 PID
 *
 * A write is what would be a hit without a policy: an epoch in which the page
 * was seen written. The first one counts, then every n-th. So after k of them
 * HITS is k / n, rounded up, and HITS x n is at most n - 1 too high. It thins
 * out what is recorded for each hit (the hit ring, tracepoints); the target
 * faults as often as before.
 *
 * Weak spots. STAMP and OWNER are those of the writes that counted, so a page
 * may look older than it is by n - 1 epochs. The map remembers PAGES pages,
 * those written last; one that drops out of it starts again with a write that
 * counts. A write in the very moment of a tick may be taken for one of the next
 * epoch, whose own write is then not seen. A write by another process (a debugger) always counts, as its own
 * process is the one that bpf_glassram_current() knows.
 */
#include "glassram_kfunc.bpf.h"
#include "glassram_policy.bpf.h"

char LICENSE[] SEC("license") = "GPL";

#define PAGES 262144 /* 1 GiB of target memory; about 25 MB of the kernel's */

/* Set when the policy is loaded; 0 and 1: every write counts. */
const volatile __u32 n = 8;

struct page {
	__u64 session;
	__u64 address;
	__u64 target;
};

struct history {
	__u32 epoch; /* of the last write */
	__u32 writes; /* since the last one that counted */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, PAGES);
	__type(key, struct page);
	__type(value, struct history);
} pages SEC(".maps");

SEC("struct_ops/weight")
__u32 BPF_PROG(weight, __u64 address, __u32 flags, __u32 hits)
{
	struct glassram_here here;
	struct page page = {.address = address};
	struct history *history;
	__u32 epoch, writes;

	if (n < 2 || flags & GLASSRAM_FAULT_REMOTE || bpf_glassram_current(&here, sizeof(here)))
		return 1;
	page.session = here.session;
	page.target = here.target;
	history = bpf_map_lookup_elem(&pages, &page);
	if (!history) {
		struct history first = {.epoch = here.epoch};

		/* The loser of two first writes finds it taken: it does not count. */
		return bpf_map_update_elem(&pages, &page, &first, BPF_NOEXIST) != -17 /* EEXIST */;
	}
	/* A fault can come by twice, and two threads at once: one of them is the write. */
	epoch = history->epoch;
	if ((__s32)(epoch - here.epoch) >= 0 ||
	    !__sync_bool_compare_and_swap(&history->epoch, epoch, here.epoch))
		return 0;
	writes = history->writes + 1;
	history->writes = writes < n ? writes : 0;
	return writes >= n;
}

SEC(".struct_ops.link")
struct glassram_policy_ops one_in_n_policy = {
	.weight = (void *)weight,
	.name = "one_in_n",
};
