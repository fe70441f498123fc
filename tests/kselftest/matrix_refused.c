// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that the kernel does not let anyone write-protect: it is listed as
 * refused, with the kernel's reason, and neither its writes nor the attempts
 * to register it disturb what is watched besides.
 *
 * Weak spot: one example of each reason; a driver's mapping may be refused for
 * the same one.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <linux/udmabuf.h>
#include <linux/userfaultfd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kselftest.h"
#include "matrix.h"

#ifndef MAP_DROPPABLE
#define MAP_DROPPABLE 0x08
#endif
#define RW (PROT_READ | PROT_WRITE)

/* The page about the ring in which the kernel writes samples; the ring itself is read-only. */
static void *map_perf_ring(size_t length)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr), .type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_CPU_CLOCK, .disabled = 1,
	};
	int fd = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);

	return mmap(NULL, length, RW, MAP_SHARED, fd, 0);
}

static void *map_dma_buf(size_t length)
{
	struct udmabuf_create create = {
		.memfd = (__u32)memfd_create("matrix", MFD_CLOEXEC | MFD_ALLOW_SEALING),
		.flags = UDMABUF_FLAGS_CLOEXEC, .size = length,
	};
	int device = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);

	if (ftruncate((int)create.memfd, (off_t)length) ||
	    fcntl((int)create.memfd, F_ADD_SEALS, F_SEAL_SHRINK))
		return MAP_FAILED;
	return mmap(NULL, length, RW, MAP_SHARED, ioctl(device, UDMABUF_CREATE, &create), 0);
}

/* Memory that the kernel may empty at any time; since 6.11, and not for user faults. */
static void *map_droppable(size_t length)
{
	return mmap(NULL, length, RW, MAP_ANONYMOUS | MAP_DROPPABLE, -1, 0);
}

static void *map_under_own_userfaultfd(size_t length)
{
	void *map = mmap(NULL, length, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	struct uffdio_api api = {.api = UFFD_API};
	struct uffdio_register reg = {
		.range = {(uintptr_t)map, length}, .mode = UFFDIO_REGISTER_MODE_WP,
	};

	if (ioctl(uffd, UFFDIO_API, &api) || ioctl(uffd, UFFDIO_REGISTER, &reg))
		return MAP_FAILED;
	return map;
}

static const struct {
	struct matrix_area area;
	int error;
	bool or_watched; /* by other kernels; the counts must be right then */
} refused[] = {
	{{"perf-ring", map_perf_ring, .length = PAGE, .unfilled = true}, EINVAL, false},
	{{"dma-buf", map_dma_buf, .unfilled = true}, EINVAL, false},
	{{"droppable", map_droppable, .unfilled = true}, EINVAL, true},
	{{"own-userfaultfd", map_under_own_userfaultfd, .length = 16 * PAGE}, EBUSY, false},
};

/* A page that is watched, written beside each write of what is not. */
static int write_besides(char *start, size_t length, int round)
{
	static char *page;

	if (!page)
		page = mmap(NULL, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	*page = (char)round;
	(void)start;
	(void)length;
	return 0;
}

static const char *rounds(struct matrix *m, bool watched)
{
	uint32_t hits[MATRIX_MAX_UNITS], stamp[MATRIX_MAX_UNITS];
	uint64_t generation = 0;

	memcpy(hits, m->hits, sizeof(hits));
	memcpy(stamp, m->stamp, sizeof(stamp));
	for (int round = 0; round < 4; round++) {
		if (matrix_call(m, round) || matrix_write(m, WRITER_STORE, (uint32_t)round) ||
		    m->refused)
			return "the target is gone";
		/* What was written must not count. */
		if (!watched) {
			memcpy(m->hits, hits, sizeof(hits));
			memcpy(m->stamp, stamp, sizeof(stamp));
		}
		if (session_advance(&m->session, 0))
			return "ADVANCE failed";
		if (round > 1 && m->session.control->regions_generation != generation)
			return "the table of regions changes all the time";
		generation = m->session.control->regions_generation;
		if (matrix_wrong(m))
			return "wrong counts";
	}
	return NULL;
}

static const char *cell(struct matrix *m, int error, bool or_watched)
{
	struct glassram_region region;
	bool watched;

	if (session_region(&m->session, m->start, &region))
		return "it is in no region";
	watched = region.state == GLASSRAM_REGION_WATCHED;
	if (watched ? !or_watched : (int)region.error != error)
		return watched ? "it is watched" : strerror((int)region.error);
	return rounds(m, watched) ?: matrix_settle(m);
}

int main(void)
{
	struct matrix m = MATRIX_NONE;
	int err;

	ksft_print_header();
	if (arms_by_soft_dirty())
		ksft_exit_skip("where pages are armed by soft-dirty bits, the kernel refuses nothing\n");
	ksft_set_plan(ARRAY_SIZE(refused));
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		const struct matrix_area *area = &refused[i].area;
		const char *wrong;

		err = matrix_start(&m, write_besides);
		if (err)
			ksft_exit_fail_msg("no target to watch: %s\n", strerror(-err));
		err = matrix_make(&m, area, WRITER_STORE);
		if (err > 0 && area->unfilled) {
			/* Rings and dma-bufs need a driver; droppable memory a newer kernel. */
			ksft_test_result_skip("%s: this kernel has none: %s\n", area->name,
					      strerror(err));
		} else {
			wrong = err ? strerror(abs(err)) : cell(&m, refused[i].error, refused[i].or_watched);
			ksft_test_result(!wrong, "%s%s%s\n", area->name, wrong ? ": " : "",
					 wrong ?: "");
		}
		matrix_stop(&m);
	}
	ksft_finished();
}
