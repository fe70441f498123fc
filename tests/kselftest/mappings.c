// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a client can map: the control page and the counters. Both are for
 * reading only, whatever the client tries, and the counters outlive the
 * session that made them.
 *
 * Weak spot: only the CPU's way to the dma-buf is tried; that a GPU sees the
 * same is the renderer's test.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <sys/ioctl.h>

#include "session.h"
#include "target.h"

#include "kselftest_harness.h"

static int writing_target(struct target *t)
{
	char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		return 1;
	page[0] = 1;
	t->shared[0] = (uintptr_t)page;
	for (;;) {
		target_pause(t);
		page[0]++;
	}
}

FIXTURE(mappings)
{
	struct target target;
	struct session session;
};

FIXTURE_SETUP(mappings)
{
	ASSERT_EQ(0, target_start(&self->target, writing_target));
	ASSERT_EQ(0, session_open(&self->session, self->target.pid));
	ASSERT_EQ(0, session_advance(&self->session, 0));
}

FIXTURE_TEARDOWN(mappings)
{
	session_close(&self->session);
	target_kill(&self->target);
}

/* 0 or the errno; what was mapped is unmapped again. */
static int try_map(int fd, size_t length, int prot, int flags, off_t offset)
{
	void *map = mmap(NULL, length, prot, flags, fd, offset);

	if (map == MAP_FAILED)
		return errno;
	munmap(map, length);
	return 0;
}

TEST_F(mappings, control_page_reads)
{
	const volatile struct glassram_control *c = self->session.control;
	uint64_t before = now_ns();

	EXPECT_EQ(sizeof(struct glassram_control), c->size);
	EXPECT_EQ(GLASSRAM_STATE_LIVE, c->state);
	EXPECT_EQ(self->session.advanced.epoch, c->epoch);
	EXPECT_EQ(self->session.counters_info.generation, c->counters_generation);
	ASSERT_EQ(0, session_advance(&self->session, 0));
	EXPECT_EQ(self->session.advanced.epoch, c->epoch);
	EXPECT_EQ(self->session.advanced.armed, c->armed_last);
	EXPECT_LE(before, c->epoch_ns);
	EXPECT_GE(now_ns(), c->epoch_ns);
	EXPECT_EQ(0, c->seq % 2);
	EXPECT_EQ(0, c->unexplained);
}

TEST_F(mappings, control_page_follows_the_hits)
{
	const volatile struct glassram_control *c = self->session.control;

	ASSERT_EQ(0, target_next(&self->target));
	ASSERT_EQ(0, session_advance(&self->session, 0));
	ASSERT_EQ(0, session_stats(&self->session));
	EXPECT_LT(0, c->hits);
	EXPECT_LE(c->hits, c->faults);
	EXPECT_LE(c->hits, self->session.stats.hits);
}

TEST_F(mappings, control_page_is_never_writable)
{
	int fd = self->session.fd;

	EXPECT_NE(0, try_map(fd, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, 0));
	EXPECT_NE(0, try_map(fd, PAGE, PROT_WRITE, MAP_SHARED, 0));
	EXPECT_EQ(-1, mprotect((void *)self->session.control, PAGE, PROT_READ | PROT_WRITE));
	EXPECT_EQ(EACCES, errno);
}

TEST_F(mappings, control_page_is_one_page_at_offset_0)
{
	int fd = self->session.fd;

	EXPECT_EQ(EINVAL, try_map(fd, PAGE, PROT_READ, MAP_SHARED, PAGE));
	EXPECT_EQ(EINVAL, try_map(fd, 2 * PAGE, PROT_READ, MAP_SHARED, 0));
	EXPECT_EQ(EINVAL, try_map(fd, PAGE, PROT_READ, MAP_SHARED, 1L << 40));
	EXPECT_EQ(0, try_map(fd, PAGE, PROT_READ, MAP_SHARED, 0));
}

TEST_F(mappings, device_cannot_be_mapped)
{
	int device = device_open();

	EXPECT_EQ(ENODEV, try_map(device, PAGE, PROT_READ, MAP_SHARED, 0));
	close(device);
}

TEST_F(mappings, counters_are_never_writable)
{
	struct session *s = &self->session;
	size_t bytes = s->counters_info.bytes;

	EXPECT_NE(0, try_map(s->counters_fd, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, 0));
	EXPECT_EQ(-1, mprotect((void *)s->counters, bytes, PROT_READ | PROT_WRITE));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(-1, mprotect((void *)s->counters, bytes, PROT_READ | PROT_EXEC | PROT_WRITE));
	EXPECT_EQ(O_RDONLY, fcntl(s->counters_fd, F_GETFL) & O_ACCMODE);
	EXPECT_EQ(FD_CLOEXEC, fcntl(s->counters_fd, F_GETFD));
}

TEST_F(mappings, counters_have_the_size_they_say)
{
	struct session *s = &self->session;
	size_t bytes = s->counters_info.bytes;

	EXPECT_EQ(bytes, lseek(s->counters_fd, 0, SEEK_END));
	EXPECT_EQ(0, bytes % PAGE);
	EXPECT_EQ(EINVAL, try_map(s->counters_fd, bytes + PAGE, PROT_READ, MAP_SHARED, 0));
	EXPECT_EQ(EINVAL, try_map(s->counters_fd, PAGE, PROT_READ, MAP_SHARED, (off_t)bytes));
	EXPECT_EQ(0, try_map(s->counters_fd, PAGE, PROT_READ, MAP_SHARED, (off_t)(bytes - PAGE)));
	EXPECT_EQ(0, try_map(s->counters_fd, bytes, PROT_READ, MAP_SHARED, 0));
}

TEST_F(mappings, counters_every_page_reads)
{
	struct session *s = &self->session;
	uint64_t sum = 0;

	for (uint64_t at = 0; at < s->counters_info.bytes; at += 4)
		sum += *(const volatile uint32_t *)(s->counters + at);
	EXPECT_LT(0, sum);
}

TEST_F(mappings, counters_brackets_for_the_cpu)
{
	struct dma_buf_sync sync = {.flags = DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ};

	EXPECT_EQ(0, ioctl(self->session.counters_fd, DMA_BUF_IOCTL_SYNC, &sync));
	sync.flags = DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ;
	EXPECT_EQ(0, ioctl(self->session.counters_fd, DMA_BUF_IOCTL_SYNC, &sync));
}

TEST_F(mappings, a_hit_shows_without_any_call)
{
	struct session *s = &self->session;
	uint32_t slot = session_slot(s, self->target.shared[0]);

	ASSERT_EQ(0, session_column(s, GLASSRAM_COLUMN_HITS, slot));
	ASSERT_EQ(0, target_next(&self->target));
	EXPECT_EQ(1, session_column(s, GLASSRAM_COLUMN_HITS, slot));
	EXPECT_EQ(s->control->epoch, session_column(s, GLASSRAM_COLUMN_STAMP, slot));
}

TEST_F(mappings, counters_outlive_the_session_and_the_target)
{
	struct session *s = &self->session, kept;
	uint32_t slot = session_slot(s, self->target.shared[0]);

	ASSERT_EQ(0, target_next(&self->target));
	kept = *s;
	kept.counters_fd = dup(s->counters_fd);
	kept.counters = mmap(NULL, s->counters_info.bytes, PROT_READ, MAP_SHARED,
			     kept.counters_fd, 0);
	ASSERT_NE(MAP_FAILED, (void *)kept.counters);
	session_close(s);
	target_kill(&self->target);
	usleep(200000);
	EXPECT_EQ(1, session_column(&kept, GLASSRAM_COLUMN_HITS, slot));
	for (uint64_t at = 0; at < kept.counters_info.bytes; at += PAGE)
		(void)*(const volatile uint32_t *)(kept.counters + at);
	munmap((void *)kept.counters, kept.counters_info.bytes);
	/* A new mapping of what is left works as well. */
	EXPECT_EQ(0, try_map(kept.counters_fd, kept.counters_info.bytes, PROT_READ, MAP_SHARED, 0));
	close(kept.counters_fd);
}

TEST_F(mappings, control_page_outlives_the_fd)
{
	struct session *s = &self->session;
	const volatile struct glassram_control *control = s->control;

	s->control = NULL;
	session_close(s);
	EXPECT_EQ(sizeof(struct glassram_control), control->size);
	munmap((void *)control, PAGE);
}

TEST_HARNESS_MAIN
