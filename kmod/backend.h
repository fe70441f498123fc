/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Protection backends: how the pages of a target are armed. Whatever the backend,
 * the next write to an armed page faults, and the hook counts it.
 */
#ifndef GLASSRAM_BACKEND_H
#define GLASSRAM_BACKEND_H

#include <linux/mm.h>

#include "compat.h"
#include "target.h"

/* struct glassram_span - some addresses of a target, page-aligned */
struct glassram_span {
	unsigned long start;
	unsigned long end;
};

/**
 * struct glassram_backend - one way of arming
 * @bit: GLASSRAM_BACKEND_*
 * @start: get ready to watch a target that is alive, also after a pause.
 *	Returns 0 or an error as documented for ATTACH
 * @watch: watch a mapping that glassram_backend_covers() says no to; the caller
 *	looks at the outcome. Returns 0 or why the mapping is refused; -EFAULT,
 *	-EINTR, -ENOMEM, -EXDEV end the caller's work
 * @scan: find what is populated and make blocks for it; with @arm also arm what
 *	was written, add its number to @armed and list it in @work. Returns 0;
 *	-ENOMEM: all was armed, but some pages have no slots; -EINTR when killed;
 *	-EFAULT; -EXDEV: the result makes no sense, the session must end
 * @arm: as @scan with arming, but only within some spans, in order; NULL: this
 *	backend arms everything or nothing
 *
 * All are called under the session's lock, in the context of its client.
 */
struct glassram_backend {
	u64 bit;
	int (*start)(struct glassram_mm *target, struct glassram_work *work);
	int (*watch)(struct glassram_mm *target, struct glassram_work *work, unsigned long start,
		     unsigned long end);
	int (*scan)(struct glassram_mm *target, struct glassram_work *work, bool arm, u64 *armed);
	int (*arm)(struct glassram_mm *target, struct glassram_work *work,
		   const struct glassram_span *spans, u32 nr, u64 *armed);
};

#ifdef GLASSRAM_HAS_WP_ASYNC
extern const struct glassram_backend glassram_wp_async;
#endif
extern const struct glassram_backend glassram_softdirty;

const struct glassram_backend *glassram_backend(void);
int glassram_softdirty_check(const struct file *file, const struct mm_struct *mm);

/**
 * glassram_backend_covers() - do writes to this mapping fault once it is armed?
 * @target: the target
 * @vma: one of its mappings
 *
 * Called by the hook.
 */
static __always_inline bool glassram_backend_covers(const struct glassram_mm *target,
						    const struct vm_area_struct *vma)
{
	if (likely(target->uffd_ctx))
		return vma->vm_userfaultfd_ctx.ctx == target->uffd_ctx;
	return !(vma->vm_flags & (VM_HUGETLB | VM_PFNMAP));
}

/**
 * glassram_backend_new() - is this mapping newer than the last arming?
 * @target: the target
 * @vma: one of its mappings
 *
 * Called by the hook. The other backend does not cover a new mapping.
 */
static __always_inline bool glassram_backend_new(const struct glassram_mm *target,
						 const struct vm_area_struct *vma)
{
	return !target->uffd_ctx && vma->vm_flags & VM_SOFTDIRTY;
}

#endif /* GLASSRAM_BACKEND_H */
