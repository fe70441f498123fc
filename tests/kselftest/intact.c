// SPDX-License-Identifier: GPL-2.0-only
/*
 * The target is intact, and its memory too: its own data verified, exit
 * status 0, nothing registered after the watching ended (by close or by
 * SIGKILL at a random moment), page tables no larger than before.
 *
 * Weak spot: the moments of the hundred kills are random, but seeded, so a
 * window of a few instructions may never be hit.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>

#include "session.h"
#include "target.h"

#include "kselftest_harness.h"

#define AREA (96UL << 20)
#define KILLS 100
#define TIB (1UL << 40)

FIXTURE(intact)
{
	struct target target;
	struct session session;
};

FIXTURE_SETUP(intact)
{
	self->session = (struct session){.fd = -1, .mem_fd = -1, .pagemap_fd = -1,
					 .counters_fd = -1};
}

FIXTURE_TEARDOWN(intact)
{
	session_close(&self->session);
	target_kill(&self->target);
}

/* Fills an area, rewrites parts of it until told to stop, then checks every word. */
static int verifying_target(struct target *t)
{
	const size_t words = AREA / 8;
	volatile uint64_t *area = mmap(NULL, AREA, PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t round = 0;
	uint32_t seed = 1;

	if (area == MAP_FAILED)
		return 1;
	madvise((void *)area, AREA, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < words; i++)
		area[i] = i;
	target_pause(t);
	while (!t->shared[0]) {
		seed = seed * 1664525 + 1013904223;
		/* A word gets its own number plus a multiple of the area's length. */
		area[(seed >> 4) % words] += words;
		t->shared[1] = ++round;
	}
	for (size_t i = 0; i < words; i++)
		if (area[i] % words != i)
			return 2;
	return 0;
}

/* Let verifying_target() run without waiting for it. */
static void set_going(struct __test_metadata *_metadata, struct target *t)
{
	char c = 'n';

	ASSERT_EQ(1, write(t->to_child, &c, 1));
}

static int wait_until_unregistered(pid_t pid)
{
	uint64_t end = now_ns() + patience_ns(2000);
	int left;

	while ((left = proc_uffd_mappings(pid)) > 0 && now_ns() < end)
		usleep(5000);
	return left;
}

TEST_F_TIMEOUT(intact, data_and_page_tables_after_many_epochs, 60)
{
	struct session *s = &self->session;
	long before, during, after;
	uint64_t start;

	ASSERT_EQ(0, target_start(&self->target, verifying_target));
	take_precedence();
	before = proc_status_kb(self->target.pid, "VmPTE");
	ASSERT_LT(AREA / PAGE * 8 / 1024 - 1, before);
	ASSERT_EQ(0, session_open(s, self->target.pid));
	EXPECT_EQ(!arms_by_soft_dirty(), !!proc_uffd_mappings(self->target.pid));
	ASSERT_EQ(0, session_advance(s, 0));
	set_going(_metadata, &self->target);
	start = now_ns();
	while (now_ns() - start < 3000000000ULL)
		ASSERT_EQ(0, session_advance(s, 0));
	during = proc_status_kb(self->target.pid, "VmPTE");
	ASSERT_EQ(0, session_stats(s));
	EXPECT_LT(0, s->stats.hits);
	EXPECT_EQ(0, s->stats.lost);
	EXPECT_EQ(0, s->stats.unexplained);
	TH_LOG("%u epochs, %ju hits, VmPTE %ld kB before, %ld kB during", s->stats.epoch,
	       (uintmax_t)s->stats.hits, before, during);
	session_close(s);
	EXPECT_EQ(0, wait_until_unregistered(self->target.pid));
	after = proc_status_kb(self->target.pid, "VmPTE");
	EXPECT_GE(before + before / 100, during);
	EXPECT_GE(before + before / 100, after);
	self->target.shared[0] = 1;
	EXPECT_EQ(0, target_finish(&self->target));
}

static void watch_until_killed(pid_t pid)
{
	struct session s;
	int err;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* The client before may still be being cleaned up. */
	while ((err = session_open(&s, pid)) == -EBUSY) {
		session_close(&s);
		usleep(1000);
	}
	while (!err)
		err = session_advance(&s, 0);
	_exit(-err);
}

TEST_F_TIMEOUT(intact, nothing_is_left_after_a_hundred_kills, 90)
{
	uint32_t seed = 20240607;
	long before, after;

	ASSERT_EQ(0, target_start(&self->target, verifying_target));
	take_precedence();
	before = proc_status_kb(self->target.pid, "VmPTE");
	set_going(_metadata, &self->target);
	for (int i = 0; i < KILLS; i++) {
		pid_t client = fork();
		int status = 0;

		ASSERT_LE(0, client);
		if (!client)
			watch_until_killed(self->target.pid);
		seed = seed * 1664525 + 1013904223;
		usleep((seed >> 8) % 40000);
		kill(client, SIGKILL);
		waitpid(client, &status, 0);
		ASSERT_TRUE(WIFSIGNALED(status))
			TH_LOG("the client ended by itself: %s", strerror(WEXITSTATUS(status)));
		/* Looking each time would give every client a calm start: look at some. */
		if (i % 10 == 9) {
			ASSERT_EQ(0, wait_until_unregistered(self->target.pid));
		}
	}
	EXPECT_EQ(0, wait_until_unregistered(self->target.pid));
	after = proc_status_kb(self->target.pid, "VmPTE");
	EXPECT_GE(before + before / 100, after);
	EXPECT_LT(0, self->target.shared[1]);
	self->target.shared[0] = 1;
	EXPECT_EQ(0, target_finish(&self->target));
}

static int sparse_target(struct target *t)
{
	char *area = mmap(NULL, TIB, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (area == MAP_FAILED)
		return 1;
	madvise(area, TIB, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < 100; i++)
		area[i * (TIB / 100) & -PAGE] = 1;
	t->shared[0] = (uintptr_t)area;
	target_pause(t);
	for (size_t i = 0; i < 100; i++)
		area[i * (TIB / 100) & -PAGE]++;
	target_pause(t);
	for (size_t i = 0; i < 100; i++)
		if (area[i * (TIB / 100) & -PAGE] != 2)
			return 2;
	return 0;
}

TEST_F(intact, a_sparse_tebibyte_costs_no_page_tables)
{
	struct session *s = &self->session;
	long before, after;

	ASSERT_EQ(0, target_start(&self->target, sparse_target));
	before = proc_status_kb(self->target.pid, "VmPTE");
	ASSERT_EQ(0, session_open(s, self->target.pid));
	ASSERT_EQ(0, session_advance(s, 0));
	ASSERT_EQ(0, target_next(&self->target));
	ASSERT_EQ(0, session_advance(s, 0));
	ASSERT_EQ(0, session_advance(s, GLASSRAM_ADVANCE_RESCAN));
	after = proc_status_kb(self->target.pid, "VmPTE");
	TH_LOG("VmPTE %ld kB before, %ld kB watched, %u slots", before, after,
	       s->nr_blocks * GLASSRAM_BLOCK_SLOTS);
	EXPECT_GT(before + 1024, after);
	for (size_t i = 0; i < 100; i++) {
		EXPECT_EQ(1, session_hits(s, self->target.shared[0] + (i * (TIB / 100) & -PAGE)));
	}
	ASSERT_EQ(0, session_stats(s));
	EXPECT_EQ(0, s->stats.unexplained);
	session_close(s);
	EXPECT_EQ(0, target_finish(&self->target));
}

/* Start the program that lies beside this one, its output to a pipe. */
static pid_t start_neighbour(const char *name, int *ret_output, int *ret_input)
{
	char path[512];
	int out[2], in[2];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 64);
	pid_t pid;

	if (n <= 0 || pipe2(out, O_CLOEXEC) || pipe2(in, O_CLOEXEC))
		return -1;
	path[n] = 0;
	strcpy(strrchr(path, '/') + 1, name);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(in[0], 0);
		dup2(out[1], 1);
		execl(path, name, (char *)NULL);
		_exit(127);
	}
	close(out[1]);
	close(in[0]);
	*ret_output = out[0];
	*ret_input = in[1];
	return pid;
}

TEST_F_TIMEOUT(intact, a_program_under_asan, 60)
{
	struct session *s = &self->session;
	int output, input, status = -1;
	pid_t pid = start_neighbour("asan_target", &output, &input);
	long before, after;
	char line[64] = "";

	ASSERT_LT(0, pid);
	/* It says "ready" once the sanitizer has mapped its shadow. */
	ASSERT_EQ(6, read(output, line, 6));
	before = proc_status_kb(pid, "VmPTE");
	EXPECT_LT(1L << 30, proc_status_kb(pid, "VmSize"))
		TH_LOG("no shadow of terabytes: is it built with ASan?");
	ASSERT_EQ(0, session_open(s, pid));
	for (int i = 0; i < 5; i++)
		ASSERT_EQ(0, session_advance(s, 0));
	after = proc_status_kb(pid, "VmPTE");
	TH_LOG("VmPTE %ld kB before, %ld kB watched", before, after);
	EXPECT_GT(before + 1024, after);
	ASSERT_EQ(1, write(input, "g", 1));
	close(input);
	while (waitpid(pid, &status, WNOHANG) == 0) {
		int err = session_advance(s, 0);

		ASSERT_TRUE(!err || err == -ESRCH);
		usleep(10000);
	}
	EXPECT_EQ(0, status);
	memset(line, 0, sizeof(line));
	EXPECT_LT(0, read(output, line, sizeof(line) - 1));
	EXPECT_STREQ("sum 499500\n", line);
	ASSERT_EQ(0, session_stats(s));
	EXPECT_LT(0, s->stats.hits);
	EXPECT_EQ(0, s->stats.unexplained);
	close(output);
}

TEST_HARNESS_MAIN
