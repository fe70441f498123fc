// SPDX-License-Identifier: GPL-2.0-only
/*
 * Closing at the worst moment: a session closed, or its client killed, while
 * ADVANCE runs; a session fd that outlives its client in other hands, or in a
 * socket that nobody reads; each also with rmmod tried all the time.
 *
 * Weak spot: which instruction of ADVANCE the close meets is chance.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "race.h"

#include "kselftest_harness.h"

FIXTURE(race_close)
{
	struct target target;
	struct session session;
	struct unloader unloader;
};

FIXTURE_VARIANT(race_close)
{
	bool unload;
};

FIXTURE_VARIANT_ADD(race_close, alone) {};
FIXTURE_VARIANT_ADD(race_close, beside_rmmod) {.unload = true};

FIXTURE_SETUP(race_close)
{
	self->session = (struct session){.fd = -1, .mem_fd = -1, .pagemap_fd = -1,
					 .counters_fd = -1};
	self->unloader = (struct unloader){0};
	ASSERT_EQ(0, target_start(&self->target, racing_target));
	race_go(&self->target);
	if (variant->unload)
		ASSERT_EQ(0, unloader_start(&self->unloader));
}

FIXTURE_TEARDOWN(race_close)
{
	unloader_stop(&self->unloader);
	session_close(&self->session);
	target_kill(&self->target);
}

/* What must hold when all is closed, and what the unloader saw. */
static void expect_sound(struct __test_metadata *_metadata, FIXTURE_DATA(race_close) *self,
			 const FIXTURE_VARIANT(race_close) *variant)
{
	EXPECT_EQ(0, race_unarmed(self->target.pid));
	EXPECT_TRUE(race_moves(&self->target, 10000));
	if (variant->unload)
		RACE_EXPECT_UNLOADS(&self->unloader);
	TH_LOG("the target's longest pass: %ju ms",
	       (uintmax_t)self->target.shared[RACE_STALL] / 1000000);
	EXPECT_EQ(0, race_end(&self->target))
		TH_LOG("the target's memory is not as it left it");
}

static int advance(int fd, void *work)
{
	struct glassram_advance arg = {
		.size = sizeof(arg), .work = (uintptr_t)work, .work_len = SESSION_WORK,
	};

	return ioctl(fd, GLASSRAM_ADVANCE, &arg) ? -errno : 0;
}

struct advancer {
	int fd;
	void *work;
	volatile uint64_t calls;
	volatile int error; /* what ended it */
};

static void *advance_until_closed(void *argument)
{
	struct advancer *a = argument;

	while (!(a->error = advance(a->fd, a->work)))
		a->calls++;
	return NULL;
}

TEST_F_TIMEOUT(race_close, in_the_middle_of_ADVANCE, 300)
{
	unsigned int rounds = race_rounds(6), seed = 1;
	struct session *s = &self->session;
	uint64_t calls = 0;

	for (unsigned int i = 0; i < rounds; i++) {
		struct advancer a = {0};
		pthread_t thread;

		ASSERT_EQ(0, race_open(s, self->target.pid));
		/* Or the mapping of the control page would hold the file. */
		munmap((void *)s->control, PAGE);
		s->control = NULL;
		a.fd = s->fd;
		a.work = s->work;
		ASSERT_EQ(0, pthread_create(&thread, NULL, advance_until_closed, &a));
		while (!a.calls && !a.error)
			usleep(100);
		usleep(rand_r(&seed) % 5000);
		close(s->fd);
		s->fd = -1;
		pthread_join(thread, NULL);
		EXPECT_EQ(-EBADF, a.error);
		calls += a.calls;
		session_close(s);
	}
	TH_LOG("%u rounds, %ju ADVANCEs", rounds, (uintmax_t)calls);
	expect_sound(_metadata, self, variant);
}

/* A client of its own process, until somebody kills it. */
static void advancing_client(pid_t target, volatile uint64_t *calls)
{
	struct session s;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (race_open(&s, target))
		_exit(1);
	while (!session_advance(&s, 0))
		++*calls;
	_exit(2);
}

TEST_F_TIMEOUT(race_close, by_SIGKILL_in_the_middle_of_ADVANCE, 300)
{
	volatile uint64_t *calls = &self->target.shared[RACE_OWN];
	unsigned int rounds = race_rounds(6), seed = 2;

	for (unsigned int i = 0; i < rounds; i++) {
		uint64_t before = *calls, end = now_ns() + patience_ns(60000);
		pid_t client = fork();
		int status;

		ASSERT_LE(0, client);
		if (!client)
			advancing_client(self->target.pid, calls);
		while (*calls == before && now_ns() < end)
			usleep(100);
		ASSERT_NE(before, *calls) TH_LOG("the client never came to advance");
		usleep(rand_r(&seed) % 5000);
		kill(client, SIGKILL);
		ASSERT_EQ(client, waitpid(client, &status, 0));
		EXPECT_TRUE(WIFSIGNALED(status))
			TH_LOG("the client ended by itself with %d", WEXITSTATUS(status));
	}
	TH_LOG("%u rounds, %ju ADVANCEs", rounds, (uintmax_t)*calls);
	expect_sound(_metadata, self, variant);
}

static int send_fd(int socket, int fd)
{
	char byte = 0, control[CMSG_SPACE(sizeof(fd))] = {0};
	struct iovec data = {&byte, 1};
	struct msghdr message = {
		.msg_iov = &data, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&message);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	return sendmsg(socket, &message, 0) == 1 ? 0 : -errno;
}

static int receive_fd(int socket)
{
	char byte, control[CMSG_SPACE(sizeof(int))];
	struct iovec data = {&byte, 1};
	struct msghdr message = {
		.msg_iov = &data, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *c;
	int fd = -1;

	if (recvmsg(socket, &message, 0) != 1)
		return -errno;
	c = CMSG_FIRSTHDR(&message);
	if (c && c->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

/* The process that gets the session: 0 if it can go on with it, whatever became of the first. */
static int heir(int socket, volatile uint64_t *advanced)
{
	char *work = mmap(NULL, SESSION_WORK, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct glassram_stats stats = {.size = sizeof(stats)};
	int fd = receive_fd(socket);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (fd < 0 || work == MAP_FAILED)
		return 1;
	for (int i = 0; i < 200; i++) {
		if (advance(fd, work))
			return 2;
		*advanced = i;
	}
	if (ioctl(fd, GLASSRAM_STATS, &stats))
		return 3;
	if (stats.state != GLASSRAM_STATE_LIVE || stats.unexplained || stats.lost || !stats.hits)
		return 4;
	return close(fd) ? 5 : 0;
}

/* The process that attaches, shares, advances beside the heir, and leaves in one of two ways. */
static void giver(int socket, pid_t target, bool dies)
{
	struct session s;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (race_open(&s, target) || session_advance(&s, 0) || send_fd(socket, s.fd))
		_exit(1);
	for (int i = 0; i < 20; i++)
		if (session_advance(&s, 0))
			_exit(2);
	if (dies)
		raise(SIGKILL);
	session_close(&s);
	_exit(0);
}

TEST_F_TIMEOUT(race_close, a_passed_session_outlives_who_made_it, 300)
{
	volatile uint64_t *advanced = &self->target.shared[RACE_OWN];
	unsigned int rounds = race_rounds(2);

	for (unsigned int i = 0; i < rounds; i++) {
		int sockets[2], status;
		pid_t first, second;

		ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets));
		first = fork();
		ASSERT_LE(0, first);
		if (!first)
			giver(sockets[0], self->target.pid, i % 2);
		second = fork();
		ASSERT_LE(0, second);
		if (!second)
			_exit(heir(sockets[1], advanced));
		close(sockets[0]);
		close(sockets[1]);
		ASSERT_EQ(first, waitpid(first, &status, 0));
		EXPECT_EQ(i % 2 ? SIGKILL : 0, status);
		ASSERT_EQ(second, waitpid(second, &status, 0));
		EXPECT_EQ(0, status) TH_LOG("the heir stopped after %ju ADVANCEs",
					    (uintmax_t)*advanced);
	}
	TH_LOG("%u rounds", rounds);
	expect_sound(_metadata, self, variant);
}

/* Two sockets, each with the other's end and the session in its queue: a cycle. */
TEST_F_TIMEOUT(race_close, a_session_lost_in_a_socket_is_collected, 120)
{
	struct session *s = &self->session;
	unsigned int rounds = race_rounds(2);
	int sockets[2];

	for (unsigned int i = 0; i < rounds; i++) {
		ASSERT_EQ(0, race_open(s, self->target.pid));
		ASSERT_EQ(0, session_advance(s, 0));
		ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets));
		ASSERT_EQ(0, send_fd(sockets[0], s->fd));
		ASSERT_EQ(0, send_fd(sockets[0], sockets[1]));
		ASSERT_EQ(0, send_fd(sockets[1], s->counters_fd));
		ASSERT_EQ(0, send_fd(sockets[1], sockets[0]));
		close(sockets[0]);
		close(sockets[1]);
		session_close(s);
		/* The collector runs when some socket is closed. */
		ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets));
		close(sockets[0]);
		close(sockets[1]);
		EXPECT_EQ(0, race_unarmed(self->target.pid));
	}
	TH_LOG("%u rounds", rounds);
	expect_sound(_metadata, self, variant);
}

TEST_HARNESS_MAIN
