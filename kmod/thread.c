// SPDX-License-Identifier: GPL-2.0
/*
 * The thread table: an open-addressed hash by thread id, filled by the hook
 * without locks. Only a thread itself makes and changes its entry.
 *
 * Weak spot: entries of exited threads stay until the session ends, so after
 * GLASSRAM_MAX_THREADS different writers new ones share slot 0 and are only
 * counted (THREADS, overflow).
 */
#include <linux/hash.h>
#include <linux/sched.h>
#include <linux/vmalloc.h>

#include "thread.h"

#define THREAD_BITS 14
static_assert(BIT(THREAD_BITS) == GLASSRAM_MAX_THREADS);
static_assert(TASK_COMM_LEN <= GLASSRAM_COMM_LEN);

/*
 * Longest search. Below three quarters full a linear probe this long practically
 * never fails; beyond that it bounds what a hit may cost.
 */
#define MAX_PROBES 128

int glassram_threads_init(struct glassram_thread_table *table)
{
	atomic_set(&table->used, 0);
	table->entries = __vmalloc_array(GLASSRAM_MAX_THREADS, sizeof(*table->entries),
					 GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_NOWARN);
	return table->entries ? 0 : -ENOMEM;
}

void glassram_threads_finish(struct glassram_thread_table *table)
{
	vfree(table->entries);
}

/**
 * glassram_threads_reset() - no hits yet
 * @table: the table
 */
void glassram_threads_reset(struct glassram_thread_table *table)
{
	u32 slot;

	for (slot = 0; slot < GLASSRAM_MAX_THREADS; slot++)
		atomic64_set(&table->entries[slot].hits, 0);
}

/**
 * glassram_threads_current() - thread slot of the current task
 * @table: the table
 * @epoch: the open epoch
 * @target: id of the target that it writes to
 *
 * Called by the hook: does not sleep, takes no lock.
 * Return: the slot, or GLASSRAM_THREAD_NONE if the table is full.
 */
u32 glassram_threads_current(struct glassram_thread_table *table, u32 epoch, u32 target)
{
	struct task_struct *task = current;
	u32 slot = hash_32(task->pid, THREAD_BITS);
	unsigned int probe;

	for (probe = 0; probe < MAX_PROBES; probe++, slot = (slot + 1) % GLASSRAM_MAX_THREADS) {
		struct glassram_thread_entry *entry = &table->entries[slot];
		pid_t tid;

		if (slot == GLASSRAM_THREAD_NONE)
			continue;
		tid = READ_ONCE(entry->tid);
		if (!tid && !cmpxchg(&entry->tid, 0, task->pid)) {
			entry->tgid = task->tgid;
			entry->start_time = task->start_time;
			atomic_inc(&table->used);
		} else if (entry->tid != task->pid || entry->start_time != task->start_time) {
			continue;
		}
		if (entry->last_epoch != epoch) {
			memcpy(entry->comm, task->comm, TASK_COMM_LEN);
			entry->target = target;
			/* Tables show entries from their first epoch on. */
			smp_store_release(&entry->last_epoch, epoch);
		}
		return slot;
	}
	return GLASSRAM_THREAD_NONE;
}
