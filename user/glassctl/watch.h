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
 * Return: the session, for glassram_detach(), or NULL with the reason printed.
 * When the target ends meanwhile, a line says so and the session is returned
 * with its last state.
 */
struct glassram_session *watch(const struct glassctl_options *options);

/* Print the library's last message. Return: GLASSCTL_FAILED. */
int watch_failed(void);

#endif
