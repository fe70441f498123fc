/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The thread table: who was seen writing.
 */
#ifndef GLASSRAM_THREAD_H
#define GLASSRAM_THREAD_H

#include <linux/sched.h>
#include <linux/types.h>

#include <linux/glassram.h>

/**
 * struct glassram_thread_entry - one thread slot; filled by its own thread only
 * @tid: 0 while the slot is free
 * @tgid: its process
 * @start_time: task_struct.start_time; tells a reused tid from its predecessor
 * @target: id of the target that it wrote to first in @last_epoch
 * @hits: pages x epochs it was noted as owner of; any thread may change it
 * @last_epoch: epoch of its last hit; 0 while the entry is being filled
 * @comm: as of the first hit of @last_epoch
 */
struct glassram_thread_entry {
	pid_t tid;
	pid_t tgid;
	u32 target;
	u64 start_time;
	atomic64_t hits;
	u32 last_epoch;
	char comm[TASK_COMM_LEN];
};

struct glassram_thread_table {
	struct glassram_thread_entry *entries;
	atomic_t used;
};

int glassram_threads_init(struct glassram_thread_table *table);
void glassram_threads_finish(struct glassram_thread_table *table);
void glassram_threads_reset(struct glassram_thread_table *table);
u32 glassram_threads_current(struct glassram_thread_table *table, u32 epoch,
			     u32 target);

#endif /* GLASSRAM_THREAD_H */
