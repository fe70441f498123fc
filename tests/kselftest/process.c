// SPDX-License-Identifier: GPL-2.0-only
/*
 * Processes under the watching: fork, vfork, spawn, exec, exit. The session
 * belongs to one address space, and ends with it and only with it.
 *
 * Weak spot: what the child of fork does is not watched at all, by design.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <sys/ioctl.h>

#include "session.h"
#include "target.h"

#include "kselftest_harness.h"

#define PAGES 128UL
#define LENGTH (PAGES * PAGE)

extern char **environ;

FIXTURE(process)
{
	struct target target;
	struct session session;
};

FIXTURE_SETUP(process)
{
	self->session = (struct session){.fd = -1, .mem_fd = -1, .pagemap_fd = -1,
					 .counters_fd = -1};
}

FIXTURE_TEARDOWN(process)
{
	session_close(&self->session);
	target_kill(&self->target);
}

static void begin(struct __test_metadata *_metadata, FIXTURE_DATA(process) *self,
		  int (*body)(struct target *))
{
	ASSERT_EQ(0, target_start(&self->target, body));
	ASSERT_EQ(0, session_open(&self->session, self->target.pid));
	ASSERT_EQ(0, session_advance(&self->session, 0));
}

static void step(struct __test_metadata *_metadata, FIXTURE_DATA(process) *self)
{
	ASSERT_EQ(0, target_next(&self->target));
	ASSERT_EQ(0, session_advance(&self->session, 0));
}

static char *area;

static void touch(void)
{
	for (size_t i = 0; i < LENGTH; i += PAGE)
		((volatile char *)area)[i]++;
}

static void make_area(struct target *t)
{
	area = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (area == MAP_FAILED)
		_exit(90);
	madvise(area, LENGTH, MADV_NOHUGEPAGE);
	touch();
	t->shared[0] = (uintptr_t)area;
}

static int forking(struct target *t)
{
	int status;
	pid_t child;

	make_area(t);
	target_pause(t);
	child = fork();
	if (!child) {
		touch();
		touch();
		/* The child is not armed: nothing is registered in it. */
		t->shared[1] = (uint64_t)proc_uffd_mappings(getpid());
		_exit(area[0] == 3 ? 0 : 1);
	}
	waitpid(child, &status, 0);
	t->shared[2] = (uint64_t)status;
	target_pause(t);
	touch(); /* copies the page, or has it back alone */
	target_pause(t);
	touch();
	target_pause(t);
	for (size_t i = 0; i < LENGTH; i += PAGE)
		if (area[i] != 3)
			return 2;
	return 0;
}

TEST_F(process, the_child_of_fork_is_not_counted_and_the_parent_is)
{
	struct session *s = &self->session;

	begin(_metadata, self, forking);
	step(_metadata, self);
	EXPECT_EQ(0, self->target.shared[1])
		TH_LOG("the child inherited the registration");
	EXPECT_EQ(0, self->target.shared[2]);
	EXPECT_EQ(0, session_area_hits(s, self->target.shared[0], LENGTH));
	step(_metadata, self);
	EXPECT_EQ(PAGES, session_area_hits(s, self->target.shared[0], LENGTH));
	step(_metadata, self);
	EXPECT_EQ(2 * PAGES, session_area_hits(s, self->target.shared[0], LENGTH));
	EXPECT_EQ(2, session_hits(s, self->target.shared[0] + PAGE));
	ASSERT_EQ(0, session_stats(s));
	EXPECT_EQ(0, s->stats.lost);
	EXPECT_EQ(0, s->stats.unexplained);
	EXPECT_EQ(0, target_finish(&self->target));
}

static int forking_and_writing_first(struct target *t)
{
	pid_t child;

	make_area(t);
	target_pause(t);
	child = fork();
	if (!child) {
		pause();
		_exit(0);
	}
	touch(); /* shared with the child: every page is copied */
	target_pause(t);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	touch();
	target_pause(t);
	return 0;
}

TEST_F(process, pages_copied_after_fork_count_once)
{
	struct session *s = &self->session;

	begin(_metadata, self, forking_and_writing_first);
	step(_metadata, self);
	EXPECT_EQ(PAGES, session_area_hits(s, self->target.shared[0], LENGTH));
	step(_metadata, self);
	EXPECT_EQ(2 * PAGES, session_area_hits(s, self->target.shared[0], LENGTH));
	ASSERT_EQ(0, session_stats(s));
	EXPECT_EQ(0, s->stats.unexplained);
}

static int spawning(struct target *t)
{
	char *const argv[] = {"true", NULL};
	int status = -1;
	pid_t child;

	make_area(t);
	target_pause(t);
	child = vfork();
	if (!child) {
		execl("/bin/true", "true", (char *)NULL);
		_exit(127);
	}
	waitpid(child, &status, 0);
	t->shared[1] = (uint64_t)status;
	touch();
	target_pause(t);
	if (posix_spawn(&child, "/bin/true", NULL, NULL, argv, environ))
		return 1;
	waitpid(child, &status, 0);
	t->shared[1] |= (uint64_t)status;
	touch();
	target_pause(t);
	status = system("exit 3");
	t->shared[2] = (uint64_t)WEXITSTATUS(status);
	touch();
	target_pause(t);
	return 0;
}

TEST_F(process, vfork_spawn_and_system_do_not_end_the_session)
{
	struct session *s = &self->session;

	begin(_metadata, self, spawning);
	for (uint64_t i = 1; i <= 3; i++) {
		step(_metadata, self);
		EXPECT_EQ(GLASSRAM_STATE_LIVE, s->control->state);
		EXPECT_EQ(i * PAGES, session_area_hits(s, self->target.shared[0], LENGTH));
	}
	EXPECT_EQ(0, self->target.shared[1]);
	EXPECT_EQ(3, self->target.shared[2]);
	ASSERT_EQ(0, session_stats(s));
	EXPECT_EQ(0, s->stats.lost);
	EXPECT_EQ(0, s->stats.unexplained);
	EXPECT_EQ(0, target_finish(&self->target));
}

static int vfork_child_writes(struct target *t)
{
	pid_t child;

	make_area(t);
	target_pause(t);
	child = vfork();
	if (!child) {
		/* In the parent's address space, as another thread. */
		for (size_t i = 0; i < LENGTH; i += PAGE)
			((volatile char *)area)[i]++;
		_exit(0);
	}
	t->shared[1] = (uint64_t)child;
	waitpid(child, NULL, 0);
	target_pause(t);
	return 0;
}

TEST_F(process, writes_of_a_vfork_child_are_hits_under_its_own_tid)
{
	struct session *s = &self->session;
	struct glassram_thread *table;
	uint32_t owner;
	int n;

	begin(_metadata, self, vfork_child_writes);
	step(_metadata, self);
	EXPECT_EQ(PAGES, session_area_hits(s, self->target.shared[0], LENGTH));
	owner = session_owner(s, self->target.shared[0]);
	n = session_threads(s, &table, NULL);
	for (int i = 0; i < n; i++) {
		if (table[i].slot != owner)
			continue;
		EXPECT_EQ(self->target.shared[1], table[i].tid);
		EXPECT_EQ(self->target.shared[1], table[i].tgid);
		owner = 0;
	}
	EXPECT_EQ(0, owner)
		TH_LOG("its thread is not in the table");
	free(table);
}

static void *exec_from_thread(void *unused)
{
	execl("/bin/sleep", "sleep", "30", (char *)NULL);
	return unused;
}

static int exec_of_a_thread(struct target *t)
{
	pthread_t thread;

	make_area(t);
	target_pause(t);
	touch();
	pthread_create(&thread, NULL, exec_from_thread, NULL);
	pause();
	return 1;
}

static int wait_for_hup(const struct session *s)
{
	struct pollfd p = {.fd = s->fd, .events = 0};

	return poll(&p, 1, patience_ms(5000)) == 1 ? p.revents : 0;
}

TEST_F(process, exec_ends_the_session_and_the_new_program_runs)
{
	struct session *s = &self->session;
	char comm[16] = "", path[64];
	int fd;

	begin(_metadata, self, exec_of_a_thread);
	EXPECT_EQ(-ESRCH, target_next(&self->target));
	EXPECT_EQ(POLLHUP, wait_for_hup(s) & POLLHUP);
	EXPECT_EQ(-ESRCH, session_advance(s, 0));
	EXPECT_EQ(0, session_stats(s));
	EXPECT_EQ(GLASSRAM_STATE_ENDED, s->stats.state);
	/* The last picture stays. */
	EXPECT_EQ(PAGES, session_area_hits(s, self->target.shared[0], LENGTH));
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)self->target.pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	EXPECT_LT(0, read(fd, comm, sizeof(comm) - 1));
	EXPECT_STREQ("sleep\n", comm);
	close(fd);
	EXPECT_EQ(0, proc_uffd_mappings(self->target.pid));
}

static pthread_t main_thread;

static void *outlive_main(void *argument)
{
	struct target *t = argument;

	pthread_join(main_thread, NULL);
	target_pause(t);
	touch();
	target_pause(t);
	_exit(0);
}

static int main_thread_leaves(struct target *t)
{
	pthread_t thread;

	make_area(t);
	target_pause(t);
	main_thread = pthread_self();
	pthread_create(&thread, NULL, outlive_main, t);
	pthread_exit(NULL);
}

TEST_F(process, the_end_of_the_main_thread_is_not_the_end)
{
	struct session *s = &self->session;

	if (arms_by_soft_dirty())
		SKIP(return, "clear_refs serves no process without its main thread");
	begin(_metadata, self, main_thread_leaves);
	step(_metadata, self);
	EXPECT_EQ(GLASSRAM_STATE_LIVE, s->control->state);
	step(_metadata, self);
	EXPECT_EQ(PAGES, session_area_hits(s, self->target.shared[0], LENGTH));
	ASSERT_EQ(0, session_stats(s));
	EXPECT_EQ(0, s->stats.unexplained);
}

static int busy(struct target *t)
{
	make_area(t);
	target_pause(t);
	for (;;)
		touch();
	return 0;
}

TEST_F(process, killing_the_target_ends_the_session)
{
	struct session *s = &self->session;
	char go = 'n';

	begin(_metadata, self, busy);
	ASSERT_EQ(1, write(self->target.to_child, &go, 1));
	usleep(50000);
	ASSERT_EQ(0, session_advance(s, 0));
	kill(self->target.pid, SIGKILL);
	EXPECT_EQ(POLLHUP, wait_for_hup(s) & POLLHUP);
	EXPECT_EQ(-ESRCH, session_advance(s, 0));
	ASSERT_EQ(0, session_stats(s));
	EXPECT_LT(0, s->stats.hits);
	EXPECT_EQ(0, s->stats.unexplained);
}

TEST_F(process, a_target_may_be_traced_and_watched)
{
	struct session *s = &self->session;
	uint64_t word = 7;

	begin(_metadata, self, busy);
	/* What a debugger writes is a write like any other. */
	ASSERT_EQ(8, pwrite(s->mem_fd, &word, 8, (off_t)self->target.shared[0] + 64));
	EXPECT_EQ(1, session_hits(s, self->target.shared[0]));
	ASSERT_EQ(0, session_advance(s, 0));
	ASSERT_EQ(0, session_stats(s));
	EXPECT_EQ(0, s->stats.unexplained);
}

TEST_HARNESS_MAIN
