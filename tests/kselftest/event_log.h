/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of event streams share: open one, and gather what it tells.
 *
 * Weak spot: a log only grows; a test looks for its events from where it stopped.
 */
#ifndef GLASSRAM_TESTS_EVENT_LOG_H
#define GLASSRAM_TESTS_EVENT_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "session.h"

#define EVENT(type) (1ULL << GLASSRAM_EVENT_##type)

/**
 * struct event_log - all records that were read from one stream
 * @fd: the stream, nonblocking
 * @records: in the order in which they came; the log owns them
 * @nr: their number
 * @ended: read() has given 0
 */
struct event_log {
	int fd;
	struct glassram_event *records;
	size_t nr;
	size_t capacity;
	bool ended;
};

/**
 * events_open() - EVENTS, nonblocking
 * @session_fd: the session
 * @mask: EVENT() of each type wanted
 * @records: room
 *
 * Return: the stream's fd or -errno.
 */
int events_open(int session_fd, uint64_t mask, uint32_t records);

/* log_open() - a stream of 65,536 records and its log. Return: 0 or -errno. */
int log_open(struct event_log *ret, const struct session *s, uint64_t mask);

/* log_read() - read all that is there now. Return: 0 or -errno. */
int log_read(struct event_log *log);

/**
 * log_wait() - read until the log has a record of a type
 * @log: the log
 * @from: index where to begin looking
 * @type: GLASSRAM_EVENT_*
 *
 * Return: its index; log->nr if none came within 5 s.
 */
size_t log_wait(struct event_log *log, size_t from, uint32_t type);

/* log_find() - index of the first record of a type from @from on, or log->nr */
size_t log_find(const struct event_log *log, size_t from, uint32_t type);

/* log_count() - records of one type; log_lost() - sum over all LOST records */
size_t log_count(const struct event_log *log, uint32_t type);
uint64_t log_lost(const struct event_log *log);

/* log_print() - all records as TAP comments, for a test that failed */
void log_print(const struct event_log *log);

void log_close(struct event_log *log);

#endif
