/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Everything that is read rather than looked at: title, labels on the map,
 * legend, figures, tables, timeline, status. Draws on a canvas, knows no GL.
 */
#ifndef GLASSVIEW_RENDERER_OVERLAY_H
#define GLASSVIEW_RENDERER_OVERLAY_H

#include "renderer.h"
#include "renderer_canvas.h"
#include "renderer_figures.h"
#include "renderer_map.h"

/**
 * struct overlay_input - what there is to tell
 * @map_rect: where the map is drawn
 * @look: name of the look: the legend follows it
 * @glow: what was written just now is brighter
 */
struct overlay_input {
	const struct layout_picture *picture;
	struct layout_rect map_rect;
	const struct map *map;
	const struct figures *figures;
	const struct source_view *view;
	const struct renderer_status *status;
	enum mapper_rung rung;
	const char *look;
	bool glow;
};

/**
 * overlay_draw() - draw all of it; the canvas is cleared first
 */
void overlay_draw(struct canvas *canvas, const struct overlay_input *input);

/* The parts, for renderer_overlay.c alone. */
void overlay_draw_outlines(struct canvas *canvas, const struct overlay_input *input);
void overlay_draw_labels(struct canvas *canvas, const struct overlay_input *input);

/* How high the parts of the column are, and how they are drawn into their boxes. */
int legend_height(const struct layout_picture *picture);
void legend_draw(struct canvas *canvas, const struct overlay_input *input, struct layout_rect box);

#endif
