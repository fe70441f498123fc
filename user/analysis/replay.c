// SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0
/*
 * Replaying write traces: see replay.h.
 *
 * Weak: in the replay an epoch is atomic: nothing is written between the end of
 * one and the arming for the next. What is the same in each epoch and free in
 * the replay (the ticks, the look-around) is in docs/bench.md.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../kmod/sampler.h"
#include "../libglassram/internal.h"
#include "replay.h"

#define CHUNK_SHIFT 9
#define CHUNK_SLOTS (1U << CHUNK_SHIFT)
/* The first epoch of the replay; below it are the special stamps. */
#define EPOCH_FIRST (GLASSRAM_FIRST_EPOCH + 1)
/* Farthest stride of the stratified scheme that is tried. */
#define STRIDE_MAX 4096

const size_t gr_replay_sizes[REPLAY_SIZES] = { 1, 16, 64 };

static int compare_numbers(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static size_t keep_unique(uint64_t *numbers, size_t nr)
{
	size_t kept = 0;

	qsort(numbers, nr, sizeof(*numbers), compare_numbers);
	for (size_t i = 0; i < nr; i++)
		if (!kept || numbers[kept - 1] != numbers[i])
			numbers[kept++] = numbers[i];
	return kept;
}

/* All chunks of all ranges, each once. */
static enum glassram_error find_chunks(struct gr_replay *replay)
{
	const struct glassram_trace *trace = replay->trace;
	const size_t most = GLASSRAM_MAX_SLOTS / CHUNK_SLOTS;
	size_t size = 4 * most, nr = 0;

	replay->chunks = malloc(size * sizeof(*replay->chunks));
	if (!replay->chunks)
		return gr_fail_errno(ENOMEM, "laying out a trace");
	for (size_t i = 0; i < trace->nr_ranges; i++) {
		const struct glassram_trace_range *range = &trace->ranges[i];
		uint64_t chunk = range->page >> CHUNK_SHIFT;
		uint64_t last = (range->page + range->count - 1) >> CHUNK_SHIFT;

		if (last - chunk >= most)
			goto too_many;
		for (; chunk <= last; chunk++) {
			if (nr && replay->chunks[nr - 1] == chunk)
				continue;
			if (nr == size) {
				nr = keep_unique(replay->chunks, nr);
				if (nr > most)
					goto too_many;
			}
			replay->chunks[nr++] = chunk;
		}
	}
	replay->nr_chunks = keep_unique(replay->chunks, nr);
	if (replay->nr_chunks <= most)
		return GLASSRAM_OK;
too_many:
	return gr_fail(GLASSRAM_ERR_INVALID,
		       "a trace with more than %u slots: a session does not hold it either",
		       GLASSRAM_MAX_SLOTS);
}

static uint32_t slot_of(const struct gr_replay *replay, uint64_t page)
{
	uint64_t chunk = page >> CHUNK_SHIFT;
	const uint64_t *at = bsearch(&chunk, replay->chunks, replay->nr_chunks, sizeof(chunk),
				     compare_numbers);

	return (at - replay->chunks) * CHUNK_SLOTS + page % CHUNK_SLOTS;
}

void gr_replay_finish(struct gr_replay *replay)
{
	free(replay->chunks);
	free(replay->first);
	*replay = (struct gr_replay){ 0 };
}

enum glassram_error gr_replay_init(struct gr_replay *replay, const struct glassram_trace *trace)
{
	enum glassram_error error;
	uint8_t *touched;

	*replay = (struct gr_replay){ .trace = trace };
	error = find_chunks(replay);
	if (error) {
		gr_replay_finish(replay);
		return error;
	}
	replay->slots = (replay->nr_chunks * CHUNK_SLOTS + GLASSRAM_BLOCK_SLOTS - 1) /
			GLASSRAM_BLOCK_SLOTS * GLASSRAM_BLOCK_SLOTS;
	replay->first = malloc(trace->nr_ranges * sizeof(*replay->first) + 1);
	touched = calloc(replay->slots + 1, 1);
	if (!replay->first || !touched) {
		free(touched);
		gr_replay_finish(replay);
		return gr_fail_errno(ENOMEM, "laying out a trace");
	}
	for (size_t i = 0; i < trace->nr_ranges; i++) {
		uint32_t slot = slot_of(replay, trace->ranges[i].page);

		replay->first[i] = slot;
		for (uint64_t n = 0; n < trace->ranges[i].count; n++, slot++) {
			replay->writes += touched[slot];
			touched[slot] = 1;
		}
	}
	free(touched);
	return GLASSRAM_OK;
}

/**
 * struct play - a replay under way
 * @stamp: the column
 * @armed: the column
 * @count: epochs of the window in which the slot was written: the truth
 * @written: it was written in this epoch
 * @memory: of each block
 * @estimates: of the slots
 * @errors: expected
 * @known: of the stratified schemes
 */
struct play {
	const struct gr_replay *replay;
	const struct gr_replay_settings *settings;
	struct gr_replay_result *result;
	struct glassram_sampler sampler;
	struct gr_stratified stratified;
	struct glassram_estimator *estimator;
	uint32_t *stamp;
	uint32_t *armed;
	uint32_t *count;
	uint8_t *written;
	uint8_t *known;
	struct glassram_sampler_memory *memory;
	float *estimates;
	float *errors;
	double wrong[REPLAY_SIZES];
	double truth;
	uint64_t active[3]; /* right, missed, wrongly so */
	double decide_s;
	double estimate_s;
};

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return time.tv_sec + time.tv_nsec * 1e-9;
}

static void arm_by_sampler(struct play *play, uint32_t epoch)
{
	struct glassram_sampler_found found = { 0 };

	glassram_sampler_open(&play->sampler, epoch, ~0ULL, REPLAY_FAULT_NS, REPLAY_CALL_NS);
	for (size_t start = 0; start < play->replay->slots; start += GLASSRAM_BLOCK_SLOTS) {
		uint32_t number = start / GLASSRAM_BLOCK_SLOTS;
		struct glassram_sampler_block block = {
			.stamp = play->stamp + start,
			.armed = play->armed + start,
			.memory = &play->memory[number],
		};
		__u64 chosen[GLASSRAM_SAMPLER_RUNS];

		glassram_sampler_choose(&play->sampler, &block, chosen, &found);
		for (unsigned int r = 0; r < GLASSRAM_SAMPLER_RUNS; r++) {
			for (; chosen[r]; chosen[r] &= chosen[r] - 1) {
				size_t s = start + r * GLASSRAM_SAMPLER_RUN +
					   __builtin_ctzll(chosen[r]);

				if (play->stamp[s] && play->armed[s] <= play->stamp[s])
					play->armed[s] = epoch;
			}
		}
	}
	play->result->calls += play->sampler.calls;
}

static void arm_stratified(struct play *play, uint32_t epoch)
{
	bool ideal = play->settings->scheme == REPLAY_STRATIFIED_IDEAL;

	play->stratified.phase = epoch;
	for (size_t s = 0; s < play->replay->slots; s++) {
		if (!play->stamp[s])
			continue;
		if (ideal)
			play->armed[s] = 0;
		if (gr_stratified_has(&play->stratified, s) && play->armed[s] <= play->stamp[s]) {
			play->armed[s] = epoch;
			play->result->calls++;
		}
	}
}

static void write_epoch(struct play *play, size_t index, uint32_t epoch)
{
	const struct glassram_trace_epoch *record = &play->replay->trace->epochs[index];

	memset(play->written, 0, play->replay->slots);
	for (size_t i = record->first; i < record->first + record->nr; i++)
		memset(play->written + play->replay->first[i], 1,
		       play->replay->trace->ranges[i].count);
	for (size_t s = 0; s < play->replay->slots; s++) {
		play->known[s] = 3;
		if (play->stamp[s])
			play->known[s] = play->armed[s] > play->stamp[s] ? 1 + play->written[s] : 0;
		if (!play->written[s])
			continue;
		play->count[s]++;
		if (!play->stamp[s])
			play->known[s] = 2;
		else if (play->known[s])
			play->result->hits++;
		else
			continue;
		play->stamp[s] = epoch;
	}
}

static void judge(struct play *play)
{
	const float *estimates = play->estimates;

	for (size_t size = 0; size < REPLAY_SIZES; size++) {
		for (size_t s = 0; s < play->replay->slots; s += gr_replay_sizes[size]) {
			double estimate = 0, truth = 0;

			for (size_t i = s; i < s + gr_replay_sizes[size]; i++) {
				estimate += estimates[i];
				truth += (double)play->count[i] / GLASSRAM_WINDOW;
			}
			play->wrong[size] += fabs(truth - estimate);
		}
	}
	for (size_t s = 0; s < play->replay->slots; s++) {
		/* Active: written in an epoch, rather than in none. */
		bool thought = estimates[s] >= 0.5 / GLASSRAM_WINDOW, is = play->count[s];

		play->truth += (double)play->count[s] / GLASSRAM_WINDOW;
		play->active[0] += thought && is;
		play->active[1] += !thought && is;
		play->active[2] += thought && !is;
	}
}

static enum glassram_error end_window(struct play *play)
{
	struct gr_replay_result *result = play->result;
	enum glassram_error error = GLASSRAM_OK;
	double begin = now();

	if (play->estimator) {
		error = glassram_estimator_run(play->estimator, play->settings->method,
					       play->estimates, play->errors, &result->figures);
		for (size_t i = 0; !error && i < REPLAY_SIZES; i++)
			result->reported[i] += result->figures.accuracy[i];
	}
	play->estimate_s += now() - begin;
	if (error)
		return error;
	judge(play);
	result->windows++;
	memset(play->count, 0, play->replay->slots * sizeof(*play->count));
	memset(play->estimates, 0, play->replay->slots * sizeof(*play->estimates));
	return GLASSRAM_OK;
}

static enum glassram_error play_all(struct play *play)
{
	const struct gr_replay_settings *settings = play->settings;
	bool stratified = settings->scheme != REPLAY_SAMPLER;
	size_t nr = play->replay->trace->nr_epochs;
	enum glassram_error error = GLASSRAM_OK;

	for (size_t i = 0; i <= nr && !error; i++) {
		uint32_t epoch = EPOCH_FIRST + i;
		double begin = now();

		if (stratified)
			arm_stratified(play, epoch);
		else
			arm_by_sampler(play, epoch);
		play->decide_s += now() - begin;
		begin = now();
		if (play->estimator)
			glassram_estimator_observe(play->estimator, epoch, play->stamp,
						   play->armed);
		play->estimate_s += now() - begin;
		if (i && i % GLASSRAM_WINDOW == 0 && !settings->blind)
			error = end_window(play);
		if (i == nr)
			break;
		write_epoch(play, i, epoch);
		if (stratified && !settings->blind)
			gr_stratified_estimate(&play->stratified, play->known,
					       play->replay->slots, play->estimates);
	}
	return error;
}

static void conclude(struct play *play)
{
	struct gr_replay_result *result = play->result;
	double active = 2.0 * play->active[0] + play->active[1] + play->active[2];

	result->faults = play->replay->writes ? (double)result->hits / play->replay->writes : 0;
	result->price_us = (result->hits * (double)REPLAY_FAULT_NS +
			    result->calls * (double)REPLAY_CALL_NS) / 1000;
	result->decide_ms = 1000 * play->decide_s / play->replay->trace->nr_epochs;
	if (!result->windows)
		return;
	for (size_t i = 0; i < REPLAY_SIZES; i++) {
		result->accuracy[i] = play->truth > 0 ? 1 - play->wrong[i] / play->truth : 1;
		result->reported[i] /= result->windows;
	}
	result->f1 = active > 0 ? 2 * play->active[0] / active : 1;
	result->ms = 1000 * play->estimate_s / result->windows;
}

enum glassram_error gr_replay_run(const struct gr_replay *replay,
				  const struct gr_replay_settings *settings,
				  struct gr_replay_result *ret_result)
{
	size_t slots = replay->slots;
	struct gr_replay_result result = { 0 };
	struct play play = {
		.replay = replay,
		.settings = settings,
		.result = &result,
		.sampler.share = lround(settings->share * GLASSRAM_SAMPLER_ONE),
		.stratified.stride = settings->stride,
		.stamp = calloc(slots + 1, sizeof(*play.stamp)),
		.armed = calloc(slots + 1, sizeof(*play.armed)),
		.count = calloc(slots + 1, sizeof(*play.count)),
		.written = calloc(slots + 1, 1),
		.known = calloc(slots + 1, 1),
		.memory = calloc(slots / GLASSRAM_BLOCK_SLOTS + 1, sizeof(*play.memory)),
		.estimates = calloc(slots + 1, sizeof(*play.estimates)),
		.errors = calloc(slots + 1, sizeof(*play.errors)),
	};
	enum glassram_error error = GLASSRAM_OK;

	if (!play.stamp || !play.armed || !play.count || !play.written || !play.known ||
	    !play.memory || !play.estimates || !play.errors)
		error = gr_fail_errno(ENOMEM, "replaying a trace");
	if (!error && settings->scheme == REPLAY_SAMPLER && !settings->blind)
		error = glassram_estimator_create(slots, &play.estimator);
	if (!error)
		error = play_all(&play);
	if (!error) {
		conclude(&play);
		*ret_result = result;
	}
	glassram_estimator_destroy(play.estimator);
	free(play.stamp);
	free(play.armed);
	free(play.count);
	free(play.written);
	free(play.known);
	free(play.memory);
	free(play.estimates);
	free(play.errors);
	return error;
}

enum glassram_error gr_replay_match(const struct gr_replay *replay, double price_us,
				    struct gr_replay_result *ret_result)
{
	struct gr_replay_settings settings = { .scheme = REPLAY_STRATIFIED, .blind = true };
	unsigned int low = 1, high = STRIDE_MAX;
	struct gr_replay_result result;
	enum glassram_error error;

	/* The farthest stride that still costs as much. */
	while (low + 1 < high) {
		settings.stride = (low + high) / 2;
		error = gr_replay_run(replay, &settings, &result);
		if (error)
			return error;
		if (result.price_us >= price_us)
			low = settings.stride;
		else
			high = settings.stride;
	}
	settings.stride = low;
	settings.blind = false;
	return gr_replay_run(replay, &settings, ret_result);
}
