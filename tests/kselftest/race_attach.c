// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attaching to a target that does not stay what it is: it calls exec over and
 * over, from its first thread or another, or it exits in that very moment.
 *
 * Attach and every later call may find the old address space, the new one or
 * none: each has its errno, and nothing else may come.
 *
 * Weak spot: which step of exec or exit the attach meets is chance.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "race.h"

#include "kselftest_harness.h"

#define EXEC_LOOP "RACE_EXEC_LOOP"
/* An fd that execs keep: *life_ns. */
#define LIFE_FD 100

static void *exec_again(void *how)
{
	execl("/proc/self/exe", "race_attach", NULL);
	_exit(how ? 1 : 2);
}

/* The target of the exec tests is this program, started with EXEC_LOOP set. */
__attribute__((constructor)) static void exec_loop(void)
{
	const char *how = getenv(EXEC_LOOP);
	volatile uint64_t *life_ns;
	volatile char page[PAGE];
	pthread_t thread;

	if (!how)
		return;
	life_ns = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, LIFE_FD, 0);
	/* Execs keep it; only the fork that made us lost it. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (uint64_t end = now_ns() + now_ns() / 100 % *life_ns; now_ns() < end;)
		for (size_t i = 0; i < sizeof(page); i += 64)
			page[i]++;
	if (!strcmp(how, "thread") && !pthread_create(&thread, NULL, exec_again, NULL))
		pause();
	exec_again(NULL);
}

FIXTURE(race_attach)
{
	struct unloader unloader;
	/*
	 * The target goes on to its next exec, or exits, within this time at random. It
	 * follows what an attach takes on this machine, so that some get through.
	 */
	volatile uint64_t *life_ns;
	pid_t pid;
};

FIXTURE_VARIANT(race_attach)
{
	bool unload;
};

FIXTURE_VARIANT_ADD(race_attach, alone) {};
FIXTURE_VARIANT_ADD(race_attach, beside_rmmod) {.unload = true};

FIXTURE_SETUP(race_attach)
{
	int memory = memfd_create("life", 0);

	self->pid = 0;
	self->unloader = (struct unloader){0};
	ASSERT_EQ(LIFE_FD, dup2(memory, LIFE_FD));
	close(memory);
	ASSERT_EQ(0, ftruncate(LIFE_FD, PAGE));
	self->life_ns = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, LIFE_FD, 0);
	ASSERT_NE(MAP_FAILED, (void *)self->life_ns);
	*self->life_ns = 8000000;
	if (variant->unload)
		ASSERT_EQ(0, unloader_start(&self->unloader));
	take_precedence();
}

FIXTURE_TEARDOWN(race_attach)
{
	struct unloads seen = unloader_stop(&self->unloader);

	EXPECT_EQ(0, seen.error);
	if (variant->unload)
		TH_LOG("rmmod: %ju refused, %ju done", (uintmax_t)seen.refused,
		       (uintmax_t)seen.done);
	if (self->pid > 0) {
		kill(self->pid, SIGKILL);
		waitpid(self->pid, NULL, 0);
	}
}

struct outcomes {
	unsigned int watched; /* attached, and advanced at least once */
	unsigned int gone; /* -ESRCH, from the attach or the first ADVANCE */
	unsigned int other; /* -EPERM: the fds were of the address space before */
};

/* Longer lives when none was watched lately, shorter ones when all were. */
static void adapt(FIXTURE_DATA(race_attach) *self, struct outcomes *before,
		  const struct outcomes *now)
{
	if ((now->watched + now->gone) % 4)
		return;
	if (now->watched == before->watched && *self->life_ns < patience_ns(4000))
		*self->life_ns *= 2;
	else if (now->gone == before->gone && *self->life_ns > 1000000)
		*self->life_ns /= 2;
	*before = *now;
}

/*
 * Attach once, advance until the address space is gone. Return: 0, or what came instead
 * of one of the outcomes above.
 */
static int attach_once(pid_t pid, struct outcomes *count)
{
	uint64_t end = now_ns() + patience_ns(60000);
	struct session s;
	int err = race_open(&s, pid), advances = 0;

	/* EACCES: between two programs an exec'ing process may not be looked at. */
	if (err == -ESRCH || err == -EPERM || err == -EACCES) {
		count->gone += err == -ESRCH;
		count->other += err != -ESRCH;
		return 0;
	}
	if (err)
		return err;
	while (!(err = session_advance(&s, 0)) && now_ns() < end)
		advances++;
	if (err == -ESRCH) {
		/* Told once and for all, and the tables stay readable. */
		err = session_advance(&s, 0) == -ESRCH ? session_stats(&s) : -EIO;
		if (!err && (s.stats.state != GLASSRAM_STATE_ENDED || s.stats.unexplained))
			err = -EILSEQ;
	}
	count->watched += advances > 0;
	count->gone += !advances;
	session_close(&s);
	return err;
}

static void race(struct __test_metadata *_metadata, FIXTURE_DATA(race_attach) *self,
		 const char *how)
{
	unsigned int rounds = race_rounds(6);
	struct outcomes count = {0}, before = {0};

	self->pid = fork();
	ASSERT_LE(0, self->pid);
	if (!self->pid) {
		setpriority(PRIO_PROCESS, 0, 0);
		setenv(EXEC_LOOP, how, 1);
		exec_again(NULL);
	}
	/* Some must have got through, or nothing was tested. */
	for (unsigned int i = 0; i < rounds || !count.watched; i++) {
		int err = attach_once(self->pid, &count);

		ASSERT_EQ(0, err) TH_LOG("%s", strerror(-err));
		adapt(self, &before, &count);
	}
	TH_LOG("%u rounds: %u watched, %u found it gone, %u found another address space",
	       rounds, count.watched, count.gone, count.other);
	EXPECT_EQ(0, kill(self->pid, 0));
	EXPECT_EQ(0, waitpid(self->pid, NULL, WNOHANG))
		TH_LOG("the target did not survive");
}

TEST_F_TIMEOUT(race_attach, while_the_target_execs, 300)
{
	race(_metadata, self, "first");
}

TEST_F_TIMEOUT(race_attach, while_another_thread_of_the_target_execs, 300)
{
	race(_metadata, self, "thread");
}

/* Lives for a moment more, writing, then exits: with what, the test checks. */
static void short_life(uint64_t longest_ns)
{
	uint64_t end = now_ns() + now_ns() / 100 % longest_ns;
	volatile char *area = malloc(64 * PAGE);

	while (now_ns() < end)
		for (size_t i = 0; i < 64; i++)
			area[i * PAGE]++;
	_exit(area[0] == area[PAGE] ? 7 : 8);
}

TEST_F_TIMEOUT(race_attach, while_the_target_exits, 300)
{
	unsigned int rounds = race_rounds(12);
	struct outcomes count = {0}, before = {0};

	for (unsigned int i = 0; i < rounds || !count.watched; i++) {
		pid_t pid = fork();
		int status, err;

		ASSERT_LE(0, pid);
		if (!pid && !setpriority(PRIO_PROCESS, 0, 0))
			short_life(*self->life_ns);
		err = attach_once(pid, &count);
		ASSERT_EQ(0, err) TH_LOG("%s", strerror(-err));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_EQ(7, WEXITSTATUS(status));
		EXPECT_TRUE(WIFEXITED(status));
		adapt(self, &before, &count);
	}
	TH_LOG("%u rounds: %u watched, %u found it gone", rounds, count.watched, count.gone);
	EXPECT_EQ(0, count.other);
}

TEST_HARNESS_MAIN
