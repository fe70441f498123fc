/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tables and JSON for the commands of glassctl.
 */
#ifndef GLASSCTL_OUTPUT_H
#define GLASSCTL_OUTPUT_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

/* Most columns of a table. */
#define TABLE_COLUMNS 10

struct table;

/**
 * table_create() - an empty table
 * @nr: columns, at most TABLE_COLUMNS
 * @...: their @nr headings; one that begins with ">" is for numbers and stands
 *	to the right
 * Return: the table, to be printed and freed by table_finish(). Never NULL:
 * the program ends if there is no memory.
 */
struct table *table_create(size_t nr, ...);

/* table_cell() - the next cell, row by row; what is not printable is escaped. */
void table_cell(struct table *table, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* table_finish() - print it to stdout and free it. */
void table_finish(struct table *table);

/**
 * printable() - text from a stranger, safe for a terminal and for JSON
 * @text: any bytes, for example a path of the target
 * Return: valid UTF-8 without control characters; the rest as \xNN. Free with
 * free(). Never NULL.
 */
char *printable(const char *text);

/* json_text() - a JSON string of any bytes, by way of printable(). */
json_t *json_text(const char *text);

/* json_print() - print @document to stdout and drop it. */
void json_print(json_t *document);

/* bytes_text() - "12.3 MiB" into @buffer of at least BYTES_TEXT bytes. */
#define BYTES_TEXT 24
const char *bytes_text(uint64_t bytes, char *buffer);

#endif
