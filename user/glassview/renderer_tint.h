/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The tint pass: counters to rates and colours, one texel for each cell of the
 * map. The only part of the renderer that reads the counters.
 */
#ifndef GLASSVIEW_RENDERER_TINT_H
#define GLASSVIEW_RENDERER_TINT_H

#include <stdbool.h>
#include <stdint.h>

#include "mapper.h"
#include "renderer_map.h"
#include "source.h"

#define TINT_LOOK_LEN 32

/**
 * struct tint - zero it; tint_create() first
 * @colours: GL texture, a texel for each cell of the map
 */
struct tint {
	const char *shader_dir;
	char look[TINT_LOOK_LEN];
	bool glow; /* brightness is age */
	uint32_t program;
	const char *head; /* the mapper's head that @program was made with */
	uint32_t palette;
	uint32_t state[2]; /* [0] is the last frame's */
	uint32_t colours;
	uint32_t framebuffer;
	uint32_t order, cell_order; /* of the textures; 0: there are none */
	bool fresh; /* there is no last frame */
	bool recolour; /* the look or the glow changed */
	double drawn; /* when the state was last brought forward */
	uint32_t *pixels;
};

/**
 * tint_create() - @shader_dir stays the caller's
 */
void tint_create(struct tint *tint, const char *shader_dir);
void tint_finish(struct tint *tint);

/**
 * tint_set_look() - see renderer_set_look()
 */
int tint_set_look(struct tint *tint, const char *look);

/**
 * tint_set_glow() - see renderer_set_glow()
 */
int tint_set_glow(struct tint *tint, bool glow);

/**
 * tint_draw() - bring the state forward to @now and colour all cells
 *
 * The same @now again changes nothing: two sinks show the same moment, though
 * the target writes on.
 *
 * Return: 0, or -1 with a one-line message printed.
 */
int tint_draw(struct tint *tint, const struct map *map, const struct source_view *view,
	       const struct mapper_textures *textures, double now);

/**
 * tint_read() - the colours in memory: red, green, blue, alpha, row by row
 * Return: valid until the next call; NULL if memory ran out.
 */
uint32_t *tint_read(struct tint *tint);

#endif
