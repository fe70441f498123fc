/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Giving a terminal or a console back even when the program crashes.
 */
#ifndef GLASSVIEW_RESTORE_H
#define GLASSVIEW_RESTORE_H

/**
 * restore_on_crash() - call @restore before a crash ends the program
 * @restore: async-signal-safe; NULL takes it back. One at a time.
 */
void restore_on_crash(void (*restore)(void));

#endif
