/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * What both encodings of messages share.
 */
#ifndef TELEMETRY_INTERNAL_H
#define TELEMETRY_INTERNAL_H

#include <glassram/telemetry.h>

/*
 * telemetry.c: whether all fields are in range; each encoding asks it before
 * writing and after reading.
 */
enum glassram_error gr_message_check(const struct glassram_message *message);

/* @count cells, or NULL with the error set. */
float *gr_message_cells(uint32_t width, uint32_t height);

#endif
