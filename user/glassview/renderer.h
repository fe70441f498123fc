/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The renderer: draws the picture (map, labels, legend, figures, timeline)
 * from the textures of a mapper and the view of a source.
 */
#ifndef GLASSVIEW_RENDERER_H
#define GLASSVIEW_RENDERER_H

#include <stdbool.h>
#include <stdint.h>

#include "mapper.h"
#include "sink.h"
#include "source.h"

struct renderer;

/**
 * struct renderer_status - the status corner, told by the main loop
 * @renderer: GL_RENDERER, shortened
 * @software: drawn by a software rasteriser
 * @emulated: the machine itself is emulated (TCG)
 * @fps: frames shown a second
 */
struct renderer_status {
	const char *renderer;
	bool software;
	bool emulated;
	double fps;
};

/**
 * renderer_create() - compile shaders, load the font
 * @shader_dir: directory of the GLSL files
 * Return: NULL with a one-line message printed.
 */
struct renderer *renderer_create(const char *shader_dir);
void renderer_destroy(struct renderer *renderer);

/**
 * renderer_set_look() - what colours mean: "heat" (default), "thread", "age"
 * @look: NAME of a file look_NAME.glsl in the shader directory
 * Return: 0, or -1 with a one-line message printed.
 */
int renderer_set_look(struct renderer *renderer, const char *look);

/**
 * renderer_set_glow() - whether what was written just now is brighter (default)
 * Return: 0, or -1 with a message printed.
 */
int renderer_set_glow(struct renderer *renderer, bool glow);

/**
 * renderer_set_orders() - bounds of the order of the map: it has 2^order cells a side
 * @min, @max: 1 to 12; to be called before the first picture
 */
void renderer_set_orders(struct renderer *renderer, uint32_t min, uint32_t max);

/**
 * renderer_draw() - draw one picture
 * A second picture of the same @now shows the same counters, for another sink.
 * @now: seconds, CLOCK_MONOTONIC; brightness (age) and the 4 Hz figures follow
 *	it. With the same @now and unchanged counters the map and the figures are
 *	the same again, pixel by pixel, into a target of the same size.
 * Return: 0, or -1 with a one-line message printed.
 */
int renderer_draw(struct renderer *renderer, const struct sink_target *target,
		  const struct source_view *view, const struct mapper_textures *textures,
		  const struct renderer_status *status, double now);

#endif
