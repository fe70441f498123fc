// SPDX-License-Identifier: GPL-2.0
/*
 * The statistics file: valid JSON with the figures that went in.
 */
#include "stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "tap.h"
#include "view_capture.h"

static struct glassram_thread threads[] = {
	{ .slot = 1, .tid = 11, .hits = 10, .comm = "small" },
	{ .slot = 2, .tid = 12, .hits = 30, .comm = "b\"a\\d\xff\n" },
};

static uint32_t stamps[] = { 0, 1, 2, 9, 1, 0, 3, 0 };

static struct source_view make_view(void)
{
	return (struct source_view){
		.columns = { .slots = 8, .stamp = stamps },
		.threads = threads,
		.nr_threads = 2,
		.epoch = 2,
		.pid = 99,
		.comm = "target",
		.rate_hz = 10,
		.overhead = -1,
	};
}

static void test_file(void)
{
	const struct renderer_status status = { .renderer = "test", .software = true };
	const struct stats_picture picture = { "headless", 640, 480, MAPPER_UNPACK };
	struct source_view view = make_view();
	char path[] = "/tmp/view_stats.XXXXXX";
	json_t *o, *list, *latency;
	struct stats stats;
	int i, fd = mkstemp(path), err;

	close(fd);
	stats_init(&stats);
	for (i = 0; i <= 10; i++) {
		view.epoch = 2 + i;
		view.epoch_began = 100 + i * 0.1 - 0.02;
		view.stats.hits = 1000 + i * 50;
		stats_frame(&stats, &view, 0.001 * (i + 1), 100 + i * 0.1);
	}
	err = stats_write(&stats, path, &view, &status, &picture);
	o = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
	tap_check(!err && o, "the file is JSON");
	tap_check(json_integer_value(json_object_get(o, "frames")) == 11 &&
		  fabs(json_real_value(json_object_get(o, "fps")) - 10) < 0.01 &&
		  fabs(json_real_value(json_object_get(o, "seconds")) - 1) < 0.01,
		  "frames, rate and length");
	tap_check(json_integer_value(json_object_get(o, "hits")) == 1500 &&
		  fabs(json_real_value(json_object_get(o, "hits_per_s")) - 500) < 1 &&
		  json_integer_value(json_object_get(o, "epochs")) == 10, "hits and epochs");
	tap_check(json_integer_value(json_object_get(o, "pages_written")) == 3,
		  "pages written are counted from the stamps");
	tap_check(!strcmp(json_string_value(json_object_get(o, "import")), "unpack"),
		  "the rung in use");
	tap_check(json_is_null(json_object_get(o, "overhead")), "what is not known is null");
	latency = json_object_get(o, "epoch_to_screen_ms");
	tap_check(fabs(json_real_value(json_object_get(latency, "p50")) - 20) < 0.1,
		  "time from epoch to screen");
	tap_check(fabs(json_real_value(json_object_get(json_object_get(o, "draw_ms"), "max")) - 11)
		  < 0.01, "longest drawing");
	list = json_object_get(o, "threads");
	tap_check(json_array_size(list) == 2 &&
		  json_integer_value(json_object_get(json_array_get(list, 0), "tid")) == 12 &&
		  !strcmp(json_string_value(json_object_get(json_array_get(list, 0), "comm")),
			  "b\"a\\d??"), "threads by hits, with any name");
	json_decref(o);
	unlink(path);
	capture_begin();
	err = stats_write(&stats, "/no/such/dir/a.json", &view, &status, &picture);
	capture_end();
	tap_check(err == -1 && captured_line("/no/such/dir/a.json"), "a file that cannot be");
	stats_finish(&stats);
}

static void test_series(void)
{
	struct source_view view = make_view();
	struct stats stats;
	int i;

	stats_init(&stats);
	tap_check(stats_percentile(&stats.draw, 50) < 0, "no samples, no percentile");
	for (i = 0; i < STATS_SAMPLES + 1000; i++)
		stats_frame(&stats, &view, i, 1 + i);
	tap_check(stats_percentile(&stats.draw, 0) == 1000 &&
		  stats_percentile(&stats.draw, 100) == STATS_SAMPLES + 999,
		  "the newest samples are kept");
	tap_check(stats_percentile(&stats.latency, 50) < 0, "an epoch counts once");
	stats_finish(&stats);
}

/* Totals that were set to zero in the middle of a run. */
static void test_reset(void)
{
	static const uint64_t hits[] = { 1000, 1500, 20, 120 };
	const struct renderer_status status = { .renderer = "llvmpipe" };
	const struct stats_picture picture = { .sink = "headless" };
	struct source_view view = make_view();
	char path[] = "/tmp/view_stats.XXXXXX";
	struct stats stats;
	json_t *o;

	close(mkstemp(path));
	stats_init(&stats);
	for (int i = 0; i < 4; i++) {
		view.stats.hits = hits[i];
		stats_frame(&stats, &view, 0, 100 + i);
	}
	stats_write(&stats, path, &view, &status, &picture);
	o = json_load_file(path, 0, NULL);
	tap_check(json_integer_value(json_object_get(o, "hits")) == 120 &&
		  fabs(json_real_value(json_object_get(o, "hits_per_s")) - 620.0 / 3) < 0.1,
		  "a reset: the rate over the run is right: %g",
		  json_real_value(json_object_get(o, "hits_per_s")));
	json_decref(o);
	unlink(path);
	stats_finish(&stats);
}

int main(void)
{
	test_reset();
	test_file();
	test_series();
	return tap_end();
}
