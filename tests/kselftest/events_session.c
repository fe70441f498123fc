// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events of the session itself: targets that come and end, regions that are
 * refused, layouts, pause, reset, a new owner; and families over several targets.
 *
 * Weak spot: which regions of a target are refused is known only for the one
 * that the test makes so, by a userfaultfd of the target's own.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "event_log.h"
#include "target.h"

#include "kselftest_harness.h"

#define SESSION_EVENTS \
	(EVENT(REFUSED) | EVENT(LAYOUT) | EVENT(TARGET) | EVENT(TARGET_END) | EVENT(PAUSE) | \
	 EVENT(RESET) | EVENT(OWNER))
#define PAGES 16

FIXTURE(session_events)
{
	struct target target;
	struct target other;
	struct session session;
	struct session second;
	struct event_log log;
};

FIXTURE_SETUP(session_events)
{
	self->session = (struct session){.fd = -1, .mem_fd = -1, .pagemap_fd = -1,
					 .counters_fd = -1};
	self->second = self->session;
	self->log.fd = -1;
}

FIXTURE_TEARDOWN(session_events)
{
	if (!__test_passed(_metadata))
		log_print(&self->log);
	log_close(&self->log);
	session_close(&self->second);
	session_close(&self->session);
	target_kill(&self->other);
	target_kill(&self->target);
}

static int idle(struct target *t)
{
	target_pause(t);
	return 0;
}

static void begin(struct __test_metadata *_metadata, FIXTURE_DATA(session_events) *self,
		  int (*body)(struct target *), uint64_t mask)
{
	ASSERT_EQ(0, target_start(&self->target, body));
	ASSERT_EQ(0, session_open(&self->session, self->target.pid));
	ASSERT_EQ(0, session_advance(&self->session, 0));
	ASSERT_EQ(0, log_open(&self->log, &self->session, mask));
}

static int set_follow(const struct session *s, uint32_t follow)
{
	struct glassram_options options = {.size = sizeof(options), .flags = GLASSRAM_OPTION_FOLLOW,
					   .follow = follow};

	return ioctl(s->fd, GLASSRAM_OPTIONS, &options) ? -errno : 0;
}

static bool session_alive(struct session *s)
{
	return !session_stats(s) && s->stats.state == GLASSRAM_STATE_LIVE;
}

TEST_F(session_events, pause_and_reset_name_no_target)
{
	static const uint32_t types[] = {GLASSRAM_EVENT_PAUSE, GLASSRAM_EVENT_RESET,
					 GLASSRAM_EVENT_PAUSE};

	begin(_metadata, self, idle, SESSION_EVENTS & ~EVENT(LAYOUT));
	ASSERT_EQ(0, session_pause(&self->session, true));
	ASSERT_EQ(0, session_pause(&self->session, true));
	ASSERT_EQ(0, session_reset(&self->session));
	ASSERT_EQ(0, session_pause(&self->session, false));
	ASSERT_EQ(0, log_read(&self->log));
	ASSERT_EQ(3, self->log.nr);
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(types[i], self->log.records[i].type);
		EXPECT_EQ(i == 0, self->log.records[i].value);
		EXPECT_EQ(GLASSRAM_TARGET_NONE, self->log.records[i].target);
		EXPECT_EQ(getpid(), self->log.records[i].tgid);
	}
}

TEST_F(session_events, targets_come_end_and_go)
{
	struct glassram_target_add add;
	const struct glassram_event *e;
	size_t at;

	begin(_metadata, self, idle, EVENT(TARGET) | EVENT(TARGET_END));
	ASSERT_EQ(0, target_start(&self->other, idle));
	ASSERT_EQ(0, session_add(&self->session, self->other.pid, &add));
	ASSERT_EQ(0, log_read(&self->log));
	ASSERT_EQ(1, self->log.nr);
	e = &self->log.records[0];
	EXPECT_EQ(GLASSRAM_EVENT_TARGET, e->type);
	EXPECT_EQ(add.target, e->target);
	EXPECT_EQ(add.late_ns, e->value);
	EXPECT_EQ(add.late_run_ns, e->length);
	EXPECT_LT(0, add.late_ns);
	EXPECT_LE(add.late_run_ns, add.late_ns);
	kill(self->other.pid, SIGKILL);
	at = log_wait(&self->log, 1, GLASSRAM_EVENT_TARGET_END);
	ASSERT_LT(at, self->log.nr);
	EXPECT_EQ(add.target, self->log.records[at].target);
	/* Dropping one is the client's own doing, and no end. */
	target_kill(&self->other);
	ASSERT_EQ(0, target_start(&self->other, idle));
	ASSERT_EQ(0, session_add(&self->session, self->other.pid, &add));
	ASSERT_EQ(0, session_drop(&self->session, add.target));
	ASSERT_EQ(0, log_read(&self->log));
	EXPECT_EQ(3, self->log.nr);
	EXPECT_EQ(1, log_count(&self->log, GLASSRAM_EVENT_TARGET_END));
}

TEST_F(session_events, the_heir_is_told)
{
	begin(_metadata, self, idle, EVENT(OWNER));
	ASSERT_EQ(0, session_open_flags(&self->second, self->target.pid, GLASSRAM_ATTACH_SHARED));
	log_close(&self->log);
	ASSERT_EQ(0, log_open(&self->log, &self->second, EVENT(OWNER)));
	ASSERT_EQ(0, log_read(&self->log));
	EXPECT_EQ(0, self->log.nr);
	session_close(&self->session);
	EXPECT_EQ(0, log_wait(&self->log, 0, GLASSRAM_EVENT_OWNER));
	ASSERT_EQ(1, self->log.nr);
	EXPECT_FALSE(self->log.ended)
		TH_LOG("one client is left");
	ASSERT_EQ(0, session_stats(&self->second));
	EXPECT_EQ(1, self->second.stats.owner);
}

/* Maps memory, and takes it under a userfaultfd of its own before anybody can. */
static int keeps_its_memory(struct target *t)
{
	struct uffdio_api api = {.api = UFFD_API};
	struct uffdio_register reg = {.mode = UFFDIO_REGISTER_MODE_MISSING};
	char *area;
	int uffd;

	target_pause(t);
	area = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		    -1, 0);
	uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY);
	reg.range.start = (uintptr_t)area;
	reg.range.len = PAGES * PAGE;
	if (ioctl(uffd, UFFDIO_API, &api) || ioctl(uffd, UFFDIO_REGISTER, &reg))
		return 1;
	t->shared[0] = (uintptr_t)area;
	target_pause(t);
	return 0;
}

TEST_F(session_events, what_is_refused_and_that_the_layout_changed)
{
	const struct glassram_event *e;
	struct session *s = &self->session;
	size_t at;

	if (arms_by_soft_dirty())
		SKIP(return, "this kernel arms by soft-dirty, which refuses nothing");
	begin(_metadata, self, keeps_its_memory, SESSION_EVENTS);
	ASSERT_EQ(0, target_next(&self->target));
	ASSERT_EQ(0, session_advance(s, 0));
	ASSERT_EQ(0, log_read(&self->log));
	at = log_find(&self->log, 0, GLASSRAM_EVENT_REFUSED);
	ASSERT_LT(at, self->log.nr);
	e = &self->log.records[at];
	EXPECT_EQ(self->target.shared[0], e->address);
	EXPECT_EQ(PAGES * PAGE, e->length);
	EXPECT_EQ(EBUSY, e->value);
	EXPECT_EQ(0, e->target);
	at = log_find(&self->log, 0, GLASSRAM_EVENT_LAYOUT);
	ASSERT_LT(at, self->log.nr);
	e = &self->log.records[at];
	EXPECT_EQ(s->control->regions_generation, e->value);
	EXPECT_EQ(s->control->counters_generation, e->length);
	EXPECT_EQ(GLASSRAM_TARGET_NONE, e->target);
	/* Once, not at each tick. */
	at = self->log.nr;
	ASSERT_EQ(0, session_advance(s, 0));
	ASSERT_EQ(0, session_advance(s, GLASSRAM_ADVANCE_RESCAN));
	ASSERT_EQ(0, log_read(&self->log));
	EXPECT_EQ(at, self->log.nr);
}

static int forks_and_leaves(struct target *t)
{
	pid_t child;

	target_pause(t);
	child = fork();
	if (!child) {
		/* It holds the pipes, so the test goes on with it. */
		target_pause(t);
		return 0;
	}
	t->shared[0] = (uint64_t)child;
	return 0;
}

TEST_F(session_events, a_session_that_follows_lives_as_long_as_the_family)
{
	struct pollfd p;
	size_t at;

	begin(_metadata, self, forks_and_leaves, EVENT(EXIT) | EVENT(FORK) | EVENT(TARGET_END));
	p = (struct pollfd){.fd = self->session.fd};
	ASSERT_EQ(0, set_follow(&self->session, 1));
	ASSERT_EQ(0, target_next(&self->target));
	waitpid(self->target.pid, NULL, 0);
	EXPECT_LT(log_wait(&self->log, 0, GLASSRAM_EVENT_TARGET_END), self->log.nr);
	EXPECT_TRUE(session_alive(&self->session));
	EXPECT_EQ(0, poll(&p, 1, 0));
	EXPECT_EQ(0, session_advance(&self->session, 0));
	/* The child is no target; it is its life that counts. */
	EXPECT_EQ(1, write(self->target.to_child, "n", 1));
	for (at = log_wait(&self->log, 0, GLASSRAM_EVENT_EXIT); at < self->log.nr;
	     at = log_wait(&self->log, at + 1, GLASSRAM_EVENT_EXIT))
		if (self->log.records[at].tgid == self->target.shared[0])
			break;
	EXPECT_LT(at, self->log.nr);
	EXPECT_EQ(1, poll(&p, 1, patience_ms(5000)));
	EXPECT_EQ(POLLHUP, p.revents & POLLHUP);
	EXPECT_EQ(-ESRCH, session_advance(&self->session, 0));
}

TEST_F(session_events, a_session_that_stops_following_ends_without_targets)
{
	begin(_metadata, self, forks_and_leaves, EVENT(TARGET_END));
	ASSERT_EQ(0, set_follow(&self->session, 1));
	ASSERT_EQ(0, target_next(&self->target));
	waitpid(self->target.pid, NULL, 0);
	EXPECT_LT(log_wait(&self->log, 0, GLASSRAM_EVENT_TARGET_END), self->log.nr);
	EXPECT_TRUE(session_alive(&self->session));
	ASSERT_EQ(0, set_follow(&self->session, 0));
	EXPECT_FALSE(session_alive(&self->session));
}

/* Exits while nobody listens, and another target keeps the session. */
TEST_F(session_events, who_exited_unseen_is_not_waited_for)
{
	struct glassram_target_add add;
	struct pollfd p;

	begin(_metadata, self, idle, EVENT(TARGET_END));
	p = (struct pollfd){.fd = self->session.fd};
	ASSERT_EQ(0, target_start(&self->other, idle));
	ASSERT_EQ(0, session_add(&self->session, self->other.pid, &add));
	target_kill(&self->target);
	ASSERT_EQ(0, set_follow(&self->session, 1));
	EXPECT_TRUE(session_alive(&self->session));
	target_kill(&self->other);
	EXPECT_EQ(1, poll(&p, 1, patience_ms(5000)));
	EXPECT_EQ(POLLHUP, p.revents & POLLHUP);
	EXPECT_FALSE(session_alive(&self->session));
}

static void *linger(void *unused)
{
	pause();
	return unused;
}

#define CHILDREN 200

/* Some of them die with a thread that is still there. */
static int many_children(struct target *t)
{
	target_pause(t);
	for (int i = 0; i < CHILDREN; i++) {
		pid_t child = fork();
		pthread_t thread;

		if (!child) {
			if (i % 4 == 0)
				pthread_create(&thread, NULL, linger, NULL);
			_exit(0);
		}
		waitpid(child, NULL, 0);
	}
	target_pause(t);
	return 0;
}

TEST_F(session_events, who_exited_is_forgotten)
{
	struct session *s = &self->session;
	uint64_t before;

	begin(_metadata, self, many_children, EVENT(EXIT));
	ASSERT_EQ(0, set_follow(s, 1));
	ASSERT_EQ(0, session_stats(s));
	before = s->stats.memory;
	ASSERT_EQ(0, target_next(&self->target));
	ASSERT_EQ(0, log_read(&self->log));
	EXPECT_EQ(CHILDREN, log_count(&self->log, GLASSRAM_EVENT_EXIT));
	for (int i = 0; i < 100; i++) {
		ASSERT_EQ(0, session_stats(s));
		if (s->stats.memory <= before)
			break;
		usleep(50000);
	}
	EXPECT_EQ(before, s->stats.memory);
}

/* Its main thread has run for a while before it calls exec. */
static int busy_then_exec(struct target *t)
{
	uint64_t end = now_ns() + 300000000ULL;

	target_pause(t);
	while (now_ns() < end)
		;
	execl("/bin/sleep", "sleep", "30", (char *)NULL);
	return 1;
}

TEST_F(session_events, lateness_counts_from_the_exec)
{
	struct glassram_target_add add;
	uint64_t before;
	size_t at;

	begin(_metadata, self, busy_then_exec, EVENT(EXEC));
	ASSERT_EQ(0, set_follow(&self->session, 1));
	EXPECT_EQ(-ESRCH, target_next(&self->target));
	at = log_wait(&self->log, 0, GLASSRAM_EVENT_EXEC);
	ASSERT_LT(at, self->log.nr);
	ASSERT_EQ(0, session_add(&self->session, self->target.pid, &add));
	before = now_ns() - self->log.records[at].time_ns;
	EXPECT_EQ(1, add.target);
	EXPECT_LT(0, add.late_ns);
	EXPECT_LE(add.late_ns, before);
	EXPECT_LE(add.late_run_ns, add.late_ns + 20000000)
		TH_LOG("late %lu ns, ran %lu ns", (unsigned long)add.late_ns,
		       (unsigned long)add.late_run_ns);
}

TEST_HARNESS_MAIN
