// SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0
/*
 * The estimator's memory: from the columns of each epoch to what is known of
 * the last ones.
 *
 * Weak: of a slot that was hit and armed again between two looks only the last
 * hit is known; look once in each epoch.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../../kmod/sampler.h"
#include "../libglassram/internal.h"
#include "estimator.h"

static bool grow(void **array, size_t old, size_t new, size_t size)
{
	char *bytes = realloc(*array, new * size + 1);

	if (!bytes)
		return false;
	memset(bytes + old * size, 0, (new - old) * size);
	*array = bytes;
	return true;
}

enum glassram_error glassram_estimator_resize(struct glassram_estimator *estimator, size_t slots)
{
	struct {
		void *array;
		size_t size;
	} arrays[] = {
		{ &estimator->stamp, sizeof(*estimator->stamp) },
		{ &estimator->armed, sizeof(*estimator->armed) },
		{ &estimator->known, sizeof(*estimator->known) },
		{ &estimator->written, sizeof(*estimator->written) },
		{ &estimator->trusted, sizeof(*estimator->trusted) },
		{ &estimator->known_before, sizeof(*estimator->known_before) },
		{ &estimator->written_before, sizeof(*estimator->written_before) },
	};

	if (slots < estimator->slots || slots > GLASSRAM_MAX_SLOTS)
		return gr_fail(GLASSRAM_ERR_INVALID,
			       "an estimator of %zu slots cannot have %zu: counters only grow, to %u slots",
			       estimator->slots, slots, GLASSRAM_MAX_SLOTS);
	for (size_t i = 0; i < sizeof(arrays) / sizeof(arrays[0]); i++)
		if (!grow(arrays[i].array, estimator->slots, slots, arrays[i].size))
			return gr_fail_errno(ENOMEM, "estimating %zu slots", slots);
	/* No page was there: that is known of all epochs. */
	for (size_t s = estimator->slots; s < slots; s++)
		estimator->known[s] = ~0ULL;
	estimator->slots = slots;
	return GLASSRAM_OK;
}

enum glassram_error glassram_estimator_create(size_t slots,
					      struct glassram_estimator **ret_estimator)
{
	struct glassram_estimator *estimator = calloc(1, sizeof(*estimator));
	enum glassram_error error;

	if (!estimator)
		return gr_fail_errno(ENOMEM, "estimating %zu slots", slots);
	error = glassram_estimator_resize(estimator, slots);
	if (error) {
		glassram_estimator_destroy(estimator);
		return error;
	}
	*ret_estimator = estimator;
	return GLASSRAM_OK;
}

void glassram_estimator_destroy(struct glassram_estimator *estimator)
{
	if (!estimator)
		return;
	free(estimator->stamp);
	free(estimator->armed);
	free(estimator->known);
	free(estimator->written);
	free(estimator->trusted);
	free(estimator->known_before);
	free(estimator->written_before);
	free(estimator);
}

/* Bits of the epochs from @from to @to; bit 0 is @last. */
static uint64_t epochs(uint32_t from, uint32_t to, uint32_t last)
{
	uint64_t mask;

	if (to > last)
		to = last;
	if (from > to || last - to > 63)
		return 0;
	mask = to - from >= 63 ? ~0ULL : (1ULL << (to - from + 1)) - 1;
	return mask << (last - to);
}

/* Bits of the epochs in which a slot may stand for others that was armed in @armed. */
static uint64_t lately(uint32_t armed, uint32_t last)
{
	return epochs(armed, armed + GLASSRAM_SAMPLER_TRUST - 1, last);
}

/* The epoch of the last hit of a run, as it was at the last look. */
static uint32_t last_hit(const struct glassram_estimator *estimator, size_t first, size_t end)
{
	uint32_t last = 0;

	for (size_t s = first; s < end; s++) {
		uint32_t stamp = estimator->stamp[s], armed = estimator->armed[s];

		if (armed && stamp >= armed && stamp > last)
			last = stamp;
	}
	return last;
}

static void observe_slot(struct glassram_estimator *estimator, size_t s, uint32_t first,
			 uint32_t last, uint32_t hit, uint32_t stamp, uint32_t armed)
{
	uint32_t stamp_then = estimator->stamp[s], armed_then = estimator->armed[s];
	uint64_t quiet = 0, written = 0, trusted = 0, between = epochs(first, last, last);
	unsigned int passed = last - first + 1;

	if (stamp >= GLASSRAM_FIRST_EPOCH && stamp >= first)
		written = epochs(stamp, stamp, last);
	if (stamp == GLASSRAM_STAMP_NO_PAGE) {
		quiet = between;
	} else if (stamp_then == GLASSRAM_STAMP_NO_PAGE) {
		/* The first touch; before it nothing was there to be written. */
		quiet = armed ? 0 : epochs(first, stamp - 1, last);
	} else if (armed_then > stamp_then) {
		/* It was armed; up to which epoch did it stay quiet? */
		if (stamp == stamp_then)
			quiet = between;
		else if (armed == armed_then || (first == last && stamp <= last))
			quiet = epochs(first, stamp - 1, last);
		if (armed_then > hit)
			trusted = (quiet | written) & lately(armed_then, last);
	}
	if (armed > armed_then && armed <= last) {
		/* Armed between the looks. */
		quiet |= epochs(armed, stamp < armed ? last : stamp - 1, last);
		trusted |= lately(armed, last);
	}
	quiet &= ~written;

	if (passed > 63) {
		estimator->known_before[s] = estimator->written_before[s] = 0;
		estimator->known[s] = estimator->written[s] = estimator->trusted[s] = 0;
	} else {
		estimator->known_before[s] = estimator->known_before[s] << passed |
					     estimator->known[s] >> (64 - passed);
		estimator->written_before[s] = estimator->written_before[s] << passed |
					       estimator->written[s] >> (64 - passed);
		estimator->known[s] <<= passed;
		estimator->written[s] <<= passed;
		estimator->trusted[s] <<= passed;
	}
	estimator->known[s] |= quiet | written;
	estimator->written[s] |= written;
	estimator->trusted[s] |= trusted & (quiet | written);
	estimator->stamp[s] = stamp;
	estimator->armed[s] = armed;
}

void glassram_estimator_observe(struct glassram_estimator *estimator, uint32_t epoch,
				const uint32_t *stamp, const uint32_t *armed)
{
	uint32_t first = estimator->epoch, last = epoch - 1;

	if (!first)
		first = last; /* of earlier epochs nothing is known */
	if (epoch < 1 || epoch == estimator->epoch)
		return;
	for (size_t start = 0; start < estimator->slots; start += RUN) {
		size_t end = start + RUN < estimator->slots ? start + RUN : estimator->slots;
		uint32_t hit = last_hit(estimator, start, end);

		for (size_t s = start; s < end; s++)
			observe_slot(estimator, s, first, last, hit, stamp[s], armed[s]);
	}
	estimator->epoch = epoch;
}
