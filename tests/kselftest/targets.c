// SPDX-License-Identifier: GPL-2.0-only
/*
 * Several targets in one session: added, counted apart, dropped; their slots
 * used again.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "session.h"
#include "target.h"

#include "kselftest_harness.h"

#define PAGES 64

static char *arena;

/* Every target maps the same addresses: made before the forks. Step n writes n pages. */
static int writing_target(struct target *t)
{
	t->shared[0] = (uintptr_t)arena;
	for (int n = 1; n <= PAGES; n++) {
		target_pause(t);
		for (int i = 0; i < n; i++)
			arena[i * PAGE]++;
	}
	return 0;
}

static int idle_target(struct target *t)
{
	target_pause(t);
	return 0;
}

FIXTURE(targets)
{
	struct target first;
	struct target second;
	struct session session;
	struct glassram_target_add add;
};

FIXTURE_SETUP(targets)
{
	arena = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	ASSERT_NE(MAP_FAILED, arena);
	ASSERT_EQ(0, target_start(&self->first, writing_target));
	ASSERT_EQ(0, target_start(&self->second, writing_target));
	ASSERT_EQ(0, session_open(&self->session, self->first.pid));
	ASSERT_EQ(0, session_advance(&self->session, 0));
	ASSERT_EQ(0, session_add(&self->session, self->second.pid, &self->add));
}

FIXTURE_TEARDOWN(targets)
{
	session_close(&self->session);
	target_kill(&self->first);
	target_kill(&self->second);
}

static uint64_t hits_of(struct session *s, uint32_t target)
{
	s->target = target;
	return session_area_hits(s, (uintptr_t)arena, PAGES * PAGE);
}

static int list_targets(const struct session *s, struct glassram_target *ret, uint32_t room)
{
	struct glassram_targets arg = {
		.size = sizeof(arg), .targets = (uintptr_t)ret, .nr_targets = room,
	};

	return ioctl(s->fd, GLASSRAM_TARGETS, &arg) ? -errno : (int)arg.nr_targets;
}

TEST_F(targets, each_has_counters_of_its_own)
{
	struct session *s = &self->session;

	EXPECT_EQ(1, self->add.target);
	/* Armed by TARGET_ADD alone: the first write of each page counts. */
	ASSERT_EQ(0, target_next(&self->second));
	ASSERT_EQ(0, session_advance(s, 0));
	EXPECT_EQ(0, hits_of(s, 0));
	EXPECT_EQ(1, hits_of(s, 1));
	ASSERT_EQ(0, target_next(&self->first));
	ASSERT_EQ(0, target_next(&self->second));
	ASSERT_EQ(0, session_advance(s, 0));
	EXPECT_EQ(1, hits_of(s, 0));
	EXPECT_EQ(3, hits_of(s, 1));
	ASSERT_EQ(0, session_stats(s));
	EXPECT_EQ(2, s->stats.targets);
	EXPECT_EQ(0, s->stats.unexplained);
	EXPECT_EQ(0, s->stats.lost);
}

TEST_F(targets, tables_tell_them_apart)
{
	struct glassram_target list[2];
	struct glassram_region *regions;
	struct glassram_thread *threads;
	struct session *s = &self->session;
	int n, of_second = 0, written_by_second = 0;
	char *names;
	bool seen_two = false;

	EXPECT_EQ(-ENOSPC, list_targets(s, NULL, 0));
	ASSERT_EQ(2, list_targets(s, list, 2));
	EXPECT_EQ(0, list[0].id);
	EXPECT_EQ(self->first.pid, list[0].tgid);
	EXPECT_EQ(1, list[1].id);
	EXPECT_EQ(self->second.pid, list[1].tgid);
	EXPECT_EQ(GLASSRAM_STATE_LIVE, list[1].state);
	EXPECT_STREQ("targets", list[1].comm);

	n = session_regions(s, &regions, &names);
	ASSERT_LT(0, n);
	for (int i = 0; i < n; i++) {
		EXPECT_FALSE(seen_two && regions[i].target == 0);
		seen_two = seen_two || regions[i].target == 1;
		of_second += regions[i].target == 1 &&
			     regions[i].state == GLASSRAM_REGION_WATCHED;
		if (regions[i].prot & GLASSRAM_REGION_EXEC && regions[i].inode)
			EXPECT_EQ('/', names[regions[i].name]);
	}
	EXPECT_EQ(list[1].regions, of_second);
	free(regions);
	free(names);

	ASSERT_EQ(0, target_next(&self->second));
	n = session_threads(s, &threads, NULL);
	for (int i = 0; i < n; i++)
		if (threads[i].tgid == (uint32_t)self->second.pid) {
			EXPECT_EQ(1, threads[i].target);
			written_by_second++;
		}
	EXPECT_EQ(1, written_by_second);
	free(threads);
}

TEST_F(targets, written_ranges_name_their_target)
{
	struct session *s = &self->session;
	uint64_t pages[2] = {};

	ASSERT_EQ(0, session_advance(s, 0));
	for (int step = 0; step < 3; step++)
		ASSERT_EQ(0, target_next(&self->second));
	ASSERT_EQ(0, target_next(&self->first));
	ASSERT_EQ(0, session_advance(s, 0));
	for (uint32_t i = 0; i < s->advanced.nr_ranges; i++) {
		const struct page_region *range = &session_ranges(s)[i];
		uint64_t id = range->categories >> 32;

		ASSERT_GT(2, id);
		if (range->start >= (uintptr_t)arena && range->end <= (uintptr_t)arena + PAGES * PAGE)
			pages[id] += (range->end - range->start) / PAGE;
	}
	EXPECT_EQ(1, pages[0]);
	EXPECT_EQ(3, pages[1]);
}

TEST_F(targets, the_same_one_twice)
{
	struct glassram_target_add again;
	struct session other;

	EXPECT_EQ(-EEXIST, session_add(&self->session, self->second.pid, &again));
	EXPECT_EQ(1, again.target);
	EXPECT_EQ(-EBUSY, session_open(&other, self->second.pid));
	session_close(&other);
}

TEST_F(targets, one_of_another_session)
{
	struct glassram_target_add add;
	struct session other;
	struct target third;

	ASSERT_EQ(0, target_start(&third, idle_target));
	ASSERT_EQ(0, session_open(&other, third.pid));
	EXPECT_EQ(-EBUSY, session_add(&self->session, third.pid, &add));
	session_close(&other);
	EXPECT_EQ(0, session_add(&self->session, third.pid, &add));
	EXPECT_EQ(2, add.target);
	target_kill(&third);
}

TEST_F(targets, the_session_lives_as_long_as_one_of_them)
{
	struct pollfd p = {.fd = self->session.fd};
	struct session *s = &self->session;
	struct glassram_target list[2];

	kill(self->first.pid, SIGKILL);
	waitpid(self->first.pid, NULL, 0);
	ASSERT_EQ(0, target_next(&self->second));
	ASSERT_EQ(0, session_advance(s, 0));
	EXPECT_EQ(GLASSRAM_ADVANCED_TARGETS, s->advanced.result & GLASSRAM_ADVANCED_TARGETS);
	EXPECT_EQ(1, hits_of(s, 1));
	ASSERT_EQ(2, list_targets(s, list, 2));
	EXPECT_EQ(GLASSRAM_STATE_ENDED, list[0].state);
	EXPECT_EQ(GLASSRAM_STATE_LIVE, list[1].state);
	EXPECT_EQ(0, poll(&p, 1, 0));
	kill(self->second.pid, SIGKILL);
	EXPECT_EQ(1, poll(&p, 1, patience_ms(5000)));
	EXPECT_EQ(POLLHUP, p.revents);
	EXPECT_EQ(-ESRCH, session_advance(s, 0));
}

TEST_F(targets, dropped_slots_are_cleared_and_used_again)
{
	struct session *s = &self->session;
	uint64_t slots, generation;
	uint32_t nr_blocks;

	ASSERT_EQ(0, target_next(&self->second));
	ASSERT_EQ(0, session_advance(s, 0));
	ASSERT_EQ(0, session_stats(s));
	slots = s->stats.slots;
	nr_blocks = s->nr_blocks;

	for (int round = 0; round < 30; round++) {
		uint32_t id = self->add.target;

		ASSERT_EQ(0, session_drop(s, id));
		EXPECT_EQ(0, proc_uffd_mappings(self->second.pid));
		EXPECT_EQ(-ENOENT, session_drop(s, id));
		ASSERT_EQ(0, session_import(s));
		EXPECT_EQ(0, hits_of(s, id));
		for (uint32_t b = 0; b < s->nr_blocks; b++)
			if (s->blocks[b].target == GLASSRAM_TARGET_NONE)
				EXPECT_EQ(0, session_column(s, GLASSRAM_COLUMN_STAMP,
							    b * GLASSRAM_BLOCK_SLOTS));
		generation = s->control->regions_generation;
		ASSERT_EQ(0, session_add(s, self->second.pid, &self->add));
		EXPECT_EQ(id + 1, self->add.target);
		EXPECT_LT(generation, s->control->regions_generation);
		ASSERT_EQ(0, target_next(&self->second));
		ASSERT_EQ(0, session_advance(s, 0));
		EXPECT_EQ(round + 2, hits_of(s, self->add.target));
	}
	ASSERT_EQ(0, session_stats(s));
	EXPECT_EQ(slots, s->stats.slots);
	EXPECT_EQ(nr_blocks, s->nr_blocks);
	EXPECT_EQ(0, s->stats.unexplained);
}

/* Blocks used again were once told as a change of the layout at each tick. */
TEST_F(targets, layout_is_told_once_when_blocks_are_used_again)
{
	struct glassram_events arg = {
		.size = sizeof(arg), .mask = 1ULL << GLASSRAM_EVENT_LAYOUT,
		.records = GLASSRAM_EVENTS_MIN,
	};
	struct glassram_event events[GLASSRAM_EVENTS_MIN];
	struct session *s = &self->session;
	int fd;

	ASSERT_EQ(0, session_drop(s, 1));
	ASSERT_EQ(0, session_add(s, self->second.pid, &self->add));
	ASSERT_EQ(0, session_advance(s, 0));
	ASSERT_EQ(0, session_advance(s, 0));
	fd = ioctl(s->fd, GLASSRAM_EVENTS, &arg);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, fcntl(fd, F_SETFL, O_NONBLOCK));
	for (int i = 0; i < 5; i++)
		ASSERT_EQ(0, session_advance(s, 0));
	EXPECT_EQ(-1, read(fd, events, sizeof(events)));
	EXPECT_EQ(EAGAIN, errno);
	close(fd);
}

TEST_F(targets, the_last_one_dropped_ends_the_session)
{
	ASSERT_EQ(0, session_drop(&self->session, 0));
	ASSERT_EQ(0, session_advance(&self->session, 0));
	ASSERT_EQ(0, session_drop(&self->session, 1));
	EXPECT_EQ(-ESRCH, session_advance(&self->session, 0));
}

TEST_F(targets, paused_none_is_added)
{
	struct glassram_target_add add;
	struct target third;

	ASSERT_EQ(0, target_start(&third, idle_target));
	ASSERT_EQ(0, session_pause(&self->session, true));
	EXPECT_EQ(0, proc_uffd_mappings(self->second.pid));
	EXPECT_EQ(-EAGAIN, session_add(&self->session, third.pid, &add));
	target_kill(&third);
}

static int try_to_join(pid_t pid)
{
	struct session s;
	int ret = session_open_flags(&s, pid, GLASSRAM_ATTACH_SHARED);

	session_close(&s);
	return ret == -EPERM ? 0 : 1;
}

static int as_other_user(pid_t pid)
{
	/* The second target runs as this user, who may watch it, and not the first. */
	if (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534))
		return 2;
	return try_to_join(pid);
}

static int user_target(struct target *t)
{
	if (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534) ||
	    prctl(PR_SET_DUMPABLE, 1))
		return 1;
	return idle_target(t);
}

TEST_F(targets, whoever_may_see_one_does_not_see_the_others)
{
	struct glassram_target_add add;
	struct target third;
	pid_t child;
	int status;

	ASSERT_EQ(0, chmod("/dev/glassram", 0666));
	ASSERT_EQ(0, target_start(&third, user_target));
	ASSERT_EQ(0, session_add(&self->session, third.pid, &add));
	child = fork();
	ASSERT_LE(0, child);
	if (!child)
		_exit(as_other_user(third.pid));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	target_kill(&third);
	chmod("/dev/glassram", 0660);
}

TEST_HARNESS_MAIN
