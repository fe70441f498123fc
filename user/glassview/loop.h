/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The loop of glassview: update, draw, wait; until it is told to stop.
 */
#ifndef GLASSVIEW_LOOP_H
#define GLASSVIEW_LOOP_H

#include "options.h"
#include "source.h"
#include "stage.h"

/**
 * loop_run() - show pictures until the time is up, the target ends, a key or a
 * signal asks for it
 * @signals: a signalfd of SIGINT, SIGTERM, SIGHUP, and of SIGUSR1, which freezes
 * @ret_signal: the signal that ended it, if another process sent it, to be
 *	passed on to a command; else 0 (control-C reaches the command by itself)
 *
 * Ends by saving what is to be kept (picture, statistics). With
 * @options->freeze, the space key or SIGUSR1 the last picture stands until a key
 * or another signal.
 *
 * Return: 0, or -1 with a one-line message printed.
 */
int loop_run(struct source *source, struct stage *stage, const struct options *options,
	     int signals, int *ret_signal);

#endif
