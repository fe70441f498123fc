// SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0
/*
 * One line out of what libbpf and the verifier say when they refuse a policy.
 *
 * A verifier log is a trace of instructions and register states; its reason is
 * the last line that is none of these, and the source line it belongs to is the
 * nearest one above that starts with ";". Weak spot: this follows the form of
 * the log as kernels 6.12 to 7.2 write it. A form it does not know gives the
 * last line of the log, which is seldom wrong and often poor.
 */
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"

#define LOG_BEGIN "-- BEGIN PROG LOAD LOG --"
#define LOG_END "-- END PROG LOAD LOG --"

/* "12: (79) r1 = ..." and "12: R0=..." trace; "processed 9 insns" sums up. */
static bool is_trace(const char *line)
{
	const char *c = line;

	while (isdigit((unsigned char)*c))
		c++;
	if (c > line && *c == ':')
		return true;
	if (!strncmp(line, "from ", 5) && isdigit((unsigned char)line[5]))
		return true;
	return !strncmp(line, "processed ", 10) || !strncmp(line, "max_states_per_insn", 19) ||
	       !strncmp(line, "func#", 5) || !strncmp(line, "mark_precise", 12) ||
	       !strncmp(line, "last_idx", 8) || !strncmp(line, "verification time", 17) ||
	       !strncmp(line, "stack depth", 11) || !strncmp(line, "Global function", 15);
}

/* The last line of [begin, end) that @want accepts; copied to @line. */
static bool last_line(const char *begin, const char *end, bool (*want)(const char *line),
		      char *line, size_t size, const char **ret_where)
{
	while (end > begin) {
		const char *start = end;
		size_t length;

		while (start > begin && start[-1] != '\n')
			start--;
		length = end - start;
		if (length >= size)
			length = size - 1;
		memcpy(line, start, length);
		line[length] = '\0';
		if (want(line)) {
			if (ret_where)
				*ret_where = start;
			return true;
		}
		end = start > begin ? start - 1 : begin;
	}
	return false;
}

static bool is_reason(const char *line)
{
	return *line && *line != ';' && !is_trace(line);
}

static bool is_source(const char *line)
{
	return *line == ';';
}

static bool is_said(const char *line)
{
	return *line != '\0';
}

/* Without a verifier log, the first thing libbpf complained of is the cause;
 * what follows is how the failure spread.
 */
static void first_complaint(const char *log, char *reason, size_t size)
{
	size_t length;

	if (!strncmp(log, "libbpf: ", 8))
		log += 8;
	length = strcspn(log, "\n");
	if (length >= size)
		length = size - 1;
	memcpy(reason, log, length);
	reason[length] = '\0';
}

void gr_policy_log_reason(const char *log, char *reason, size_t size)
{
	const char *begin = strstr(log, LOG_BEGIN), *end, *where;
	char source[160], line[320];

	reason[0] = '\0';
	end = strstr(begin ? begin : log, LOG_END);
	if (!end) {
		first_complaint(log, reason, size);
		return;
	}
	/* a log cut at its front has no begin mark: take what is there */
	begin = begin ? begin + strlen(LOG_BEGIN) : log;
	while (end > begin && end[-1] != '\n')
		end--;
	if (end > begin)
		end--;
	if (!last_line(begin, end, is_reason, line, sizeof(line), &where)) {
		if (last_line(begin, end, is_said, line, sizeof(line), NULL))
			snprintf(reason, size, "%s", line);
		return;
	}
	if (last_line(begin, where, is_source, source, sizeof(source), NULL))
		snprintf(reason, size, "%s, at \"%s\"", line, source + 1 + strspn(source + 1, " "));
	else
		snprintf(reason, size, "%s", line);
}
