/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The synthetic source, as tests drive it: see source.h for the rest.
 */
#ifndef GLASSVIEW_SOURCE_SYNTHETIC_H
#define GLASSVIEW_SOURCE_SYNTHETIC_H

#include "source.h"

/**
 * source_synthetic_tick() - one epoch passes
 * From the first call on, update() leaves the clock alone: each tick takes
 * exactly 1 / rate_hz seconds, whatever the real time, and the same ticks give
 * the same counters on every machine.
 */
void source_synthetic_tick(struct source *source);

/**
 * source_synthetic_hit() - a page is written now, by thread slot @owner
 */
void source_synthetic_hit(struct source *source, uint32_t slot, uint32_t owner);

#endif
