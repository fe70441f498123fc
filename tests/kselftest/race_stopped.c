// SPDX-License-Identifier: GPL-2.0-only
/*
 * A client that does not come back: stopped by a signal, or hung for good in
 * its own memory in the middle of ADVANCE. The target must run on at its
 * speed, may map and unmap, and may exit; the module's memory stays bounded;
 * and a client that goes on finds all as it left it.
 *
 * RACE_ROUNDS=12 stops the client for 60 s.
 *
 * Weak spot: speeds scatter by a factor of ten under emulation beside other
 * load, so "at its speed" means: without a fault. They are printed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "race.h"

#include "kselftest_harness.h"

#define STOP_SECONDS 5

/* What the client tells: words of target.shared. */
enum {
	CLIENT_CALLS = RACE_OWN, /* ADVANCEs done */
	CLIENT_MEMORY, /* STATS, memory */
	CLIENT_SLOTS, /* STATS, slots */
	CLIENT_LOST,
	CLIENT_UNEXPLAINED,
};

FIXTURE(race_stopped)
{
	struct target target;
	struct unloader unloader;
	pid_t client;
};

FIXTURE_VARIANT(race_stopped)
{
	bool unload;
};

FIXTURE_VARIANT_ADD(race_stopped, alone) {};
FIXTURE_VARIANT_ADD(race_stopped, beside_rmmod) {.unload = true};

FIXTURE_SETUP(race_stopped)
{
	self->client = 0;
	self->unloader = (struct unloader){0};
	self->target = (struct target){0};
}

FIXTURE_TEARDOWN(race_stopped)
{
	unloader_stop(&self->unloader);
	if (self->client > 0) {
		kill(self->client, SIGKILL);
		waitpid(self->client, NULL, 0);
	}
	target_kill(&self->target);
}

static void client(struct target *t)
{
	struct session s;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (race_open(&s, t->pid))
		_exit(1);
	for (;;) {
		if (session_advance(&s, 0) || session_stats(&s))
			_exit(2);
		t->shared[CLIENT_MEMORY] = s.stats.memory;
		t->shared[CLIENT_SLOTS] = s.stats.slots;
		t->shared[CLIENT_LOST] = s.stats.lost;
		t->shared[CLIENT_UNEXPLAINED] = s.stats.unexplained;
		t->shared[CLIENT_CALLS]++;
		usleep(10000);
	}
}

static void wait_for_calls(const struct target *t, uint64_t more)
{
	uint64_t goal = t->shared[CLIENT_CALLS] + more, end = now_ns() + patience_ns(60000);

	while (t->shared[CLIENT_CALLS] < goal && now_ns() < end)
		usleep(1000);
}

/* Passes of the target in so many ms. */
static uint64_t speed(const struct target *t, unsigned int ms)
{
	uint64_t before = t->shared[RACE_BEATS];

	usleep(ms * 1000);
	return t->shared[RACE_BEATS] - before;
}

/* Faults of the target so far that needed no I/O, as those of armed pages; -1 on failure. */
static long faults(pid_t pid)
{
	char path[64], text[512], *end;
	long value = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return -1;
	text[fread(text, 1, sizeof(text) - 1, file)] = 0;
	fclose(file);
	/* The name may hold anything; what follows its last bracket is fixed. */
	end = strrchr(text, ')');
	if (end && sscanf(end + 1, " %*c %*d %*d %*d %*d %*d %*u %ld", &value) != 1)
		value = -1;
	return value;
}

TEST_F_TIMEOUT(race_stopped, the_client_is_stopped, 900)
{
	unsigned int ms = race_rounds(STOP_SECONDS) * 1000;
	volatile uint64_t *shared;
	uint64_t free_speed, stopped_speed, calls, memory;
	long slab, before;
	int status;

	ASSERT_EQ(0, target_start(&self->target, racing_target));
	if (variant->unload)
		ASSERT_EQ(0, unloader_start(&self->unloader));
	shared = self->target.shared;
	race_go(&self->target);
	usleep(500000);
	free_speed = speed(&self->target, 2000);
	self->client = fork();
	ASSERT_LE(0, self->client);
	if (!self->client)
		client(&self->target);
	before = faults(self->target.pid);
	wait_for_calls(&self->target, 10);
	ASSERT_EQ(0, proc_freeze(self->client));
	/* Each of those ADVANCEs made it fault again. */
	EXPECT_LT(before + (long)RACE_PAGES, faults(self->target.pid));
	calls = shared[CLIENT_CALLS];
	memory = shared[CLIENT_MEMORY];
	/* The pages that the last ADVANCE armed fault once more; then it is as if alone. */
	usleep(200000);
	ASSERT_TRUE(race_moves(&self->target, 10000));
	slab = race_meminfo_kb("Slab");
	before = faults(self->target.pid);
	ASSERT_LT(0, before);
	stopped_speed = speed(&self->target, ms);
	EXPECT_EQ(calls, shared[CLIENT_CALLS]);
	TH_LOG("stopped for %u ms; passes of the target in 2 s: %ju alone, %ju meanwhile; %ld faults; slab %+ld kB",
	       ms, (uintmax_t)free_speed, (uintmax_t)(stopped_speed * 2000 / ms),
	       faults(self->target.pid) - before, race_meminfo_kb("Slab") - slab);
	EXPECT_LT(0, stopped_speed);
	EXPECT_GT(16, faults(self->target.pid) - before);
	EXPECT_GT(8192, race_meminfo_kb("Slab") - slab);
	ASSERT_EQ(0, kill(self->client, SIGCONT));
	wait_for_calls(&self->target, 10);
	EXPECT_LE(calls + 10, shared[CLIENT_CALLS]);
	EXPECT_EQ(memory, shared[CLIENT_MEMORY]);
	EXPECT_EQ(0, shared[CLIENT_LOST]);
	EXPECT_EQ(0, shared[CLIENT_UNEXPLAINED]);
	EXPECT_EQ(0, waitpid(self->client, &status, WNOHANG));
	kill(self->client, SIGKILL);
	waitpid(self->client, NULL, 0);
	self->client = 0;
	EXPECT_EQ(0, race_unarmed(self->target.pid));
	if (variant->unload)
		RACE_EXPECT_UNLOADS(&self->unloader);
	EXPECT_EQ(0, race_end(&self->target));
}

/* Maps, writes, checks and unmaps, so that it would feel a lock that a client holds. */
static int mapping_target(struct target *t)
{
	target_pause(t);
	while (!t->shared[RACE_STOP]) {
		volatile char *area = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE,
					   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (area == MAP_FAILED)
			return 1;
		for (size_t i = 0; i < 64; i++)
			area[i * PAGE] = (char)(i + 1);
		for (size_t i = 0; i < 64; i++)
			if (area[i * PAGE] != (char)(i + 1))
				return 2;
		if (mprotect((void *)area, PAGE, PROT_READ) || munmap((void *)area, 64 * PAGE))
			return 3;
		t->shared[RACE_BEATS]++;
	}
	return 0;
}

/* Where the client hangs. */
enum hang { HANG_ARGUMENTS, HANG_RANGES, HANG_RESULT, HANG_TABLE };

static void hanging_client(struct target *t, enum hang where)
{
	struct glassram_regions table = {.size = sizeof(table), .nr_regions = 4096,
					 .names_len = SESSION_WORK};
	char page[PAGE] = {0};
	struct glassram_advance *arg = (void *)page;
	struct session s;
	char *blocking;
	int err;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (race_open(&s, t->pid) || session_advance(&s, 0))
		_exit(1);
	*arg = (struct glassram_advance){
		.size = sizeof(*arg), .work = (uintptr_t)s.work, .work_len = GLASSRAM_WORK_MIN,
	};
	blocking = race_blocking(PAGE + GLASSRAM_WORK_MIN, page);
	if (!blocking)
		_exit(2);
	switch (where) {
	case HANG_ARGUMENTS:
		arg->work = (uintptr_t)(blocking + PAGE);
		break;
	case HANG_RANGES: /* the arguments have memory, the ranges have not */
		arg->work = (uintptr_t)(blocking + PAGE);
		if (mmap(blocking + PAGE, PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
			_exit(3);
		break;
	case HANG_RESULT: /* to be read, not to be written */
		arg = (void *)blocking;
		break;
	case HANG_TABLE:
		table.regions = (uintptr_t)(blocking + PAGE);
		table.names = (uintptr_t)s.work;
		break;
	}
	t->shared[CLIENT_CALLS]++;
	err = where == HANG_TABLE ? ioctl(s.fd, GLASSRAM_REGIONS, &table) :
				    ioctl(s.fd, GLASSRAM_ADVANCE, arg);
	_exit(err ? 4 : 5);
}

FIXTURE(race_hung)
{
	struct target target;
	struct unloader unloader;
	pid_t client;
};

FIXTURE_VARIANT(race_hung)
{
	enum hang where;
};

FIXTURE_VARIANT_ADD(race_hung, in_the_arguments) {.where = HANG_ARGUMENTS};
FIXTURE_VARIANT_ADD(race_hung, in_the_ranges) {.where = HANG_RANGES};
FIXTURE_VARIANT_ADD(race_hung, in_the_callers_structure) {.where = HANG_RESULT};
FIXTURE_VARIANT_ADD(race_hung, in_a_table) {.where = HANG_TABLE};

FIXTURE_SETUP(race_hung)
{
	self->client = 0;
	self->unloader = (struct unloader){0};
	self->target = (struct target){0};
}

FIXTURE_TEARDOWN(race_hung)
{
	unloader_stop(&self->unloader);
	if (self->client > 0) {
		kill(self->client, SIGKILL);
		waitpid(self->client, NULL, 0);
	}
	target_kill(&self->target);
}

TEST_F_TIMEOUT(race_hung, the_client_hangs, 300)
{
	int status;

	ASSERT_EQ(0, target_start(&self->target, mapping_target));
	race_go(&self->target);
	self->client = fork();
	ASSERT_LE(0, self->client);
	if (!self->client)
		hanging_client(&self->target, variant->where);
	wait_for_calls(&self->target, 1);
	ASSERT_EQ(1, self->target.shared[CLIENT_CALLS]);
	usleep(300000);
	ASSERT_EQ(0, waitpid(self->client, &status, WNOHANG))
		TH_LOG("the client did not hang, but ended with %d", WEXITSTATUS(status));
	ASSERT_EQ(0, unloader_start(&self->unloader));
	/* It maps and unmaps although the client hangs in the module. */
	EXPECT_TRUE(race_moves(&self->target, 10000));
	EXPECT_EQ(0, race_end(&self->target));
	EXPECT_EQ(0, waitpid(self->client, &status, WNOHANG));
	kill(self->client, SIGKILL);
	ASSERT_EQ(self->client, waitpid(self->client, &status, 0));
	self->client = 0;
	EXPECT_EQ(SIGKILL, WTERMSIG(status));
	RACE_EXPECT_UNLOADS(&self->unloader);
	/* Nothing of it is left. */
	EXPECT_EQ(0, module_unload_within(20000));
	EXPECT_EQ(0, module_load());
}

TEST_HARNESS_MAIN
