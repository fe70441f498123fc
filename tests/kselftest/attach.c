// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whom ATTACH accepts: the permission is an open /proc/PID/mem, and pid, mem
 * and pagemap must be one and the same address space.
 *
 * Weak spot: the lab's users `glass` (in group glassram) and `nobody2` (in no
 * group) are expected to exist; without them two tests fail, not skip.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>

#include "session.h"
#include "target.h"

#include "kselftest_harness.h"

static int idle_target(struct target *t)
{
	target_pause(t);
	return 0;
}

static int exec_target(struct target *t)
{
	target_pause(t);
	execl("/bin/sleep", "sleep", "30", (char *)NULL);
	return 1;
}

FIXTURE(attach)
{
	struct target target;
	struct glassram_attach arg; /* valid */
	int device;
};

FIXTURE_SETUP(attach)
{
	ASSERT_EQ(0, target_start(&self->target, idle_target));
	self->device = device_open();
	ASSERT_LE(0, self->device);
	self->arg = (struct glassram_attach){
		.size = sizeof(self->arg),
		.pid = self->target.pid,
		.mem_fd = proc_open(self->target.pid, "mem", O_RDWR),
		.pagemap_fd = proc_open(self->target.pid, "pagemap", O_RDONLY),
		.work_len = SESSION_WORK,
		.clear_refs_fd = proc_clear_refs(self->target.pid),
	};
	self->arg.work = (uintptr_t)mmap(NULL, SESSION_WORK, PROT_READ | PROT_WRITE,
					 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_LE(0, self->arg.mem_fd);
	ASSERT_LE(0, self->arg.pagemap_fd);
}

FIXTURE_TEARDOWN(attach)
{
	close(self->device);
	close(self->arg.mem_fd);
	close(self->arg.pagemap_fd);
	close(self->arg.clear_refs_fd);
	target_kill(&self->target);
}

/* A session fd, or -errno. */
static int do_attach(int device, const struct glassram_attach *arg)
{
	int fd = ioctl(device, GLASSRAM_ATTACH, arg);

	return fd < 0 ? -errno : fd;
}

#define ATTACH() do_attach(self->device, &self->arg)

TEST_F(attach, gives_a_close_on_exec_session)
{
	int fd = ATTACH();

	ASSERT_LE(0, fd);
	EXPECT_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD));
	close(fd);
}

TEST_F(attach, mem_opened_for_reading_is_enough)
{
	int fd;

	close(self->arg.mem_fd);
	self->arg.mem_fd = proc_open(self->target.pid, "mem", O_RDONLY);
	fd = ATTACH();
	EXPECT_LE(0, fd);
	close(fd);
}

TEST_F(attach, second_client_is_refused)
{
	int fd = ATTACH();
	uint64_t end;

	ASSERT_LE(0, fd);
	EXPECT_EQ(-EBUSY, ATTACH());
	close(fd);
	/* Clean-up may go on after close() for a moment, not for long. */
	end = now_ns() + patience_ns(2000);
	do {
		fd = ATTACH();
	} while (fd == -EBUSY && now_ns() < end && !usleep(10000));
	EXPECT_LE(0, fd);
	close(fd);
}

TEST_F(attach, fd_not_open)
{
	int mem = self->arg.mem_fd;

	self->arg.mem_fd = -1;
	EXPECT_EQ(-EBADF, ATTACH());
	self->arg.mem_fd = 999;
	EXPECT_EQ(-EBADF, ATTACH());
	self->arg.mem_fd = mem;
	mem = self->arg.pagemap_fd;
	self->arg.pagemap_fd = -1;
	EXPECT_EQ(-EBADF, ATTACH());
	self->arg.pagemap_fd = mem;
}

TEST_F(attach, fd_of_another_kind)
{
	static const char *const files[] = {"/dev/null", "/dev/zero", "/proc/self/maps",
					    "/dev/glassram", "/proc/self/status"};
	int mem = self->arg.mem_fd, pagemap = self->arg.pagemap_fd;

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		int fd = open(files[i], O_RDONLY | O_CLOEXEC);

		ASSERT_LE(0, fd) {
			TH_LOG("%s", files[i]);
		}
		self->arg.mem_fd = fd;
		EXPECT_EQ(-EINVAL, ATTACH())
			TH_LOG("mem is %s", files[i]);
		self->arg.mem_fd = mem;
		self->arg.pagemap_fd = fd;
		EXPECT_EQ(-EINVAL, ATTACH())
			TH_LOG("pagemap is %s", files[i]);
		self->arg.pagemap_fd = pagemap;
		close(fd);
	}
}

TEST_F(attach, mem_and_pagemap_exchanged)
{
	int mem = self->arg.mem_fd;

	self->arg.mem_fd = self->arg.pagemap_fd;
	self->arg.pagemap_fd = mem;
	EXPECT_EQ(-EINVAL, ATTACH());
	self->arg.pagemap_fd = self->arg.mem_fd;
	EXPECT_EQ(-EINVAL, ATTACH());
	self->arg.mem_fd = mem;
}

TEST_F(attach, a_file_that_is_only_called_mem)
{
	int mem = self->arg.mem_fd;

	self->arg.mem_fd = open("/tmp/mem", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ASSERT_LE(0, self->arg.mem_fd);
	EXPECT_EQ(-EINVAL, ATTACH());
	close(self->arg.mem_fd);
	unlink("/tmp/mem");
	self->arg.mem_fd = mem;
}

TEST_F(attach, foreign_mem)
{
	int mem = self->arg.mem_fd;

	self->arg.mem_fd = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	EXPECT_EQ(-EPERM, ATTACH());
	close(self->arg.mem_fd);
	self->arg.mem_fd = mem;
}

TEST_F(attach, foreign_pagemap)
{
	int pagemap = self->arg.pagemap_fd;

	self->arg.pagemap_fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	EXPECT_EQ(-EPERM, ATTACH());
	close(self->arg.pagemap_fd);
	self->arg.pagemap_fd = pagemap;
}

TEST_F(attach, foreign_pid)
{
	self->arg.pid = getpid();
	EXPECT_EQ(-EPERM, ATTACH());
}

TEST_F(attach, no_such_pid)
{
	self->arg.pid = 0;
	EXPECT_GT(0, ATTACH());
	self->arg.pid = -1;
	EXPECT_GT(0, ATTACH());
	self->arg.pid = 4194303;
	EXPECT_EQ(-ESRCH, ATTACH());
}

TEST_F(attach, dead_pid)
{
	kill(self->target.pid, SIGKILL);
	/* A zombie first, then nobody. */
	siginfo_t info;
	ASSERT_EQ(0, waitid(P_PID, self->target.pid, &info, WEXITED | WNOWAIT));
	EXPECT_EQ(-ESRCH, ATTACH());
	waitpid(self->target.pid, NULL, 0);
	EXPECT_EQ(-ESRCH, ATTACH());
}

TEST_F(attach, kernel_thread)
{
	int mem = self->arg.mem_fd, other = proc_open(2, "mem", O_RDWR);

	self->arg.pid = 2;
	EXPECT_EQ(-EINVAL, ATTACH());
	/* Where a kernel thread's mem can be opened, it is empty. */
	if (other >= 0) {
		self->arg.mem_fd = other;
		EXPECT_EQ(-EINVAL, ATTACH());
		self->arg.mem_fd = mem;
		close(other);
	}
}

TEST_F(attach, files_from_before_exec)
{
	struct glassram_attach arg = self->arg;
	struct target t;
	char comm[16] = "";
	int fd;

	ASSERT_EQ(0, target_start(&t, exec_target));
	arg.pid = t.pid;
	arg.mem_fd = proc_open(t.pid, "mem", O_RDWR);
	arg.pagemap_fd = proc_open(t.pid, "pagemap", O_RDONLY);
	EXPECT_EQ(-ESRCH, target_next(&t)); /* the pipes close on exec */
	fd = proc_open(t.pid, "comm", O_RDONLY);
	EXPECT_LT(0, read(fd, comm, sizeof(comm) - 1));
	EXPECT_STREQ("sleep\n", comm);
	close(fd);
	EXPECT_EQ(-EPERM, do_attach(self->device, &arg));
	close(arg.mem_fd);
	close(arg.pagemap_fd);
	target_kill(&t);
}

TEST_F(attach, work_area_wrong)
{
	uint64_t work = self->arg.work;
	void *read_only = mmap(NULL, SESSION_WORK, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	self->arg.work = work + 8;
	EXPECT_EQ(-EINVAL, ATTACH())
		TH_LOG("not page-aligned");
	self->arg.work = work;
	self->arg.work_len = GLASSRAM_WORK_MIN - 1;
	EXPECT_EQ(-EINVAL, ATTACH())
		TH_LOG("too short");
	self->arg.work_len = ~0ULL;
	EXPECT_GT(0, ATTACH())
		TH_LOG("longer than the address space");
	self->arg.work_len = SESSION_WORK;
	self->arg.work = 0;
	EXPECT_EQ(-EFAULT, ATTACH())
		TH_LOG("not there");
	self->arg.work = 0xffff800000000000ULL;
	EXPECT_EQ(-EFAULT, ATTACH())
		TH_LOG("in the kernel");
	self->arg.work = (uintptr_t)read_only;
	EXPECT_EQ(-EFAULT, ATTACH())
		TH_LOG("read-only");
	self->arg.work = work;
}

TEST_F(attach, a_failed_attach_leaves_nothing)
{
	struct glassram_query before = {.size = sizeof(before)}, after = before;
	int fd;

	ASSERT_EQ(0, ioctl(self->device, GLASSRAM_QUERY, &before));
	self->arg.pid = getpid();
	EXPECT_EQ(-EPERM, ATTACH());
	self->arg.pid = self->target.pid;
	ASSERT_EQ(0, ioctl(self->device, GLASSRAM_QUERY, &after));
	EXPECT_EQ(before.sessions, after.sessions);
	EXPECT_EQ(0, proc_uffd_mappings(self->target.pid));
	fd = ATTACH();
	EXPECT_LE(0, fd);
	close(fd);
}

TEST_F(attach, query_tells_what_there_is)
{
	struct glassram_query query = {.size = sizeof(query)};
	int fd = ATTACH();

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ioctl(self->device, GLASSRAM_QUERY, &query));
	EXPECT_EQ(GLASSRAM_API_VERSION, query.api_version);
	EXPECT_EQ(GLASSRAM_BLOCK_SLOTS, query.block_slots);
	EXPECT_EQ(0, query.features & ~GLASSRAM_FEATURE_VALID);
	/* One or the other; the older kernels have no policies either. */
	EXPECT_EQ(query.backends == GLASSRAM_BACKEND_WP_ASYNC,
		  !!(query.features & GLASSRAM_FEATURE_POLICY));
	EXPECT_TRUE(query.backends == GLASSRAM_BACKEND_WP_ASYNC ||
		    query.backends == GLASSRAM_BACKEND_SOFT_DIRTY);
	EXPECT_EQ(GLASSRAM_MAX_SLOTS, query.max_slots);
	EXPECT_LE(4096, query.max_threads);
	EXPECT_EQ(1, query.sessions);
	close(fd);
}

/* In a child: become that user for good, and be one whose own children can be looked at. */
static void become(const char *name)
{
	struct passwd *user = getpwnam(name);

	if (!user || initgroups(name, user->pw_gid) || setgid(user->pw_gid) ||
	    setuid(user->pw_uid) || prctl(PR_SET_DUMPABLE, 1))
		_exit(50);
}

/* Exit status of a child that runs @body as user @name. */
static int run_as(const char *name, int (*body)(void))
{
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		become(name);
		_exit(body());
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int watch_own_child(void)
{
	struct session s = {.fd = -1};
	struct target t;
	int err;

	if (target_start(&t, idle_target))
		return 1;
	err = session_open(&s, t.pid);
	if (!err)
		err = session_advance(&s, 0);
	session_close(&s);
	target_kill(&t);
	return err ? 2 : 0;
}

static pid_t roots_pid;

static int watch_roots(void)
{
	struct session s;
	struct target t;
	struct glassram_attach arg = {.size = sizeof(arg), .work_len = SESSION_WORK};
	int device = device_open(), err;

	if (device < 0)
		return 1;
	/* The front door ... */
	if (session_open(&s, roots_pid) != -EACCES)
		return 2;
	session_close(&s);
	/* ... and one's own files with another's pid. */
	if (target_start(&t, idle_target))
		return 3;
	arg.pid = roots_pid;
	arg.mem_fd = proc_open(t.pid, "mem", O_RDWR);
	arg.pagemap_fd = proc_open(t.pid, "pagemap", O_RDONLY);
	arg.work = (uintptr_t)mmap(NULL, SESSION_WORK, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	err = do_attach(device, &arg);
	target_kill(&t);
	return err == -EPERM ? 0 : 4;
}

static int open_device_at_all(void)
{
	int fd = device_open();

	return fd == -EACCES ? 0 : 1;
}

TEST_F(attach, group_member_watches_own_process)
{
	EXPECT_EQ(0, run_as("glass", watch_own_child));
}

TEST_F(attach, group_member_cannot_watch_roots_process)
{
	roots_pid = self->target.pid;
	EXPECT_EQ(0, run_as("glass", watch_roots));
}

TEST_F(attach, a_user_outside_the_group_cannot_open_the_device)
{
	EXPECT_EQ(0, run_as("nobody2", open_device_at_all));
}

TEST_HARNESS_MAIN
