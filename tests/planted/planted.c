// SPDX-License-Identifier: GPL-2.0-only
/*
 * A module that makes one mistake of each kind when it is told to, so that a
 * test run can prove that the debug kernel's detectors are alive: a detector
 * that is silent because it is broken looks like one that found nothing.
 *
 * Never installed, and built for kernels of the lab only. Writing the name of
 * a mistake to /sys/module/planted/parameters/make makes it.
 *
 * Weak spot: a mistake that no detector stops is harmless on the lab's kernel
 * with its padding, and memory corruption anywhere else.
 */
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/timer.h>

#define OBJECT 120 /* bytes: not a size of kmalloc's, so that padding follows */
#define LEAKED 20

static DEFINE_MUTEX(lock_a);
static DEFINE_MUTEX(lock_b);
static DEFINE_SPINLOCK(spin);

/* The compiler must neither see through the mistakes nor leave them out. */
static char *object(void)
{
	char *p = kzalloc(OBJECT, GFP_KERNEL);

	OPTIMIZER_HIDE_VAR(p);
	return p;
}

static noinline void planted_sleep_in_atomic(void)
{
	spin_lock(&spin);
	kfree(kmalloc(OBJECT, GFP_KERNEL));
	spin_unlock(&spin);
}

static noinline void planted_leak(void)
{
	int i;

	/* Several: an address left in a register or on a stack hides one. */
	for (i = 0; i < LEAKED; i++)
		object();
}

static noinline void planted_rcu(void)
{
	static int value;
	static int __rcu *pointer = (int __rcu *)&value;

	READ_ONCE(*rcu_dereference(pointer));
}

static noinline void planted_ab_ba(void)
{
	mutex_lock(&lock_a);
	mutex_lock(&lock_b);
	mutex_unlock(&lock_b);
	mutex_unlock(&lock_a);

	mutex_lock(&lock_b);
	mutex_lock(&lock_a);
	mutex_unlock(&lock_a);
	mutex_unlock(&lock_b);
}

static noinline void planted_shift(void)
{
	int distance = 40, result;

	OPTIMIZER_HIDE_VAR(distance);
	result = 1 << distance;
	OPTIMIZER_HIDE_VAR(result);
}

static void never(struct timer_list *timer)
{
}

static noinline void planted_free_of_active_timer(void)
{
	struct timer_list *timer = kzalloc(sizeof(*timer), GFP_KERNEL);

	if (!timer)
		return;
	timer_setup(timer, never, 0);
	mod_timer(timer, jiffies + 3600 * HZ);
	kfree(timer); /* the detector takes it out of the list */
}

static noinline void planted_list(void)
{
	LIST_HEAD(head);
	LIST_HEAD(entry);

	list_add(&entry, &head);
	list_add(&entry, &head);
}

static noinline void planted_use_after_free(void)
{
	char *p = object();

	if (!p)
		return;
	kfree(p);
	READ_ONCE(p[1]);
}

static noinline void planted_out_of_bounds(void)
{
	char *p = object();

	if (!p)
		return;
	WRITE_ONCE(p[OBJECT], 1);
	kfree(p);
}

static const struct {
	const char *name;
	void (*make)(void);
} mistakes[] = {
	{"sleep-in-atomic", planted_sleep_in_atomic},
	{"leak", planted_leak},
	{"rcu", planted_rcu},
	{"ab-ba", planted_ab_ba},
	{"shift", planted_shift},
	{"free-of-active-timer", planted_free_of_active_timer},
	{"list", planted_list},
	{"use-after-free", planted_use_after_free},
	{"out-of-bounds", planted_out_of_bounds},
};

static int make_set(const char *value, const struct kernel_param *param)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(mistakes); i++) {
		if (!sysfs_streq(value, mistakes[i].name))
			continue;
		mistakes[i].make();
		return 0;
	}
	return -EINVAL;
}

static const struct kernel_param_ops make_ops = {
	.set = make_set,
};

module_param_cb(make, &make_ops, NULL, 0200);
MODULE_PARM_DESC(make, "name of the mistake to make, see the source");

MODULE_DESCRIPTION("Planted mistakes, to prove that detectors are alive");
MODULE_LICENSE("GPL");
