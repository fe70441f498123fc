// SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0
/*
 * The last error of each thread, and the names of the error codes.
 *
 * A message is one printable line whatever went into it: names of processes
 * and files come from strangers and may hold newlines or escape sequences.
 * Weak spot: bytes above 127 are kept as they are, so a message is UTF-8 only
 * if the names in it are.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"

#ifndef GLASSRAM_VERSION
#error "GLASSRAM_VERSION comes from the Makefile"
#endif

/* Long enough for a verifier's reason beside a path. */
static _Thread_local char last_message[1024];

static const char *const names[] = {
	[GLASSRAM_OK] = "ok",
	[GLASSRAM_ERR_INVALID] = "invalid",
	[GLASSRAM_ERR_NO_MEMORY] = "no-memory",
	[GLASSRAM_ERR_NO_MODULE] = "no-module",
	[GLASSRAM_ERR_DEVICE_PERMISSION] = "device-permission",
	[GLASSRAM_ERR_KERNEL_TOO_OLD] = "kernel-too-old",
	[GLASSRAM_ERR_FEATURE_MISSING] = "feature-missing",
	[GLASSRAM_ERR_NO_PROCESS] = "no-process",
	[GLASSRAM_ERR_PERMISSION] = "permission",
	[GLASSRAM_ERR_BUSY] = "busy",
	[GLASSRAM_ERR_EXISTS] = "exists",
	[GLASSRAM_ERR_NOT_OWNER] = "not-owner",
	[GLASSRAM_ERR_PAUSED] = "paused",
	[GLASSRAM_ERR_ENDED] = "ended",
	[GLASSRAM_ERR_UFFD] = "uffd",
	[GLASSRAM_ERR_DMABUF] = "dmabuf",
	[GLASSRAM_ERR_RENDER] = "render",
	[GLASSRAM_ERR_POLICY] = "policy",
	[GLASSRAM_ERR_INTERRUPTED] = "interrupted",
	[GLASSRAM_ERR_SYSTEM] = "system",
};

const char *glassram_error_name(enum glassram_error error)
{
	if ((size_t)error >= sizeof(names) / sizeof(names[0]))
		return "unknown";
	return names[error];
}

const char *glassram_error_message(void)
{
	return last_message;
}

const char *glassram_version(void)
{
	return GLASSRAM_VERSION;
}

static void set_message(const char *format, va_list args)
{
	vsnprintf(last_message, sizeof(last_message), format, args);
	for (char *c = last_message; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = ' ';
}

enum glassram_error gr_fail(enum glassram_error error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	set_message(format, args);
	va_end(args);
	return error;
}

enum glassram_error gr_fail_errno(int err, const char *format, ...)
{
	const char *name = strerrorname_np(err);
	char what[512];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	if (err == ENOMEM)
		return gr_fail(GLASSRAM_ERR_NO_MEMORY, "%s: out of memory: free some, or raise the memory limit of this control group (memory.max)",
			       what);
	if (err == EMFILE || err == ENFILE)
		return gr_fail(GLASSRAM_ERR_SYSTEM, "%s: too many open files: raise the limit with `ulimit -n`",
			       what);
	return gr_fail(GLASSRAM_ERR_SYSTEM, "%s: %s (%s); the kernel log may say more: `dmesg | tail`",
		       what, strerrordesc_np(err) ?: "unknown error", name ?: "?");
}
