// SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0
/*
 * From counters to changes: one pass over the STAMP column at each tick finds the
 * pages that were hit, and each detector is told of them.
 *
 * A hit always moves the stamp, so that HITS and OWNER are read only where it
 * moved; stretches that stand still are compared 64 slots at a time.
 *
 * Weak: hits that fall between two reads of one slot's columns may be told with
 * the tick after; none is told twice, and none is lost.
 */
#include <stdlib.h>
#include <string.h>

#include "../libglassram/internal.h"
#include "detect_internal.h"

#define STRETCH 64

static const char *const names[GLASSRAM_DETECTION_NR] = {
	[GLASSRAM_DETECTION_CASCADE] = "cascade",
	[GLASSRAM_DETECTION_GROWTH] = "growth",
	[GLASSRAM_DETECTION_PHASE] = "phase",
};

const char *glassram_detection_name(uint32_t kind)
{
	return kind < GLASSRAM_DETECTION_NR ? names[kind] : "unknown";
}

enum glassram_error glassram_detect_create(struct glassram_detect **ret_detect)
{
	struct glassram_detect *d = calloc(1, sizeof(*d));

	if (!d || !gr_threads_init(&d->threads)) {
		free(d);
		return gr_fail(GLASSRAM_ERR_NO_MEMORY, "no memory for detectors: free some");
	}
	*ret_detect = d;
	return GLASSRAM_OK;
}

void glassram_detect_destroy(struct glassram_detect *d)
{
	if (!d)
		return;
	free(d->slots.stamp);
	free(d->slots.hits);
	free(d->slots.written);
	free(d->slots.appeared);
	free(d->slots.woken);
	free(d->slots.owner);
	free(d->cascade.block_burst);
	gr_threads_finish(&d->threads);
	free(d);
}

static bool grow(void *array, size_t from, size_t to, size_t size)
{
	char **p = array, *bigger = realloc(*p, to * size);

	if (!bigger)
		return false;
	memset(bigger + from * size, 0, (to - from) * size);
	*p = bigger;
	return true;
}

/* Room is made in steps, so that a target that grows block by block costs little. */
static bool make_room(struct glassram_detect *d, uint32_t slots)
{
	struct detect_slots *s = &d->slots;
	uint32_t room = s->nr + s->nr / 4;

	if (slots <= s->nr)
		return true;
	if (room < slots)
		room = slots;
	room = (room + GLASSRAM_BLOCK_SLOTS - 1) & ~(GLASSRAM_BLOCK_SLOTS - 1);
	if (!grow(&s->stamp, s->nr, room, sizeof(*s->stamp)) ||
	    !grow(&s->hits, s->nr, room, sizeof(*s->hits)) ||
	    !grow(&s->written, s->nr, room, sizeof(*s->written)) ||
	    !grow(&s->appeared, s->nr, room, sizeof(*s->appeared)) ||
	    !grow(&s->woken, s->nr, room, sizeof(*s->woken)) ||
	    !grow(&s->owner, s->nr, room, sizeof(*s->owner)) ||
	    !gr_cascade_room(&d->cascade, room))
		return false;
	gr_phase_room(&d->phase, room);
	s->nr = room;
	return true;
}

/* How many hits since the last tick. Counters that a RESET or a new target set back start anew. */
static uint32_t hits_since(struct detect_slots *s, uint32_t slot, uint32_t hits)
{
	uint32_t more = hits - s->hits[slot];

	s->hits[slot] = hits;
	return more > UINT32_MAX / 2 ? hits : more;
}

static void forget(struct detect_slots *s, uint32_t slot)
{
	s->hits[slot] = 0;
	s->appeared[slot] = 0;
	s->woken[slot] = 0;
	s->owner[slot] = 0;
}

/* The slot's stamp moved. Return: whether its page appeared. */
static bool take(struct glassram_detect *d, const struct glassram_detect_input *input, uint32_t slot,
		 uint32_t stamp)
{
	struct detect_slots *s = &d->slots;
	uint32_t owner = input->owner[slot];
	bool appeared = s->stamp[slot] == GLASSRAM_STAMP_NO_PAGE && d->started;
	struct detect_hit hit = { .slot = slot };

	s->stamp[slot] = stamp;
	if (stamp == GLASSRAM_STAMP_NO_PAGE) {
		forget(s, slot);
		return false;
	}
	if (appeared)
		s->appeared[slot] = d->tenth;
	hit.epochs = hits_since(s, slot, input->hits[slot]);
	if (!hit.epochs || !d->started)
		return appeared;
	hit.owner = owner < GLASSRAM_MAX_THREADS ? (uint16_t)owner : GLASSRAM_THREAD_NONE;
	hit.before = s->owner[slot];
	hit.rewritten = s->written[slot] &&
			d->tenth - s->written[slot] <= DETECT_ASLEEP_TENTHS;
	gr_workset_hit(&d->workset, s->written[slot]);
	gr_threads_hit(&d->threads, &hit, d->tenth);
	gr_phase_hit(&d->phase, &hit);
	if (!hit.rewritten) {
		s->woken[slot] = d->tenth;
		gr_cascade_woken(&d->cascade, slot);
	}
	s->owner[slot] = hit.owner;
	s->written[slot] = d->tenth;
	return appeared;
}

/* Return: pages that appeared. */
static uint64_t pass(struct glassram_detect *d, const struct glassram_detect_input *input)
{
	uint32_t stretch[STRETCH];
	uint64_t appeared = 0;

	for (uint32_t first = 0; first < input->slots; first += STRETCH) {
		uint32_t nr = input->slots - first < STRETCH ? input->slots - first : STRETCH;

		/* A copy that stands still, read as fast as the compiler can. */
		memcpy(stretch, (const uint32_t *)(uintptr_t)(input->stamp + first),
		       nr * sizeof(*stretch));
		if (!memcmp(stretch, d->slots.stamp + first, nr * sizeof(*stretch)))
			continue;
		for (uint32_t i = 0; i < nr; i++)
			if (stretch[i] != d->slots.stamp[first + i])
				appeared += take(d, input, first + i, stretch[i]);
	}
	return appeared;
}

enum glassram_error glassram_detect_tick(struct glassram_detect *d,
					 const struct glassram_detect_input *input)
{
	double seconds;
	uint64_t appeared;

	if (input->size < sizeof(*input) || !input->hits || !input->stamp || !input->owner)
		return gr_fail(GLASSRAM_ERR_INVALID, "detectors need size, hits, stamp and owner of their input");
	if (d->started && input->time_ns < d->now_ns)
		return gr_fail(GLASSRAM_ERR_INVALID, "the time of a tick lies before that of the last one: use CLOCK_MONOTONIC");
	if (!make_room(d, input->slots))
		return gr_fail(GLASSRAM_ERR_NO_MEMORY, "no memory for detectors of %u slots: free some",
			       input->slots);
	if (!d->started)
		d->begin_ns = d->now_ns = input->time_ns;
	seconds = (double)(input->time_ns - d->now_ns) * 1e-9;
	d->now_ns = input->time_ns;
	d->tenth = (uint32_t)((d->now_ns - d->begin_ns) / DETECT_TENTH_NS) + 1;
	d->layout = input->layout;
	gr_workset_tick(&d->workset, d->tenth);
	appeared = pass(d, input);
	gr_threads_tick(&d->threads, seconds);
	gr_cascade_tick(d);
	gr_growth_tick(d, appeared, input->resident);
	gr_phase_tick(d);
	d->layout = NULL;
	d->started = true;
	return GLASSRAM_OK;
}

enum glassram_error glassram_detect_view(struct glassram_detect *d, const struct glassram_view *view)
{
	const struct glassram_detect_input input = {
		.size = sizeof(input),
		.time_ns = view->time_ns,
		.slots = view->slots,
		.hits = view->columns.hits,
		.stamp = view->columns.stamp,
		.owner = view->columns.owner,
		.layout = &view->layout,
		.resident = view->resident,
	};

	return glassram_detect_tick(d, &input);
}

void gr_detect_tell(struct glassram_detect *d, const struct glassram_detection *detection)
{
	d->queue[d->queue_head++ % DETECT_QUEUE] = *detection;
	if (d->queue_head - d->queue_tail > DETECT_QUEUE)
		d->queue_tail = d->queue_head - DETECT_QUEUE;
	d->detections[detection->kind]++;
}

bool glassram_detect_next(struct glassram_detect *d, struct glassram_detection *ret_detection)
{
	if (d->queue_tail == d->queue_head)
		return false;
	*ret_detection = d->queue[d->queue_tail++ % DETECT_QUEUE];
	return true;
}

/* How long a change of phase is shown, ns. */
#define PHASE_SHOWN_NS 5000000000ULL

void glassram_detect_report(const struct glassram_detect *d, struct glassram_report *ret_report)
{
	struct glassram_report report = {
		.hits_per_second = d->threads.hits_per_second,
		.new_per_second = d->growth.per_second,
		.trend = gr_workset_trend(&d->workset),
		.phase_distance = gr_phase_distance(&d->phase),
	};
	static const uint32_t spans[] = { 10, 100, 600 };

	for (size_t i = 0; i < sizeof(spans) / sizeof(*spans); i++)
		report.working_set[i] = gr_workset_pages(&d->workset, spans[i]);
	for (uint32_t i = 1; i < d->threads.nr; i++) {
		uint32_t active = d->threads.threads[i].active;

		report.active_threads += active && d->tenth - active < 10;
	}
	if (d->cascade.bursting && d->cascade.told)
		report.alarms |= 1U << GLASSRAM_DETECTION_CASCADE;
	for (int i = 0; i < GROWTH_SCALES; i++)
		if (d->growth.scales[i].alarm)
			report.alarms |= 1U << GLASSRAM_DETECTION_GROWTH;
	if (d->phase.told_ns && d->now_ns - d->phase.told_ns < PHASE_SHOWN_NS)
		report.alarms |= 1U << GLASSRAM_DETECTION_PHASE;
	memcpy(report.detections, d->detections, sizeof(report.detections));
	*ret_report = report;
}
