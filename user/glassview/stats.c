// SPDX-License-Identifier: GPL-2.0
/*
 * The figures of one run of glassview.
 *
 * Weak: pages_written counts pages, not writes, and a page that was written
 * and then given back by the target is still among them.
 */
#define _GNU_SOURCE
#include "stats.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "message.h"

int stats_init(struct stats *stats)
{
	*stats = (struct stats){ 0 };
	stats->draw.values = calloc(STATS_SAMPLES, sizeof(double));
	stats->latency.values = calloc(STATS_SAMPLES, sizeof(double));
	if (!stats->draw.values || !stats->latency.values) {
		stats_finish(stats);
		message("no memory for the statistics: free some and repeat");
		return -1;
	}
	return 0;
}

void stats_finish(struct stats *stats)
{
	free(stats->draw.values);
	free(stats->latency.values);
	*stats = (struct stats){ 0 };
}

static void add(struct stats_series *series, double value)
{
	series->values[series->nr++ % STATS_SAMPLES] = value;
}

void stats_frame(struct stats *stats, const struct source_view *view, double drawing, double now)
{
	if (!stats->frames) {
		stats->began = now - drawing;
		stats->first = now;
		stats->hits_began = view->stats.hits;
		stats->faults_began = view->stats.faults;
		stats->epoch_began = view->epoch;
		stats->epoch_seen = view->epoch;
	}
	/* After a reset the totals begin at 0: what was there before still counts. */
	if (view->stats.hits < stats->hits_seen)
		stats->hits_began -= stats->hits_seen;
	if (view->stats.faults < stats->faults_seen)
		stats->faults_began -= stats->faults_seen;
	stats->hits_seen = view->stats.hits;
	stats->faults_seen = view->stats.faults;
	stats->last = now;
	stats->frames++;
	add(&stats->draw, drawing);
	/* The open epoch began when the one before it was closed. */
	if (view->epoch != stats->epoch_seen && view->epoch_began > 0)
		add(&stats->latency, now - view->epoch_began);
	stats->epoch_seen = view->epoch;
}

static int by_value(const void *a, const void *b)
{
	double first = *(const double *)a, second = *(const double *)b;

	return (first > second) - (first < second);
}

double stats_percentile(const struct stats_series *series, double percent)
{
	size_t nr = series->nr < STATS_SAMPLES ? series->nr : STATS_SAMPLES;
	double *sorted, value;

	sorted = nr ? malloc(nr * sizeof(*sorted)) : NULL;
	if (!sorted)
		return -1;
	memcpy(sorted, series->values, nr * sizeof(*sorted));
	qsort(sorted, nr, sizeof(*sorted), by_value);
	value = sorted[(size_t)(percent / 100 * (nr - 1) + 0.5)];
	free(sorted);
	return value;
}

static json_t *number_or_null(double value)
{
	return value < 0 ? json_null() : json_real(value);
}

static json_t *milliseconds(const struct stats_series *series)
{
	static const struct {
		const char *name;
		double percent;
	} points[] = { { "p50", 50 }, { "p90", 90 }, { "p99", 99 }, { "max", 100 } };
	json_t *object;
	size_t i;

	if (!series->nr)
		return json_null();
	object = json_object();
	for (i = 0; i < sizeof(points) / sizeof(*points); i++)
		json_object_set_new(object, points[i].name,
				    json_real(stats_percentile(series, points[i].percent) * 1e3));
	return object;
}

/* A process may name itself with any bytes; JSON takes UTF-8 only. */
static json_t *name_string(const char *name)
{
	char clean[GLASSRAM_COMM_LEN];
	size_t i;

	for (i = 0; i < sizeof(clean) - 1 && name[i]; i++)
		clean[i] = name[i] >= ' ' && name[i] <= '~' ? name[i] : '?';
	clean[i] = '\0';
	return json_string(clean);
}

static int by_hits(const void *a, const void *b)
{
	const struct glassram_thread *first = a, *second = b;

	return (first->hits < second->hits) - (first->hits > second->hits);
}

static json_t *thread_list(const struct source_view *view)
{
	json_t *list = json_array();
	struct glassram_thread *sorted;
	uint64_t all = 0;
	size_t i;

	sorted = malloc((view->nr_threads + 1) * sizeof(*sorted));
	if (!sorted)
		return list;
	if (view->nr_threads)
		memcpy(sorted, view->threads, view->nr_threads * sizeof(*sorted));
	qsort(sorted, view->nr_threads, sizeof(*sorted), by_hits);
	for (i = 0; i < view->nr_threads; i++)
		all += sorted[i].hits;
	for (i = 0; i < view->nr_threads; i++) {
		json_t *thread = json_object();

		json_object_set_new(thread, "tid", json_integer(sorted[i].tid));
		json_object_set_new(thread, "comm", name_string(sorted[i].comm));
		json_object_set_new(thread, "hits", json_integer(sorted[i].hits));
		json_object_set_new(thread, "share",
				    json_real(all ? (double)sorted[i].hits / all : 0));
		json_array_append_new(list, thread);
	}
	free(sorted);
	return list;
}

static json_t *target_list(const struct source_view *view)
{
	json_t *list = json_array();

	for (size_t i = 0; i < view->nr_targets; i++) {
		const struct glassram_target *target = &view->targets[i];
		json_t *o = json_object();

		json_object_set_new(o, "id", json_integer(target->id));
		json_object_set_new(o, "pid", json_integer(target->tgid));
		json_object_set_new(o, "comm", name_string(target->comm));
		json_object_set_new(o, "live",
				    json_boolean(target->state == GLASSRAM_STATE_LIVE));
		json_object_set_new(o, "late_ms", json_real(target->late_ns * 1e-6));
		json_object_set_new(o, "late_run_ms", json_real(target->late_run_ns * 1e-6));
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *follow_object(const struct source_view *view)
{
	const struct glassram_follow_figures *follow = &view->follow;
	json_t *o;

	if (!view->follows)
		return json_null();
	o = json_object();
	json_object_set_new(o, "added", json_integer(follow->added));
	json_object_set_new(o, "gone", json_integer(follow->gone));
	json_object_set_new(o, "missed", json_integer(follow->missed));
	json_object_set_new(o, "dropped", json_integer(follow->dropped));
	json_object_set_new(o, "lost", json_integer(follow->lost));
	json_object_set_new(o, "late_ms_max", json_real(follow->late_ns_max * 1e-6));
	json_object_set_new(o, "late_run_ms_max", json_real(follow->late_run_ns_max * 1e-6));
	return o;
}

static uint64_t pages_written(const struct glassram_columns *columns)
{
	uint64_t pages = 0;
	uint32_t slot;

	if (!columns->stamp)
		return 0;
	for (slot = 0; slot < columns->slots; slot++)
		pages += columns->stamp[slot] >= GLASSRAM_FIRST_EPOCH;
	return pages;
}

static json_t *make_object(const struct stats *stats, const struct source_view *view,
			   const struct renderer_status *status,
			   const struct stats_picture *picture)
{
	const struct glassram_stats *totals = &view->stats;
	double seconds = stats->last - stats->began;
	double shown = stats->last - stats->first;
	json_t *o = json_object(), *target = json_object();
	uint32_t epochs = view->epoch - stats->epoch_began;

	json_object_set_new(target, "pid", json_integer(view->pid));
	json_object_set_new(target, "comm", name_string(view->comm));
	json_object_set_new(target, "threads", json_integer(view->nr_target_threads));
	json_object_set_new(target, "rss", json_integer(view->rss));
	json_object_set_new(target, "ended", json_boolean(view->ended));

	json_object_set_new(o, "version", json_string(glassram_version()));
	json_object_set_new(o, "target", target);
	json_object_set_new(o, "sink", json_string(picture->sink));
	json_object_set_new(o, "width", json_integer(picture->width));
	json_object_set_new(o, "height", json_integer(picture->height));
	json_object_set_new(o, "renderer", json_string(status->renderer));
	json_object_set_new(o, "software", json_boolean(status->software));
	json_object_set_new(o, "emulated", json_boolean(status->emulated));
	json_object_set_new(o, "import", json_string(mapper_rung_name(picture->rung)));
	json_object_set_new(o, "seconds", json_real(seconds));
	json_object_set_new(o, "frames", json_integer(stats->frames));
	/* n pictures are n - 1 steps apart. */
	json_object_set_new(o, "fps", number_or_null(
		shown > 0 ? (stats->frames - 1) / shown : -1));
	json_object_set_new(o, "rate_hz", json_integer(view->rate_hz));
	json_object_set_new(o, "epochs", json_integer(epochs));
	json_object_set_new(o, "hits", json_integer(totals->hits));
	json_object_set_new(o, "faults", json_integer(totals->faults));
	json_object_set_new(o, "rejected", json_integer(totals->rejected));
	json_object_set_new(o, "deferred", json_integer(totals->deferred));
	json_object_set_new(o, "lost", json_integer(totals->lost));
	json_object_set_new(o, "unexplained", json_integer(totals->unexplained));
	json_object_set_new(o, "hits_per_s", number_or_null(
		seconds > 0 ? (totals->hits - stats->hits_began) / seconds : -1));
	json_object_set_new(o, "faults_per_s", number_or_null(
		seconds > 0 ? (totals->faults - stats->faults_began) / seconds : -1));
	json_object_set_new(o, "pages", json_integer(totals->pages));
	json_object_set_new(o, "pages_written", json_integer(pages_written(&view->columns)));
	json_object_set_new(o, "slots", json_integer(totals->slots));
	json_object_set_new(o, "blocks", json_integer(view->layout.nr_blocks));
	json_object_set_new(o, "regions", json_integer(totals->regions));
	json_object_set_new(o, "refused", json_integer(totals->refused));
	json_object_set_new(o, "memory", json_integer(totals->memory));
	json_object_set_new(o, "overhead", number_or_null(view->overhead));
	json_object_set_new(o, "advance_ms", number_or_null(
		view->epoch > GLASSRAM_FIRST_EPOCH ?
			totals->advance_ns * 1e-6 / (view->epoch - GLASSRAM_FIRST_EPOCH) : -1));
	json_object_set_new(o, "draw_ms", milliseconds(&stats->draw));
	json_object_set_new(o, "epoch_to_screen_ms", milliseconds(&stats->latency));
	json_object_set_new(o, "owner", json_boolean(totals->owner));
	json_object_set_new(o, "clients", json_integer(totals->clients));
	json_object_set_new(o, "targets", target_list(view));
	json_object_set_new(o, "forks", json_integer(view->forks));
	json_object_set_new(o, "execs", json_integer(view->execs));
	json_object_set_new(o, "exits", json_integer(view->exits));
	json_object_set_new(o, "follow", follow_object(view));
	json_object_set_new(o, "threads", thread_list(view));
	return o;
}

int stats_write(const struct stats *stats, const char *path, const struct source_view *view,
		const struct renderer_status *status, const struct stats_picture *picture)
{
	json_t *object = make_object(stats, view, status, picture);
	char *name;
	int err;

	if (asprintf(&name, "%s.new", path) < 0) {
		json_decref(object);
		message("no memory for the statistics: free some and repeat");
		return -1;
	}
	errno = 0;
	err = json_dump_file(object, name, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
	if (!err)
		err = rename(name, path);
	if (err) {
		message("cannot write %s (%s): name a file in a directory that you may write to",
			path, errno ? strerror(errno) : "no memory");
		unlink(name);
	}
	free(name);
	json_decref(object);
	return err ? -1 : 0;
}
