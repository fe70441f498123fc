// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every kind of memory a program can have: each page written once in an epoch
 * gets exactly one hit, by user code and by the kernel, and the data is right.
 * One exception, of the kernel's making: the first touch of a transparent huge
 * page is one fault for all of its 2 MiB, so that epoch has one hit there.
 *
 * Weak spot: files are those of the lab (tmpfs, and 9p from the build folder);
 * for file systems of its own, and more ways to write, see matrix.c. Huge pages
 * are skipped where the machine cannot reserve any.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "session.h"
#include "target.h"

#include "kselftest_harness.h"

#define LENGTH (4UL << 20)
#define HUGE (2UL << 20)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define RW (PROT_READ | PROT_WRITE)
#define ROUNDS 4

static void *map_file(const char *path, int flags)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	void *map;

	if (fd < 0 || ftruncate(fd, LENGTH))
		return MAP_FAILED;
	map = mmap(NULL, LENGTH, RW, flags, fd, 0);
	close(fd);
	unlink(path);
	return map;
}

static void *map_fd(int fd)
{
	if (fd < 0 || ftruncate(fd, LENGTH))
		return MAP_FAILED;
	return mmap(NULL, LENGTH, RW, MAP_SHARED, fd, 0);
}

static void *fill(void *map)
{
	if (map != MAP_FAILED)
		memset(map, 1, LENGTH);
	return map;
}

static void *small_pages(void *map)
{
	madvise(map, LENGTH, MADV_NOHUGEPAGE);
	return map;
}

static void *map_anonymous(void)
{
	return fill(small_pages(mmap(NULL, LENGTH, RW, ANON, -1, 0)));
}

static void *map_untouched(void)
{
	return small_pages(mmap(NULL, LENGTH, RW, ANON, -1, 0));
}

static void *map_thp(void)
{
	char *map = mmap(NULL, LENGTH + HUGE, RW, ANON, -1, 0);

	map += -(uintptr_t)map & (HUGE - 1);
	madvise(map, LENGTH, MADV_HUGEPAGE);
	return fill(map);
}

static void *map_thp_untouched(void)
{
	char *map = mmap(NULL, LENGTH + HUGE, RW, ANON, -1, 0);

	map += -(uintptr_t)map & (HUGE - 1);
	madvise(map, LENGTH, MADV_HUGEPAGE);
	return map;
}

static void *map_shared(void)
{
	return fill(mmap(NULL, LENGTH, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
}

static void *map_shared_untouched(void)
{
	return mmap(NULL, LENGTH, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

static void *map_memfd(void)
{
	return fill(map_fd(memfd_create("kinds", MFD_CLOEXEC)));
}

static void *map_shm_file(void)
{
	return fill(map_file("/dev/shm/kinds", MAP_SHARED));
}

static void *map_shm_private(void)
{
	return fill(map_file("/dev/shm/kinds", MAP_PRIVATE));
}

static void *map_shm_private_untouched(void)
{
	return map_file("/dev/shm/kinds", MAP_PRIVATE);
}

static void *map_disk_file(void)
{
	return fill(map_file("build/kinds.tmp", MAP_SHARED));
}

static void *map_disk_private(void)
{
	return fill(map_file("build/kinds.tmp", MAP_PRIVATE));
}

static void *map_hugetlb(void)
{
	return fill(mmap(NULL, LENGTH, RW, ANON | MAP_HUGETLB, -1, 0));
}

static void *map_hugetlb_memfd(void)
{
	return fill(map_fd(memfd_create("kinds", MFD_CLOEXEC | MFD_HUGETLB)));
}

static void *map_locked(void)
{
	void *map = map_anonymous();

	return mlock(map, LENGTH) ? MAP_FAILED : map;
}

static void *map_growsdown(void)
{
	return fill(small_pages(mmap(NULL, LENGTH, RW, ANON | MAP_GROWSDOWN, -1, 0)));
}

static void *map_secret(void)
{
	return fill(map_fd((int)syscall(SYS_memfd_secret, 0)));
}

static void *(*make)(void);

/*
 * shared: [0] the mapping, [1] what to do, [2] a value for the writes, [3] bad
 * words found. The kernel's writes go through a pipe.
 */
static int kind_target(struct target *t)
{
	volatile unsigned char *map = make();
	int fds[2];

	t->shared[0] = (uintptr_t)map;
	if (map == MAP_FAILED || pipe(fds)) {
		t->shared[0] = 0;
		t->shared[3] = (uint64_t)errno;
		target_pause(t);
		return 1;
	}
	for (;;) {
		unsigned char value;

		target_pause(t);
		value = (unsigned char)t->shared[2];
		for (size_t i = 0; i < LENGTH; i += PAGE) {
			switch (t->shared[1]) {
			case 'w':
				map[i] = value;
				break;
			case 'k':
				if (write(fds[1], &value, 1) != 1 ||
				    read(fds[0], (void *)(map + i), 1) != 1)
					t->shared[3]++;
				break;
			case 'v':
				t->shared[3] += map[i] != value;
				break;
			case 'q':
				return 0;
			}
		}
	}
}

FIXTURE(kinds)
{
	struct target target;
	struct session session;
	long huge_pages;
};

FIXTURE_VARIANT(kinds)
{
	void *(*make)(void);
	size_t step; /* bytes for each slot; 0 means PAGE */
	size_t first; /* bytes that a first touch makes present; 0 means step */
};

#define KIND(name, ...) FIXTURE_VARIANT_ADD(kinds, name) { .make = map_##name, __VA_ARGS__ }

KIND(anonymous);
KIND(untouched);
KIND(thp);
KIND(thp_untouched, .first = HUGE);
KIND(shared);
KIND(shared_untouched);
KIND(memfd);
KIND(shm_file);
KIND(shm_private);
KIND(shm_private_untouched);
KIND(disk_file);
KIND(disk_private);
KIND(hugetlb, .step = HUGE);
KIND(hugetlb_memfd, .step = HUGE);
KIND(locked);
KIND(growsdown);
KIND(secret);

static long set_huge_pages(long wanted)
{
	FILE *file = fopen("/proc/sys/vm/nr_hugepages", "r+e");
	long had = -1;

	if (!file)
		return -1;
	if (fscanf(file, "%ld", &had) != 1)
		had = -1;
	rewind(file);
	fprintf(file, "%ld\n", wanted);
	fclose(file);
	return had;
}

FIXTURE_SETUP(kinds)
{
	self->session = (struct session){.fd = -1, .mem_fd = -1, .pagemap_fd = -1,
					 .counters_fd = -1};
	self->huge_pages = variant->step == HUGE ? set_huge_pages(LENGTH / HUGE) : -1;
	make = variant->make;
	ASSERT_EQ(0, target_start(&self->target, kind_target));
}

FIXTURE_TEARDOWN(kinds)
{
	session_close(&self->session);
	target_kill(&self->target);
	if (self->huge_pages >= 0)
		set_huge_pages(self->huge_pages);
}

TEST_F(kinds, one_hit_for_each_page_and_epoch)
{
	struct session *s = &self->session;
	uint64_t area = self->target.shared[0];
	size_t step = variant->step ?: PAGE, first = variant->first ?: step;
	struct glassram_region region;

	if (arms_by_soft_dirty()) {
		if (variant->step == HUGE)
			SKIP(return, "hugetlb mappings have no soft-dirty bits");
		/* A transparent huge page is armed as one; its first page is written first. */
		if (variant->make == map_thp || variant->make == map_thp_untouched) {
			step = HUGE;
			first = HUGE;
		}
	}

	if (!area && variant->make == map_secret)
		SKIP(return, "the kernel was booted without secretmem: %s",
		     strerror((int)self->target.shared[3]));
	if (!area && variant->step == HUGE)
		SKIP(return, "no huge pages could be reserved: %s",
		     strerror((int)self->target.shared[3]));
	ASSERT_NE(0, area)
		TH_LOG("mmap: %s", strerror((int)self->target.shared[3]));
	ASSERT_EQ(0, session_open(s, self->target.pid));
	ASSERT_EQ(0, session_advance(s, 0));
	ASSERT_EQ(0, session_region(s, area, &region));
	ASSERT_EQ(GLASSRAM_REGION_WATCHED, region.state)
		TH_LOG("refused: %s", strerror(region.error));
	EXPECT_EQ(variant->step == HUGE ? 21 : 12, region.page_shift);

	for (uint32_t round = 1; round <= ROUNDS; round++) {
		uint32_t wrong = 0;

		self->target.shared[1] = round % 2 ? 'w' : 'k';
		self->target.shared[2] = 10 + round;
		ASSERT_EQ(0, target_next(&self->target));
		ASSERT_EQ(0, session_advance(s, 0));
		for (uint64_t at = 0; at < LENGTH; at += PAGE) {
			/* The other slots of a hugetlb page stay empty. */
			uint32_t expected = at % step ? 0 : round - !!(at % first);

			wrong += session_hits(s, area + at) != expected;
		}
		EXPECT_EQ(0, wrong)
			TH_LOG("pages with a wrong count after round %u", round);
		self->target.shared[1] = 'v';
		ASSERT_EQ(0, target_next(&self->target));
		EXPECT_EQ(0, self->target.shared[3]);
	}
	/* One that pauses may still be on its way to sleep, and writes its stack. */
	ASSERT_EQ(0, proc_freeze(self->target.pid));
	ASSERT_EQ(0, session_advance(s, 0));
	ASSERT_EQ(0, session_stats(s));
	EXPECT_EQ(0, s->stats.lost);
	EXPECT_EQ(0, s->stats.unexplained);
	EXPECT_EQ(s->stats.hits, session_total_hits(s));
	kill(self->target.pid, SIGCONT);
	session_close(s);

	self->target.shared[1] = 'q';
	EXPECT_EQ(0, target_finish(&self->target));
}

TEST_HARNESS_MAIN
