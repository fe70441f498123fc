/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Functions of the module that BPF programs call.
 */
#ifndef GLASSRAM_KFUNC_H
#define GLASSRAM_KFUNC_H

#include <linux/types.h>

#include "compat.h"

#ifdef GLASSRAM_HAS_POLICY
struct glassram_here;
struct glassram_slot_info;

/* For BPF programs; nobody here calls them. */
int bpf_glassram_slot(u64 session, u32 target, u64 address, struct glassram_slot_info *info,
		      u32 info__sz);
int bpf_glassram_current(struct glassram_here *here, u32 here__sz);

void glassram_kfunc_init(void);
bool glassram_kfunc_supported(void);
#else
/* Where modules have no struct_ops, they have no functions for BPF programs. */
static inline void glassram_kfunc_init(void)
{
}

static inline bool glassram_kfunc_supported(void)
{
	return false;
}
#endif

#endif /* GLASSRAM_KFUNC_H */
