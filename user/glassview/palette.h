/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Every colour of the picture, in one place.
 */
#ifndef GLASSVIEW_PALETTE_H
#define GLASSVIEW_PALETTE_H

#include <stdint.h>

/**
 * struct palette_color - sRGB, 8 bits each, alpha straight
 */
struct palette_color {
	uint8_t r, g, b, a;
};

#define PALETTE_ENTRIES 256

/* Slots without a page, and everything that is not the map. */
extern const struct palette_color palette_ground;
/* A page that was not written since the session began. */
extern const struct palette_color palette_unwritten;
/* Outlines of regions, and lines that lead to labels. */
extern const struct palette_color palette_outline;
/* Backing of text that stands on the map. */
extern const struct palette_color palette_plate;
/* Text: what is read first, what explains it, what to be careful about. */
extern const struct palette_color palette_text;
extern const struct palette_color palette_dim;
extern const struct palette_color palette_amber;
/* Bars, the timeline, and what lies behind them. */
extern const struct palette_color palette_bar;
extern const struct palette_color palette_trough;
/* Marks on the timeline: a process was forked, started another program, ended. */
extern const struct palette_color palette_fork;
extern const struct palette_color palette_exec;
extern const struct palette_color palette_exit;

/* The brightness, 0 to 1, of a page written long ago; a fresh one has 1. */
#define PALETTE_AGE_FLOOR 0.5
/* Seconds from the one to the other. */
#define PALETTE_AGE_SECONDS 2.0

/* The lowest rate with a colour of its own, hits a second. */
#define PALETTE_RATE_LOW 0.1

/**
 * palette_fill() - the colours of the rate scale
 * @ret_table: from the lowest rate to the highest
 *
 * A path through CIELAB whose lightness grows evenly from end to end, so that
 * the order survives any kind of colour blindness and a grey printer.
 */
void palette_fill(struct palette_color ret_table[static PALETTE_ENTRIES]);

/**
 * palette_rate_high() - the rate at the bright end, hits a second
 * @rate_hz: arming rate
 *
 * A page counts at most once in an epoch, so a page written all the time has
 * exactly this rate. It depends on a setting, never on the data.
 */
double palette_rate_high(uint32_t rate_hz);

/**
 * palette_thread() - a colour for a thread slot, the same at every run
 */
struct palette_color palette_thread(uint32_t slot);

#endif
