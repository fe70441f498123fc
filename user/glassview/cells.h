/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A grid of terminal cells, and the shortest way to bring a terminal from the
 * previous grid to this one.
 */
#ifndef GLASSVIEW_CELLS_H
#define GLASSVIEW_CELLS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* "The terminal's own colour", for text that must be legible on any of them. */
#define CELL_DEFAULT 0xff000000U

/* Upper half block: two square pixels in one cell. */
#define CELL_HALF_BLOCK 0x2580

/**
 * struct cell - one cell
 * @glyph: Unicode code point, one column wide
 * @fg, @bg: 0xRRGGBB, or CELL_DEFAULT
 */
struct cell {
	uint32_t glyph;
	uint32_t fg;
	uint32_t bg;
};

/**
 * struct cells - a grid and what the terminal shows of it
 * @next: the grid being filled, @rows * @columns, row by row
 * @shown: what was written last
 * @fresh: nothing was written yet: everything is different
 */
struct cells {
	unsigned int columns;
	unsigned int rows;
	struct cell *next;
	struct cell *shown;
	bool fresh;
};

/**
 * cells_init() - an empty grid
 * Return: 0, or -1 if there is no memory.
 */
int cells_init(struct cells *cells, unsigned int columns, unsigned int rows);
void cells_finish(struct cells *cells);

/**
 * cells_clear() - fill the grid with blanks
 */
void cells_clear(struct cells *cells);

/**
 * cells_text() - write text into a row, cut at @limit columns
 * Bytes that are not printable ASCII become '?': a process may name itself
 * with anything, also with escape sequences.
 * Return: columns written.
 */
unsigned int cells_text(struct cells *cells, unsigned int row, unsigned int column,
			unsigned int limit, uint32_t fg, const char *text);

/**
 * cells_fill() - colour @count blanks of a row, from @column on
 */
void cells_fill(struct cells *cells, unsigned int row, unsigned int column, unsigned int count,
		uint32_t bg);

/**
 * cells_write() - write what changed since the last call
 * The cursor is left anywhere.
 */
void cells_write(struct cells *cells, FILE *out);

/**
 * cells_print() - write the grid as plain coloured lines
 */
void cells_print(const struct cells *cells, FILE *out);

/**
 * cells_map() - a square picture as half blocks
 * @pixels: RGBA, @size * @size, top row first
 * @side: columns to fill, from @row, @column on; @side / 2 rows
 *
 * Each half cell takes the brightest of its pixels: a single written page must
 * not vanish among its neighbours.
 */
void cells_map(struct cells *cells, unsigned int row, unsigned int column, unsigned int side,
	       const uint8_t *pixels, unsigned int size);

#endif
