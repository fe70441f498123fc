/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The command line of glassview.
 */
#ifndef GLASSVIEW_OPTIONS_H
#define GLASSVIEW_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <glassram/config.h>

#include "mapper.h"

/**
 * struct options - what the user asked for; strings belong to argv
 * @pid: the target, 0 if none was named
 * @command: NULL-terminated command to start and watch, or NULL
 * @synthetic: a made-up target, without the module
 * @probe: print what EGL can do, and end
 * @headless: PNG file for the last picture, or NULL
 * @terminal: draw in the terminal
 * @kms: draw on a display
 * @kms_device: "/dev/dri/card0", or NULL for the first that works
 * @stats: JSON file for the figures, or NULL
 * @policy: policy object file, or NULL
 * @follow: watch the processes that the target starts, too
 * @seconds: end after so long, 0 for never
 * @frames: end after so many pictures, 0 for never
 * @freeze: at the end, let the last picture stand until a signal or key
 * @rate_hz: arming rate, 0 for the default
 * @rung: import rung to force
 * @width, @height: picture size, 0 for the sink's own
 * @config: settings, from files and from options
 */
struct options {
	pid_t pid;
	char **command;
	bool synthetic;
	bool probe;
	const char *headless;
	bool terminal;
	bool kms;
	const char *kms_device;
	const char *stats;
	const char *policy;
	bool follow;
	double seconds;
	uint64_t frames;
	bool freeze;
	uint32_t rate_hz;
	enum mapper_rung rung;
	uint32_t width;
	uint32_t height;
	struct glassram_config config;
};

/**
 * options_parse() - read the command line, and files of settings
 * Return: 0 to go on, 1 if everything asked for was printed, -1 with a one-line
 * message printed if something is wrong.
 */
int options_parse(int argc, char **argv, struct options *ret_options);

#endif
