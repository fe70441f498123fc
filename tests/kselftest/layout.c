// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings that come, go, move and change under the watching: every write is
 * counted where it happened, exactly once in an epoch, also those that come
 * before their page has a slot.
 *
 * Weak spot: one thread and one change at a time; changes that race with
 * ADVANCE are left to the real programs (test `programs`).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "session.h"
#include "target.h"

#include "kselftest_harness.h"

#define PAGES 300UL
#define LENGTH (PAGES * PAGE)
#define BLOCK (GLASSRAM_BLOCK_SLOTS * PAGE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define RW (PROT_READ | PROT_WRITE)
/* More first touches than can wait for their slot. */
#define FLOOD (272UL << 20)

FIXTURE(layout)
{
	struct target target;
	struct session session;
};

FIXTURE_SETUP(layout)
{
	self->session = (struct session){.fd = -1, .mem_fd = -1, .pagemap_fd = -1,
					 .counters_fd = -1};
}

FIXTURE_TEARDOWN(layout)
{
	session_close(&self->session);
	target_kill(&self->target);
}

static void begin(struct __test_metadata *_metadata, FIXTURE_DATA(layout) *self,
		  int (*body)(struct target *))
{
	ASSERT_EQ(0, target_start(&self->target, body));
	ASSERT_EQ(0, session_open(&self->session, self->target.pid));
	ASSERT_EQ(0, session_advance(&self->session, 0));
}

/* Let the target do its next step and close the epoch. */
static void step(struct __test_metadata *_metadata, FIXTURE_DATA(layout) *self)
{
	ASSERT_EQ(0, target_next(&self->target));
	ASSERT_EQ(0, session_advance(&self->session, 0));
}

/* Every page of [start, start + length) has exactly @hits. */
static void expect_hits(struct __test_metadata *_metadata, FIXTURE_DATA(layout) *self,
			uint64_t start, uint64_t length, uint32_t hits)
{
	uint32_t wrong = 0, example = 0;

	for (uint64_t a = start; a < start + length; a += PAGE) {
		uint32_t seen = session_hits(&self->session, a);

		if (seen == hits)
			continue;
		wrong++;
		example = seen;
	}
	EXPECT_EQ(0, wrong)
		TH_LOG("expected %u hits everywhere, one page has %u", hits, example);
}

static void expect_sound(struct __test_metadata *_metadata, FIXTURE_DATA(layout) *self)
{
	struct session *s = &self->session;

	/* One that pauses may still be on its way to sleep, and writes its stack. */
	ASSERT_EQ(0, proc_freeze(self->target.pid));
	ASSERT_EQ(0, session_advance(s, 0));
	ASSERT_EQ(0, session_stats(s));
	EXPECT_EQ(0, s->stats.lost);
	EXPECT_EQ(0, s->stats.unexplained);
	EXPECT_EQ(s->stats.hits, session_total_hits(s));
	kill(self->target.pid, SIGCONT);
}

static char *map(size_t length)
{
	char *area = mmap(NULL, length, RW, ANON, -1, 0);

	if (area == MAP_FAILED)
		_exit(90);
	madvise(area, length, MADV_NOHUGEPAGE);
	return area;
}

static void touch(volatile char *area, size_t length)
{
	for (size_t i = 0; i < length; i += PAGE)
		area[i]++;
}

static int new_mapping(struct target *t)
{
	char *area;

	target_pause(t);
	/* Far from everything else, so that no block of slots is there yet. */
	area = map(BLOCK * 4);
	area += BLOCK + (-(uintptr_t)area & (BLOCK - 1));
	t->shared[0] = (uintptr_t)area;
	touch(area, LENGTH);
	target_pause(t);
	touch(area, LENGTH);
	target_pause(t);
	return 0;
}

TEST_F(layout, first_touches_of_a_new_mapping_count_once)
{
	struct session *s = &self->session;

	begin(_metadata, self, new_mapping);
	ASSERT_EQ(0, target_next(&self->target));
	ASSERT_EQ(0, session_stats(s));
	EXPECT_LE(PAGES, s->stats.deferred);
	EXPECT_EQ(GLASSRAM_NO_SLOT, session_slot(s, self->target.shared[0]));
	ASSERT_EQ(0, session_advance(s, 0));
	expect_hits(_metadata, self, self->target.shared[0], LENGTH, 1);
	EXPECT_EQ(s->advanced.epoch - 1, session_stamp(s, self->target.shared[0]));
	EXPECT_NE(GLASSRAM_THREAD_NONE, session_owner(s, self->target.shared[0]));
	step(_metadata, self);
	expect_hits(_metadata, self, self->target.shared[0], LENGTH, 2);
	expect_sound(_metadata, self);
}

static int flooding(struct target *t)
{
	char *area;

	target_pause(t);
	area = map(FLOOD);
	t->shared[0] = (uintptr_t)area;
	touch(area, FLOOD);
	target_pause(t);
	touch(area, FLOOD);
	target_pause(t);
	return 0;
}

TEST_F_TIMEOUT(layout, more_first_touches_than_can_wait_are_reported_lost, 60)
{
	struct session *s = &self->session;
	uint64_t counted;

	begin(_metadata, self, flooding);
	step(_metadata, self);
	ASSERT_EQ(0, session_stats(s));
	counted = session_area_hits(s, self->target.shared[0], FLOOD);
	TH_LOG("%ju counted, %ju lost of %lu", (uintmax_t)counted, (uintmax_t)s->stats.lost,
	       FLOOD / PAGE);
	EXPECT_LT(0, s->stats.lost)
		TH_LOG("everything found room: nothing was tested");
	EXPECT_EQ(FLOOD / PAGE, counted + s->stats.lost);
	/* From then on the pages are armed like all others. */
	step(_metadata, self);
	EXPECT_EQ(counted + FLOOD / PAGE, session_area_hits(s, self->target.shared[0], FLOOD));
	ASSERT_EQ(0, proc_freeze(self->target.pid));
	ASSERT_EQ(0, session_advance(s, 0));
	ASSERT_EQ(0, session_stats(s));
	EXPECT_EQ(0, s->stats.unexplained);
	EXPECT_EQ(s->stats.hits, session_total_hits(s));
	kill(self->target.pid, SIGCONT);
}

static int unmapping(struct target *t)
{
	char *area = map(LENGTH);

	t->shared[0] = (uintptr_t)area;
	touch(area, LENGTH);
	target_pause(t);
	touch(area, LENGTH);
	munmap(area, LENGTH);
	target_pause(t);
	if (mmap(area, LENGTH, RW, ANON | MAP_FIXED, -1, 0) != area)
		return 1;
	madvise(area, LENGTH, MADV_NOHUGEPAGE);
	touch(area, LENGTH);
	target_pause(t);
	touch(area, LENGTH);
	target_pause(t);
	return 0;
}

TEST_F(layout, a_mapping_goes_and_another_takes_its_place)
{
	struct session *s = &self->session;
	struct glassram_region region;
	uint64_t area, slot;
	uint32_t left;

	begin(_metadata, self, unmapping);
	area = self->target.shared[0];
	slot = session_slot(s, area);
	step(_metadata, self);
	EXPECT_EQ(-ENOENT, session_region(s, area, &region));
	left = session_hits(s, area);
	step(_metadata, self);
	EXPECT_EQ(slot, session_slot(s, area))
		TH_LOG("the slots moved");
	expect_hits(_metadata, self, area, LENGTH, left + 1);
	ASSERT_EQ(0, session_region(s, area, &region));
	step(_metadata, self);
	expect_hits(_metadata, self, area, LENGTH, left + 2);
	ASSERT_EQ(0, session_stats(s));
	EXPECT_EQ(0, s->stats.lost);
	EXPECT_EQ(0, s->stats.unexplained);
}

static int moving(struct target *t)
{
	char *area = map(LENGTH), *there = map(LENGTH);

	touch(area, LENGTH);
	munmap(there, LENGTH);
	t->shared[0] = (uintptr_t)area;
	target_pause(t);
	area = mremap(area, LENGTH, LENGTH, MREMAP_MAYMOVE | MREMAP_FIXED, there);
	if (area != there)
		return 1;
	t->shared[1] = (uintptr_t)area;
	touch(area, LENGTH);
	target_pause(t);
	touch(area, LENGTH);
	target_pause(t);
	for (size_t i = 0; i < LENGTH; i += PAGE)
		if (area[i] != 3)
			return 2;
	return 0;
}

TEST_F(layout, a_mapping_moves)
{
	begin(_metadata, self, moving);
	step(_metadata, self);
	expect_hits(_metadata, self, self->target.shared[1], LENGTH, 1);
	step(_metadata, self);
	expect_hits(_metadata, self, self->target.shared[1], LENGTH, 2);
	ASSERT_EQ(0, session_stats(&self->session));
	EXPECT_EQ(0, self->session.stats.unexplained);
	session_close(&self->session);
	EXPECT_EQ(0, target_finish(&self->target));
}

static int growing(struct target *t)
{
	char *area = map(LENGTH * 4);

	munmap(area + LENGTH, LENGTH * 3);
	touch(area, LENGTH);
	t->shared[0] = (uintptr_t)area;
	target_pause(t);
	if (mremap(area, LENGTH, LENGTH * 4, 0) != area)
		return 1;
	touch(area, LENGTH * 4);
	target_pause(t);
	if (mremap(area, LENGTH * 4, LENGTH * 2, 0) != area)
		return 2;
	touch(area, LENGTH * 2);
	target_pause(t);
	return 0;
}

TEST_F(layout, a_mapping_grows_and_shrinks_in_place)
{
	struct glassram_region region;

	begin(_metadata, self, growing);
	step(_metadata, self);
	expect_hits(_metadata, self, self->target.shared[0], LENGTH * 4, 1);
	step(_metadata, self);
	expect_hits(_metadata, self, self->target.shared[0], LENGTH * 2, 2);
	EXPECT_EQ(-ENOENT, session_region(&self->session, self->target.shared[0] + LENGTH * 3,
					  &region));
	ASSERT_EQ(0, session_stats(&self->session));
	EXPECT_EQ(0, self->session.stats.lost);
	EXPECT_EQ(0, self->session.stats.unexplained);
}

static int moving_the_break(struct target *t)
{
	char *heap = sbrk(0);

	heap += -(uintptr_t)heap & (PAGE - 1);
	target_pause(t);
	if (brk(heap + LENGTH))
		return 1;
	t->shared[0] = (uintptr_t)heap;
	touch(heap, LENGTH);
	target_pause(t);
	touch(heap, LENGTH);
	target_pause(t);
	return 0;
}

TEST_F(layout, the_heap_grows_by_brk)
{
	begin(_metadata, self, moving_the_break);
	step(_metadata, self);
	expect_hits(_metadata, self, self->target.shared[0], LENGTH, 1);
	step(_metadata, self);
	expect_hits(_metadata, self, self->target.shared[0], LENGTH, 2);
	expect_sound(_metadata, self);
}

static __attribute__((noinline)) void descend(struct target *t, size_t pages)
{
	volatile char frame[PAGE];

	frame[0] = 1;
	t->shared[0] = (uintptr_t)frame;
	if (pages)
		descend(t, pages - 1);
	frame[1] = 1;
}

static int recursing(struct target *t)
{
	volatile char top = 0;

	target_pause(t);
	t->shared[1] = (uintptr_t)&top;
	descend(t, PAGES);
	target_pause(t);
	descend(t, PAGES);
	target_pause(t);
	return top;
}

TEST_F(layout, the_stack_grows)
{
	uint64_t low, high;

	begin(_metadata, self, recursing);
	step(_metadata, self);
	low = (self->target.shared[0] + PAGE) & -PAGE;
	high = self->target.shared[1] & -PAGE;
	ASSERT_LE(LENGTH, high - low);
	/* The pages near the top are written by the pause as well. */
	expect_hits(_metadata, self, low, LENGTH / 2, 1);
	step(_metadata, self);
	expect_hits(_metadata, self, low, LENGTH / 2, 2);
	expect_sound(_metadata, self);
}

static int opening_an_arena(struct target *t)
{
	char *area = mmap(NULL, LENGTH * 2, PROT_NONE, ANON | MAP_NORESERVE, -1, 0);

	t->shared[0] = (uintptr_t)area;
	target_pause(t);
	if (mprotect(area, LENGTH, RW))
		return 1;
	touch(area, LENGTH);
	target_pause(t);
	/* Read-only and back, as a JIT does. */
	if (mprotect(area, LENGTH, PROT_READ) || mprotect(area, LENGTH, RW))
		return 2;
	touch(area, LENGTH);
	target_pause(t);
	return 0;
}

TEST_F(layout, an_arena_opens_by_mprotect)
{
	begin(_metadata, self, opening_an_arena);
	step(_metadata, self);
	expect_hits(_metadata, self, self->target.shared[0], LENGTH, 1);
	step(_metadata, self);
	expect_hits(_metadata, self, self->target.shared[0], LENGTH, 2);
	expect_sound(_metadata, self);
}

static int dropping(struct target *t)
{
	char *area = map(LENGTH);
	volatile char sum = 0;

	touch(area, LENGTH);
	t->shared[0] = (uintptr_t)area;
	target_pause(t);
	madvise(area, LENGTH, MADV_DONTNEED);
	target_pause(t);
	for (size_t i = 0; i < LENGTH; i += PAGE)
		sum += area[i];
	target_pause(t);
	touch(area, LENGTH);
	target_pause(t);
	madvise(area, LENGTH, MADV_DONTNEED);
	touch(area, LENGTH);
	target_pause(t);
	return sum;
}

TEST_F(layout, dropped_pages_are_no_hits_until_written)
{
	uint64_t area;

	begin(_metadata, self, dropping);
	area = self->target.shared[0];
	step(_metadata, self);
	expect_hits(_metadata, self, area, LENGTH, 0);
	/* Read anew: the kernel calls these pages written, and nobody wrote them. */
	step(_metadata, self);
	expect_hits(_metadata, self, area, LENGTH, 0);
	ASSERT_EQ(0, session_advance(&self->session, 0));
	expect_hits(_metadata, self, area, LENGTH, 0);
	step(_metadata, self);
	expect_hits(_metadata, self, area, LENGTH, 1);
	step(_metadata, self);
	expect_hits(_metadata, self, area, LENGTH, 2);
	expect_sound(_metadata, self);
}

static int reading(struct target *t)
{
	char *area = map(LENGTH);
	volatile char sum = 0;

	t->shared[0] = (uintptr_t)area;
	target_pause(t);
	for (size_t i = 0; i < LENGTH; i += PAGE)
		sum += area[i];
	target_pause(t);
	touch(area, LENGTH);
	target_pause(t);
	return sum;
}

TEST_F(layout, pages_only_read_are_no_hits)
{
	begin(_metadata, self, reading);
	step(_metadata, self);
	expect_hits(_metadata, self, self->target.shared[0], LENGTH, 0);
	step(_metadata, self);
	expect_hits(_metadata, self, self->target.shared[0], LENGTH, 1);
	expect_sound(_metadata, self);
}

static int many_mappings(struct target *t)
{
	char *area = map(PAGES * 2 * PAGE);

	target_pause(t);
	/* Every second page another protection: hundreds of mappings. */
	for (size_t i = 0; i < PAGES; i++)
		if (mprotect(area + i * 2 * PAGE, PAGE, PROT_READ))
			return 1;
	t->shared[0] = (uintptr_t)area;
	for (size_t i = 0; i < PAGES; i++)
		area[(i * 2 + 1) * PAGE]++;
	target_pause(t);
	munmap(area, PAGES * 2 * PAGE);
	target_pause(t);
	return 0;
}

TEST_F(layout, hundreds_of_mappings_come_and_go)
{
	struct session *s = &self->session;
	struct glassram_region region;
	uint32_t before;

	begin(_metadata, self, many_mappings);
	ASSERT_EQ(0, session_stats(s));
	before = s->stats.regions;
	step(_metadata, self);
	ASSERT_EQ(0, session_stats(s));
	EXPECT_LE(before + PAGES, s->stats.regions);
	for (size_t i = 0; i < PAGES; i++) {
		EXPECT_EQ(1, session_hits(s, self->target.shared[0] + (i * 2 + 1) * PAGE));
	}
	step(_metadata, self);
	EXPECT_EQ(-ENOENT, session_region(s, self->target.shared[0], &region));
	ASSERT_EQ(0, session_stats(s));
	EXPECT_GE(before + 2, s->stats.regions);
	EXPECT_EQ(0, s->stats.unexplained);
}

/* A mapping that cannot be watched, written in every step. */
static int with_own_uffd(struct target *t)
{
	char *area = map(LENGTH);
	int uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	struct uffdio_api api = {
		.api = UFFD_API,
		.features = UFFD_FEATURE_WP_ASYNC | UFFD_FEATURE_WP_UNPOPULATED,
	};
	struct uffdio_register reg = {
		.range = {(uintptr_t)area, LENGTH}, .mode = UFFDIO_REGISTER_MODE_WP,
	};
	struct uffdio_writeprotect protect = {
		.range = reg.range, .mode = UFFDIO_WRITEPROTECT_MODE_WP,
	};

	t->shared[0] = (uintptr_t)area;
	if (ioctl(uffd, UFFDIO_API, &api) || ioctl(uffd, UFFDIO_REGISTER, &reg))
		return 1;
	for (;;) {
		ioctl(uffd, UFFDIO_WRITEPROTECT, &protect);
		target_pause(t);
		touch(area, LENGTH);
	}
}

static int wants_attention(const struct session *s)
{
	struct pollfd p = {.fd = s->fd, .events = POLLPRI};

	return poll(&p, 1, 0) > 0 && p.revents & POLLPRI;
}

TEST_F(layout, a_refused_mapping_causes_no_rescans)
{
	struct session *s = &self->session;
	struct glassram_region region;
	uint64_t generation;

	if (arms_by_soft_dirty())
		SKIP(return, "arming by soft-dirty bits refuses no such mapping");
	begin(_metadata, self, with_own_uffd);
	ASSERT_EQ(0, session_region(s, self->target.shared[0], &region));
	EXPECT_EQ(GLASSRAM_REGION_REFUSED, region.state);
	EXPECT_EQ(EBUSY, region.error);
	ASSERT_EQ(0, session_stats(s));
	EXPECT_LE(1, s->stats.refused);
	step(_metadata, self);
	generation = s->control->regions_generation;
	for (int i = 0; i < 5; i++) {
		ASSERT_EQ(0, target_next(&self->target));
		EXPECT_EQ(0, wants_attention(s));
		ASSERT_EQ(0, session_advance(s, 0));
		EXPECT_EQ(0, s->advanced.result & GLASSRAM_ADVANCED_REGIONS);
	}
	EXPECT_EQ(generation, s->control->regions_generation);
	expect_hits(_metadata, self, self->target.shared[0], LENGTH, 0);
	ASSERT_EQ(0, session_stats(s));
	EXPECT_EQ(0, s->stats.lost);
	EXPECT_EQ(0, s->stats.unexplained);
}

static int with_read_only_file(struct target *t)
{
	int fd = open("/bin/true", O_RDONLY | O_CLOEXEC);
	char *file = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	char *area = map(PAGE);
	volatile char sum = 0;

	if (file == MAP_FAILED)
		return 1;
	t->shared[0] = (uintptr_t)file;
	t->shared[1] = (uintptr_t)area;
	for (;;) {
		target_pause(t);
		madvise(file, PAGE, MADV_DONTNEED);
		sum += file[0];
		area[0] += (char)(1 + (sum & 0));
	}
}

TEST_F(layout, a_mapping_that_can_never_be_written_is_left_alone)
{
	struct session *s = &self->session;
	struct glassram_region region;

	begin(_metadata, self, with_read_only_file);
	EXPECT_EQ(-ENOENT, session_region(s, self->target.shared[0], &region));
	for (uint32_t i = 1; i <= 3; i++) {
		ASSERT_EQ(0, target_next(&self->target));
		EXPECT_EQ(0, wants_attention(s) && i > 1);
		ASSERT_EQ(0, session_advance(s, 0));
	}
	EXPECT_EQ(0, s->advanced.result & GLASSRAM_ADVANCED_REGIONS);
	expect_sound(_metadata, self);
}

TEST_HARNESS_MAIN
