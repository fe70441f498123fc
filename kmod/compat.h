/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The one place that knows that kernels differ. Today's source needs nothing
 * more than spellings that are right on every supported kernel (6.12 to 7.2);
 * what must be probed at build time gets its probe and its macro here.
 */
#ifndef GLASSRAM_COMPAT_H
#define GLASSRAM_COMPAT_H

#include <linux/ftrace.h>
#include <linux/module.h>
#include <linux/userfaultfd_k.h>

/*
 * MODULE_IMPORT_NS() takes a token before 6.13 and a string since; the module
 * info that both of them write is the same.
 */
#define GLASSRAM_IMPORT_NS(ns) MODULE_INFO(import_ns, ns)

/* The identity under which a userfaultfd registers VMAs: vm_userfaultfd_ctx.ctx */
static inline struct userfaultfd_ctx *glassram_uffd_ctx(struct file *uffd)
{
	return uffd->private_data;
}

#endif /* GLASSRAM_COMPAT_H */
