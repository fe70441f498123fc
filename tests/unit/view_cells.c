// SPDX-License-Identifier: GPL-2.0
/*
 * The grid of terminal cells: a small terminal of our own reads what is
 * written, and must show exactly the grid, whatever was shown before.
 */
#define _GNU_SOURCE
#include "cells.h"

#include <stdlib.h>
#include <string.h>

#include "tap.h"

#define COLUMNS 40
#define ROWS 12

struct screen {
	struct cell cells[ROWS][COLUMNS];
	struct cell pen;
	int row, column;
	unsigned long written;
	int bad;
};

static void blank_screen(struct screen *screen)
{
	int i;

	*screen = (struct screen){ .pen = { ' ', CELL_DEFAULT, CELL_DEFAULT } };
	for (i = 0; i < ROWS * COLUMNS; i++)
		screen->cells[i / COLUMNS][i % COLUMNS] = screen->pen;
}

/* One control sequence behind ESC [; returns behind it. */
static const char *control(struct screen *screen, const char *p)
{
	long n[6] = { 0 };
	int count = 0;
	char *end;

	while ((*p >= '0' && *p <= '9') || *p == ';') {
		n[count] = strtol(p, &end, 10);
		p = end;
		count++;
		if (*p == ';')
			p++;
	}
	if (*p == 'H') {
		screen->row = n[0] - 1;
		screen->column = n[1] - 1;
	} else if (*p == 'm' && (count == 0 || (count == 1 && n[0] == 0))) {
		screen->pen.fg = CELL_DEFAULT;
		screen->pen.bg = CELL_DEFAULT;
	} else if (*p == 'm' && count == 1 && n[0] == 39) {
		screen->pen.fg = CELL_DEFAULT;
	} else if (*p == 'm' && count == 1 && n[0] == 49) {
		screen->pen.bg = CELL_DEFAULT;
	} else if (*p == 'm' && count == 5 && n[1] == 2 && (n[0] == 38 || n[0] == 48)) {
		uint32_t colour = n[2] << 16 | n[3] << 8 | n[4];

		*(n[0] == 38 ? &screen->pen.fg : &screen->pen.bg) = colour;
	} else {
		screen->bad++;
	}
	return p + 1;
}

static void show(struct screen *screen, const char *text)
{
	const unsigned char *u;
	struct cell *cell;

	while (*text) {
		if (text[0] == '\033' && text[1] == '[') {
			text = control(screen, text + 2);
			continue;
		}
		if (*text == '\n') {
			screen->row++;
			screen->column = 0;
			text++;
			continue;
		}
		if (screen->row >= ROWS || screen->column >= COLUMNS) {
			screen->bad++;
			return;
		}
		cell = &screen->cells[screen->row][screen->column++];
		*cell = screen->pen;
		screen->written++;
		u = (const unsigned char *)text;
		if (*u < 0x80) {
			cell->glyph = *u;
			text++;
		} else {
			cell->glyph = (u[0] & 15) << 12 | (u[1] & 63) << 6 | (u[2] & 63);
			text += 3;
		}
	}
}

static char *written(struct cells *cells)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	cells_write(cells, out);
	fclose(out);
	return text;
}

static int equal(const struct screen *screen, const struct cells *cells)
{
	int i;

	for (i = 0; i < ROWS * COLUMNS; i++) {
		const struct cell *a = &screen->cells[i / COLUMNS][i % COLUMNS];
		const struct cell *b = &cells->next[i];

		/* The foreground of a blank cannot be seen. */
		if (a->glyph != b->glyph || a->bg != b->bg || (a->glyph != ' ' && a->fg != b->fg))
			return 0;
	}
	return 1;
}

static void test_diff(void)
{
	struct screen screen;
	struct cells cells;
	int round, i, wrong = 0;
	unsigned long before;
	char *text;

	blank_screen(&screen);
	cells_init(&cells, COLUMNS, ROWS);
	srand(1);
	for (round = 0; round < 200; round++) {
		for (i = rand() % 60; i > 0; i--)
			cells.next[rand() % (COLUMNS * ROWS)] = (struct cell){
				.glyph = rand() % 2 ? CELL_HALF_BLOCK : 'a' + rand() % 26,
				.fg = rand() % 5 ? (uint32_t)rand() & 0xffffff : CELL_DEFAULT,
				.bg = rand() % 5 ? (uint32_t)rand() & 0xffffff : CELL_DEFAULT,
			};
		text = written(&cells);
		show(&screen, text);
		free(text);
		wrong += !equal(&screen, &cells);
	}
	tap_check(!wrong && !screen.bad, "the terminal shows the grid after each of 200 changes");

	before = screen.written;
	text = written(&cells);
	show(&screen, text);
	free(text);
	tap_check(screen.written == before, "nothing changed, nothing written");
	cells.next[17].glyph = '!';
	text = written(&cells);
	show(&screen, text);
	free(text);
	tap_check(screen.written == before + 1 && equal(&screen, &cells),
		  "one cell changed, one cell written");
	cells_finish(&cells);
}

static void test_print(void)
{
	struct screen screen;
	struct cells cells;
	char *text = NULL;
	size_t size;
	FILE *out;

	blank_screen(&screen);
	cells_init(&cells, COLUMNS, ROWS);
	cells_text(&cells, 0, 0, COLUMNS, CELL_DEFAULT, "a full row of forty columns, to the end!");
	cells_text(&cells, 3, 5, COLUMNS, 0x123456, "lower");
	out = open_memstream(&text, &size);
	cells_print(&cells, out);
	fclose(out);
	show(&screen, text);
	tap_check(equal(&screen, &cells) && !screen.bad, "plain lines show the grid");
	tap_check(!strstr(text, "H"), "plain lines do not move the cursor");
	free(text);
	cells_finish(&cells);
}

static void test_text(void)
{
	struct cells cells;

	cells_init(&cells, COLUMNS, ROWS);
	tap_check(cells_text(&cells, 0, 38, 10, CELL_DEFAULT, "abcdef") == 2,
		  "text ends at the edge");
	tap_check(cells_text(&cells, 1, 0, 3, CELL_DEFAULT, "abcdef") == 3 &&
		  cells.next[COLUMNS + 3].glyph == ' ', "text ends at its limit");
	tap_check(cells_text(&cells, ROWS, 0, 3, CELL_DEFAULT, "x") == 0, "no row, no text");
	cells_text(&cells, 2, 0, 20, CELL_DEFAULT, "\033[2J\x80\n");
	tap_check(cells.next[2 * COLUMNS].glyph == '?' && cells.next[2 * COLUMNS + 4].glyph == '?' &&
		  cells.next[2 * COLUMNS + 5].glyph == '?',
		  "control characters of a name do not reach the terminal");
	cells_finish(&cells);
}

static void test_map(void)
{
	static uint8_t pixels[64 * 64 * 4];
	struct cells cells;
	unsigned int x, y, lit = 0;

	cells_init(&cells, COLUMNS, ROWS);
	/* One bright pixel at the left, 10 rows from the top. */
	memset(&pixels[(10 * 64 + 0) * 4], 0xff, 4);
	cells_map(&cells, 1, 2, 20, pixels, 64);
	for (y = 0; y < ROWS; y++)
		for (x = 0; x < COLUMNS; x++)
			lit += (cells.next[y * COLUMNS + x].fg == 0xffffff) +
			       (cells.next[y * COLUMNS + x].bg == 0xffffff);
	/* 64 / 20 = 3.2 pixels a half cell: the pixel's half row is 10 / 3.2 = 3. */
	tap_check(lit == 1 && cells.next[(1 + 1) * COLUMNS + 2].bg == 0xffffff,
		  "a single bright pixel is seen, in its place and nowhere else");
	tap_check(cells.next[1 * COLUMNS + 1].glyph == ' ' &&
		  cells.next[1 * COLUMNS + 2].glyph == CELL_HALF_BLOCK &&
		  cells.next[10 * COLUMNS + 21].glyph == CELL_HALF_BLOCK &&
		  cells.next[11 * COLUMNS + 2].glyph == ' ' &&
		  cells.next[1 * COLUMNS + 22].glyph == ' ', "the map fills its square");
	cells_map(&cells, 8, 30, 20, pixels, 64);
	tap_check(cells.next[11 * COLUMNS + 39].glyph == CELL_HALF_BLOCK,
		  "a map beyond the edge is cut");
	/* More cells than pixels: each pixel is shown several times. */
	cells_map(&cells, 0, 0, 24, pixels, 4);
	tap_check(cells.next[0].glyph == CELL_HALF_BLOCK, "a picture smaller than the grid");
	cells_finish(&cells);
}

int main(void)
{
	test_diff();
	test_print();
	test_text();
	test_map();
	return tap_end();
}
