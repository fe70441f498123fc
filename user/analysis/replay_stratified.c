// SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0
/*
 * The scheme to beat: one slot in so many, in rotation, and straight lines
 * between them.
 *
 * Weak: that is the point.
 */
#include "replay.h"

bool gr_stratified_has(const struct gr_stratified *stratified, size_t slot)
{
	return (slot + stratified->phase) % stratified->stride == 0;
}

void gr_stratified_estimate(const struct gr_stratified *stratified, const uint8_t *known,
			    size_t slots, float *estimates)
{
	const float epoch = 1.0f / GLASSRAM_WINDOW;
	size_t left = slots;
	float before = 0;

	for (size_t s = 0; s <= slots; s++) {
		float value = before;

		if (s < slots) {
			if (known[s] == 2)
				estimates[s] += epoch;
			if ((known[s] != 1 && known[s] != 2) || !gr_stratified_has(stratified, s))
				continue;
			value = known[s] == 2;
		}
		/* The first stretch has nothing to its left, the last nothing to its right. */
		if (left == slots) {
			left = 0;
			before = value;
		}
		for (size_t i = left; i < s; i++)
			if (!known[i])
				estimates[i] += epoch * (before + (value - before) *
							 (float)(i - left) / (s - left));
		left = s;
		before = value;
	}
}
