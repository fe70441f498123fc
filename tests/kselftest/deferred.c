// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hits that come before their page has a slot: kept by the hook, counted later.
 * When, and that no total counts them before their slot does.
 *
 * Weak spot: the target stands still while it is looked at; races of the ring are
 * in race_shared and running.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <sys/mman.h>

#include "session.h"
#include "target.h"

#include "kselftest_harness.h"

#define PAGES 32UL
/* Two blocks' worth, so that one of them lies in it as a whole, and has no slots. */
#define FRESH_BYTES (2 * GLASSRAM_BLOCK_SLOTS * PAGE)

enum { AREA }; /* words shared with the target */

/* Each step writes PAGES pages where nothing was ever mapped. */
static int writing_target(struct target *t)
{
	for (;;) {
		char *fresh;

		target_pause(t);
		fresh = mmap(NULL, FRESH_BYTES, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (fresh == MAP_FAILED)
			return 1;
		madvise(fresh, FRESH_BYTES, MADV_NOHUGEPAGE);
		fresh += -(uintptr_t)fresh % (FRESH_BYTES / 2);
		for (uint64_t i = 0; i < PAGES; i++)
			((volatile char *)fresh)[i * PAGE] = 1;
		t->shared[AREA] = (uintptr_t)fresh;
	}
}

FIXTURE(deferred)
{
	struct target target;
	struct session session;
	uint64_t area;
};

FIXTURE_SETUP(deferred)
{
	ASSERT_EQ(0, target_start(&self->target, writing_target));
	ASSERT_EQ(0, session_open(&self->session, self->target.pid));
	ASSERT_EQ(0, session_advance(&self->session, 0));
	ASSERT_EQ(0, target_next(&self->target));
	self->area = self->target.shared[AREA];
}

FIXTURE_TEARDOWN(deferred)
{
	session_close(&self->session);
	target_kill(&self->target);
}

/* Import what there is now. Return: hits of the pages written by the last step. */
static uint64_t area_hits(FIXTURE_DATA(deferred) *self)
{
	if (session_import(&self->session))
		return ~0ULL;
	return session_area_hits(&self->session, self->area, PAGES * PAGE);
}

/* STATS, the table of threads and the counters tell the same number. */
static void agree(struct __test_metadata *_metadata, struct session *s)
{
	struct glassram_thread *threads;
	uint64_t of_threads = 0;
	int nr = session_threads(s, &threads, NULL);

	ASSERT_LE(0, nr);
	for (int i = 0; i < nr; i++)
		of_threads += threads[i].hits;
	free(threads);
	ASSERT_EQ(0, session_stats(s));
	EXPECT_EQ(session_total_hits(s), s->stats.hits);
	EXPECT_EQ(session_total_hits(s), of_threads);
	EXPECT_EQ(0, s->stats.lost);
}

/* STATS counted them at once, and took duplicates back: after RESET below zero. */
TEST_F(deferred, no_total_counts_a_hit_before_its_slot_does)
{
	struct session *s = &self->session;

	EXPECT_EQ(0, area_hits(self));
	agree(_metadata, s);
	EXPECT_LE(PAGES, s->stats.deferred);
	ASSERT_EQ(0, session_advance(s, 0));
	EXPECT_EQ(PAGES, area_hits(self));
	agree(_metadata, s);
}

TEST_F(deferred, pause_counts_them)
{
	ASSERT_EQ(0, session_pause(&self->session, true));
	EXPECT_EQ(PAGES, area_hits(self));
	agree(_metadata, &self->session);
}

TEST_F(deferred, reset_forgets_them)
{
	ASSERT_EQ(0, session_reset(&self->session));
	EXPECT_EQ(0, area_hits(self));
	agree(_metadata, &self->session);
	EXPECT_EQ(0, self->session.stats.hits);
	ASSERT_EQ(0, session_advance(&self->session, 0));
	EXPECT_EQ(0, area_hits(self));
}

/* They stayed in the ring, counted nowhere: the last ADVANCE only said ESRCH. */
TEST_F(deferred, what_an_ended_target_wrote_last_is_counted)
{
	struct session *s = &self->session;
	struct pollfd p = {.fd = s->fd};

	target_kill(&self->target);
	ASSERT_EQ(1, poll(&p, 1, 10000));
	EXPECT_EQ(POLLHUP, p.revents);
	EXPECT_EQ(-ESRCH, session_advance(s, 0));
	EXPECT_EQ(PAGES, area_hits(self));
	agree(_metadata, s);
}

TEST_HARNESS_MAIN
