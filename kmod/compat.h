/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The one place that knows that kernels differ (6.1 to 7.2): what a kernel
 * offers, as GLASSRAM_HAS_*, and the spellings of today for those that lack
 * them. The rest of the source is written for the newest kernel.
 */
#ifndef GLASSRAM_COMPAT_H
#define GLASSRAM_COMPAT_H

#include <linux/dcache.h>
#include <linux/fs.h>
#include <linux/ftrace.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/userfaultfd.h>
#include <linux/userfaultfd_k.h>
#include <linux/version.h>

/* Asynchronous write-protection and PAGEMAP_SCAN came together, in 6.7. */
#ifdef UFFD_FEATURE_WP_ASYNC
#define GLASSRAM_HAS_WP_ASYNC
#endif

/* struct_ops of modules: 6.9. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
#define GLASSRAM_HAS_POLICY
#endif

/*
 * MODULE_IMPORT_NS() takes a token before 6.13 and a string since; the module
 * info that both of them write is the same.
 */
#define GLASSRAM_IMPORT_NS(ns) MODULE_INFO(import_ns, ns)

#ifdef GLASSRAM_HAS_WP_ASYNC
/* The identity under which a userfaultfd registers VMAs: vm_userfaultfd_ctx.ctx */
static inline struct userfaultfd_ctx *glassram_uffd_ctx(struct file *uffd)
{
	return uffd->private_data;
}
#else
/* What ADVANCE lists: <linux/fs.h> has it where there is a PAGEMAP_SCAN. */
struct page_region {
	__u64 start;
	__u64 end;
	__u64 categories;
};

#define PAGE_IS_WRITTEN BIT(1)
#define PAGE_IS_HUGE BIT(6)
#endif

/* Was a page of it ever pinned? */
static inline bool glassram_mm_has_pinned(const struct mm_struct *mm)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 18, 0)
	return mm_flags_test(MMF_HAS_PINNED, mm);
#else
	return test_bit(MMF_HAS_PINNED, &mm->flags);
#endif
}

/* Get a page of another address space if it is there. The mmap_lock is held. */
static inline bool glassram_get_present_page(struct mm_struct *mm, unsigned long address,
					     struct page **ret_page)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
	return get_user_pages_remote(mm, address, 1, FOLL_NOFAULT, ret_page, NULL, NULL) == 1;
#else
	return get_user_pages_remote(mm, address, 1, FOLL_NOFAULT, ret_page, NULL) == 1;
#endif
}

#ifndef __counted_by
#define __counted_by(member)
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
#define ftrace_regs_get_argument(fregs, n) regs_get_kernel_argument(&(fregs)->regs, n)
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
static inline void vm_flags_mod(struct vm_area_struct *vma, vm_flags_t set, vm_flags_t clear)
{
	vma->vm_flags = (vma->vm_flags | set) & ~clear;
}
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
static inline bool vma_is_initial_heap(const struct vm_area_struct *vma)
{
	return vma->vm_start <= vma->vm_mm->brk && vma->vm_end >= vma->vm_mm->start_brk;
}

static inline bool vma_is_initial_stack(const struct vm_area_struct *vma)
{
	return vma->vm_start <= vma->vm_mm->start_stack &&
	       vma->vm_end >= vma->vm_mm->start_stack;
}
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
/* A mapped file has the path that the user knows, and maps shows the inode below. */
static inline const struct path *file_user_path(struct file *file)
{
	return &file->f_path;
}

static inline struct inode *file_user_inode(struct file *file)
{
	return file_inode(file);
}
#endif

/* Threads that the kernel makes for a process; no fork tracepoint tells of them. */
#ifdef PF_USER_WORKER
#define GLASSRAM_PF_WORKER (PF_IO_WORKER | PF_USER_WORKER)
#else
#define GLASSRAM_PF_WORKER PF_IO_WORKER
#endif

/*
 * sched_process_exit() has got a second argument (group_dead): which probe fits?
 * Asks <trace/events/sched.h>.
 */
#define GLASSRAM_EXIT_PROBE(one, two)						\
	__builtin_choose_expr(__builtin_types_compatible_p(			\
		typeof(check_trace_callback_type_sched_process_exit),		\
		void(void (*)(void *, struct task_struct *))), (void *)(one), (void *)(two))

/*
 * The arguments of userfaultfd_unmap_prep(): the first was the mm, and is one of
 * the mappings in the range since 6.2, whose part of it this makes of *@start and
 * *@end. Return: the mm.
 */
static inline const struct mm_struct *
glassram_unmap_range(const void *first, unsigned long *start, unsigned long *end)
{
	const struct vm_area_struct *vma = first;

	if (__builtin_types_compatible_p(typeof(userfaultfd_unmap_prep),
					 int(struct mm_struct *, unsigned long, unsigned long,
					     struct list_head *)))
		return first;
	*start = max(*start, vma->vm_start);
	*end = min(*end, vma->vm_end);
	return vma->vm_mm;
}

#endif /* GLASSRAM_COMPAT_H */
