/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a call prints on stderr, for tests of messages.
 */
#ifndef TESTS_UNIT_VIEW_CAPTURE_H
#define TESTS_UNIT_VIEW_CAPTURE_H

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char captured[4096];
static FILE *capture_file;
static int capture_saved;

static void capture_begin(void)
{
	fflush(stderr);
	capture_file = tmpfile();
	capture_saved = dup(STDERR_FILENO);
	dup2(fileno(capture_file), STDERR_FILENO);
}

static void capture_end(void)
{
	size_t n;

	fflush(stderr);
	dup2(capture_saved, STDERR_FILENO);
	close(capture_saved);
	rewind(capture_file);
	n = fread(captured, 1, sizeof(captured) - 1, capture_file);
	captured[n] = '\0';
	fclose(capture_file);
}

/* Exactly one line, from glassview, that holds @part. */
static int captured_line(const char *part)
{
	const char *end = strchr(captured, '\n');

	return end && !end[1] && !strncmp(captured, "glassview: ", 11) && strstr(captured, part);
}

#endif
