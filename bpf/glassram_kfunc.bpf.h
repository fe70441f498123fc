/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The functions of glassram.ko that BPF programs may call: policies, tracing
 * programs (fentry, tp_btf, ...) and programs of type syscall.
 *
 * Weak spot: a program that calls one loads only while the module is there.
 * Declare it __weak yourself and ask bpf_ksym_exists() where that is too strict.
 */
#ifndef GLASSRAM_KFUNC_BPF_H
#define GLASSRAM_KFUNC_BPF_H

#include <linux/types.h>
#include <bpf/bpf_helpers.h>

/**
 * struct glassram_slot_info - the counters of one page
 * @hits: HITS
 * @stamp: STAMP: epoch of the last hit, or GLASSRAM_STAMP_*
 * @owner: OWNER: thread slot of its first writer
 * @epoch: the open epoch of the session
 * @slot: number of the slot, the index into the columns
 * @pad: 0
 */
struct glassram_slot_info {
	__u32 hits;
	__u32 stamp;
	__u32 owner;
	__u32 epoch;
	__u32 slot;
	__u32 pad;
};

/**
 * struct glassram_here - which session watches the current process
 * @session: its number, as STATS tells
 * @target: id of the target
 * @epoch: the open epoch
 */
struct glassram_here {
	__u64 session;
	__u32 target;
	__u32 epoch;
};

/**
 * bpf_glassram_slot() - read the counters of one page
 * Return: 0; -EINVAL @info__sz is not its size; -ESRCH no such session or
 * target; -ENOENT the address has no slot: no page was seen there.
 */
int bpf_glassram_slot(__u64 session, __u32 target, __u64 address,
		      struct glassram_slot_info *info, __u32 info__sz) __ksym;

/**
 * bpf_glassram_current() - which session watches the current process
 * Return: 0; -EINVAL @here__sz is not its size; -ESRCH nobody watches it.
 */
int bpf_glassram_current(struct glassram_here *here, __u32 here__sz) __ksym;

#endif
