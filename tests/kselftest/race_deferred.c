// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two threads that touch the same fresh page at the same moment, again and again
 * where no page has a slot yet, while pages are armed: both hits wait in the ring,
 * and the slower store may come after ADVANCE has armed what the other populated.
 *
 * Weak spot: chance, as in all races; each page can be tried once in a session.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "race.h"

#include "kselftest_harness.h"

/* One page of each: so each touch is the first of a block. */
#define STRETCH (GLASSRAM_BLOCK_SLOTS * PAGE)
#define STRETCHES 1024UL

enum { STEPS = RACE_OWN, DONE = STEPS + 2 }; /* words shared with the target */

struct toucher {
	pthread_t thread;
	volatile char *area;
	struct target *target;
	unsigned int number;
};

static void *touch_in_step(void *argument)
{
	struct toucher *me = argument;
	volatile uint64_t *steps = &me->target->shared[STEPS];

	for (uint64_t n = 0; n < STRETCHES; n++) {
		steps[me->number] = n + 1;
		while (steps[!me->number] <= n)
			sched_yield();
		me->area[n * STRETCH] = 1;
	}
	return NULL;
}

static int touching_target(struct target *t)
{
	char *area = mmap(NULL, STRETCHES * STRETCH, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	struct toucher touchers[2];

	if (area == MAP_FAILED)
		return 1;
	madvise(area, STRETCHES * STRETCH, MADV_NOHUGEPAGE);
	target_pause(t);
	for (unsigned int i = 0; i < 2; i++) {
		touchers[i] = (struct toucher){.area = area, .target = t, .number = i};
		if (pthread_create(&touchers[i].thread, NULL, touch_in_step, &touchers[i]))
			return 2;
	}
	for (unsigned int i = 0; i < 2; i++)
		pthread_join(touchers[i].thread, NULL);
	t->shared[DONE] = 1;
	target_pause(t);
	return 0;
}

FIXTURE(race_deferred)
{
	struct target target;
	struct session session;
};

FIXTURE_SETUP(race_deferred)
{
	self->target = (struct target){0};
	self->session = (struct session){.fd = -1, .mem_fd = -1, .pagemap_fd = -1,
					 .counters_fd = -1};
}

FIXTURE_TEARDOWN(race_deferred)
{
	session_close(&self->session);
	target_kill(&self->target);
}

/* An armed page was found written, and nobody had noted the second of two first touches. */
TEST_F_TIMEOUT(race_deferred, a_deferred_hit_in_flight_is_not_unexplained, 600)
{
	const struct sched_param first = {.sched_priority = 1};
	unsigned int rounds = race_rounds(4), advances = 0, seed = 1;
	struct session *s = &self->session;
	uint64_t hits = 0, deferred = 0, late = 0;

	for (unsigned int i = 0; i < rounds; i++) {
		ASSERT_EQ(0, target_start(&self->target, touching_target));
		ASSERT_EQ(0, race_open(s, self->target.pid));
		ASSERT_EQ(0, session_advance(s, 0));
		/* Its timer interrupts a fault wherever it is. */
		ASSERT_EQ(0, sched_setscheduler(0, SCHED_FIFO, &first));
		race_go(&self->target);
		while (!self->target.shared[DONE]) {
			ASSERT_EQ(0, session_advance(s, 0));
			advances++;
			usleep(200 + rand_r(&seed) % 2000);
		}
		for (int n = 0; n < 3; n++)
			ASSERT_EQ(0, session_advance(s, 0));
		ASSERT_EQ(0, session_stats(s));
		EXPECT_EQ(0, s->stats.unexplained);
		EXPECT_EQ(0, s->stats.lost);
		EXPECT_EQ(s->stats.hits, session_total_hits(s));
		EXPECT_LE(STRETCHES, s->stats.deferred);
		hits += s->stats.hits;
		deferred += s->stats.deferred;
		late += s->stats.unexplained;
		session_close(s);
		target_kill(&self->target);
		ASSERT_EQ(0, sched_setscheduler(0, SCHED_OTHER, &(struct sched_param){0}));
	}
	TH_LOG("%u rounds, %u ADVANCEs, %ju hits, %ju deferred, %ju unexplained", rounds, advances,
	       (uintmax_t)hits, (uintmax_t)deferred, (uintmax_t)late);
}

TEST_HARNESS_MAIN
