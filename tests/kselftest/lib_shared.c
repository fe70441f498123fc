// SPDX-License-Identifier: GPL-2.0-only
/*
 * One session, two clients of the library: who may do what, what both see, and
 * how the second takes over. Pausing and setting to zero, as clients see it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib_target.h"

#include "kselftest_harness.h"

#define MESSAGE_HAS(text) ASSERT_NE(strstr(glassram_error_message(), text), NULL) \
	TH_LOG("message: %s", glassram_error_message())

static const struct glassram_attach_settings shared = { .size = sizeof(shared), .shared = true };

FIXTURE(shared)
{
	struct target t;
	struct glassram_session *first;
	struct glassram_session *second;
	uint64_t area;
};

FIXTURE_SETUP(shared)
{
	ASSERT_EQ(lib_target_start(&self->t), 0);
	self->area = lib_target_area(&self->t, 0);
	ASSERT_EQ(glassram_attach(self->t.pid, &shared, &self->first), GLASSRAM_OK)
		TH_LOG("%s", glassram_error_message());
	ASSERT_EQ(glassram_advance(self->first, 0, NULL), GLASSRAM_OK);
	ASSERT_EQ(glassram_attach(self->t.pid, &shared, &self->second), GLASSRAM_OK)
		TH_LOG("%s", glassram_error_message());
}

FIXTURE_TEARDOWN(shared)
{
	glassram_detach(self->second);
	glassram_detach(self->first);
	target_kill(&self->t);
}

/* Hits of the first area, as one client counts them. */
static uint64_t hits(struct glassram_session *session, uint64_t area)
{
	struct glassram_columns columns;
	struct glassram_layout layout;
	uint64_t sum;

	if (glassram_columns_init(session, &columns))
		return UINT64_MAX;
	if (glassram_layout_init(session, &layout)) {
		glassram_columns_finish(&columns);
		return UINT64_MAX;
	}
	sum = lib_sum_hits(&columns, &layout, area, LIB_AREA_PAGES);
	glassram_layout_finish(&layout);
	glassram_columns_finish(&columns);
	return sum;
}

TEST_F(shared, both_see_the_same)
{
	struct glassram_stats one, two;

	ASSERT_EQ(lib_target_write(&self->t, 0, self->area, 9), 0);
	ASSERT_EQ(hits(self->first, self->area), 9);
	ASSERT_EQ(hits(self->second, self->area), 9);
	ASSERT_EQ(glassram_stats(self->first, &one), GLASSRAM_OK);
	ASSERT_EQ(glassram_stats(self->second, &two), GLASSRAM_OK);
	ASSERT_EQ(one.session, two.session);
	ASSERT_EQ(one.epoch, two.epoch);
	ASSERT_EQ(one.clients, 2);
	ASSERT_EQ(two.clients, 2);
	ASSERT_EQ(one.owner, 1);
	ASSERT_EQ(two.owner, 0);
	ASSERT_TRUE(glassram_is_owner(self->first));
	ASSERT_FALSE(glassram_is_owner(self->second));
}

TEST_F(shared, who_joined_may_only_read)
{
	struct glassram_options options;
	struct glassram_added added;

	ASSERT_EQ(glassram_advance(self->second, 0, NULL), GLASSRAM_ERR_NOT_OWNER);
	MESSAGE_HAS("ADVANCE is for the client that owns the session");
	/* at once, without the sleep of a tick */
	ASSERT_EQ(glassram_advance(self->second, GLASSRAM_ADVANCE_PACED, NULL),
		  GLASSRAM_ERR_NOT_OWNER);
	ASSERT_EQ(glassram_set_rate(self->second, 500), GLASSRAM_ERR_NOT_OWNER);
	ASSERT_EQ(glassram_set_policy(self->second, ""), GLASSRAM_ERR_NOT_OWNER);
	ASSERT_EQ(glassram_pause(self->second, true), GLASSRAM_ERR_NOT_OWNER);
	ASSERT_EQ(glassram_reset(self->second), GLASSRAM_ERR_NOT_OWNER);
	ASSERT_EQ(glassram_target_drop(self->second, 0), GLASSRAM_ERR_NOT_OWNER);
	ASSERT_EQ(glassram_target_add(self->second, getppid(), &added), GLASSRAM_ERR_NOT_OWNER);
	ASSERT_EQ(glassram_get_options(self->second, &options), GLASSRAM_OK);
	ASSERT_EQ(options.rate_hz, GLASSRAM_RATE_DEFAULT);
}

TEST_F(shared, settings_of_who_joins_are_left_alone)
{
	const struct glassram_attach_settings fast = {
		.size = sizeof(fast), .rate_hz = 777, .shared = true,
	};
	struct glassram_session *third;
	struct glassram_options options;

	ASSERT_EQ(glassram_attach(self->t.pid, &fast, &third), GLASSRAM_OK)
		TH_LOG("%s", glassram_error_message());
	ASSERT_EQ(glassram_get_options(third, &options), GLASSRAM_OK);
	ASSERT_EQ(options.rate_hz, GLASSRAM_RATE_DEFAULT);
	glassram_detach(third);
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ULL + now.tv_nsec / 1000000;
}

static void *advance_later(void *session)
{
	nanosleep(&(struct timespec){ .tv_nsec = 300000000 }, NULL);
	glassram_advance(session, 0, NULL);
	return NULL;
}

TEST_F(shared, who_joined_waits_for_epochs)
{
	struct glassram_stats before, after;
	pthread_t thread;
	uint64_t began;

	ASSERT_EQ(glassram_wait(self->second, 0, &before), GLASSRAM_OK);
	began = now_ms();
	ASSERT_EQ(glassram_wait(self->second, 200, &after), GLASSRAM_OK);
	ASSERT_EQ(after.epoch, before.epoch);
	ASSERT_LE(150, now_ms() - began);
	pthread_create(&thread, NULL, advance_later, self->first);
	ASSERT_EQ(glassram_wait(self->second, 20000, &after), GLASSRAM_OK);
	pthread_join(thread, NULL);
	ASSERT_EQ(after.epoch, before.epoch + 1);
	ASSERT_GT(10000, now_ms() - began);
}

TEST_F(shared, the_second_takes_over)
{
	struct pollfd fd = { .fd = glassram_session_fd(self->second), .events = POLLPRI };
	struct glassram_stats stats;

	ASSERT_EQ(lib_target_write(&self->t, 0, self->area, 5), 0);
	glassram_detach(self->first);
	self->first = NULL;
	ASSERT_EQ(poll(&fd, 1, 5000), 1);
	ASSERT_EQ(glassram_wait(self->second, -1, &stats), GLASSRAM_OK);
	ASSERT_EQ(stats.owner, 1);
	ASSERT_EQ(stats.clients, 1);
	ASSERT_EQ(glassram_advance(self->second, 0, NULL), GLASSRAM_OK);
	ASSERT_EQ(lib_target_write(&self->t, 0, self->area, 5), 0);
	ASSERT_EQ(hits(self->second, self->area), 10);
	ASSERT_EQ(glassram_set_rate(self->second, 50), GLASSRAM_OK);
}

static void *detach_later(void *session)
{
	nanosleep(&(struct timespec){ .tv_nsec = 300000000 }, NULL);
	glassram_detach(session);
	return NULL;
}

TEST_F(shared, a_wait_ends_when_the_owner_leaves)
{
	struct glassram_stats stats;
	uint64_t began = now_ms();
	pthread_t thread;

	pthread_create(&thread, NULL, detach_later, self->first);
	self->first = NULL;
	do {
		ASSERT_EQ(glassram_wait(self->second, 20000, &stats), GLASSRAM_OK);
	} while (!stats.owner && now_ms() - began < 15000);
	pthread_join(thread, NULL);
	ASSERT_EQ(stats.owner, 1);
}

TEST_F(shared, the_end_of_the_target_is_told_to_both)
{
	struct glassram_stats stats;

	ASSERT_EQ(kill(self->t.pid, SIGKILL), 0);
	for (int i = 0; i < 100; i++) {
		ASSERT_EQ(glassram_wait(self->second, 100, &stats), GLASSRAM_OK);
		if (stats.state == GLASSRAM_STATE_ENDED)
			break;
	}
	ASSERT_EQ(stats.state, GLASSRAM_STATE_ENDED);
	ASSERT_EQ(glassram_advance(self->first, 0, NULL), GLASSRAM_ERR_ENDED);
}

TEST_F(shared, without_sharing_a_session_is_left_alone)
{
	struct glassram_session *third = (void *)1;

	ASSERT_EQ(glassram_attach(self->t.pid, NULL, &third), GLASSRAM_ERR_BUSY);
	MESSAGE_HAS("is watched already");
	ASSERT_EQ(third, (void *)1);
}

TEST_F(shared, a_pause_counts_nothing_and_keeps_what_was_counted)
{
	struct glassram_control control;
	struct glassram_stats stats;
	struct glassram_tick tick;

	ASSERT_EQ(lib_target_write(&self->t, 0, self->area, 4), 0);
	ASSERT_EQ(glassram_pause(self->first, true), GLASSRAM_OK);
	ASSERT_EQ(glassram_pause(self->first, true), GLASSRAM_OK);
	ASSERT_EQ(glassram_control_read(self->second, &control), GLASSRAM_OK);
	ASSERT_EQ(control.state, GLASSRAM_STATE_PAUSED);
	ASSERT_EQ(lib_target_write(&self->t, 0, self->area, 30), 0);
	ASSERT_EQ(glassram_advance(self->first, 0, &tick), GLASSRAM_OK);
	ASSERT_EQ(tick.result, GLASSRAM_ADVANCED_PAUSED);
	ASSERT_EQ(hits(self->second, self->area), 4);

	ASSERT_EQ(glassram_pause(self->first, false), GLASSRAM_OK);
	ASSERT_EQ(glassram_advance(self->first, 0, &tick), GLASSRAM_OK);
	ASSERT_EQ(tick.result & GLASSRAM_ADVANCED_PAUSED, 0);
	ASSERT_EQ(hits(self->first, self->area), 4);
	ASSERT_EQ(lib_target_write(&self->t, 0, self->area, 30), 0);
	ASSERT_EQ(hits(self->first, self->area), 34);
	ASSERT_EQ(glassram_stats(self->first, &stats), GLASSRAM_OK);
	ASSERT_EQ(stats.state, GLASSRAM_STATE_LIVE);
	ASSERT_EQ(stats.unexplained, 0);
}

TEST_F(shared, a_reset_sets_all_to_zero_and_counting_goes_on)
{
	struct glassram_stats before, after;

	ASSERT_EQ(lib_target_write(&self->t, 0, self->area, 12), 0);
	ASSERT_EQ(glassram_advance(self->first, 0, NULL), GLASSRAM_OK);
	ASSERT_EQ(glassram_stats(self->second, &before), GLASSRAM_OK);
	ASSERT_LE(12, before.hits);
	ASSERT_EQ(glassram_reset(self->first), GLASSRAM_OK);
	ASSERT_EQ(glassram_stats(self->second, &after), GLASSRAM_OK);
	ASSERT_GT(4, after.hits);
	ASSERT_EQ(after.epoch, before.epoch);
	ASSERT_EQ(hits(self->second, self->area), 0);
	ASSERT_EQ(lib_target_write(&self->t, 0, self->area, 12), 0);
	ASSERT_EQ(hits(self->second, self->area), 12);
	ASSERT_EQ(glassram_advance(self->first, 0, NULL), GLASSRAM_OK);
	ASSERT_EQ(glassram_stats(self->second, &after), GLASSRAM_OK);
	ASSERT_EQ(after.unexplained, 0);
}

TEST_HARNESS_MAIN
