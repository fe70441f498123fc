// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPUs that go and come back while faults run on them: the totals are kept
 * for each CPU, and none may be lost with it.
 *
 * Weak spot: two CPUs, of which one goes; the boot CPU cannot.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "race.h"
#include "writers.h"

#include "kselftest_harness.h"

#define PAGES 1024UL
#define ONLINE "/sys/devices/system/cpu/cpu1/online"

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
	if (!writers.arena || writers_run(&writers))
		return 1;
	target_pause(t);
	return 0;
}

FIXTURE(race_cpu)
{
	struct target target;
	struct session session;
	struct unloader unloader;
};

FIXTURE_VARIANT(race_cpu)
{
	bool unload;
};

FIXTURE_VARIANT_ADD(race_cpu, alone) {};
FIXTURE_VARIANT_ADD(race_cpu, beside_rmmod) {.unload = true};

FIXTURE_SETUP(race_cpu)
{
	self->unloader = (struct unloader){0};
	self->session = (struct session){.fd = -1, .mem_fd = -1, .pagemap_fd = -1,
					 .counters_fd = -1};
	ASSERT_EQ(0, target_start(&self->target, writing_target));
	if (variant->unload)
		ASSERT_EQ(0, unloader_start(&self->unloader));
}

FIXTURE_TEARDOWN(race_cpu)
{
	race_write_file(ONLINE, "1");
	unloader_stop(&self->unloader);
	session_close(&self->session);
	target_kill(&self->target);
}

TEST_F_TIMEOUT(race_cpu, goes_and_comes_back, 600)
{
	unsigned int rounds = race_rounds(3);
	struct session *s = &self->session;
	uint64_t hits = 0;
	int err;

	if (access(ONLINE, W_OK))
		SKIP(return, "this machine has no second CPU that can be switched off");
	for (unsigned int i = 0; i < rounds; i++) {
		/* A new session each time: one begins with a CPU less, the next with all. */
		ASSERT_EQ(0, race_open(s, self->target.pid));
		for (int n = 0; n < 4; n++) {
			ASSERT_EQ(0, session_advance(s, 0));
			err = race_write_file(ONLINE, (n + i) % 2 ? "1" : "0");
			/* It is in that state already. */
			EXPECT_TRUE(!err || err == -EINVAL) TH_LOG("%s", strerror(-err));
			usleep(20000);
		}
		ASSERT_EQ(0, proc_freeze(self->target.pid));
		ASSERT_EQ(0, session_advance(s, 0));
		ASSERT_EQ(0, session_stats(s));
		EXPECT_EQ(s->stats.hits, session_total_hits(s));
		EXPECT_EQ(0, s->stats.unexplained);
		EXPECT_EQ(0, s->stats.lost);
		EXPECT_LT(PAGES, s->stats.hits);
		hits += s->stats.hits;
		kill(self->target.pid, SIGCONT);
		session_close(s);
	}
	EXPECT_EQ(0, race_unarmed(self->target.pid));
	TH_LOG("%u rounds, %ju hits", rounds, (uintmax_t)hits);
	if (variant->unload)
		RACE_EXPECT_UNLOADS(&self->unloader);
}

TEST_HARNESS_MAIN
