/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the commands of glassctl share: their options, and their exit statuses.
 */
#ifndef GLASSCTL_H
#define GLASSCTL_H

#include <stdbool.h>
#include <sys/types.h>

#include <glassram/config.h>

/* Exit statuses of every command. */
#define GLASSCTL_DONE 0
#define GLASSCTL_FAILED 1 /* what was asked for could not be had, or is missing */
#define GLASSCTL_USAGE 2 /* the command line is wrong */

/**
 * struct glassctl_options - the command line
 * @json: print one JSON document instead of a table
 * @seconds: how long to watch before printing
 * @bounded: @seconds was given
 * @follow: follow forks and execs
 * @mask: names of the events wanted, or NULL
 * @rate_hz: arming ticks a second, 0 for the default
 * @pid: the target, for commands that have one
 * @config: the settings, for commands that have a target, and for "config"
 */
struct glassctl_options {
	bool json;
	double seconds;
	bool bounded;
	bool follow;
	const char *mask;
	unsigned int rate_hz;
	pid_t pid;
	struct glassram_config config;
};

/* The commands; each returns an exit status and has printed its own errors. */
int glassctl_doctor(const struct glassctl_options *options);
int glassctl_list(const struct glassctl_options *options);
int glassctl_regions(const struct glassctl_options *options);
int glassctl_threads(const struct glassctl_options *options);
int glassctl_stats(const struct glassctl_options *options);
int glassctl_targets(const struct glassctl_options *options);
int glassctl_events(const struct glassctl_options *options);
int glassctl_config(const struct glassctl_options *options);

#endif
