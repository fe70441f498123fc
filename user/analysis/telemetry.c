// SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0
/*
 * Messages: what is in range, and their binary form: a header of 32 bytes and a
 * payload, all little-endian, floating point as IEEE 754 bits.
 *
 *	u32 'GRM1', u16 version, u16 type, u32 payload bytes, u32 pid,
 *	u64 sequence, u64 time_ns
 *
 * Weak: there is no checksum; a local socket or a file does not change bytes.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../libglassram/internal.h"
#include "telemetry_internal.h"

#define MAGIC 0x314d5247U /* "GRM1" */
#define HEADER_BYTES 32
/* The largest map, and some room for what later versions add. */
#define PAYLOAD_MAX (GLASSRAM_DENSITY_SIDE * GLASSRAM_DENSITY_SIDE * 4U + 65536U)

static enum glassram_error out_of_range(const char *field, const char *range)
{
	return gr_fail(GLASSRAM_ERR_INVALID, "message: %s must be %s", field, range);
}

static bool share(double value)
{
	return value >= 0 && value <= 1;
}

static bool amount(double value)
{
	return isfinite(value) && value >= 0;
}

static enum glassram_error check_telemetry(const struct glassram_telemetry *t)
{
	if (t->hilbert_order > 16)
		return out_of_range("hilbert_order", "0 to 16");
	if (!amount(t->fault_rate))
		return out_of_range("fault_rate", "0 or more");
	if (!amount(t->hit_rate))
		return out_of_range("hit_rate", "0 or more");
	if (!amount(t->new_rate))
		return out_of_range("new_rate", "0 or more");
	for (int i = 0; i < 3; i++)
		if (t->working_set[i] > INT64_MAX)
			return out_of_range("working_set", "below 2^63");
	if (!isnan(t->accuracy) && !share(t->accuracy))
		return out_of_range("accuracy", "0 to 1, or unknown");
	if (!share(t->sampling_rate))
		return out_of_range("sampling_rate", "0 to 1");
	if (!isnan(t->overhead) && !amount(t->overhead))
		return out_of_range("overhead", "0 or more, or unknown");
	return GLASSRAM_OK;
}

static enum glassram_error check_density(const struct glassram_density *d)
{
	size_t nr = (size_t)d->width * d->height;

	if (!d->width || d->width > GLASSRAM_DENSITY_SIDE)
		return out_of_range("width", "1 to 4096");
	if (!d->height || d->height > GLASSRAM_DENSITY_SIDE)
		return out_of_range("height", "1 to 4096");
	for (size_t i = 0; i < nr; i++)
		if (!share(d->cells[i]))
			return out_of_range("each cell", "0 to 1");
	return GLASSRAM_OK;
}

static enum glassram_error check_detection(const struct glassram_detection *d)
{
	if (d->kind >= GLASSRAM_DETECTION_NR)
		return out_of_range("kind", "cascade, growth or phase");
	if (d->nr_regions > GLASSRAM_DETECTION_NAMES)
		return out_of_range("the number of regions", "at most 4");
	if (d->nr_threads > GLASSRAM_DETECTION_NAMES)
		return out_of_range("the number of threads", "at most 4");
	if (d->begin_ns > INT64_MAX || d->time_ns > INT64_MAX || d->pages > INT64_MAX)
		return out_of_range("begin_ns, found_ns and pages", "below 2^63");
	if (!amount(d->pages_per_second))
		return out_of_range("pages_per_second", "0 or more");
	if (!amount(d->strength))
		return out_of_range("strength", "0 or more");
	for (uint32_t i = 0; i < d->nr_regions; i++) {
		if (d->regions[i].start > INT64_MAX || d->regions[i].end > INT64_MAX)
			return out_of_range("addresses of regions", "below 2^63");
		if (!(fabs(d->regions[i].share) <= 1))
			return out_of_range("share of a region", "-1 to 1");
		if (!memchr(d->regions[i].name, '\0', sizeof(d->regions[i].name)))
			return out_of_range("the name of a region", "at most 63 bytes");
	}
	for (uint32_t i = 0; i < d->nr_threads; i++)
		if (!share(d->threads[i].share))
			return out_of_range("share of a thread", "0 to 1");
	return GLASSRAM_OK;
}

enum glassram_error gr_message_check(const struct glassram_message *message)
{
	if (message->sequence > INT64_MAX || message->time_ns > INT64_MAX)
		return out_of_range("sequence and timestamp_ns", "below 2^63");
	switch (message->type) {
	case GLASSRAM_MESSAGE_TELEMETRY:
		return check_telemetry(&message->telemetry);
	case GLASSRAM_MESSAGE_DENSITY:
		return check_density(&message->density);
	case GLASSRAM_MESSAGE_DETECTION:
		return check_detection(&message->detection);
	}
	return out_of_range("type", "telemetry, density or detection");
}

float *gr_message_cells(uint32_t width, uint32_t height)
{
	float *cells = calloc((size_t)width * height, sizeof(*cells));

	if (!cells)
		gr_fail(GLASSRAM_ERR_NO_MEMORY, "message: no memory for a map of %u x %u cells: free some",
			width, height);
	return cells;
}

void glassram_message_finish(struct glassram_message *message)
{
	if (message->type == GLASSRAM_MESSAGE_DENSITY) {
		free(message->density.cells);
		message->density.cells = NULL;
	}
}

/*
 * Bytes one after another; without a buffer they are only counted. @failed sticks:
 * there was no room, or nothing left to read.
 */
struct cursor {
	unsigned char *write;
	const unsigned char *read;
	size_t at, length;
	bool failed;
};

static void put(struct cursor *c, uint64_t value, unsigned int bytes)
{
	for (unsigned int i = 0; c->write && i < bytes; i++)
		c->write[c->at + i] = (unsigned char)(value >> (8 * i));
	c->at += bytes;
}

static uint64_t get(struct cursor *c, unsigned int bytes)
{
	uint64_t value = 0;

	if (c->failed || c->length - c->at < bytes) {
		c->failed = true;
		return 0;
	}
	for (unsigned int i = 0; i < bytes; i++)
		value |= (uint64_t)c->read[c->at + i] << (8 * i);
	c->at += bytes;
	return value;
}

static void put_double(struct cursor *c, double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	put(c, bits, 8);
}

static double get_double(struct cursor *c)
{
	uint64_t bits = get(c, 8);
	double value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

static void put_float(struct cursor *c, float value)
{
	uint32_t bits;

	memcpy(&bits, &value, sizeof(bits));
	put(c, bits, 4);
}

static float get_float(struct cursor *c)
{
	uint32_t bits = (uint32_t)get(c, 4);
	float value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

static void put_telemetry(struct cursor *c, const struct glassram_telemetry *t)
{
	put(c, t->alarms, 4);
	put(c, t->active_threads, 4);
	put(c, t->hilbert_order, 4);
	put(c, 0, 4);
	put_double(c, t->fault_rate);
	put_double(c, t->hit_rate);
	put_double(c, t->new_rate);
	for (int i = 0; i < 3; i++)
		put(c, t->working_set[i], 8);
	put_double(c, t->accuracy);
	put_double(c, t->sampling_rate);
	put_double(c, t->overhead);
}

static void get_telemetry(struct cursor *c, struct glassram_telemetry *t)
{
	t->alarms = (uint32_t)get(c, 4);
	t->active_threads = (uint32_t)get(c, 4);
	t->hilbert_order = (uint32_t)get(c, 4);
	get(c, 4);
	t->fault_rate = get_double(c);
	t->hit_rate = get_double(c);
	t->new_rate = get_double(c);
	for (int i = 0; i < 3; i++)
		t->working_set[i] = get(c, 8);
	t->accuracy = get_double(c);
	t->sampling_rate = get_double(c);
	t->overhead = get_double(c);
}

static void put_density(struct cursor *c, const struct glassram_density *d)
{
	size_t nr = (size_t)d->width * d->height;

	put(c, d->width, 4);
	put(c, d->height, 4);
	for (size_t i = 0; i < nr; i++)
		put_float(c, d->cells[i]);
}

static enum glassram_error get_density(struct cursor *c, struct glassram_density *d)
{
	size_t nr;

	d->width = (uint32_t)get(c, 4);
	d->height = (uint32_t)get(c, 4);
	nr = (size_t)d->width * d->height;
	/* Before memory is asked for: a message cannot claim more than it holds. */
	if (c->failed || (c->length - c->at) / 4 < nr) {
		c->failed = true;
		return GLASSRAM_OK;
	}
	if (!d->width || !d->height)
		return out_of_range("width and height", "1 to 4096");
	d->cells = gr_message_cells(d->width, d->height);
	if (!d->cells)
		return GLASSRAM_ERR_NO_MEMORY;
	for (size_t i = 0; i < nr; i++)
		d->cells[i] = get_float(c);
	return GLASSRAM_OK;
}

static void put_detection(struct cursor *c, const struct glassram_detection *d)
{
	put(c, d->kind, 4);
	put(c, d->nr_regions, 4);
	put(c, d->nr_threads, 4);
	put(c, 0, 4);
	put(c, d->begin_ns, 8);
	put(c, d->time_ns, 8);
	put(c, d->pages, 8);
	put_double(c, d->pages_per_second);
	put_double(c, d->strength);
	for (uint32_t i = 0; i < d->nr_regions; i++) {
		const struct glassram_detection_region *r = &d->regions[i];

		put(c, r->start, 8);
		put(c, r->end, 8);
		put(c, r->target, 4);
		put(c, 0, 4);
		put_double(c, r->share);
		for (size_t j = 0; j < sizeof(r->name); j++)
			put(c, (unsigned char)r->name[j], 1);
	}
	for (uint32_t i = 0; i < d->nr_threads; i++) {
		put(c, d->threads[i].slot, 4);
		put(c, d->threads[i].tid, 4);
		put_double(c, d->threads[i].share);
	}
}

static void get_detection(struct cursor *c, struct glassram_detection *d)
{
	d->kind = (uint32_t)get(c, 4);
	d->nr_regions = (uint32_t)get(c, 4);
	d->nr_threads = (uint32_t)get(c, 4);
	get(c, 4);
	d->begin_ns = get(c, 8);
	d->time_ns = get(c, 8);
	d->pages = get(c, 8);
	d->pages_per_second = get_double(c);
	d->strength = get_double(c);
	for (uint32_t i = 0; i < d->nr_regions && i < GLASSRAM_DETECTION_NAMES; i++) {
		struct glassram_detection_region *r = &d->regions[i];

		r->start = get(c, 8);
		r->end = get(c, 8);
		r->target = (uint32_t)get(c, 4);
		get(c, 4);
		r->share = get_double(c);
		for (size_t j = 0; j < sizeof(r->name); j++)
			r->name[j] = (char)get(c, 1);
	}
	for (uint32_t i = 0; i < d->nr_threads && i < GLASSRAM_DETECTION_NAMES; i++) {
		d->threads[i].slot = (uint32_t)get(c, 4);
		d->threads[i].tid = (uint32_t)get(c, 4);
		d->threads[i].share = get_double(c);
	}
}

static void put_payload(struct cursor *c, const struct glassram_message *message)
{
	switch (message->type) {
	case GLASSRAM_MESSAGE_TELEMETRY:
		put_telemetry(c, &message->telemetry);
		break;
	case GLASSRAM_MESSAGE_DENSITY:
		put_density(c, &message->density);
		break;
	case GLASSRAM_MESSAGE_DETECTION:
		put_detection(c, &message->detection);
		break;
	}
}

enum glassram_error glassram_message_encode(const struct glassram_message *message,
					    void **ret_bytes, size_t *ret_length)
{
	struct cursor measure = { .write = NULL }, c = { .write = NULL };
	enum glassram_error error = gr_message_check(message);

	if (error)
		return error;
	put_payload(&measure, message);
	c.write = malloc(HEADER_BYTES + measure.at);
	if (!c.write)
		return gr_fail(GLASSRAM_ERR_NO_MEMORY, "message: no memory for %zu bytes: free some",
			       HEADER_BYTES + measure.at);
	put(&c, MAGIC, 4);
	put(&c, GLASSRAM_MESSAGE_VERSION, 2);
	put(&c, message->type, 2);
	put(&c, measure.at, 4);
	put(&c, message->pid, 4);
	put(&c, message->sequence, 8);
	put(&c, message->time_ns, 8);
	put_payload(&c, message);
	*ret_bytes = c.write;
	*ret_length = c.at;
	return GLASSRAM_OK;
}

static enum glassram_error get_payload(struct cursor *c, struct glassram_message *message)
{
	switch (message->type) {
	case GLASSRAM_MESSAGE_TELEMETRY:
		get_telemetry(c, &message->telemetry);
		return GLASSRAM_OK;
	case GLASSRAM_MESSAGE_DENSITY:
		return get_density(c, &message->density);
	case GLASSRAM_MESSAGE_DETECTION:
		get_detection(c, &message->detection);
		return GLASSRAM_OK;
	}
	return gr_message_check(message);
}

enum glassram_error glassram_message_decode(const void *bytes, size_t length,
					    struct glassram_message *ret_message,
					    size_t *ret_used)
{
	struct cursor c = { .read = bytes, .length = length };
	struct glassram_message message = { 0 };
	uint32_t magic = (uint32_t)get(&c, 4), version = (uint32_t)get(&c, 2), payload;
	enum glassram_error error;

	message.type = (uint32_t)get(&c, 2);
	payload = (uint32_t)get(&c, 4);
	message.pid = (uint32_t)get(&c, 4);
	message.sequence = get(&c, 8);
	message.time_ns = get(&c, 8);
	if (length >= 4 && magic != MAGIC)
		return gr_fail(GLASSRAM_ERR_INVALID, "these bytes are no message of Glass RAM: read from a `glassctl stream --binary`, from a message's first byte on");
	if (length >= 6 && version != GLASSRAM_MESSAGE_VERSION)
		return gr_fail(GLASSRAM_ERR_INVALID, "a message of version %u, and this library reads version %d: build both from the same sources",
			       version, GLASSRAM_MESSAGE_VERSION);
	if (length >= 12 && payload > PAYLOAD_MAX)
		return gr_fail(GLASSRAM_ERR_INVALID, "a message claims %u bytes, more than any can have: it is damaged",
			       payload);
	if (c.failed || length - HEADER_BYTES < payload) {
		*ret_used = 0;
		return GLASSRAM_OK;
	}
	c.length = HEADER_BYTES + payload;
	error = get_payload(&c, &message);
	if (!error && c.failed)
		error = gr_fail(GLASSRAM_ERR_INVALID, "a message of type %u is too short (%u bytes): it is damaged",
				message.type, payload);
	if (!error)
		error = gr_message_check(&message);
	if (error) {
		glassram_message_finish(&message);
		return error;
	}
	*ret_message = message;
	*ret_used = c.length;
	return GLASSRAM_OK;
}
