// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module stays while anything of it lives, goes when nothing does, and
 * closing a session never waits for the tracer.
 *
 * Weak spot: it unloads the module and loads it again from the build folder,
 * so it wants to be run from there (GLASSRAM_MODULE names another file).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <sys/ioctl.h>

#include "loader.h"
#include "session.h"
#include "target.h"
#include "writers.h"

#include "kselftest_harness.h"

static int idle_target(struct target *t)
{
	target_pause(t);
	return 0;
}

static uint64_t one(void)
{
	return 1;
}

static struct writers writers;

static int busy_target(struct target *t)
{
	writers = (struct writers){
		.arena = writers_arena(ARENA_ANON, 1024),
		.pages = 1024,
		.count = t->shared + 8,
		.value = one,
	};
	if (!writers.arena || writers_run(&writers))
		return 1;
	target_pause(t);
	return 0;
}

FIXTURE(module)
{
	struct target target;
	struct session session;
};

FIXTURE_SETUP(module)
{
	ASSERT_EQ(0, target_start(&self->target, idle_target));
	ASSERT_EQ(0, session_open(&self->session, self->target.pid));
	ASSERT_EQ(0, session_advance(&self->session, 0));
}

FIXTURE_TEARDOWN(module)
{
	session_close(&self->session);
	target_kill(&self->target);
}

TEST_F(module, stays_while_a_session_lives)
{
	EXPECT_NE(0, module_unload());
	EXPECT_EQ(0, session_advance(&self->session, 0));
}

TEST_F(module, stays_while_only_the_counters_live)
{
	struct session *s = &self->session;
	int fd = dup(s->counters_fd);

	session_close(s);
	usleep(300000);
	EXPECT_NE(0, module_unload());
	close(fd);
}

TEST_F(module, stays_while_only_a_mapping_of_the_counters_lives)
{
	struct session *s = &self->session;
	const char *map = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, s->counters_fd, 0);

	ASSERT_NE(MAP_FAILED, map);
	session_close(s);
	usleep(300000);
	EXPECT_NE(0, module_unload());
	EXPECT_LE(0, *(const volatile char *)map);
}

TEST_F(module, stays_while_only_the_control_page_lives)
{
	struct session *s = &self->session;
	const volatile struct glassram_control *control = s->control;

	s->control = NULL;
	session_close(s);
	usleep(300000);
	EXPECT_NE(0, module_unload());
	EXPECT_EQ(sizeof(*control), control->size);
}

TEST_F(module, stays_while_the_device_is_open)
{
	int device = device_open();

	session_close(&self->session);
	usleep(300000);
	EXPECT_NE(0, module_unload());
	close(device);
}

TEST_F_TIMEOUT(module, goes_when_nothing_lives_and_comes_back, 60)
{
	session_close(&self->session);
	ASSERT_EQ(0, module_unload_within(5000));
	EXPECT_EQ(-1, access("/dev/glassram", F_OK));
	/* The target runs on, with nothing left in it. */
	EXPECT_EQ(0, proc_uffd_mappings(self->target.pid));
	ASSERT_EQ(0, module_load());
	ASSERT_EQ(0, session_open(&self->session, self->target.pid));
	EXPECT_EQ(0, session_advance(&self->session, 0));
}

TEST_F_TIMEOUT(module, close_under_load_does_not_wait_for_the_tracer, 60)
{
	uint64_t best = ~0ULL;

	session_close(&self->session);
	target_kill(&self->target);
	ASSERT_EQ(0, target_start(&self->target, busy_target));
	for (int i = 0; i < 5; i++) {
		uint64_t start;
		int err;

		while ((err = session_open(&self->session, self->target.pid)) == -EBUSY)
			usleep(20000);
		ASSERT_EQ(0, err);
		ASSERT_EQ(0, session_advance(&self->session, 0));
		usleep(50000);
		/* Only the last reference counts; the rest of session_close() is ours. */
		munmap((void *)self->session.control, PAGE);
		self->session.control = NULL;
		start = now_ns();
		close(self->session.fd);
		start = now_ns() - start;
		self->session.fd = -1;
		session_close(&self->session);
		if (start < best)
			best = start;
	}
	TH_LOG("fastest of five closes: %ju us", (uintmax_t)best / 1000);
	/*
	 * Unregistering ftrace waits 900 ms on average beside busy writers; what
	 * close() may wait for is the target's mmap_lock, at most half a second.
	 */
	EXPECT_GT(400000000, best);
}

TEST_F_TIMEOUT(module, tracing_switched_off_does_not_stop_the_counting, 30)
{
	struct session *s = &self->session;
	uint64_t faults;
	FILE *file;

	session_close(s);
	target_kill(&self->target);
	ASSERT_EQ(0, target_start(&self->target, busy_target));
	ASSERT_EQ(0, session_open(s, self->target.pid));
	ASSERT_EQ(0, session_advance(s, 0));
	/* The kernel may refuse to switch off; if it does not, nothing must be lost. */
	file = fopen("/proc/sys/kernel/ftrace_enabled", "we");
	ASSERT_NE(NULL, file);
	fprintf(file, "0\n");
	fclose(file);
	ASSERT_EQ(0, session_advance(s, 0));
	ASSERT_EQ(0, session_stats(s));
	faults = s->stats.faults;
	usleep(100000);
	ASSERT_EQ(0, session_advance(s, 0));
	usleep(100000);
	ASSERT_EQ(0, session_stats(s));
	EXPECT_LT(faults, s->stats.faults);
	EXPECT_EQ(0, s->stats.unexplained);
	file = fopen("/proc/sys/kernel/ftrace_enabled", "we");
	ASSERT_NE(NULL, file);
	fprintf(file, "1\n");
	fclose(file);
}

TEST_HARNESS_MAIN
