// SPDX-License-Identifier: GPL-2.0-only
/*
 * Processes at their limits: a target that is a fork bomb, a target and a
 * client that run out of memory and are killed for it in the middle of what
 * they do.
 *
 * Weak spot: the OOM killer is that of a control group, so the machine itself
 * never lacks memory.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "race.h"

#include "kselftest_harness.h"

#define BOMB_PIDS "24"
/* A client that watches this much needs more than CLIENT_MEMORY. */
#define MANY_PAGES (64UL << 20)
#define CLIENT_MEMORY "6M"
#define TARGET_MEMORY "24M"

FIXTURE(race_limits)
{
	struct target target;
	struct session session;
	struct unloader unloader;
};

FIXTURE_VARIANT(race_limits)
{
	bool unload;
};

FIXTURE_VARIANT_ADD(race_limits, alone) {};
FIXTURE_VARIANT_ADD(race_limits, beside_rmmod) {.unload = true};

FIXTURE_SETUP(race_limits)
{
	self->unloader = (struct unloader){0};
	self->session = (struct session){.fd = -1, .mem_fd = -1, .pagemap_fd = -1,
					 .counters_fd = -1};
	self->target = (struct target){0};
	if (variant->unload)
		ASSERT_EQ(0, unloader_start(&self->unloader));
}

FIXTURE_TEARDOWN(race_limits)
{
	unloader_stop(&self->unloader);
	session_close(&self->session);
	target_kill(&self->target);
	race_group_end();
}

/* Every child forks on until the limit of the group says no, and writes what it shares. */
static void explode(volatile char *page, int depth)
{
	for (int i = 0; i < 3 && depth; i++) {
		pid_t pid = fork();

		if (!pid) {
			for (int n = 0; n < 16; n++)
				page[n * PAGE]++;
			explode(page, depth - 1);
			_exit(0);
		}
	}
	while (wait(NULL) > 0)
		;
}

static int bomb(struct target *t)
{
	volatile char *page = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t blasts = 0;

	if (page == MAP_FAILED || race_group_enter())
		return 1;
	madvise((void *)page, 16 * PAGE, MADV_NOHUGEPAGE);
	t->shared[RACE_AREA] = (uintptr_t)page;
	target_pause(t);
	while (!t->shared[RACE_STOP]) {
		explode(page, 4);
		for (int i = 0; i < 16; i++)
			if (page[i * PAGE] != (char)blasts)
				return 2;
		blasts++;
		for (int i = 0; i < 16; i++)
			page[i * PAGE]++;
		t->shared[RACE_BEATS] = blasts;
	}
	target_pause(t);
	return 0;
}

TEST_F_TIMEOUT(race_limits, the_target_is_a_fork_bomb, 300)
{
	unsigned int blasts = race_rounds(2), advances = 0;
	struct session *s = &self->session;
	uint64_t refused;

	ASSERT_EQ(0, race_group_make("pids.max", BOMB_PIDS));
	ASSERT_EQ(0, target_start(&self->target, bomb));
	ASSERT_EQ(0, race_open(s, self->target.pid));
	ASSERT_EQ(0, session_advance(s, 0));
	race_go(&self->target);
	for (; self->target.shared[RACE_BEATS] < blasts; advances++)
		ASSERT_EQ(0, session_advance(s, 0));
	self->target.shared[RACE_STOP] = 1;
	ASSERT_EQ(0, target_paused(&self->target));
	refused = race_group_events("pids.events", "max");
	TH_LOG("%ju blasts, %u ADVANCEs, %ju forks refused",
	       (uintmax_t)self->target.shared[RACE_BEATS], advances, (uintmax_t)refused);
	EXPECT_LT(0, refused) TH_LOG("the bomb never met its limit: nothing was tested");
	ASSERT_EQ(0, proc_freeze(self->target.pid));
	ASSERT_EQ(0, session_advance(s, 0));
	ASSERT_EQ(0, session_stats(s));
	EXPECT_EQ(0, s->stats.unexplained);
	EXPECT_EQ(0, s->stats.lost);
	EXPECT_EQ(s->stats.hits, session_total_hits(s));
	for (int i = 0; i < 16; i++)
		EXPECT_LE(1, session_hits(s, self->target.shared[RACE_AREA] + i * PAGE));
	kill(self->target.pid, SIGCONT);
	EXPECT_EQ(0, target_finish(&self->target));
	if (variant->unload)
		RACE_EXPECT_UNLOADS(&self->unloader);
}

static int glutton(struct target *t)
{
	if (race_group_enter())
		return 1;
	target_pause(t);
	for (;;) {
		char *more = mmap(NULL, 1UL << 20, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (more == MAP_FAILED)
			return 2;
		memset(more, 1, 1UL << 20);
		t->shared[RACE_BEATS]++;
	}
}

TEST_F_TIMEOUT(race_limits, the_target_is_killed_for_its_memory, 300)
{
	unsigned int rounds = race_rounds(2), advances = 0;
	struct session *s = &self->session;

	for (unsigned int i = 0; i < rounds; i++) {
		struct pollfd ready = {.events = POLLIN};
		int status, err;

		ASSERT_EQ(0, race_group_make("memory.max", TARGET_MEMORY));
		race_write_file("/sys/fs/cgroup/race/memory.swap.max", "0");
		ASSERT_EQ(0, target_start(&self->target, glutton));
		ASSERT_EQ(0, race_open(s, self->target.pid));
		ASSERT_EQ(0, session_advance(s, 0));
		race_go(&self->target);
		while (!(err = session_advance(s, 0)))
			advances++;
		EXPECT_EQ(-ESRCH, err);
		ready.fd = s->fd;
		EXPECT_EQ(1, poll(&ready, 1, 0));
		EXPECT_TRUE(ready.revents & POLLHUP);
		ASSERT_EQ(self->target.pid, waitpid(self->target.pid, &status, 0));
		EXPECT_EQ(SIGKILL, WTERMSIG(status)) TH_LOG("status %x", status);
		EXPECT_LT(0, race_group_events("memory.events", "oom_kill"));
		ASSERT_EQ(0, session_stats(s));
		EXPECT_EQ(GLASSRAM_STATE_ENDED, s->stats.state);
		EXPECT_EQ(0, s->stats.unexplained);
		/* What it wrote until then is there to read. */
		EXPECT_LT(0, session_total_hits(s));
		session_close(s);
		target_kill(&self->target);
	}
	TH_LOG("%u targets killed, %u ADVANCEs", rounds, advances);
	if (variant->unload)
		RACE_EXPECT_UNLOADS(&self->unloader);
}

/* Sparse: each page is a block of slots of its own, which the client pays for. */
static int sparse_target(struct target *t)
{
	const size_t block = GLASSRAM_BLOCK_SLOTS * PAGE;
	const size_t pages = MANY_PAGES / (16 * 1024);
	volatile char *area = mmap(NULL, pages * block, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (area == MAP_FAILED)
		return 1;
	madvise((void *)area, pages * block, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < pages; i++)
		area[i * block] = 1;
	target_pause(t);
	for (uint64_t n = 1; !t->shared[RACE_STOP]; n++) {
		for (size_t i = 0; i < pages; i++)
			if (area[i * block]++ != (char)n)
				return 2;
		t->shared[RACE_BEATS] = n;
	}
	return 0;
}

TEST_F_TIMEOUT(race_limits, the_client_is_killed_for_its_memory, 300)
{
	unsigned int rounds = race_rounds(3), killed = 0, refused = 0;

	ASSERT_EQ(0, race_group_make("memory.max", CLIENT_MEMORY));
	race_write_file("/sys/fs/cgroup/race/memory.swap.max", "0");
	ASSERT_EQ(0, target_start(&self->target, sparse_target));
	race_go(&self->target);
	for (unsigned int i = 0; i < rounds; i++) {
		pid_t client = fork();
		int status;

		ASSERT_LE(0, client);
		if (!client) {
			int err = race_group_enter() ?: race_open(&self->session, self->target.pid);

			while (!err)
				err = session_advance(&self->session, 0);
			/* Refused, not killed, is right as well. */
			_exit(err == -ENOMEM ? 0 : 1);
		}
		ASSERT_EQ(client, waitpid(client, &status, 0));
		EXPECT_TRUE(!status || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL))
			TH_LOG("status %x", status);
		killed += WIFSIGNALED(status);
		refused += !status;
		EXPECT_EQ(0, race_unarmed(self->target.pid));
		EXPECT_TRUE(race_moves(&self->target, 10000));
	}
	TH_LOG("%u clients killed, %u refused", killed, refused);
	EXPECT_LT(0, race_group_events("memory.events", "oom"));
	/* With memory enough, the same target is watched to the last page. */
	ASSERT_EQ(0, race_open(&self->session, self->target.pid));
	EXPECT_EQ(0, session_advance(&self->session, 0));
	EXPECT_EQ(0, session_advance(&self->session, 0));
	ASSERT_EQ(0, session_stats(&self->session));
	EXPECT_EQ(0, self->session.stats.unexplained);
	session_close(&self->session);
	EXPECT_EQ(0, race_end(&self->target));
	if (variant->unload)
		RACE_EXPECT_UNLOADS(&self->unloader);
}

TEST_HARNESS_MAIN
