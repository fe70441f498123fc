// SPDX-License-Identifier: GPL-2.0-only
/*
 * The target changes its memory while that is being found, registered, armed
 * and counted: four threads that do nothing but map, unmap, move, split, drop
 * and fork, and check their own data; a client that advances without rest.
 *
 * Whatever the timing: the data is right, no call fails, no hit is lost or
 * unexplained, and on the target at rest the total of HITS is what STATS says.
 *
 * Weak spot: that each single write was counted is not checked here, as
 * nobody else knows how often a page was written in an epoch; that is shown
 * by frozen and layout, without the storm.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "race.h"

#include "kselftest_harness.h"

#define THREADS 4
#define PAGES 64UL
#define LENGTH (PAGES * PAGE)
#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
/* Of the kinds of storm each; they take about a second. */
#define ADVANCES 40

/* Words of target.shared */
enum { STORMS_DONE = RACE_OWN, FAILED_LINE };

static struct target *me;

/* Memory or a call is not as it should be: the test reads the line, whoever of us dies. */
static void fail(int line)
{
	me->shared[FAILED_LINE] = line;
	_exit(3);
}

#define REQUIRE(x) do { if (!(x)) fail(__LINE__); } while (0)

static void *map(size_t length, int flags)
{
	void *area = mmap(NULL, length, RW, flags, -1, 0);

	REQUIRE(area != MAP_FAILED);
	return area;
}

static void fill(volatile uint64_t *area, uint64_t value)
{
	for (size_t i = 0; i < PAGES; i++)
		area[i * PAGE / 8] = value + i;
}

static void verify(volatile uint64_t *area, uint64_t value)
{
	for (size_t i = 0; i < PAGES; i++)
		REQUIRE(area[i * PAGE / 8] == value + i);
}

/* Each storm: one round of it, on memory of its own or that of its thread. */
struct place {
	char *area; /* LENGTH bytes, filled with @value */
	char *room; /* reserved addresses to move to, as long */
	uint64_t value;
	unsigned int seed;
	bool shared; /* the area keeps its data when dropped, and with a child */
};

static void storm_map(struct place *p)
{
	volatile uint64_t *area = map(LENGTH, p->value & 1 ? ANON : MAP_SHARED | MAP_ANONYMOUS);

	fill(area, p->value);
	verify(area, p->value);
	munmap((void *)area, LENGTH);
}

static void storm_move(struct place *p)
{
	char *old = p->area;

	REQUIRE(mremap(old, LENGTH, LENGTH, MREMAP_MAYMOVE | MREMAP_FIXED, p->room) == p->room);
	p->area = p->room;
	/* Where it was is the room for the next time, if no other thread was quicker. */
	p->room = mmap(old, LENGTH, PROT_NONE, ANON | MAP_FIXED_NOREPLACE, -1, 0);
	if (p->room == MAP_FAILED)
		p->room = mmap(NULL, LENGTH, PROT_NONE, ANON, -1, 0);
	REQUIRE(p->room != MAP_FAILED);
	verify((uint64_t *)p->area, p->value);
	fill((uint64_t *)p->area, ++p->value);
}

/* Shrinks and grows in place, so that addresses are new although their mapping is not. */
static void storm_resize(struct place *p)
{
	if (p->shared)
		return;
	REQUIRE(mremap(p->area, LENGTH, LENGTH / 2, 0) == p->area);
	if (mremap(p->area, LENGTH / 2, LENGTH, 0) == MAP_FAILED)
		REQUIRE(mmap(p->area + LENGTH / 2, LENGTH / 2, RW, ANON | MAP_FIXED, -1, 0) !=
			MAP_FAILED);
	for (size_t i = PAGES / 2; i < PAGES; i++)
		REQUIRE(!p->area[i * PAGE]);
	fill((uint64_t *)p->area, ++p->value);
	verify((uint64_t *)p->area, p->value);
}

/* Splits the mapping in three and joins it again. */
static void storm_protect(struct place *p)
{
	size_t at = rand_r(&p->seed) % (PAGES - 2) * PAGE;
	int how = rand_r(&p->seed) & 1 ? PROT_READ : PROT_NONE;

	REQUIRE(!mprotect(p->area + at, 2 * PAGE, how));
	*(volatile uint64_t *)(p->area + (at + 2 * PAGE) % LENGTH) += 0;
	REQUIRE(!mprotect(p->area + at, 2 * PAGE, RW));
	verify((uint64_t *)p->area, p->value);
	fill((uint64_t *)p->area, ++p->value);
}

static void storm_drop(struct place *p)
{
	if (p->shared)
		return;
	REQUIRE(!madvise(p->area, LENGTH, MADV_DONTNEED));
	for (size_t i = 0; i < PAGES; i += 2)
		REQUIRE(!*(volatile char *)(p->area + i * PAGE));
	fill((uint64_t *)p->area, ++p->value);
	verify((uint64_t *)p->area, p->value);
	/* A page freed lazily is as it was once it is written again. */
	madvise(p->area, LENGTH, MADV_FREE);
	fill((uint64_t *)p->area, ++p->value);
	verify((uint64_t *)p->area, p->value);
}

/* Another kind of mapping at the very same addresses. */
static void storm_replace(struct place *p)
{
	int flags[] = {ANON, MAP_SHARED | MAP_ANONYMOUS, ANON | MAP_NORESERVE, ANON | MAP_POPULATE};
	unsigned int which = rand_r(&p->seed) % ARRAY_SIZE(flags);

	REQUIRE(mmap(p->area, LENGTH, RW, flags[which] | MAP_FIXED, -1, 0) == p->area);
	p->shared = flags[which] & MAP_SHARED;
	fill((uint64_t *)p->area, ++p->value);
	verify((uint64_t *)p->area, p->value);
}

/* The child writes its copies, the parent its own: both break the sharing. */
static void storm_fork(struct place *p)
{
	pid_t child;
	int status;

	if (p->shared)
		return;
	child = fork();
	REQUIRE(child >= 0);
	if (!child) {
		fill((uint64_t *)p->area, p->value + 1000);
		verify((uint64_t *)p->area, p->value + 1000);
		_exit(0);
	}
	fill((uint64_t *)p->area, ++p->value);
	REQUIRE(waitpid(child, &status, 0) == child && !status);
	verify((uint64_t *)p->area, p->value);
}

/* Huge pages that come and go under 4 KiB stores. */
static void storm_huge(struct place *p)
{
	const size_t huge = 2UL << 20;
	char *area = map(2 * huge, ANON), *first = area + (-(uintptr_t)area & (huge - 1));

	madvise(first, huge, MADV_HUGEPAGE);
	fill((uint64_t *)first, p->value);
	verify((uint64_t *)first, p->value);
	/* The rest of the huge page goes, what was written stays. */
	madvise(first + LENGTH, LENGTH, MADV_DONTNEED);
	verify((uint64_t *)first, p->value);
	fill((uint64_t *)first, p->value + 1);
	verify((uint64_t *)first, p->value + 1);
	munmap(area, 2 * huge);
}

static void (*const storms[])(struct place *p) = {
	storm_map, storm_move, storm_resize, storm_protect, storm_drop, storm_replace, storm_fork,
	storm_huge,
};

/* Set before the target is forked; beyond the table: all in turn. */
static unsigned int chosen;

static void *blow(void *argument)
{
	unsigned int number = (uintptr_t)argument;
	struct place p = {
		.area = map(LENGTH, ANON),
		.room = mmap(NULL, LENGTH, PROT_NONE, ANON, -1, 0),
		.value = number * 1000000UL,
		.seed = number,
	};

	REQUIRE(p.room != MAP_FAILED);
	fill((uint64_t *)p.area, p.value);
	while (!me->shared[RACE_STOP]) {
		unsigned int which = chosen < ARRAY_SIZE(storms) ?
				     chosen : rand_r(&p.seed) % ARRAY_SIZE(storms);

		storms[which](&p);
		__atomic_fetch_add(&me->shared[STORMS_DONE], 1, __ATOMIC_RELAXED);
	}
	verify((uint64_t *)p.area, p.value);
	return NULL;
}

static int stormy_target(struct target *t)
{
	pthread_t threads[THREADS];

	me = t;
	target_pause(t);
	for (uintptr_t i = 0; i < THREADS; i++)
		REQUIRE(!pthread_create(&threads[i], NULL, blow, (void *)i));
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	target_pause(t);
	return 0;
}

FIXTURE(race_mappings)
{
	struct target target;
	struct session session;
	struct unloader unloader;
};

FIXTURE_VARIANT(race_mappings)
{
	unsigned int storm;
	bool unload;
};

FIXTURE_VARIANT_ADD(race_mappings, map_and_unmap) {.storm = 0};
FIXTURE_VARIANT_ADD(race_mappings, move) {.storm = 1};
FIXTURE_VARIANT_ADD(race_mappings, resize) {.storm = 2};
FIXTURE_VARIANT_ADD(race_mappings, protect) {.storm = 3};
FIXTURE_VARIANT_ADD(race_mappings, drop) {.storm = 4};
FIXTURE_VARIANT_ADD(race_mappings, replace) {.storm = 5};
FIXTURE_VARIANT_ADD(race_mappings, fork) {.storm = 6};
FIXTURE_VARIANT_ADD(race_mappings, huge) {.storm = 7};
FIXTURE_VARIANT_ADD(race_mappings, everything) {.storm = ~0U};
FIXTURE_VARIANT_ADD(race_mappings, everything_beside_rmmod) {.storm = ~0U, .unload = true};

FIXTURE_SETUP(race_mappings)
{
	self->unloader = (struct unloader){0};
	chosen = variant->storm;
	ASSERT_EQ(0, target_start(&self->target, stormy_target));
	if (variant->unload)
		ASSERT_EQ(0, unloader_start(&self->unloader));
	ASSERT_EQ(0, race_open(&self->session, self->target.pid));
	take_precedence();
}

FIXTURE_TEARDOWN(race_mappings)
{
	unloader_stop(&self->unloader);
	session_close(&self->session);
	target_kill(&self->target);
}

TEST_F_TIMEOUT(race_mappings, storm, 600)
{
	unsigned int advances = race_rounds(ADVANCES);
	struct session *s = &self->session;
	struct glassram_region *regions;
	int status;

	race_go(&self->target);
	/* As many again, if the machine is slow to get the storm going. */
	for (unsigned int i = 0; i < advances || self->target.shared[STORMS_DONE] < advances; i++) {
		int err = session_advance(s, i % 4 ? 0 : GLASSRAM_ADVANCE_RESCAN);

		ASSERT_EQ(0, err) TH_LOG("ADVANCE: %s; the target failed at line %ju",
					 strerror(-err),
					 (uintmax_t)self->target.shared[FAILED_LINE]);
		if (i % 8)
			continue;
		ASSERT_LE(0, session_regions(s, &regions, NULL));
		free(regions);
		if (!variant->unload)
			continue;
		/* Attach and close in the storm, too. */
		session_close(s);
		err = race_open(s, self->target.pid);
		ASSERT_EQ(0, err) TH_LOG("attach: %s; the target failed at line %ju",
					 strerror(-err),
					 (uintmax_t)self->target.shared[FAILED_LINE]);
	}
	TH_LOG("%u ADVANCEs, %ju rounds of the storm", advances,
	       (uintmax_t)self->target.shared[STORMS_DONE]);
	self->target.shared[RACE_STOP] = 1;
	ASSERT_EQ(0, session_advance(s, 0));
	if (variant->unload)
		RACE_EXPECT_UNLOADS(&self->unloader);

	/* The target comes to its last pause, and is then stopped for good. */
	ASSERT_EQ(0, target_paused(&self->target))
		TH_LOG("the target failed at line %ju", (uintmax_t)self->target.shared[FAILED_LINE]);
	ASSERT_EQ(0, proc_freeze(self->target.pid));
	ASSERT_EQ(0, session_advance(s, 0));
	ASSERT_EQ(0, session_stats(s));
	EXPECT_EQ(GLASSRAM_STATE_LIVE, s->stats.state);
	EXPECT_EQ(0, s->stats.lost);
	EXPECT_EQ(0, s->stats.unexplained);
	EXPECT_LT(0, s->stats.hits);
	EXPECT_EQ(s->stats.hits, session_total_hits(s));
	kill(self->target.pid, SIGCONT);
	session_close(s);
	EXPECT_EQ(0, race_unarmed(self->target.pid));
	status = target_finish(&self->target);
	EXPECT_EQ(0, status) TH_LOG("exit status %d, signal %d", WEXITSTATUS(status),
				    WTERMSIG(status));
}

TEST_HARNESS_MAIN
