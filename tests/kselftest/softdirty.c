// SPDX-License-Identifier: GPL-2.0-only
/*
 * The backend for kernels without asynchronous write-protection, on every
 * kernel: the module is loaded with soft_dirty=1 for this program.
 *
 * Counts are exact, nothing is registered with the target, and the file that
 * arms is checked, at ATTACH and each time.
 *
 * Weak spot: it loads the module from the build folder, so it wants to be run
 * from there (GLASSRAM_MODULE names another file).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>

#include "session.h"
#include "target.h"

#include "kselftest_harness.h"

#define PAGES 3000UL
#define LENGTH (PAGES * PAGE)
#define HUGE (2UL << 20)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define RW (PROT_READ | PROT_WRITE)

static int load(const char *parameters)
{
	const char *path = getenv("GLASSRAM_MODULE");
	char built[512];
	struct utsname name;
	int fd, err = 0;

	uname(&name);
	snprintf(built, sizeof(built), "build/kmod-%s/glassram.ko", name.release);
	fd = open(path ? path : built, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	for (int tries = 0; tries < 250; tries++) {
		if (!syscall(SYS_delete_module, "glassram", O_NONBLOCK) || errno == ENOENT)
			break;
		usleep(20000);
	}
	if (syscall(SYS_finit_module, fd, parameters, 0))
		err = -errno;
	close(fd);
	if (!err && system("udevadm settle --timeout=10"))
		err = -EIO;
	return err;
}

FIXTURE(softdirty)
{
	struct target target;
	struct session session;
};

FIXTURE_SETUP(softdirty)
{
	self->session = (struct session){.fd = -1, .mem_fd = -1, .pagemap_fd = -1,
					 .counters_fd = -1};
	if (!arms_by_soft_dirty()) {
		ASSERT_EQ(0, load("soft_dirty=1"));
	}
	ASSERT_EQ(GLASSRAM_BACKEND_SOFT_DIRTY, backends());
}

FIXTURE_TEARDOWN(softdirty)
{
	session_close(&self->session);
	target_kill(&self->target);
}

static void begin(struct __test_metadata *_metadata, FIXTURE_DATA(softdirty) *self,
		  int (*body)(struct target *))
{
	ASSERT_EQ(0, target_start(&self->target, body));
	ASSERT_EQ(0, session_open(&self->session, self->target.pid));
	ASSERT_EQ(0, session_advance(&self->session, 0));
}

/* Pages of the mapping that do not have this many hits. */
static uint32_t wrong_pages(struct session *s, uint64_t start, size_t length, uint32_t hits)
{
	uint32_t wrong = 0;

	for (uint64_t a = start; a < start + length; a += PAGE)
		wrong += session_hits(s, a) != hits;
	return wrong;
}

static void expect_sound(struct __test_metadata *_metadata, struct session *s)
{
	ASSERT_EQ(0, session_stats(s));
	EXPECT_EQ(0, s->stats.lost);
	EXPECT_EQ(0, s->stats.unexplained);
	EXPECT_EQ(s->stats.hits, session_total_hits(s));
}

static char *small_pages(size_t length)
{
	char *area = mmap(NULL, length, RW, ANON, -1, 0);

	if (area == MAP_FAILED)
		return NULL;
	madvise(area, length, MADV_NOHUGEPAGE);
	return area;
}

/* Writes the pages that shared[1] divides, each time it goes on. */
static int writing_target(struct target *t)
{
	char *area = small_pages(LENGTH);

	if (!area)
		return 1;
	memset(area, 1, LENGTH);
	t->shared[0] = (uintptr_t)area;
	for (;;) {
		target_pause(t);
		for (size_t i = 0; i < PAGES; i++)
			if (i % t->shared[1] == 0)
				area[i * PAGE]++;
	}
}

TEST_F(softdirty, every_written_page_has_one_hit_in_each_epoch)
{
	struct session *s = &self->session;
	uint32_t expected[PAGES] = {0}, wrong = 0;

	begin(_metadata, self, writing_target);
	EXPECT_EQ(0, proc_uffd_mappings(self->target.pid));
	EXPECT_EQ(GLASSRAM_STAMP_UNWRITTEN, session_stamp(s, self->target.shared[0]));
	for (uint32_t divisor = 1; divisor < 8; divisor++) {
		self->target.shared[1] = divisor;
		ASSERT_EQ(0, target_next(&self->target));
		ASSERT_EQ(0, session_advance(s, 0));
		EXPECT_LE(PAGES / divisor, s->advanced.armed);
		EXPECT_GT(PAGES / divisor + 64, s->advanced.armed);
		for (size_t i = 0; i < PAGES; i++) {
			expected[i] += i % divisor == 0;
			wrong += session_hits(s, self->target.shared[0] + i * PAGE) != expected[i];
		}
	}
	EXPECT_EQ(0, wrong);
	expect_sound(_metadata, s);
}

/* Others use soft-dirty bits, too (CRIU). That arms more, and loses nothing. */
TEST_F(softdirty, somebody_else_clears)
{
	struct session *s = &self->session;
	int fd;

	begin(_metadata, self, writing_target);
	fd = proc_clear_refs(self->target.pid);
	ASSERT_LE(0, fd);
	self->target.shared[1] = 1;
	for (uint32_t round = 1; round <= 3; round++) {
		ASSERT_EQ(0, target_next(&self->target));
		ASSERT_EQ(1, write(fd, "4", 1));
		ASSERT_EQ(0, target_next(&self->target));
		ASSERT_EQ(1, write(fd, "4", 1));
		ASSERT_EQ(0, session_advance(s, 0));
		EXPECT_EQ(0, wrong_pages(s, self->target.shared[0], LENGTH, round));
	}
	expect_sound(_metadata, s);
	close(fd);
}

static int huge_target(struct target *t)
{
	char *area = mmap(NULL, 4 * HUGE, RW, ANON, -1, 0);

	if (area == MAP_FAILED)
		return 1;
	area += -(uintptr_t)area & (HUGE - 1);
	madvise(area, 3 * HUGE, MADV_HUGEPAGE);
	memset(area, 1, 3 * HUGE);
	t->shared[0] = (uintptr_t)area;
	for (;;) {
		target_pause(t);
		for (size_t i = 7 * PAGE; i < 3 * HUGE; i += PAGE)
			area[i]++;
	}
}

/* The price of this backend: a huge page is armed as one, the first write has the hit. */
TEST_F(softdirty, a_transparent_huge_page_has_one_hit)
{
	struct session *s = &self->session;
	uint64_t area;

	begin(_metadata, self, huge_target);
	area = self->target.shared[0];
	for (uint32_t round = 1; round <= 3; round++) {
		ASSERT_EQ(0, target_next(&self->target));
		ASSERT_EQ(0, session_advance(s, 0));
		EXPECT_EQ(3 * round, session_area_hits(s, area, 3 * HUGE));
		EXPECT_EQ(round, session_hits(s, area + 7 * PAGE));
		EXPECT_EQ(round, session_hits(s, area + HUGE));
	}
	expect_sound(_metadata, s);
}

/* Moves its memory about, over addresses that were watched before. */
static int moving_target(struct target *t)
{
	char *a = small_pages(LENGTH), *b = small_pages(LENGTH);

	memset(a, 1, LENGTH);
	memset(b, 1, LENGTH);
	t->shared[0] = (uintptr_t)a;
	target_pause(t);
	memset(b, 2, LENGTH / 2);
	munmap(a, LENGTH);
	if (mremap(b, LENGTH, LENGTH, MREMAP_MAYMOVE | MREMAP_FIXED, a) != a)
		return 1;
	target_pause(t);
	for (size_t i = 0; i < PAGES; i++)
		a[i * PAGE]++;
	target_pause(t);
	return 0;
}

TEST_F(softdirty, pages_that_were_moved)
{
	struct session *s = &self->session;

	begin(_metadata, self, moving_target);
	ASSERT_EQ(0, target_next(&self->target));
	ASSERT_EQ(0, session_advance(s, 0));
	EXPECT_EQ(0, wrong_pages(s, self->target.shared[0], LENGTH, 0));
	ASSERT_EQ(0, target_next(&self->target));
	ASSERT_EQ(0, session_advance(s, 0));
	EXPECT_EQ(0, wrong_pages(s, self->target.shared[0], LENGTH, 1));
	expect_sound(_metadata, s);
}

/* Each of its faults waits for its thread: a few are enough. */
#define OWN_STEP 40

/* Resolves its own write-protection faults, from a thread. */
static void *resolve(void *argument)
{
	int uffd = *(int *)argument;
	struct uffd_msg message;

	while (read(uffd, &message, sizeof(message)) == sizeof(message)) {
		struct uffdio_writeprotect open_up = {
			.range = {message.arg.pagefault.address & -PAGE, PAGE},
		};

		ioctl(uffd, UFFDIO_WRITEPROTECT, &open_up);
	}
	return NULL;
}

static int own_uffd_target(struct target *t)
{
	char *area = small_pages(LENGTH);
	static int uffd;
	struct uffdio_api api = {.api = UFFD_API};
	struct uffdio_register reg = {
		.range = {(uintptr_t)area, LENGTH}, .mode = UFFDIO_REGISTER_MODE_WP,
	};
	struct uffdio_writeprotect protect = {
		.range = reg.range, .mode = UFFDIO_WRITEPROTECT_MODE_WP,
	};
	pthread_t thread;

	memset(area, 1, LENGTH);
	t->shared[0] = (uintptr_t)area;
	uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	if (ioctl(uffd, UFFDIO_API, &api) || ioctl(uffd, UFFDIO_REGISTER, &reg) ||
	    pthread_create(&thread, NULL, resolve, &uffd))
		return 1;
	for (;;) {
		target_pause(t);
		for (size_t i = 0; i < PAGES; i += OWN_STEP)
			area[i * PAGE]++;
		t->shared[2] = (uint64_t)ioctl(uffd, UFFDIO_WRITEPROTECT, &protect);
	}
}

/* What the other backend must refuse: a mapping under the target's own userfaultfd. */
TEST_F(softdirty, a_target_with_a_userfaultfd_of_its_own)
{
	struct session *s = &self->session;
	struct glassram_region region;

	begin(_metadata, self, own_uffd_target);
	ASSERT_EQ(0, session_region(s, self->target.shared[0], &region));
	EXPECT_EQ(GLASSRAM_REGION_WATCHED, region.state);
	for (uint32_t round = 1; round <= 3; round++) {
		uint32_t wrong = 0;

		ASSERT_EQ(0, target_next(&self->target));
		ASSERT_EQ(0, self->target.shared[2]);
		ASSERT_EQ(0, session_advance(s, 0));
		for (size_t i = 0; i < PAGES; i++)
			wrong += session_hits(s, self->target.shared[0] + i * PAGE) !=
				 (i % OWN_STEP ? 0 : round);
		EXPECT_EQ(0, wrong);
	}
	expect_sound(_metadata, s);
}

static int hugetlb_target(struct target *t)
{
	char *area = mmap(NULL, HUGE, RW, ANON | MAP_HUGETLB, -1, 0);

	if (area == MAP_FAILED) {
		target_pause(t);
		return 1;
	}
	area[0] = 1;
	t->shared[0] = (uintptr_t)area;
	for (;;) {
		target_pause(t);
		area[0]++;
	}
}

TEST_F(softdirty, hugetlb_is_refused)
{
	struct session *s = &self->session;
	struct glassram_region region;

	if (system("echo 1 >/proc/sys/vm/nr_hugepages"))
		SKIP(return, "no huge page could be reserved");
	begin(_metadata, self, hugetlb_target);
	if (!self->target.shared[0])
		SKIP(return, "no huge page could be reserved");
	ASSERT_EQ(0, session_region(s, self->target.shared[0], &region));
	EXPECT_EQ(GLASSRAM_REGION_REFUSED, region.state);
	EXPECT_EQ(EINVAL, region.error);
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, target_next(&self->target));
		ASSERT_EQ(0, session_advance(s, 0));
	}
	EXPECT_EQ(0, session_hits(s, self->target.shared[0]));
	expect_sound(_metadata, s);
	target_kill(&self->target);
	EXPECT_EQ(0, system("echo 0 >/proc/sys/vm/nr_hugepages"));
}

/* shared[0]: the area; shared[1]: 1 lets it end. Writes all the time. */
static int busy_target(struct target *t)
{
	char *area = small_pages(LENGTH);

	memset(area, 1, LENGTH);
	t->shared[0] = (uintptr_t)area;
	target_pause(t);
	while (!t->shared[1])
		for (size_t i = 0; i < PAGES; i++)
			area[i * PAGE]++;
	return 0;
}

/* A pinned page is not armed by the kernel; that may cost a hit, not the self-check. */
TEST_F(softdirty, pins_do_not_look_like_lost_hits)
{
	struct session *s = &self->session;
	static char data[64 * PAGE];
	char go = 'n';

	begin(_metadata, self, busy_target);
	ASSERT_EQ(1, write(self->target.to_child, &go, 1));
	for (int i = 0; i < 200; i++) {
		struct iovec from = {data, sizeof(data)};
		struct iovec to = {(void *)(self->target.shared[0] + i * 8 * PAGE), sizeof(data)};

		if (i % 3)
			ASSERT_EQ(sizeof(data), process_vm_writev(self->target.pid, &from, 1, &to,
								  1, 0));
		ASSERT_EQ(0, session_advance(s, 0));
	}
	ASSERT_EQ(0, session_stats(s));
	EXPECT_EQ(0, s->stats.lost);
	EXPECT_EQ(0, s->stats.unexplained);
	self->target.shared[1] = 1;
	EXPECT_EQ(0, target_finish(&self->target));
}

/* Let the session go; keep the files and the work area. */
static void let_go(struct session *s)
{
	munmap((void *)s->control, PAGE);
	s->control = NULL;
	close(s->fd);
	s->fd = -1;
}

static int attach(struct session *s, pid_t pid, int clear_refs_fd)
{
	struct glassram_attach arg = {
		.size = sizeof(arg), .pid = pid, .mem_fd = s->mem_fd, .pagemap_fd = s->pagemap_fd,
		.work = (uintptr_t)s->work, .work_len = SESSION_WORK,
		.clear_refs_fd = clear_refs_fd,
	};
	int device = device_open(), fd = ioctl(device, GLASSRAM_ATTACH, &arg), err = errno;

	close(device);
	return fd < 0 ? -err : fd;
}

TEST_F(softdirty, which_file_arms_is_checked)
{
	struct session *s = &self->session;
	uint64_t end = now_ns() + patience_ns(10000);
	pid_t pid;
	int fd;

	begin(_metadata, self, writing_target);
	pid = self->target.pid;
	let_go(s);
	EXPECT_EQ(-EBADF, attach(s, pid, -1));
	fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
	EXPECT_EQ(-EPERM, attach(s, pid, fd));
	close(fd);
	EXPECT_EQ(-EINVAL, attach(s, pid, s->pagemap_fd));
	EXPECT_EQ(-EINVAL, attach(s, pid, STDIN_FILENO));
	fd = proc_clear_refs(pid);
	/* Clean-up may go on for a while after close(). */
	do {
		s->fd = attach(s, pid, fd);
	} while (s->fd == -EBUSY && now_ns() < end && !usleep(10000));
	ASSERT_LE(0, s->fd);
	close(fd);
	s->control = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, s->fd, 0);
	ASSERT_NE(MAP_FAILED, (void *)s->control);
	EXPECT_EQ(0, session_advance(s, 0));
}

TEST_F(softdirty, attach_of_the_first_version)
{
	struct session *s = &self->session;
	struct glassram_attach arg = {
		.size = GLASSRAM_ATTACH_SIZE_VER0, .work_len = SESSION_WORK,
	};
	int device = device_open();

	begin(_metadata, self, writing_target);
	let_go(s);
	arg.pid = self->target.pid;
	arg.mem_fd = s->mem_fd;
	arg.pagemap_fd = s->pagemap_fd;
	arg.work = (uintptr_t)s->work;
	/* Whatever fd 0 is, it is not the target's clear_refs. */
	EXPECT_EQ(-1, ioctl(device, GLASSRAM_ATTACH, &arg));
	EXPECT_TRUE(errno == EINVAL || errno == EBADF);
	close(device);
}

struct cheat {
	volatile char *work;
	volatile bool stop;
};

/* "1" instead of "4": a valid order that arms nothing. */
static void *rewrite(void *argument)
{
	struct cheat *cheat = argument;

	while (!cheat->stop)
		cheat->work[0] = '1';
	return NULL;
}

TEST_F_TIMEOUT(softdirty, an_order_that_arms_nothing_ends_the_session, 60)
{
	struct session *s = &self->session;
	uint64_t end = now_ns() + patience_ns(20000);
	struct cheat cheat = {0};
	pthread_t thread;
	int err = 0;

	begin(_metadata, self, writing_target);
	cheat.work = s->work;
	ASSERT_EQ(0, pthread_create(&thread, NULL, rewrite, &cheat));
	while (!err && now_ns() < end)
		err = session_advance(s, 0);
	cheat.stop = true;
	pthread_join(thread, NULL);
	EXPECT_EQ(-EXDEV, err);
	EXPECT_EQ(GLASSRAM_STATE_FAILED, s->control->state);
	EXPECT_EQ(-EXDEV, session_advance(s, 0));
}

static int linger(void *argument)
{
	(void)argument;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* Else the test would wait for its end of a pipe. */
	syscall(SYS_close_range, 3, ~0U, 0);
	pause();
	return 0;
}

static int exec_target(struct target *t)
{
	static char stack[65536] __attribute__((aligned(16)));

	/* It keeps the address space alive after the exec. */
	if (clone(linger, stack + sizeof(stack), CLONE_VM | SIGCHLD, NULL) < 0)
		return 2;
	target_pause(t);
	execl("/bin/sleep", "sleep", "30", (char *)NULL);
	return 1;
}

TEST_F(softdirty, an_exec_ends_the_session)
{
	struct session *s = &self->session;
	uint64_t end = now_ns() + patience_ns(5000);
	int err = 0;

	begin(_metadata, self, exec_target);
	EXPECT_EQ(-ESRCH, target_next(&self->target));
	while (!err && now_ns() < end)
		err = session_advance(s, 0);
	EXPECT_EQ(-ESRCH, err);
	EXPECT_EQ(GLASSRAM_STATE_ENDED, s->control->state);
	session_close(s);
	EXPECT_EQ(0, session_open(s, self->target.pid));
	EXPECT_EQ(0, session_advance(s, 0));
}

TEST_HARNESS_MAIN
