// SPDX-License-Identifier: GPL-2.0-only
/*
 * The replay of traces, on a program that is made up: runs of pages that are
 * written together in bursts, a sweep, and pages written each for itself.
 */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "../../user/analysis/replay.h"
#include "tap.h"

#define EPOCHS 240
#define PAGES 3000
/* Three places, as a program has: heap, library, stack. */
#define BASE(page) (0x7f0000100ULL + (page) + (page) / 1000 * 100000)

static struct glassram_trace trace;
static struct gr_replay replay;
static uint64_t writes_made;

static bool writes(unsigned int page, unsigned int epoch)
{
	if (epoch < page / 300)
		return false; /* comes later */
	if (page < 2000) /* runs that are on and off */
		return page / 130 % 3 && ((epoch + 5 * (page / 130)) / 12) % 2;
	if (page < 2500) /* a sweep */
		return page / 50 % 10 == epoch % 10;
	return (page * 2654435761U ^ epoch * 40503U) * 2246822519U >> 24 < page % 200;
}

static void make(void)
{
	bool touched[PAGES] = { false };

	trace.epochs = calloc(EPOCHS, sizeof(*trace.epochs));
	trace.ranges = calloc((size_t)EPOCHS * PAGES, sizeof(*trace.ranges));
	if (!trace.epochs || !trace.ranges)
		abort();
	for (unsigned int epoch = 0; epoch < EPOCHS; epoch++) {
		struct glassram_trace_epoch *record = &trace.epochs[trace.nr_epochs++];

		record->end_ns = epoch * 16000000ULL;
		record->first = trace.nr_ranges;
		for (unsigned int page = 0; page < PAGES; page++) {
			if (!writes(page, epoch))
				continue;
			writes_made += touched[page];
			touched[page] = true;
			trace.ranges[trace.nr_ranges++] =
				(struct glassram_trace_range){ BASE(page), 1 };
			record->nr++;
		}
	}
}

static void test_layout(void)
{
	/* 3 places of up to 1,000 pages, each in 3 chunks at most, in whole blocks. */
	tap_check(replay.nr_chunks >= 6 && replay.nr_chunks <= 9 && replay.slots % 1024 == 0,
		  "%zu chunks, %zu slots", replay.nr_chunks, replay.slots);
	tap_check(replay.writes == writes_made, "%llu writes, first touches excepted",
		  (unsigned long long)replay.writes);
}

static void test_all(void)
{
	struct gr_replay_settings settings = { .share = 1 };
	struct gr_replay_result result;

	tap_check(!gr_replay_run(&replay, &settings, &result) && result.windows == 4, "4 windows");
	tap_check(result.faults == 1 && result.accuracy[0] > 0.99999 &&
		  result.accuracy[2] > 0.99999 && result.f1 == 1,
		  "a budget of 1 sees all: %.5f of the faults, accuracy %.5f", result.faults,
		  result.accuracy[0]);
	tap_check(result.reported[0] > 0.99999, "and knows it: %.5f", result.reported[0]);
}

/*
 * @behind: how far the stratified scheme may be ahead at the same price. With 3 % of the
 * faults it is, a little (docs/sampling.md): this keeps that from growing.
 */
static void test_budget(double share, double page, double cell, double behind)
{
	struct gr_replay_settings settings = { .share = share };
	struct gr_replay_result ours, other;

	if (gr_replay_run(&replay, &settings, &ours))
		abort();
	tap_check(ours.faults <= share * 1.15, "budget %.2f: %.3f of the faults", share, ours.faults);
	tap_check(ours.accuracy[0] > page && ours.accuracy[2] > cell,
		  "accuracy %.3f of pages, %.3f of 16, %.3f of 64", ours.accuracy[0],
		  ours.accuracy[1], ours.accuracy[2]);
	for (size_t i = 0; i < REPLAY_SIZES; i++)
		tap_check(fabs(ours.accuracy[i] - ours.reported[i]) < 0.08,
			  "it thinks that cells of %zu are %.3f", gr_replay_sizes[i],
			  ours.reported[i]);
	if (gr_replay_match(&replay, ours.price_us, &other))
		abort();
	tap_check(other.price_us >= ours.price_us && other.price_us < ours.price_us * 1.3 &&
		  ours.accuracy[0] > other.accuracy[0] - behind &&
		  ours.accuracy[2] > other.accuracy[2] - behind,
		  "stratified at %.0f us, not %.0f: %.3f, %.3f", other.price_us, ours.price_us,
		  other.accuracy[0], other.accuracy[2]);
}

static void test_methods(void)
{
	struct gr_replay_settings settings = { .share = 0.1 };
	struct gr_replay_result result[3];
	double oracle[REPLAY_SIZES];

	for (int method = 0; method < 3; method++) {
		settings.method = method;
		if (gr_replay_run(&replay, &settings, &result[method]))
			abort();
	}
	tap_check(result[0].accuracy[0] > result[1].accuracy[0] &&
		  result[0].accuracy[0] > result[2].accuracy[0],
		  "neighbours %.3f, direct %.3f, L1 %.3f", result[0].accuracy[0],
		  result[1].accuracy[0], result[2].accuracy[0]);
	tap_check(result[0].hits == result[1].hits, "the method has no say in what is armed");
	tap_check(!gr_replay_oracle(&replay, 0.1, oracle) && oracle[0] > 0 && oracle[0] < oracle[1] &&
		  oracle[1] < oracle[2] && oracle[2] < 1, "who knows the truth: %.3f, %.3f, %.3f",
		  oracle[0], oracle[1], oracle[2]);
	tap_check(!gr_replay_oracle(&replay, 1, oracle) && oracle[0] > 0.99, "and may see all: %.3f",
		  oracle[0]);
}

static void test_ideal(void)
{
	struct gr_replay_settings settings = { .scheme = REPLAY_STRATIFIED_IDEAL, .stride = 10 };
	struct gr_replay_result result;

	if (gr_replay_run(&replay, &settings, &result))
		abort();
	tap_check(fabs(result.faults - 0.1) < 0.01, "one in ten for one epoch: %.3f of the faults",
		  result.faults);
	settings.stride = 1;
	if (gr_replay_run(&replay, &settings, &result))
		abort();
	tap_check(result.faults == 1 && result.accuracy[0] > 0.99999, "one in one is all");
}

static void test_hostile(void)
{
	struct glassram_trace_range wide = { 1, 1ULL << 30 };
	struct glassram_trace_epoch epoch = { 1, 0, 1 };
	struct glassram_trace bad = { &epoch, 1, &wide, 1, false };
	struct gr_replay other;

	tap_check(gr_replay_init(&other, &bad) == GLASSRAM_ERR_INVALID, "too wide: %s",
		  glassram_error_message());
	gr_replay_finish(&other);
}

int main(void)
{
	make();
	if (gr_replay_init(&replay, &trace))
		return 1;
	test_layout();
	test_all();
	test_budget(0.1, 0.9, 0.95, 0);
	test_budget(0.03, 0.8, 0.85, 0.04);
	test_methods();
	test_ideal();
	test_hostile();
	gr_replay_finish(&replay);
	glassram_trace_finish(&trace);
	return tap_end();
}
