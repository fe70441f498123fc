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
#include <unistd.h>

#include <glassram/telemetry.h>

#include "density.h"
#include "subscribers.h"
#include "watch.h"

/* Seconds that one fault costs the target: docs/bench.md. */
#define FAULT_COST 0.75e-6

/**
 * struct sample - totals of a moment
 */
struct sample {
	double at;
	uint64_t faults, advance_ns;
	double cpu; /* seconds of all targets that live */
	uint64_t resident; /* pages of them */
	uint32_t live;
};

struct stream {
	const struct glassctl_options *options;
	struct glassram_session *session;
	struct subscribers *subscribers;
	struct glassram_detect *detect;
	struct glassram_columns columns;
	struct glassram_layout layout;
	struct glassram_stats stats;
	struct density density;
	struct sample told; /* at the last telemetry */
	uint32_t regions_slots; /* slots when the layout was read */
	uint64_t sequence;
};

/* Add what /proc says of one process. */
static void add_process(struct sample *sample, uint32_t tgid)
{
	unsigned long long user, system, resident;
	char path[64], text[1024] = "", *fields;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%u/statm", tgid);
	file = fopen(path, "re");
	if (file && fscanf(file, "%*u %llu", &resident) == 1)
		sample->resident += resident;
	if (file)
		fclose(file);
	snprintf(path, sizeof(path), "/proc/%u/stat", tgid);
	file = fopen(path, "re");
	if (!file)
		return;
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	/* The name may hold anything, a bracket too: start behind the last one. */
	fields = strrchr(text, ')');
	if (!fields || sscanf(fields + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu",
			      &user, &system) != 2)
		return;
	sample->cpu += (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static enum glassram_error take_sample(struct stream *s, struct sample *ret_sample)
{
	struct sample sample = {
		.at = watch_clock(),
		.faults = s->stats.faults,
		.advance_ns = s->stats.advance_ns,
	};
	struct glassram_target *targets;
	enum glassram_error error;
	size_t nr;

	error = glassram_targets(s->session, &targets, &nr);
	if (error)
		return error;
	for (size_t i = 0; i < nr; i++) {
		if (targets[i].state != GLASSRAM_STATE_LIVE)
			continue;
		sample.live++;
		add_process(&sample, targets[i].tgid);
	}
	free(targets);
	*ret_sample = sample;
	return GLASSRAM_OK;
}

/* Columns and tables as they are now, read anew only where they changed. */
static enum glassram_error refresh(struct stream *s)
{
	enum glassram_error error = glassram_stats(s->session, &s->stats);
	struct glassram_control control;

	if (error || (error = glassram_control_read(s->session, &control)))
		return error;
	if (!s->columns.map || s->columns.generation != control.counters_generation) {
		glassram_columns_finish(&s->columns);
		error = glassram_columns_init(s->session, &s->columns);
		if (error)
			return error;
	}
	if (!s->layout.generation || s->layout.generation != control.regions_generation ||
	    s->regions_slots != s->stats.slots) {
		glassram_layout_finish(&s->layout);
		memset(&s->layout, 0, sizeof(s->layout));
		s->regions_slots = (uint32_t)s->stats.slots;
		return glassram_layout_init(s->session, &s->layout);
	}
	return GLASSRAM_OK;
}

static uint32_t slots_of(const struct stream *s)
{
	return s->stats.slots < s->columns.slots ? (uint32_t)s->stats.slots : s->columns.slots;
}

static uint64_t now_ns(void)
{
	return (uint64_t)(watch_clock() * 1e9);
}

static enum glassram_error send_message(struct stream *s, struct glassram_message *message)
{
	enum glassram_error error;
	size_t length;
	void *bytes;
	char *text;

	message->pid = (uint32_t)s->options->pid;
	message->sequence = s->sequence++;
	message->time_ns = now_ns();
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

static double overhead(const struct sample *now, const struct sample *then)
{
	double cost;

	/* Also after a RESET, when totals are smaller than before. */
	if (!then->at || now->live != then->live || now->faults < then->faults ||
	    now->advance_ns < then->advance_ns || now->cpu <= then->cpu)
		return NAN;
	cost = (double)(now->faults - then->faults) * FAULT_COST +
	       (double)(now->advance_ns - then->advance_ns) * 1e-9;
	return fmin(cost / (now->cpu - then->cpu), 1);
}

static enum glassram_error send_telemetry(struct stream *s, const struct sample *now)
{
	struct glassram_message message = { .type = GLASSRAM_MESSAGE_TELEMETRY };
	struct glassram_telemetry *t = &message.telemetry;
	struct glassram_report report;

	glassram_detect_report(s->detect, &report);
	t->alarms = report.alarms;
	t->active_threads = report.active_threads;
	t->hilbert_order = density_order(slots_of(s));
	if (s->told.at && now->faults >= s->told.faults && now->at > s->told.at)
		t->fault_rate = (double)(now->faults - s->told.faults) / (now->at - s->told.at);
	t->hit_rate = report.hits_per_second;
	t->new_rate = report.new_per_second;
	memcpy(t->working_set, report.working_set, sizeof(t->working_set));
	/* Every page is armed at every tick: nothing is estimated. */
	t->accuracy = 1;
	t->sampling_rate = 1;
	t->overhead = overhead(now, &s->told);
	s->told = *now;
	return send_message(s, &message);
}

static enum glassram_error send_density(struct stream *s)
{
	struct glassram_message message = { .type = GLASSRAM_MESSAGE_DENSITY };

	if (!density_map(&s->density, &s->columns, slots_of(s), s->stats.epoch,
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
	struct glassram_detect_input input = { .size = sizeof(input) };
	struct sample sample;

	if (error && error != GLASSRAM_ERR_NOT_OWNER && error != GLASSRAM_ERR_NO_MEMORY)
		return error;
	if ((error = refresh(s)) || (error = take_sample(s, &sample)))
		return error;
	if (s->stats.state == GLASSRAM_STATE_ENDED)
		return GLASSRAM_ERR_ENDED;
	input.time_ns = now_ns();
	input.slots = slots_of(s);
	input.hits = s->columns.hits;
	input.stamp = s->columns.stamp;
	input.owner = s->columns.owner;
	input.layout = &s->layout;
	input.resident = sample.resident;
	error = glassram_detect_tick(s->detect, &input);
	if (!error)
		error = send_detections(s);
	if (!error && due)
		error = send_telemetry(s, &sample);
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
	glassram_layout_finish(&s.layout);
	glassram_columns_finish(&s.columns);
	subscribers_close(s.subscribers);
	watch_end(s.session);
	return status;
}
