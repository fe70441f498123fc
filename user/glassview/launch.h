/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Starting a command so that it can be watched from its first instruction.
 */
#ifndef GLASSVIEW_LAUNCH_H
#define GLASSVIEW_LAUNCH_H

#include <stdbool.h>
#include <sys/types.h>

/**
 * launch_start() - start a command and stop it right after exec
 * @command: NULL-terminated words
 * @output_fd: where its stdout and stderr go, its stdin being empty then; -1
 *	leaves all three as they are
 * @ret_pid: the stopped child; it dies with the caller until it is released
 * Return: 0, or -1 with a one-line message printed.
 *
 * A set-user-ID program loses that bit when it is started in this way.
 */
int launch_start(char **command, int output_fd, pid_t *ret_pid);

/**
 * launch_release() - let the stopped command run
 */
int launch_release(pid_t pid);

/**
 * launch_was_released() - whether launch_release() was called
 */
bool launch_was_released(void);

/**
 * launch_wait() - wait until the command ends; one that was never released is
 * ended first
 * @signals: a signalfd: what arrives while waiting is passed on to it
 * Return: the exit status to pass on: its own, or 128 + the signal it died of.
 */
int launch_wait(pid_t pid, int signals);

#endif
