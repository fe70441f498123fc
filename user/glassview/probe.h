/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What EGL can do on this machine, as a table.
 */
#ifndef GLASSVIEW_PROBE_H
#define GLASSVIEW_PROBE_H

#include <stdio.h>

/**
 * probe_print() - print renderer, import rungs and displays
 * Needs no module: the rungs are tried on made-up counters.
 * Return: 0, or -1 with a one-line message printed if nothing can draw here.
 */
int probe_print(FILE *out);

#endif
