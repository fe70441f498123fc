// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every call of the interface with the 1st, 2nd, ... allocation (or copy from
 * or to the caller) failing, until none fails any more: the kernel stays
 * silent, no fd and no mapping is left behind, the target goes on with its data
 * whole, and the session counts every write of the next epoch, or says that it
 * ended. Prints the number of injections.
 *
 * Weak spot: one failure at a time, and one example of arguments for each call;
 * fail-nth is for one thread, so what workers allocate never fails here.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>

#include "fail_calls.h"

#include "kselftest_harness.h"

/* More failable steps than any call has. */
#define ENDLESS 20000U

#define DEBUGFS "/sys/kernel/debug/"

FIXTURE(fail_nth)
{
	struct sweep sweep;
};

FIXTURE_VARIANT(fail_nth)
{
	const struct call *call;
};

#define VARIANT(name) FIXTURE_VARIANT_ADD(fail_nth, name) { .call = &fail_call_##name };
FAIL_CALLS(VARIANT)

static int write_number(const char *path, unsigned long number)
{
	char text[32];
	int fd = open(path, O_WRONLY | O_CLOEXEC), n;

	if (fd < 0)
		return -errno;
	n = snprintf(text, sizeof(text), "%lu", number);
	n = write(fd, text, n) == n ? 0 : -errno;
	close(fd);
	return n;
}

static long read_number(int fd)
{
	char text[32] = "";

	return pread(fd, text, sizeof(text) - 1, 0) > 0 ? strtol(text, NULL, 0) : -1;
}

static int open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	if (!dir)
		return -1;
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* All allocations may fail, also those that may sleep, and silently: a call trace is trouble. */
static int set_up_injection(void)
{
	static const char *const quiet[] = {"failslab", "fail_page_alloc", "fail_usercopy"};
	char path[128];
	int err = 0;

	for (size_t i = 0; i < sizeof(quiet) / sizeof(quiet[0]); i++) {
		snprintf(path, sizeof(path), DEBUGFS "%s/verbose", quiet[i]);
		err = err ?: write_number(path, 0);
		snprintf(path, sizeof(path), DEBUGFS "%s/probability", quiet[i]);
		err = err ?: write_number(path, 0);
	}
	err = err ?: write_number(DEBUGFS "fail_page_alloc/min-order", 0);
	/* Files for N and Y. */
	if (system("for f in failslab/ignore-gfp-wait fail_page_alloc/ignore-gfp-wait"
		   " fail_page_alloc/ignore-gfp-highmem; do echo N >" DEBUGFS "$f || exit 1; done"))
		err = err ?: -EIO;
	return err;
}

FIXTURE_SETUP(fail_nth)
{
	struct sweep *s = &self->sweep;

	s->fail_nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, s->fail_nth);
	sweep_init(s);
	ASSERT_EQ(0, set_up_injection());
	ASSERT_LE(0, s->device = device_open());
	ASSERT_EQ(0, target_start(&s->target, sweep_target));
	ASSERT_EQ(0, target_start(&s->other, sweep_target));
	if (!variant->call->without_session) {
		ASSERT_EQ(0, sweep_open(s));
		ASSERT_EQ(0, session_advance(&s->session, 0));
	}
}

FIXTURE_TEARDOWN(fail_nth)
{
	struct sweep *s = &self->sweep;

	sweep_release(s);
	target_kill(&s->target);
	target_kill(&s->other);
}

static void note_error(struct sweep *s, long err)
{
	const char *name = strerrorname_np((int)-err);
	size_t used = strlen(s->errors);

	if (name && !strstr(s->errors, name))
		snprintf(s->errors + used, sizeof(s->errors) - used, " %s", name);
}

/* What a failed allocation, or memory that cannot be reached, may give. */
static bool is_honest(long err)
{
	return err == -ENOMEM || err == -EFAULT || err == -EXDEV || err == -EMFILE ||
	       err == -ENFILE;
}

static bool is_failed(struct session *s)
{
	return s->control && s->control->state == GLASSRAM_STATE_FAILED;
}

/* The session counts each write of the next epoch. Return: NULL, or what is wrong. */
static const char *session_fault(struct sweep *s)
{
	uint64_t area = s->target.shared[AREA];
	uint32_t epoch;

	if (session_advance(&s->session, 0))
		return "the next ADVANCE failed";
	epoch = s->session.advanced.epoch;
	if (target_next(&s->target))
		return "the target ended";
	for (uint64_t a = area; a < area + PAGES * PAGE; a += PAGE)
		if (session_stamp(&s->session, a) != epoch)
			return "a page that was written was not counted";
	if (session_stats(&s->session))
		return "STATS failed";
	if (s->session.stats.unexplained)
		return "a write is unexplained";
	if (s->session.stats.lost)
		return "a hit was lost";
	return NULL;
}

/* Return: NULL, or what the failure did that it must not do. */
static const char *consequence(struct sweep *s, const struct call *c)
{
	const char *fault = NULL;

	if (c->without_session) {
		if (!target_is_free(s))
			fault = "the target stays registered";
		else if (target_next(&s->target))
			fault = "the target ended";
	} else if (is_failed(&s->session)) {
		s->ended++;
		if (sweep_open(s) || session_advance(&s->session, 0))
			fault = "no new session after one that failed";
	}
	if (!fault && !c->without_session)
		fault = session_fault(s);
	if (!fault && (s->target.shared[BROKEN] ||
		       (s->other.shared && s->other.shared[BROKEN])))
		fault = "the target's data changed";
	return fault;
}

/* Sessions end in a worker. Return: true once none is left, false after 20 s. */
static bool all_ended(struct sweep *s)
{
	struct glassram_query arg = {.size = sizeof(arg)};

	for (int i = 0; i < PATIENCE_MS; i++) {
		if (!ioctl(s->device, GLASSRAM_QUERY, &arg) && !arg.sessions)
			return true;
		usleep(1000);
	}
	return false;
}

TEST_F_TIMEOUT(fail_nth, leaves_target_and_session_whole, 120)
{
	struct sweep *s = &self->sweep;
	const struct call *c = variant->call;
	unsigned int n;
	long ret;
	int fds;

	/* Once undisturbed. */
	ret = c->prepare ? c->prepare(s) : 0;
	if (!ret)
		ret = c->call(s);
	if (ret == -ENOTTY || ret == -EOPNOTSUPP)
		SKIP(return, "this module lacks the call: %s", strerror((int)-ret));
	ASSERT_LE(0, ret);
	if (c->undo)
		c->undo(s);
	ASSERT_EQ(NULL, consequence(s, c));

	s->target.shared[NEW] = 1;
	for (n = 1; n < ENDLESS; n++) {
		char text[16];
		const char *fault;
		long left;

		if (c->prepare)
			ASSERT_EQ(0, c->prepare(s));
		fds = open_fds();
		snprintf(text, sizeof(text), "%u", n);
		ASSERT_LT(0, pwrite(s->fail_nth, text, strlen(text), 0));
		ret = c->call(s);
		left = read_number(s->fail_nth);
		/* Reading and writing this file are failable steps themselves. */
		while (pwrite(s->fail_nth, "0", 1, 0) != 1)
			;
		if (!left)
			s->injections++;
		if (ret < 0)
			note_error(s, ret);
		else if (!left)
			s->survived++;
		if (ret < 0 && !c->closes) {
			ASSERT_TRUE(is_honest(ret))
				TH_LOG("step %u: %s", n, strerror((int)-ret));
			EXPECT_EQ(fds, open_fds())
				TH_LOG("step %u: an fd is left behind", n);
		}
		if (left)
			ASSERT_LE(0, ret)
				TH_LOG("nothing was injected and the call failed: %s",
				       strerror((int)-ret));
		if (c->undo)
			c->undo(s);
		fault = consequence(s, c);
		ASSERT_EQ(NULL, fault)
			TH_LOG("step %u (%s): %s", n, ret < 0 ? strerror((int)-ret) : "success",
			       fault);
		if (left)
			break;
	}
	ASSERT_GT(ENDLESS, n);
	/* Last, with nothing failing: a session of its own, from ATTACH to close. */
	s->target.shared[NEW] = 0;
	ASSERT_EQ(0, sweep_open(s));
	ASSERT_EQ(NULL, session_fault(s));
	session_close(&s->session);
	EXPECT_TRUE(all_ended(s));
	TH_LOG("%u injections, the call succeeded despite %u, %u ended the session; errors:%s",
	       s->injections, s->survived, s->ended, s->errors);
}

/* One line for all tests where none makes sense. */
static void __attribute__((constructor)) need_injection(void)
{
	if (!access("/proc/thread-self/fail-nth", F_OK))
		return;
	printf("TAP version 13\n1..0 # SKIP this kernel injects no failures: the debug kernel does\n");
	exit(KSFT_SKIP);
}

TEST_HARNESS_MAIN
