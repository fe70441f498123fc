// SPDX-License-Identifier: GPL-2.0
/*
 * Messages, and how they wait while the terminal shows a picture.
 *
 * What is kept lies in memory: a command that prints without end under the
 * terminal sink fills it.
 */
#define _GNU_SOURCE
#include "message.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

static int kept = -1;
static int saved = -1;

void message(const char *format, ...)
{
	char line[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	fprintf(stderr, "glassview: %s\n", line);
}

int message_aside_begin(void)
{
	if (kept >= 0)
		return kept;
	kept = memfd_create("glassview-output", MFD_CLOEXEC);
	if (kept < 0)
		return -1;
	if (isatty(STDERR_FILENO)) {
		fflush(stderr);
		saved = dup(STDERR_FILENO);
		dup2(kept, STDERR_FILENO);
	}
	return kept;
}

void message_aside_end(void)
{
	char buffer[4096];
	off_t at = 0;
	ssize_t n;

	if (kept < 0)
		return;
	fflush(stderr);
	if (saved >= 0) {
		dup2(saved, STDERR_FILENO);
		close(saved);
		saved = -1;
	}
	while ((n = pread(kept, buffer, sizeof(buffer), at)) > 0) {
		if (write(STDERR_FILENO, buffer, n) != n)
			break;
		at += n;
	}
	close(kept);
	kept = -1;
}
