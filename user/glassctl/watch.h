/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Watch a target for some seconds, for the commands that print what came of it.
 */
#ifndef GLASSCTL_WATCH_H
#define GLASSCTL_WATCH_H

#include <glassram/glassram.h>

#include "glassctl.h"

/**
 * watch() - attach, advance for options->seconds or until SIGINT or SIGTERM
 * @ret_joined: set if the session is another client's, which a line says then
 * Return: the session, for watch_end(), or NULL with the reason printed.
 * When the target ends meanwhile, a line says so and the session is returned
 * with its last state.
 */
struct glassram_session *watch(const struct glassctl_options *options, bool *ret_joined);

/* watch_begin() - only attach; as watch(). Signals set watch_stopped() from here on. */
struct glassram_session *watch_begin(const struct glassctl_options *options, bool *ret_joined);

/* watch_follow() - follow forks if options->follow. Return: false with the reason printed. */
bool watch_follow(struct glassram_session *session, const struct glassctl_options *options);
bool watch_stopped(void);

/* watch_clock() - seconds of CLOCK_MONOTONIC. */
double watch_clock(void);

/* watch_end() - stop following, and leave the session. */
void watch_end(struct glassram_session *session);

/* Print the library's last message. Return: GLASSCTL_FAILED. */
int watch_failed(void);

#endif
