/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The text beside the map in a terminal: what the large picture says in its
 * right column, in a few short lines.
 */
#ifndef GLASSVIEW_PANEL_H
#define GLASSVIEW_PANEL_H

#include "cells.h"
#include "renderer.h"
#include "source.h"

#define PANEL_THREADS 5

/* Columns that the text needs beside the map. */
#define PANEL_COLUMNS 30

/**
 * struct panel_thread - one thread of the list
 * @hits_per_s: hits in the last interval, over its length
 */
struct panel_thread {
	char comm[GLASSRAM_COMM_LEN];
	uint32_t tid;
	double hits_per_s;
};

/**
 * struct panel - figures over the last interval, and the totals they came from
 */
struct panel {
	double since;
	uint64_t hits;
	uint64_t *thread_hits;
	size_t nr_thread_hits;
	double hits_per_s;
	struct panel_thread top[PANEL_THREADS];
	unsigned int nr_top;
	char title[128];
	char lines[5][64];
	char warning[64];
	char scale_high[16];
};

/**
 * panel_update() - take over the figures of a view
 * @now: seconds; the rates are those of about the last second
 */
void panel_update(struct panel *panel, const struct source_view *view,
		  const struct renderer_status *status, double now);
void panel_finish(struct panel *panel);

/**
 * panel_draw() - write the lines into a grid, from @row and @column on
 */
void panel_draw(const struct panel *panel, struct cells *cells, unsigned int row,
		unsigned int column);

#endif
