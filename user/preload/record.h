/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * Write what a watched process wrote to a trace file, epoch by epoch.
 */
#ifndef GLASSRAM_RECORD_H
#define GLASSRAM_RECORD_H

#include <stdint.h>

#include "selfwatch.h"

/**
 * record_round() - one round of the watch, and its record at the end of a file
 * @watch: what is recorded
 * @file: plain trace (include/glassram/trace.h); the record arrives whole or not at all
 * Return: 0, or what selfwatch_round() says, or the negative errno of the write.
 */
int record_round(struct selfwatch *watch, int file);

/**
 * record_until_end() - rounds at a steady pace, until the process ends
 * @watch: what is recorded
 * @file: plain trace
 * @rate_hz: rounds a second
 * Return: 0, or a negative errno.
 */
int record_until_end(struct selfwatch *watch, int file, unsigned int rate_hz);

#endif
