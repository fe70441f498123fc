// SPDX-License-Identifier: GPL-2.0
/*
 * Tables and JSON, safe against names that strangers choose.
 *
 * Weak spot: columns are aligned by code points, so wide (East Asian) or
 * combining characters in a name shift the rest of their line.
 */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"

struct table {
	size_t columns;
	const char *headings[TABLE_COLUMNS];
	bool right[TABLE_COLUMNS];
	size_t width[TABLE_COLUMNS];
	char **cells;
	size_t nr;
	size_t capacity;
};

static void *need(void *memory)
{
	if (!memory) {
		fputs("glassctl: out of memory: free some and try again\n", stderr);
		exit(1);
	}
	return memory;
}

/* Bytes of the well-formed UTF-8 character at @text, 0 if it is none. */
static size_t utf8_length(const unsigned char *text)
{
	uint32_t code;
	size_t length;

	if (text[0] < 0x80)
		return 1;
	if (text[0] >= 0xc2 && text[0] < 0xe0)
		length = 2, code = text[0] & 0x1f;
	else if (text[0] >= 0xe0 && text[0] < 0xf0)
		length = 3, code = text[0] & 0x0f;
	else if (text[0] >= 0xf0 && text[0] < 0xf5)
		length = 4, code = text[0] & 0x07;
	else
		return 0;
	for (size_t i = 1; i < length; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (text[i] & 0x3f);
	}
	/* overlong forms, surrogates, beyond Unicode, C1 controls */
	if ((length == 3 && code < 0x800) || (length == 4 && code < 0x10000) ||
	    (code >= 0xd800 && code < 0xe000) || code > 0x10ffff || code < 0xa0)
		return 0;
	return length;
}

char *printable(const char *text)
{
	const unsigned char *from = (const unsigned char *)text;
	char *copy = need(malloc(4 * strlen(text) + 1)), *to = copy;

	while (*from) {
		size_t length = utf8_length(from);

		if (!length || *from < ' ' || *from == 0x7f) {
			to += sprintf(to, "\\x%02x", *from++);
			continue;
		}
		memcpy(to, from, length);
		to += length;
		from += length;
	}
	*to = '\0';
	return copy;
}

static size_t text_width(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += (*text & 0xc0) != 0x80;
	return width;
}

struct table *table_create(size_t nr, ...)
{
	struct table *table = need(calloc(1, sizeof(*table)));
	va_list args;

	table->columns = nr;
	va_start(args, nr);
	for (size_t i = 0; i < nr; i++) {
		const char *heading = va_arg(args, const char *);

		table->right[i] = *heading == '>';
		table->headings[i] = heading + table->right[i];
		table->width[i] = text_width(table->headings[i]);
	}
	va_end(args);
	return table;
}

void table_cell(struct table *table, const char *format, ...)
{
	size_t column = table->nr % table->columns, width;
	va_list args;
	char *text, *cell;
	int length;

	va_start(args, format);
	length = vasprintf(&text, format, args);
	va_end(args);
	need(length < 0 ? NULL : text);
	cell = printable(text);
	free(text);
	width = text_width(cell);
	if (width > table->width[column])
		table->width[column] = width;
	if (table->nr == table->capacity) {
		table->capacity = table->capacity ? 2 * table->capacity : 64;
		table->cells = need(reallocarray(table->cells, table->capacity,
						 sizeof(*table->cells)));
	}
	table->cells[table->nr++] = cell;
}

static void print_cell(const struct table *table, size_t column, const char *text)
{
	int gap = (int)(table->width[column] - text_width(text));
	bool last = column + 1 == table->columns;

	if (table->right[column])
		printf("%*s%s", gap, "", text);
	else
		printf("%s%*s", text, last ? 0 : gap, "");
	fputs(last ? "\n" : "  ", stdout);
}

void table_finish(struct table *table)
{
	for (size_t i = 0; i < table->columns; i++)
		print_cell(table, i, table->headings[i]);
	for (size_t i = 0; i < table->nr; i++) {
		print_cell(table, i % table->columns, table->cells[i]);
		free(table->cells[i]);
	}
	free(table->cells);
	free(table);
}

json_t *json_text(const char *text)
{
	char *copy = printable(text);
	json_t *string = need(json_string(copy));

	free(copy);
	return string;
}

void json_print(json_t *document)
{
	need(document);
	json_dumpf(document, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(document);
}

const char *bytes_text(uint64_t bytes, char *buffer)
{
	static const char units[][4] = { "KiB", "MiB", "GiB", "TiB", "PiB" };
	double value = bytes / 1024.0;
	size_t unit = 0;

	while (value >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		value /= 1024;
		unit++;
	}
	snprintf(buffer, BYTES_TEXT, "%.*f %s", unit ? 1 : 0, value, units[unit]);
	return buffer;
}
