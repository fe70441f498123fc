// SPDX-License-Identifier: GPL-2.0-only
/*
 * Policies that come, go and change while faults run; whose hits are whose
 * under a policy that names owners; and the self-check beside a policy that
 * rejects.
 *
 * The client is raw ioctls; only loading goes by way of libglassram.
 *
 * Weak spot: a policy that is exchanged in the middle of a fault is met by
 * chance only.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <glassram/glassram.h>

#include "race.h"
#include "writers.h"

#include "kselftest_harness.h"

#define POLICIES "build/bpf/"
#define TEST_POLICIES "build/tests/kselftest/"
#define PAGES 1024UL

static int set_policy(const struct session *s, const char *name)
{
	struct glassram_options arg = {.size = sizeof(arg), .flags = GLASSRAM_OPTION_POLICY};

	strncpy(arg.policy, name, sizeof(arg.policy) - 1);
	return ioctl(s->fd, GLASSRAM_OPTIONS, &arg) ? -errno : 0;
}

static uint64_t one(void)
{
	return 1;
}

static int writing_target(struct target *t)
{
	static struct writers writers;

	writers = (struct writers){
		.arena = writers_arena(ARENA_ANON, PAGES),
		.pages = PAGES,
		.count = t->shared + 8,
		.value = one,
	};
	t->shared[0] = (uintptr_t)writers.arena;
	if (!writers.arena || writers_run(&writers))
		return 1;
	target_pause(t);
	return 0;
}

FIXTURE(race_policy)
{
	struct target target;
	struct session session;
	struct unloader unloader;
};

FIXTURE_SETUP(race_policy)
{
	self->unloader = (struct unloader){0};
	self->target = (struct target){0};
	self->session = (struct session){.fd = -1, .mem_fd = -1, .pagemap_fd = -1,
					 .counters_fd = -1};
	if (arms_by_soft_dirty())
		SKIP(return, "on this kernel a module cannot offer policies");
	take_precedence();
}

FIXTURE_TEARDOWN(race_policy)
{
	unloader_stop(&self->unloader);
	session_close(&self->session);
	target_kill(&self->target);
}

/* What loaders tell the swapper, in shared memory. */
struct board {
	char names[2][GLASSRAM_POLICY_NAME_LEN];
	volatile unsigned int loads[2];
};

/* Loads and unloads for ever. */
static void loader(struct board *board, unsigned int number, unsigned int seed)
{
	static const char *const specs[] = {
		POLICIES "default.bpf.o",
		POLICIES "comm.bpf.o:comm_prefix=no",
		TEST_POLICIES "policy_numbers.bpf.o:heavy=3,whose=77",
	};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpriority(PRIO_PROCESS, 0, 0);
	for (;;) {
		struct glassram_policy *policy;

		/* Refused while the module goes or the name is still taken. */
		if (glassram_policy_load(specs[rand_r(&seed) % 3], &policy)) {
			usleep(1000);
			continue;
		}
		strncpy(board->names[number], glassram_policy_name(policy),
			GLASSRAM_POLICY_NAME_LEN - 1);
		board->loads[number]++;
		/* Loading takes its time; it must be there long enough to be bound now and then. */
		usleep(rand_r(&seed) % (patience_ms(50) * 1000));
		/* In the other order the name would be gone before it is. */
		glassram_policy_unload(policy);
	}
}

/* @sessions: how often to begin a new session; between two of them rmmod has a chance. */
static void swap(struct __test_metadata *_metadata, FIXTURE_DATA(race_policy) *self,
		 unsigned int sessions)
{
	unsigned int advances = race_rounds(60), bound = 0, absent = 0, kills = 0, seed = 1;
	struct session *s = &self->session;
	unsigned int limit[2] = {0};
	pid_t loaders[2] = {0};
	struct board *board;

	board = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, board);
	ASSERT_EQ(0, target_start(&self->target, writing_target));
	for (unsigned int i = 0; i < advances || bound < advances / 10 || !kills; i++) {
		unsigned int which = rand_r(&seed) % 2;
		int err;

		/* A loader that is killed leaves its policy to the kernel to unregister. */
		if (!loaders[which] || board->loads[which] >= limit[which]) {
			limit[which] = board->loads[which] + 1 + rand_r(&seed) % 4;
			if (loaders[which]) {
				kill(loaders[which], SIGKILL);
				waitpid(loaders[which], NULL, 0);
				kills++;
			}
			loaders[which] = fork();
			ASSERT_LE(0, loaders[which]);
			if (!loaders[which]) {
				session_close(s); /* or it would keep the session */
				loader(board, which, i);
			}
		}
		if (sessions > 1 && i % (advances / sessions) == 0)
			session_close(s);
		if (s->fd < 0)
			ASSERT_EQ(0, race_open(s, self->target.pid));
		err = set_policy(s, i % 3 ? board->names[which] : "");
		ASSERT_TRUE(!err || err == -ENOENT) TH_LOG("%s", strerror(-err));
		bound += !err && i % 3 && board->names[which][0];
		absent += err == -ENOENT;
		ASSERT_EQ(0, session_advance(s, 0));
		/* Writers, loaders and kernel threads have a lower priority; let them on. */
		usleep(rand_r(&seed) % (patience_ms(5) * 1000));
	}
	for (int i = 0; i < 2; i++) {
		kill(loaders[i], SIGKILL);
		waitpid(loaders[i], NULL, 0);
	}
	ASSERT_EQ(0, session_stats(s));
	TH_LOG("%u ADVANCEs, %u loads, %u loaders killed, bound %u times, %u times it was gone; %ju hits, %ju rejected",
	       advances, board->loads[0] + board->loads[1], kills, bound, absent, (uintmax_t)s->stats.hits,
	       (uintmax_t)s->stats.rejected);
	EXPECT_EQ(0, s->stats.lost);
	EXPECT_EQ(0, s->stats.unexplained);
	EXPECT_LT(0, s->stats.hits);
	/* Nothing is bound any more once the last policy is gone. */
	for (int i = 0; i < 500; i++) {
		struct glassram_options arg = {.size = sizeof(arg)};

		ASSERT_EQ(0, ioctl(s->fd, GLASSRAM_OPTIONS, &arg));
		if (!arg.policy[0])
			break;
		EXPECT_GT(499, i) TH_LOG("%s stays bound", arg.policy);
		usleep(10000);
	}
	munmap(board, PAGE);
}

TEST_F_TIMEOUT(race_policy, swapped_under_load, 300)
{
	swap(_metadata, self, 1);
}

TEST_F_TIMEOUT(race_policy, swapped_beside_rmmod, 300)
{
	ASSERT_EQ(0, unloader_start(&self->unloader));
	swap(_metadata, self, 6);
	session_close(&self->session);
	RACE_EXPECT_UNLOADS(&self->unloader);
}

static int stepping_target(struct target *t)
{
	char *area = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (area == MAP_FAILED)
		return 1;
	memset(area, 1, 8 * PAGE);
	t->shared[0] = (uintptr_t)area;
	for (;;) {
		target_pause(t);
		for (size_t i = 0; i < 8; i++)
			((volatile char *)area)[i * PAGE]++;
	}
}

/* Hits of one thread slot, as THREADS has them; 0 if it is not listed. */
static uint64_t thread_hits(struct __test_metadata *_metadata, const struct session *s,
			    uint32_t slot)
{
	struct glassram_thread *threads;
	int n = session_threads(s, &threads, NULL);
	uint64_t hits = 0;

	ASSERT_LE(0, n);
	for (int i = 0; i < n; i++)
		if (threads[i].slot == slot)
			hits = threads[i].hits;
	free(threads);
	return hits;
}

TEST_F_TIMEOUT(race_policy, hits_of_a_thread_are_those_it_is_noted_as_owner_of, 60)
{
	struct session *s = &self->session;
	struct glassram_policy *policy;
	uint64_t mine, others;
	uint32_t writer, slot;
	char spec[128];

	/* A second thread that writes makes a second record: the test's own, by a foreign write. */
	ASSERT_EQ(0, target_start(&self->target, stepping_target));
	ASSERT_EQ(0, race_open(s, self->target.pid));
	ASSERT_EQ(0, session_advance(s, 0));
	ASSERT_EQ(8, pwrite(s->mem_fd, "whoami!", 8, (off_t)self->target.shared[0]));
	ASSERT_EQ(0, session_advance(s, 0));
	slot = session_owner(s, self->target.shared[0]);
	ASSERT_EQ(0, target_next(&self->target));
	ASSERT_EQ(0, session_advance(s, 0));
	writer = session_owner(s, self->target.shared[0]);
	ASSERT_NE(slot, writer);
	ASSERT_NE(GLASSRAM_THREAD_NONE, slot);

	snprintf(spec, sizeof(spec), TEST_POLICIES "policy_numbers.bpf.o:whose=%u", slot);
	ASSERT_EQ(GLASSRAM_OK, glassram_policy_load(spec, &policy))
		TH_LOG("%s", glassram_error_message());
	ASSERT_EQ(0, proc_freeze(self->target.pid));
	ASSERT_EQ(0, set_policy(s, glassram_policy_name(policy)));
	ASSERT_EQ(0, session_advance(s, 0));
	mine = thread_hits(_metadata, s, writer);
	others = thread_hits(_metadata, s, slot);
	kill(self->target.pid, SIGCONT);
	ASSERT_EQ(0, target_next(&self->target));
	ASSERT_EQ(0, proc_freeze(self->target.pid));
	for (int i = 0; i < 8; i++)
		EXPECT_EQ(slot, session_owner(s, self->target.shared[0] + i * PAGE));
	/* All of it, and nothing for who really wrote: eight pages and its stack. */
	EXPECT_EQ(mine, thread_hits(_metadata, s, writer));
	EXPECT_LE(others + 8, thread_hits(_metadata, s, slot));
	EXPECT_GE(others + 24, thread_hits(_metadata, s, slot));
	glassram_policy_unload(policy);
	kill(self->target.pid, SIGCONT);
}

#define CHUNK (2UL << 20)
#define CHUNKS 32

struct pair {
	volatile char *area;
	struct target *target;
	unsigned int number;
};

/* Both threads store to the same page at the same moment, and then to the next one. */
static void *store_in_step(void *argument)
{
	struct pair *p = argument;
	volatile uint64_t *mine = &p->target->shared[8 + p->number];
	volatile uint64_t *other = &p->target->shared[8 + !p->number];

	for (uint64_t n = 0;; n++) {
		*mine = n;
		while (*other < n)
			sched_yield();
		p->area[n % CHUNKS * CHUNK]++;
	}
	return NULL;
}

static int pair_target(struct target *t)
{
	char *area = mmap(NULL, (CHUNKS + 1) * CHUNK, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	static struct pair pairs[2];
	pthread_t thread;

	if (area == MAP_FAILED)
		return 1;
	area += -(uintptr_t)area & (CHUNK - 1);
	madvise(area, CHUNKS * CHUNK, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < CHUNKS; i++)
		area[i * CHUNK] = 1;
	for (unsigned int i = 0; i < 2; i++) {
		pairs[i] = (struct pair){area, t, i};
		if (pthread_create(&thread, NULL, store_in_step, &pairs[i]))
			return 2;
	}
	target_pause(t);
	return 0;
}

/*
 * Two faults on one page, both rejected; ADVANCE arms the page while the slower one is
 * still under way, and its store unarms it without passing the hook again. The self-check
 * must take that for what it is. One page in each chunk, because a rejection excuses all
 * of its chunk.
 */
TEST_F_TIMEOUT(race_policy, a_rejected_write_in_flight_is_not_unexplained, 300)
{
	const struct sched_param first = {.sched_priority = 1};
	unsigned int advances = race_rounds(600), seed = 1;
	struct session *s = &self->session;
	struct glassram_policy *policy;

	ASSERT_EQ(GLASSRAM_OK, glassram_policy_load(TEST_POLICIES "policy_numbers.bpf.o:heavy=0",
						    &policy))
		TH_LOG("%s", glassram_error_message());
	ASSERT_EQ(0, target_start(&self->target, pair_target));
	ASSERT_EQ(0, race_open(s, self->target.pid));
	ASSERT_EQ(0, set_policy(s, glassram_policy_name(policy)));
	/* Its timer interrupts a fault wherever it is. */
	ASSERT_EQ(0, sched_setscheduler(0, SCHED_FIFO, &first));
	for (unsigned int i = 0; i < advances; i++) {
		ASSERT_EQ(0, session_advance(s, 0));
		usleep(200 + rand_r(&seed) % 2000);
	}
	ASSERT_EQ(0, session_stats(s));
	TH_LOG("%u ADVANCEs, %ju rejected", advances, (uintmax_t)s->stats.rejected);
	EXPECT_LT(advances, s->stats.rejected);
	EXPECT_EQ(0, s->stats.unexplained);
	EXPECT_EQ(0, s->stats.lost);
	glassram_policy_unload(policy);
}

TEST_HARNESS_MAIN
