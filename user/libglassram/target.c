// SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0
/*
 * Targets: opening the files that prove the right to watch a process, and adding,
 * listing and dropping targets of a session.
 *
 * Weak spot: a target is named by pid up to the moment its mem file is open; a pid
 * reused in that instant is watched instead, if the caller may.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

/* Targets that appear between two tries; the table cannot pass its maximum. */
#define ROOM 16

/* Written by us, so that no page of it is a hole that ADVANCE must fill. */
void *gr_work_create(size_t length)
{
	void *work = mmap(NULL, length, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (work == MAP_FAILED) {
		gr_fail_errno(ENOMEM, "cannot get a work area of %zu KiB", length / 1024);
		return NULL;
	}
	/* a child of the caller has no use for it, and fork gets no copy-on-write */
	madvise(work, length, MADV_DONTFORK);
	return work;
}

static int read_ptrace_scope(void)
{
	char text[16];

	if (gr_read_file("/proc/sys/kernel/yama/ptrace_scope", text, sizeof(text)))
		return -1;
	return atoi(text);
}

enum glassram_error gr_target_check(pid_t pid)
{
	struct gr_proc_stat stat;
	int err;

	if (pid <= 0)
		return gr_fail(GLASSRAM_ERR_INVALID, "%d is not a process id: give a positive number; `glassctl list` shows them",
			       pid);
	err = gr_proc_stat(pid, &stat);
	if (err)
		return gr_explain_attach(err, pid);
	if (stat.kthread)
		return gr_fail(GLASSRAM_ERR_NO_PROCESS, "process %d (%s) is a kernel thread and has no memory of its own: pick a user process, `glassctl list` shows them",
			       pid, stat.comm);
	if (stat.dead)
		return gr_fail(GLASSRAM_ERR_NO_PROCESS, "process %d (%s) has exited already and only waits for its parent: pick a running one, `glassctl list` shows them",
			       pid, stat.comm);
	return GLASSRAM_OK;
}

/* Why a file of /proc/PID could not be opened, with everything that decides it. */
static enum glassram_error refuse_target(int err, pid_t pid)
{
	struct gr_ptrace_facts facts = { .pid = pid, .own_uid = geteuid() };
	struct gr_proc_stat proc = { 0 };
	char path[32];
	struct stat st;

	if (err != EACCES && err != EPERM)
		return gr_explain_attach(err, pid);
	gr_proc_stat(pid, &proc);
	memcpy(facts.comm, proc.comm, sizeof(facts.comm));
	snprintf(path, sizeof(path), "/proc/%d", pid);
	facts.uid = stat(path, &st) ? facts.own_uid : st.st_uid;
	facts.may_ptrace = gr_has_capability(CAP_SYS_PTRACE);
	facts.ptrace_scope = read_ptrace_scope();
	return gr_explain_ptrace(&facts);
}

static enum glassram_error open_file(pid_t pid, const char *file, int flags, int *ret_fd)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	fd = open(path, flags | O_CLOEXEC);
	if (fd < 0)
		return refuse_target(errno, pid);
	*ret_fd = fd;
	return GLASSRAM_OK;
}

/* A module that does not answer says more at ATTACH. */
static bool arms_by_soft_dirty(void)
{
	struct glassram_query query;

	return !glassram_query(&query) && !(query.backends & GLASSRAM_BACKEND_WP_ASYNC);
}

enum glassram_error gr_target_open(pid_t pid, struct gr_target_files *ret_files)
{
	struct gr_target_files files;
	enum glassram_error error;

	error = open_file(pid, "mem", O_RDONLY, &files.mem);
	if (error)
		return error;
	error = open_file(pid, "pagemap", O_RDONLY, &files.pagemap);
	if (error)
		goto close_mem;
	files.clear_refs = -1;
	if (arms_by_soft_dirty())
		error = open_file(pid, "clear_refs", O_WRONLY, &files.clear_refs);
	if (error)
		goto close_pagemap;
	*ret_files = files;
	return GLASSRAM_OK;

close_pagemap:
	close(files.pagemap);
close_mem:
	close(files.mem);
	return error;
}

void gr_target_close(struct gr_target_files *files)
{
	if (files->clear_refs >= 0)
		close(files->clear_refs);
	close(files->pagemap);
	close(files->mem);
}

/*
 * The module says EPERM to a client that does not own the session; when the
 * process changed its address space since its files were opened; and when
 * another client may not see it.
 */
static enum glassram_error explain_refusal(struct glassram_session *session, pid_t pid)
{
	struct glassram_stats stats;

	if (!glassram_stats(session, &stats) && stats.owner && stats.clients > 1)
		return gr_fail(GLASSRAM_ERR_PERMISSION, "process %d cannot join this session: it called exec this moment, or a client of another user reads the session and may not see it: try again, or close that client",
			       pid);
	if (!glassram_stats(session, &stats) && stats.owner)
		return gr_explain_attach(EPERM, pid);
	return gr_explain_session(EPERM, session->pid, "TARGET_ADD");
}

static enum glassram_error explain_add(struct glassram_session *session, int err, pid_t pid)
{
	enum glassram_error error;

	switch (err) {
	case EPERM:
		return explain_refusal(session, pid);
	case EEXIST:
		return gr_fail(GLASSRAM_ERR_EXISTS, "process %d is watched in this session already, or shares the memory of one that is (vfork): nothing to do",
			       pid);
	case EAGAIN:
		return gr_fail(GLASSRAM_ERR_PAUSED, "process %d cannot be added while the session is paused: let it go on first",
			       pid);
	case ENOSPC:
		return gr_fail(GLASSRAM_ERR_NO_MEMORY, "process %d is one too many: a session has room for %d targets, ended ones too: drop some that ended",
			       pid, GLASSRAM_MAX_TARGETS);
	case EINVAL:
		error = gr_target_check(pid);
		if (error)
			return error;
	}
	return gr_explain_attach(err, pid);
}

enum glassram_error gr_target_add(struct glassram_session *session, pid_t pid,
				  const struct gr_target_files *files, void *work,
				  size_t work_len, struct glassram_added *ret_added)
{
	struct glassram_target_add add = {
		.size = sizeof(add),
		.pid = pid,
		.mem_fd = files->mem,
		.pagemap_fd = files->pagemap,
		.clear_refs_fd = files->clear_refs,
		.work = (uintptr_t)work,
		.work_len = work_len,
	};

	if (ioctl(session->fd, GLASSRAM_TARGET_ADD, &add))
		return explain_add(session, errno, pid);
	*ret_added = (struct glassram_added){
		.target = add.target,
		.late_ns = add.late_ns,
		.late_run_ns = add.late_run_ns,
	};
	return GLASSRAM_OK;
}

enum glassram_error glassram_target_add(struct glassram_session *session, pid_t pid,
					struct glassram_added *ret_added)
{
	struct gr_target_files files;
	struct glassram_added added;
	enum glassram_error error;
	void *work;

	error = gr_target_check(pid);
	if (error)
		return error;
	error = gr_target_open(pid, &files);
	if (error)
		return error;
	/* of its own, as ADVANCE may use the session's at the same time */
	work = gr_work_create(GLASSRAM_WORK_MIN);
	if (!work) {
		error = GLASSRAM_ERR_NO_MEMORY;
		goto close_files;
	}
	error = gr_target_add(session, pid, &files, work, GLASSRAM_WORK_MIN, &added);
	munmap(work, GLASSRAM_WORK_MIN);
	if (!error && ret_added)
		*ret_added = added;
close_files:
	gr_target_close(&files);
	return error;
}

enum glassram_error glassram_target_drop(struct glassram_session *session, uint32_t target)
{
	struct glassram_target_drop drop = { .size = sizeof(drop), .target = target };

	if (!ioctl(session->fd, GLASSRAM_TARGET_DROP, &drop))
		return GLASSRAM_OK;
	if (errno == ENOENT)
		return gr_fail(GLASSRAM_ERR_INVALID, "this session has no target %u: glassram_targets() lists them",
			       target);
	return gr_explain_session(errno, session->pid, "TARGET_DROP");
}

enum glassram_error glassram_targets(struct glassram_session *session,
				     struct glassram_target **ret_targets, size_t *ret_nr)
{
	struct glassram_target *list = NULL;
	struct glassram_targets args;
	uint32_t capacity = ROOM;
	int err;

	do {
		free(list);
		list = calloc(capacity, sizeof(*list));
		if (!list)
			return gr_fail_errno(ENOMEM, "cannot list the targets of the session");
		args = (struct glassram_targets){
			.size = sizeof(args),
			.targets = (uintptr_t)list,
			.nr_targets = capacity,
		};
		err = ioctl(session->fd, GLASSRAM_TARGETS, &args) ? errno : 0;
		if (err != ENOSPC || args.nr_targets <= capacity)
			break;
		capacity = args.nr_targets + ROOM;
	} while (1);
	if (err) {
		free(list);
		return gr_explain_session(err, session->pid, "TARGETS");
	}
	if (!args.nr_targets) {
		free(list);
		list = NULL;
	}
	*ret_targets = list;
	*ret_nr = args.nr_targets;
	return GLASSRAM_OK;
}
