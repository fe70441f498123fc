// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who wrote: OWNER and the thread table, for threads that live, threads that
 * come and go by the thousand, reused thread ids, changed names, and writers
 * from outside the target.
 *
 * Weak spot: reuse of a thread id is forced through ns_last_pid, which needs
 * root and a kernel with checkpoint support, as Debian's are.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/uio.h>

#include "session.h"
#include "target.h"

#include "kselftest_harness.h"

#define THREADS 8
#define THREAD_PAGES 64UL
#define CROWD 10000U
#define BATCH 50U /* of the crowd live at a time */
#define NAMESAKES 250U /* threads with one tid, one after the other */

static char *map_pages(size_t pages)
{
	char *area = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (area == MAP_FAILED)
		_exit(90);
	madvise(area, pages * PAGE, MADV_NOHUGEPAGE);
	memset(area, 1, pages * PAGE);
	return area;
}

FIXTURE(threads)
{
	struct target target;
	struct session session;
};

FIXTURE_SETUP(threads)
{
	self->session = (struct session){.fd = -1, .mem_fd = -1, .pagemap_fd = -1,
					 .counters_fd = -1};
}

FIXTURE_TEARDOWN(threads)
{
	session_close(&self->session);
	target_kill(&self->target);
}

static void begin(struct __test_metadata *_metadata, FIXTURE_DATA(threads) *self,
		  int (*body)(struct target *))
{
	ASSERT_EQ(0, target_start(&self->target, body));
	ASSERT_EQ(0, session_open(&self->session, self->target.pid));
	ASSERT_EQ(0, session_advance(&self->session, 0));
}

static const struct glassram_thread *by_slot(const struct glassram_thread *t, int n, uint32_t slot)
{
	for (int i = 0; i < n; i++)
		if (t[i].slot == slot)
			return &t[i];
	return NULL;
}

/* Eight threads that write their own range once for each step of the test. */
static pthread_barrier_t step_begin, step_end;
static char *ranges;
static struct target *shared_target;

static void *own_range(void *argument)
{
	long number = (long)argument;
	char name[16];

	snprintf(name, sizeof(name), "ranger-%ld", number);
	prctl(PR_SET_NAME, name);
	shared_target->shared[8 + number] = (uint64_t)gettid();
	for (;;) {
		pthread_barrier_wait(&step_begin);
		for (size_t i = 0; i < THREAD_PAGES; i++)
			ranges[((size_t)number * THREAD_PAGES + i) * PAGE]++;
		pthread_barrier_wait(&step_end);
	}
	return NULL;
}

static int eight_threads(struct target *t)
{
	ranges = map_pages(THREADS * THREAD_PAGES);
	t->shared[0] = (uintptr_t)ranges;
	shared_target = t;
	pthread_barrier_init(&step_begin, NULL, THREADS + 1);
	pthread_barrier_init(&step_end, NULL, THREADS + 1);
	for (long i = 0; i < THREADS; i++) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, own_range, (void *)i))
			return 1;
	}
	for (;;) {
		target_pause(t);
		pthread_barrier_wait(&step_begin);
		pthread_barrier_wait(&step_end);
	}
}

TEST_F(threads, eight_on_disjoint_ranges_are_told_apart)
{
	struct session *s = &self->session;
	struct glassram_thread *table;
	uint64_t in_table = 0, overflow;
	const uint32_t steps = 10;
	char name[16];
	int n;

	begin(_metadata, self, eight_threads);
	for (uint32_t i = 0; i < steps; i++) {
		ASSERT_EQ(0, target_next(&self->target));
		ASSERT_EQ(0, session_advance(s, 0));
	}
	/* The threads may be on their way out of the barrier still. */
	ASSERT_EQ(0, proc_freeze(self->target.pid));
	n = session_threads(s, &table, &overflow);
	ASSERT_LE(THREADS, n);
	EXPECT_EQ(0, overflow);
	for (int who = 0; who < THREADS; who++) {
		uint64_t base = self->target.shared[0] + who * THREAD_PAGES * PAGE;

		snprintf(name, sizeof(name), "ranger-%d", who);
		for (size_t i = 0; i < THREAD_PAGES; i++) {
			const struct glassram_thread *t =
				by_slot(table, n, session_owner(s, base + i * PAGE));

			ASSERT_EQ(steps, session_hits(s, base + i * PAGE));
			ASSERT_NE(NULL, t);
			ASSERT_EQ(self->target.shared[8 + who], t->tid);
			ASSERT_EQ(self->target.pid, t->tgid);
			ASSERT_STREQ(name, t->comm);
			ASSERT_LE(steps * THREAD_PAGES, t->hits);
			/* Leaving the barrier may write in the new epoch already. */
			ASSERT_LE(s->advanced.epoch - 1, t->last_epoch);
		}
	}
	for (int i = 0; i < n; i++) {
		in_table += table[i].hits;
		EXPECT_NE(GLASSRAM_THREAD_NONE, table[i].slot);
		EXPECT_EQ(0, table[i].target);
		EXPECT_EQ(0, table[i].pad);
		EXPECT_LT(0, table[i].start_ns);
		EXPECT_GE(now_ns(), table[i].start_ns);
	}
	ASSERT_EQ(0, session_stats(s));
	EXPECT_EQ(n, s->stats.threads);
	EXPECT_EQ(s->stats.hits, in_table);
	EXPECT_EQ(0, s->stats.unexplained);
	free(table);
}

/* Short-lived threads, one page each; the crowd's tids go where the test sees them. */
static volatile uint32_t *crowd_tids;
static char *crowd_pages;

static void *one_page(void *argument)
{
	size_t number = (size_t)argument;

	crowd_pages[number * PAGE]++;
	crowd_tids[number] = (uint32_t)gettid();
	return NULL;
}

static int crowd_target(struct target *t)
{
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 65536);
	crowd_pages = map_pages(CROWD);
	t->shared[0] = (uintptr_t)crowd_pages;
	target_pause(t);
	for (size_t from = 0; from < CROWD; from += BATCH) {
		pthread_t threads[BATCH];

		for (size_t i = 0; i < BATCH; i++)
			if (pthread_create(&threads[i], &attr, one_page, (void *)(from + i)))
				return 1;
		for (size_t i = 0; i < BATCH; i++)
			pthread_join(threads[i], NULL);
	}
	target_pause(t);
	return 0;
}

static long read_number(const char *path)
{
	char text[32] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		return -1;
	close(fd);
	return strtol(text, NULL, 10);
}

static int write_number(const char *path, long value)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "%ld", value);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int err = fd < 0 || write(fd, text, (size_t)n) != n ? -errno : 0;

	if (fd >= 0)
		close(fd);
	return err;
}

/* Records of the pages [0, count): how many threads, and is each the right one? */
struct crowd_verdict {
	uint32_t recorded; /* pages whose owner is the thread that wrote them */
	uint32_t wrong;
	uint32_t unknown; /* pages with a hit and owner 0 */
	uint32_t missed; /* pages without exactly one hit */
	uint32_t shared_slots; /* slots that own more than one page of the crowd */
};

static void judge_crowd(struct session *s, uint64_t area, uint32_t count,
			const struct glassram_thread *table, int n, struct crowd_verdict *v)
{
	static uint8_t used[GLASSRAM_MAX_THREADS + 1];
	static const struct glassram_thread *index[GLASSRAM_MAX_THREADS + 1];

	memset(used, 0, sizeof(used));
	memset(index, 0, sizeof(index));
	*v = (struct crowd_verdict){0};
	for (int i = 0; i < n; i++)
		if (table[i].slot <= GLASSRAM_MAX_THREADS)
			index[table[i].slot] = &table[i];
	for (uint32_t i = 0; i < count; i++) {
		uint32_t owner = session_owner(s, area + i * PAGE);

		v->missed += session_hits(s, area + i * PAGE) != 1;
		if (owner == GLASSRAM_THREAD_NONE || owner > GLASSRAM_MAX_THREADS) {
			v->unknown++;
			continue;
		}
		v->shared_slots += used[owner]++;
		if (index[owner] && index[owner]->tid == crowd_tids[i])
			v->recorded++;
		else
			v->wrong++;
	}
}

TEST_F_TIMEOUT(threads, ten_thousand_short_lived_ones, 120)
{
	static const char pid_max[] = "/proc/sys/kernel/pid_max";
	struct session *s = &self->session;
	struct glassram_thread *table;
	uint64_t overflow, in_table = 0;
	struct crowd_verdict v;
	uint32_t reused = 0;
	long usual;
	int n;

	crowd_tids = mmap(NULL, CROWD * sizeof(*crowd_tids), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)crowd_tids);
	begin(_metadata, self, crowd_target);

	/* Few pids, so that thread ids come round again and again. */
	usual = read_number(pid_max);
	ASSERT_LT(0, usual);
	ASSERT_EQ(0, write_number(pid_max, 2000));
	n = target_next(&self->target);
	write_number(pid_max, usual);
	ASSERT_EQ(0, n);
	for (uint32_t i = BATCH; i < CROWD; i += BATCH)
		reused += crowd_tids[i] < crowd_tids[i - BATCH];
	EXPECT_LT(2, reused)
		TH_LOG("thread ids hardly came round: nothing was tested");

	ASSERT_EQ(0, proc_freeze(self->target.pid));
	n = session_threads(s, &table, &overflow);
	ASSERT_LT(0, n);
	judge_crowd(s, self->target.shared[0], CROWD, table, n, &v);
	for (int i = 0; i < n; i++)
		in_table += table[i].hits;
	free(table);
	ASSERT_EQ(0, session_stats(s));
	TH_LOG("%u threads recorded, %u not; thread ids came round %u times", v.recorded,
	       v.unknown, reused);
	EXPECT_EQ(0, v.missed);
	EXPECT_EQ(0, v.wrong);
	EXPECT_EQ(0, v.shared_slots)
		TH_LOG("two threads with one tid fell into one record");
	EXPECT_EQ(CROWD, v.recorded + v.unknown);
	EXPECT_LE(4096, v.recorded);
	EXPECT_LE(v.unknown, overflow);
	EXPECT_EQ(s->stats.hits, in_table + overflow)
		TH_LOG("recorded and overflow do not make up all hits");
}

static void *write_and_tell(void *argument)
{
	*(volatile char *)argument += 1;
	return (void *)(long)gettid();
}

static int reusing_target(struct target *t)
{
	char *pages = map_pages(2);
	pthread_t thread;
	void *tid;

	t->shared[0] = (uintptr_t)pages;
	target_pause(t);
	pthread_create(&thread, NULL, write_and_tell, pages);
	pthread_join(thread, &tid);
	t->shared[1] = (uint64_t)tid;
	target_pause(t);
	/* Others may take the number first: try until it is ours. */
	for (int i = 0; i < 100 && t->shared[2] != t->shared[1]; i++) {
		usleep(20000);
		if (write_number("/proc/sys/kernel/ns_last_pid", (long)t->shared[1] - 1))
			return 1;
		pthread_create(&thread, NULL, write_and_tell, pages + PAGE);
		pthread_join(thread, &tid);
		t->shared[2] = (uint64_t)tid;
	}
	target_pause(t);
	return 0;
}

TEST_F(threads, a_reused_tid_is_another_thread)
{
	struct session *s = &self->session;
	const struct glassram_thread *first, *second;
	struct glassram_thread *table;
	uint64_t area;
	int n;

	begin(_metadata, self, reusing_target);
	area = self->target.shared[0];
	ASSERT_EQ(0, target_next(&self->target));
	ASSERT_EQ(0, session_advance(s, 0));
	ASSERT_EQ(0, target_next(&self->target));
	ASSERT_EQ(self->target.shared[1], self->target.shared[2])
		TH_LOG("the thread id could not be had again");
	n = session_threads(s, &table, NULL);
	ASSERT_LT(0, n);
	first = by_slot(table, n, session_owner(s, area));
	second = by_slot(table, n, session_owner(s, area + PAGE));
	ASSERT_NE(NULL, first);
	ASSERT_NE(NULL, second);
	EXPECT_EQ(self->target.shared[1], first->tid);
	/* The second page may have been written first by a thread that missed the number. */
	EXPECT_NE(first->slot, second->slot);
	EXPECT_LT(first->start_ns, second->start_ns);
	free(table);
}

static int namesakes_target(struct target *t)
{
	char *pages = map_pages(NAMESAKES);
	long wanted = 0;
	uint64_t same = 0;

	t->shared[0] = (uintptr_t)pages;
	target_pause(t);
	for (size_t i = 0; i < NAMESAKES; i++) {
		pthread_t thread;
		void *tid;

		/* Joined is not yet gone: the number is free a moment later. */
		while (wanted && !tgkill(t->pid, (pid_t)wanted, 0))
			usleep(200);
		if (wanted && write_number("/proc/sys/kernel/ns_last_pid", wanted - 1))
			return 1;
		if (pthread_create(&thread, NULL, write_and_tell, pages + i * PAGE))
			return 2;
		pthread_join(thread, &tid);
		if (!wanted)
			wanted = (long)tid;
		same += (long)tid == wanted;
	}
	t->shared[1] = same;
	target_pause(t);
	return 0;
}

/*
 * Threads of one tid are the hardest case for a table keyed by it. A table
 * that finds room for all of these needs another way to be filled here.
 */
TEST_F_TIMEOUT(threads, hits_without_a_record_are_counted_as_overflow, 60)
{
	struct session *s = &self->session;
	struct glassram_thread *table;
	uint64_t overflow, in_table = 0;
	uint32_t unknown = 0;
	int n;

	begin(_metadata, self, namesakes_target);
	ASSERT_EQ(0, target_next(&self->target));
	ASSERT_LE(NAMESAKES * 3 / 4, self->target.shared[1])
		TH_LOG("the thread id could not be had again and again");
	ASSERT_EQ(0, proc_freeze(self->target.pid));
	n = session_threads(s, &table, &overflow);
	ASSERT_LT(0, n);
	for (int i = 0; i < n; i++)
		in_table += table[i].hits;
	free(table);
	for (size_t i = 0; i < NAMESAKES; i++) {
		uint64_t page = self->target.shared[0] + i * PAGE;

		EXPECT_EQ(1, session_hits(s, page));
		unknown += session_owner(s, page) == GLASSRAM_THREAD_NONE;
	}
	ASSERT_EQ(0, session_stats(s));
	TH_LOG("%u of %u threads found no record", unknown, NAMESAKES);
	EXPECT_LT(0, unknown)
		TH_LOG("all found a record: nothing was tested");
	EXPECT_LE(unknown, overflow);
	EXPECT_EQ(s->stats.hits, in_table + overflow);
}

static int renaming_target(struct target *t)
{
	char *page = map_pages(1);

	t->shared[0] = (uintptr_t)page;
	prctl(PR_SET_NAME, "before");
	target_pause(t);
	page[0]++;
	target_pause(t);
	prctl(PR_SET_NAME, "after");
	target_pause(t);
	page[0]++;
	target_pause(t);
	return 0;
}

TEST_F(threads, a_new_name_shows_in_the_next_epoch)
{
	struct session *s = &self->session;
	struct glassram_thread *table;
	const struct glassram_thread *t;
	uint32_t slot;
	int n;

	begin(_metadata, self, renaming_target);
	ASSERT_EQ(0, target_next(&self->target));
	n = session_threads(s, &table, NULL);
	ASSERT_LT(0, n);
	slot = session_owner(s, self->target.shared[0]);
	t = by_slot(table, n, slot);
	ASSERT_NE(NULL, t);
	EXPECT_STREQ("before", t->comm);
	free(table);

	/* The name of an epoch is that of its first hit, so rename, then close the epoch. */
	ASSERT_EQ(0, target_next(&self->target));
	ASSERT_EQ(0, session_advance(s, 0));
	ASSERT_EQ(0, target_next(&self->target));
	n = session_threads(s, &table, NULL);
	ASSERT_LT(0, n);
	EXPECT_EQ(slot, session_owner(s, self->target.shared[0]));
	t = by_slot(table, n, slot);
	ASSERT_NE(NULL, t);
	EXPECT_STREQ("after", t->comm);
	EXPECT_EQ(s->advanced.epoch, t->last_epoch);
	free(table);
}

TEST_F(threads, a_writer_from_outside_is_named)
{
	struct session *s = &self->session;
	const struct glassram_thread *t;
	struct glassram_thread *table;
	char byte = 7;
	struct iovec from = {&byte, 1}, to;
	int n;

	begin(_metadata, self, eight_threads);
	to = (struct iovec){(void *)self->target.shared[0], 1};
	ASSERT_EQ(1, process_vm_writev(self->target.pid, &from, 1, &to, 1, 0));
	n = session_threads(s, &table, NULL);
	ASSERT_LT(0, n);
	t = by_slot(table, n, session_owner(s, self->target.shared[0]));
	ASSERT_NE(NULL, t);
	EXPECT_EQ(getpid(), t->tid);
	EXPECT_EQ(getpid(), t->tgid);
	free(table);
	/* A write through /proc/PID/mem is one as well. */
	ASSERT_EQ(1, pwrite(s->mem_fd, &byte, 1, (off_t)(self->target.shared[0] + PAGE)));
	EXPECT_EQ(1, session_hits(s, self->target.shared[0] + PAGE));
}

TEST_HARNESS_MAIN
