/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Load and unload the module: what is compared with "no Glass RAM" must really
 * run without it.
 */
#ifndef GLASSRAM_BENCH_MODULE_H
#define GLASSRAM_BENCH_MODULE_H

#include <stdlib.h>
#include <unistd.h>

#include "row.h"

static inline void module_load(void)
{
	if (system("lab-load"))
		die("the module does not load; see the kernel's log");
}

/* The last session may still be cleaned up: try for five seconds. */
static inline void module_unload(void)
{
	for (int i = 0; i < 50; i++) {
		if (!system("rmmod glassram 2>/dev/null"))
			return;
		usleep(100000);
	}
	die("the module cannot be unloaded: something holds a session or a dma-buf");
}

#endif
