/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The map and the overlay on the screen, by shaders. Where the CPU draws, see
 * renderer_raster.h instead.
 */
#ifndef GLASSVIEW_RENDERER_GPU_H
#define GLASSVIEW_RENDERER_GPU_H

#include <stdbool.h>
#include <stdint.h>

#include "renderer_canvas.h"
#include "sink.h"

/**
 * struct gpu - zero it, gpu_create() before the first use
 */
struct gpu {
	uint32_t whole_program, mixed_program; /* of the map, by its scale */
	uint32_t overlay_program, stroke_program;
	uint32_t nearest, linear; /* samplers */
	uint32_t atlas;
	uint32_t vertex_array, vertex_buffer;
	uint32_t stroke_array, stroke_buffer;
	int nr_vertices, nr_strokes; /* in those buffers */
};

/**
 * gpu_create() - compile and make what is needed
 * Return: 0, or -1 with a one-line message printed; gpu_finish() in either case.
 */
int gpu_create(struct gpu *gpu, const char *shader_dir);
void gpu_finish(struct gpu *gpu);

/**
 * gpu_upload() - take over a canvas that was drawn anew
 */
void gpu_upload(struct gpu *gpu, const struct canvas *canvas);

/**
 * gpu_draw() - clear @target, draw the map, and the overlay unless it is bare
 * @colours: the texture of the cells, @cells a side
 */
void gpu_draw(struct gpu *gpu, const struct sink_target *target, struct layout_rect map,
	      uint32_t colours, int cells);

#endif
