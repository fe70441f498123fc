// SPDX-License-Identifier: GPL-2.0-only
/*
 * Several clients of one address space: who may do what, and who inherits.
 *
 * Weak spot: which of two clients that attach at the same moment becomes the
 * owner is not laid down, and not tested.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "session.h"
#include "target.h"

#include "kselftest_harness.h"

#define PAGES 64

/* Writes all pages once for each step. */
static int writing_target(struct target *t)
{
	char *arena = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (arena == MAP_FAILED)
		return 1;
	t->shared[0] = (uintptr_t)arena;
	for (;;) {
		target_pause(t);
		for (int i = 0; i < PAGES; i++)
			arena[i * PAGE]++;
	}
}

FIXTURE(clients)
{
	struct target target;
	struct session first;
	struct session second;
	uint64_t arena;
};

FIXTURE_SETUP(clients)
{
	self->second = (struct session){.fd = -1, .mem_fd = -1, .pagemap_fd = -1,
					.counters_fd = -1};
	ASSERT_EQ(0, target_start(&self->target, writing_target));
	self->arena = self->target.shared[0];
	ASSERT_EQ(0, session_open_flags(&self->first, self->target.pid, GLASSRAM_ATTACH_SHARED));
	ASSERT_EQ(0, session_advance(&self->first, 0));
}

FIXTURE_TEARDOWN(clients)
{
	session_close(&self->second);
	session_close(&self->first);
	target_kill(&self->target);
}

static short polled(const struct session *s)
{
	struct pollfd p = {.fd = s->fd, .events = POLLIN | POLLPRI};

	return poll(&p, 1, 0) < 0 ? -1 : p.revents;
}

TEST_F(clients, without_the_flag_the_second_one_is_refused)
{
	EXPECT_EQ(-EBUSY, session_open(&self->second, self->target.pid));
}

TEST_F(clients, both_see_the_same_counters)
{
	ASSERT_EQ(0, session_open_flags(&self->second, self->target.pid, GLASSRAM_ATTACH_SHARED));
	ASSERT_EQ(0, target_next(&self->target));
	ASSERT_EQ(0, session_advance(&self->first, 0));
	ASSERT_EQ(0, session_import(&self->second));
	EXPECT_EQ(PAGES, session_area_hits(&self->first, self->arena, PAGES * PAGE));
	EXPECT_EQ(PAGES, session_area_hits(&self->second, self->arena, PAGES * PAGE));

	ASSERT_EQ(0, session_stats(&self->first));
	ASSERT_EQ(0, session_stats(&self->second));
	EXPECT_EQ(1, self->first.stats.owner);
	EXPECT_EQ(0, self->second.stats.owner);
	EXPECT_EQ(2, self->second.stats.clients);
	EXPECT_EQ(self->first.stats.session, self->second.stats.session);
}

TEST_F(clients, a_reader_changes_nothing)
{
	struct glassram_options options = {.size = sizeof(options)};
	struct glassram_target_add add;

	ASSERT_EQ(0, session_open_flags(&self->second, self->target.pid, GLASSRAM_ATTACH_SHARED));
	EXPECT_EQ(-EPERM, session_advance(&self->second, 0));
	EXPECT_EQ(-EPERM, session_advance(&self->second, GLASSRAM_ADVANCE_PACED));
	EXPECT_EQ(-EPERM, session_pause(&self->second, true));
	EXPECT_EQ(-EPERM, session_reset(&self->second));
	EXPECT_EQ(-EPERM, session_drop(&self->second, 0));
	EXPECT_EQ(-EPERM, session_add(&self->second, getpid(), &add));
	EXPECT_EQ(0, ioctl(self->second.fd, GLASSRAM_OPTIONS, &options));
	EXPECT_EQ(GLASSRAM_RATE_DEFAULT, options.rate_hz);
	options.flags = GLASSRAM_OPTION_RATE;
	EXPECT_EQ(-1, ioctl(self->second.fd, GLASSRAM_OPTIONS, &options));
	EXPECT_EQ(EPERM, errno);
}

TEST_F(clients, each_has_a_poll_state_of_its_own)
{
	ASSERT_EQ(0, session_open_flags(&self->second, self->target.pid, GLASSRAM_ATTACH_SHARED));
	ASSERT_EQ(0, session_stats(&self->first));
	EXPECT_EQ(0, polled(&self->second) & POLLIN);
	ASSERT_EQ(0, session_advance(&self->first, 0));
	EXPECT_EQ(POLLIN, polled(&self->first) & POLLIN);
	EXPECT_EQ(POLLIN, polled(&self->second) & POLLIN);
	ASSERT_EQ(0, session_stats(&self->first));
	EXPECT_EQ(0, polled(&self->first) & POLLIN);
	EXPECT_EQ(POLLIN, polled(&self->second) & POLLIN);
}

TEST_F(clients, the_second_inherits_and_keeps_the_counters)
{
	ASSERT_EQ(0, session_open_flags(&self->second, self->target.pid, GLASSRAM_ATTACH_SHARED));
	ASSERT_EQ(0, target_next(&self->target));
	ASSERT_EQ(0, session_advance(&self->first, 0));
	ASSERT_EQ(0, session_stats(&self->second));
	EXPECT_EQ(0, polled(&self->second) & POLLPRI);
	session_close(&self->first);

	EXPECT_EQ(POLLPRI, polled(&self->second) & POLLPRI);
	ASSERT_EQ(0, session_stats(&self->second));
	EXPECT_EQ(1, self->second.stats.owner);
	EXPECT_EQ(1, self->second.stats.clients);
	EXPECT_EQ(0, polled(&self->second) & POLLPRI);

	ASSERT_EQ(0, target_next(&self->target));
	ASSERT_EQ(0, session_advance(&self->second, 0));
	EXPECT_EQ(2 * PAGES, session_area_hits(&self->second, self->arena, PAGES * PAGE));
	EXPECT_EQ(0, self->second.stats.unexplained);
}

TEST_F(clients, a_reader_that_goes_changes_nothing)
{
	ASSERT_EQ(0, session_open_flags(&self->second, self->target.pid, GLASSRAM_ATTACH_SHARED));
	session_close(&self->second);
	ASSERT_EQ(0, target_next(&self->target));
	ASSERT_EQ(0, session_advance(&self->first, 0));
	EXPECT_EQ(PAGES, session_area_hits(&self->first, self->arena, PAGES * PAGE));
	EXPECT_EQ(0, polled(&self->first) & POLLPRI);
}

TEST_F(clients, after_the_last_one_nothing_is_left)
{
	ASSERT_EQ(0, session_open_flags(&self->second, self->target.pid, GLASSRAM_ATTACH_SHARED));
	session_close(&self->first);
	EXPECT_EQ(!arms_by_soft_dirty(), !!proc_uffd_mappings(self->target.pid));
	session_close(&self->second);
	EXPECT_EQ(0, proc_uffd_mappings(self->target.pid));
	ASSERT_EQ(0, session_open(&self->first, self->target.pid));
}

static int try_as_nobody(pid_t pid, uid_t uid)
{
	struct session s;
	int ret;

	if (setresuid(uid, uid, uid))
		return 1;
	ret = session_open_flags(&s, pid, GLASSRAM_ATTACH_SHARED);
	session_close(&s);
	return ret == -EACCES || ret == -EPERM ? 0 : 2;
}

TEST_F(clients, another_user_cannot_join)
{
	int status;
	pid_t child = fork();

	ASSERT_LE(0, child);
	if (!child)
		_exit(try_as_nobody(self->target.pid, 65534));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
}

TEST_HARNESS_MAIN
