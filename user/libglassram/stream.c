// SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0
/*
 * A stream of events: opening it, and reading whole records whatever their length
 * in the module at hand.
 *
 * Weak spot: a record that a newer module made longer is cut to what this library
 * knows.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "internal.h"

#define RECORDS_DEFAULT 4096U
#define RECORDS_DEFAULT_HITS 65536U

/* Longer than any record will ever be. */
#define RECORD_MAX 4096U
/* Bytes read at a time. */
#define BUFFER_BYTES 65536U

/**
 * struct glassram_stream - one open stream
 * @record: length of the module's records, as far as it is known
 */
struct glassram_stream {
	int fd;
	pid_t pid;
	size_t record;
	char buffer[BUFFER_BYTES];
};

static enum glassram_error explain_open(struct glassram_session *session, int err)
{
	switch (err) {
	case EOPNOTSUPP:
		return gr_fail(GLASSRAM_ERR_FEATURE_MISSING, "this kernel has no source for a type of event that was asked for: leave out map, unmap, remove and remap");
	case EBUSY:
		return gr_fail(GLASSRAM_ERR_FEATURE_MISSING, "the kernel's function tracer is switched off, and map, unmap, remove and remap come from it: `sudo sysctl kernel.ftrace_enabled=1`, or leave them out");
	default:
		return gr_explain_session(err, session->pid, "EVENTS");
	}
}

enum glassram_error glassram_events_open(struct glassram_session *session, uint64_t mask,
					 uint32_t records, struct glassram_stream **ret_stream)
{
	bool hits = mask & 1ULL << GLASSRAM_EVENT_HIT;
	struct glassram_events args = {
		.size = sizeof(args),
		.mask = mask,
		.records = records ?: hits ? RECORDS_DEFAULT_HITS : RECORDS_DEFAULT,
	};
	struct glassram_stream *stream;
	enum glassram_error error;

	if (!mask || mask >> GLASSRAM_EVENT_NR)
		return gr_fail(GLASSRAM_ERR_INVALID, "glassram_events_open: a mask of 0x%llx: give 1 << GLASSRAM_EVENT_* for each type wanted",
			       (unsigned long long)mask);
	if (args.records < GLASSRAM_EVENTS_MIN || args.records > GLASSRAM_EVENTS_MAX)
		return gr_fail(GLASSRAM_ERR_INVALID, "glassram_events_open: room for %u records: give %u to %u, or 0",
			       args.records, GLASSRAM_EVENTS_MIN, GLASSRAM_EVENTS_MAX);
	stream = malloc(sizeof(*stream));
	if (!stream)
		return gr_fail_errno(ENOMEM, "cannot open a stream of events");
	stream->pid = session->pid;
	stream->record = sizeof(struct glassram_event);
	stream->fd = ioctl(session->fd, GLASSRAM_EVENTS, &args);
	if (stream->fd < 0) {
		error = explain_open(session, errno);
		free(stream);
		return error;
	}
	/* poll() waits for us; read() must not when another reader was faster */
	fcntl(stream->fd, F_SETFL, O_NONBLOCK);
	*ret_stream = stream;
	return GLASSRAM_OK;
}

/* Read at most @nr records. Return: bytes, 0 at the end, or -errno. */
static ssize_t read_records(struct glassram_stream *stream, size_t nr)
{
	ssize_t got;

	do {
		size_t bytes = BUFFER_BYTES;

		if (nr < bytes / stream->record)
			bytes = nr * stream->record;
		got = read(stream->fd, stream->buffer, bytes);
		if (got >= 0)
			return got;
		/* not even one record fits: they are longer in this module */
		if (errno != EINVAL || stream->record >= RECORD_MAX)
			return -errno;
		stream->record *= 2;
	} while (1);
}

size_t gr_events_take(const char *buffer, size_t bytes, struct glassram_event *events, size_t nr)
{
	size_t at = 0, taken = 0;

	while (taken < nr && bytes - at >= sizeof(uint32_t)) {
		struct glassram_event *event = &events[taken];
		uint32_t size;

		memcpy(&size, buffer + at, sizeof(size));
		if (size < sizeof(size) || size > bytes - at)
			break;
		*event = (struct glassram_event){ 0 };
		memcpy(event, buffer + at, size < sizeof(*event) ? size : sizeof(*event));
		at += size;
		taken++;
	}
	return taken;
}

enum glassram_error glassram_events_read(struct glassram_stream *stream,
					 struct glassram_event *events, size_t nr,
					 int timeout_ms, size_t *ret_nr)
{
	struct pollfd fd = { .fd = stream->fd, .events = POLLIN };
	ssize_t got;

	if (!nr)
		return gr_fail(GLASSRAM_ERR_INVALID, "glassram_events_read: room for at least one event is needed");
	got = read_records(stream, nr);
	if (got == -EAGAIN && timeout_ms) {
		if (poll(&fd, 1, timeout_ms) < 0)
			return gr_explain_session(errno, stream->pid, "poll");
		got = read_records(stream, nr);
	}
	if (got == 0)
		return gr_fail(GLASSRAM_ERR_ENDED, "the session of process %d is closed, and its events are all read: nothing more will come",
			       stream->pid);
	if (got < 0 && got != -EAGAIN)
		return gr_explain_session((int)-got, stream->pid, "read");
	*ret_nr = got < 0 ? 0 : gr_events_take(stream->buffer, (size_t)got, events, nr);
	return GLASSRAM_OK;
}

int glassram_events_fd(const struct glassram_stream *stream)
{
	return stream->fd;
}

void glassram_events_close(struct glassram_stream *stream)
{
	if (!stream)
		return;
	close(stream->fd);
	free(stream);
}
