// SPDX-License-Identifier: GPL-2.0
/*
 * The terminal sink: the map as half blocks in 24 bit colour, with text lines
 * of the terminal's own.
 *
 * The picture is drawn small and square, without text, read back and brought
 * down to two pixels a cell. Only cells that changed are written, inside a
 * synchronised update, so that nothing tears.
 *
 * Weak: a terminal without 24 bit colour shows its nearest colours.
 */
#define _GNU_SOURCE
#include "sink.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cells.h"
#include "message.h"
#include "offscreen.h"
#include "panel.h"
#include "restore.h"

/* Side of the picture that is brought down; no terminal has so many columns. */
#define PICTURE_SIDE 512

/* A terminal that does not tell its size. */
#define FALLBACK_COLUMNS 80
#define FALLBACK_ROWS 24

/* The grid of plain lines, at most. */
#define PLAIN_COLUMNS 96
#define PLAIN_ROWS 33

#define TERMINAL_COLUMNS_MIN 20
#define TERMINAL_ROWS_MIN 8
#define TERMINAL_HZ 20

#define ENTER "\033[?1049h\033[?25l\033[2J"
#define LEAVE "\033[?2026l\033[m\033[?25h\033[?1049l"
#define UPDATE_BEGIN "\033[?2026h"
#define UPDATE_END "\033[?2026l"

struct terminal {
	struct sink sink;
	struct offscreen offscreen;
	struct cells cells;
	struct panel panel;
	int fd;
	bool live;
	bool drawn;
};

static int live_fd = -1;

static void leave(void)
{
	ssize_t n = write(live_fd, LEAVE, sizeof(LEAVE) - 1);

	(void)n;
}

static int write_all(int fd, const char *data, size_t size)
{
	ssize_t n;

	while (size) {
		n = write(fd, data, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		data += n;
		size -= n;
	}
	return 0;
}

/* Follow the size of the terminal; plain lines keep to a size that fits most. */
static int fit(struct terminal *terminal)
{
	unsigned int columns = FALLBACK_COLUMNS, rows = FALLBACK_ROWS;
	struct winsize size;

	if (!ioctl(terminal->fd, TIOCGWINSZ, &size) && size.ws_col && size.ws_row) {
		columns = size.ws_col;
		rows = size.ws_row;
	} else if (!terminal->live) {
		columns = PLAIN_COLUMNS;
	}
	if (!terminal->live) {
		columns = columns < PLAIN_COLUMNS ? columns : PLAIN_COLUMNS;
		rows = PLAIN_ROWS;
	}
	if (columns < TERMINAL_COLUMNS_MIN)
		columns = TERMINAL_COLUMNS_MIN;
	if (rows < TERMINAL_ROWS_MIN)
		rows = TERMINAL_ROWS_MIN;
	if (terminal->cells.columns == columns && terminal->cells.rows == rows)
		return 0;
	cells_finish(&terminal->cells);
	if (cells_init(&terminal->cells, columns, rows)) {
		message("no memory for a terminal of %ux%u: make it smaller", columns, rows);
		return -1;
	}
	return 0;
}

static void terminal_describe(struct sink *sink, const struct source_view *view,
			      const struct renderer_status *status, double now)
{
	struct terminal *terminal = (struct terminal *)sink;

	panel_update(&terminal->panel, view, status, now);
}

static int terminal_begin(struct sink *sink, struct sink_target *ret_target)
{
	struct terminal *terminal = (struct terminal *)sink;

	*ret_target = (struct sink_target){
		.framebuffer = terminal->offscreen.framebuffer,
		.width = terminal->offscreen.width,
		.height = terminal->offscreen.height,
		.top_down = true,
		.bare = true,
	};
	return 0;
}

/* One title row, the map below it, the panel on its right where there is room. */
static void compose(struct terminal *terminal)
{
	struct cells *cells = &terminal->cells;
	unsigned int side = (cells->rows - 1) * 2;
	bool panel = cells->columns >= PANEL_COLUMNS + 2 * TERMINAL_COLUMNS_MIN;
	unsigned int room = panel ? cells->columns - PANEL_COLUMNS - 2 : cells->columns;

	if (side > room)
		side = room & ~1U;
	cells_clear(cells);
	cells_text(cells, 0, 0, cells->columns, CELL_DEFAULT, terminal->panel.title);
	cells_map(cells, 1, 0, side, offscreen_read(&terminal->offscreen),
		  terminal->offscreen.width);
	if (panel)
		panel_draw(&terminal->panel, cells, 2, side + 2);
}

static int terminal_end(struct sink *sink)
{
	struct terminal *terminal = (struct terminal *)sink;
	char *text = NULL;
	size_t size = 0;
	FILE *out;
	int err;

	terminal->drawn = true;
	if (!terminal->live)
		return 0;
	if (fit(terminal))
		return -1;
	compose(terminal);
	out = open_memstream(&text, &size);
	if (!out) {
		message("no memory for the terminal's picture: make it smaller");
		return -1;
	}
	fputs(UPDATE_BEGIN, out);
	cells_write(&terminal->cells, out);
	fputs(UPDATE_END, out);
	fclose(out);
	err = write_all(terminal->fd, text, size);
	free(text);
	if (err)
		message("the terminal has gone: the picture ends");
	return err;
}

static int terminal_save(struct sink *sink)
{
	struct terminal *terminal = (struct terminal *)sink;
	FILE *out;
	int fd;

	/* A live terminal gives its screen back; the picture goes with it. */
	if (terminal->live || !terminal->drawn)
		return 0;
	if (fit(terminal))
		return -1;
	compose(terminal);
	fd = dup(terminal->fd);
	out = fd < 0 ? NULL : fdopen(fd, "w");
	if (!out) {
		message("cannot print the picture: is stdout closed?");
		return -1;
	}
	cells_print(&terminal->cells, out);
	if (fclose(out)) {
		message("cannot print the picture (%s): is the disk full?", strerror(errno));
		return -1;
	}
	return 0;
}

static void terminal_destroy(struct sink *sink)
{
	struct terminal *terminal = (struct terminal *)sink;

	if (!terminal)
		return;
	if (terminal->live && live_fd >= 0) {
		restore_on_crash(NULL);
		leave();
		live_fd = -1;
	}
	offscreen_finish(&terminal->offscreen);
	cells_finish(&terminal->cells);
	panel_finish(&terminal->panel);
	free(terminal);
}

struct sink *sink_terminal_create(int fd, bool live)
{
	const char *name = getenv("TERM");
	struct terminal *terminal;

	if (live && (!name || !strcmp(name, "dumb"))) {
		message("the terminal '%s' cannot show pictures: use --headless FILE.png",
			name ? name : "");
		return NULL;
	}
	terminal = calloc(1, sizeof(*terminal));
	if (!terminal) {
		message("no memory for the terminal: free some and repeat");
		return NULL;
	}
	terminal->sink = (struct sink){
		.name = "terminal",
		.refresh_hz = live ? TERMINAL_HZ : 0,
		.describe = terminal_describe,
		.begin = terminal_begin,
		.end = terminal_end,
		.save = terminal_save,
		.destroy = terminal_destroy,
	};
	terminal->fd = fd;
	terminal->live = live;
	if (offscreen_init(&terminal->offscreen, PICTURE_SIDE, PICTURE_SIDE) || fit(terminal)) {
		terminal_destroy(&terminal->sink);
		return NULL;
	}
	if (live) {
		live_fd = fd;
		restore_on_crash(leave);
		if (write_all(fd, ENTER, sizeof(ENTER) - 1)) {
			message("cannot write to the terminal: is it closed?");
			terminal_destroy(&terminal->sink);
			return NULL;
		}
	}
	return &terminal->sink;
}
