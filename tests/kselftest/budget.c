// SPDX-License-Identifier: GPL-2.0-only
/*
 * Budgets: what is armed, what it is said to cost, and that what is counted is
 * true. The target writes by a pattern that the test knows.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "session.h"
#include "target.h"

#include "kselftest_harness.h"

#define BUSY 1024 /* pages written in each epoch */
#define QUIET 1024 /* written once, in epoch QUIET_EPOCH + their number */
#define QUIET_EPOCH 20

/* Each step: all busy pages, one quiet one, and some work of its own. */
static int mixed_target(struct target *t)
{
	volatile char *arena = mmap(NULL, (BUSY + QUIET) * PAGE, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (arena == MAP_FAILED)
		return 1;
	madvise((void *)arena, (BUSY + QUIET) * PAGE, MADV_NOHUGEPAGE);
	for (int i = 0; i < BUSY + QUIET; i++)
		arena[i * PAGE] = 1;
	t->shared[0] = (uintptr_t)arena;
	for (int step = 0;; step++) {
		volatile uint64_t sum = 0;

		target_pause(t);
		for (int i = 0; i < BUSY; i++)
			arena[i * PAGE]++;
		if (step >= QUIET_EPOCH)
			arena[(BUSY + step - QUIET_EPOCH) * PAGE]++;
		for (uint64_t n = t->shared[1]; n--;)
			sum += n;
	}
}

FIXTURE(budget)
{
	struct target target;
	struct session session;
	uint64_t arena;
};

FIXTURE_SETUP(budget)
{
	if (arms_by_soft_dirty())
		SKIP(return, "soft-dirty bits arm everything or nothing");
	ASSERT_EQ(0, target_start(&self->target, mixed_target));
	self->arena = self->target.shared[0];
	ASSERT_EQ(0, session_open(&self->session, self->target.pid));
}

FIXTURE_TEARDOWN(budget)
{
	session_close(&self->session);
	target_kill(&self->target);
}

static int set_budget(const struct session *s, uint32_t budget)
{
	struct glassram_options arg = {
		.size = sizeof(arg), .flags = GLASSRAM_OPTION_BUDGET, .budget = budget,
	};

	return ioctl(s->fd, GLASSRAM_OPTIONS, &arg) ? -errno : 0;
}

static int set_price(const struct session *s, uint32_t fault_ns, uint32_t call_ns)
{
	struct glassram_options arg = {
		.size = sizeof(arg), .flags = GLASSRAM_OPTION_PRICE,
		.fault_ns = fault_ns, .call_ns = call_ns,
	};

	return ioctl(s->fd, GLASSRAM_OPTIONS, &arg) ? -errno : 0;
}

static uint32_t observed_of(struct session *s, uint64_t address)
{
	uint32_t slot = session_slot(s, address);

	return glassram_observed(s->advanced.epoch,
				 session_column(s, GLASSRAM_COLUMN_STAMP, slot),
				 session_column(s, GLASSRAM_COLUMN_ARMED, slot),
				 session_column(s, GLASSRAM_COLUMN_OBSERVED, slot));
}

/* Whatever the budget: a busy page has a hit in each epoch it was observed in. */
TEST_F(budget, hits_are_those_of_the_epochs_observed)
{
	struct session *s = &self->session;
	int wrong = 0, unseen = 0;
	uint64_t observed = 0;

	ASSERT_EQ(0, set_budget(s, 200));
	ASSERT_EQ(0, session_advance(s, 0));
	for (int step = 0; step < 60; step++) {
		ASSERT_EQ(0, target_next(&self->target));
		ASSERT_EQ(0, session_advance(s, 0));
	}
	for (int i = 0; i < BUSY; i++) {
		uint32_t seen = observed_of(s, self->arena + i * PAGE);

		wrong += session_hits(s, self->arena + i * PAGE) != seen;
		unseen += !seen;
		observed += seen;
	}
	EXPECT_EQ(0, wrong);
	EXPECT_EQ(0, unseen);
	/* Some were left out, or the budget does nothing. */
	EXPECT_GT(BUSY * 50, observed);
	ASSERT_EQ(0, session_stats(s));
	EXPECT_EQ(0, s->stats.unexplained);
	EXPECT_LT(0, s->stats.unarmed);
}

/* A page that nobody writes stays armed for nothing, and its first write is seen. */
TEST_F(budget, quiet_pages_are_known_exactly)
{
	struct session *s = &self->session;
	int steps = QUIET_EPOCH + 20, wrong = 0, unseen = 0;

	ASSERT_EQ(0, set_budget(s, 1));
	ASSERT_EQ(0, session_advance(s, 0));
	for (int step = 0; step < steps; step++) {
		ASSERT_EQ(0, target_next(&self->target));
		ASSERT_EQ(0, session_advance(s, 0));
	}
	for (int i = 0; i < QUIET; i++) {
		uint64_t address = self->arena + (BUSY + i) * PAGE;

		wrong += session_hits(s, address) != (i < 20);
		unseen += i >= 20 && observed_of(s, address) != steps;
	}
	EXPECT_EQ(0, wrong);
	EXPECT_EQ(0, unseen);
}

TEST_F(budget, it_is_kept)
{
	struct session *s = &self->session;

	self->target.shared[1] = 2000000;
	/* So dear that all of it would cost more than there is, however slow the machine. */
	ASSERT_EQ(0, set_price(s, 10000, 10000));
	ASSERT_EQ(0, set_budget(s, 200));
	ASSERT_EQ(0, session_advance(s, 0));
	/* All pages are armed at first, and its means take some 64 ticks: begin after it. */
	for (int step = 0; step < 160; step++) {
		ASSERT_EQ(0, target_next(&self->target));
		ASSERT_EQ(0, session_advance(s, 0));
	}
	ASSERT_EQ(0, session_reset(s));
	for (int step = 0; step < 400; step++) {
		ASSERT_EQ(0, target_next(&self->target));
		ASSERT_EQ(0, session_advance(s, 0));
	}
	ASSERT_EQ(0, session_stats(s));
	printf("# paid %ju of %ju us: %.2f %%; %ju hits of armed pages in %ju runs\n",
	       (uintmax_t)s->stats.price_ns / 1000, (uintmax_t)s->stats.cpu_ns / 1000,
	       100.0 * s->stats.price_ns / s->stats.cpu_ns, (uintmax_t)s->stats.again,
	       (uintmax_t)s->stats.calls);
	EXPECT_LT(0, s->stats.cpu_ns);
	EXPECT_LE(s->stats.price_ns, s->stats.cpu_ns / 50 * 11 / 10);
	/* Nor is it left unused. */
	EXPECT_GE(s->stats.price_ns, s->stats.cpu_ns / 50 / 2);
}

TEST_F(budget, all_is_exact_again)
{
	struct session *s = &self->session;
	uint64_t before;

	ASSERT_EQ(0, set_budget(s, 1));
	ASSERT_EQ(0, session_advance(s, 0));
	for (int step = 0; step < 5; step++) {
		ASSERT_EQ(0, target_next(&self->target));
		ASSERT_EQ(0, session_advance(s, 0));
	}
	ASSERT_EQ(0, set_budget(s, GLASSRAM_BUDGET_ALL));
	ASSERT_EQ(0, session_advance(s, 0));
	before = session_area_hits(s, self->arena, BUSY * PAGE);
	for (int step = 0; step < 5; step++) {
		ASSERT_EQ(0, target_next(&self->target));
		ASSERT_EQ(0, session_advance(s, 0));
		before += BUSY;
		EXPECT_EQ(before, session_area_hits(s, self->arena, BUSY * PAGE));
	}
	ASSERT_EQ(0, session_stats(s));
	EXPECT_EQ(0, s->stats.unexplained);
}

TEST_F(budget, bad_arguments)
{
	struct glassram_options now = { .size = sizeof(now) };
	struct session *s = &self->session;

	EXPECT_EQ(-EINVAL, set_budget(s, 0));
	EXPECT_EQ(-EINVAL, set_budget(s, GLASSRAM_BUDGET_ALL + 1));
	EXPECT_EQ(-EINVAL, set_price(s, 0, 1));
	EXPECT_EQ(-EINVAL, set_price(s, GLASSRAM_PRICE_MAX + 1, 1));
	EXPECT_EQ(-EINVAL, set_price(s, 1, GLASSRAM_PRICE_MAX + 1));
	EXPECT_EQ(0, set_price(s, 500, 2000));
	EXPECT_EQ(0, ioctl(s->fd, GLASSRAM_OPTIONS, &now));
	EXPECT_EQ(GLASSRAM_BUDGET_ALL, now.budget);
	EXPECT_EQ(500, now.fault_ns);
	EXPECT_EQ(2000, now.call_ns);
}

TEST_HARNESS_MAIN
