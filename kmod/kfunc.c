// SPDX-License-Identifier: GPL-2.0
/*
 * Functions that BPF programs call (kfuncs): read one page's counters, find the
 * session that watches the current process. Offered to tracing programs, to
 * programs of type syscall, and to policies; to no other struct_ops.
 *
 * A BPF program reads kernel memory anyway, so who may load one may read these
 * counters: no check of the session's owner is made here.
 *
 * Weak spot: they see one page. A program that wants all of them maps the
 * counters.
 */
#include "compat.h"

#ifdef GLASSRAM_HAS_POLICY

#include <linux/bpf.h>
#include <linux/btf.h>
#include <linux/btf_ids.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched.h>

#include "kfunc.h"
#include "policy.h"
#include "session.h"
#include "target.h"

static bool supported;

bool glassram_kfunc_supported(void)
{
	return supported;
}

/**
 * struct glassram_slot_info - the counters of one page
 * @hits: HITS
 * @stamp: STAMP: epoch of the last hit, or GLASSRAM_STAMP_*
 * @owner: OWNER: thread slot of its first writer
 * @epoch: the open epoch of the session
 * @slot: number of the slot, the index into the columns
 * @pad: 0
 *
 * Read one after the other while the counters go on.
 */
struct glassram_slot_info {
	u32 hits;
	u32 stamp;
	u32 owner;
	u32 epoch;
	u32 slot;
	u32 pad;
};

/**
 * struct glassram_here - which session watches a process
 * @session: its number, as STATS tells
 * @target: id of the target
 * @epoch: the open epoch
 */
struct glassram_here {
	u64 session;
	u32 target;
	u32 epoch;
};

__bpf_kfunc_start_defs();

/**
 * bpf_glassram_slot() - read the counters of one page
 * @session: number of the session (STATS, or bpf_glassram_current())
 * @target: id of the target
 * @address: any address of the page; of a hugetlb page, one in its first 4 KiB
 * @info: filled in on success
 * @info__sz: sizeof(struct glassram_slot_info)
 *
 * Return: 0; -EINVAL another size; -ESRCH no such session or target; -ENOENT
 * the address has no slot: no page was seen there.
 */
__bpf_kfunc int bpf_glassram_slot(u64 session, u32 target, u64 address,
				  struct glassram_slot_info *info, u32 info__sz)
{
	struct glassram_slot_block *block;
	struct glassram_session *found = NULL;
	struct glassram_mm *mm;
	unsigned int i = glassram_slot_of(address);
	int ret = -ESRCH;

	if (info__sz != sizeof(*info))
		return -EINVAL;
	rcu_read_lock();
	if (session <= U32_MAX)
		found = glassram_session_find(session);
	mm = found ? glassram_session_target(found, target) : NULL;
	if (!mm)
		goto unlock;
	ret = -ENOENT;
	block = glassram_slots_lookup(&mm->index, address);
	if (!block)
		goto unlock;
	*info = (struct glassram_slot_info){
		.hits = READ_ONCE(block->column[GLASSRAM_HITS][i]),
		.stamp = READ_ONCE(block->column[GLASSRAM_STAMP][i]),
		.owner = READ_ONCE(block->column[GLASSRAM_OWNER][i]),
		.epoch = READ_ONCE(found->epoch),
		.slot = block->index * GLASSRAM_BLOCK_SLOTS + i,
	};
	ret = 0;
unlock:
	rcu_read_unlock();
	return ret;
}

/**
 * bpf_glassram_current() - which session watches the current process
 * @here: filled in on success
 * @here__sz: sizeof(struct glassram_here)
 *
 * In a policy this is the session that asks, unless another process writes
 * (GLASSRAM_FAULT_REMOTE).
 *
 * Return: 0; -EINVAL another size; -ESRCH nobody watches it, or it is paused.
 */
__bpf_kfunc int bpf_glassram_current(struct glassram_here *here, u32 here__sz)
{
	struct glassram_mm *mm;
	int ret = -ESRCH;

	if (here__sz != sizeof(*here))
		return -EINVAL;
	if (!current->mm)
		return ret;
	rcu_read_lock();
	mm = glassram_fault_target(current->mm);
	if (mm) {
		*here = (struct glassram_here){
			.session = mm->session->id,
			.target = mm->id,
			.epoch = READ_ONCE(mm->session->epoch),
		};
		ret = 0;
	}
	rcu_read_unlock();
	return ret;
}

__bpf_kfunc_end_defs();

BTF_KFUNCS_START(kfunc_ids)
BTF_ID_FLAGS(func, bpf_glassram_slot)
BTF_ID_FLAGS(func, bpf_glassram_current)
BTF_KFUNCS_END(kfunc_ids)

/* A set for struct_ops is offered to all of them; these are for ours. */
static int kfunc_filter(const struct bpf_prog *prog, u32 kfunc_id)
{
	if (prog->type != BPF_PROG_TYPE_STRUCT_OPS || glassram_policy_is_ours(prog))
		return 0;
	return -EACCES;
}

static const struct btf_kfunc_id_set kfunc_set = {
	.owner = THIS_MODULE,
	.set = &kfunc_ids,
	.filter = kfunc_filter,
};

/**
 * glassram_kfunc_init() - offer the functions
 *
 * A kernel or module without BTF runs without them, and QUERY says so. The
 * kernel forgets them with the module's BTF.
 */
void glassram_kfunc_init(void)
{
	static const enum bpf_prog_type types[] = {
		BPF_PROG_TYPE_TRACING, BPF_PROG_TYPE_SYSCALL, BPF_PROG_TYPE_STRUCT_OPS,
	};
	unsigned int i;

	/* Without its struct_ops the module has no BTF that these could be found in. */
	if (!glassram_policy_supported())
		return;
	for (i = 0; i < ARRAY_SIZE(types); i++) {
		int ret = register_btf_kfunc_id_set(types[i], &kfunc_set);

		if (ret) {
			pr_warn("glassram: no functions for BPF programs (%d)\n", ret);
			return;
		}
	}
	supported = true;
}

#endif /* GLASSRAM_HAS_POLICY */
