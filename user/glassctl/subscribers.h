/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A Unix socket that others read messages from, and that never waits for them.
 */
#ifndef GLASSCTL_SUBSCRIBERS_H
#define GLASSCTL_SUBSCRIBERS_H

#include <stddef.h>
#include <stdint.h>

#include <glassram/glassram.h>

struct subscribers;

/**
 * struct subscribers_figures - what became of the messages
 * @now: subscribers
 * @came: all that ever came
 * @sent: messages handed over whole, or on their way
 * @skipped: messages that a subscriber did not get, because the one before was not
 *	read yet
 * @dropped: subscribers that read nothing for SUBSCRIBERS_PATIENCE seconds while
 *	a message was on its way
 * @refused: those that found SUBSCRIBERS_MAX before them
 */
struct subscribers_figures {
	uint32_t now;
	uint64_t came;
	uint64_t sent;
	uint64_t skipped;
	uint64_t dropped;
	uint64_t refused;
};

#define SUBSCRIBERS_MAX 64
#define SUBSCRIBERS_PATIENCE 5

/**
 * subscribers_open() - listen
 * @path: of the socket; one that nobody listens on any more is replaced
 * Only the caller's user may connect. Return: NULL with the reason printed.
 */
struct subscribers *subscribers_open(const char *path);

/* subscribers_close() - forget all, remove the socket; NULL is fine */
void subscribers_close(struct subscribers *subscribers);

/**
 * subscribers_send() - give a message to everybody who has read the last one
 * @data: @length bytes, copied where needed
 */
void subscribers_send(struct subscribers *subscribers, const void *data, size_t length);

/**
 * subscribers_wait() - sleep, let subscribers come and go, and send what is left
 * @seconds: at most so long; returns earlier on a signal
 */
void subscribers_wait(struct subscribers *subscribers, double seconds);

void subscribers_figures(const struct subscribers *subscribers,
			 struct subscribers_figures *ret_figures);

#endif
