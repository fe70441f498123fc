// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events of mappings: each change that a target makes gives exactly the records
 * that belong to it, with exact addresses.
 *
 * Weak spot: some records differ between kernels; what is promised is what is the
 * same on all of them, and the test of each change says what else may come.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "event_log.h"
#include "target.h"

#include "kselftest_harness.h"

#define LAYOUT_EVENTS (EVENT(MAP) | EVENT(UNMAP) | EVENT(REMOVE) | EVENT(REMAP))
#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
/* The reserve in which everything happens: mapped PROT_NONE, so neighbours never merge. */
#define RESERVE (1024 * PAGE)
#define AT(n) (base + (n) * PAGE)

/* Words that target and test share. */
enum { BASE, RESULT, TID, STEP };

/* A value in an expected record that only the target knows: what the call returned. */
#define RETURNED UINT64_MAX

struct expected {
	uint32_t type; /* 0 ends the list */
	uint64_t page; /* address, in pages from the base */
	uint64_t pages;
	uint64_t value; /* in pages from the base, for REMAP */
};

/* One change; returns what the system call returned. */
struct step {
	const char *name;
	uint64_t (*change)(char *base);
	struct expected expected[6];
};

static uint64_t map_fixed(char *base)
{
	return (uintptr_t)mmap(AT(0), 16 * PAGE, RW, ANON | MAP_FIXED, -1, 0);
}

static uint64_t map_beside(char *base)
{
	return (uintptr_t)mmap(AT(16), 4 * PAGE, RW, ANON | MAP_FIXED, -1, 0);
}

static uint64_t unmap_middle(char *base)
{
	return (uint64_t)munmap(AT(4), 2 * PAGE);
}

static uint64_t protect_part(char *base)
{
	return (uint64_t)mprotect(AT(8), 4 * PAGE, PROT_READ);
}

static uint64_t unmap_several(char *base)
{
	return (uint64_t)munmap(AT(2), 8 * PAGE);
}

static uint64_t dontneed(char *base)
{
	return (uint64_t)madvise(AT(12), 3 * PAGE, MADV_DONTNEED);
}

static uint64_t lazy_free(char *base)
{
	return (uint64_t)madvise(AT(12), PAGE, MADV_FREE);
}

static uint64_t map_shared(char *base)
{
	return (uintptr_t)mmap(AT(100), 8 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED,
			       -1, 0);
}

static uint64_t punch(char *base)
{
	return (uint64_t)madvise(AT(102), 2 * PAGE, MADV_REMOVE);
}

static uint64_t harmless_advice(char *base)
{
	return (uint64_t)madvise(AT(100), 8 * PAGE, MADV_WILLNEED);
}

/* The fifth argument is rubbish, as it is for many callers. */
static uint64_t resize(char *address, size_t from, size_t to, int flags, char *where)
{
	return (uint64_t)syscall(SYS_mremap, address, from * PAGE, to * PAGE, flags, where);
}

static uint64_t shrink(char *base)
{
	return resize(AT(100), 8, 6, 0, AT(777));
}

static uint64_t grow_in_place(char *base)
{
	munmap(AT(108), PAGE);
	return resize(AT(100), 6, 7, 0, AT(777));
}

static uint64_t same_size(char *base)
{
	return resize(AT(100), 7, 7, MREMAP_MAYMOVE, AT(777));
}

static uint64_t move_fixed(char *base)
{
	return resize(AT(100), 7, 7, MREMAP_MAYMOVE | MREMAP_FIXED, AT(200));
}

static uint64_t move_anywhere(char *base)
{
	return resize(AT(200), 7, 2048, MREMAP_MAYMOVE, AT(777));
}

static uint64_t grow_without_room(char *base)
{
	return resize(AT(16), 4, 5, 0, AT(777));
}

static uint64_t bad_calls(char *base)
{
	return (uint64_t)(munmap(AT(0) + 1, PAGE) + madvise(AT(0) + 1, PAGE, MADV_DONTNEED) +
			  mprotect(AT(0) + 1, PAGE, PROT_READ) + munmap(AT(0), 0));
}

/* In the order in which they are made; later ones rely on earlier ones. */
static const struct step steps[] = {
	{"mmap() over a mapping", map_fixed,
	 {{GLASSRAM_EVENT_UNMAP, 0, 16, 0}, {GLASSRAM_EVENT_MAP, 0, 16, 0}}},
	{"mmap() beside one, which grows", map_beside,
	 {{GLASSRAM_EVENT_UNMAP, 16, 4, 0}, {GLASSRAM_EVENT_MAP, 0, 20, 0}}},
	{"munmap() in the middle", unmap_middle, {{GLASSRAM_EVENT_UNMAP, 4, 2, 0}}},
	{"mprotect() of a part", protect_part, {{GLASSRAM_EVENT_MAP, 8, 4, 0}}},
	{"munmap() of three parts and a hole", unmap_several,
	 {{GLASSRAM_EVENT_UNMAP, 2, 2, 0}, {GLASSRAM_EVENT_UNMAP, 6, 2, 0},
	  {GLASSRAM_EVENT_UNMAP, 8, 2, 0}}},
	{"MADV_DONTNEED", dontneed, {{GLASSRAM_EVENT_REMOVE, 12, 3, 0}}},
	{"MADV_FREE", lazy_free, {{GLASSRAM_EVENT_REMOVE, 12, 1, 0}}},
	{"mmap() of shared memory", map_shared,
	 {{GLASSRAM_EVENT_UNMAP, 100, 8, 0}, {GLASSRAM_EVENT_MAP, 100, 8, 0}}},
	{"MADV_REMOVE", punch, {{GLASSRAM_EVENT_REMOVE, 102, 2, 0}}},
	{"MADV_WILLNEED", harmless_advice, {}},
	{"mremap() that shrinks", shrink,
	 {{GLASSRAM_EVENT_UNMAP, 106, 2, 0}, {GLASSRAM_EVENT_REMAP, 100, 8, 100}}},
	{"mremap() that grows in place", grow_in_place,
	 {{GLASSRAM_EVENT_UNMAP, 108, 1, 0}, {GLASSRAM_EVENT_REMAP, 100, 6, 100}}},
	{"mremap() to the same size", same_size, {{GLASSRAM_EVENT_REMAP, 100, 7, 100}}},
	{"mremap() to a place", move_fixed,
	 {{GLASSRAM_EVENT_UNMAP, 200, 7, 0}, {GLASSRAM_EVENT_UNMAP, 100, 7, 0},
	  {GLASSRAM_EVENT_REMAP, 100, 7, 200}}},
	{"mremap() to anywhere", move_anywhere,
	 {{GLASSRAM_EVENT_UNMAP, 200, 7, 0}, {GLASSRAM_EVENT_REMAP, 200, 7, RETURNED}}},
	{"mremap() that fails", grow_without_room, {}},
	{"calls that fail", bad_calls, {}},
};

#define NR_STEPS (sizeof(steps) / sizeof(steps[0]))

FIXTURE(layout_events)
{
	struct target target;
	struct session session;
	struct event_log log;
};

FIXTURE_SETUP(layout_events)
{
	self->session = (struct session){.fd = -1, .mem_fd = -1, .pagemap_fd = -1,
					 .counters_fd = -1};
	self->log.fd = -1;
}

FIXTURE_TEARDOWN(layout_events)
{
	if (!__test_passed(_metadata))
		log_print(&self->log);
	log_close(&self->log);
	session_close(&self->session);
	target_kill(&self->target);
}

static void begin(struct __test_metadata *_metadata, FIXTURE_DATA(layout_events) *self,
		  int (*body)(struct target *))
{
	ASSERT_EQ(0, target_start(&self->target, body));
	ASSERT_EQ(0, session_open(&self->session, self->target.pid));
	ASSERT_EQ(0, log_open(&self->log, &self->session, LAYOUT_EVENTS));
}

static char *reserve(struct target *t)
{
	char *base = mmap(NULL, RESERVE, PROT_NONE, ANON | MAP_NORESERVE, -1, 0);

	if (base == MAP_FAILED)
		_exit(90);
	t->shared[BASE] = (uintptr_t)base;
	t->shared[TID] = (uint64_t)gettid();
	return base;
}

static int changes(struct target *t)
{
	char *base = reserve(t);

	target_pause(t);
	for (size_t i = 0; i < NR_STEPS; i++) {
		t->shared[RESULT] = steps[i].change(base);
		target_pause(t);
	}
	return 0;
}

static bool is_before_6_2(void)
{
	int major = 0, minor = 0;
	struct utsname name;

	return !uname(&name) && sscanf(name.release, "%d.%d", &major, &minor) == 2 &&
	       (major < 6 || (major == 6 && minor < 2));
}

static bool matches(const struct glassram_event *e, const struct expected *x,
		    const struct target *t)
{
	uint64_t base = t->shared[BASE], value = 0;

	if (x->type == GLASSRAM_EVENT_REMAP)
		value = x->value == RETURNED ? t->shared[RESULT] : base + x->value * PAGE;
	return e->type == x->type && e->address == base + x->page * PAGE &&
	       e->length == x->pages * PAGE && e->value == value && !e->flags &&
	       e->target == 0 && e->tid == t->shared[TID] && e->tgid == (uint32_t)t->pid;
}

/* Before 6.2 munmap() told the range that was asked for, not each part. */
static const struct expected at_once[] = {{GLASSRAM_EVENT_UNMAP, 2, 8, 0}, {0, 0, 0, 0}};

/* Is what came since @from what was expected? */
static bool came(const struct event_log *log, size_t from, const struct step *step,
		 const struct target *t)
{
	const struct expected *x = step->expected;

	if (step->change == unmap_several && is_before_6_2())
		x = at_once;
	for (; from < log->nr; from++, x++)
		if (!x->type || !matches(&log->records[from], x, t))
			return false;
	return !x->type;
}

TEST_F(layout_events, each_change_gives_its_records)
{
	begin(_metadata, self, changes);
	for (size_t i = 0; i < NR_STEPS; i++) {
		size_t from = self->log.nr;

		ASSERT_EQ(0, target_next(&self->target));
		ASSERT_EQ(0, log_read(&self->log));
		EXPECT_TRUE(came(&self->log, from, &steps[i], &self->target))
			TH_LOG("%s: records from %zu on are not what belongs to it", steps[i].name,
			       from);
	}
	EXPECT_EQ(0, target_finish(&self->target));
}

static int heap(struct target *t)
{
	t->shared[BASE] = (uintptr_t)sbrk(0);
	target_pause(t);
	sbrk(64 * PAGE);
	target_pause(t);
	sbrk(-(intptr_t)(64 * PAGE));
	target_pause(t);
	return 0;
}

/* The log's records since @from that lie over an address. */
static const struct glassram_event *covering(const struct event_log *log, size_t from,
					     uint32_t type, uint64_t address)
{
	for (; from < log->nr; from++) {
		const struct glassram_event *e = &log->records[from];

		if (e->type == type && e->address <= address && address - e->address < e->length)
			return e;
	}
	return NULL;
}

TEST_F(layout_events, the_heap_grows_and_shrinks)
{
	uint64_t old_end;

	begin(_metadata, self, heap);
	old_end = self->target.shared[BASE];
	ASSERT_EQ(0, target_next(&self->target));
	ASSERT_EQ(0, log_read(&self->log));
	EXPECT_EQ(1, self->log.nr);
	EXPECT_NE(NULL, covering(&self->log, 0, GLASSRAM_EVENT_MAP, old_end + 63 * PAGE));
	ASSERT_EQ(0, target_next(&self->target));
	ASSERT_EQ(0, log_read(&self->log));
	ASSERT_EQ(2, self->log.nr);
	EXPECT_EQ(GLASSRAM_EVENT_UNMAP, self->log.records[1].type);
	EXPECT_EQ(64 * PAGE, self->log.records[1].length);
}

static __attribute__((noinline)) uint64_t deep(int depth)
{
	volatile char frame[16 * PAGE];

	frame[0] = 1;
	return depth ? deep(depth - 1) + frame[0] : (uintptr_t)__builtin_frame_address(0);
}

static int deep_stack(struct target *t)
{
	target_pause(t);
	t->shared[RESULT] = deep(20);
	target_pause(t);
	return 0;
}

TEST_F(layout_events, the_stack_grows)
{
	begin(_metadata, self, deep_stack);
	ASSERT_EQ(0, target_next(&self->target));
	ASSERT_EQ(0, log_read(&self->log));
	EXPECT_LT(0, self->log.nr);
	EXPECT_EQ(self->log.nr, log_count(&self->log, GLASSRAM_EVENT_MAP));
	EXPECT_NE(NULL, covering(&self->log, 0, GLASSRAM_EVENT_MAP,
				 self->target.shared[RESULT] - 4 * PAGE));
}

static int segments(struct target *t)
{
	int id = shmget(IPC_PRIVATE, 4 * PAGE, IPC_CREAT | 0600);
	char *base = reserve(t), *at;

	target_pause(t);
	at = shmat(id, AT(64), SHM_REMAP);
	t->shared[RESULT] = (uintptr_t)at;
	target_pause(t);
	shmdt(at);
	shmctl(id, IPC_RMID, NULL);
	target_pause(t);
	return 0;
}

/*
 * Neither are the mappings that shmat() takes the place of. What is not told is
 * promised nowhere, and seen here so that the document stays right.
 */
TEST_F(layout_events, shmat_is_told_and_shmdt_is_not)
{
	uint64_t at;

	begin(_metadata, self, segments);
	ASSERT_EQ(0, target_next(&self->target));
	ASSERT_EQ(0, log_read(&self->log));
	at = self->target.shared[RESULT];
	ASSERT_EQ(self->target.shared[BASE] + 64 * PAGE, at);
	ASSERT_EQ(1, self->log.nr);
	EXPECT_EQ(GLASSRAM_EVENT_MAP, self->log.records[0].type);
	EXPECT_EQ(at, self->log.records[0].address);
	EXPECT_EQ(4 * PAGE, self->log.records[0].length);
	ASSERT_EQ(0, target_next(&self->target));
	ASSERT_EQ(0, log_read(&self->log));
	EXPECT_EQ(1, self->log.nr);
}

static void *drop_in_thread(void *argument)
{
	struct target *t = argument;

	t->shared[TID] = (uint64_t)gettid();
	madvise((void *)t->shared[BASE], 5 * PAGE, MADV_DONTNEED);
	return NULL;
}

static int others(struct target *t)
{
	pthread_t thread;
	pid_t child;

	reserve(t);
	target_pause(t);
	child = fork();
	if (!child) {
		munmap((void *)t->shared[BASE], RESERVE);
		_exit(0);
	}
	waitpid(child, NULL, 0);
	target_pause(t);
	pthread_create(&thread, NULL, drop_in_thread, t);
	pthread_join(thread, NULL);
	target_pause(t);
	return 0;
}

TEST_F(layout_events, who_did_it_and_nobody_else)
{
	const struct glassram_event *e;

	begin(_metadata, self, others);
	ASSERT_EQ(0, target_next(&self->target));
	/* Neither the child's doings nor ours are the target's. */
	munmap(mmap(NULL, 10 * PAGE, RW, ANON, -1, 0), 10 * PAGE);
	ASSERT_EQ(0, log_read(&self->log));
	EXPECT_EQ(0, self->log.nr);
	ASSERT_EQ(0, target_next(&self->target));
	ASSERT_EQ(0, log_read(&self->log));
	e = covering(&self->log, 0, GLASSRAM_EVENT_REMOVE, self->target.shared[BASE]);
	ASSERT_NE(NULL, e);
	EXPECT_EQ(5 * PAGE, e->length);
	EXPECT_EQ(self->target.shared[TID], e->tid);
	EXPECT_NE(self->target.pid, e->tid);
	EXPECT_EQ(self->target.pid, e->tgid);
	/* The thread's stack came before. */
	EXPECT_NE(NULL, covering(&self->log, 0, GLASSRAM_EVENT_MAP,
				 self->log.records[0].address));
}

/* kernel.ftrace_enabled */
static int set_ftrace(const char *value)
{
	int fd = open("/proc/sys/kernel/ftrace_enabled", O_WRONLY | O_CLOEXEC);
	int ret = fd < 0 || write(fd, value, 1) != 1 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	return ret;
}

TEST_F(layout_events, ftrace_cannot_be_switched_off_under_a_stream)
{
	begin(_metadata, self, changes);
	EXPECT_EQ(-EBUSY, set_ftrace("0"));
	ASSERT_EQ(0, target_next(&self->target));
	ASSERT_EQ(0, log_read(&self->log));
	EXPECT_EQ(2, self->log.nr);
}

TEST_HARNESS_MAIN
