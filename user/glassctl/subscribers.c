// SPDX-License-Identifier: GPL-2.0
/*
 * A Unix socket that others read messages from, and that never waits for them.
 *
 * Each subscriber has room for one message that is on its way. While it is not
 * read, newer messages are skipped: a subscriber that is slow gets fewer messages,
 * each whole, and nobody else notices.
 *
 * Weak: a subscriber that reads one byte now and then keeps its place for ever; it
 * costs one message of memory.
 */
#define _GNU_SOURCE
#include "subscribers.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "watch.h"

struct subscriber {
	int fd;
	char *rest; /* of the message on its way, or NULL */
	size_t length, at;
	double moved; /* when it last took something */
};

struct subscribers {
	int fd;
	struct sockaddr_un address;
	dev_t device;
	ino_t inode;
	struct subscriber list[SUBSCRIBERS_MAX];
	struct subscribers_figures figures;
};

static int failed(const char *path, const char *what)
{
	fprintf(stderr, "glassctl: cannot listen on %s: %s\n", path, what);
	return -1;
}

/* Remove a socket that a stream left behind when it was killed. Return: 0, or -1 with the reason. */
static int remove_stale(const struct sockaddr_un *address)
{
	struct stat st;
	int fd, err;

	if (lstat(address->sun_path, &st))
		return errno == ENOENT ? 0 : failed(address->sun_path, strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return failed(address->sun_path,
			      "there is a file that is no socket: remove it, or name another --socket");
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	err = connect(fd, (const struct sockaddr *)address, sizeof(*address)) ? errno : 0;
	close(fd);
	if (err != ECONNREFUSED)
		return failed(address->sun_path,
			      "another stream has it: end that one, or name another --socket");
	unlink(address->sun_path);
	return 0;
}

static int listen_on(struct subscribers *s, const char *path)
{
	mode_t before;
	struct stat st;
	int err;

	s->address.sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(s->address.sun_path))
		return failed(path, "a socket's path has at most 107 bytes: name a shorter --socket");
	strcpy(s->address.sun_path, path);
	if (remove_stale(&s->address))
		return -1;
	s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* What is told of a target is for the user who may watch it. */
	before = umask(0177);
	err = bind(s->fd, (const struct sockaddr *)&s->address, sizeof(s->address)) ||
	      listen(s->fd, SUBSCRIBERS_MAX) || lstat(path, &st) ? errno : 0;
	umask(before);
	if (err) {
		close(s->fd);
		return failed(path, err == ENOENT ? "its folder does not exist: make it, or name another --socket" :
						    strerror(err));
	}
	s->device = st.st_dev;
	s->inode = st.st_ino;
	return 0;
}

struct subscribers *subscribers_open(const char *path)
{
	struct subscribers *s = calloc(1, sizeof(*s));

	if (!s) {
		fputs("glassctl: no memory for subscribers: free some\n", stderr);
		return NULL;
	}
	if (listen_on(s, path)) {
		free(s);
		return NULL;
	}
	for (size_t i = 0; i < SUBSCRIBERS_MAX; i++)
		s->list[i].fd = -1;
	return s;
}

static void let_go(struct subscribers *s, struct subscriber *one)
{
	close(one->fd);
	free(one->rest);
	*one = (struct subscriber){ .fd = -1 };
	s->figures.now--;
}

void subscribers_close(struct subscribers *s)
{
	struct stat st;

	if (!s)
		return;
	for (size_t i = 0; i < SUBSCRIBERS_MAX; i++)
		if (s->list[i].fd >= 0)
			let_go(s, &s->list[i]);
	close(s->fd);
	/* Somebody may have put another socket there meanwhile. */
	if (!lstat(s->address.sun_path, &st) && st.st_dev == s->device && st.st_ino == s->inode)
		unlink(s->address.sun_path);
	free(s);
}

/* Send as much as goes. Return: bytes, or -1 if the subscriber has gone. */
static ssize_t send_some(const struct subscriber *one, const char *data, size_t length)
{
	ssize_t n = send(one->fd, data, length, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return 0;
	return n;
}

static void send_rest(struct subscribers *s, struct subscriber *one)
{
	ssize_t n = send_some(one, one->rest + one->at, one->length - one->at);

	if (n < 0) {
		let_go(s, one);
		return;
	}
	if (n)
		one->moved = watch_clock();
	one->at += (size_t)n;
	if (one->at < one->length)
		return;
	free(one->rest);
	one->rest = NULL;
}

static void send_to(struct subscribers *s, struct subscriber *one, const char *data, size_t length)
{
	ssize_t n;

	if (one->rest)
		send_rest(s, one);
	if (one->fd < 0)
		return;
	if (one->rest) {
		s->figures.skipped++;
		return;
	}
	n = send_some(one, data, length);
	if (n < 0) {
		let_go(s, one);
		return;
	}
	s->figures.sent++;
	if ((size_t)n == length)
		return;
	one->length = length - (size_t)n;
	one->at = 0;
	one->moved = watch_clock();
	one->rest = malloc(one->length);
	if (one->rest)
		memcpy(one->rest, data + n, one->length);
	else
		let_go(s, one); /* half a message is worse than an end */
}

void subscribers_send(struct subscribers *s, const void *data, size_t length)
{
	for (size_t i = 0; i < SUBSCRIBERS_MAX; i++)
		if (s->list[i].fd >= 0)
			send_to(s, &s->list[i], data, length);
}

static void take_in(struct subscribers *s)
{
	int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	for (size_t i = 0; i < SUBSCRIBERS_MAX; i++) {
		if (s->list[i].fd >= 0)
			continue;
		s->list[i].fd = fd;
		s->figures.now++;
		s->figures.came++;
		return;
	}
	close(fd);
	s->figures.refused++;
}

/* What subscribers say is of no interest, only that they are there. */
static void listen_to(struct subscribers *s, struct subscriber *one)
{
	char heard[256];
	ssize_t n = recv(one->fd, heard, sizeof(heard), MSG_DONTWAIT);

	if (!n || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR))
		let_go(s, one);
}

static void drop_stuck(struct subscribers *s)
{
	double now = watch_clock();

	for (size_t i = 0; i < SUBSCRIBERS_MAX; i++) {
		struct subscriber *one = &s->list[i];

		if (one->fd < 0 || !one->rest || now - one->moved < SUBSCRIBERS_PATIENCE)
			continue;
		let_go(s, one);
		s->figures.dropped++;
	}
}

/* Wait once. Return: false on a signal. */
static bool wait_once(struct subscribers *s, double seconds)
{
	struct pollfd fds[SUBSCRIBERS_MAX + 1] = { { .fd = s->fd, .events = POLLIN } };
	struct timespec time = { (time_t)seconds, (long)((seconds - (time_t)seconds) * 1e9) };

	for (size_t i = 0; i < SUBSCRIBERS_MAX; i++)
		fds[i + 1] = (struct pollfd){
			.fd = s->list[i].fd,
			.events = POLLIN | (s->list[i].rest ? POLLOUT : 0),
		};
	if (ppoll(fds, SUBSCRIBERS_MAX + 1, &time, NULL) < 0)
		return errno != EINTR;
	for (size_t i = 0; i < SUBSCRIBERS_MAX; i++) {
		struct subscriber *one = &s->list[i];

		if (fds[i + 1].revents & (POLLIN | POLLHUP | POLLERR))
			listen_to(s, one);
		if (one->fd >= 0 && fds[i + 1].revents & POLLOUT)
			send_rest(s, one);
	}
	if (fds[0].revents)
		take_in(s);
	return true;
}

void subscribers_wait(struct subscribers *s, double seconds)
{
	double end = watch_clock() + seconds, left = seconds;

	do {
		if (!wait_once(s, left > 0 ? left : 0))
			return;
		drop_stuck(s);
		left = end - watch_clock();
	} while (left > 0);
}

void subscribers_figures(const struct subscribers *s, struct subscribers_figures *ret_figures)
{
	*ret_figures = s->figures;
}
