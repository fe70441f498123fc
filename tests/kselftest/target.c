// SPDX-License-Identifier: GPL-2.0-only
/*
 * A child that stops where the test wants it: see target.h.
 *
 * Weak spot: a descendant that outlives the child keeps the pipes open unless
 * it execs; then target_next() waits for the descendant.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "target.h"

#define SHARED_BYTES 4096

int target_paused(struct target *t)
{
	ssize_t n;
	char c;

	do {
		n = read(t->from_child, &c, 1);
	} while (n < 0 && errno == EINTR);
	return n == 1 ? 0 : -ESRCH;
}

int target_start(struct target *ret, int (*body)(struct target *t))
{
	int down[2], up[2];

	ret->shared = mmap(NULL, SHARED_BYTES, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (ret->shared == MAP_FAILED || pipe2(down, O_CLOEXEC) || pipe2(up, O_CLOEXEC))
		return -errno;
	ret->pid = fork();
	if (ret->pid < 0)
		return -errno;
	if (!ret->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* Whatever precedence the test has, a busy target must not have it. */
		setpriority(PRIO_PROCESS, 0, 0);
		close(down[1]);
		close(up[0]);
		ret->to_child = down[0];
		ret->from_child = up[1];
		ret->pid = getpid();
		_exit(body(ret));
	}
	close(down[0]);
	close(up[1]);
	ret->to_child = down[1];
	ret->from_child = up[0];
	return target_paused(ret);
}

void target_pause(struct target *t)
{
	char c = 'p';

	if (write(t->from_child, &c, 1) != 1 || read(t->to_child, &c, 1) != 1)
		_exit(99);
}

int target_next(struct target *t)
{
	char c = 'n';

	if (write(t->to_child, &c, 1) != 1)
		return -ESRCH;
	return target_paused(t);
}

static void release(struct target *t)
{
	close(t->to_child);
	close(t->from_child);
	munmap((void *)t->shared, SHARED_BYTES);
	t->pid = 0;
}

int target_finish(struct target *t)
{
	int status = -1;

	while (!target_next(t))
		;
	waitpid(t->pid, &status, 0);
	release(t);
	return status;
}

void target_kill(struct target *t)
{
	if (t->pid <= 0)
		return;
	kill(t->pid, SIGKILL);
	waitpid(t->pid, NULL, 0);
	release(t);
}
