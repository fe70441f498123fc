// SPDX-License-Identifier: GPL-2.0-only
/*
 * The columns ARMED and OBSERVED: what is known of a page, beside its hits. The
 * target writes by a pattern that the test knows.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/mman.h>

#include "session.h"
#include "target.h"

#include "kselftest_harness.h"

#define PAGES 64
#define EPOCHS 24

/* Page i is written in every (i + 1)th of the first EPOCHS, page PAGES - 1 never. */
static bool is_written(int page, int epoch)
{
	return page != PAGES - 1 && epoch % (page + 1) == 0;
}

static int pattern_target(struct target *t)
{
	char *arena = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (arena == MAP_FAILED)
		return 1;
	madvise(arena, PAGES * PAGE, MADV_NOHUGEPAGE);
	t->shared[0] = (uintptr_t)arena;
	for (int epoch = 0;; epoch++) {
		target_pause(t);
		for (int i = 0; i < PAGES; i++)
			if (is_written(i, epoch))
				arena[i * PAGE]++;
	}
}

FIXTURE(observed)
{
	struct target target;
	struct session session;
	uint64_t arena;
};

FIXTURE_SETUP(observed)
{
	ASSERT_EQ(0, target_start(&self->target, pattern_target));
	self->arena = self->target.shared[0];
	ASSERT_EQ(0, session_open(&self->session, self->target.pid));
	ASSERT_EQ(0, session_advance(&self->session, 0));
}

FIXTURE_TEARDOWN(observed)
{
	session_close(&self->session);
	target_kill(&self->target);
}

static uint32_t observed_of(struct session *s, uint64_t address)
{
	uint32_t slot = session_slot(s, address);

	return glassram_observed(s->advanced.epoch,
				 session_column(s, GLASSRAM_COLUMN_STAMP, slot),
				 session_column(s, GLASSRAM_COLUMN_ARMED, slot),
				 session_column(s, GLASSRAM_COLUMN_OBSERVED, slot));
}

static void run_epochs(struct __test_metadata *_metadata, FIXTURE_DATA(observed) *self, int nr)
{
	for (int i = 0; i < nr; i++) {
		ASSERT_EQ(0, target_next(&self->target));
		ASSERT_EQ(0, session_advance(&self->session, 0));
	}
}

/* Everything is armed again at each tick: every epoch of every page is known. */
TEST_F(observed, all_epochs_and_hits_are_the_pattern)
{
	struct session *s = &self->session;

	for (int nr = 0; nr < EPOCHS; nr++) {
		run_epochs(_metadata, self, 1);
		for (int i = 0; i < PAGES; i++) {
			uint64_t address = self->arena + i * PAGE;
			uint32_t hits = 0;

			for (int epoch = 0; epoch <= nr; epoch++)
				hits += is_written(i, epoch);
			EXPECT_EQ(nr + 1, observed_of(s, address));
			EXPECT_EQ(hits, session_hits(s, address));
		}
	}
}

/* The page hit in the open epoch is known to be written in it, the others not yet. */
TEST_F(observed, the_open_epoch_counts_once_it_is_hit)
{
	struct session *s = &self->session;

	run_epochs(_metadata, self, 3);
	ASSERT_EQ(0, target_next(&self->target));
	EXPECT_EQ(4, observed_of(s, self->arena)); /* epoch 3: pages 0, and 3 not yet */
	EXPECT_EQ(3, observed_of(s, self->arena + 1 * PAGE));
	EXPECT_EQ(s->advanced.epoch, session_column(s, GLASSRAM_COLUMN_ARMED,
						     session_slot(s, self->arena)));
}

TEST_F(observed, reset_begins_anew)
{
	struct session *s = &self->session;

	run_epochs(_metadata, self, 5);
	ASSERT_EQ(0, target_next(&self->target));
	ASSERT_EQ(0, session_reset(s));
	for (int i = 0; i < PAGES; i++)
		EXPECT_EQ(0, observed_of(s, self->arena + i * PAGE));
	ASSERT_EQ(0, session_advance(s, 0));
	run_epochs(_metadata, self, 7);
	for (int i = 0; i < PAGES; i++) {
		uint32_t seen = observed_of(s, self->arena + i * PAGE);

		/* Those hit when RESET came were not armed until the tick after it. */
		EXPECT_LE(7, seen);
		EXPECT_GE(8, seen);
		EXPECT_LE(session_hits(s, self->arena + i * PAGE), seen);
	}
}

TEST_F(observed, nothing_is_observed_while_paused)
{
	struct session *s = &self->session;

	run_epochs(_metadata, self, 4);
	ASSERT_EQ(0, session_pause(s, true));
	ASSERT_EQ(0, target_next(&self->target));
	ASSERT_EQ(0, session_pause(s, false));
	ASSERT_EQ(0, session_advance(s, 0));
	run_epochs(_metadata, self, 4);
	for (int i = 0; i < PAGES; i++) {
		uint32_t seen = observed_of(s, self->arena + i * PAGE);

		EXPECT_EQ(8, seen);
		EXPECT_LE(session_hits(s, self->arena + i * PAGE), seen);
	}
}

TEST_HARNESS_MAIN
