// SPDX-License-Identifier: GPL-2.0
/*
 * The few keys that glassview knows. Signals from the keyboard (control-C)
 * stay as they are.
 */
#include "keys.h"

#include <poll.h>
#include <stdbool.h>
#include <termios.h>
#include <unistd.h>

static struct termios before;
static bool active;

int keys_begin(void)
{
	struct termios raw;

	/* In the background, changing the terminal would stop us. */
	if (!isatty(STDIN_FILENO) || tcgetpgrp(STDIN_FILENO) != getpgrp() ||
	    tcgetattr(STDIN_FILENO, &before))
		return -1;
	raw = before;
	raw.c_lflag &= ~(ICANON | ECHO);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	if (tcsetattr(STDIN_FILENO, TCSANOW, &raw))
		return -1;
	active = true;
	return STDIN_FILENO;
}

void keys_end(void)
{
	if (active)
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
	active = false;
}

enum key keys_read(void)
{
	struct pollfd fd = { .fd = STDIN_FILENO, .events = POLLIN };
	char keys[16];
	ssize_t n;

	if (!active || poll(&fd, 1, 0) <= 0)
		return KEY_NONE_YET;
	n = read(STDIN_FILENO, keys, sizeof(keys));
	if (n <= 0) {
		/* The terminal has gone: SIGHUP tells the rest. */
		active = false;
		return KEY_NONE_YET;
	}
	/* An escape with something behind it is an arrow or a function key. */
	if (keys[0] == 'q' || keys[0] == 'Q' || (keys[0] == '\033' && n == 1))
		return KEY_QUIT;
	switch (keys[0]) {
	case ' ':
		return KEY_FREEZE;
	case 'p':
	case 'P':
		return KEY_PAUSE;
	case 'z':
	case 'Z':
		return KEY_RESET;
	default:
		return KEY_NONE_YET;
	}
}
