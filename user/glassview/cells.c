// SPDX-License-Identifier: GPL-2.0
/*
 * A grid of terminal cells, and the shortest way to bring a terminal from the
 * previous grid to this one: only changed cells are written, and colours only
 * where they differ from those in force.
 */
#include "cells.h"

#include <stdlib.h>
#include <string.h>

static const struct cell blank = { ' ', CELL_DEFAULT, CELL_DEFAULT };

int cells_init(struct cells *cells, unsigned int columns, unsigned int rows)
{
	size_t count = (size_t)columns * rows;

	*cells = (struct cells){ .columns = columns, .rows = rows, .fresh = true };
	cells->next = calloc(count, sizeof(*cells->next));
	cells->shown = calloc(count, sizeof(*cells->shown));
	if (!cells->next || !cells->shown) {
		cells_finish(cells);
		return -1;
	}
	cells_clear(cells);
	return 0;
}

void cells_finish(struct cells *cells)
{
	free(cells->next);
	free(cells->shown);
	*cells = (struct cells){ 0 };
}

void cells_clear(struct cells *cells)
{
	size_t i;

	for (i = 0; i < (size_t)cells->columns * cells->rows; i++)
		cells->next[i] = blank;
}

unsigned int cells_text(struct cells *cells, unsigned int row, unsigned int column,
			unsigned int limit, uint32_t fg, const char *text)
{
	unsigned int n = 0;

	if (row >= cells->rows)
		return 0;
	for (; *text && n < limit && column + n < cells->columns; text++, n++) {
		struct cell *cell = &cells->next[(size_t)row * cells->columns + column + n];

		*cell = blank;
		cell->glyph = *text >= ' ' && *text <= '~' ? (uint32_t)*text : '?';
		cell->fg = fg;
	}
	return n;
}

void cells_fill(struct cells *cells, unsigned int row, unsigned int column, unsigned int count,
		uint32_t bg)
{
	unsigned int i;

	for (i = column; row < cells->rows && i < column + count && i < cells->columns; i++) {
		struct cell *cell = &cells->next[(size_t)row * cells->columns + i];

		*cell = blank;
		cell->bg = bg;
	}
}

static bool same(const struct cell *a, const struct cell *b)
{
	return a->glyph == b->glyph && a->fg == b->fg && a->bg == b->bg;
}

static void put_colour(FILE *out, int base, uint32_t colour)
{
	if (colour == CELL_DEFAULT)
		fprintf(out, "\033[%dm", base + 9);
	else
		fprintf(out, "\033[%d;2;%u;%u;%um", base + 8, colour >> 16 & 255,
			colour >> 8 & 255, colour & 255);
}

/* @pen: the colours in force. */
static void put_cell(FILE *out, const struct cell *cell, struct cell *pen)
{
	if (cell->fg != pen->fg)
		put_colour(out, 30, cell->fg);
	if (cell->bg != pen->bg)
		put_colour(out, 40, cell->bg);
	*pen = *cell;
	if (cell->glyph < 0x80)
		fputc(cell->glyph, out);
	else
		fprintf(out, "%c%c%c", 0xe0 | cell->glyph >> 12, 0x80 | (cell->glyph >> 6 & 0x3f),
			0x80 | (cell->glyph & 0x3f));
}

void cells_write(struct cells *cells, FILE *out)
{
	struct cell pen = blank;
	unsigned int row, column;
	/* Where the cursor stands: at the end of what was written last. */
	size_t at = SIZE_MAX;

	fputs("\033[m", out);
	for (row = 0; row < cells->rows; row++) {
		for (column = 0; column < cells->columns; column++) {
			size_t i = (size_t)row * cells->columns + column;

			if (!cells->fresh && same(&cells->next[i], &cells->shown[i]))
				continue;
			/* At the end of a line, terminals differ on where it goes. */
			if (at != i || !column)
				fprintf(out, "\033[%u;%uH", row + 1, column + 1);
			put_cell(out, &cells->next[i], &pen);
			at = i + 1;
		}
	}
	fputs("\033[m", out);
	memcpy(cells->shown, cells->next,
	       (size_t)cells->columns * cells->rows * sizeof(*cells->next));
	cells->fresh = false;
}

void cells_print(const struct cells *cells, FILE *out)
{
	unsigned int row, column, end;

	for (row = 0; row < cells->rows; row++) {
		const struct cell *line = &cells->next[(size_t)row * cells->columns];
		struct cell pen = blank;

		for (end = cells->columns; end && same(&line[end - 1], &blank); end--)
			;
		for (column = 0; column < end; column++)
			put_cell(out, &line[column], &pen);
		fputs("\033[m\n", out);
	}
}

/* Perceived brightness, in thousandths of 255. */
static unsigned int brightness(const uint8_t *p)
{
	return p[0] * 299U + p[1] * 587U + p[2] * 114U;
}

static uint32_t brightest(const uint8_t *pixels, unsigned int size, unsigned int left,
			  unsigned int right, unsigned int top, unsigned int bottom)
{
	const uint8_t *best = NULL;
	unsigned int x, y;

	for (y = top; y < bottom; y++) {
		for (x = left; x < right; x++) {
			const uint8_t *p = pixels + ((size_t)y * size + x) * 4;

			if (!best || brightness(p) > brightness(best))
				best = p;
		}
	}
	return best ? (uint32_t)best[0] << 16 | best[1] << 8 | best[2] : 0;
}

/* Part @i of @n equal parts of @size; never empty. */
static void part(unsigned int i, unsigned int n, unsigned int size, unsigned int *from,
		 unsigned int *to)
{
	*from = (uint64_t)i * size / n;
	*to = (uint64_t)(i + 1) * size / n;
	if (*to == *from)
		*to = *from + 1;
}

void cells_map(struct cells *cells, unsigned int row, unsigned int column, unsigned int side,
	       const uint8_t *pixels, unsigned int size)
{
	unsigned int x, y, left, right, top, middle, bottom, unused;

	for (y = 0; y < side / 2 && row + y < cells->rows; y++) {
		part(2 * y, side, size, &top, &middle);
		part(2 * y + 1, side, size, &unused, &bottom);
		for (x = 0; x < side && column + x < cells->columns; x++) {
			struct cell *cell =
				&cells->next[(size_t)(row + y) * cells->columns + column + x];

			part(x, side, size, &left, &right);
			cell->glyph = CELL_HALF_BLOCK;
			cell->fg = brightest(pixels, size, left, right, top, middle);
			cell->bg = brightest(pixels, size, left, right, unused, bottom);
		}
	}
}
