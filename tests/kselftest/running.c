// SPDX-License-Identifier: GPL-2.0-only
/*
 * No hit is lost, running: the writers never stop, and each page holds the
 * time of its last write.
 *
 * The rule, for a page p and the last ADVANCE k that armed it (k listed p in
 * its ranges): a write that began after k returned meets an armed page or a
 * page unarmed by a hit since, so STAMP(p) is at least the epoch that k
 * opened. The writer reads the clock before it stores, so a page's time is
 * never later than its store, and the rule accuses no one falsely. The time
 * is read before STAMP. A module that arms first and closes the epoch then
 * breaks the rule: a write between the two is stamped with the old epoch and
 * leaves the page unarmed for the whole new one.
 *
 * Weak spot: a lost hit is seen only while no later hit covers it, so the
 * test looks once an epoch, not only at the end.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/uio.h>

#include "session.h"
#include "target.h"
#include "writers.h"

#include "kselftest_harness.h"

#define PAGES 6144UL
#define STORES 1000000ULL
#define EPOCHS 60U
#define EPOCH_US 20000

/* Growth: the target maps this much more, piece by piece. */
#define GROW_STEPS 24
#define GROW_BYTES (16UL << 20)

static struct writers writers;

static int writing_target(struct target *t)
{
	writers = (struct writers){
		.arena = writers_arena(ARENA_ANON, PAGES),
		.pages = PAGES,
		.count = t->shared + 8,
		.value = now_ns,
	};
	if (!writers.arena)
		return 1;
	t->shared[0] = (uintptr_t)writers.arena;
	target_pause(t);
	if (writers_run(&writers))
		return 2;
	target_pause(t);
	/* Growth, while the writers go on: fresh blocks of slots, all touched. */
	for (int i = 0; i < GROW_STEPS; i++) {
		char *more = mmap(NULL, GROW_BYTES, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (more == MAP_FAILED)
			return 3;
		madvise(more, GROW_BYTES, MADV_NOHUGEPAGE);
		t->shared[32 + i] = (uintptr_t)more;
		/* One page of each block: growth is what matters, not volume. */
		for (size_t at = 0; at < GROW_BYTES; at += GLASSRAM_BLOCK_SLOTS * PAGE)
			more[at] = 1;
		target_pause(t);
	}
	return 0;
}

FIXTURE(running)
{
	struct target target;
	struct session session;
	pid_t outside;
};

FIXTURE_SETUP(running)
{
	self->session = (struct session){.fd = -1, .mem_fd = -1, .pagemap_fd = -1};
	ASSERT_EQ(0, target_start(&self->target, writing_target));
	ASSERT_EQ(0, session_open(&self->session, self->target.pid));
	ASSERT_EQ(0, target_next(&self->target));
	self->outside = fork();
	ASSERT_LE(0, self->outside);
	if (!self->outside) {
		struct writers w = {
			.arena = (char *)self->target.shared[0],
			.pages = PAGES,
			.count = self->target.shared + 8,
			.value = now_ns,
		};

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		writers_outside(&w, self->target.pid);
		_exit(0);
	}
}

FIXTURE_TEARDOWN(running)
{
	if (self->outside > 0) {
		kill(self->outside, SIGKILL);
		waitpid(self->outside, NULL, 0);
	}
	session_close(&self->session);
	target_kill(&self->target);
}

static uint64_t stores(const struct target *t)
{
	uint64_t sum = 0;

	for (int i = 0; i <= WRITERS; i++)
		sum += t->shared[8 + i];
	return sum;
}

/* Time of the last write of every page, read from the outside. */
static int read_times(pid_t pid, uint64_t arena, uint64_t *times)
{
	enum { BATCH = 512 };
	struct iovec from[BATCH], to[BATCH];

	for (size_t at = 0; at < PAGES; at += BATCH) {
		for (size_t i = 0; i < BATCH; i++) {
			from[i] = (struct iovec){(void *)(arena + (at + i) * PAGE), 8};
			to[i] = (struct iovec){&times[at + i], 8};
		}
		if (process_vm_readv(pid, to, BATCH, from, BATCH, 0) != BATCH * 8)
			return -errno;
	}
	return 0;
}

struct arming {
	uint64_t returned_ns; /* when the ADVANCE that armed the page returned */
	uint32_t epoch; /* what it opened */
};

static void note_armed(const struct session *s, uint64_t arena, struct arming *armed)
{
	const struct page_region *r = session_ranges(s);
	uint64_t now = now_ns();

	for (uint32_t i = 0; i < s->advanced.nr_ranges; i++) {
		for (uint64_t a = r[i].start; a < r[i].end; a += PAGE) {
			if (a < arena || a >= arena + PAGES * PAGE)
				continue;
			armed[(a - arena) / PAGE] = (struct arming){now, s->advanced.epoch};
		}
	}
}

static struct arming armed[PAGES];
static uint64_t times[PAGES];

/* Pages that break the rule at the head of this file. */
static uint32_t count_lost(struct session *s, uint64_t arena, uint32_t *ret_judged)
{
	uint32_t lost = 0;

	for (size_t i = 0; i < PAGES; i++) {
		if (!armed[i].epoch || times[i] <= armed[i].returned_ns)
			continue;
		++*ret_judged;
		if (session_stamp(s, arena + i * PAGE) < armed[i].epoch)
			lost++;
	}
	return lost;
}

TEST_F_TIMEOUT(running, no_page_written_after_its_arming_lacks_a_hit, 90)
{
	struct session *s = &self->session;
	uint64_t arena = self->target.shared[0];
	uint32_t judged = 0, lost = 0, epochs = 0;

	ASSERT_LE(2, sysconf(_SC_NPROCESSORS_ONLN));
	memset(armed, 0, sizeof(armed));
	ASSERT_EQ(0, session_advance(s, 0));
	note_armed(s, arena, armed);
	while (epochs < EPOCHS || stores(&self->target) < STORES) {
		usleep(EPOCH_US);
		ASSERT_EQ(0, read_times(self->target.pid, arena, times));
		lost += count_lost(s, arena, &judged);
		ASSERT_EQ(0, session_advance(s, 0));
		ASSERT_EQ(0, s->advanced.result & GLASSRAM_ADVANCED_TRUNCATED);
		note_armed(s, arena, armed);
		epochs++;
	}
	for (int i = 0; i <= WRITERS; i++) {
		EXPECT_LT(0, self->target.shared[8 + i])
			TH_LOG("writer %d never wrote", i);
	}
	ASSERT_EQ(0, session_stats(s));
	TH_LOG("%ju stores, %u epochs, %u pages judged, %ju hits",
	       (uintmax_t)stores(&self->target), epochs, judged, (uintmax_t)s->stats.hits);
	EXPECT_LT(PAGES, judged)
		TH_LOG("hardly any page was written after its arming: nothing was tested");
	EXPECT_EQ(0, lost)
		TH_LOG("written after their last arming, and no hit since");
	EXPECT_EQ(0, s->stats.lost);
	EXPECT_EQ(0, s->stats.unexplained);
}

/* Column HITS as an importer of an old generation goes on seeing it. */
static uint32_t old_hits(const char *map, const struct glassram_column *c, uint32_t slot)
{
	return *(const volatile uint32_t *)(map + c->offset +
		(uint64_t)(slot / c->width) * c->stride + (slot % c->width) * c->elem_size);
}

TEST_F_TIMEOUT(running, growth_under_an_importer_loses_nothing, 60)
{
	struct session *s = &self->session;
	uint64_t arena = self->target.shared[0];
	struct glassram_column column = {0};
	struct glassram_counters first;
	uint32_t judged = 0, lost = 0, differ = 0, grown = 0, missing = 0;
	uint32_t *slots;
	char *old;

	memset(armed, 0, sizeof(armed));
	ASSERT_EQ(0, session_advance(s, 0));
	note_armed(s, arena, armed);
	first = s->counters_info;
	for (uint32_t i = 0; i < first.nr_columns; i++)
		if (s->columns[i].id == GLASSRAM_COLUMN_HITS)
			column = s->columns[i];
	ASSERT_EQ(GLASSRAM_COLUMN_HITS, column.id);
	old = mmap(NULL, first.bytes, PROT_READ, MAP_SHARED, s->counters_fd, 0);
	ASSERT_NE(MAP_FAILED, old);
	slots = calloc(PAGES, sizeof(*slots));
	ASSERT_NE(NULL, slots);
	for (size_t i = 0; i < PAGES; i++)
		slots[i] = session_slot(s, arena + i * PAGE);

	for (int step = 0; step < GROW_STEPS; step++) {
		ASSERT_EQ(0, target_next(&self->target));
		ASSERT_EQ(0, read_times(self->target.pid, arena, times));
		lost += count_lost(s, arena, &judged);
		ASSERT_EQ(0, session_advance(s, 0));
		note_armed(s, arena, armed);
		grown += !!(s->advanced.result & GLASSRAM_ADVANCED_COUNTERS);
		for (size_t at = 0; at < GROW_BYTES; at += GLASSRAM_BLOCK_SLOTS * PAGE)
			missing += session_hits(s, self->target.shared[32 + step] + at) != 1;
	}
	TH_LOG("%u generations, %u slots at first, %u at last", grown, first.slots,
	       s->counters_info.slots);
	EXPECT_LT(0, grown)
		TH_LOG("the counters never grew: nothing was tested");
	EXPECT_LT(first.slots, s->counters_info.slots);
	EXPECT_LT(0, judged);
	EXPECT_EQ(0, lost);
	EXPECT_EQ(0, missing)
		TH_LOG("first touches of new mappings without exactly one hit");

	/* Old and new import show the same counters, which have not moved. */
	ASSERT_EQ(0, proc_freeze(self->outside));
	ASSERT_EQ(0, proc_freeze(self->target.pid));
	for (size_t i = 0; i < PAGES; i++) {
		EXPECT_EQ(slots[i], session_slot(s, arena + i * PAGE));
		differ += old_hits(old, &column, slots[i]) != session_hits(s, arena + i * PAGE);
	}
	EXPECT_EQ(0, differ);
	ASSERT_EQ(0, session_stats(s));
	EXPECT_EQ(0, s->stats.lost);
	EXPECT_EQ(0, s->stats.unexplained);
	munmap(old, first.bytes);
	free(slots);
}

TEST_HARNESS_MAIN
