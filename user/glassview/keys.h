/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The few keys that glassview knows, read from its terminal.
 */
#ifndef GLASSVIEW_KEYS_H
#define GLASSVIEW_KEYS_H

enum key {
	KEY_NONE_YET,
	KEY_QUIT, /* q or escape */
	KEY_FREEZE, /* space */
	KEY_PAUSE, /* p */
	KEY_RESET, /* z */
};

/**
 * keys_begin() - read single keys, without echo
 * Return: an fd to wait on, or -1 if stdin is no terminal of ours.
 */
int keys_begin(void);
void keys_end(void);

/**
 * keys_read() - the next key, without waiting
 */
enum key keys_read(void);

#endif
