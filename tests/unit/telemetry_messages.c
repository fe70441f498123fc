// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages: what is written is what is read, in both encodings; and bytes from
 * strangers, cut, changed or made up, give a message in range or one clear error.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <glassram/telemetry.h>

#include "tap.h"

#define SIDE 16

static float cells[SIDE * SIDE];

static struct glassram_message telemetry(void)
{
	return (struct glassram_message){
		.type = GLASSRAM_MESSAGE_TELEMETRY,
		.pid = 4711,
		.sequence = 12345678901,
		.time_ns = 987654321012345,
		.telemetry = {
			.alarms = 1U << GLASSRAM_DETECTION_GROWTH | 1U << GLASSRAM_DETECTION_PHASE,
			.active_threads = 7,
			.hilbert_order = 10,
			.fault_rate = 1234.5678901234567,
			.hit_rate = 0.1,
			.new_rate = 1e-300,
			.working_set = { 1, 0, INT64_MAX },
			.accuracy = NAN,
			.sampling_rate = 1.0 / 3,
			.overhead = 0.02,
		},
	};
}

static struct glassram_message density(void)
{
	for (int i = 0; i < SIDE * SIDE; i++)
		cells[i] = (float)((i * 37 % 256) / 255.0);
	return (struct glassram_message){
		.type = GLASSRAM_MESSAGE_DENSITY,
		.pid = 1,
		.density = { SIDE, SIDE, cells },
	};
}

static struct glassram_message detection(void)
{
	return (struct glassram_message){
		.type = GLASSRAM_MESSAGE_DETECTION,
		.pid = UINT32_MAX,
		.sequence = INT64_MAX,
		.detection = {
			.kind = GLASSRAM_DETECTION_PHASE,
			.nr_regions = 2,
			.nr_threads = 1,
			.begin_ns = 5,
			.time_ns = 6,
			.pages = 1 << 30,
			.pages_per_second = 17.25,
			.strength = 0.7,
			.regions = {
				{ 0x7f0000000000, 0x7f0000001000, 3, 0, -0.25, "/lib/Zürich \"quoted\"\\" },
				{ 0, INT64_MAX, 0, 0, 1, "" },
			},
			.threads = { { 16383, 99, 0.125 } },
		},
	};
}

static bool same_double(double a, double b)
{
	return a == b || (isnan(a) && isnan(b));
}

static bool same_telemetry(const struct glassram_telemetry *a, const struct glassram_telemetry *b)
{
	return a->alarms == b->alarms && a->active_threads == b->active_threads &&
	       a->hilbert_order == b->hilbert_order && a->fault_rate == b->fault_rate &&
	       a->hit_rate == b->hit_rate && a->new_rate == b->new_rate &&
	       !memcmp(a->working_set, b->working_set, sizeof(a->working_set)) &&
	       same_double(a->accuracy, b->accuracy) && a->sampling_rate == b->sampling_rate &&
	       same_double(a->overhead, b->overhead);
}

static bool same_detection(const struct glassram_detection *a, const struct glassram_detection *b)
{
	bool same = a->kind == b->kind && a->nr_regions == b->nr_regions &&
		    a->nr_threads == b->nr_threads && a->begin_ns == b->begin_ns &&
		    a->time_ns == b->time_ns && a->pages == b->pages &&
		    a->pages_per_second == b->pages_per_second && a->strength == b->strength;

	for (uint32_t i = 0; same && i < a->nr_regions; i++)
		same = a->regions[i].start == b->regions[i].start &&
		       a->regions[i].end == b->regions[i].end &&
		       a->regions[i].target == b->regions[i].target &&
		       a->regions[i].share == b->regions[i].share &&
		       !strcmp(a->regions[i].name, b->regions[i].name);
	for (uint32_t i = 0; same && i < a->nr_threads; i++)
		same = a->threads[i].slot == b->threads[i].slot &&
		       a->threads[i].tid == b->threads[i].tid &&
		       a->threads[i].share == b->threads[i].share;
	return same;
}

static bool same(const struct glassram_message *a, const struct glassram_message *b)
{
	if (a->type != b->type || a->pid != b->pid || a->sequence != b->sequence ||
	    a->time_ns != b->time_ns)
		return false;
	switch (a->type) {
	case GLASSRAM_MESSAGE_TELEMETRY:
		return same_telemetry(&a->telemetry, &b->telemetry);
	case GLASSRAM_MESSAGE_DENSITY:
		return a->density.width == b->density.width &&
		       a->density.height == b->density.height &&
		       !memcmp(a->density.cells, b->density.cells,
			       (size_t)a->density.width * a->density.height * sizeof(float));
	case GLASSRAM_MESSAGE_DETECTION:
		return same_detection(&a->detection, &b->detection);
	}
	return false;
}

static void test_round_trip(const struct glassram_message *m, const char *name)
{
	struct glassram_message back = { 0 };
	char *text = NULL;
	void *bytes = NULL;
	size_t length = 0, used = 0;

	tap_check(!glassram_message_json(m, &text) && text && !strchr(text, '\n'),
		  "%s is one line of JSON", name);
	tap_check(text && !glassram_message_parse(text, strlen(text), &back) && same(m, &back),
		  "%s comes back from it as it was", name);
	glassram_message_finish(&back);
	tap_check(!glassram_message_encode(m, &bytes, &length), "%s is %zu bytes", name, length);
	tap_check(!glassram_message_decode(bytes, length, &back, &used) && used == length &&
		  same(m, &back), "%s comes back from them as it was", name);
	glassram_message_finish(&back);
	free(text);
	free(bytes);
}

/* Two messages one after the other, arriving byte by byte. */
static void test_byte_by_byte(void)
{
	struct glassram_message first = density(), second = telemetry(), back = { 0 };
	size_t a, b, used = 1, at;
	void *x, *y;
	char *both;
	bool early = false;

	if (glassram_message_encode(&first, &x, &a) || glassram_message_encode(&second, &y, &b)) {
		tap_check(false, "messages are encoded");
		return;
	}
	both = malloc(a + b);
	memcpy(both, x, a);
	memcpy(both + a, y, b);
	for (at = 0; at < a; at++)
		early = early || glassram_message_decode(both, at, &back, &used) || used;
	tap_check(!early && !back.type, "a message that is not whole waits for the rest");
	tap_check(!glassram_message_decode(both, a + b, &back, &used) && used == a &&
		  same(&first, &back), "of two the first is read");
	glassram_message_finish(&back);
	tap_check(!glassram_message_decode(both + used, a + b - used, &back, &used) && used == b &&
		  same(&second, &back), "then the second");
	free(both);
	free(x);
	free(y);
}

static void refused(struct glassram_message m, const char *field)
{
	char *text = NULL;
	void *bytes = NULL;
	size_t length;

	tap_check(glassram_message_json(&m, &text) == GLASSRAM_ERR_INVALID && !text &&
		  strstr(glassram_error_message(), field), "JSON: %s", glassram_error_message());
	tap_check(glassram_message_encode(&m, &bytes, &length) == GLASSRAM_ERR_INVALID && !bytes &&
		  strstr(glassram_error_message(), field), "binary: %s", glassram_error_message());
}

#define REFUSED(kind, change, field)             \
	do {                                     \
		struct glassram_message m = kind; \
		change;                          \
		refused(m, field);               \
	} while (0)

static void test_out_of_range(void)
{
	REFUSED(telemetry(), m.type = 9, "type");
	REFUSED(telemetry(), m.telemetry.accuracy = 1.01, "accuracy");
	REFUSED(telemetry(), m.telemetry.overhead = -1, "overhead");
	REFUSED(telemetry(), m.telemetry.fault_rate = INFINITY, "fault_rate");
	REFUSED(telemetry(), m.telemetry.sampling_rate = NAN, "sampling_rate");
	REFUSED(telemetry(), m.telemetry.hilbert_order = 17, "hilbert_order");
	REFUSED(telemetry(), m.sequence = UINT64_MAX, "sequence");
	REFUSED(density(), m.density.width = 0, "width");
	REFUSED(density(), m.density.height = GLASSRAM_DENSITY_SIDE + 1, "height");
	REFUSED(density(), m.density.cells[3] = NAN, "cell");
	REFUSED(density(), m.density.cells[3] = 1.5, "cell");
	REFUSED(detection(), m.detection.kind = 3, "kind");
	REFUSED(detection(), m.detection.nr_regions = 5, "regions");
	REFUSED(detection(), memset(m.detection.regions[0].name, 'x', 64), "name");
}

static void test_wrong_json(void)
{
	static const struct {
		const char *text, *says;
	} wrong[] = {
		{ "", "no message" },
		{ "[]", "JSON object" },
		{ "{}", "version" },
		{ "{\"version\":2}", "version" },
		{ "{\"version\":1}", "sequence" },
		{ "{\"version\":1,\"sequence\":-1}", "sequence" },
		{ "{\"version\":1,\"sequence\":0,\"timestamp_ns\":0,\"pid\":1,\"type\":\"t\"}", "type" },
		{ "{\"version\":1,\"sequence\":0,\"timestamp_ns\":0,\"pid\":1,\"type\":\"density\",\"width\":2,\"height\":2,\"cells\":[0,1,0]}", "cells" },
		{ "{\"version\":1,\"sequence\":0,\"timestamp_ns\":0,\"pid\":1,\"type\":\"density\",\"width\":4096,\"height\":4096,\"cells\":[]}", "cells" },
		{ "{\"version\":1,\"sequence\":0,\"timestamp_ns\":0,\"pid\":1,\"type\":\"density\",\"width\":1,\"height\":1,\"cells\":[\"0\"]}", "cells" },
		{ "{\"version\":1,\"version\":1}", "no message" },
		{ "{\"version\":1} {}", "no message" },
	};
	struct glassram_message m = { 0 };

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		tap_check(glassram_message_parse(wrong[i].text, strlen(wrong[i].text), &m) ==
			  GLASSRAM_ERR_INVALID && strstr(glassram_error_message(), wrong[i].says) &&
			  !m.type, "refused: %s", glassram_error_message());
}

/* What later versions may add must not disturb this one. */
static void test_additions(void)
{
	static const char text[] = "{\"version\":1,\"type\":\"density\",\"sequence\":5,"
				   "\"timestamp_ns\":6,\"pid\":7,\"width\":1,\"height\":2,"
				   "\"cells\":[0,1],\"unheard\":{\"of\":[1]}}";
	struct glassram_message m = telemetry(), back = { 0 };
	unsigned char *longer;
	void *bytes;
	size_t length, used;

	tap_check(!glassram_message_parse(text, strlen(text), &back) && back.pid == 7 &&
		  back.density.cells[1] == 1, "an unknown field of JSON is skipped");
	glassram_message_finish(&back);
	if (glassram_message_encode(&m, &bytes, &length)) {
		tap_check(false, "a message is encoded");
		return;
	}
	longer = calloc(1, length + 24);
	memcpy(longer, bytes, length);
	longer[8] += 24; /* payload bytes; no carry in this message */
	tap_check(!glassram_message_decode(longer, length + 24, &back, &used) &&
		  used == length + 24 && same(&m, &back), "so are bytes behind the known ones");
	longer[4] = 2;
	tap_check(glassram_message_decode(longer, length + 24, &back, &used) == GLASSRAM_ERR_INVALID &&
		  strstr(glassram_error_message(), "version 2"), "another version is refused: %s",
		  glassram_error_message());
	longer[0] = 'X';
	tap_check(glassram_message_decode(longer, 4, &back, &used) == GLASSRAM_ERR_INVALID,
		  "other bytes are refused at once");
	free(longer);
	free(bytes);
}

static void test_name_that_is_no_text(void)
{
	struct glassram_message m = detection(), back = { 0 };
	char *text = NULL;

	strcpy(m.detection.regions[0].name, "/tmp/\xff\x80 x");
	tap_check(!glassram_message_json(&m, &text) &&
		  !glassram_message_parse(text, strlen(text), &back) &&
		  !strcmp(back.detection.regions[0].name, "/tmp/?? x"),
		  "a name that is no UTF-8 is told as far as it can be");
	free(text);
}

#define ROUNDS 20000

static uint32_t state = 1;

static uint32_t next_random(uint32_t n)
{
	state = state * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)state * n >> 32);
}

/* Change, cut, double or insert, some times over. Return: the new length, at most @room. */
static size_t mutate(char *bytes, size_t length, size_t room)
{
	static const char interesting[] = "0-9eE.,[]{}\":\\u\xff\x00n";

	for (uint32_t n = 1 + next_random(4); n; n--) {
		size_t at = length ? next_random((uint32_t)length) : 0, part;

		switch (next_random(5)) {
		case 0:
			if (length)
				bytes[at] ^= (char)(1 << next_random(8));
			break;
		case 1:
			if (length)
				bytes[at] = interesting[next_random(sizeof(interesting))];
			break;
		case 2:
			length = at;
			break;
		case 3:
			part = length - at;
			if (length + part <= room && part) {
				memmove(bytes + at + part, bytes + at, part);
				length += part;
			}
			break;
		case 4:
			for (int i = 0; i < 4 && at + i < length; i++)
				bytes[at + i] = (char)next_random(256);
			break;
		}
	}
	return length;
}

static void test_mutations(struct glassram_message m, const char *name)
{
	char *text = NULL, *copy;
	void *bytes = NULL;
	size_t length, room, kept = 0, wrong = 0;

	if (glassram_message_json(&m, &text) || glassram_message_encode(&m, &bytes, &length)) {
		tap_check(false, "a %s is encoded", name);
		return;
	}
	room = 2 * (strlen(text) + length);
	for (int i = 0; i < ROUNDS; i++) {
		struct glassram_message back = { 0 };
		size_t used = 0, nr = i % 2 ? length : strlen(text);
		enum glassram_error error;
		char *source;

		copy = malloc(room);
		memcpy(copy, i % 2 ? bytes : text, nr);
		nr = mutate(copy, nr, room);
		source = malloc(nr); /* of that very size: the sanitizer sees one byte more */
		if (nr)
			memcpy(source, copy, nr);
		error = i % 2 ? glassram_message_decode(source, nr, &back, &used) :
				glassram_message_parse(source, nr, &back);
		if (error && (error != GLASSRAM_ERR_INVALID || !*glassram_error_message() || back.type))
			wrong++;
		if (!error && back.type) {
			char *again = NULL;

			kept++;
			if (glassram_message_json(&back, &again))
				wrong++;
			free(again);
			glassram_message_finish(&back);
		}
		free(source);
		free(copy);
	}
	tap_check(!wrong, "%d mutations of a %s: an error, or a message in range (%zu)", ROUNDS,
		  name, kept);
	free(text);
	free(bytes);
}

int main(void)
{
	struct glassram_message t = telemetry(), d = density(), f = detection();
	struct glassram_message small = density();

	test_round_trip(&t, "telemetry");
	test_round_trip(&d, "a density map");
	test_round_trip(&f, "a detection");
	test_byte_by_byte();
	test_out_of_range();
	test_wrong_json();
	test_additions();
	test_name_that_is_no_text();
	small = density();
	small.density.width = small.density.height = 4;
	test_mutations(telemetry(), "telemetry");
	test_mutations(small, "density map");
	test_mutations(detection(), "detection");
	return tap_end();
}
