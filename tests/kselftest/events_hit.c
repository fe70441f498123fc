// SPDX-License-Identifier: GPL-2.0-only
/*
 * The hit ring: a stream of HIT has one record for each hit, so that its sums
 * are those of the counters, wherever nothing is lost.
 *
 * Weak spot: a hit of a page without a slot is told at the next ADVANCE, which
 * counts it; its record has the time of that.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "event_log.h"
#include "target.h"
#include "writers.h"

#include "kselftest_harness.h"

/* The kernel's FAULT_FLAG_* that are promised. */
#define WRITE_FAULT 0x1U
#define USER_FAULT 0x40U

#define PAGES 512UL

FIXTURE(hit_events)
{
	struct target target;
	struct session session;
	struct event_log log;
};

FIXTURE_SETUP(hit_events)
{
	self->session = (struct session){.fd = -1, .mem_fd = -1, .pagemap_fd = -1,
					 .counters_fd = -1};
	self->log.fd = -1;
}

FIXTURE_TEARDOWN(hit_events)
{
	log_close(&self->log);
	session_close(&self->session);
	target_kill(&self->target);
}

static void begin(struct __test_metadata *_metadata, FIXTURE_DATA(hit_events) *self,
		  int (*body)(struct target *))
{
	ASSERT_EQ(0, target_start(&self->target, body));
	ASSERT_EQ(0, session_open(&self->session, self->target.pid));
	ASSERT_EQ(0, log_open(&self->log, &self->session, EVENT(HIT)));
	ASSERT_EQ(0, session_advance(&self->session, 0));
}

static char *area;

static void touch(size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		((volatile char *)area)[i * PAGE]++;
}

static int kinds_of_writes(struct target *t)
{
	int fds[2];

	area = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		    -1, 0);
	if (area == MAP_FAILED || pipe(fds))
		return 1;
	madvise(area, PAGES * PAGE, MADV_NOHUGEPAGE);
	touch(0, PAGES);
	t->shared[0] = (uintptr_t)area;
	target_pause(t);
	touch(10, 14);
	target_pause(t);
	/* The kernel writes, for this thread. */
	if (write(fds[1], "kernel", 6) != 6 || read(fds[0], area + 20 * PAGE, 6) != 6)
		return 1;
	target_pause(t);
	touch(10, 11);
	touch(10, 11);
	target_pause(t);
	return 0;
}

/* The only record since @from that lies in the target's area. */
static const struct glassram_event *only_hit(FIXTURE_DATA(hit_events) *self, size_t from,
					     uint64_t page)
{
	const struct glassram_event *found = NULL;

	for (; from < self->log.nr; from++) {
		const struct glassram_event *e = &self->log.records[from];

		if (e->type != GLASSRAM_EVENT_HIT ||
		    e->address != self->target.shared[0] + page * PAGE)
			continue;
		if (found)
			return NULL;
		found = e;
	}
	return found;
}

TEST_F(hit_events, each_hit_says_where_who_when_and_how)
{
	struct session *s = &self->session;
	const struct glassram_event *e;
	struct iovec local, remote;
	uint32_t epoch;
	char c = 'x';
	size_t from;

	begin(_metadata, self, kinds_of_writes);
	ASSERT_EQ(0, log_read(&self->log));
	from = self->log.nr;
	epoch = s->control->epoch;
	ASSERT_EQ(0, target_next(&self->target));
	ASSERT_EQ(0, log_read(&self->log));
	for (size_t page = 10; page < 14; page++) {
		e = only_hit(self, from, page);
		ASSERT_NE(NULL, e);
		EXPECT_EQ(self->target.pid, e->tid);
		EXPECT_EQ(self->target.pid, e->tgid);
		EXPECT_EQ(0, e->target);
		EXPECT_EQ(epoch, e->epoch);
		EXPECT_EQ(1, e->value);
		EXPECT_EQ(0, e->length);
		EXPECT_EQ(WRITE_FAULT | USER_FAULT, e->flags & (WRITE_FAULT | USER_FAULT));
	}
	/* A system call writes. */
	from = self->log.nr;
	ASSERT_EQ(0, target_next(&self->target));
	ASSERT_EQ(0, log_read(&self->log));
	e = only_hit(self, from, 20);
	ASSERT_NE(NULL, e);
	EXPECT_EQ(WRITE_FAULT, e->flags & (WRITE_FAULT | USER_FAULT));
	EXPECT_EQ(self->target.pid, e->tid);
	/* Another process writes. */
	local = (struct iovec){&c, 1};
	remote = (struct iovec){(char *)self->target.shared[0] + 30 * PAGE, 1};
	from = self->log.nr;
	ASSERT_EQ(1, process_vm_writev(self->target.pid, &local, 1, &remote, 1, 0));
	ASSERT_EQ(0, log_read(&self->log));
	e = only_hit(self, from, 30);
	ASSERT_NE(NULL, e);
	EXPECT_EQ(getpid(), e->tid);
	/* Twice in an epoch is one hit. */
	ASSERT_EQ(0, session_advance(s, 0));
	from = self->log.nr;
	ASSERT_EQ(0, target_next(&self->target));
	ASSERT_EQ(0, log_read(&self->log));
	e = only_hit(self, from, 10);
	ASSERT_NE(NULL, e);
	EXPECT_EQ(epoch + 1, e->epoch);
}

static uint64_t one(void)
{
	return 1;
}

static int six_writers(struct target *t)
{
	static struct writers w = {.pages = 2048, .value = one};

	w.arena = writers_arena(ARENA_ANON, w.pages);
	w.count = t->shared + 8;
	if (!w.arena)
		return 1;
	t->shared[0] = (uintptr_t)w.arena;
	target_pause(t);
	if (writers_run(&w))
		return 1;
	for (;;)
		pause();
	return 0;
}

/* Sums of the stream by page: value of all records of each. */
static uint64_t stream_sum(const struct event_log *log, uint64_t start, uint64_t pages,
			   uint32_t *ret_sums)
{
	uint64_t all = 0;

	for (size_t i = 0; i < log->nr; i++) {
		const struct glassram_event *e = &log->records[i];

		if (e->type != GLASSRAM_EVENT_HIT)
			continue;
		all++;
		if (e->address >= start && e->address < start + pages * PAGE)
			ret_sums[(e->address - start) / PAGE] += (uint32_t)e->value;
	}
	return all;
}

TEST_F(hit_events, sums_of_the_stream_are_those_of_the_counters)
{
	static uint32_t sums[2048];
	struct session *s = &self->session;
	struct glassram_thread *threads;
	uint64_t start, hits;
	char go = 'n';
	int n;

	begin(_metadata, self, six_writers);
	start = self->target.shared[0];
	ASSERT_EQ(1, write(self->target.to_child, &go, 1));
	take_precedence();
	for (int i = 0; i < 40 || s->control->hits < 12000; i++) {
		usleep(20000);
		ASSERT_EQ(0, session_advance(s, 0));
		ASSERT_EQ(0, log_read(&self->log));
	}
	ASSERT_EQ(0, proc_freeze(self->target.pid));
	/* Replays what came before its slot, and late writes. */
	ASSERT_EQ(0, session_advance(s, 0));
	ASSERT_EQ(0, session_advance(s, 0));
	ASSERT_EQ(0, log_read(&self->log));
	ASSERT_EQ(0, session_stats(s));
	EXPECT_EQ(0, s->stats.lost);
	EXPECT_EQ(0, log_lost(&self->log));
	hits = stream_sum(&self->log, start, 2048, sums);
	TH_LOG("%lu hits", (unsigned long)hits);
	EXPECT_LT(10000, hits);
	EXPECT_EQ(s->stats.hits, hits);
	for (size_t i = 0; i < 2048; i++) {
		ASSERT_EQ(session_hits(s, start + i * PAGE), sums[i])
			TH_LOG("page %zu", i);
	}
	/* By thread, too. */
	n = session_threads(s, &threads, NULL);
	ASSERT_LT(0, n);
	for (int i = 0; i < n; i++) {
		uint64_t own = 0;

		for (size_t k = 0; k < self->log.nr; k++)
			own += self->log.records[k].tid == threads[i].tid;
		EXPECT_EQ(threads[i].hits, own);
	}
	free(threads);
}

#define FAR (64UL << 20)

static int fresh_memory(struct target *t)
{
	target_pause(t);
	/* Far from everything, so that its block of slots is not there yet. */
	area = mmap(NULL, FAR, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	madvise(area, FAR, MADV_NOHUGEPAGE);
	area += FAR / 2;
	t->shared[0] = (uintptr_t)area;
	touch(0, PAGES);
	target_pause(t);
	return 0;
}

TEST_F(hit_events, hits_that_came_before_their_slot_are_told_when_they_count)
{
	static uint32_t sums[PAGES];
	struct session *s = &self->session;
	uint32_t epoch;

	begin(_metadata, self, fresh_memory);
	epoch = s->control->epoch;
	ASSERT_EQ(0, target_next(&self->target));
	ASSERT_EQ(0, session_advance(s, 0));
	ASSERT_EQ(0, log_read(&self->log));
	ASSERT_EQ(0, session_stats(s));
	EXPECT_LE(PAGES, s->stats.deferred);
	EXPECT_EQ(s->stats.hits, stream_sum(&self->log, self->target.shared[0], PAGES, sums));
	for (size_t i = 0; i < PAGES; i++) {
		ASSERT_EQ(1, sums[i]);
	}
	for (size_t i = 0; i < self->log.nr; i++) {
		const struct glassram_event *e = &self->log.records[i];

		if (e->address < self->target.shared[0] ||
		    e->address >= self->target.shared[0] + PAGES * PAGE)
			continue;
		EXPECT_EQ(self->target.pid, e->tid);
		EXPECT_EQ(self->target.pid, e->tgid);
		EXPECT_EQ(epoch, e->epoch);
		EXPECT_EQ(WRITE_FAULT | USER_FAULT, e->flags & (WRITE_FAULT | USER_FAULT));
	}
}

TEST_F(hit_events, a_ring_that_is_too_small_counts_what_it_loses)
{
	struct session *s = &self->session;
	uint64_t told = 0, lost = 0;
	struct glassram_event e;
	size_t before;
	int fd;

	begin(_metadata, self, six_writers);
	fd = events_open(s->fd, EVENT(HIT), 64);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, session_stats(s));
	ASSERT_EQ(0, log_read(&self->log));
	ASSERT_EQ(1, write(self->target.to_child, "n", 1));
	take_precedence();
	for (int i = 0; i < 20; i++) {
		usleep(10000);
		ASSERT_EQ(0, session_advance(s, 0));
		for (int k = 0; k < 40 && read(fd, &e, sizeof(e)) == sizeof(e); k++) {
			told += e.type == GLASSRAM_EVENT_HIT;
			lost += e.type == GLASSRAM_EVENT_LOST ? e.value : 0;
		}
	}
	ASSERT_EQ(0, proc_freeze(self->target.pid));
	ASSERT_EQ(0, session_advance(s, 0));
	ASSERT_EQ(0, session_advance(s, 0));
	while (read(fd, &e, sizeof(e)) == sizeof(e)) {
		told += e.type == GLASSRAM_EVENT_HIT;
		lost += e.type == GLASSRAM_EVENT_LOST ? e.value : 0;
	}
	/* The big ring beside it has all that came since both were open, and some before. */
	TH_LOG("%lu told, %lu lost", (unsigned long)told, (unsigned long)lost);
	EXPECT_LT(0, lost);
	before = self->log.nr;
	ASSERT_EQ(0, log_read(&self->log));
	EXPECT_EQ(0, log_lost(&self->log));
	EXPECT_EQ(self->log.nr - before, told + lost);
	close(fd);
}

TEST_HARNESS_MAIN
