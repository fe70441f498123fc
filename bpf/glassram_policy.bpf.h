/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a policy includes: the struct_ops type of glassram.ko, and as much of
 * the kernel's types as the policies here use.
 *
 * No vmlinux.h is needed: the types below are matched with the running
 * kernel's by name (CO-RE), so list only the fields that you read.
 * Weak spot: struct glassram_policy_ops must keep the members, sizes and names
 * that kmod/policy.c gives it; libbpf refuses to load a policy where it does not.
 */
#ifndef GLASSRAM_POLICY_BPF_H
#define GLASSRAM_POLICY_BPF_H

#include <linux/types.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

/* The flags argument: FAULT_FLAG_* of the kernel. */
#define GLASSRAM_FAULT_WRITE 0x01 /* always set: only writes are asked about */
#define GLASSRAM_FAULT_USER 0x40 /* the program itself wrote, not the kernel for it */
#define GLASSRAM_FAULT_REMOTE 0x80 /* another process writes, as a debugger does */

/**
 * struct glassram_policy_ops - what a session asks its policy
 * @weight: how much one write fault adds to HITS of its page; 0: it does not
 *	count. @address is that of the page, @hits is what HITS holds now.
 *	Without this program every fault counts 1.
 * @owner: the thread slot to note as owner; @thread is the slot of the thread
 *	that writes. A value of GLASSRAM_MAX_THREADS or more is ignored.
 *	Without this program it is @thread.
 * @name: what OPTIONS binds it by: not empty, unique among those registered
 *
 * Both are called for the first write to a page in an epoch, in the context of
 * the thread that writes, and must not sleep.
 */
struct glassram_policy_ops {
	__u32 (*weight)(__u64 address, __u32 flags, __u32 hits);
	__u32 (*owner)(__u64 address, __u32 flags, __u32 thread);
	char name[32];
};

#define TASK_COMM_LEN 16

struct task_struct {
	char comm[TASK_COMM_LEN];
} __attribute__((preserve_access_index));

#endif
