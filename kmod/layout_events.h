/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where MAP, UNMAP, REMOVE and REMAP come from.
 */
#ifndef GLASSRAM_LAYOUT_EVENTS_H
#define GLASSRAM_LAYOUT_EVENTS_H

#include <linux/types.h>

bool glassram_layout_supported(void);
int glassram_layout_get(u64 mask);
void glassram_layout_put(u64 mask);
void glassram_layout_init(void);
void glassram_layout_exit(void);

#endif /* GLASSRAM_LAYOUT_EVENTS_H */
