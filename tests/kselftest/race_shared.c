// SPDX-License-Identifier: GPL-2.0-only
/*
 * Several clients of one session, and several targets in one: they come and
 * go in any order while one of them advances, pauses and resets; targets end
 * while they are being added; one client hangs and the others must not.
 *
 * Weak spot: that the right client inherits the session is shown in clients;
 * here only that somebody does, and that nothing breaks.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "race.h"

#include "kselftest_harness.h"

#define CLIENTS 4

/* Words of target.shared. */
enum {
	OPENED = RACE_OWN, /* sessions joined or made */
	ADVANCED, /* as the owner */
	LOOKED, /* ADVANCE refused: another one owns it */
	WRONG, /* the first outcome that may not be: -errno */
};

FIXTURE(race_shared)
{
	struct target target;
	struct session session;
	struct unloader unloader;
	pid_t clients[CLIENTS];
};

FIXTURE_VARIANT(race_shared)
{
	bool unload;
};

FIXTURE_VARIANT_ADD(race_shared, alone) {};
FIXTURE_VARIANT_ADD(race_shared, beside_rmmod) {.unload = true};

FIXTURE_SETUP(race_shared)
{
	memset(self->clients, 0, sizeof(self->clients));
	self->unloader = (struct unloader){0};
	self->session = (struct session){.fd = -1, .mem_fd = -1, .pagemap_fd = -1,
					 .counters_fd = -1};
	ASSERT_EQ(0, target_start(&self->target, racing_target));
	race_go(&self->target);
	if (variant->unload)
		ASSERT_EQ(0, unloader_start(&self->unloader));
}

FIXTURE_TEARDOWN(race_shared)
{
	struct unloads seen = unloader_stop(&self->unloader);

	EXPECT_EQ(0, seen.error);
	for (int i = 0; i < CLIENTS; i++) {
		if (self->clients[i] <= 0)
			continue;
		kill(self->clients[i], SIGKILL);
		waitpid(self->clients[i], NULL, 0);
	}
	session_close(&self->session);
	target_kill(&self->target);
}

static int open_shared(struct session *ret, pid_t pid)
{
	return race_open_flags(ret, pid, GLASSRAM_ATTACH_SHARED);
}

/* One of several: opens, advances or looks, and closes, until it is killed. */
static void come_and_go(struct target *t, unsigned int seed)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		struct session s;
		int err = open_shared(&s, t->pid);

		for (int i = rand_r(&seed) % 8; i && !err; i--) {
			err = session_advance(&s, 0);
			__atomic_fetch_add(&t->shared[err ? LOOKED : ADVANCED], 1,
					   __ATOMIC_RELAXED);
			if (err == -EPERM)
				err = session_import(&s);
			if (!err)
				err = session_stats(&s);
			if (!err && (s.stats.unexplained || s.stats.lost || !s.stats.clients))
				err = -EILSEQ;
		}
		if (err && !t->shared[WRONG])
			t->shared[WRONG] = (uint64_t)-err;
		__atomic_fetch_add(&t->shared[OPENED], 1, __ATOMIC_RELAXED);
		session_close(&s);
	}
}

static void expect_sound(struct __test_metadata *_metadata, FIXTURE_DATA(race_shared) *self,
			 const FIXTURE_VARIANT(race_shared) *variant)
{
	EXPECT_EQ(0, race_unarmed(self->target.pid));
	EXPECT_TRUE(race_moves(&self->target, 10000));
	if (variant->unload)
		RACE_EXPECT_UNLOADS(&self->unloader);
	EXPECT_EQ(0, race_end(&self->target))
		TH_LOG("the target's memory is not as it left it");
}

TEST_F_TIMEOUT(race_shared, clients_come_and_go_in_any_order, 300)
{
	unsigned int rounds = race_rounds(20), kills = 0, seed = 1;
	volatile uint64_t *shared = self->target.shared;
	struct session *s = &self->session;

	for (int i = 0; i < CLIENTS; i++) {
		self->clients[i] = fork();
		ASSERT_LE(0, self->clients[i]);
		if (!self->clients[i])
			come_and_go(&self->target, i + 1);
	}
	while (shared[OPENED] < rounds) {
		unsigned int i = rand_r(&seed) % CLIENTS;

		usleep(rand_r(&seed) % 100000);
		/* One that dies in the middle of whatever it does. */
		kill(self->clients[i], SIGKILL);
		waitpid(self->clients[i], NULL, 0);
		kills++;
		self->clients[i] = fork();
		ASSERT_LE(0, self->clients[i]);
		if (!self->clients[i])
			come_and_go(&self->target, rand_r(&seed));
		ASSERT_EQ(0, shared[WRONG]) TH_LOG("%s", strerror((int)shared[WRONG]));
	}
	/* The last one left owns it, whatever came before. */
	ASSERT_EQ(0, open_shared(s, self->target.pid));
	for (int i = 0; i < CLIENTS; i++) {
		kill(self->clients[i], SIGKILL);
		waitpid(self->clients[i], NULL, 0);
		self->clients[i] = 0;
	}
	EXPECT_EQ(0, session_advance(s, 0));
	ASSERT_EQ(0, session_stats(s));
	EXPECT_EQ(1, s->stats.owner);
	EXPECT_EQ(1, s->stats.clients);
	EXPECT_EQ(0, s->stats.unexplained);
	EXPECT_EQ(0, s->stats.lost);
	session_close(s);
	TH_LOG("%ju opened, %u killed; ADVANCE: %ju by an owner, %ju refused to others",
	       (uintmax_t)shared[OPENED], kills, (uintmax_t)shared[ADVANCED],
	       (uintmax_t)shared[LOOKED]);
	EXPECT_LT(0, shared[ADVANCED]);
	EXPECT_LT(0, shared[LOOKED]);
	EXPECT_EQ(0, shared[WRONG]);
	expect_sound(_metadata, self, variant);
}

/* Threads of one client on one fd. */
struct crew {
	struct session *session;
	volatile bool stop;
	volatile unsigned int calls[3];
	volatile int error;
};

static void *pause_and_go_on(void *argument)
{
	struct crew *c = argument;

	for (unsigned int seed = 1; !c->stop; c->calls[0]++) {
		int err = session_pause(c->session, c->calls[0] % 2);

		if (err)
			c->error = err;
		usleep(rand_r(&seed) % 20000);
	}
	return NULL;
}

static void *reset(void *argument)
{
	struct crew *c = argument;

	for (unsigned int seed = 2; !c->stop; c->calls[1]++) {
		int err = session_reset(c->session);

		if (err)
			c->error = err;
		usleep(rand_r(&seed) % 20000);
	}
	return NULL;
}

static void *look(void *argument)
{
	struct crew *c = argument;

	for (; !c->stop; c->calls[2]++) {
		struct glassram_stats stats = {.size = sizeof(stats)};
		struct glassram_region *regions;
		struct glassram_thread *threads;

		if (ioctl(c->session->fd, GLASSRAM_STATS, &stats))
			c->error = -errno;
		/* Far from wrapping below zero, too. */
		if (stats.unexplained || stats.lost || stats.hits > 1ULL << 40 ||
		    stats.faults > 1ULL << 40)
			c->error = -EILSEQ;
		if (session_regions(c->session, &regions, NULL) >= 0)
			free(regions);
		if (session_threads(c->session, &threads, NULL) >= 0)
			free(threads);
	}
	return NULL;
}

TEST_F_TIMEOUT(race_shared, pause_and_reset_against_ADVANCE, 300)
{
	void *(*const duties[3])(void *) = {pause_and_go_on, reset, look};
	unsigned int rounds = race_rounds(40), paused = 0;
	struct session *s = &self->session;
	struct crew crew = {.session = s};
	pthread_t threads[3];

	ASSERT_EQ(0, open_shared(s, self->target.pid));
	for (int i = 0; i < 3; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, duties[i], &crew));
	for (unsigned int i = 0; i < rounds || crew.calls[0] < 10 || crew.calls[1] < 10; i++) {
		ASSERT_EQ(0, session_advance(s, 0));
		paused += !!(s->advanced.result & GLASSRAM_ADVANCED_PAUSED);
	}
	crew.stop = true;
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	TH_LOG("%u ADVANCEs, %u of them paused; %u pauses, %u resets, %u looks", rounds, paused,
	       crew.calls[0], crew.calls[1], crew.calls[2]);
	EXPECT_EQ(0, crew.error) TH_LOG("%s", strerror(-crew.error));

	/* And then all is exact again. */
	ASSERT_EQ(0, session_pause(s, false));
	ASSERT_EQ(0, session_advance(s, 0));
	ASSERT_EQ(0, proc_freeze(self->target.pid));
	ASSERT_EQ(0, session_advance(s, 0));
	ASSERT_EQ(0, session_reset(s));
	ASSERT_EQ(0, session_stats(s));
	EXPECT_EQ(0, s->stats.hits);
	EXPECT_EQ(0, session_total_hits(s));
	kill(self->target.pid, SIGCONT);
	EXPECT_TRUE(race_moves(&self->target, 10000));
	ASSERT_EQ(0, proc_freeze(self->target.pid));
	ASSERT_EQ(0, session_advance(s, 0));
	ASSERT_EQ(0, session_stats(s));
	EXPECT_LE(RACE_PAGES, session_area_hits(s, self->target.shared[RACE_AREA],
						RACE_PAGES * PAGE));
	EXPECT_EQ(s->stats.hits, session_total_hits(s));
	EXPECT_EQ(0, s->stats.unexplained);
	kill(self->target.pid, SIGCONT);
	session_close(s);
	expect_sound(_metadata, self, variant);
}

static void short_life(uint64_t longest_ns)
{
	uint64_t end = now_ns() + now_ns() / 100 % longest_ns;
	volatile char *area = malloc(64 * PAGE);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (now_ns() < end)
		for (size_t i = 0; i < 64; i++)
			area[i * PAGE]++;
	_exit(area[0] == area[PAGE] ? 7 : 8);
}

static void *advance_on(void *argument)
{
	struct crew *c = argument;

	for (; !c->stop; c->calls[0]++) {
		/* A work area of its own: the other thread's belongs to TARGET_ADD. */
		static char work[SESSION_WORK] __attribute__((aligned(4096)));
		struct glassram_advance arg = {
			.size = sizeof(arg), .work = (uintptr_t)work, .work_len = sizeof(work),
		};

		if (ioctl(c->session->fd, GLASSRAM_ADVANCE, &arg))
			c->error = -errno;
	}
	return NULL;
}

TEST_F_TIMEOUT(race_shared, targets_end_while_they_are_added, 300)
{
	unsigned int rounds = race_rounds(12), added = 0, gone = 0;
	uint64_t life_ns = 8000000;
	struct session *s = &self->session;
	struct crew crew = {.session = s};
	uint32_t slots;
	pthread_t thread;

	ASSERT_EQ(0, open_shared(s, self->target.pid));
	ASSERT_EQ(0, session_advance(s, 0));
	ASSERT_EQ(0, pthread_create(&thread, NULL, advance_on, &crew));
	for (unsigned int i = 0; i < rounds || !added; i++) {
		struct glassram_target_add add;
		pid_t pid = fork();
		int status, err;

		ASSERT_LE(0, pid);
		if (!pid)
			short_life(life_ns);
		err = session_add(s, pid, &add);
		ASSERT_TRUE(!err || err == -ESRCH || err == -ENOENT || err == -EBADF)
			TH_LOG("TARGET_ADD: %s", strerror(-err));
		added += !err;
		gone += !!err;
		/* Lives are as long as it takes that some get through. */
		if (err && life_ns < patience_ns(4000))
			life_ns *= 2;
		else if (!err)
			life_ns /= 2;
		/* Dropped while it lives, as it dies, or after. */
		if (i % 3 == 0) {
			ASSERT_EQ(pid, waitpid(pid, &status, 0));
			EXPECT_EQ(7, WEXITSTATUS(status));
		}
		if (!err)
			EXPECT_EQ(0, session_drop(s, add.target));
		if (i % 3) {
			ASSERT_EQ(pid, waitpid(pid, &status, 0));
			EXPECT_EQ(7, WEXITSTATUS(status));
		}
	}
	crew.stop = true;
	pthread_join(thread, NULL);
	EXPECT_EQ(0, crew.error) TH_LOG("ADVANCE: %s", strerror(-crew.error));
	TH_LOG("%u added, %u were gone, %u ADVANCEs meanwhile", added, gone, crew.calls[0]);
	ASSERT_EQ(0, session_stats(s));
	EXPECT_EQ(1, s->stats.targets);
	EXPECT_EQ(GLASSRAM_STATE_LIVE, s->stats.state);
	EXPECT_EQ(0, s->stats.unexplained);
	/* What the dropped ones had is given out again: no more than two at a time. */
	slots = s->stats.slots;
	EXPECT_GT(256 * GLASSRAM_BLOCK_SLOTS, slots) TH_LOG("%u slots", slots);
	session_close(s);
	expect_sound(_metadata, self, variant);
}

/* Another client hangs for good while it is shown the table of regions. */
static void hang(struct target *t)
{
	struct glassram_regions table = {.size = sizeof(table), .nr_regions = 4096,
					 .names_len = SESSION_WORK};
	char page[PAGE] = {0};
	struct session s;
	char *blocking;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (open_shared(&s, t->pid))
		_exit(1);
	blocking = race_blocking(2 * PAGE, page);
	if (!blocking)
		_exit(2);
	table.regions = (uintptr_t)(blocking + PAGE);
	table.names = (uintptr_t)s.work;
	t->shared[OPENED] = 1;
	_exit(ioctl(s.fd, GLASSRAM_REGIONS, &table) ? 3 : 4);
}

static void *advance_once(void *argument)
{
	struct crew *c = argument;

	c->error = session_advance(c->session, 0);
	c->calls[0]++;
	return NULL;
}

TEST_F_TIMEOUT(race_shared, a_client_that_hangs_does_not_hold_up_the_owner, 120)
{
	struct session *s = &self->session;
	struct crew crew = {.session = s};
	pthread_t thread;
	int status;

	ASSERT_EQ(0, open_shared(s, self->target.pid));
	ASSERT_EQ(0, session_advance(s, 0));
	self->clients[0] = fork();
	ASSERT_LE(0, self->clients[0]);
	if (!self->clients[0]) {
		/* The owner's fd is no part of this. */
		close(s->fd);
		hang(&self->target);
	}
	while (!self->target.shared[OPENED])
		usleep(1000);
	usleep(300000);
	ASSERT_EQ(0, waitpid(self->clients[0], &status, WNOHANG))
		TH_LOG("the client did not hang, but ended with %d", WEXITSTATUS(status));
	ASSERT_EQ(0, pthread_create(&thread, NULL, advance_once, &crew));
	for (int i = 0; i < 1000 && !crew.calls[0]; i++)
		usleep(10000);
	EXPECT_EQ(1, crew.calls[0]) TH_LOG("the owner waits for the other client");
	kill(self->clients[0], SIGKILL);
	waitpid(self->clients[0], NULL, 0);
	self->clients[0] = 0;
	pthread_join(thread, NULL);
	EXPECT_EQ(0, crew.error);
	session_close(s);
	expect_sound(_metadata, self, variant);
}

TEST_HARNESS_MAIN
