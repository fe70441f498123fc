// SPDX-License-Identifier: GPL-2.0-only
/*
 * PAUSE and RESET: what stops, what stays, and that counting is exact again
 * afterwards.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "session.h"
#include "target.h"

#include "kselftest_harness.h"

#define PAGES 256

/* Step 1, 3, 5 ...: writes all pages; every other step: nothing. */
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

FIXTURE(pause)
{
	struct target target;
	struct session session;
	uint64_t arena;
};

FIXTURE_SETUP(pause)
{
	ASSERT_EQ(0, target_start(&self->target, writing_target));
	self->arena = self->target.shared[0];
	ASSERT_EQ(0, session_open(&self->session, self->target.pid));
	ASSERT_EQ(0, session_advance(&self->session, 0));
	ASSERT_EQ(0, target_next(&self->target));
	ASSERT_EQ(0, session_advance(&self->session, 0));
	ASSERT_EQ(PAGES, session_area_hits(&self->session, self->arena, PAGES * PAGE));
}

FIXTURE_TEARDOWN(pause)
{
	session_close(&self->session);
	target_kill(&self->target);
}

TEST_F(pause, nothing_is_protected_and_nothing_counted)
{
	struct session *s = &self->session;
	uint32_t epoch = s->advanced.epoch;

	ASSERT_EQ(0, session_pause(s, true));
	EXPECT_EQ(GLASSRAM_STATE_PAUSED, s->control->state);
	EXPECT_EQ(0, proc_uffd_mappings(self->target.pid));
	ASSERT_EQ(0, target_next(&self->target));
	ASSERT_EQ(0, session_advance(s, 0));
	EXPECT_EQ(GLASSRAM_ADVANCED_PAUSED, s->advanced.result);
	EXPECT_EQ(epoch, s->advanced.epoch);
	EXPECT_EQ(0, s->advanced.nr_ranges);
	EXPECT_EQ(PAGES, session_area_hits(s, self->arena, PAGES * PAGE));
	ASSERT_EQ(0, session_stats(s));
	EXPECT_EQ(GLASSRAM_STATE_PAUSED, s->stats.state);
	EXPECT_EQ(0, session_pause(s, true)); /* once more changes nothing */
}

TEST_F(pause, it_goes_on_exactly)
{
	struct session *s = &self->session;

	for (int round = 0; round < 20; round++) {
		uint64_t before = session_area_hits(s, self->arena, PAGES * PAGE);

		ASSERT_EQ(0, session_pause(s, true));
		if (round % 2)
			ASSERT_EQ(0, target_next(&self->target));
		ASSERT_EQ(0, session_pause(s, false));
		/* Not armed before this: what was written meanwhile is not counted. */
		ASSERT_EQ(0, session_advance(s, 0));
		EXPECT_EQ(0, s->advanced.result & GLASSRAM_ADVANCED_PAUSED);
		EXPECT_EQ(before, session_area_hits(s, self->arena, PAGES * PAGE));
		ASSERT_EQ(0, target_next(&self->target));
		ASSERT_EQ(0, session_advance(s, 0));
		EXPECT_EQ(before + PAGES, session_area_hits(s, self->arena, PAGES * PAGE));
	}
	ASSERT_EQ(0, session_stats(s));
	EXPECT_EQ(GLASSRAM_STATE_LIVE, s->stats.state);
	EXPECT_EQ(0, s->stats.unexplained);
	EXPECT_EQ(0, s->stats.lost);
}

TEST_F(pause, a_paused_target_stays_taken)
{
	struct session other;

	ASSERT_EQ(0, session_pause(&self->session, true));
	EXPECT_EQ(-EBUSY, session_open(&other, self->target.pid));
	session_close(&other);
	ASSERT_EQ(0, session_open_flags(&other, self->target.pid, GLASSRAM_ATTACH_SHARED));
	session_close(&other);
}

TEST_F(pause, a_target_that_ends_while_paused_ends_the_session)
{
	struct pollfd p = {.fd = self->session.fd};

	ASSERT_EQ(0, session_pause(&self->session, true));
	kill(self->target.pid, SIGKILL);
	EXPECT_EQ(1, poll(&p, 1, patience_ms(5000)));
	EXPECT_EQ(POLLHUP, p.revents);
	EXPECT_EQ(-ESRCH, session_advance(&self->session, 0));
	EXPECT_EQ(-ESRCH, session_pause(&self->session, false));
}

TEST_F(pause, closing_a_paused_session_leaves_nothing)
{
	ASSERT_EQ(0, session_pause(&self->session, true));
	session_close(&self->session);
	ASSERT_EQ(0, target_next(&self->target));
	ASSERT_EQ(0, session_open(&self->session, self->target.pid));
}

TEST_F(pause, bad_arguments)
{
	struct glassram_pause bad = {.size = sizeof(bad), .paused = 2};

	EXPECT_EQ(-1, ioctl(self->session.fd, GLASSRAM_PAUSE, &bad));
	EXPECT_EQ(EINVAL, errno);
	bad = (struct glassram_pause){.size = sizeof(bad), .pad = 1};
	EXPECT_EQ(-1, ioctl(self->session.fd, GLASSRAM_PAUSE, &bad));
	EXPECT_EQ(EINVAL, errno);
	bad = (struct glassram_pause){.size = sizeof(bad), .flags = 1};
	EXPECT_EQ(-1, ioctl(self->session.fd, GLASSRAM_PAUSE, &bad));
	EXPECT_EQ(EINVAL, errno);
}

TEST_F(pause, reset_sets_all_counters_to_zero)
{
	struct glassram_thread *threads;
	struct session *s = &self->session;
	int nr;

	/* Written and not armed again yet: the case in which the stamp is needed. */
	ASSERT_EQ(0, target_next(&self->target));
	ASSERT_EQ(0, session_reset(s));
	EXPECT_EQ(0, session_total_hits(s));
	ASSERT_EQ(0, session_stats(s));
	EXPECT_EQ(0, s->stats.hits);
	EXPECT_EQ(0, s->stats.faults);
	EXPECT_EQ(0, s->stats.armed);
	EXPECT_EQ(0, s->control->hits);
	for (int i = 0; i < PAGES; i++) {
		EXPECT_EQ(GLASSRAM_STAMP_UNWRITTEN, session_stamp(s, self->arena + i * PAGE));
		EXPECT_EQ(GLASSRAM_THREAD_NONE, session_owner(s, self->arena + i * PAGE));
	}
	nr = session_threads(s, &threads, NULL);
	ASSERT_LT(0, nr);
	for (int i = 0; i < nr; i++)
		EXPECT_EQ(0, threads[i].hits);
	free(threads);
}

TEST_F(pause, reset_loses_and_invents_no_hit)
{
	struct session *s = &self->session;
	uint64_t pages;

	ASSERT_EQ(0, session_stats(s));
	pages = s->stats.pages;
	for (int round = 0; round < 20; round++) {
		if (round % 2)
			ASSERT_EQ(0, target_next(&self->target));
		ASSERT_EQ(0, session_reset(s));
		ASSERT_EQ(0, session_advance(s, 0));
		EXPECT_EQ(0, session_area_hits(s, self->arena, PAGES * PAGE));
		ASSERT_EQ(0, target_next(&self->target));
		ASSERT_EQ(0, session_advance(s, 0));
		EXPECT_EQ(PAGES, session_area_hits(s, self->arena, PAGES * PAGE));
		ASSERT_EQ(0, session_stats(s));
		EXPECT_EQ(0, s->stats.unexplained);
	}
	/* A reset forgets nothing about which pages are there. */
	EXPECT_LE(pages, s->stats.pages);
}

TEST_HARNESS_MAIN
