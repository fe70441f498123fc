// SPDX-License-Identifier: GPL-2.0
/*
 * Giving a terminal or a console back even when the program crashes: a
 * graphics driver is a lot of code in our process.
 *
 * Weak: SIGKILL cannot be caught; 'reset' mends a terminal after it, and
 * 'chvt' a console.
 */
#include "restore.h"

#include <signal.h>
#include <stddef.h>

static void (*volatile restore_function)(void);

static void on_crash(int number)
{
	void (*restore)(void) = restore_function;

	restore_function = NULL;
	if (restore)
		restore();
	/* Installed with SA_RESETHAND: now it ends the program as always. */
	raise(number);
}

void restore_on_crash(void (*restore)(void))
{
	static const int crashes[] = { SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL };
	struct sigaction action = { .sa_handler = on_crash, .sa_flags = SA_RESETHAND };
	size_t i;

	restore_function = restore;
	if (!restore)
		action = (struct sigaction){ .sa_handler = SIG_DFL };
	for (i = 0; i < sizeof(crashes) / sizeof(*crashes); i++)
		sigaction(crashes[i], &action, NULL);
}
