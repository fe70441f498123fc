// SPDX-License-Identifier: GPL-2.0
/*
 * glassctl doctor: each requirement as name, value, verdict and cure.
 *
 * Everything is tried, not concluded from a version, wherever trying is
 * possible without side effects. Weak spot: the module loads or not only when
 * it is loaded; before that its rows say what is known without it.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doctor.h"
#include "glassctl.h"
#include "output.h"

/* Required: without it nothing can be watched. */
static const struct requirement {
	const char *name;
	bool required;
	void (*check)(struct check *check);
} requirements[] = {
	{ "kernel", true, check_kernel },
	{ "userfaultfd", true, check_userfaultfd },
	{ "write protection", true, check_wp_async },
	{ "pagemap scan", true, check_pagemap_scan },
	{ "ftrace", true, check_ftrace },
	{ "kernel BTF", false, check_btf },
	{ "lockdown", false, check_lockdown },
	{ "module signature", false, check_signature },
	{ "module", true, check_module },
	{ "device", true, check_device },
	{ "policies", false, check_policies },
	{ "capabilities", false, check_capabilities },
	{ "ptrace scope", false, check_ptrace_scope },
	{ "display", false, check_drm },
	{ "zero-copy import", false, check_import },
	{ "kernel headers", false, check_headers },
	{ "pahole", false, check_pahole },
	{ "dkms", false, check_dkms },
};

#define NR_REQUIREMENTS (sizeof(requirements) / sizeof(requirements[0]))

void check_value(struct check *check, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(check->value, sizeof(check->value), format, args);
	va_end(args);
}

void check_fail(struct check *check, enum verdict verdict, const char *format, ...)
{
	va_list args;

	check->verdict = verdict;
	va_start(args, format);
	vsnprintf(check->cure, sizeof(check->cure), format, args);
	va_end(args);
}

bool read_line(const char *path, char *buffer, size_t size)
{
	FILE *file = fopen(path, "re");
	bool got;

	if (!file)
		return false;
	got = fgets(buffer, size, file);
	fclose(file);
	if (got)
		buffer[strcspn(buffer, "\n")] = '\0';
	return got;
}

bool find_program(const char *name, char *path, size_t size)
{
	const char *search = getenv("PATH");
	char folders[4096], *rest = folders, *folder;

	/* an ordinary user's PATH has no sbin, where some of these live */
	snprintf(folders, sizeof(folders), "%s:/usr/local/sbin:/usr/sbin:/sbin",
		 search ? search : "/usr/bin:/bin");
	while ((folder = strsep(&rest, ":"))) {
		if (!*folder)
			continue;
		snprintf(path, size, "%s/%s", folder, name);
		if (!access(path, X_OK))
			return true;
	}
	return false;
}

static const char *verdict_name(enum verdict verdict)
{
	switch (verdict) {
	case VERDICT_OK:
		return "ok";
	case VERDICT_LIMITED:
		return "limited";
	default:
		return "missing";
	}
}

static void print_table(const struct check *checks)
{
	printf("%-17s %-8s %s\n", "NAME", "VERDICT", "VALUE");
	for (size_t i = 0; i < NR_REQUIREMENTS; i++) {
		char *value = printable(checks[i].value);

		printf("%-17s %-8s %s\n", requirements[i].name,
		       verdict_name(checks[i].verdict), value);
		if (checks[i].cure[0])
			printf("%-26s -> %s\n", "", checks[i].cure);
		free(value);
	}
}

static void print_json(const struct check *checks, bool ok)
{
	json_t *array = json_array();

	for (size_t i = 0; i < NR_REQUIREMENTS; i++)
		json_array_append_new(array,
				      json_pack("{s:s, s:o, s:s, s:b, s:o}",
						"name", requirements[i].name,
						"value", json_text(checks[i].value),
						"verdict", verdict_name(checks[i].verdict),
						"required", requirements[i].required,
						"cure", json_text(checks[i].cure)));
	json_print(json_pack("{s:b, s:o}", "ok", ok, "checks", array));
}

int glassctl_doctor(const struct glassctl_options *options)
{
	static struct check checks[NR_REQUIREMENTS];
	bool ok = true;

	for (size_t i = 0; i < NR_REQUIREMENTS; i++) {
		requirements[i].check(&checks[i]);
		if (requirements[i].required && checks[i].verdict == VERDICT_MISSING)
			ok = false;
	}
	if (options->json) {
		print_json(checks, ok);
	} else {
		print_table(checks);
		puts(ok ? "\nThis machine can watch processes." :
			  "\nThis machine cannot watch processes yet: mend what is missing, from the top.");
	}
	return ok ? GLASSCTL_DONE : GLASSCTL_FAILED;
}
