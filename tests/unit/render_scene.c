// SPDX-License-Identifier: GPL-2.0-only
/*
 * The scene of render_scene.h.
 */
#define _GNU_SOURCE
#include "render_scene.h"

#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <GLES3/gl3.h>

#include "layout.h"
#include "png_file.h"
#include "renderer_map.h"

/* What the driver and its compiler keep until exit is not ours to free. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libgallium\nleak:libLLVM\nleak:libEGL\nleak:libGLES\nleak:swrast_dri\n"
	       "leak:libdrm\nleak:libexpat\nleak:libglapi\n";
}

static int keep_library(struct dl_phdr_info *info, size_t size, void *data)
{
	(void)size;
	(void)data;
	if (*info->dlpi_name)
		dlopen(info->dlpi_name, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
	return 0;
}

void scene_keep_driver(void)
{
	dl_iterate_phdr(keep_library, NULL);
}

static int make_target(struct scene *scene, uint32_t width, uint32_t height)
{
	GLuint framebuffer;

	glGenTextures(1, &scene->texture);
	glBindTexture(GL_TEXTURE_2D, scene->texture);
	glTexStorage2D(GL_TEXTURE_2D, 1, GL_RGBA8, (GLsizei)width, (GLsizei)height);
	glGenFramebuffers(1, &framebuffer);
	glBindFramebuffer(GL_FRAMEBUFFER, framebuffer);
	glFramebufferTexture2D(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D,
			       scene->texture, 0);
	if (glCheckFramebufferStatus(GL_FRAMEBUFFER) != GL_FRAMEBUFFER_COMPLETE)
		return -1;
	scene->target = (struct sink_target){ .framebuffer = framebuffer, .width = width,
					      .height = height, .top_down = true };
	scene->pixels = malloc((size_t)width * height * 4);
	return scene->pixels ? 0 : -1;
}

int scene_open(struct scene *scene, uint32_t slots, enum mapper_rung rung, uint32_t width,
	       uint32_t height)
{
	memset(scene, 0, sizeof(*scene));
	scene->source = source_synthetic_create(slots);
	if (!scene->source || egl_open(-1, &scene->egl))
		return -1;
	scene_keep_driver();
	scene->mapper = mapper_create(scene->egl.display, rung);
	if (!scene->mapper || mapper_import(scene->mapper, &scene->source->view.columns))
		return -1;
	scene->renderer = renderer_create("shaders");
	if (!scene->renderer)
		return -1;
	scene->source->view.epoch_began = 1000;
	scene->now = 1000;
	return make_target(scene, width, height);
}

void scene_close(struct scene *scene)
{
	renderer_destroy(scene->renderer);
	mapper_destroy(scene->mapper);
	glDeleteTextures(1, &scene->texture);
	glDeleteFramebuffers(1, &scene->target.framebuffer);
	egl_close(&scene->egl);
	if (scene->source)
		scene->source->destroy(scene->source);
	free(scene->pixels);
}

static int draw(struct scene *scene)
{
	const struct renderer_status status = { .renderer = "llvmpipe", .software = !scene->by_gpu,
						.emulated = true, .fps = 59.6 };
	const struct mapper_textures *textures = mapper_begin_frame(scene->mapper);
	int err = renderer_draw(scene->renderer, &scene->target, &scene->source->view, textures,
				&status, scene->now);

	glFinish();
	mapper_end_frame(scene->mapper);
	return err || glGetError() ? -1 : 0;
}

int scene_tick(struct scene *scene, int epochs)
{
	for (int i = 0; i < epochs; i++) {
		source_synthetic_tick(scene->source);
		scene->now = scene->source->view.epoch_began;
		if (draw(scene))
			return -1;
	}
	return 0;
}

int scene_draw(struct scene *scene)
{
	GLsizei width = (GLsizei)scene->target.width, height = (GLsizei)scene->target.height;

	if (draw(scene))
		return -1;
	glBindFramebuffer(GL_FRAMEBUFFER, scene->target.framebuffer);
	if (scene->target.top_down) {
		glReadPixels(0, 0, width, height, GL_RGBA, GL_UNSIGNED_BYTE, scene->pixels);
		return 0;
	}
	for (GLsizei y = 0; y < height; y++)
		glReadPixels(0, height - 1 - y, width, 1, GL_RGBA, GL_UNSIGNED_BYTE,
			     scene->pixels + (size_t)y * (size_t)width * 4);
	return 0;
}

void scene_save(const struct scene *scene, const char *name)
{
	char path[128];

	mkdir("out", 0755);
	mkdir("out/render", 0755);
	snprintf(path, sizeof(path), "out/render/%s.png", name);
	png_file_write(path, scene->pixels, scene->target.width, scene->target.height);
}

void scene_map(const struct scene *scene, int *ret_x, int *ret_y, int *ret_side)
{
	struct layout_picture picture = layout_picture((int)scene->target.width,
						       (int)scene->target.height);
	struct map map = { 0 };
	struct layout_rect rect;

	map_update(&map, &scene->source->view.layout, (uint32_t)picture.map.width);
	rect = layout_map(picture.map, 1 << map.cell_order);
	map_finish(&map);
	*ret_x = rect.x;
	*ret_y = rect.y;
	*ret_side = rect.width;
}

uint32_t scene_pixel(const struct scene *scene, int x, int y)
{
	const uint8_t *p = scene->pixels + ((size_t)y * scene->target.width + (size_t)x) * 4;

	return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}
