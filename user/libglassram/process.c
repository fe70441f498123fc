// SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0
/*
 * What /proc says about processes: the list to pick from, and the few facts
 * that attach needs for its messages.
 *
 * Weak spot: a process may exit between two reads; it is then left out.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "internal.h"

/* Bit of the flags field in /proc/PID/stat: proc(5) points at PF_* for it. */
#define PF_KTHREAD 0x00200000U

int gr_read_file(const char *path, char *buffer, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length;
	int err;

	if (fd < 0)
		return errno;
	length = read(fd, buffer, size - 1);
	err = length < 0 ? errno : 0;
	close(fd);
	if (!err)
		buffer[length] = '\0';
	return err;
}

int gr_proc_stat_parse(const char *line, struct gr_proc_stat *ret_stat)
{
	const char *begin = strchr(line, '(');
	/* comm may hold anything, also ")": only the last one ends it */
	const char *end = strrchr(line, ')');
	struct gr_proc_stat stat = { 0 };
	unsigned int flags;
	size_t length;
	char state;

	if (!begin || !end || end < begin)
		return EINVAL;
	if (sscanf(end + 1, " %c %*d %*d %*d %*d %*d %u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %u",
		   &state, &flags, &stat.threads) != 3)
		return EINVAL;
	length = end - begin - 1;
	if (length >= sizeof(stat.comm))
		length = sizeof(stat.comm) - 1;
	memcpy(stat.comm, begin + 1, length);
	stat.kthread = flags & PF_KTHREAD;
	stat.dead = state == 'Z' || state == 'X';
	*ret_stat = stat;
	return 0;
}

int gr_proc_stat(pid_t pid, struct gr_proc_stat *ret_stat)
{
	char path[32], line[1024];
	int err;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	err = gr_read_file(path, line, sizeof(line));
	/* a process that dies between open and read gives ESRCH */
	if (err == ESRCH)
		return ENOENT;
	return err ?: gr_proc_stat_parse(line, ret_stat);
}

bool gr_has_capability(unsigned int cap)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &header, data))
		return false;
	return data[cap / 32].effective >> cap % 32 & 1;
}

static uint64_t proc_rss(pid_t pid)
{
	unsigned long long resident;
	char path[32], line[256];

	snprintf(path, sizeof(path), "/proc/%d/statm", pid);
	if (gr_read_file(path, line, sizeof(line)) || sscanf(line, "%*u %llu", &resident) != 1)
		return 0;
	return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Opening mem is the very check that attach makes. */
static bool proc_watchable(pid_t pid)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	close(fd);
	return true;
}

static int by_rss(const void *a, const void *b)
{
	const struct glassram_process *x = a, *y = b;

	if (x->rss != y->rss)
		return x->rss < y->rss ? 1 : -1;
	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

static bool is_number(const char *name)
{
	for (; *name; name++)
		if (!isdigit((unsigned char)*name))
			return false;
	return true;
}

enum glassram_error glassram_processes(struct glassram_process **ret_processes, size_t *ret_nr)
{
	struct glassram_process *list = NULL;
	size_t nr = 0, capacity = 0;
	struct dirent *entry;
	DIR *dir;

	if (!ret_processes || !ret_nr)
		return gr_fail(GLASSRAM_ERR_INVALID, "glassram_processes: both result pointers are needed");
	dir = opendir("/proc");
	if (!dir)
		return gr_fail_errno(errno, "cannot read /proc (is it mounted?)");
	while ((entry = readdir(dir))) {
		struct glassram_process process = { 0 };
		struct gr_proc_stat stat;

		if (!is_number(entry->d_name))
			continue;
		process.pid = atoi(entry->d_name);
		if (process.pid == getpid() || gr_proc_stat(process.pid, &stat))
			continue;
		if (stat.kthread || stat.dead)
			continue;
		memcpy(process.comm, stat.comm, sizeof(process.comm));
		process.threads = stat.threads;
		process.rss = proc_rss(process.pid);
		process.watchable = proc_watchable(process.pid);
		if (nr == capacity) {
			size_t more = capacity ? 2 * capacity : 64;
			void *grown = reallocarray(list, more, sizeof(*list));

			if (!grown) {
				free(list);
				closedir(dir);
				return gr_fail_errno(ENOMEM, "cannot list the processes");
			}
			list = grown;
			capacity = more;
		}
		list[nr++] = process;
	}
	closedir(dir);
	if (nr)
		qsort(list, nr, sizeof(*list), by_rss);
	*ret_processes = list;
	*ret_nr = nr;
	return GLASSRAM_OK;
}
