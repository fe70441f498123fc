// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every kind of memory that a program can map.
 *
 * Weak spot: what needs a device (a GPU's buffers, for one) is not here; most
 * of that cannot be watched anyway.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "matrix.h"

#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

static void *map_anonymous(size_t length)
{
	void *map = mmap(NULL, length, RW, ANON, -1, 0);

	if (map != MAP_FAILED)
		madvise(map, length, MADV_NOHUGEPAGE);
	return map;
}

static void *map_noreserve(size_t length)
{
	const size_t all = 64UL << 30;
	char *map = mmap(NULL, all, RW, ANON | MAP_NORESERVE, -1, 0);

	if (map == MAP_FAILED)
		return map;
	madvise(map, all, MADV_NOHUGEPAGE);
	/* What is left of it stays: the target maps it once for each writer. */
	return map + all - length;
}

/* The kernel's setting is "always" while this program runs. */
static void *map_huge_always(size_t length)
{
	char *map = mmap(NULL, length + HUGE_PAGE, RW, ANON, -1, 0);

	return map == MAP_FAILED ? map : map + (-(uintptr_t)map & (HUGE_PAGE - 1));
}

static void *map_huge_advised(size_t length)
{
	void *map = map_huge_always(length);

	if (map != MAP_FAILED)
		madvise(map, length, MADV_HUGEPAGE);
	return map;
}

static void *map_locked(size_t length)
{
	void *map = map_anonymous(length);

	return map != MAP_FAILED && mlock(map, length) ? MAP_FAILED : map;
}

static void *map_locked_on_fault(size_t length)
{
	void *map = map_anonymous(length);

	return map != MAP_FAILED && mlock2(map, length, MLOCK_ONFAULT) ? MAP_FAILED : map;
}

static void *map_all_locked(size_t length)
{
	return mlockall(MCL_CURRENT | MCL_FUTURE) ? MAP_FAILED : map_anonymous(length);
}

static void *map_growsdown(size_t length)
{
	void *map = mmap(NULL, length, RW, ANON | MAP_GROWSDOWN, -1, 0);

	if (map != MAP_FAILED)
		madvise(map, length, MADV_NOHUGEPAGE);
	return map;
}

static void *map_heap(size_t length)
{
	char *heap = sbrk(0);

	heap += -(uintptr_t)heap & (PAGE - 1);
	return brk(heap + length) ? MAP_FAILED : heap;
}

static void *map_moved(size_t length)
{
	char *there = mmap(NULL, length, PROT_NONE, ANON, -1, 0);
	char *map = map_anonymous(length);

	if (map != MAP_FAILED)
		memset(map, 1, length);
	return mremap(map, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, there);
}

static void *map_shared_anonymous(size_t length)
{
	return mmap(NULL, length, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

static void *map_fd(int fd, size_t length, int flags)
{
	void *map = MAP_FAILED;

	if (fd >= 0 && !ftruncate(fd, (off_t)length))
		map = mmap(NULL, length, RW, flags, fd, 0);
	close(fd);
	return map;
}

static void *map_memfd(size_t length)
{
	return map_fd(memfd_create("matrix", MFD_CLOEXEC), length, MAP_SHARED);
}

static void *map_secret(size_t length)
{
	return map_fd((int)syscall(SYS_memfd_secret, 0), length, MAP_SHARED);
}

static void *map_hugetlb(size_t length)
{
	return mmap(NULL, length, RW, ANON | MAP_HUGETLB, -1, 0);
}

static void *map_hugetlb_memfd(size_t length)
{
	return map_fd(memfd_create("matrix", MFD_CLOEXEC | MFD_HUGETLB), length, MAP_SHARED);
}

static void *map_hugetlb_private(size_t length)
{
	return map_fd(memfd_create("matrix", MFD_CLOEXEC | MFD_HUGETLB), length, MAP_PRIVATE);
}

/* A file in a file system, shared or private. */
#define FILE_MAKERS(name, where) \
	static void *map_##name##_shared(size_t length) \
	{ \
		return matrix_map_file(where, NULL, length, MAP_SHARED); \
	} \
	static void *map_##name##_private(size_t length) \
	{ \
		return matrix_map_file(where, NULL, length, MAP_PRIVATE); \
	} \
	struct swallow_semicolon

FILE_MAKERS(tmpfs, "tmpfs");
FILE_MAKERS(9p, "9p");
FILE_MAKERS(ext4, "ext4");
FILE_MAKERS(xfs, "xfs");
FILE_MAKERS(btrfs, "btrfs");

/* Aligned, so that the kernel can map whole huge pages of the file. */
static void *map_huge_tmpfs(size_t length)
{
	void *place = map_huge_always(length);

	if (place == MAP_FAILED)
		return place;
	return matrix_map_file("huge", place, length, MAP_SHARED | MAP_FIXED);
}

#define AREA(name_, maker, ...) { .name = name_, .make = map_##maker, __VA_ARGS__ }
/* Each file system: shared and private, populated and not. */
#define FILES(fs) \
	AREA(#fs "-shared", fs##_shared, .file_system = #fs), \
	AREA(#fs "-shared-unfilled", fs##_shared, .file_system = #fs, .unfilled = true), \
	AREA(#fs "-private", fs##_private, .file_system = #fs), \
	AREA(#fs "-private-unfilled", fs##_private, .file_system = #fs, .unfilled = true)
#define HUGETLB .length = 3 * HUGE_PAGE, .step = HUGE_PAGE
#define THP .length = HUGE_PAGE, .first = HUGE_PAGE
#define UNFILLED .unfilled = true

const struct matrix_area matrix_areas[] = {
	AREA("anonymous", anonymous),
	AREA("anonymous-unfilled", anonymous, UNFILLED),
	AREA("noreserve", noreserve, UNFILLED),
	AREA("thp-advised", huge_advised, THP),
	AREA("thp-advised-unfilled", huge_advised, THP, UNFILLED),
	AREA("thp-always", huge_always, THP),
	AREA("thp-always-unfilled", huge_always, THP, UNFILLED),
	AREA("mlock", locked),
	AREA("mlock-on-fault", locked_on_fault, UNFILLED),
	AREA("mlockall", all_locked, .alone = true),
	AREA("growsdown", growsdown),
	AREA("heap", heap),
	AREA("mremapped", moved, UNFILLED),
	AREA("shared-anonymous", shared_anonymous),
	AREA("shared-anonymous-unfilled", shared_anonymous, UNFILLED),
	AREA("memfd", memfd),
	AREA("huge-tmpfs", huge_tmpfs, THP, .file_system = "huge"),
	AREA("huge-tmpfs-unfilled", huge_tmpfs, THP, UNFILLED, .file_system = "huge"),
	AREA("hugetlb", hugetlb, HUGETLB),
	AREA("hugetlb-unfilled", hugetlb, HUGETLB, UNFILLED),
	AREA("hugetlb-memfd", hugetlb_memfd, HUGETLB),
	AREA("hugetlb-memfd-private", hugetlb_private, HUGETLB),
	/* The pages are not in the kernel's own map, so nobody can get hold of them. */
	AREA("secretmem", secret, .refusal = {
		[WRITER_DIRECT] = EFAULT,
		[WRITER_GUEST] = EFAULT,
		[WRITER_OUTSIDE] = EFAULT,
		[WRITER_MEM] = EIO,
		[WRITER_PTRACE] = EIO,
	}),
	FILES(tmpfs),
	FILES(9p),
	FILES(ext4),
	FILES(xfs),
	FILES(btrfs),
};

const size_t matrix_nr_areas = sizeof(matrix_areas) / sizeof(matrix_areas[0]);

const struct matrix_area *matrix_area(const char *name)
{
	for (size_t i = 0; i < matrix_nr_areas; i++)
		if (!strcmp(matrix_areas[i].name, name))
			return &matrix_areas[i];
	return NULL;
}

/* Memory that no other part of the kernel can reach, may be left out of it. */
static bool has_secretmem(void)
{
	int fd = (int)syscall(SYS_memfd_secret, 0);

	if (fd >= 0)
		close(fd);
	return fd >= 0 || errno != ENOSYS;
}

const char *matrix_missing(const struct matrix_area *area)
{
	if (!matrix_mounted(area->file_system))
		return "this kernel has no such file system";
	if ((area->step || area->first) && arms_by_soft_dirty())
		return "armed by soft-dirty bits, a huge page is one page";
	if (area->make == map_secret && !has_secretmem())
		return "this kernel has no secretmem";
	return NULL;
}
