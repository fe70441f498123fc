/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A mapper: makes the columns of the counters dma-buf readable by shaders,
 * with as little copying as the driver honestly allows.
 *
 * The rungs, best first; every one of them gives the same pixels:
 *	view	import + immutable storage + R32UI texture view: zero copy
 *	unpack	import as RGBA8, integers rebuilt in the shader: zero copy
 *	external import as samplerExternalOES: zero copy
 *	upload	mmap + glTexSubImage2D each frame
 */
#ifndef GLASSVIEW_MAPPER_H
#define GLASSVIEW_MAPPER_H

#include <stdbool.h>
#include <stdint.h>

#include <EGL/egl.h>

#include <glassram/glassram.h>

enum mapper_rung {
	MAPPER_AUTO,
	MAPPER_VIEW,
	MAPPER_UNPACK,
	MAPPER_EXTERNAL,
	MAPPER_UPLOAD,
};

const char *mapper_rung_name(enum mapper_rung rung);

/**
 * struct mapper_textures - what a shader samples
 * @rung: the rung in use
 * @hits, @stamp, @owner: GL texture names, GLASSRAM_COLUMN_WIDTH wide
 * @target: GL_TEXTURE_2D or GL_TEXTURE_EXTERNAL_OES
 * @integer: usampler2D (R32UI); else RGBA8 to be rebuilt
 */
struct mapper_textures {
	enum mapper_rung rung;
	uint32_t hits;
	uint32_t stamp;
	uint32_t owner;
	uint32_t target;
	bool integer;
};

struct mapper;

/**
 * mapper_create() - a mapper for the current GL context
 * @wanted: a rung to force, or MAPPER_AUTO: the best one that passes its
 *	self-test. Falling below the best prints the cause and the rung once.
 * Return: NULL with a one-line message printed if @wanted is impossible.
 */
struct mapper *mapper_create(EGLDisplay display, enum mapper_rung wanted);
void mapper_destroy(struct mapper *mapper);

/**
 * mapper_import() - (re)import counters, on every new generation
 */
int mapper_import(struct mapper *mapper, const struct glassram_columns *columns);

/**
 * mapper_begin_frame() / mapper_end_frame() - bracket of one frame's reading
 * (DMA_BUF_IOCTL_SYNC; the upload rung copies in begin)
 */
const struct mapper_textures *mapper_begin_frame(struct mapper *mapper);
void mapper_end_frame(struct mapper *mapper);

#endif
