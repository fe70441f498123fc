// SPDX-License-Identifier: GPL-2.0
/*
 * glassctl events: what happens to a target, one line for each event, as long as
 * it lives.
 *
 * Ticks are made between two events, as hits and changes of the layout need them;
 * where another client owns the session, that client makes them.
 *
 * Weak spot: a reader that is too slow (a terminal, say) loses events; a line says
 * how many.
 */
#include <stdio.h>

#include "output.h"
#include "shown.h"
#include "watch.h"

#define BATCH 256
/* The target's memory goes before its exit is told: how long to wait for that, ms. */
#define DRAIN_MS 500

/* Without --mask: what costs nothing where the target maps or touches memory. */
static const char default_mask[] = "fork,exec,exit,thread-start,thread-exit,refused,layout,"
				   "target,target-end,pause,reset,owner,lost";

static void print_json(const struct glassram_event *event, const char *text)
{
	bool has_target = event->target != GLASSRAM_TARGET_NONE;
	json_t *object = json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:i, s:s}",
				   "event", glassram_event_name(event->type),
				   "time_ns", (json_int_t)event->time_ns,
				   "epoch", (json_int_t)event->epoch,
				   "pid", (json_int_t)event->tgid, "tid", (json_int_t)event->tid,
				   "address", (json_int_t)event->address,
				   "length", (json_int_t)event->length,
				   "value", (json_int_t)event->value, "flags", event->flags,
				   "text", text);

	json_object_set_new(object, "target",
			    has_target ? json_integer(event->target) : json_null());
	json_dumpf(object, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(object);
}

static void print_line(const struct glassram_event *event, const char *text)
{
	char target[16] = "-";

	if (event->target != GLASSRAM_TARGET_NONE)
		snprintf(target, sizeof(target), "%u", event->target);
	printf("%14.6f  %8u  %6s  %7u  %7u  %-12s%s%s\n", event->time_ns / 1e9, event->epoch,
	       target, event->tgid, event->tid, glassram_event_name(event->type),
	       *text ? "  " : "", text);
}

static void print_events(const struct glassctl_options *options,
			 struct glassram_event *events, size_t nr)
{
	char text[GLASSRAM_EVENT_TEXT];

	for (size_t i = 0; i < nr; i++) {
		shown_event(&events[i]);
		glassram_event_text(&events[i], text);
		if (options->json)
			print_json(&events[i], text);
		else
			print_line(&events[i], text);
	}
	/* whoever reads this wants to see it now; main() tells of a failure */
	fflush(stdout);
}

/* Print what is left when the last target has ended. */
static void drain(const struct glassctl_options *options, struct glassram_stream *stream)
{
	struct glassram_event events[BATCH];
	size_t nr;

	while (!glassram_events_read(stream, events, BATCH, DRAIN_MS, &nr) && nr)
		print_events(options, events, nr);
}

static enum glassram_error run(const struct glassctl_options *options,
			       struct glassram_session *session, struct glassram_stream *stream)
{
	double period = 1.0 / (options->rate_hz ? options->rate_hz : GLASSRAM_RATE_DEFAULT);
	double end = watch_clock() + options->seconds, tick = watch_clock();
	struct glassram_event events[BATCH];
	enum glassram_error error;
	size_t nr;

	while (!watch_stopped() && !ferror(stdout) &&
	       !(options->bounded && watch_clock() >= end)) {
		double left = tick - watch_clock();

		if (left <= 0) {
			error = glassram_advance(session, 0, NULL);
			if (error && error != GLASSRAM_ERR_NOT_OWNER &&
			    error != GLASSRAM_ERR_NO_MEMORY)
				return error;
			tick = watch_clock() + period;
			continue;
		}
		error = glassram_events_read(stream, events, BATCH, 1 + (int)(left * 1000), &nr);
		if (error == GLASSRAM_ERR_INTERRUPTED)
			continue;
		if (error)
			return error;
		print_events(options, events, nr);
	}
	return GLASSRAM_OK;
}

static bool open_stream(const struct glassctl_options *options, struct glassram_session *session,
			struct glassram_stream **ret_stream)
{
	uint64_t mask;

	return !glassram_event_mask(options->mask ? options->mask : default_mask, &mask) &&
	       !glassram_events_open(session, mask, 0, ret_stream);
}

int glassctl_events(const struct glassctl_options *options)
{
	bool joined = false;
	struct glassram_session *session = watch_begin(options, &joined);
	struct glassram_stream *stream = NULL;
	int status = GLASSCTL_FAILED;
	enum glassram_error error;

	if (!session)
		return GLASSCTL_FAILED;
	if (!open_stream(options, session, &stream)) {
		watch_failed();
		goto end;
	}
	if (!watch_follow(session, options))
		goto end;
	if (!options->json)
		printf("%14s  %8s  %6s  %7s  %7s  EVENT\n", "TIME", "EPOCH", "TARGET", "PID",
		       "TID");
	error = run(options, session, stream);
	if (error && error != GLASSRAM_ERR_ENDED) {
		watch_failed();
		goto end;
	}
	if (error)
		drain(options, stream);
	status = GLASSCTL_DONE;
end:
	watch_end(session);
	glassram_events_close(stream);
	return status;
}
