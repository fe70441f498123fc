// SPDX-License-Identifier: GPL-2.0-only
/*
 * A client that cheats: another of its threads rewrites or unmaps the work
 * area while the module uses it. Whatever the calls return, the kernel stays
 * silent, the target's data stays whole, and the next honest session works.
 *
 * Weak spot: which instant the cheating hits is chance, so this shows that
 * nothing terrible happens, not that every window was tried.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>

#include "session.h"
#include "target.h"

#include "kselftest_harness.h"

#define PAGES 512UL
#define ROUNDS 300
/* Go on as long as this if the cheating has had no effect yet. */
#define PATIENCE_MS 5000

static int checking_target(struct target *t)
{
	uint64_t *area = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const size_t words = PAGE / sizeof(*area);

	if (area == MAP_FAILED)
		return 1;
	for (size_t i = 0; i < PAGES * words; i++)
		area[i] = i;
	t->shared[0] = (uintptr_t)area;
	target_pause(t);
	/* Write for as long as the test wants, then look at every word. */
	while (!t->shared[1]) {
		for (size_t i = 0; i < PAGES; i++)
			((volatile uint64_t *)area)[i * words]++;
		usleep(2000); /* leave the CPUs to the cheating */
	}
	for (size_t i = 0; i < PAGES * words; i++)
		if (i % words && area[i] != i)
			return 2;
	return 0;
}

FIXTURE(hostile)
{
	struct target target;
	struct session session;
};

FIXTURE_SETUP(hostile)
{
	ASSERT_EQ(0, target_start(&self->target, checking_target));
	ASSERT_EQ(0, session_open(&self->session, self->target.pid));
	ASSERT_EQ(0, session_advance(&self->session, 0));
}

FIXTURE_TEARDOWN(hostile)
{
	session_close(&self->session);
	target_kill(&self->target);
}

struct cheat {
	volatile uint64_t *work;
	uint64_t target_address;
	volatile bool stop;
};

/* The arguments of the module's own calls lie in the first page: spoil them. */
static void *rewrite(void *argument)
{
	struct cheat *c = argument;
	uint64_t values[] = {0, ~0ULL, c->target_address, 1, 0x7fffffffffffULL, 3};
	unsigned int n = 0;

	/* The longest of them has twelve words. */
	while (!c->stop) {
		c->work[n % 12] = values[n % ARRAY_SIZE(values)];
		n += 7;
	}
	return NULL;
}

static void *unmap(void *argument)
{
	struct cheat *c = argument;

	while (!c->stop) {
		munmap((void *)c->work, PAGE);
		mmap((void *)c->work, PAGE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	}
	return NULL;
}

static bool is_fair(int err)
{
	return !err || err == -EXDEV || err == -EFAULT || err == -EINVAL || err == -EBUSY;
}

static void cheat(struct __test_metadata *_metadata, FIXTURE_DATA(hostile) *self,
		  void *(*how)(void *))
{
	struct session *s = &self->session;
	struct cheat c = {.work = s->work, .target_address = self->target.shared[0]};
	int failed = 0, reopened = 0, rounds;
	uint64_t end = now_ns() + patience_ns(PATIENCE_MS);
	pthread_t thread;
	char go = 'n';

	ASSERT_EQ(1, write(self->target.to_child, &go, 1)); /* runs until shared[1] */
	ASSERT_EQ(0, pthread_create(&thread, NULL, how, &c));
	for (rounds = 0; rounds < ROUNDS || (!failed && now_ns() < end); rounds++) {
		struct glassram_advance arg = {
			.size = sizeof(arg), .work = (uintptr_t)s->work,
			.work_len = SESSION_WORK,
			.flags = rounds % 4 ? 0 : GLASSRAM_ADVANCE_RESCAN,
		};
		int err = ioctl(s->fd, GLASSRAM_ADVANCE, &arg) ? -errno : 0;

		EXPECT_TRUE(is_fair(err))
			TH_LOG("ADVANCE gave %s", strerror(-err));
		failed += !!err;
		if (err != -EXDEV)
			continue;
		/* The session failed closed: nothing may be left armed by it. */
		EXPECT_EQ(GLASSRAM_STATE_FAILED, s->control->state);
		if (++reopened < 20) {
			struct glassram_attach attach = {
				.size = sizeof(attach), .pid = self->target.pid,
				.mem_fd = s->mem_fd, .pagemap_fd = s->pagemap_fd,
				.work = (uintptr_t)s->work, .work_len = SESSION_WORK,
				.clear_refs_fd = proc_clear_refs(self->target.pid),
			};
			int device = device_open(), fd = -1;

			munmap((void *)s->control, PAGE);
			s->control = NULL;
			close(s->fd);
			s->fd = -1;
			/* The cheating spoils most of these, too. */
			for (int tries = 0; fd < 0 && tries < 200; tries++) {
				fd = ioctl(device, GLASSRAM_ATTACH, &attach);
				err = fd < 0 ? -errno : 0;
				/* UFFDIO_API refuses spoiled features and missing ones alike. */
				EXPECT_TRUE(is_fair(err) || err == -EOPNOTSUPP)
					TH_LOG("ATTACH gave %s", strerror(-err));
				usleep(2000);
			}
			close(device);
			close(attach.clear_refs_fd);
			if (fd < 0)
				break;
			s->fd = fd;
			s->control = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
			ASSERT_NE(MAP_FAILED, (void *)s->control);
		} else {
			break;
		}
	}
	c.stop = true;
	pthread_join(thread, NULL);
	TH_LOG("%d of %d calls were refused, %d sessions failed", failed, rounds, reopened);
	session_close(s);

	/* An honest session after it, and a target that is whole. */
	usleep(100000);
	ASSERT_EQ(0, session_open(s, self->target.pid));
	EXPECT_EQ(0, session_advance(s, 0));
	EXPECT_EQ(0, session_advance(s, 0));
	session_close(s);
	self->target.shared[1] = 1;
	EXPECT_EQ(0, target_finish(&self->target));
}

TEST_F_TIMEOUT(hostile, work_area_rewritten, 60)
{
	cheat(_metadata, self, rewrite);
}

TEST_F_TIMEOUT(hostile, work_area_unmapped, 60)
{
	cheat(_metadata, self, unmap);
}

TEST_HARNESS_MAIN
