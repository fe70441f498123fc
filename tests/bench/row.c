// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rows of results: see row.h.
 *
 * Weak spot: nothing is escaped, so names, units and methods must not hold
 * quotes or backslashes.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "row.h"

static FILE *out;
static bool missed, counted;

/* What a time is called where a nanosecond is an instruction. */
static const char *const counted_units[][2] = {
	{"ms", "million instr"},
	{"ns", "instr"},
	{"ns per page", "instr per page"},
};

void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("bench: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(2);
}

void rows_open(const char *path, bool counts)
{
	counted = counts;
	out = fopen(path, "we");
	if (!out)
		die("cannot write %s: name a file in a directory that exists", path);
	setvbuf(stdout, NULL, _IOLBF, 0);
}

static const char *unit_of(const struct row *row)
{
	for (size_t i = 0; counted && i < sizeof(counted_units) / sizeof(counted_units[0]); i++)
		if (!strcmp(row->unit, counted_units[i][0]))
			return counted_units[i][1];
	return row->unit;
}

void row_put(const struct row *row)
{
	const char *suffix = counted ? "-instructions" : "";
	double limit = counted ? row->counted_bar : row->bar;
	const char *verdict = "none";
	char bar[32] = "null", shown[48] = "", name[96];

	if (limit >= 0) {
		verdict = row->measured <= limit ? "met" : "missed";
		missed |= row->measured > limit;
		snprintf(bar, sizeof(bar), "%.6g", limit);
		snprintf(shown, sizeof(shown), "<= %-6s %s", bar, verdict);
	}
	fprintf(out,
		"{\"name\": \"%s%s\", \"measured\": %.6g, \"unit\": \"%s\", \"bar\": %s, \"verdict\": \"%s\", "
		"\"spread\": {\"low\": %.6g, \"high\": %.6g, \"samples\": %zu}, \"method\": \"%s\"}\n",
		row->name, suffix, row->measured, unit_of(row), bar, verdict, row->low, row->high,
		row->samples, row->method);
	snprintf(name, sizeof(name), "%s%s", row->name, suffix);
	printf("%-40s %10.5g %-15s %-16s [%.5g .. %.5g]\n", name, row->measured, unit_of(row),
	       shown, row->low, row->high);
}

int rows_close(void)
{
	if (fclose(out))
		die("cannot write the results: is the disk full?");
	return missed;
}
