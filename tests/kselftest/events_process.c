// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events of processes and threads: forks, execs, exits, against what the target
 * itself says that it did.
 *
 * Weak spot: targets tell their pids as their own pid namespace numbers them,
 * which is the initial one here.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "event_log.h"
#include "target.h"

#include "kselftest_harness.h"

#define PROCESS_EVENTS \
	(EVENT(FORK) | EVENT(EXEC) | EVENT(EXIT) | EVENT(THREAD_START) | EVENT(THREAD_EXIT))

extern char **environ;

FIXTURE(process_events)
{
	struct target target;
	struct session session;
	struct event_log log;
};

FIXTURE_SETUP(process_events)
{
	self->session = (struct session){.fd = -1, .mem_fd = -1, .pagemap_fd = -1,
					 .counters_fd = -1};
	self->log.fd = -1;
}

FIXTURE_TEARDOWN(process_events)
{
	if (!__test_passed(_metadata))
		log_print(&self->log);
	log_close(&self->log);
	session_close(&self->session);
	target_kill(&self->target);
}

static int set_follow(const struct session *s, uint32_t follow)
{
	struct glassram_options options = {.size = sizeof(options), .flags = GLASSRAM_OPTION_FOLLOW,
					   .follow = follow};

	return ioctl(s->fd, GLASSRAM_OPTIONS, &options) ? -errno : 0;
}

static void begin(struct __test_metadata *_metadata, FIXTURE_DATA(process_events) *self,
		  int (*body)(struct target *), uint32_t follow)
{
	ASSERT_EQ(0, target_start(&self->target, body));
	ASSERT_EQ(0, session_open(&self->session, self->target.pid));
	ASSERT_EQ(0, set_follow(&self->session, follow));
	ASSERT_EQ(0, log_open(&self->log, &self->session, PROCESS_EVENTS));
}

/* The next record of a type for a thread, from *@from on, which moves behind it. */
static const struct glassram_event *next_of(struct event_log *log, size_t *from, uint32_t type,
					    uint32_t tid)
{
	size_t at = *from;

	for (;; at++) {
		at = log_wait(log, at, type);
		if (at >= log->nr)
			return NULL;
		if (log->records[at].tid == tid)
			break;
	}
	*from = at + 1;
	return &log->records[at];
}

static int child_and_exit(struct target *t)
{
	pid_t child;

	target_pause(t);
	child = fork();
	if (!child) {
		t->shared[1] = (uint64_t)getpid();
		_exit(7);
	}
	waitpid(child, NULL, 0);
	target_pause(t);
	return 42;
}

TEST_F(process_events, fork_and_exit_of_the_target_alone)
{
	const struct glassram_event *e;
	struct event_log *log = &self->log;
	size_t at = 0;
	pid_t pid;

	begin(_metadata, self, child_and_exit, 0);
	pid = self->target.pid;
	ASSERT_EQ(0, target_next(&self->target));
	ASSERT_EQ(0, log_read(log));
	/* The child is nobody's business: neither its exit nor anything else. */
	ASSERT_EQ(1, log->nr);
	e = next_of(log, &at, GLASSRAM_EVENT_FORK, pid);
	ASSERT_NE(NULL, e);
	EXPECT_EQ(pid, e->tgid);
	EXPECT_EQ(self->target.shared[1], e->value);
	EXPECT_EQ(0, e->target);
	EXPECT_EQ(0, e->flags);
	EXPECT_EQ(0, e->address);
	target_finish(&self->target);
	e = next_of(log, &at, GLASSRAM_EVENT_EXIT, pid);
	ASSERT_NE(NULL, e);
	EXPECT_EQ(pid, e->tgid);
	EXPECT_EQ(42 << 8, e->value);
	EXPECT_EQ(0, e->target);
	EXPECT_EQ(2, log->nr);
}

static int grandchildren(struct target *t)
{
	target_pause(t);
	for (int i = 0; i < 3; i++) {
		pid_t child = fork(), grandchild;

		if (!child) {
			t->shared[1 + 2 * i] = (uint64_t)getpid();
			grandchild = fork();
			if (!grandchild) {
				t->shared[2 + 2 * i] = (uint64_t)getpid();
				_exit(100 + i);
			}
			waitpid(grandchild, NULL, 0);
			if (i == 2)
				raise(SIGKILL);
			_exit(i);
		}
		waitpid(child, NULL, 0);
	}
	target_pause(t);
	return 0;
}

TEST_F(process_events, a_followed_family_is_told_of_whole)
{
	struct event_log *log = &self->log;
	const struct glassram_event *e;
	size_t at = 0;

	begin(_metadata, self, grandchildren, 1);
	ASSERT_EQ(0, target_next(&self->target));
	for (int i = 0; i < 3; i++) {
		uint32_t child = (uint32_t)self->target.shared[1 + 2 * i];
		uint32_t grandchild = (uint32_t)self->target.shared[2 + 2 * i];

		e = next_of(log, &at, GLASSRAM_EVENT_FORK, (uint32_t)self->target.pid);
		ASSERT_NE(NULL, e);
		EXPECT_EQ(child, e->value);
		EXPECT_EQ(0, e->target);
		e = next_of(log, &at, GLASSRAM_EVENT_FORK, child);
		ASSERT_NE(NULL, e);
		EXPECT_EQ(grandchild, e->value);
		EXPECT_EQ(GLASSRAM_TARGET_NONE, e->target);
		e = next_of(log, &at, GLASSRAM_EVENT_EXIT, grandchild);
		ASSERT_NE(NULL, e);
		EXPECT_EQ((100 + i) << 8, e->value);
		EXPECT_EQ(grandchild, e->tgid);
		e = next_of(log, &at, GLASSRAM_EVENT_EXIT, child);
		ASSERT_NE(NULL, e);
		EXPECT_EQ(i == 2 ? SIGKILL : i << 8, e->value);
		EXPECT_EQ(GLASSRAM_TARGET_NONE, e->target);
	}
	EXPECT_EQ(12, log->nr);
}

TEST_F(process_events, no_more_following_leaves_the_target_alone)
{
	struct event_log *log = &self->log;

	begin(_metadata, self, grandchildren, 1);
	ASSERT_EQ(0, set_follow(&self->session, 0));
	ASSERT_EQ(0, target_next(&self->target));
	ASSERT_EQ(0, log_read(log));
	EXPECT_EQ(3, log->nr);
	EXPECT_EQ(3, log_count(log, GLASSRAM_EVENT_FORK));
}

static int vforking(struct target *t)
{
	char *const argv[] = {"true", NULL};
	pid_t child;

	target_pause(t);
	child = vfork();
	if (!child) {
		t->shared[1] = (uint64_t)syscall(SYS_getpid);
		execl("/bin/true", "true", (char *)NULL);
		_exit(127);
	}
	waitpid(child, NULL, 0);
	if (posix_spawn(&child, "/bin/false", NULL, NULL, argv, environ))
		return 1;
	t->shared[2] = (uint64_t)child;
	waitpid(child, NULL, 0);
	target_pause(t);
	return 0;
}

TEST_F(process_events, a_vfork_child_is_said_to_share_the_memory)
{
	struct event_log *log = &self->log;
	const struct glassram_event *e;
	size_t at = 0;

	begin(_metadata, self, vforking, 1);
	ASSERT_EQ(0, target_next(&self->target));
	for (int i = 1; i <= 2; i++) {
		uint32_t child = (uint32_t)self->target.shared[i];

		e = next_of(log, &at, GLASSRAM_EVENT_FORK, (uint32_t)self->target.pid);
		ASSERT_NE(NULL, e);
		EXPECT_EQ(child, e->value);
		EXPECT_EQ(GLASSRAM_EVENT_SAME_MM, e->flags);
		e = next_of(log, &at, GLASSRAM_EVENT_EXEC, child);
		ASSERT_NE(NULL, e);
		EXPECT_EQ(GLASSRAM_TARGET_NONE, e->target);
		EXPECT_EQ(child, e->value);
		e = next_of(log, &at, GLASSRAM_EVENT_EXIT, child);
		ASSERT_NE(NULL, e);
		EXPECT_EQ(i == 2 ? 1 << 8 : 0, e->value);
	}
	EXPECT_EQ(GLASSRAM_STATE_LIVE, self->session.control->state);
}

#define THREADS 20

struct thread_place {
	struct target *t;
	int number;
};

static void *short_life(void *argument)
{
	struct thread_place *place = argument;

	place->t->shared[10 + place->number] = (uint64_t)gettid();
	return NULL;
}

static int threading(struct target *t)
{
	struct thread_place places[THREADS];
	pthread_t threads[THREADS];

	target_pause(t);
	for (int i = 0; i < THREADS; i++) {
		places[i] = (struct thread_place){.t = t, .number = i};
		if (pthread_create(&threads[i], NULL, short_life, &places[i]))
			return 1;
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	target_pause(t);
	return 0;
}

TEST_F(process_events, every_thread_is_told_when_it_starts_and_ends)
{
	uint32_t pid;
	struct event_log *log = &self->log;
	const struct glassram_event *e;
	size_t at = 0, end;

	begin(_metadata, self, threading, 0);
	pid = (uint32_t)self->target.pid;
	ASSERT_EQ(0, target_next(&self->target));
	for (int i = 0; i < THREADS; i++) {
		uint32_t tid = (uint32_t)self->target.shared[10 + i];

		e = next_of(log, &at, GLASSRAM_EVENT_THREAD_START, pid);
		ASSERT_NE(NULL, e);
		EXPECT_EQ(tid, e->value);
		EXPECT_EQ(pid, e->tgid);
		EXPECT_EQ(0, e->target);
		end = at;
		e = next_of(log, &end, GLASSRAM_EVENT_THREAD_EXIT, tid);
		ASSERT_NE(NULL, e);
		EXPECT_EQ(pid, e->tgid);
	}
	EXPECT_EQ(THREADS, log_count(log, GLASSRAM_EVENT_THREAD_START));
	EXPECT_EQ(THREADS, log_count(log, GLASSRAM_EVENT_THREAD_EXIT));
	EXPECT_EQ(0, log_count(log, GLASSRAM_EVENT_EXIT));
}

static void *sleep_for_ever(void *argument)
{
	__atomic_fetch_add((uint64_t *)argument, 1, __ATOMIC_RELAXED);
	for (;;)
		pause();
	return NULL;
}

static int killed_with_threads(struct target *t)
{
	pthread_t thread;

	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&thread, NULL, sleep_for_ever, (void *)&t->shared[1]))
			return 1;
	while (t->shared[1] < THREADS)
		usleep(1000);
	target_pause(t);
	if (t->shared[2])
		exit(9);
	pause();
	return 0;
}

/* Threads that die together pass in any order; still each has its one record. */
TEST_F(process_events, one_exit_for_a_process_whose_threads_die_together)
{
	for (int round = 0; round < 12; round++) {
		struct target *t = &self->target;
		struct event_log *log = &self->log;
		size_t at;
		int status;
		pid_t pid;

		begin(_metadata, self, killed_with_threads, round & 1);
		pid = t->pid;
		if (round % 4 < 2) {
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			target_kill(t);
		} else {
			t->shared[2] = 1;
			status = target_finish(t);
		}
		at = log_wait(log, 0, GLASSRAM_EVENT_EXIT);
		ASSERT_LT(at, log->nr);
		EXPECT_EQ(status, log->records[at].value);
		EXPECT_EQ(round % 4 < 2 ? SIGKILL : 9 << 8, log->records[at].value);
		for (int i = 0; i < 1000 && log->nr < THREADS + 1; i++) {
			usleep(5000);
			ASSERT_EQ(0, log_read(log));
		}
		EXPECT_EQ(THREADS + 1, log->nr);
		EXPECT_EQ(1, log_count(log, GLASSRAM_EVENT_EXIT));
		for (size_t i = 0; i < log->nr; i++) {
			EXPECT_EQ(pid, log->records[i].tgid);
			for (size_t k = 0; k < i; k++)
				EXPECT_NE(log->records[k].tid, log->records[i].tid);
		}
		log_close(log);
		session_close(&self->session);
	}
}

static void *exec_from_thread(void *argument)
{
	struct target *t = argument;

	t->shared[1] = (uint64_t)gettid();
	execl("/bin/true", "true", (char *)NULL);
	return NULL;
}

static int exec_of_a_thread(struct target *t)
{
	pthread_t thread;

	pthread_create(&thread, NULL, sleep_for_ever, (void *)&t->shared[2]);
	while (!t->shared[2])
		usleep(1000);
	target_pause(t);
	pthread_create(&thread, NULL, exec_from_thread, t);
	pause();
	return 1;
}

/* The thread that calls exec gets the number of the main thread, which dies. */
TEST_F(process_events, exec_of_a_thread_keeps_the_process)
{
	struct event_log *log = &self->log;
	const struct glassram_event *e;
	uint32_t pid, thread;
	size_t at = 0, exec;

	begin(_metadata, self, exec_of_a_thread, 1);
	pid = (uint32_t)self->target.pid;
	EXPECT_EQ(-ESRCH, target_next(&self->target));
	e = next_of(log, &at, GLASSRAM_EVENT_THREAD_START, pid);
	ASSERT_NE(NULL, e);
	thread = (uint32_t)self->target.shared[1];
	EXPECT_EQ(thread, e->value);
	e = next_of(log, &at, GLASSRAM_EVENT_EXEC, pid);
	ASSERT_NE(NULL, e);
	exec = at - 1;
	EXPECT_EQ(pid, e->tgid);
	EXPECT_EQ(thread, e->value)
		TH_LOG("who called exec, by the number that it had");
	EXPECT_EQ(0, e->target);
	e = next_of(log, &at, GLASSRAM_EVENT_EXIT, pid);
	ASSERT_NE(NULL, e);
	EXPECT_EQ(pid, e->tgid);
	EXPECT_EQ(GLASSRAM_TARGET_NONE, e->target);
	EXPECT_EQ(0, e->value);
	/* The old main thread and the sleeper died before. */
	EXPECT_EQ(2, log_count(log, GLASSRAM_EVENT_THREAD_EXIT));
	EXPECT_LT(log_find(log, 0, GLASSRAM_EVENT_THREAD_EXIT), exec);
	EXPECT_EQ(1, log_count(log, GLASSRAM_EVENT_EXIT));
}

TEST_F(process_events, a_target_that_execs_is_no_member_unless_followed)
{
	struct event_log *log = &self->log;

	begin(_metadata, self, exec_of_a_thread, 0);
	EXPECT_EQ(-ESRCH, target_next(&self->target));
	waitpid(self->target.pid, NULL, 0);
	ASSERT_EQ(0, log_read(log));
	EXPECT_EQ(1, log_count(log, GLASSRAM_EVENT_EXEC));
	EXPECT_EQ(0, log_count(log, GLASSRAM_EVENT_EXIT));
}

static pthread_t main_thread;

static void *outlive_main(void *argument)
{
	pthread_join(main_thread, NULL);
	target_pause(argument);
	syscall(SYS_exit, 5);
	return NULL;
}

static int main_thread_leaves(struct target *t)
{
	pthread_t thread;

	target_pause(t);
	main_thread = pthread_self();
	if (pthread_create(&thread, NULL, outlive_main, t))
		return 1;
	syscall(SYS_exit, 3);
	return 1;
}

/* Of the main thread or of the last one: kernels differ. */
TEST_F(process_events, the_exit_code_is_what_wait_says)
{
	struct event_log *log = &self->log;
	const struct glassram_event *e;
	size_t at = 0;
	int status;
	uint32_t pid;

	begin(_metadata, self, main_thread_leaves, 1);
	pid = (uint32_t)self->target.pid;
	ASSERT_EQ(0, target_next(&self->target));
	e = next_of(log, &at, GLASSRAM_EVENT_THREAD_EXIT, pid);
	ASSERT_NE(NULL, e)
		TH_LOG("the main thread is one like others");
	status = target_finish(&self->target);
	at = log_wait(log, 0, GLASSRAM_EVENT_EXIT);
	ASSERT_LT(at, log->nr);
	EXPECT_EQ(status, log->records[at].value);
	EXPECT_NE(pid, log->records[at].tid);
	EXPECT_EQ(pid, log->records[at].tgid);
}

TEST_F(process_events, the_session_may_close_in_the_middle_of_everything)
{
	begin(_metadata, self, grandchildren, 1);
	for (int i = 0; i < 20; i++) {
		struct target busy;

		ASSERT_EQ(0, target_start(&busy, grandchildren));
		session_close(&self->session);
		log_close(&self->log);
		ASSERT_EQ(0, session_open(&self->session, busy.pid));
		ASSERT_EQ(0, set_follow(&self->session, 1));
		ASSERT_EQ(0, log_open(&self->log, &self->session, PROCESS_EVENTS));
		if (write(busy.to_child, "n", 1) != 1)
			abort();
		usleep(i * 3000);
		session_close(&self->session);
		target_kill(&busy);
		ASSERT_EQ(0, log_read(&self->log));
		EXPECT_TRUE(self->log.ended);
	}
}

/* Run a shell command in place of the target, when it is told to go on. */
static int shell(struct target *t)
{
	target_pause(t);
	execl("/bin/sh", "sh", "-c", (const char *)&t->shared[64], (char *)NULL);
	return 127;
}

static void begin_shell(struct __test_metadata *_metadata, FIXTURE_DATA(process_events) *self,
			const char *command)
{
	begin(_metadata, self, shell, 1);
	strncpy((char *)&self->target.shared[64], command, 2048);
	EXPECT_EQ(-ESRCH, target_next(&self->target));
}

TEST_F(process_events, a_pipeline_of_real_programs)
{
	struct event_log *log = &self->log;
	size_t forks, execs, exits;

	begin_shell(_metadata, self,
		    "seq 1000 | grep 7 | sort -r | wc -l >/dev/null; true; (exit 3); ls / >/dev/null");
	waitpid(self->target.pid, NULL, 0);
	for (size_t i = log_wait(log, 0, GLASSRAM_EVENT_EXIT); i < log->nr;
	     i = log_wait(log, i + 1, GLASSRAM_EVENT_EXIT))
		if (log->records[i].tgid == (uint32_t)self->target.pid)
			break;
	forks = log_count(log, GLASSRAM_EVENT_FORK);
	execs = log_count(log, GLASSRAM_EVENT_EXEC);
	exits = log_count(log, GLASSRAM_EVENT_EXIT);
	/* Four of the pipe, the parenthesis, ls; the shell may exec its last command. */
	EXPECT_LE(5, forks);
	EXPECT_LE(6, execs);
	EXPECT_EQ(forks + 1, exits);
	EXPECT_EQ(0, log_lost(log));
	/* Whoever exits was forked before, and nobody twice. */
	for (size_t i = 0; i < log->nr; i++) {
		const struct glassram_event *e = &log->records[i];
		size_t born = 0, died = 0;

		if (e->type != GLASSRAM_EVENT_EXIT)
			continue;
		for (size_t k = 0; k < log->nr; k++) {
			const struct glassram_event *other = &log->records[k];

			born += k < i && other->type == GLASSRAM_EVENT_FORK &&
				other->value == e->tgid;
			died += other->type == GLASSRAM_EVENT_EXIT && other->tgid == e->tgid;
		}
		EXPECT_EQ(e->tgid == (uint32_t)self->target.pid ? 0 : 1, born);
		EXPECT_EQ(1, died);
	}
}

TEST_F(process_events, threads_of_python)
{
	struct event_log *log = &self->log;
	size_t i;

	begin_shell(_metadata, self,
		    "exec python3 -c '\n"
		    "import threading\n"
		    "b = threading.Barrier(9)\n"
		    "ts = [threading.Thread(target=b.wait) for _ in range(8)]\n"
		    "[t.start() for t in ts]\n"
		    "b.wait()\n"
		    "[t.join() for t in ts]\n'");
	waitpid(self->target.pid, NULL, 0);
	i = log_wait(log, 0, GLASSRAM_EVENT_EXIT);
	ASSERT_LT(i, log->nr);
	EXPECT_EQ(0, log->records[i].value);
	EXPECT_EQ(2, log_count(log, GLASSRAM_EVENT_EXEC));
	EXPECT_EQ(8, log_count(log, GLASSRAM_EVENT_THREAD_START));
	EXPECT_EQ(8, log_count(log, GLASSRAM_EVENT_THREAD_EXIT));
}

TEST_HARNESS_MAIN
