/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The text console under a KMS picture.
 */
#ifndef GLASSVIEW_CONSOLE_H
#define GLASSVIEW_CONSOLE_H

/**
 * console_take() - keep the text console from drawing over the picture
 * Does nothing, and that is no failure, where the program was not started on
 * a text console.
 */
void console_take(void);

/**
 * console_give_back() - let the text console draw again; safe to call twice,
 * and from a signal handler
 */
void console_give_back(void);

#endif
