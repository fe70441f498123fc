// SPDX-License-Identifier: GPL-2.0-only
/*
 * The list of processes, against processes that this test makes.
 *
 * Weak spot: who may watch whom can only be told apart by root, which may
 * become somebody else; otherwise that check is skipped.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../user/libglassram/internal.h"
#include "tap.h"

#define RSS_BYTES (24UL << 20)
#define ODD_NAME "a) S (b\n"

static void test_stat_line(void)
{
	struct gr_proc_stat stat;

	tap_check(!gr_proc_stat_parse("7 (sh) S 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 3 0 99",
				      &stat) &&
		  !strcmp(stat.comm, "sh") && stat.threads == 3 && !stat.kthread && !stat.dead,
		  "a plain process");
	tap_check(!gr_proc_stat_parse("7 (x) y (z) Z 1 7 7 0 -1 4 1 0 0 0 0 0 0 0 20 0 1 0 99",
				      &stat) &&
		  !strcmp(stat.comm, "x) y (z") && stat.dead, "a zombie with an odd name");
	tap_check(!gr_proc_stat_parse("2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 9",
				      &stat) && stat.kthread, "a kernel thread");
	/* a workqueue's name in stat is longer than a comm */
	tap_check(!gr_proc_stat_parse("9 (kworker/0:1H-events_highpri) I 2 0 0 0 -1 69238880 0 0 0 0 0 0 0 0 0 -20 1 0 9",
				      &stat) &&
		  !strcmp(stat.comm, "kworker/0:1H-ev"), "a name that is cut");
	tap_check(gr_proc_stat_parse("", &stat) == EINVAL &&
		  gr_proc_stat_parse("7 (sh", &stat) == EINVAL &&
		  gr_proc_stat_parse("7 (sh) S 1", &stat) == EINVAL &&
		  gr_proc_stat_parse(") (", &stat) == EINVAL, "broken lines");
	tap_check(gr_proc_stat(getpid(), &stat) == 0, "our own");
	tap_check(gr_proc_stat(0x7ffffffe, &stat) == ENOENT, "no such process");
}

static void *sleep_on(void *arg)
{
	pause();
	return arg;
}

static pid_t big_child(void)
{
	pthread_t thread;
	int ready[2];
	char byte;
	pid_t pid;

	if (pipe(ready))
		return -1;
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, ODD_NAME);
		memset(mmap(NULL, RSS_BYTES, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 1, RSS_BYTES);
		pthread_create(&thread, NULL, sleep_on, NULL);
		pthread_create(&thread, NULL, sleep_on, NULL);
		if (write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	if (read(ready[0], &byte, 1) != 1)
		pid = -1;
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static const struct glassram_process *find(const struct glassram_process *list, size_t nr,
					   pid_t pid)
{
	for (size_t i = 0; i < nr; i++)
		if (list[i].pid == pid)
			return &list[i];
	return NULL;
}

static void test_list(pid_t child, pid_t zombie)
{
	const struct glassram_process *found;
	struct glassram_process *list;
	bool sorted = true, alive = true;
	size_t nr;

	tap_check(!glassram_processes(&list, &nr), "the list can be had");
	found = find(list, nr, child);
	tap_check(found, "a child is listed");
	if (found) {
		tap_check(found->threads == 3, "with its threads");
		tap_check(found->rss >= RSS_BYTES, "with its resident bytes");
		tap_check(!strcmp(found->comm, ODD_NAME), "with its name as it is");
		tap_check(found->watchable, "as one that we may watch");
	}
	tap_check(!find(list, nr, zombie), "a zombie is not listed");
	tap_check(!find(list, nr, getpid()), "we are not listed");
	for (size_t i = 0; i < nr; i++) {
		if (i && list[i - 1].rss < list[i].rss)
			sorted = false;
		if (kill(list[i].pid, 0) && errno == ESRCH && list[i].pid != zombie)
			alive = false;
	}
	tap_check(sorted, "largest first");
	tap_check(alive, "and all of them exist");
	free(list);
}

/* As nobody, the child of root is listed but not watchable. */
static int as_nobody(pid_t child)
{
	const struct glassram_process *found;
	struct glassram_process *list;
	size_t nr;

	if (setgid(65534) || setuid(65534) || glassram_processes(&list, &nr))
		return 2;
	found = find(list, nr, child);
	return found && !found->watchable ? 0 : 1;
}

static void test_nobody(pid_t child)
{
	int status = -1;
	pid_t pid;

	if (geteuid()) {
		tap_skip("another user's process is not watchable", "only root can become another user");
		return;
	}
	fflush(stdout);
	pid = fork();
	if (!pid)
		_exit(as_nobody(child));
	waitpid(pid, &status, 0);
	tap_check(status == 0, "another user's process is not watchable");
}

int main(void)
{
	pid_t child = big_child(), zombie = fork();
	siginfo_t info;

	if (!zombie)
		_exit(0);
	waitid(P_PID, zombie, &info, WEXITED | WNOWAIT);
	test_stat_line();
	test_list(child, zombie);
	test_nobody(child);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	waitpid(zombie, NULL, 0);
	return tap_end();
}
