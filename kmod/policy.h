/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The policy: an eBPF program that decides whether a fault counts.
 */
#ifndef GLASSRAM_POLICY_H
#define GLASSRAM_POLICY_H

#include <linux/errno.h>
#include <linux/string.h>
#include <linux/types.h>

#include <linux/glassram.h>

#include "compat.h"

struct bpf_prog;
struct glassram_session;

/**
 * struct glassram_policy_ops - what a policy implements (struct_ops)
 * @weight: called for each write fault of a page that was not counted yet in
 *	this epoch. @address: the page. @flags: FAULT_FLAG_* of the fault.
 *	@hits: the slot's HITS so far. Returns what to add to HITS; 0 does not
 *	count the fault. Absent: 1.
 * @owner: called for each counted fault. @thread: thread slot of the current
 *	task. Returns the thread slot to note as owner; an invalid one is
 *	ignored. Absent: @thread.
 * @name: unique among the registered policies, not empty
 *
 * Both run under RCU, in the context of the faulting task, and must be fast.
 */
struct glassram_policy_ops {
	u32 (*weight)(u64 address, u32 flags, u32 hits);
	u32 (*owner)(u64 address, u32 flags, u32 thread);
	char name[GLASSRAM_POLICY_NAME_LEN];
};

static inline u32 glassram_policy_weight(const struct glassram_policy_ops *policy, u64 address,
					 u32 flags, u32 hits)
{
	return policy->weight ? policy->weight(address, flags, hits) : 1;
}

static inline u32 glassram_policy_owner(const struct glassram_policy_ops *policy, u64 address,
					u32 flags, u32 thread)
{
	u32 owner = thread;

	if (policy->owner)
		owner = policy->owner(address, flags, thread);
	return owner < GLASSRAM_MAX_THREADS ? owner : thread;
}

#ifdef GLASSRAM_HAS_POLICY
void glassram_policy_init(void);
bool glassram_policy_supported(void);
unsigned int glassram_policy_count(void);
bool glassram_policy_is_ours(const struct bpf_prog *prog);
int glassram_policy_bind(struct glassram_session *session, const char *name);
void glassram_policy_name(struct glassram_session *session, char *ret_name);
#else
/* No struct_ops for modules: QUERY says so, and only "" can be bound. */
static inline void glassram_policy_init(void)
{
}

static inline bool glassram_policy_supported(void)
{
	return false;
}

static inline unsigned int glassram_policy_count(void)
{
	return 0;
}

static inline int glassram_policy_bind(struct glassram_session *session, const char *name)
{
	return *name ? -ENOENT : 0;
}

static inline void glassram_policy_name(struct glassram_session *session, char *ret_name)
{
	memset(ret_name, 0, GLASSRAM_POLICY_NAME_LEN);
}
#endif

#endif /* GLASSRAM_POLICY_H */
