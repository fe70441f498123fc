// SPDX-License-Identifier: GPL-2.0-only
/*
 * ADVANCE, OPTIONS and poll: the rhythm of a session and how it ends.
 *
 * Weak spot: times under emulation are coarse; the bounds here tell a sleep
 * from no sleep, not a good rate from a bad one.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/time.h>

#include "session.h"
#include "target.h"

#include "kselftest_harness.h"

#define SCATTERED_PAGES 8192UL

static int mapping_target(struct target *t)
{
	char *page = mmap(NULL, SCATTERED_PAGES * PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		return 1;
	madvise(page, SCATTERED_PAGES * PAGE, MADV_NOHUGEPAGE);
	memset(page, 1, SCATTERED_PAGES * PAGE);
	t->shared[0] = (uintptr_t)page;
	for (;;) {
		target_pause(t);
		switch (t->shared[1]) {
		case 0: /* a write to a page that is there */
			page[0]++;
			break;
		case 1: /* a new mapping, written at once */
			page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
			page[0] = 1;
			t->shared[0] = (uintptr_t)page;
			break;
		case 2: /* every second page */
			for (size_t i = 0; i < SCATTERED_PAGES; i += 2)
				page[i * PAGE]++;
			break;
		case 3:
			return 0;
		case 4:
			execl("/bin/sleep", "sleep", "30", (char *)NULL);
			return 1;
		}
	}
}

FIXTURE(pace)
{
	struct target target;
	struct session session;
};

FIXTURE_SETUP(pace)
{
	ASSERT_EQ(0, target_start(&self->target, mapping_target));
	ASSERT_EQ(0, session_open(&self->session, self->target.pid));
	ASSERT_EQ(0, session_advance(&self->session, 0));
}

FIXTURE_TEARDOWN(pace)
{
	session_close(&self->session);
	target_kill(&self->target);
}

/* What poll() reports at once, or within @ms. */
static int poll_now(const struct session *s, int ms)
{
	struct pollfd p = {.fd = s->fd, .events = POLLIN | POLLPRI};

	return poll(&p, 1, ms) < 0 ? -errno : p.revents;
}

static int options(const struct session *s, struct glassram_options *arg)
{
	return ioctl(s->fd, GLASSRAM_OPTIONS, arg) ? -errno : 0;
}

static int set_rate(const struct session *s, uint32_t rate)
{
	struct glassram_options arg = {
		.size = sizeof(arg), .flags = GLASSRAM_OPTION_RATE, .rate_hz = rate,
	};

	return options(s, &arg);
}

TEST_F(pace, advance_counts_epochs_one_by_one)
{
	uint32_t epoch = self->session.advanced.epoch;

	EXPECT_LE(GLASSRAM_FIRST_EPOCH, epoch);
	for (uint32_t i = 1; i <= 5; i++) {
		ASSERT_EQ(0, session_advance(&self->session, 0));
		EXPECT_EQ(epoch + i, self->session.advanced.epoch);
	}
}

TEST_F(pace, advance_lists_exactly_what_was_written)
{
	struct session *s = &self->session;
	uint64_t area = self->target.shared[0], listed = 0, in_area = 0;
	const struct page_region *r = session_ranges(s);

	self->target.shared[1] = 2;
	ASSERT_EQ(0, session_advance(s, 0));
	ASSERT_EQ(0, target_next(&self->target));
	ASSERT_EQ(0, session_advance(s, 0));
	EXPECT_EQ(0, s->advanced.result & GLASSRAM_ADVANCED_TRUNCATED);
	for (uint32_t i = 0; i < s->advanced.nr_ranges; i++) {
		uint64_t pages = (r[i].end - r[i].start) / PAGE;

		listed += pages;
		if (r[i].start >= area && r[i].end <= area + SCATTERED_PAGES * PAGE) {
			in_area += pages;
			EXPECT_EQ(0, (r[i].start - area) / PAGE % 2);
		}
	}
	EXPECT_EQ(SCATTERED_PAGES / 2, in_area);
	EXPECT_EQ(s->advanced.armed, listed);
}

TEST_F(pace, a_short_work_area_truncates_the_list_but_arms_all)
{
	struct session *s = &self->session;
	uint64_t area = self->target.shared[0];
	struct glassram_advance arg = {
		.size = sizeof(arg), .work = (uintptr_t)s->work, .work_len = GLASSRAM_WORK_MIN,
	};
	uint32_t before = session_hits(s, area);

	self->target.shared[1] = 2;
	ASSERT_EQ(0, target_next(&self->target));
	ASSERT_EQ(0, ioctl(s->fd, GLASSRAM_ADVANCE, &arg));
	EXPECT_EQ(GLASSRAM_ADVANCED_TRUNCATED, arg.result & GLASSRAM_ADVANCED_TRUNCATED);
	EXPECT_LE(SCATTERED_PAGES / 2, arg.armed);
	EXPECT_GE((GLASSRAM_WORK_MIN - GLASSRAM_WORK_RANGES) / sizeof(struct page_region),
		  arg.nr_ranges);
	/* All armed again: each page hits once more. */
	ASSERT_EQ(0, target_next(&self->target));
	for (size_t i = 0; i < SCATTERED_PAGES; i += 2)
		ASSERT_EQ(before + 2, session_hits(s, area + i * PAGE));
	ASSERT_EQ(0, session_advance(s, 0));
	ASSERT_EQ(0, session_stats(s));
	EXPECT_EQ(0, s->stats.unexplained);
}

TEST_F(pace, advance_with_a_wrong_work_area)
{
	struct session *s = &self->session;
	struct glassram_advance good = {
		.size = sizeof(good), .work = (uintptr_t)s->work, .work_len = SESSION_WORK,
	}, arg = good;
	void *read_only = mmap(NULL, SESSION_WORK, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	arg.work += 8;
	EXPECT_EQ(-1, ioctl(s->fd, GLASSRAM_ADVANCE, &arg));
	EXPECT_EQ(EINVAL, errno);
	arg = good;
	arg.work_len = GLASSRAM_WORK_MIN - 1;
	EXPECT_EQ(-1, ioctl(s->fd, GLASSRAM_ADVANCE, &arg));
	EXPECT_EQ(EINVAL, errno);
	arg = good;
	arg.work = 0;
	EXPECT_EQ(-1, ioctl(s->fd, GLASSRAM_ADVANCE, &arg));
	EXPECT_EQ(EFAULT, errno);
	arg.work = (uintptr_t)read_only;
	EXPECT_EQ(-1, ioctl(s->fd, GLASSRAM_ADVANCE, &arg));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(0, session_advance(s, 0))
		TH_LOG("a bad work area must not end the session");
}

TEST_F(pace, regions_bit_and_generation_follow_a_new_mapping)
{
	struct session *s = &self->session;
	uint64_t generation = s->control->regions_generation;

	ASSERT_EQ(0, session_advance(s, 0));
	EXPECT_EQ(0, s->advanced.result & GLASSRAM_ADVANCED_REGIONS);
	EXPECT_EQ(generation, s->control->regions_generation);
	self->target.shared[1] = 1;
	ASSERT_EQ(0, target_next(&self->target));
	ASSERT_EQ(0, session_advance(s, 0));
	EXPECT_EQ(GLASSRAM_ADVANCED_REGIONS, s->advanced.result & GLASSRAM_ADVANCED_REGIONS);
	EXPECT_NE(generation, s->control->regions_generation);
	EXPECT_EQ(1, session_hits(s, self->target.shared[0]));
}

TEST_F(pace, rescan_flag_looks_although_nothing_changed)
{
	struct session *s = &self->session;

	EXPECT_EQ(0, session_advance(s, GLASSRAM_ADVANCE_RESCAN));
	EXPECT_EQ(0, s->advanced.result & GLASSRAM_ADVANCED_REGIONS);
}

TEST_F(pace, paced_advance_keeps_the_rate)
{
	uint64_t start;

	ASSERT_EQ(0, set_rate(&self->session, 20));
	ASSERT_EQ(0, session_advance(&self->session, GLASSRAM_ADVANCE_PACED));
	start = now_ns();
	for (int i = 0; i < 6; i++)
		ASSERT_EQ(0, session_advance(&self->session, GLASSRAM_ADVANCE_PACED));
	EXPECT_LE(250000000, now_ns() - start)
		TH_LOG("six ticks at 20 Hz are 300 ms");
	EXPECT_GE(patience_ns(2000), now_ns() - start);
}

static void on_alarm(int number)
{
	(void)number;
}

TEST_F(pace, a_signal_ends_the_sleep_and_nothing_is_done)
{
	struct session *s = &self->session;
	struct sigaction action = {.sa_handler = on_alarm};
	struct itimerval timer = {.it_value = {.tv_usec = 200000}};
	uint64_t start;
	uint32_t epoch;

	ASSERT_EQ(0, set_rate(s, 1));
	ASSERT_EQ(0, session_advance(s, GLASSRAM_ADVANCE_PACED));
	epoch = s->advanced.epoch;
	sigaction(SIGVTALRM, &action, NULL);
	sigaction(SIGALRM, &action, NULL);
	start = now_ns();
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &timer, NULL));
	EXPECT_EQ(-EINTR, session_advance(s, GLASSRAM_ADVANCE_PACED));
	EXPECT_GT(900000000, now_ns() - start);
	EXPECT_EQ(epoch, s->control->epoch);
	EXPECT_EQ(0, session_advance(s, 0));
	EXPECT_EQ(epoch + 1, s->advanced.epoch);
}

TEST_F(pace, rate_out_of_range)
{
	struct glassram_options arg = {.size = sizeof(arg)};

	EXPECT_EQ(-EINVAL, set_rate(&self->session, 0));
	EXPECT_EQ(-EINVAL, set_rate(&self->session, GLASSRAM_RATE_MAX + 1));
	EXPECT_EQ(0, set_rate(&self->session, GLASSRAM_RATE_MAX));
	EXPECT_EQ(0, set_rate(&self->session, 1));
	/* A field whose flag is not set is not looked at, but answered. */
	arg.rate_hz = 999999;
	EXPECT_EQ(0, options(&self->session, &arg));
	EXPECT_EQ(1, arg.rate_hz);
}

TEST_F(pace, options_start_at_their_defaults)
{
	struct glassram_options arg = {.size = sizeof(arg)};

	EXPECT_EQ(0, options(&self->session, &arg));
	EXPECT_EQ(GLASSRAM_RATE_DEFAULT, arg.rate_hz);
	EXPECT_STREQ("", arg.policy);
}

/* Kernels that arm by soft-dirty bits have no policies at all. */
static int unknown_policy(void)
{
	return arms_by_soft_dirty() ? -EOPNOTSUPP : -ENOENT;
}

TEST_F(pace, policy_that_nobody_registered)
{
	struct glassram_options arg = {.size = sizeof(arg), .flags = GLASSRAM_OPTION_POLICY};

	strcpy(arg.policy, "no-such-policy");
	EXPECT_EQ(unknown_policy(), options(&self->session, &arg));
	memset(arg.policy, 'x', sizeof(arg.policy));
	EXPECT_EQ(-EINVAL, options(&self->session, &arg))
		TH_LOG("the name does not end");
	memset(arg.policy, 0, sizeof(arg.policy));
	EXPECT_EQ(0, options(&self->session, &arg))
		TH_LOG("the empty name unbinds");
}

TEST_F(pace, a_refused_option_changes_nothing)
{
	struct glassram_options arg = {
		.size = sizeof(arg),
		.flags = GLASSRAM_OPTION_RATE | GLASSRAM_OPTION_POLICY,
		.rate_hz = 77,
		.policy = "no-such-policy",
	};

	EXPECT_EQ(unknown_policy(), options(&self->session, &arg));
	arg = (struct glassram_options){.size = sizeof(arg)};
	EXPECT_EQ(0, options(&self->session, &arg));
	EXPECT_EQ(GLASSRAM_RATE_DEFAULT, arg.rate_hz);
}

TEST_F(pace, poll_in_says_that_an_epoch_closed)
{
	struct session *s = &self->session;

	ASSERT_EQ(0, session_stats(s));
	EXPECT_EQ(0, poll_now(s, 0) & POLLIN);
	ASSERT_EQ(0, session_advance(s, 0));
	EXPECT_EQ(POLLIN, poll_now(s, 0) & POLLIN);
	ASSERT_EQ(0, session_stats(s));
	EXPECT_EQ(0, poll_now(s, 0) & POLLIN);
}

TEST_F(pace, poll_pri_says_that_a_new_mapping_waits)
{
	struct session *s = &self->session;

	ASSERT_EQ(0, session_stats(s));
	ASSERT_EQ(0, poll_now(s, 0) & POLLPRI);
	self->target.shared[1] = 1;
	ASSERT_EQ(0, target_next(&self->target));
	EXPECT_EQ(POLLPRI, poll_now(s, 1000) & POLLPRI);
	ASSERT_EQ(0, session_advance(s, 0));
	EXPECT_EQ(0, poll_now(s, 0) & POLLPRI);
}

TEST_F(pace, poll_hup_and_esrch_when_the_target_exits)
{
	struct session *s = &self->session;

	EXPECT_EQ(0, poll_now(s, 0) & POLLHUP);
	self->target.shared[1] = 3;
	EXPECT_EQ(-ESRCH, target_next(&self->target));
	EXPECT_EQ(POLLHUP, poll_now(s, 2000) & POLLHUP);
	EXPECT_EQ(-ESRCH, session_advance(s, 0));
	EXPECT_EQ(0, session_stats(s));
	EXPECT_EQ(GLASSRAM_STATE_ENDED, s->stats.state);
	EXPECT_EQ(GLASSRAM_STATE_ENDED, s->control->state);
	/* What was counted can still be read. */
	EXPECT_EQ(0, session_import(s));
}

TEST_F(pace, poll_hup_and_esrch_when_the_target_calls_exec)
{
	struct session *s = &self->session;

	self->target.shared[1] = 4;
	EXPECT_EQ(-ESRCH, target_next(&self->target));
	EXPECT_EQ(POLLHUP, poll_now(s, 2000) & POLLHUP);
	EXPECT_EQ(-ESRCH, session_advance(s, 0));
	EXPECT_EQ(0, session_stats(s));
	EXPECT_EQ(GLASSRAM_STATE_ENDED, s->stats.state);
	EXPECT_EQ(0, proc_uffd_mappings(self->target.pid));
	/* The new address space can be watched at once. */
	session_close(s);
	EXPECT_EQ(0, session_open(s, self->target.pid));
	EXPECT_EQ(0, session_advance(s, 0));
}

TEST_HARNESS_MAIN
