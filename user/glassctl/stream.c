// SPDX-License-Identifier: GPL-2.0
/*
 * glassctl stream: watch a target and tell subscribers of a Unix socket about it:
 * figures and a density map at a steady pace, and what the detectors find at once.
 *
 * Weak: the overhead rests on the price of a fault on a real machine, also in a
 * virtual one, where it is higher.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <glassram/telemetry.h>

#include "density.h"
#include "subscribers.h"
#include "watch.h"

/* What one fault costs the target: docs/bench.md. */
#define FAULT_NS 750.0

/**
 * struct told - totals at the last telemetry
 */
struct told {
	uint64_t time_ns, faults, advance_ns, cpu_ns;
	uint32_t live;
};

struct stream {
	const struct glassctl_options *options;
	struct glassram_session *session;
	struct subscribers *subscribers;
	struct glassram_detect *detect;
	struct glassram_view view;
	struct density density;
	struct told told;
	uint64_t sequence;
};

static enum glassram_error send_message(struct stream *s, struct glassram_message *message)
{
	enum glassram_error error;
	size_t length;
	void *bytes;
	char *text;

	message->pid = (uint32_t)s->options->pid;
	message->sequence = s->sequence++;
	message->time_ns = s->view.time_ns;
	if (s->options->binary) {
		error = glassram_message_encode(message, &bytes, &length);
		if (error)
			return error;
		subscribers_send(s->subscribers, bytes, length);
		free(bytes);
		return GLASSRAM_OK;
	}
	error = glassram_message_json(message, &text);
	if (error)
		return error;
	/* The newline takes the place of the NUL. */
	length = strlen(text);
	text[length] = '\n';
	subscribers_send(s->subscribers, text, length + 1);
	free(text);
	return GLASSRAM_OK;
}

/* Slots of threads mean nothing to others: look their ids up. */
static void name_threads(struct stream *s, struct glassram_detection *detection)
{
	struct glassram_thread *threads;
	size_t nr;

	if (glassram_threads(s->session, &threads, &nr, NULL))
		return;
	for (uint32_t i = 0; i < detection->nr_threads; i++)
		for (size_t j = 0; j < nr; j++)
			if (threads[j].slot == detection->threads[i].slot)
				detection->threads[i].tid = threads[j].tid;
	free(threads);
}

static enum glassram_error send_detections(struct stream *s)
{
	struct glassram_message message = { .type = GLASSRAM_MESSAGE_DETECTION };
	enum glassram_error error = GLASSRAM_OK;

	while (!error && glassram_detect_next(s->detect, &message.detection)) {
		name_threads(s, &message.detection);
		error = send_message(s, &message);
	}
	return error;
}

static double overhead(const struct told *now, const struct told *then)
{
	double cost;

	/* Also after a RESET, when totals are smaller than before. */
	if (!then->time_ns || now->live != then->live || now->faults < then->faults ||
	    now->advance_ns < then->advance_ns || now->cpu_ns <= then->cpu_ns)
		return NAN;
	cost = (double)(now->faults - then->faults) * FAULT_NS +
	       (double)(now->advance_ns - then->advance_ns);
	return fmin(cost / (double)(now->cpu_ns - then->cpu_ns), 1);
}

static double rate(uint64_t now, uint64_t then, uint64_t ns)
{
	return now >= then && ns ? (double)(now - then) / ((double)ns * 1e-9) : 0;
}

static enum glassram_error send_telemetry(struct stream *s)
{
	struct glassram_message message = { .type = GLASSRAM_MESSAGE_TELEMETRY };
	struct glassram_telemetry *t = &message.telemetry;
	const struct glassram_stats *stats = &s->view.stats;
	const struct told then = s->told;
	struct glassram_report report;

	s->told = (struct told){
		.time_ns = s->view.time_ns,
		.faults = s->view.stats.faults,
		.advance_ns = s->view.stats.advance_ns,
		.cpu_ns = s->view.cpu_ns,
		.live = s->view.live,
	};
	glassram_detect_report(s->detect, &report);
	t->alarms = report.alarms;
	t->active_threads = report.active_threads;
	t->hilbert_order = density_order(s->view.slots);
	if (then.time_ns)
		t->fault_rate = rate(s->told.faults, then.faults, s->told.time_ns - then.time_ns);
	t->hit_rate = report.hits_per_second;
	t->new_rate = report.new_per_second;
	memcpy(t->working_set, report.working_set, sizeof(t->working_set));
	/* Where all is armed at every tick nothing is estimated; else nobody knows yet. */
	t->accuracy = stats->budget == GLASSRAM_BUDGET_ALL ? 1 : NAN;
	t->sampling_rate = 1;
	if (stats->unarmed)
		t->sampling_rate = stats->unarmed < stats->pages ?
				   1 - (double)stats->unarmed / (double)stats->pages : 0;
	t->overhead = overhead(&s->told, &then);
	return send_message(s, &message);
}

static enum glassram_error send_density(struct stream *s)
{
	struct glassram_message message = { .type = GLASSRAM_MESSAGE_DENSITY };

	if (!density_map(&s->density, &s->view.columns, s->view.slots, s->view.stats.epoch,
			 &message.density)) {
		fputs("glassctl: no memory for a density map: choose a smaller --order\n", stderr);
		return GLASSRAM_ERR_NO_MEMORY;
	}
	return send_message(s, &message);
}

/* One tick, and all that is due after it. @due: whether figures are. */
static enum glassram_error tick(struct stream *s, bool due)
{
	enum glassram_error error = glassram_advance(s->session, 0, NULL);

	if (error && error != GLASSRAM_ERR_NOT_OWNER && error != GLASSRAM_ERR_NO_MEMORY)
		return error;
	error = glassram_view_refresh(&s->view, s->session);
	if (error)
		return error;
	if (s->view.stats.state == GLASSRAM_STATE_ENDED)
		return GLASSRAM_ERR_ENDED;
	error = glassram_detect_view(s->detect, &s->view);
	if (!error)
		error = send_detections(s);
	if (!error && due)
		error = send_telemetry(s);
	if (!error && due)
		error = send_density(s);
	return error;
}

static enum glassram_error run(struct stream *s)
{
	const struct glassctl_options *o = s->options;
	double period = 1.0 / (o->rate_hz ? o->rate_hz : GLASSRAM_RATE_DEFAULT);
	double next = watch_clock(), due = next + o->every, end = next + o->seconds;
	enum glassram_error error = GLASSRAM_OK;

	while (!watch_stopped() && !(o->bounded && watch_clock() >= end)) {
		double now = watch_clock();
		bool is_due = now >= due;

		error = tick(s, is_due);
		if (error == GLASSRAM_ERR_INTERRUPTED)
			continue;
		if (error)
			return error;
		if (is_due)
			due = now + o->every;
		next += period;
		if (next < now)
			next = now; /* ticks that are late are not made up for */
		subscribers_wait(s->subscribers, next - watch_clock());
	}
	return GLASSRAM_OK;
}

/* Return: false with the reason printed. */
static bool default_path(const struct glassctl_options *options, char *path, size_t size)
{
	const char *folder = getenv("XDG_RUNTIME_DIR");

	if (options->socket) {
		snprintf(path, size, "%s", options->socket);
		return true;
	}
	if (!folder || !*folder) {
		fputs("glassctl: there is no XDG_RUNTIME_DIR to put the socket in: name one with --socket PATH\n",
		      stderr);
		return false;
	}
	snprintf(path, size, "%s/glassram-%d.sock", folder, options->pid);
	return true;
}

static void print_end(const struct stream *s)
{
	struct subscribers_figures f;

	subscribers_figures(s->subscribers, &f);
	fprintf(stderr, "glassctl: %" PRIu64 " messages for %" PRIu64 " subscribers: %" PRIu64
		" sent, %" PRIu64 " skipped; %" PRIu64 " subscribers dropped, %" PRIu64 " refused\n",
		s->sequence, f.came, f.sent, f.skipped, f.dropped, f.refused);
}

int glassctl_stream(const struct glassctl_options *options)
{
	struct stream s = { .options = options, .density.order = options->order };
	char path[PATH_MAX];
	enum glassram_error error;
	int status = GLASSCTL_FAILED;
	bool joined;

	if (!default_path(options, path, sizeof(path)))
		return GLASSCTL_FAILED;
	s.session = watch_begin(options, &joined);
	if (!s.session)
		return GLASSCTL_FAILED;
	s.subscribers = subscribers_open(path);
	if (!s.subscribers || !watch_follow(s.session, options))
		goto end;
	if (glassram_detect_create(&s.detect)) {
		watch_failed();
		goto end;
	}
	puts(path);
	fflush(stdout);
	error = run(&s);
	if (error && error != GLASSRAM_ERR_ENDED)
		watch_failed();
	else
		status = GLASSCTL_DONE;
	print_end(&s);
end:
	glassram_detect_destroy(s.detect);
	density_finish(&s.density);
	glassram_view_finish(&s.view);
	subscribers_close(s.subscribers);
	watch_end(s.session);
	return status;
}
