/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A scene for tests of the picture: the synthetic target, a rung, an offscreen
 * framebuffer, and what was drawn into it.
 */
#ifndef TESTS_UNIT_RENDER_SCENE_H
#define TESTS_UNIT_RENDER_SCENE_H

#include <stdbool.h>
#include <stdint.h>

#include "egl.h"
#include "mapper.h"
#include "renderer.h"
#include "source_synthetic.h"

/**
 * struct scene - zero it, scene_open(), scene_draw(), scene_close()
 * @pixels: RGBA of the last picture, top row first
 * @now: the clock of the picture
 * @by_gpu: draw as where there is a GPU: all by shaders
 */
struct scene {
	struct egl egl;
	struct source *source;
	struct mapper *mapper;
	struct renderer *renderer;
	struct sink_target target;
	uint32_t texture;
	uint8_t *pixels;
	double now;
	bool by_gpu;
};

/**
 * scene_open() - @slots made-up slots, drawn at @width x @height through @rung
 * Return: 0, or -1 after the reason was printed.
 */
int scene_open(struct scene *scene, uint32_t slots, enum mapper_rung rung, uint32_t width,
	       uint32_t height);
void scene_close(struct scene *scene);

/**
 * scene_tick() - @epochs pass, and a picture is drawn in each
 */
int scene_tick(struct scene *scene, int epochs);

/**
 * scene_draw() - draw at the scene's present time and read the pixels back
 */
int scene_draw(struct scene *scene);

/**
 * scene_save() - write the last picture to out/render/@name.png
 */
void scene_save(const struct scene *scene, const char *name);

/**
 * scene_map() - where the map of the last picture is, and how large its cells are
 */
void scene_map(const struct scene *scene, int *ret_x, int *ret_y, int *ret_side);

/**
 * scene_keep_driver() - keep every library in memory until exit
 * What a driver leaves behind can be told from our own leaks only while it is
 * loaded. Called by scene_open(); by others after egl_open().
 */
void scene_keep_driver(void);

/**
 * scene_pixel() - red << 16 | green << 8 | blue
 */
uint32_t scene_pixel(const struct scene *scene, int x, int y);

#endif
