// SPDX-License-Identifier: GPL-2.0-only
/*
 * Streams of events, as tests read them: see event_log.h.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "event_log.h"

int events_open(int session_fd, uint64_t mask, uint32_t records)
{
	struct glassram_events args = {.size = sizeof(args), .mask = mask, .records = records};
	int fd = ioctl(session_fd, GLASSRAM_EVENTS, &args);

	if (fd < 0)
		return -errno;
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

int log_open(struct event_log *ret, const struct session *s, uint64_t mask)
{
	*ret = (struct event_log){.fd = events_open(s->fd, mask, 65536)};
	return ret->fd < 0 ? ret->fd : 0;
}

int log_read(struct event_log *log)
{
	for (;;) {
		ssize_t n;

		if (log->capacity - log->nr < 1024) {
			log->capacity = 2 * log->capacity + 1024;
			log->records = realloc(log->records,
					       log->capacity * sizeof(*log->records));
			if (!log->records)
				return -ENOMEM;
		}
		n = read(log->fd, log->records + log->nr,
			 (log->capacity - log->nr) * sizeof(*log->records));
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		if (!n) {
			log->ended = true;
			return 0;
		}
		log->nr += (size_t)n / sizeof(*log->records);
	}
}

size_t log_find(const struct event_log *log, size_t from, uint32_t type)
{
	while (from < log->nr && log->records[from].type != type)
		from++;
	return from;
}

size_t log_wait(struct event_log *log, size_t from, uint32_t type)
{
	uint64_t limit = now_ns() + patience_ns(5000);

	for (;;) {
		struct pollfd p = {.fd = log->fd, .events = POLLIN};
		size_t at;

		if (log_read(log))
			return log->nr;
		at = log_find(log, from, type);
		if (at < log->nr || log->ended || now_ns() > limit)
			return at;
		poll(&p, 1, 100);
	}
}

size_t log_count(const struct event_log *log, uint32_t type)
{
	size_t n = 0;

	for (size_t i = 0; i < log->nr; i++)
		n += log->records[i].type == type;
	return n;
}

uint64_t log_lost(const struct event_log *log)
{
	uint64_t n = 0;

	for (size_t i = 0; i < log->nr; i++)
		if (log->records[i].type == GLASSRAM_EVENT_LOST)
			n += log->records[i].value;
	return n;
}

void log_print(const struct event_log *log)
{
	for (size_t i = 0; i < log->nr && i < 200; i++) {
		const struct glassram_event *e = &log->records[i];

		printf("# %3zu type %2u target %d tid %u tgid %u address %#llx length %#llx value %#llx flags %#x epoch %u\n",
		       i, e->type, (int)e->target, e->tid, e->tgid,
		       (unsigned long long)e->address, (unsigned long long)e->length,
		       (unsigned long long)e->value, e->flags, e->epoch);
	}
}

void log_close(struct event_log *log)
{
	if (log->fd > 0)
		close(log->fd);
	free(log->records);
	*log = (struct event_log){.fd = -1};
}
