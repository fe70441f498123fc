// SPDX-License-Identifier: GPL-2.0-only
/*
 * rmmod and insmod as system calls: see loader.h.
 *
 * Weak spot: between rmmod and insmod the device is away for some
 * milliseconds, so who attaches beside an unloader must try again.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loader.h"
#include "session.h"

int module_unload(void)
{
	return syscall(SYS_delete_module, "glassram", O_NONBLOCK) ? -errno : 0;
}

int module_unload_within(int ms)
{
	uint64_t end = now_ns() + patience_ns((uint64_t)ms);
	int err;

	while ((err = module_unload()) && now_ns() < end)
		usleep(20000);
	return err;
}

static int insert(void)
{
	const char *path = getenv("GLASSRAM_MODULE");
	char built[512];
	struct utsname name;
	int fd, err = 0;

	uname(&name);
	snprintf(built, sizeof(built), "build/kmod-%s/glassram.ko", name.release);
	fd = open(path ? path : built, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (syscall(SYS_finit_module, fd, "", 0))
		err = -errno;
	close(fd);
	return err;
}

int module_load(void)
{
	int err = insert();

	/* udev gives the node its group; wait for it, other tests need it. */
	if (!err && system("udevadm settle --timeout=10"))
		err = -EIO;
	return err;
}

static void unload_for_ever(volatile struct unloads *seen)
{
	unsigned int seed = 1;

	while (!seen->stop) {
		uint64_t begun = now_ns();
		int err = module_unload();

		/* -ENOENT: it could not be loaded the last time. */
		if (!err || err == -ENOENT) {
			err = insert();
			if (!err)
				seen->done++;
			if (now_ns() - begun > seen->longest_ns)
				seen->longest_ns = now_ns() - begun;
			/* Loading takes long: who waits for the device is to find it. */
			usleep(rand_r(&seed) % 200000);
		} else if (err == -EWOULDBLOCK) {
			seen->refused++;
			err = 0;
		}
		if (err && !seen->error)
			seen->error = err;
		/* Up to 2 ms, at any phase of what the test does. */
		usleep(rand_r(&seed) % 2000);
	}
}

int unloader_start(struct unloader *ret)
{
	ret->seen = mmap(NULL, sizeof(*ret->seen), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (ret->seen == MAP_FAILED)
		return -errno;
	ret->pid = fork();
	if (ret->pid < 0)
		return -errno;
	if (!ret->pid) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		unload_for_ever(ret->seen);
		_exit(0);
	}
	return 0;
}

struct unloads unloader_stop(struct unloader *u)
{
	struct unloads seen = {0};

	if (u->pid <= 0)
		return seen;
	u->seen->stop = 1;
	waitpid(u->pid, NULL, 0);
	seen.refused = u->seen->refused;
	seen.done = u->seen->done;
	seen.longest_ns = u->seen->longest_ns;
	seen.error = u->seen->error;
	munmap((void *)u->seen, sizeof(*u->seen));
	u->pid = 0;
	return seen;
}
