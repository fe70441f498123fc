/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The device, as the rest of the module needs it.
 */
#ifndef GLASSRAM_MAIN_H
#define GLASSRAM_MAIN_H

struct device;

/* The struct device of /dev/glassram, valid while the module is loaded. */
const struct device *glassram_device(void);

#endif /* GLASSRAM_MAIN_H */
