/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * Settings of Glass RAM: one structure, from files and from options, under the
 * same names in both.
 *
 *	struct glassram_config config;
 *	glassram_config_init(&config);
 *	if (glassram_config_load(&config) ||
 *	    glassram_config_set(&config, "hilbert-max", "8") ||
 *	    glassram_config_check(&config))
 *		fprintf(stderr, "%s\n", glassram_error_message());
 *
 * A file holds lines of the form NAME = VALUE; # begins a comment. docs/guide.md
 * describes each setting. What nothing acts on yet is refused, so that nobody
 * believes in a setting without effect.
 *
 * Weak: the structure grows with the settings, so a program has to be compiled
 * with the header of its library. Paths are kept up to GLASSRAM_CONFIG_PATH
 * bytes; longer ones are cut in messages about contradictions.
 */
#ifndef GLASSRAM_CONFIG_H
#define GLASSRAM_CONFIG_H

#include <glassram/glassram.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * enum glassram_setting - all settings, in the order of the files and tables
 */
enum glassram_setting {
	GLASSRAM_SETTING_HILBERT_ORDER,
	GLASSRAM_SETTING_HILBERT_ADAPTIVE,
	GLASSRAM_SETTING_HILBERT_MIN,
	GLASSRAM_SETTING_HILBERT_MAX,
	GLASSRAM_SETTING_SAMPLING_RATE,
	GLASSRAM_SETTING_SAMPLING_ADAPTIVE,
	GLASSRAM_SETTING_SAMPLING_MIN,
	GLASSRAM_SETTING_SAMPLING_MAX,
	GLASSRAM_SETTING_LOOK,
	GLASSRAM_SETTING_PALETTE,
	GLASSRAM_SETTING_GLOW,
	GLASSRAM_SETTING_ANIMATION,
	GLASSRAM_SETTING_SCANOUT,
	GLASSRAM_SETTING_ANONYMISE,
	GLASSRAM_SETTING_SANDBOX,
	GLASSRAM_SETTINGS, /* their number */
};

/* With the NUL behind it. */
#define GLASSRAM_CONFIG_WORD 32
#define GLASSRAM_CONFIG_PATH 256
/* Files of one configuration: the system's and the user's. */
#define GLASSRAM_CONFIG_FILES 2

/**
 * struct glassram_config_origin - where a setting came from
 * @file: number of the file + 1; 0: not from a file
 * @line: its line, from 1
 * @given: it was set, by a file or by a call; else it has its default
 */
struct glassram_config_origin {
	uint32_t file;
	uint32_t line;
	bool given;
};

/**
 * struct glassram_config - all settings; glassram_config_init() gives the defaults
 * @hilbert.order: order of the map, 1 to 12 (8), where it is not adaptive: the map
 *	has 2^order cells a side
 * @hilbert.adaptive: the order follows from what there is to be shown (true)
 * @hilbert.min, @hilbert.max: and stays within these, 1 to 12 (4 and 12)
 * @sampling.rate: share of the pages that are armed, 0.05 to 0.5 (0.1)
 * @sampling.adaptive: the rate follows from the accuracy reached (true)
 * @sampling.min, @sampling.max: and stays within these, 0.05 to 0.5 (0.05 and 0.5)
 * @view.look: what colours mean: "heat" (default), "thread", "age", or one's own
 * @view.palette: colours of the scale: "dusk"
 * @view.glow: what was written just now is brighter (true)
 * @view.animation: past states are played back (false)
 * @view.scanout: a display may be taken without being asked for (true)
 * @security.anonymise: addresses are shown moved by a distance that nobody knows
 *	(false)
 * @security.sandbox: the program gives up the rights that it needs no more (false)
 * @origin: of each setting
 * @files: paths of the files read
 * @nr_files: their number
 */
struct glassram_config {
	struct {
		uint32_t order;
		bool adaptive;
		uint32_t min;
		uint32_t max;
	} hilbert;
	struct {
		double rate;
		bool adaptive;
		double min;
		double max;
	} sampling;
	struct {
		char look[GLASSRAM_CONFIG_WORD];
		char palette[GLASSRAM_CONFIG_WORD];
		bool glow;
		bool animation;
		bool scanout;
	} view;
	struct {
		bool anonymise;
		bool sandbox;
	} security;
	struct glassram_config_origin origin[GLASSRAM_SETTINGS];
	char files[GLASSRAM_CONFIG_FILES][GLASSRAM_CONFIG_PATH];
	uint32_t nr_files;
};

/**
 * glassram_config_init() - the defaults
 */
void glassram_config_init(struct glassram_config *ret_config);

/**
 * glassram_config_set() - set one setting by its name
 * @name: "hilbert-order"
 * @value: as text; switches are "on" and "off"
 *
 * GLASSRAM_ERR_INVALID: there is no such setting, or it does not take this value.
 * GLASSRAM_ERR_FEATURE_MISSING: nothing acts on it yet. @config is then as before.
 */
enum glassram_error glassram_config_set(struct glassram_config *config, const char *name,
					const char *value);

/**
 * glassram_config_read() - set what a file says
 * @path: "-" is no exception: it is a file of that name
 *
 * Messages begin with the file and the line. Up to GLASSRAM_CONFIG_FILES files
 * may be read in turn; the later one wins. On failure @config is as before.
 */
enum glassram_error glassram_config_read(struct glassram_config *config, const char *path);

/**
 * glassram_config_load() - read the system's file, then the user's
 *
 * They are /etc/glassram/config.conf and glassram/config.conf in XDG_CONFIG_HOME,
 * or in ~/.config without it. A file that does not exist is no error; one that
 * may not be read is.
 */
enum glassram_error glassram_config_load(struct glassram_config *config);

/**
 * glassram_config_check() - look for settings that contradict each other
 * To be called once, after all have been set.
 */
enum glassram_error glassram_config_check(const struct glassram_config *config);

/*
 * Of one setting; @setting is below GLASSRAM_SETTINGS. Static strings.
 */

/* glassram_setting_name() - "hilbert-order" */
const char *glassram_setting_name(enum glassram_setting setting);

/* glassram_setting_takes() - "a whole number from 1 to 12", "on or off" */
const char *glassram_setting_takes(enum glassram_setting setting);

/* glassram_setting_meaning() - what it does, in a few words */
const char *glassram_setting_meaning(enum glassram_setting setting);

/* glassram_setting_origin() - "default", "set", or "FILE:LINE", in @buffer of @size bytes */
const char *glassram_setting_origin(const struct glassram_config *config,
				    enum glassram_setting setting, char *buffer, size_t size);

/**
 * glassram_setting_missing() - why nothing acts on a setting yet
 * Return: a few words, or NULL if something acts on it. Switches among these may
 * still be set to "off", which is what they are.
 */
const char *glassram_setting_missing(enum glassram_setting setting);

/**
 * glassram_setting_value() - a setting as text, as glassram_config_set() takes it
 * @buffer: of GLASSRAM_CONFIG_WORD bytes
 * Return: @buffer.
 */
const char *glassram_setting_value(const struct glassram_config *config,
				   enum glassram_setting setting, char *buffer);

#ifdef __cplusplus
}
#endif

#endif /* GLASSRAM_CONFIG_H */
