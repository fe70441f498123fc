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
 *
 * Drivers are known to claim imports that then give wrong pixels or crash, so a
 * rung is used only after mapper_self_test() saw it give the right ones.
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
	MAPPER_RUNGS,
};

/**
 * mapper_rung_name() - "view", "unpack", "external", "upload", or "auto"
 */
const char *mapper_rung_name(enum mapper_rung rung);

/**
 * mapper_rung_parse() - the reverse
 * Return: 0, or -1 if there is no such rung; nothing is printed.
 */
int mapper_rung_parse(const char *name, enum mapper_rung *ret_rung);

#define MAPPER_CAUSE_LEN 128

/**
 * struct mapper_verdict - what the self-test found
 * @tested: the rung was tried
 * @cause: why the rung cannot be used; "" if it passed
 */
struct mapper_verdict {
	struct {
		bool tested;
		char cause[MAPPER_CAUSE_LEN];
	} rung[MAPPER_RUNGS];
};

/**
 * mapper_self_test() - try rungs on the real counters, in a forked child
 * @drm_fd: as for egl_open()
 * @columns: the counters; a copy of its values is compared with what GL reads
 * @wanted: MAPPER_AUTO stops at the first rung that passes, MAPPER_RUNGS tries
 *	all of them, any other value that rung alone
 * @ret_verdict: filled in
 *
 * Call it before egl_open(): a driver may crash the process that tries it, and
 * a child forked after GL started could not use GL at all. A crash or a hang
 * becomes the cause of that rung.
 *
 * Return: the best rung that passed, or MAPPER_AUTO if none did.
 */
enum mapper_rung mapper_self_test(int drm_fd, const struct glassram_columns *columns,
				  enum mapper_rung wanted, struct mapper_verdict *ret_verdict);

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

/**
 * mapper_shader_head() - how shaders read a column on this rung
 * @textures: as given by mapper_begin_frame()
 *
 * The first lines of a GLSL ES 3.00 fragment shader, #version included. They
 * define the sampler type COLUMN and uint column_fetch(COLUMN c, uint slot).
 *
 * Return: a static string.
 */
const char *mapper_shader_head(const struct mapper_textures *textures);

struct mapper;

/**
 * mapper_create() - a mapper for the current GL context
 * @rung: the rung to use, from mapper_self_test() or forced by the user
 * Return: NULL with a one-line message printed if @rung is impossible here.
 */
struct mapper *mapper_create(EGLDisplay display, enum mapper_rung rung);
void mapper_destroy(struct mapper *mapper);

/**
 * mapper_import() - (re)import counters, on every new generation
 * @columns: stays the caller's, and must outlive the next import or destroy
 *
 * The first import trusts mapper_self_test(); each later one is compared with
 * the mapping anew. If the rung does not take these counters, the best lower one
 * that does is used from now on, and one line says so.
 *
 * Return: 0, or -1 with a one-line message printed.
 */
int mapper_import(struct mapper *mapper, const struct glassram_columns *columns);

/**
 * mapper_begin_frame() / mapper_end_frame() - bracket of one frame's reading
 * (DMA_BUF_IOCTL_SYNC; the upload rung copies in begin)
 * Return: the textures, valid until the next import; never NULL after a
 * successful import.
 */
const struct mapper_textures *mapper_begin_frame(struct mapper *mapper);
void mapper_end_frame(struct mapper *mapper);

#endif
