/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Choosing a process to watch from a list.
 */
#ifndef GLASSVIEW_PICKER_H
#define GLASSVIEW_PICKER_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#include <glassram/glassram.h>

/**
 * picker_choose() - let the user choose, on the terminal
 * @ret_pid: the process chosen
 * Return: 0; 1 if the user chose none; -1 with a one-line message printed.
 */
int picker_choose(pid_t *ret_pid);

/**
 * picker_list() - print the processes that can be watched
 * Return: 0, or -1 with a one-line message printed.
 */
int picker_list(FILE *out);

/**
 * picker_matches() - whether a process fits what was typed
 * @typed: part of the name, in any case, or the start of the pid; "" fits all
 */
bool picker_matches(const struct glassram_process *process, const char *typed);

/**
 * picker_size() - bytes for people, at most 7 characters: "412 MiB"
 */
void picker_size(char *text, size_t size, uint64_t bytes);

#endif
