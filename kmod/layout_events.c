// SPDX-License-Identifier: GPL-2.0
/*
 * Where MAP, UNMAP, REMOVE and REMAP come from: ftrace callbacks at functions
 * that the memory management calls at each of these changes, whether userfaultfd
 * or perf are in use or not. Each costs every such call of the machine a look,
 * so it is set only while a stream asks for its type.
 *
 * Weak spots: these functions are found by name. Nobody promises that they
 * stay; where one is missing, QUERY does not offer layout events. UNMAP and
 * REMOVE are told when the change begins, and shmdt() is not among them.
 */
#include <linux/atomic.h>
#include <linux/ftrace.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/userfaultfd_k.h>
#include <linux/workqueue.h>

#include "compat.h"
#include "events.h"
#include "layout_events.h"
#include "session.h"
#include "target.h"

/* For most calls of the machine it is only a look that finds nothing. */
static noinline notrace void tell(u32 type, const struct mm_struct *mm, unsigned long address,
				  unsigned long length, unsigned long value)
{
	const struct glassram_mm *target;

	rcu_read_lock();
	target = glassram_fault_target(mm);
	if (unlikely(target))
		glassram_events_emit(target->session, (struct glassram_event){
			.type = type,
			.target = target->id,
			.address = address,
			.length = length,
			.value = value,
		});
	rcu_read_unlock();
}

/* perf_event_mmap(vma): new, grown or merged, protection changed; it is as @vma says now */
static void notrace map_hook(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *ops,
			     struct ftrace_regs *fregs)
{
	const struct vm_area_struct *vma = (void *)ftrace_regs_get_argument(fregs, 0);

	tell(GLASSRAM_EVENT_MAP, vma->vm_mm, vma->vm_start, vma->vm_end - vma->vm_start, 0);
}

/* userfaultfd_unmap_prep(vma, start, end, unmaps): once for each mapping in the range */
static void notrace unmap_hook(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *ops,
			       struct ftrace_regs *fregs)
{
	unsigned long start = ftrace_regs_get_argument(fregs, 1);
	unsigned long end = ftrace_regs_get_argument(fregs, 2);
	const struct mm_struct *mm;

	mm = glassram_unmap_range((void *)ftrace_regs_get_argument(fregs, 0), &start, &end);
	tell(GLASSRAM_EVENT_UNMAP, mm, start, end - start, 0);
}

/* userfaultfd_remove(vma, start, end): MADV_DONTNEED, _FREE, _REMOVE */
static void notrace remove_hook(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *ops,
				struct ftrace_regs *fregs)
{
	const struct vm_area_struct *vma = (void *)ftrace_regs_get_argument(fregs, 0);
	unsigned long start = ftrace_regs_get_argument(fregs, 1);

	tell(GLASSRAM_EVENT_REMOVE, vma->vm_mm, start, ftrace_regs_get_argument(fregs, 2) - start,
	     0);
}

/* mremap_userfaultfd_complete(ctx, from, to, len): @to may be an error */
static void notrace remap_hook(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *ops,
			       struct ftrace_regs *fregs)
{
	unsigned long to = ftrace_regs_get_argument(fregs, 2);

	if (!offset_in_page(to))
		tell(GLASSRAM_EVENT_REMAP, current->mm, ftrace_regs_get_argument(fregs, 1),
		     ftrace_regs_get_argument(fregs, 3), to);
}

/* PERMANENT: else "sysctl kernel.ftrace_enabled=0" would silently stop the events. */
#define SOURCE(_type, _function, _hook)				\
	{							\
		.type = GLASSRAM_EVENT_##_type,			\
		.function = #_function,				\
		.ops = {					\
			.func = _hook,				\
			.flags = FTRACE_OPS_FL_PERMANENT,	\
		},						\
	}

/**
 * struct source - one type of event
 * @type: GLASSRAM_EVENT_*
 * @function: where it is seen
 * @ops: how
 * @users: streams that want it
 * @hooked: the hook is set
 */
struct source {
	u32 type;
	const char *function;
	struct ftrace_ops ops;
	atomic_t users;
	bool hooked;
};

static struct source sources[] = {
	SOURCE(MAP, perf_event_mmap, map_hook),
	SOURCE(UNMAP, userfaultfd_unmap_prep, unmap_hook),
	SOURCE(REMOVE, userfaultfd_remove, remove_hook),
	SOURCE(REMAP, mremap_userfaultfd_complete, remap_hook),
};

/* Protects whether they are hooked; users grow under it, too. */
static DEFINE_MUTEX(sources_lock);
static bool supported;

/* Unregistering waits for synchronize_rcu_tasks(): never in close(). */
#define UNHOOK_DELAY (5 * HZ)
static void unhook_work(struct work_struct *work);
static DECLARE_DELAYED_WORK(unhook, unhook_work);

static void unhook_unused(void)
{
	struct source *source;

	for (source = sources; source < sources + ARRAY_SIZE(sources); source++) {
		if (!source->hooked || atomic_read(&source->users))
			continue;
		unregister_ftrace_function(&source->ops);
		source->hooked = false;
	}
}

static void unhook_work(struct work_struct *work)
{
	mutex_lock(&sources_lock);
	unhook_unused();
	mutex_unlock(&sources_lock);
}

bool glassram_layout_supported(void)
{
	return supported;
}

static void put_sources(u64 mask)
{
	struct source *source;

	for (source = sources; source < sources + ARRAY_SIZE(sources); source++)
		if (mask & BIT_ULL(source->type))
			atomic_dec(&source->users);
	mod_delayed_work(system_wq, &unhook, UNHOOK_DELAY);
}

/**
 * glassram_layout_get() - a stream wants these types
 * @mask: 1 << GLASSRAM_EVENT_*; others than MAP to REMAP are ignored
 *
 * Return: 0; -EOPNOTSUPP; -EBUSY kernel.ftrace_enabled is 0; another error of
 * ftrace; -EINTR when killed.
 */
int glassram_layout_get(u64 mask)
{
	struct source *source;
	u64 got = 0;
	int ret = 0;

	if (!(mask & GLASSRAM_EVENTS_LAYOUT))
		return 0;
	if (!supported)
		return -EOPNOTSUPP;
	if (mutex_lock_killable(&sources_lock))
		return -EINTR;
	for (source = sources; source < sources + ARRAY_SIZE(sources); source++) {
		if (!(mask & BIT_ULL(source->type)))
			continue;
		if (!source->hooked) {
			ret = register_ftrace_function(&source->ops);
			if (ret)
				break;
			source->hooked = true;
		}
		atomic_inc(&source->users);
		got |= BIT_ULL(source->type);
	}
	if (ret)
		put_sources(got);
	mutex_unlock(&sources_lock);
	return ret;
}

/**
 * glassram_layout_put() - a stream is gone
 * @mask: as in glassram_layout_get()
 */
void glassram_layout_put(u64 mask)
{
	/* Without the lock: a hook on its way out may hold it for seconds. */
	if (mask & GLASSRAM_EVENTS_LAYOUT)
		put_sources(mask);
}

void glassram_layout_init(void)
{
	struct source *source;

	supported = true;
	for (source = sources; source < sources + ARRAY_SIZE(sources); source++) {
		char name[64];

		strscpy(name, source->function, sizeof(name));
		if (ftrace_set_filter(&source->ops, (unsigned char *)name, strlen(name), 1))
			supported = false;
	}
}

/* No stream is open any more. */
void glassram_layout_exit(void)
{
	struct source *source;

	cancel_delayed_work_sync(&unhook);
	unhook_unused();
	for (source = sources; source < sources + ARRAY_SIZE(sources); source++)
		ftrace_free_filter(&source->ops);
}
