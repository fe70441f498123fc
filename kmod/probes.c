// SPDX-License-Identifier: GPL-2.0
/*
 * The scheduler's tracepoints of forks, execs and exits, on only while somebody
 * follows or reads such events. What they tell is for the family (family.c).
 *
 * Weak spot: found by their names, so a kernel without them says so only when
 * they are wanted.
 */
#include <linux/sched.h>
#include <linux/tracepoint.h>
#include <linux/workqueue.h>
#include <trace/events/sched.h>

#include "compat.h"
#include "family.h"

static void fork_probe(void *data, struct task_struct *parent, struct task_struct *child)
{
	glassram_family_forked(parent, child);
}

static void exec_probe(void *data, struct task_struct *task, pid_t old_pid,
		       struct linux_binprm *bprm)
{
	glassram_family_execed(task, old_pid);
}

static void __maybe_unused exit_probe(void *data, struct task_struct *task)
{
	glassram_family_exited(task);
}

static void __maybe_unused exit_probe_group(void *data, struct task_struct *task, bool group_dead)
{
	glassram_family_exited(task);
}

struct point {
	const char *name;
	void *probe;
	struct tracepoint *tracepoint;
};

static struct point points[] = {
	{ "sched_process_fork", fork_probe },
	{ "sched_process_exec", exec_probe },
	{ "sched_process_exit", GLASSRAM_EXIT_PROBE(exit_probe, exit_probe_group) },
};

/* Protects @probing; @probe_users grows under it, too. */
static DEFINE_MUTEX(probes_lock);
static atomic_t probe_users = ATOMIC_INIT(0);
static bool probing;

/* As with the hook: not between two sessions that follow each other. */
#define UNPROBE_DELAY (5 * HZ)
static void unprobe_work(struct work_struct *work);
static DECLARE_DELAYED_WORK(unprobing, unprobe_work);

static void remove_probes(unsigned int nr)
{
	while (nr--)
		tracepoint_probe_unregister(points[nr].tracepoint, points[nr].probe, NULL);
}

static int add_probes(void)
{
	unsigned int i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(points); i++) {
		ret = points[i].tracepoint ?
		      tracepoint_probe_register(points[i].tracepoint, points[i].probe, NULL) :
		      -EOPNOTSUPP;
		if (ret) {
			remove_probes(i);
			return ret;
		}
	}
	return 0;
}

static void unprobe_work(struct work_struct *work)
{
	mutex_lock(&probes_lock);
	if (probing && !atomic_read(&probe_users)) {
		remove_probes(ARRAY_SIZE(points));
		probing = false;
	}
	mutex_unlock(&probes_lock);
}

/**
 * glassram_probes_get() - have forks, execs and exits told
 *
 * Return: 0; -EOPNOTSUPP no such tracepoints; -EINTR when killed; -ENOMEM.
 */
int glassram_probes_get(void)
{
	int ret = 0;

	if (mutex_lock_killable(&probes_lock))
		return -EINTR;
	if (!probing) {
		ret = add_probes();
		probing = !ret;
		/* Who is exiting right now may have gone by the tracepoint before. */
		if (!ret)
			glassram_family_look();
	}
	if (!ret)
		atomic_inc(&probe_users);
	mutex_unlock(&probes_lock);
	return ret;
}

/* glassram_probes_put() - undo glassram_probes_get(); does not sleep */
void glassram_probes_put(void)
{
	if (atomic_dec_and_test(&probe_users))
		mod_delayed_work(system_wq, &unprobing, UNPROBE_DELAY);
}

static void find_point(struct tracepoint *tracepoint, void *unused)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(points); i++)
		if (!strcmp(tracepoint->name, points[i].name))
			points[i].tracepoint = tracepoint;
}

void glassram_probes_init(void)
{
	for_each_kernel_tracepoint(find_point, NULL);
}

/* No session and no stream is left. */
void glassram_probes_exit(void)
{
	cancel_delayed_work_sync(&unprobing);
	if (probing)
		remove_probes(ARRAY_SIZE(points));
	tracepoint_synchronize_unregister();
}
