// SPDX-License-Identifier: GPL-2.0-only
/*
 * A client whose other thread does something to the argument memory all the
 * time: the ioctl structure, the module's own arguments in the work area, the
 * ranges that come back. It rewrites, unmaps, protects, drops; or another
 * session uses the same memory. What may come of it is a refusal or the end of
 * that session, never a target that waits or is harmed.
 *
 * A million ADVANCEs in all: RACE_ROUNDS=400.
 *
 * Weak spot: chance again; a call that meets no cheating at all counts too,
 * so the figures tell how many were refused.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "race.h"

#include "kselftest_harness.h"

/* Of each kind; there are five. */
#define ADVANCES 500U

/* Go on as long as this if the cheating has had no effect yet. */
#define PATIENCE_MS 10000

/* One page with the ioctl's structure, and the work area after it. */
#define SPOILED (PAGE + GLASSRAM_WORK_MIN)
/* What the module puts at the start of the work area is at most so long. */
#define ARGUMENT_WORDS 12U

struct cheat {
	char *memory; /* SPOILED bytes */
	uint64_t target_address;
	void (*once)(struct cheat *c, unsigned int choice);
	volatile bool stop;
};

static volatile uint64_t *word(struct cheat *c, size_t offset, unsigned int n)
{
	return (volatile uint64_t *)(c->memory + offset) + n;
}

static void rewrite(struct cheat *c, unsigned int choice)
{
	const uint64_t values[] = {
		0, ~0ULL, c->target_address, 1, 0x7fffffffffffULL, 3, PAGE, choice,
	};
	uint64_t value = values[choice / 16 % ARRAY_SIZE(values)];

	switch (choice % 4) {
	case 0: /* the caller's structure: what comes back is copied over it, too */
		*word(c, 0, choice / 128 % (sizeof(struct glassram_advance) / 8)) = value;
		break;
	case 1: /* the ranges, as they come back */
		*word(c, PAGE + GLASSRAM_WORK_RANGES, choice / 128 % 64) = value;
		break;
	default:
		*word(c, PAGE, choice / 128 % ARGUMENT_WORDS) = value;
	}
}

/* Our flags and PM_SCAN_CHECK_WPASYNC: refused with EPERM where a mapping is not watched. */
static void ask_more(struct cheat *c, unsigned int choice)
{
	(void)choice;
	*word(c, PAGE, 1) = PM_SCAN_WP_MATCHING | PM_SCAN_CHECK_WPASYNC;
}

/* One of the three parts of the memory: structure, arguments, ranges. */
static char *part(struct cheat *c, unsigned int choice)
{
	return c->memory + choice % 3 * PAGE;
}

static void unmap(struct cheat *c, unsigned int choice)
{
	munmap(part(c, choice), PAGE);
	if (choice & 64)
		sched_yield();
	if (mmap(part(c, choice), PAGE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		abort();
}

static void protect(struct cheat *c, unsigned int choice)
{
	mprotect(part(c, choice), PAGE, choice & 128 ? PROT_READ : PROT_NONE);
	if (choice & 64)
		sched_yield();
	mprotect(part(c, choice), PAGE, PROT_READ | PROT_WRITE);
}

static void drop(struct cheat *c, unsigned int choice)
{
	madvise(part(c, choice), PAGE, choice & 64 ? MADV_DONTNEED : MADV_COLD);
}

static void *cheat(void *argument)
{
	struct cheat *c = argument;
	unsigned int seed = 1;

	while (!c->stop) {
		for (int burst = rand_r(&seed) % 8; burst >= 0; burst--)
			c->once(c, rand_r(&seed));
		/* Or hardly any call would get far. */
		usleep(rand_r(&seed) % 2000);
	}
	return NULL;
}

FIXTURE(race_arguments)
{
	struct target target, other;
	struct session session;
	struct cheat cheat;
	pthread_t thread;
	struct unloader unloader;
};

static __thread sigjmp_buf spoiled;

static void on_fault(int signal)
{
	(void)signal;
	siglongjmp(spoiled, 1);
}

/* A target that leaves the CPUs to the calls. */
static int start(struct target *t)
{
	int err = target_start(t, racing_target);

	if (err)
		return err;
	t->shared[RACE_REST] = 5000;
	race_go(t);
	return 0;
}

FIXTURE_SETUP(race_arguments)
{
	const struct sigaction action = {.sa_handler = on_fault, .sa_flags = SA_NODEFER};

	self->unloader = (struct unloader){0};
	/* Both before any session: a fork would keep its fd. */
	ASSERT_EQ(0, start(&self->target));
	ASSERT_EQ(0, start(&self->other));
	ASSERT_EQ(0, session_open(&self->session, self->target.pid));
	ASSERT_EQ(0, sigaction(SIGSEGV, &action, NULL));
	self->cheat = (struct cheat){
		.memory = mmap(NULL, SPOILED, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
		.target_address = self->target.shared[RACE_AREA],
	};
	ASSERT_NE(MAP_FAILED, self->cheat.memory);
	take_precedence();
}

FIXTURE_TEARDOWN(race_arguments)
{
	unloader_stop(&self->unloader);
	session_close(&self->session);
	target_kill(&self->target);
	target_kill(&self->other);
}

struct outcomes {
	unsigned int calls; /* to a session that was alive */
	unsigned int good;
	unsigned int refused; /* -EFAULT, -EINVAL, -E2BIG: the session lives */
	unsigned int ended; /* -EXDEV: it does not */
};

/* Fill the structure, over and over while the cheating makes that impossible. */
static void fill(struct cheat *c, const struct glassram_advance *arg)
{
	while (sigsetjmp(spoiled, 0))
		sched_yield();
	memcpy(c->memory, arg, sizeof(*arg));
}

/* Return: 0, or an outcome that no cheating may lead to. */
static int advance_spoiled(struct session *s, struct cheat *c, struct outcomes *count)
{
	const struct glassram_advance arg = {
		.size = sizeof(arg),
		.flags = count->calls % 16 ? 0 : GLASSRAM_ADVANCE_RESCAN,
		.work = (uintptr_t)(c->memory + PAGE),
		.work_len = GLASSRAM_WORK_MIN,
	};
	int err;

	fill(c, &arg);
	err = ioctl(s->fd, GLASSRAM_ADVANCE, c->memory) ? -errno : 0;
	count->calls++;
	switch (err) {
	case 0:
		count->good++;
		return 0;
	case -EFAULT:
	case -EINVAL:
	case -E2BIG:
	case -EBUSY:
		count->refused++;
		/* The state is looked at by who comes next. */
		return s->control->state == GLASSRAM_STATE_LIVE ? 0 : -EILSEQ;
	case -EXDEV:
		count->ended++;
		return s->control->state == GLASSRAM_STATE_FAILED ? 0 : -EILSEQ;
	default:
		return err;
	}
}

static void race(struct __test_metadata *_metadata, FIXTURE_DATA(race_arguments) *self)
{
	unsigned int advances = race_rounds(ADVANCES);
	struct session *s = &self->session;
	struct cheat *c = &self->cheat;
	struct outcomes count = {0};
	uint64_t start = now_ns(), end = start + patience_ns(PATIENCE_MS);

	if (c->once)
		ASSERT_EQ(0, pthread_create(&self->thread, NULL, cheat, c));
	while (count.calls < advances || (!count.refused && !count.ended && now_ns() < end)) {
		int err = advance_spoiled(s, c, &count);

		ASSERT_EQ(0, err) TH_LOG("%s, state %u", strerror(-err), s->control->state);
		if (s->control->state != GLASSRAM_STATE_FAILED)
			continue;
		/* Failed closed: looked at every time at first, then now and then. */
		if (count.ended < 20 || count.ended % 64 == 0)
			EXPECT_EQ(0, proc_uffd_mappings(self->target.pid));
		session_close(s);
		ASSERT_EQ(0, race_open(s, self->target.pid));
	}
	if (c->once) {
		c->stop = true;
		pthread_join(self->thread, NULL);
	}
	TH_LOG("%u ADVANCEs in %ju ms: %u good, %u refused, %u ended the session",
	       count.calls, (uintmax_t)(now_ns() - start) / 1000000, count.good, count.refused,
	       count.ended);
	EXPECT_LT(0, count.good);
	TH_LOG("the target's longest pass: %ju ms",
	       (uintmax_t)self->target.shared[RACE_STALL] / 1000000);
	EXPECT_GT(patience_ns(10000), self->target.shared[RACE_STALL]);
	EXPECT_TRUE(race_moves(&self->target, 10000));
	session_close(s);
	EXPECT_EQ(0, race_unarmed(self->target.pid));
	/* An honest session after all that. */
	ASSERT_EQ(0, race_open(s, self->target.pid));
	for (int i = 0; i < 5; i++)
		EXPECT_EQ(0, session_advance(s, 0));
	ASSERT_EQ(0, session_stats(s));
	EXPECT_EQ(0, s->stats.unexplained);
	session_close(s);
	EXPECT_EQ(0, race_end(&self->target));
}

TEST_F_TIMEOUT(race_arguments, rewritten, 3600)
{
	self->cheat.once = rewrite;
	race(_metadata, self);
}

/* The session is gone now and then, and the module may go. */
TEST_F_TIMEOUT(race_arguments, rewritten_beside_rmmod, 3600)
{
	session_close(&self->session);
	ASSERT_EQ(0, unloader_start(&self->unloader));
	ASSERT_EQ(0, race_open(&self->session, self->target.pid));
	self->cheat.once = rewrite;
	race(_metadata, self);
	RACE_EXPECT_UNLOADS(&self->unloader);
}

/* The EPERM came back to the caller, who owns the session, and the session went on. */
TEST_F_TIMEOUT(race_arguments, a_scan_that_the_kernel_refuses_ends_the_session, 3600)
{
	self->cheat.once = ask_more;
	race(_metadata, self);
}

TEST_F_TIMEOUT(race_arguments, unmapped, 3600)
{
	self->cheat.once = unmap;
	race(_metadata, self);
}

TEST_F_TIMEOUT(race_arguments, protected, 3600)
{
	self->cheat.once = protect;
	race(_metadata, self);
}

TEST_F_TIMEOUT(race_arguments, dropped, 3600)
{
	self->cheat.once = drop;
	race(_metadata, self);
}

/* Another session on another target, with the very same memory. */
static void *advance_beside(void *argument)
{
	FIXTURE_DATA(race_arguments) *self = argument;
	struct outcomes count = {0};
	struct session s;

	if (race_open(&s, self->other.pid))
		abort();
	while (!self->cheat.stop) {
		advance_spoiled(&s, &self->cheat, &count);
		if (s.control->state == GLASSRAM_STATE_LIVE)
			continue;
		session_close(&s);
		if (race_open(&s, self->other.pid))
			abort();
	}
	session_close(&s);
	return NULL;
}

TEST_F_TIMEOUT(race_arguments, shared_with_another_session, 3600)
{
	ASSERT_EQ(0, pthread_create(&self->thread, NULL, advance_beside, self));
	race(_metadata, self);
	self->cheat.stop = true;
	pthread_join(self->thread, NULL);
	EXPECT_EQ(0, race_unarmed(self->other.pid));
	EXPECT_EQ(0, race_end(&self->other));
}

TEST_HARNESS_MAIN
