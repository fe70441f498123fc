/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The family of a session: the processes of its targets and, where the session
 * follows, all that they fork.
 */
#ifndef GLASSRAM_FAMILY_H
#define GLASSRAM_FAMILY_H

#include <linux/list.h>
#include <linux/types.h>

struct glassram_session;
struct task_struct;

/* Processes of one session: 2 MiB at most, which a fork bomb would fill. */
#define GLASSRAM_FAMILY_MAX 16384

/**
 * struct glassram_family - who belongs to a session; all under family_lock (family.c)
 * @members: struct member
 * @nr: their number
 * @alive: those that have not exited
 * @follow: forked processes become members
 * @closed: no more members
 */
struct glassram_family {
	struct list_head members;
	u32 nr;
	u32 alive;
	bool follow;
	bool closed;
};

void glassram_family_init(struct glassram_family *family);
int glassram_family_add(struct glassram_session *session, struct task_struct *task, u32 target);
void glassram_family_drop(struct glassram_session *session, u32 target);
int glassram_family_follow(struct glassram_session *session, bool follow);
void glassram_family_forget(struct glassram_session *session);
bool glassram_family_follows(const struct glassram_session *session);
void glassram_family_late(struct glassram_session *session, struct task_struct *task,
			  u64 *ret_late_ns, u64 *ret_late_run_ns);
u64 glassram_family_memory(const struct glassram_session *session);

void glassram_family_look(void);
void glassram_family_exit(void);

void glassram_family_forked(struct task_struct *parent, struct task_struct *child);
void glassram_family_execed(struct task_struct *task, pid_t old_pid);
void glassram_family_exited(struct task_struct *task);

/* probes.c */
void glassram_probes_init(void);
void glassram_probes_exit(void);
int glassram_probes_get(void);
void glassram_probes_put(void);

#endif /* GLASSRAM_FAMILY_H */
