/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * Messages: what a session tells others about its target, as JSON or binary.
 *
 * Three types: telemetry (figures of a moment), density (the map), detection
 * (what a detector found). `glassctl stream` sends them; see docs/api.md for the
 * form of both encodings.
 *
 * GLASSRAM_MESSAGE_VERSION changes when the meaning of a field does. Additions
 * come at the end, and readers skip what they do not know.
 *
 * Weak: JSON has no integers above 2^63 and no NaN: the first are refused, the
 * second is null.
 */
#ifndef GLASSRAM_TELEMETRY_H
#define GLASSRAM_TELEMETRY_H

#include <glassram/detect.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GLASSRAM_MESSAGE_VERSION 1

#define GLASSRAM_MESSAGE_TELEMETRY 1
#define GLASSRAM_MESSAGE_DENSITY 2
#define GLASSRAM_MESSAGE_DETECTION 3

/* Most cells of a side of a density map: order 12. */
#define GLASSRAM_DENSITY_SIDE 4096

/**
 * struct glassram_telemetry - figures of a moment
 * @alarms: as in struct glassram_report
 * @active_threads: threads that were first to write a page in the last second
 * @hilbert_order: order of the curve that holds all slots; 0 unknown
 * @pad: 0
 * @fault_rate: write faults a second that the hook saw
 * @hit_rate: pages x epochs a second
 * @new_rate: pages that appeared, a second
 * @working_set: pages written in the last 1, 10, 60 s
 * @accuracy: of the reconstruction, 0 to 1; 1 where every hit is counted; NaN
 *	unknown
 * @sampling_rate: share of the writes that are looked at, 0 to 1
 * @overhead: share of the targets' CPU time that watching takes, an estimate;
 *	NaN unknown
 */
struct glassram_telemetry {
	uint32_t alarms;
	uint32_t active_threads;
	uint32_t hilbert_order;
	uint32_t pad;
	double fault_rate;
	double hit_rate;
	double new_rate;
	uint64_t working_set[3];
	double accuracy;
	double sampling_rate;
	double overhead;
};

/**
 * struct glassram_density - the map
 * @width, @height: cells, 1 to GLASSRAM_DENSITY_SIDE
 * @cells: @height rows of @width, row 0 first, each 0 (quiet) to 1 (every page
 *	written in every epoch). A message that was read owns them
 */
struct glassram_density {
	uint32_t width;
	uint32_t height;
	float *cells;
};

/**
 * struct glassram_message - one message
 * @type: GLASSRAM_MESSAGE_*
 * @pid: the process attached to
 * @sequence: counts all messages of a sender, so that a gap tells of skipped ones
 * @time_ns: CLOCK_MONOTONIC
 * @telemetry, @density, @detection: by type
 */
struct glassram_message {
	uint32_t type;
	uint32_t pid;
	uint64_t sequence;
	uint64_t time_ns;
	union {
		struct glassram_telemetry telemetry;
		struct glassram_density density;
		struct glassram_detection detection;
	};
};

/**
 * glassram_message_json() - as one line of JSON, without the newline
 * @ret_text: to be freed with free()
 *
 * Names of regions that are no UTF-8 have '?' for what cannot be said.
 * GLASSRAM_ERR_INVALID: a field is out of range; the message names it.
 */
enum glassram_error glassram_message_json(const struct glassram_message *message, char **ret_text);

/**
 * glassram_message_parse() - from JSON
 * @text: @length bytes, need not end in NUL
 * @ret_message: release with glassram_message_finish()
 */
enum glassram_error glassram_message_parse(const char *text, size_t length,
					   struct glassram_message *ret_message);

/**
 * glassram_message_encode() - as bytes
 * @ret_bytes: to be freed with free()
 * @ret_length: their number
 */
enum glassram_error glassram_message_encode(const struct glassram_message *message,
					    void **ret_bytes, size_t *ret_length);

/**
 * glassram_message_decode() - from bytes
 * @bytes, @length: as received so far
 * @ret_message: release with glassram_message_finish(); untouched if not whole
 * @ret_used: bytes of the message; 0: it is not whole yet, read more
 */
enum glassram_error glassram_message_decode(const void *bytes, size_t length,
					    struct glassram_message *ret_message,
					    size_t *ret_used);

/* glassram_message_finish() - free what a message that was read holds */
void glassram_message_finish(struct glassram_message *message);

#ifdef __cplusplus
}
#endif

#endif /* GLASSRAM_TELEMETRY_H */
