// SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0
/*
 * Messages as JSON, one object in one line.
 *
 * Weak: 1.0 is no whole number here, where JavaScript might write it; a map costs
 * some ten bytes for each cell.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "../libglassram/internal.h"
#include "telemetry_internal.h"

/* Digits after which a float and a double are the same again. */
#define FLOAT_DIGITS 9
#define DOUBLE_DIGITS 17

static const char *const types[] = {
	[GLASSRAM_MESSAGE_TELEMETRY] = "telemetry",
	[GLASSRAM_MESSAGE_DENSITY] = "density",
	[GLASSRAM_MESSAGE_DETECTION] = "detection",
};

static json_t *number_or_null(double value)
{
	return isnan(value) ? json_null() : json_real(value);
}

/* Names come from the target and may be any bytes. */
static json_t *name_json(const char *name)
{
	char copy[GLASSRAM_DETECTION_REGION_LEN];
	json_t *json = json_string(name);

	if (json)
		return json;
	for (size_t i = 0; i < sizeof(copy); i++)
		copy[i] = (unsigned char)name[i] < 0x80 ? name[i] : '?';
	return json_string(copy);
}

static void add_telemetry(json_t *o, const struct glassram_telemetry *t)
{
	json_t *alarms = json_array();

	for (uint32_t kind = 0; kind < GLASSRAM_DETECTION_NR; kind++)
		if (t->alarms & 1U << kind)
			json_array_append_new(alarms, json_string(glassram_detection_name(kind)));
	json_object_set_new(o, "alarms", alarms);
	json_object_set_new(o, "active_threads", json_integer(t->active_threads));
	json_object_set_new(o, "hilbert_order", json_integer(t->hilbert_order));
	json_object_set_new(o, "fault_rate", json_real(t->fault_rate));
	json_object_set_new(o, "hit_rate", json_real(t->hit_rate));
	json_object_set_new(o, "new_rate", json_real(t->new_rate));
	json_object_set_new(o, "working_set",
			    json_pack("[I,I,I]", (json_int_t)t->working_set[0],
				      (json_int_t)t->working_set[1],
				      (json_int_t)t->working_set[2]));
	json_object_set_new(o, "accuracy", number_or_null(t->accuracy));
	json_object_set_new(o, "sampling_rate", json_real(t->sampling_rate));
	json_object_set_new(o, "overhead", number_or_null(t->overhead));
}

static void add_density(json_t *o, const struct glassram_density *d)
{
	size_t nr = (size_t)d->width * d->height;
	json_t *cells = json_array();

	for (size_t i = 0; i < nr; i++)
		json_array_append_new(cells, json_real((double)d->cells[i]));
	json_object_set_new(o, "width", json_integer(d->width));
	json_object_set_new(o, "height", json_integer(d->height));
	json_object_set_new(o, "cells", cells);
}

static void add_detection(json_t *o, const struct glassram_detection *d)
{
	json_t *regions = json_array(), *threads = json_array();

	for (uint32_t i = 0; i < d->nr_regions; i++) {
		const struct glassram_detection_region *r = &d->regions[i];

		json_array_append_new(regions,
				      json_pack("{s:I, s:I, s:I, s:f, s:o}",
						"start", (json_int_t)r->start,
						"end", (json_int_t)r->end,
						"target", (json_int_t)r->target,
						"share", r->share, "name", name_json(r->name)));
	}
	for (uint32_t i = 0; i < d->nr_threads; i++)
		json_array_append_new(threads,
				      json_pack("{s:I, s:I, s:f}",
						"slot", (json_int_t)d->threads[i].slot,
						"tid", (json_int_t)d->threads[i].tid,
						"share", d->threads[i].share));
	json_object_set_new(o, "kind", json_string(glassram_detection_name(d->kind)));
	json_object_set_new(o, "begin_ns", json_integer((json_int_t)d->begin_ns));
	json_object_set_new(o, "found_ns", json_integer((json_int_t)d->time_ns));
	json_object_set_new(o, "pages", json_integer((json_int_t)d->pages));
	json_object_set_new(o, "pages_per_second", json_real(d->pages_per_second));
	json_object_set_new(o, "strength", json_real(d->strength));
	json_object_set_new(o, "regions", regions);
	json_object_set_new(o, "threads", threads);
}

enum glassram_error glassram_message_json(const struct glassram_message *message, char **ret_text)
{
	enum glassram_error error = gr_message_check(message);
	int digits = DOUBLE_DIGITS;
	json_t *o;
	char *text;

	if (error)
		return error;
	o = json_pack("{s:s, s:i, s:I, s:I, s:I}", "type", types[message->type],
		      "version", GLASSRAM_MESSAGE_VERSION,
		      "sequence", (json_int_t)message->sequence,
		      "timestamp_ns", (json_int_t)message->time_ns,
		      "pid", (json_int_t)message->pid);
	switch (message->type) {
	case GLASSRAM_MESSAGE_TELEMETRY:
		add_telemetry(o, &message->telemetry);
		break;
	case GLASSRAM_MESSAGE_DENSITY:
		add_density(o, &message->density);
		digits = FLOAT_DIGITS;
		break;
	case GLASSRAM_MESSAGE_DETECTION:
		add_detection(o, &message->detection);
		break;
	}
	text = json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(digits));
	json_decref(o);
	if (!text)
		return gr_fail(GLASSRAM_ERR_NO_MEMORY, "message: no memory for its JSON: free some");
	*ret_text = text;
	return GLASSRAM_OK;
}

/* Reading: the first field that is wrong is kept in @wrong, the rest reads 0. */
struct reader {
	const char *wrong;
	const char *wanted;
};

static void wrong(struct reader *r, const char *field, const char *wanted)
{
	if (r->wrong)
		return;
	r->wrong = field;
	r->wanted = wanted;
}

static uint64_t whole(struct reader *r, const json_t *object, const char *field, uint64_t most)
{
	const json_t *value = json_object_get(object, field);

	if (!json_is_integer(value) || json_integer_value(value) < 0 ||
	    (uint64_t)json_integer_value(value) > most) {
		wrong(r, field, "a whole number in range");
		return 0;
	}
	return (uint64_t)json_integer_value(value);
}

static double real(struct reader *r, const json_t *object, const char *field)
{
	const json_t *value = json_object_get(object, field);

	if (!json_is_number(value))
		wrong(r, field, "a number");
	return json_number_value(value);
}

static double real_or_null(struct reader *r, const json_t *object, const char *field)
{
	return json_is_null(json_object_get(object, field)) ? NAN : real(r, object, field);
}

/* An array of at most @most elements. Return: NULL if it is none. */
static const json_t *list(struct reader *r, const json_t *object, const char *field, size_t most)
{
	const json_t *value = json_object_get(object, field);

	if (json_is_array(value) && json_array_size(value) <= most)
		return value;
	wrong(r, field, "a list of the right length");
	return NULL;
}

/* Return: the index of a text in @names, or @nr. */
static uint32_t one_of(const json_t *value, const char *(*name)(uint32_t), uint32_t nr)
{
	uint32_t i = 0;

	if (!json_is_string(value))
		return nr;
	while (i < nr && (!name(i) || strcmp(name(i), json_string_value(value))))
		i++;
	return i;
}

static const char *type_name(uint32_t type)
{
	return types[type];
}

static void read_telemetry(struct reader *r, const json_t *o, struct glassram_telemetry *t)
{
	const json_t *alarms = list(r, o, "alarms", 32), *sets = list(r, o, "working_set", 3);

	for (size_t i = 0; i < json_array_size(alarms); i++) {
		uint32_t kind = one_of(json_array_get(alarms, i), glassram_detection_name,
				       GLASSRAM_DETECTION_NR);

		/* Kinds that later versions have are skipped. */
		if (kind < GLASSRAM_DETECTION_NR)
			t->alarms |= 1U << kind;
	}
	t->active_threads = (uint32_t)whole(r, o, "active_threads", UINT32_MAX);
	t->hilbert_order = (uint32_t)whole(r, o, "hilbert_order", UINT32_MAX);
	t->fault_rate = real(r, o, "fault_rate");
	t->hit_rate = real(r, o, "hit_rate");
	t->new_rate = real(r, o, "new_rate");
	if (json_array_size(sets) != 3)
		wrong(r, "working_set", "a list of 3 numbers");
	for (size_t i = 0; i < json_array_size(sets); i++) {
		const json_t *set = json_array_get(sets, i);

		if (!json_is_integer(set) || json_integer_value(set) < 0)
			wrong(r, "working_set", "a list of 3 whole numbers");
		t->working_set[i] = (uint64_t)json_integer_value(set);
	}
	t->accuracy = real_or_null(r, o, "accuracy");
	t->sampling_rate = real(r, o, "sampling_rate");
	t->overhead = real_or_null(r, o, "overhead");
}

static enum glassram_error read_density(struct reader *r, const json_t *o,
					struct glassram_density *d)
{
	const json_t *cells;
	size_t nr;

	d->width = (uint32_t)whole(r, o, "width", GLASSRAM_DENSITY_SIDE);
	d->height = (uint32_t)whole(r, o, "height", GLASSRAM_DENSITY_SIDE);
	nr = (size_t)d->width * d->height;
	cells = list(r, o, "cells", nr);
	if (!nr || json_array_size(cells) != nr)
		wrong(r, "cells", "a list of width x height numbers");
	if (r->wrong)
		return GLASSRAM_OK;
	d->cells = gr_message_cells(d->width, d->height);
	if (!d->cells)
		return GLASSRAM_ERR_NO_MEMORY;
	for (size_t i = 0; i < nr; i++) {
		const json_t *cell = json_array_get(cells, i);

		if (!json_is_number(cell))
			wrong(r, "cells", "a list of numbers");
		d->cells[i] = (float)json_number_value(cell);
	}
	return GLASSRAM_OK;
}

static void read_region(struct reader *r, const json_t *o, struct glassram_detection_region *region)
{
	const char *name = json_string_value(json_object_get(o, "name"));

	region->start = whole(r, o, "start", INT64_MAX);
	region->end = whole(r, o, "end", INT64_MAX);
	region->target = (uint32_t)whole(r, o, "target", UINT32_MAX);
	region->share = real(r, o, "share");
	if (!name || strlen(name) >= sizeof(region->name))
		wrong(r, "name", "a text of at most 63 bytes");
	else
		strcpy(region->name, name);
}

static void read_detection(struct reader *r, const json_t *o, struct glassram_detection *d)
{
	const json_t *regions = list(r, o, "regions", GLASSRAM_DETECTION_NAMES);
	const json_t *threads = list(r, o, "threads", GLASSRAM_DETECTION_NAMES);

	d->kind = one_of(json_object_get(o, "kind"), glassram_detection_name,
			 GLASSRAM_DETECTION_NR);
	d->begin_ns = whole(r, o, "begin_ns", INT64_MAX);
	d->time_ns = whole(r, o, "found_ns", INT64_MAX);
	d->pages = whole(r, o, "pages", INT64_MAX);
	d->pages_per_second = real(r, o, "pages_per_second");
	d->strength = real(r, o, "strength");
	d->nr_regions = (uint32_t)json_array_size(regions);
	d->nr_threads = (uint32_t)json_array_size(threads);
	for (uint32_t i = 0; i < d->nr_regions; i++)
		read_region(r, json_array_get(regions, i), &d->regions[i]);
	for (uint32_t i = 0; i < d->nr_threads; i++) {
		const json_t *thread = json_array_get(threads, i);

		d->threads[i].slot = (uint32_t)whole(r, thread, "slot", UINT32_MAX);
		d->threads[i].tid = (uint32_t)whole(r, thread, "tid", UINT32_MAX);
		d->threads[i].share = real(r, thread, "share");
	}
}

static enum glassram_error read_message(const json_t *o, struct glassram_message *m)
{
	uint32_t nr_types = sizeof(types) / sizeof(*types);
	struct reader r = { NULL, NULL };
	enum glassram_error error = GLASSRAM_OK;

	m->sequence = whole(&r, o, "sequence", INT64_MAX);
	m->time_ns = whole(&r, o, "timestamp_ns", INT64_MAX);
	m->pid = (uint32_t)whole(&r, o, "pid", UINT32_MAX);
	m->type = one_of(json_object_get(o, "type"), type_name, nr_types);
	switch (m->type) {
	case GLASSRAM_MESSAGE_TELEMETRY:
		read_telemetry(&r, o, &m->telemetry);
		break;
	case GLASSRAM_MESSAGE_DENSITY:
		error = read_density(&r, o, &m->density);
		break;
	case GLASSRAM_MESSAGE_DETECTION:
		read_detection(&r, o, &m->detection);
		break;
	default:
		wrong(&r, "type", "telemetry, density or detection");
	}
	if (r.wrong && !error)
		error = gr_fail(GLASSRAM_ERR_INVALID, "message: %s must be %s", r.wrong, r.wanted);
	return error ?: gr_message_check(m);
}

enum glassram_error glassram_message_parse(const char *text, size_t length,
					   struct glassram_message *ret_message)
{
	struct glassram_message message = { 0 };
	json_error_t where;
	json_t *o = json_loadb(text, length, JSON_REJECT_DUPLICATES, &where);
	const json_t *version = json_object_get(o, "version");
	enum glassram_error error;

	if (!json_is_object(o))
		error = gr_fail(GLASSRAM_ERR_INVALID, "this is no message of Glass RAM: %s",
				o ? "a JSON object is wanted" : where.text);
	else if (!json_is_integer(version) ||
		 json_integer_value(version) != GLASSRAM_MESSAGE_VERSION)
		error = gr_fail(GLASSRAM_ERR_INVALID, "message: version must be %d for this library: build sender and reader from the same sources",
				GLASSRAM_MESSAGE_VERSION);
	else
		error = read_message(o, &message);
	json_decref(o);
	if (error) {
		glassram_message_finish(&message);
		return error;
	}
	*ret_message = message;
	return GLASSRAM_OK;
}
