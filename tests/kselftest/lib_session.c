// SPDX-License-Identifier: GPL-2.0-only
/*
 * libglassram against the module: what its calls return, on a target whose
 * writes are known to the page.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "lib_target.h"

#include "kselftest_harness.h"

#define MESSAGE_HAS(text) ASSERT_NE(strstr(glassram_error_message(), text), NULL) \
	TH_LOG("message: %s", glassram_error_message())

/* Attach opens the first epoch, and the fixture's tick the second. */
#define OPEN_EPOCH (GLASSRAM_FIRST_EPOCH + 1)

FIXTURE(session)
{
	struct target t;
	struct glassram_session *s;
	struct glassram_columns columns;
	struct glassram_layout layout;
};

FIXTURE_SETUP(session)
{
	memset(&self->columns, 0, sizeof(self->columns));
	memset(&self->layout, 0, sizeof(self->layout));
	ASSERT_EQ(lib_target_start(&self->t), 0);
	ASSERT_EQ(glassram_attach(self->t.pid, NULL, &self->s), GLASSRAM_OK)
		TH_LOG("%s", glassram_error_message());
	ASSERT_EQ(glassram_advance(self->s, 0, NULL), GLASSRAM_OK);
}

FIXTURE_TEARDOWN(session)
{
	glassram_layout_finish(&self->layout);
	glassram_columns_finish(&self->columns);
	glassram_detach(self->s);
	target_kill(&self->t);
}

TEST_F(session, each_written_page_has_one_hit_and_its_writer)
{
	uint64_t area = lib_target_area(&self->t, 0);
	struct glassram_thread *threads;
	const char *name = NULL;
	size_t nr;

	ASSERT_EQ(lib_target_write(&self->t, 0, area, 10), 0);
	ASSERT_EQ(glassram_columns_init(self->s, &self->columns), GLASSRAM_OK);
	ASSERT_EQ(glassram_layout_init(self->s, &self->layout), GLASSRAM_OK);
	ASSERT_EQ(glassram_threads(self->s, &threads, &nr, NULL), GLASSRAM_OK);
	for (unsigned int i = 0; i < LIB_AREA_PAGES; i++) {
		uint32_t slot = glassram_layout_slot(&self->layout, area + i * LIB_PAGE);

		ASSERT_NE(slot, GLASSRAM_NO_SLOT);
		ASSERT_EQ(glassram_layout_address(&self->layout, slot), area + i * LIB_PAGE);
		ASSERT_EQ(self->columns.hits[slot], i < 10 ? 1 : 0);
		ASSERT_EQ(self->columns.stamp[slot],
			  i < 10 ? OPEN_EPOCH : GLASSRAM_STAMP_UNWRITTEN);
		if (i >= 10)
			continue;
		for (size_t j = 0; j < nr; j++)
			if (threads[j].slot == self->columns.owner[slot])
				name = threads[j].comm;
		ASSERT_NE(name, NULL);
		ASSERT_STREQ(name, "work-one");
	}
	free(threads);
}

TEST_F(session, a_tick_lists_what_was_written)
{
	uint64_t area = lib_target_area(&self->t, 0);
	struct glassram_tick tick;
	uint64_t listed = 0;

	ASSERT_EQ(lib_target_write(&self->t, 0, area + 8 * LIB_PAGE, 4), 0);
	ASSERT_EQ(lib_target_write(&self->t, 1, area + 20 * LIB_PAGE, 1), 0);
	ASSERT_EQ(glassram_advance(self->s, 0, &tick), GLASSRAM_OK);
	ASSERT_GE(tick.armed, 5);
	for (size_t i = 0; i < tick.nr_ranges; i++) {
		const struct glassram_range *range = &tick.ranges[i];

		ASSERT_LT(range->start, range->end);
		if (i)
			ASSERT_LE(tick.ranges[i - 1].end, range->start);
		for (uint64_t page = range->start; page < range->end; page += LIB_PAGE) {
			if (page < area || page >= area + LIB_AREA_PAGES * LIB_PAGE)
				continue;
			listed |= 1ULL << (page - area) / LIB_PAGE;
		}
	}
	ASSERT_EQ(listed, 0x100f00ULL);
}

TEST_F(session, regions_carry_the_fields_of_maps)
{
	uint64_t area = lib_target_area(&self->t, 0), start = 0, end = 0;
	const struct glassram_region *region;
	char path[64], line[512];
	FILE *maps;

	ASSERT_EQ(glassram_layout_init(self->s, &self->layout), GLASSRAM_OK);
	region = glassram_layout_region(&self->layout, area);
	ASSERT_NE(region, NULL);
	snprintf(path, sizeof(path), "/proc/%d/maps", self->t.pid);
	maps = fopen(path, "r");
	ASSERT_NE(maps, NULL);
	while (fgets(line, sizeof(line), maps)) {
		sscanf(line, "%lx-%lx", &start, &end);
		if (area >= start && area < end)
			break;
	}
	fclose(maps);
	ASSERT_EQ(region->start, start);
	ASSERT_EQ(region->end, end);
	ASSERT_EQ(region->prot, GLASSRAM_REGION_READ | GLASSRAM_REGION_WRITE);
	ASSERT_EQ(region->state, GLASSRAM_REGION_WATCHED);
	ASSERT_EQ(glassram_layout_region(&self->layout, 4096), NULL);
	/* of a file: its name is the one in maps */
	region = glassram_layout_region(&self->layout, (uint64_t)&lib_target_start);
	ASSERT_NE(region, NULL);
	ASSERT_NE(strstr(self->layout.names + region->name, "lib_session"), NULL);
}

/* More than the counters can hold before they grow. */
#define FRESH_BLOCKS 64UL

TEST_F(session, growth_moves_nothing_and_an_old_import_stays_good)
{
	uint64_t area = lib_target_area(&self->t, 0), fresh;
	struct glassram_columns grown;
	uint32_t slot;

	ASSERT_EQ(lib_target_write(&self->t, 0, area, 1), 0);
	ASSERT_EQ(glassram_columns_init(self->s, &self->columns), GLASSRAM_OK);
	fresh = lib_target_map(&self->t, FRESH_BLOCKS);
	ASSERT_NE(fresh, 0);
	ASSERT_EQ(glassram_advance(self->s, 0, NULL), GLASSRAM_OK);
	ASSERT_EQ(glassram_columns_init(self->s, &grown), GLASSRAM_OK);
	ASSERT_EQ(glassram_layout_init(self->s, &self->layout), GLASSRAM_OK);
	ASSERT_GT(grown.generation, self->columns.generation);
	ASSERT_GT(grown.slots, self->columns.slots);
	ASSERT_EQ(lib_sum_hits(&grown, &self->layout, fresh, FRESH_BLOCKS * GLASSRAM_BLOCK_SLOTS),
		  FRESH_BLOCKS);
	slot = glassram_layout_slot(&self->layout, area);
	ASSERT_LT(slot, self->columns.slots);
	ASSERT_EQ(lib_target_write(&self->t, 0, area, 1), 0);
	ASSERT_EQ(self->columns.hits[slot], 2);
	ASSERT_EQ(grown.hits[slot], 2);
	glassram_columns_finish(&grown);
}

TEST_F(session, counters_outlive_the_session)
{
	uint64_t area = lib_target_area(&self->t, 0);

	ASSERT_EQ(lib_target_write(&self->t, 0, area, 3), 0);
	ASSERT_EQ(glassram_columns_init(self->s, &self->columns), GLASSRAM_OK);
	ASSERT_EQ(glassram_layout_init(self->s, &self->layout), GLASSRAM_OK);
	glassram_detach(self->s);
	self->s = NULL;
	ASSERT_EQ(lib_sum_hits(&self->columns, &self->layout, area, LIB_AREA_PAGES), 3);
}

TEST_F(session, the_control_page_agrees_with_the_totals)
{
	struct glassram_control control;
	struct glassram_stats stats;

	ASSERT_EQ(lib_target_write(&self->t, 0, lib_target_area(&self->t, 0), 7), 0);
	ASSERT_EQ(glassram_advance(self->s, 0, NULL), GLASSRAM_OK);
	ASSERT_EQ(glassram_stats(self->s, &stats), GLASSRAM_OK);
	ASSERT_EQ(glassram_control_read(self->s, &control), GLASSRAM_OK);
	ASSERT_EQ(control.epoch, stats.epoch);
	ASSERT_EQ(control.epoch, OPEN_EPOCH + 1);
	ASSERT_EQ(control.state, GLASSRAM_STATE_LIVE);
	/* The page is of the tick, the totals are live: the target may just fall asleep. */
	ASSERT_GE(control.hits, 7);
	ASSERT_LE(control.hits, stats.hits);
	ASSERT_LE(stats.hits - control.hits, 8);
	ASSERT_EQ(stats.unexplained, 0);
	ASSERT_EQ(stats.lost, 0);
}

TEST_F(session, settings)
{
	struct glassram_options options;
	struct glassram_query query;

	ASSERT_EQ(glassram_get_options(self->s, &options), GLASSRAM_OK);
	ASSERT_EQ(options.rate_hz, GLASSRAM_RATE_DEFAULT);
	ASSERT_STREQ(options.policy, "");
	ASSERT_EQ(glassram_set_rate(self->s, 250), GLASSRAM_OK);
	ASSERT_EQ(glassram_get_options(self->s, &options), GLASSRAM_OK);
	ASSERT_EQ(options.rate_hz, 250);
	ASSERT_EQ(glassram_set_rate(self->s, 0), GLASSRAM_ERR_INVALID);
	MESSAGE_HAS("1 to 1000");
	if (glassram_query(&query) || query.backends & GLASSRAM_BACKEND_WP_ASYNC) {
		ASSERT_EQ(glassram_set_policy(self->s, "no such one"), GLASSRAM_ERR_POLICY);
		MESSAGE_HAS("\"no such one\"");
		MESSAGE_HAS("--policy FILE.bpf.o");
	} else {
		/* The older kernels know no policies at all. */
		ASSERT_EQ(glassram_set_policy(self->s, "no such one"),
			  GLASSRAM_ERR_FEATURE_MISSING);
	}
	ASSERT_EQ(glassram_advance(self->s, 1U << 30, NULL), GLASSRAM_ERR_INVALID);
}

TEST_F(session, the_end_of_the_target_is_told)
{
	ASSERT_EQ(kill(self->t.pid, SIGKILL), 0);
	/* the mm is torn down a moment after the signal */
	for (int i = 0; i < 100; i++) {
		if (glassram_advance(self->s, GLASSRAM_ADVANCE_PACED, NULL))
			break;
	}
	ASSERT_EQ(glassram_advance(self->s, 0, NULL), GLASSRAM_ERR_ENDED);
	MESSAGE_HAS("exited or started another program");
	MESSAGE_HAS("attach again");
}

static void on_alarm(int signal)
{
	(void)signal;
}

TEST_F(session, a_signal_interrupts_a_sleeping_tick)
{
	struct itimerval timer = { .it_value.tv_usec = 200000 };
	struct sigaction action = { .sa_handler = on_alarm };
	struct glassram_control before, after;

	ASSERT_EQ(glassram_set_rate(self->s, 1), GLASSRAM_OK);
	ASSERT_EQ(glassram_advance(self->s, GLASSRAM_ADVANCE_PACED, NULL), GLASSRAM_OK);
	ASSERT_EQ(glassram_control_read(self->s, &before), GLASSRAM_OK);
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
	ASSERT_EQ(glassram_advance(self->s, GLASSRAM_ADVANCE_PACED, NULL),
		  GLASSRAM_ERR_INTERRUPTED);
	MESSAGE_HAS("call again");
	ASSERT_EQ(glassram_control_read(self->s, &after), GLASSRAM_OK);
	ASSERT_EQ(after.epoch, before.epoch);
}

struct ticker {
	struct glassram_session *s;
	atomic_bool stop;
	enum glassram_error error;
};

static void *tick(void *arg)
{
	struct ticker *ticker = arg;

	while (!ticker->stop && !ticker->error)
		ticker->error = glassram_advance(ticker->s, GLASSRAM_ADVANCE_PACED, NULL);
	return NULL;
}

TEST_F(session, one_thread_may_advance_while_another_reads)
{
	struct ticker ticker = { .s = self->s };
	struct glassram_control control;
	struct glassram_thread *threads;
	struct glassram_stats stats;
	pthread_t thread;
	uint32_t epoch = 0;
	size_t nr;

	ASSERT_EQ(glassram_set_rate(self->s, 200), GLASSRAM_OK);
	ASSERT_EQ(pthread_create(&thread, NULL, tick, &ticker), 0);
	for (int i = 0; i < 50; i++) {
		ASSERT_EQ(lib_target_write(&self->t, 0, lib_target_area(&self->t, 0), 8), 0);
		ASSERT_EQ(glassram_columns_init(self->s, &self->columns), GLASSRAM_OK);
		ASSERT_EQ(glassram_layout_init(self->s, &self->layout), GLASSRAM_OK);
		ASSERT_EQ(glassram_threads(self->s, &threads, &nr, NULL), GLASSRAM_OK);
		free(threads);
		ASSERT_EQ(glassram_stats(self->s, &stats), GLASSRAM_OK);
		ASSERT_EQ(glassram_control_read(self->s, &control), GLASSRAM_OK);
		ASSERT_GE(control.epoch, epoch);
		epoch = control.epoch;
		glassram_layout_finish(&self->layout);
		glassram_columns_finish(&self->columns);
	}
	ticker.stop = true;
	pthread_join(thread, NULL);
	ASSERT_EQ(ticker.error, GLASSRAM_OK);
	ASSERT_GT(epoch, OPEN_EPOCH);
}

TEST_HARNESS_MAIN
