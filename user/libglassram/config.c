// SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0
/*
 * Settings: one table of names, ranges and meanings, and what follows from it.
 *
 * To add one: a row here, a field and a number in <glassram/config.h>, a row in
 * docs/guide.md. When something begins to act on a setting, its last column goes.
 */
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <glassram/config.h>

#include "internal.h"

enum kind {
	WHOLE, /* uint32_t, from min to max */
	SHARE, /* double, from min to max */
	SWITCH, /* bool */
	WORD, /* char [GLASSRAM_CONFIG_WORD]: one of some, or any */
};

#define AT(field) offsetof(struct glassram_config, field)
#define NOT_SAMPLED "every write is counted, nothing is sampled yet"

static const struct setting {
	const char *name;
	enum kind kind;
	size_t at;
	double min, max;
	const char *takes;
	const char *meaning;
	const char *missing;
} settings[GLASSRAM_SETTINGS] = {
	[GLASSRAM_SETTING_HILBERT_ORDER] =
	{ "hilbert-order", WHOLE, AT(hilbert.order), 1, 12, "a whole number from 1 to 12",
	  "the map has 2^N cells a side, where it is not adaptive", NULL },
	[GLASSRAM_SETTING_HILBERT_ADAPTIVE] =
	{ "hilbert-adaptive", SWITCH, AT(hilbert.adaptive), 0, 0, "on or off",
	  "as many cells as there are pages, and room", NULL },
	[GLASSRAM_SETTING_HILBERT_MIN] =
	{ "hilbert-min", WHOLE, AT(hilbert.min), 1, 12, "a whole number from 1 to 12",
	  "but at least 2^N a side", NULL },
	[GLASSRAM_SETTING_HILBERT_MAX] =
	{ "hilbert-max", WHOLE, AT(hilbert.max), 1, 12, "a whole number from 1 to 12",
	  "and at most 2^N a side", NULL },
	[GLASSRAM_SETTING_SAMPLING_RATE] =
	{ "sampling-rate", SHARE, AT(sampling.rate), 0.05, 0.5, "a number from 0.05 to 0.5",
	  "share of the pages that are armed", NOT_SAMPLED },
	[GLASSRAM_SETTING_SAMPLING_ADAPTIVE] =
	{ "sampling-adaptive", SWITCH, AT(sampling.adaptive), 0, 0, "on or off",
	  "the rate follows from the accuracy reached", NOT_SAMPLED },
	[GLASSRAM_SETTING_SAMPLING_MIN] =
	{ "sampling-min", SHARE, AT(sampling.min), 0.05, 0.5, "a number from 0.05 to 0.5",
	  "but is at least this", NOT_SAMPLED },
	[GLASSRAM_SETTING_SAMPLING_MAX] =
	{ "sampling-max", SHARE, AT(sampling.max), 0.05, 0.5, "a number from 0.05 to 0.5",
	  "and at most this", NOT_SAMPLED },
	[GLASSRAM_SETTING_LOOK] =
	{ "look", WORD, AT(view.look), 0, 0, "heat, thread, age, or the name of a look of one's own",
	  "what colours mean", NULL },
	[GLASSRAM_SETTING_PALETTE] =
	{ "palette", WORD, AT(view.palette), 0, 0, "dusk", "colours of the scale", NULL },
	[GLASSRAM_SETTING_GLOW] =
	{ "glow", SWITCH, AT(view.glow), 0, 0, "on or off",
	  "what was written just now is brighter", NULL },
	[GLASSRAM_SETTING_ANIMATION] =
	{ "animation", SWITCH, AT(view.animation), 0, 0, "on or off",
	  "past states are played back", "nothing keeps past states yet" },
	[GLASSRAM_SETTING_SCANOUT] =
	{ "scanout", SWITCH, AT(view.scanout), 0, 0, "on or off",
	  "a display may be taken without being asked for", NULL },
	[GLASSRAM_SETTING_ANONYMISE] =
	{ "anonymise", SWITCH, AT(security.anonymise), 0, 0, "on or off",
	  "addresses are shown moved by an unknown distance", NULL },
	[GLASSRAM_SETTING_SANDBOX] =
	{ "sandbox", SWITCH, AT(security.sandbox), 0, 0, "on or off",
	  "rights that are needed no more are given up", "no program has a sandbox yet" },
};

void glassram_config_init(struct glassram_config *ret_config)
{
	*ret_config = (struct glassram_config){
		.hilbert = { .order = 8, .adaptive = true, .min = 4, .max = 12 },
		.sampling = { .rate = 0.1, .adaptive = true, .min = 0.05, .max = 0.5 },
		.view = { .look = "heat", .palette = "dusk", .glow = true, .scanout = true },
	};
}

static bool parse_whole(const struct setting *setting, const char *text, uint32_t *ret_value)
{
	unsigned long value;
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || *end || value < setting->min || value > setting->max)
		return false;
	*ret_value = (uint32_t)value;
	return true;
}

/* A point, whatever the locale says: a file means the same everywhere. */
static bool parse_share(const struct setting *setting, const char *text, double *ret_value)
{
	locale_t c = newlocale(LC_NUMERIC_MASK, "C", NULL), before;
	double value;
	char *end;

	if (!c)
		return false;
	before = uselocale(c);
	value = strtod(text, &end);
	uselocale(before);
	freelocale(c);
	/* Digits first: neither "nan" nor " 0.1" nor "0x1p-3" is meant. */
	if (strspn(text, "0123456789.") != strlen(text) || end == text || *end ||
	    !(value >= setting->min && value <= setting->max))
		return false;
	*ret_value = value;
	return true;
}

static bool parse_switch(const char *text, bool *ret_value)
{
	if (strcmp(text, "on") && strcmp(text, "off"))
		return false;
	*ret_value = !strcmp(text, "on");
	return true;
}

static bool parse_word(const struct setting *setting, const char *text, char *ret_word)
{
	size_t len = strlen(text);

	if (setting == &settings[GLASSRAM_SETTING_PALETTE] && strcmp(text, setting->takes))
		return false;
	/* A look is part of a file's name. */
	if (!len || len >= GLASSRAM_CONFIG_WORD ||
	    strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_-") != len)
		return false;
	memcpy(ret_word, text, len + 1);
	return true;
}

static bool parse(const struct setting *setting, const char *text, void *ret_value)
{
	switch (setting->kind) {
	case WHOLE:
		return parse_whole(setting, text, ret_value);
	case SHARE:
		return parse_share(setting, text, ret_value);
	case SWITCH:
		return parse_switch(text, ret_value);
	case WORD:
		return parse_word(setting, text, ret_value);
	}
	return false;
}

/* How many letters have to be put in, left out or changed to make @b of @a. */
static size_t distance(const char *a, const char *b)
{
	size_t row[GLASSRAM_CONFIG_WORD], len = strlen(b);

	for (size_t j = 0; j <= len; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t corner = row[0];

		row[0] = i;
		for (size_t j = 1; j <= len; j++) {
			size_t changed = corner + (a[i - 1] != b[j - 1]);

			corner = row[j];
			row[j] = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
			if (changed < row[j])
				row[j] = changed;
		}
	}
	return row[len];
}

static const struct setting *find(const char *name)
{
	const struct setting *nearest = NULL;
	size_t least = SIZE_MAX;

	for (size_t i = 0; i < GLASSRAM_SETTINGS; i++) {
		size_t d = strnlen(name, GLASSRAM_CONFIG_WORD) < GLASSRAM_CONFIG_WORD ?
			distance(name, settings[i].name) : SIZE_MAX;

		if (!d)
			return &settings[i];
		if (d < least) {
			least = d;
			nearest = &settings[i];
		}
	}
	/* Nearer than by chance: at most every third letter is wrong. */
	if (nearest && 3 * least <= strlen(nearest->name))
		gr_fail(GLASSRAM_ERR_INVALID, "there is no setting '%s': did you mean %s?", name,
			nearest->name);
	else
		gr_fail(GLASSRAM_ERR_INVALID, "there is no setting '%.40s': `glassctl config` shows all",
			name);
	return NULL;
}

enum glassram_error glassram_config_set(struct glassram_config *config, const char *name,
					const char *value)
{
	const struct setting *setting = find(name);
	struct glassram_config changed = *config;

	if (!setting)
		return GLASSRAM_ERR_INVALID;
	if (!parse(setting, value, (char *)&changed + setting->at))
		return gr_fail(GLASSRAM_ERR_INVALID, "%s takes %s, not '%.40s'", setting->name,
			       setting->takes, value);
	if (setting->missing && (setting->kind != SWITCH || strcmp(value, "off")))
		return gr_fail(GLASSRAM_ERR_FEATURE_MISSING, "%s has no effect, %s: leave it out",
			       setting->name, setting->missing);
	changed.origin[setting - settings] = (struct glassram_config_origin){ .given = true };
	*config = changed;
	return GLASSRAM_OK;
}

/* One limit above the other, or a fixed value outside of both. */
static enum glassram_error check_limits(const struct glassram_config *config,
					enum glassram_setting low, enum glassram_setting high)
{
	char value[2][GLASSRAM_CONFIG_WORD], origin[2][GLASSRAM_CONFIG_PATH + 16];

	return gr_fail(GLASSRAM_ERR_INVALID, "%s %s (%s) is above %s %s (%s): change one of them",
		       settings[low].name, glassram_setting_value(config, low, value[0]),
		       glassram_setting_origin(config, low, origin[0], sizeof(origin[0])),
		       settings[high].name, glassram_setting_value(config, high, value[1]),
		       glassram_setting_origin(config, high, origin[1], sizeof(origin[1])));
}

enum glassram_error glassram_config_check(const struct glassram_config *config)
{
	const struct glassram_config_origin *origin =
		&config->origin[GLASSRAM_SETTING_HILBERT_ORDER];
	char buffer[GLASSRAM_CONFIG_PATH + 16];

	if (config->hilbert.min > config->hilbert.max)
		return check_limits(config, GLASSRAM_SETTING_HILBERT_MIN,
				    GLASSRAM_SETTING_HILBERT_MAX);
	if (config->sampling.min > config->sampling.max)
		return check_limits(config, GLASSRAM_SETTING_SAMPLING_MIN,
				    GLASSRAM_SETTING_SAMPLING_MAX);
	/* An order that nothing would follow. */
	if (origin->given && config->hilbert.adaptive)
		return gr_fail(GLASSRAM_ERR_INVALID,
			       "hilbert-order %u (%s) has no effect while hilbert-adaptive is on: set that to off, or hilbert-max to %u",
			       config->hilbert.order,
			       glassram_setting_origin(config, GLASSRAM_SETTING_HILBERT_ORDER,
						       buffer, sizeof(buffer)),
			       config->hilbert.order);
	return GLASSRAM_OK;
}

const char *glassram_setting_name(enum glassram_setting setting)
{
	return settings[setting].name;
}

const char *glassram_setting_takes(enum glassram_setting setting)
{
	return settings[setting].takes;
}

const char *glassram_setting_meaning(enum glassram_setting setting)
{
	return settings[setting].meaning;
}

const char *glassram_setting_missing(enum glassram_setting setting)
{
	return settings[setting].missing;
}

const char *glassram_setting_origin(const struct glassram_config *config,
				    enum glassram_setting setting, char *buffer, size_t size)
{
	const struct glassram_config_origin *origin = &config->origin[setting];

	if (origin->file)
		snprintf(buffer, size, "%s:%u", config->files[origin->file - 1], origin->line);
	else
		snprintf(buffer, size, "%s", origin->given ? "set" : "default");
	return buffer;
}

const char *glassram_setting_value(const struct glassram_config *config,
				   enum glassram_setting setting, char *buffer)
{
	const void *value = (const char *)config + settings[setting].at;
	double share;

	switch (settings[setting].kind) {
	case WHOLE:
		snprintf(buffer, GLASSRAM_CONFIG_WORD, "%u", *(const uint32_t *)value);
		break;
	case SHARE:
		share = *(const double *)value;
		/* Four places, and a point in every locale. */
		snprintf(buffer, GLASSRAM_CONFIG_WORD, "0.%04u", (unsigned int)(share * 1e4 + 0.5));
		for (char *end = buffer + strlen(buffer); end[-1] == '0'; end--)
			end[-1] = '\0';
		break;
	case SWITCH:
		snprintf(buffer, GLASSRAM_CONFIG_WORD, "%s", *(const bool *)value ? "on" : "off");
		break;
	case WORD:
		snprintf(buffer, GLASSRAM_CONFIG_WORD, "%s", (const char *)value);
		break;
	}
	return buffer;
}
