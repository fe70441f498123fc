// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whatever somebody keeps of a session, the module stays until that is gone,
 * and then goes.
 *
 * The first test is named after a crash of an early version, which gave out a
 * fence for each epoch: hold the fence, close the session, unload the module,
 * ask the fence for its name, and the kernel jumped into freed text. Counters
 * carry no fence of ours now; what the kernel exports in its place must not
 * depend on the module.
 *
 * Weak spot: an import by a device driver is tried with vgem only, where the
 * kernel has it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <drm/drm.h>
#include <linux/dma-buf.h>
#include <linux/sync_file.h>

#include "race.h"

#include "kselftest_harness.h"

FIXTURE(race_module)
{
	struct target target;
	struct session session;
};

FIXTURE_SETUP(race_module)
{
	ASSERT_EQ(0, target_start(&self->target, racing_target));
	/* It sleeps now and then: rmmod waits until every task has, and there are many here. */
	self->target.shared[RACE_REST] = 2000;
	race_go(&self->target);
	ASSERT_EQ(0, race_open(&self->session, self->target.pid));
	ASSERT_EQ(0, session_advance(&self->session, 0));
}

FIXTURE_TEARDOWN(race_module)
{
	session_close(&self->session);
	target_kill(&self->target);
}

/* Everything is closed now: the module goes, the target runs on, and all begins anew. */
static void expect_gone_and_back(struct __test_metadata *_metadata,
				 FIXTURE_DATA(race_module) *self)
{
	struct session *s = &self->session;
	int err = module_unload_within(20000);

	ASSERT_EQ(0, err) TH_LOG("rmmod: %s", strerror(-err));
	EXPECT_EQ(0, proc_uffd_mappings(self->target.pid));
	EXPECT_TRUE(race_moves(&self->target, 10000));
	ASSERT_EQ(0, module_load());
	ASSERT_EQ(0, race_open(s, self->target.pid));
	EXPECT_EQ(0, session_advance(s, 0));
	session_close(s);
	EXPECT_EQ(0, race_end(&self->target));
}

static bool stays(void)
{
	/* Long enough for the clean-up of a close to be over. */
	usleep(300000);
	return module_unload() == -EWOULDBLOCK;
}

TEST_F_TIMEOUT(race_module, fence_oops, 120)
{
	struct dma_buf_export_sync_file export = {.flags = DMA_BUF_SYNC_RW, .fd = -1};
	struct sync_fence_info fences[4] = {0};
	struct sync_file_info info = {0};
	struct session *s = &self->session;
	int counters = dup(s->counters_fd);

	ASSERT_LE(0, counters);
	ASSERT_EQ(0, ioctl(counters, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &export))
		TH_LOG("no sync file: %s", strerror(errno));
	session_close(s);
	EXPECT_TRUE(stays());
	close(counters);
	/* Only the sync file is left. It may pin the module, or work without it. */
	if (!module_unload_within(20000))
		TH_LOG("the module went, the sync file stays");
	ASSERT_EQ(0, ioctl(export.fd, SYNC_IOC_FILE_INFO, &info));
	EXPECT_EQ(1, info.status) TH_LOG("a fence that has not signalled");
	info.sync_fence_info = (uintptr_t)fences;
	info.num_fences = ARRAY_SIZE(fences);
	ASSERT_EQ(0, ioctl(export.fd, SYNC_IOC_FILE_INFO, &info));
	for (unsigned int i = 0; i < info.num_fences; i++)
		EXPECT_EQ(NULL, strstr(fences[i].driver_name, "glassram"));
	close(export.fd);
	if (access("/dev/glassram", F_OK))
		ASSERT_EQ(0, module_load());
	expect_gone_and_back(_metadata, self);
}

TEST_F_TIMEOUT(race_module, stays_for_each_thing_alone, 120)
{
	struct session *s = &self->session;
	const volatile struct glassram_control *control = s->control;
	int counters = dup(s->counters_fd), session = dup(s->fd);
	char *map = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, s->counters_fd, 0);
	uint32_t epoch;

	ASSERT_NE(MAP_FAILED, map);
	s->control = NULL;
	session_close(s);
	EXPECT_TRUE(stays());
	/* One after the other: what is left still works, and still holds the module. */
	close(session);
	EXPECT_TRUE(stays());
	epoch = control->epoch;
	EXPECT_LT(0, epoch);
	close(counters);
	EXPECT_TRUE(stays());
	EXPECT_LE(0, *(volatile char *)map);
	munmap(map, PAGE);
	EXPECT_TRUE(stays());
	EXPECT_EQ(epoch, control->epoch);
	munmap((void *)control, PAGE);
	expect_gone_and_back(_metadata, self);
}

/* A fork has mappings of its own; the parent's going must not matter. */
TEST_F_TIMEOUT(race_module, stays_for_a_child_of_the_client, 120)
{
	struct session *s = &self->session;
	int pipe_fds[2], status;
	pid_t child;

	ASSERT_EQ(0, pipe2(pipe_fds, O_CLOEXEC));
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		char byte;

		close(pipe_fds[1]);
		close(s->fd);
		close(s->counters_fd);
		_exit(read(pipe_fds[0], &byte, 1) == 0 && s->control->size ? 0 : 1);
	}
	close(pipe_fds[0]);
	session_close(s);
	EXPECT_TRUE(stays());
	close(pipe_fds[1]);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	expect_gone_and_back(_metadata, self);
}

/* A DRM device with vgem behind it, or -1. */
static int open_vgem(void)
{
	char name[16], path[32];

	if (system("modprobe -q vgem"))
		return -1;
	for (int i = 0; i < 8; i++) {
		struct drm_version version = {.name = name, .name_len = sizeof(name)};
		int fd;

		snprintf(path, sizeof(path), "/dev/dri/card%d", i);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			continue;
		memset(name, 0, sizeof(name));
		if (!ioctl(fd, DRM_IOCTL_VERSION, &version) && !strncmp(name, "vgem", 4))
			return fd;
		close(fd);
	}
	return -1;
}

TEST_F_TIMEOUT(race_module, stays_for_an_import, 120)
{
	struct session *s = &self->session;
	struct drm_prime_handle prime = {.fd = s->counters_fd};
	struct drm_gem_close gone = {0};
	int drm = open_vgem();

	if (drm < 0)
		SKIP(return, "this kernel has no vgem");
	ASSERT_EQ(0, ioctl(drm, DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime))
		TH_LOG("import: %s", strerror(errno));
	session_close(s);
	EXPECT_TRUE(stays());
	gone.handle = prime.handle;
	ASSERT_EQ(0, ioctl(drm, DRM_IOCTL_GEM_CLOSE, &gone));
	close(drm);
	expect_gone_and_back(_metadata, self);
}

/* Switched off while a session is there: refused. Before: the attach says so. */
TEST_F_TIMEOUT(race_module, tracing_switched_off_is_refused_or_reported, 120)
{
	static const char ftrace[] = "/proc/sys/kernel/ftrace_enabled";
	struct session *s = &self->session;
	int err;

	EXPECT_EQ(-EBUSY, race_write_file(ftrace, "0"));
	EXPECT_EQ(0, session_advance(s, 0));
	session_close(s);
	/* The hook stays for a few seconds after the last session; rmmod takes it at once. */
	ASSERT_EQ(0, module_unload_within(20000));
	ASSERT_EQ(0, module_load());
	ASSERT_EQ(0, race_write_file(ftrace, "0"));
	err = session_open(s, self->target.pid);
	EXPECT_EQ(-EBUSY, err);
	session_close(s);
	EXPECT_EQ(0, proc_uffd_mappings(self->target.pid));
	ASSERT_EQ(0, race_write_file(ftrace, "1"));
	ASSERT_EQ(0, race_open(s, self->target.pid));
	EXPECT_EQ(0, session_advance(s, 0));
	session_close(s);
	expect_gone_and_back(_metadata, self);
}

/* Somebody switches tracing off and on all the time; counts stay exact. */
TEST_F_TIMEOUT(race_module, tracing_switched_under_load, 300)
{
	static const char ftrace[] = "/proc/sys/kernel/ftrace_enabled";
	unsigned int rounds = race_rounds(4), watched = 0, refused = 0;
	struct session *s = &self->session;
	pid_t switcher;

	session_close(s);
	switcher = fork();
	ASSERT_LE(0, switcher);
	if (!switcher) {
		for (;;) {
			race_write_file(ftrace, "0");
			usleep(3000);
			race_write_file(ftrace, "1");
			usleep(20000);
		}
	}
	for (unsigned int i = 0; i < rounds || !watched; i++) {
		int err = session_open(s, self->target.pid);

		EXPECT_TRUE(!err || err == -EBUSY) TH_LOG("%s", strerror(-err));
		refused += !!err;
		watched += !err;
		for (int n = 0; !err && n < 5; n++) {
			EXPECT_EQ(0, session_advance(s, 0));
			ASSERT_EQ(0, session_stats(s));
			EXPECT_EQ(0, s->stats.unexplained);
			EXPECT_EQ(0, s->stats.lost);
		}
		session_close(s);
		/* Gone with the module, so that it is registered anew each time. */
		EXPECT_EQ(0, module_unload_within(20000));
		ASSERT_EQ(0, module_load());
	}
	kill(switcher, SIGKILL);
	waitpid(switcher, NULL, 0);
	ASSERT_EQ(0, race_write_file(ftrace, "1"));
	TH_LOG("%u watched, %u refused", watched, refused);
	expect_gone_and_back(_metadata, self);
}

TEST_HARNESS_MAIN
