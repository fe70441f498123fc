/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Recording a trace of a command: what its two ways share.
 */
#ifndef GLASSCTL_TRACE_H
#define GLASSCTL_TRACE_H

#include <stdbool.h>
#include <sys/types.h>

#include <jansson.h>

#include "glassctl.h"

/* Epochs a second, unless --rate says otherwise. */
#define TRACE_RATE_DEFAULT 60

/**
 * trace_start() - start the command
 * @options: its words are @options->files
 * @stopped: keep it before its first instruction; ptrace(PTRACE_DETACH) lets it go
 * @settings: "NAME=value", NULL at the end: for its environment; or NULL
 * @pid_variable: name of a variable that holds its pid, or NULL
 * Return: its pid, or -1 with the reason printed.
 */
pid_t trace_start(const struct glassctl_options *options, bool stopped, char *const *settings,
		  const char *pid_variable);

/* trace_say_status() - print how the command ended, unless it is well. */
void trace_say_status(const struct glassctl_options *options, int status);

/**
 * trace_summary() - read a trace and say what it holds
 * @file: the trace
 * @array: what it holds is added to this, or printed to stderr if NULL
 * Return: false with the reason printed.
 */
bool trace_summary(const char *file, json_t *array);

/* trace_by_preload() - record without the module. Return: an exit status. */
int trace_by_preload(const struct glassctl_options *options, const char *file, json_t *array);

#endif
