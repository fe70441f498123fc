// SPDX-License-Identifier: GPL-2.0-only
/*
 * No hit is lost, frozen: six writers in the target and one outside it, all
 * stopped at the end of each epoch; then the pages that got a hit must be
 * exactly the pages that the kernel itself says were written.
 *
 * The truth is an independent PAGEMAP_SCAN that arms nothing, taken before
 * ADVANCE: WRITTEN and (PRESENT or SWAPPED). Nothing here reads a page before
 * it is written, merges or drops pages, so no difference is excused in either
 * direction.
 *
 * Weak spot: SIGSTOP lets a thread finish its system call first, so a write
 * split by the freeze is not seen here; `running` is for that.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/prctl.h>

#include "session.h"
#include "target.h"
#include "writers.h"

#include "kselftest_harness.h"

#define PAGES 6144UL /* 24 MiB: seven blocks, so that look-ups differ */
#define EPOCH_US 30000

static enum writers_arena kind;
static struct writers writers;

static uint64_t next_value(void)
{
	static _Thread_local uint64_t value;

	return ++value;
}

static int writing_target(struct target *t)
{
	writers = (struct writers){
		.arena = writers_arena(kind, PAGES),
		.pages = PAGES,
		.count = t->shared + 8,
		.value = next_value,
	};
	if (!writers.arena)
		return 1;
	t->shared[0] = (uintptr_t)writers.arena;
	target_pause(t);
	if (writers_run(&writers))
		return 2;
	target_pause(t);
	return 0;
}

FIXTURE(frozen)
{
	struct target target;
	struct session session;
	pid_t outside;
};

FIXTURE_VARIANT(frozen)
{
	enum writers_arena kind;
	uint64_t writes; /* page writes, as counted by the kernel */
};

FIXTURE_VARIANT_ADD(frozen, anonymous)
{
	.kind = ARENA_ANON, .writes = 200000,
};

FIXTURE_VARIANT_ADD(frozen, huge_pages)
{
	.kind = ARENA_THP, .writes = 40000,
};

FIXTURE_VARIANT_ADD(frozen, shared_memory)
{
	.kind = ARENA_SHMEM, .writes = 40000,
};

FIXTURE_SETUP(frozen)
{
	kind = variant->kind;
	self->session = (struct session){.fd = -1, .mem_fd = -1, .pagemap_fd = -1};
	ASSERT_EQ(0, target_start(&self->target, writing_target));
	ASSERT_EQ(0, session_open(&self->session, self->target.pid));
	ASSERT_EQ(0, session_advance(&self->session, 0));

	self->outside = fork();
	ASSERT_LE(0, self->outside);
	if (!self->outside) {
		struct writers w = {
			.arena = (char *)self->target.shared[0],
			.pages = PAGES,
			.count = self->target.shared + 8,
			.value = next_value,
		};

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		raise(SIGSTOP);
		writers_outside(&w, self->target.pid);
		_exit(0);
	}
	take_precedence();
}

FIXTURE_TEARDOWN(frozen)
{
	if (self->outside > 0) {
		kill(self->outside, SIGKILL);
		waitpid(self->outside, NULL, 0);
	}
	session_close(&self->session);
	target_kill(&self->target);
}

/* Pages of the arena that one epoch wrote, compared in both directions. */
struct verdict {
	uint64_t written;
	uint64_t lost; /* written, no hit */
	uint64_t invented; /* hit, not written */
	uint64_t doubled; /* more than one hit in one epoch */
	uint64_t misstamped; /* STAMP does not tell the same as HITS */
};

static void compare(struct session *s, uint64_t arena, const uint8_t *written,
		    uint32_t *before, struct verdict *v)
{
	uint32_t epoch = s->control->epoch;

	for (size_t i = 0; i < PAGES; i++) {
		uint32_t slot = session_slot(s, arena + i * PAGE);
		uint32_t hits = session_column(s, GLASSRAM_COLUMN_HITS, slot);
		uint32_t stamp = session_column(s, GLASSRAM_COLUMN_STAMP, slot);
		uint32_t fresh = hits - before[i];

		v->written += written[i];
		v->lost += written[i] && !fresh;
		v->invented += fresh && !written[i];
		v->doubled += fresh > 1;
		v->misstamped += (stamp == epoch) != (fresh != 0);
		before[i] = hits;
	}
}

TEST_F_TIMEOUT(frozen, hits_are_exactly_the_written_pages, 90)
{
	struct session *s = &self->session;
	uint64_t arena = self->target.shared[0];
	static uint32_t before[PAGES];
	static uint8_t written[PAGES];
	struct verdict v = {0};
	uint64_t stores = 0;
	uint32_t epochs = 0;
	long left_armed = 0;

	if (variant->kind == ARENA_THP && arms_by_soft_dirty())
		SKIP(return, "armed by soft-dirty bits, a huge page is one page");
	ASSERT_LE(2, sysconf(_SC_NPROCESSORS_ONLN))
		TH_LOG("needs two CPUs: writers and hook must really overlap");
	/* The setup wrote the arena before it was armed. */
	for (size_t i = 0; i < PAGES; i++)
		before[i] = session_hits(s, arena + i * PAGE);

	ASSERT_EQ(0, target_next(&self->target));
	while (v.written < variant->writes) {
		kill(self->target.pid, SIGCONT);
		kill(self->outside, SIGCONT);
		usleep(EPOCH_US);
		ASSERT_EQ(0, proc_freeze(self->outside));
		ASSERT_EQ(0, proc_freeze(self->target.pid));

		ASSERT_LE(0, scan_written(s->pagemap_fd, arena, arena + PAGES * PAGE, written));
		compare(s, arena, written, before, &v);
		ASSERT_EQ(0, session_advance(s, 0));
		left_armed += scan_written(s->pagemap_fd, arena, arena + PAGES * PAGE, written);
		epochs++;
	}
	for (int i = 0; i <= WRITERS; i++) {
		EXPECT_LT(0, self->target.shared[8 + i])
			TH_LOG("writer %d never wrote", i);
		stores += self->target.shared[8 + i];
	}
	TH_LOG("%ju pages written in %u epochs by %ju stores", (uintmax_t)v.written, epochs,
	       (uintmax_t)stores);
	EXPECT_EQ(0, v.lost);
	EXPECT_EQ(0, v.invented);
	EXPECT_EQ(0, v.doubled);
	EXPECT_EQ(0, v.misstamped);
	EXPECT_EQ(0, left_armed)
		TH_LOG("pages still written after ADVANCE on a frozen target");

	ASSERT_EQ(0, session_stats(s));
	EXPECT_EQ(0, s->stats.lost);
	EXPECT_EQ(0, s->stats.unexplained);
	EXPECT_EQ(s->stats.hits, session_total_hits(s))
		TH_LOG("the sum of the counters is not the number of hits");
}

TEST_HARNESS_MAIN
