// SPDX-License-Identifier: GPL-2.0
/*
 * The mapper: from the counters dma-buf to textures, and the bracket around each
 * frame's reading. The rungs are in mapper_import.c, the proof that one gives
 * the right pixels in mapper_test.c.
 *
 * The counters are written by the CPU while the GPU reads them; nothing orders
 * the two, and nothing has to: each counter is one aligned word, and the epoch in
 * STAMP says when it was written. The bracket is for caches (DMA_BUF_IOCTL_SYNC)
 * and for buffers that another device fills (their fences).
 *
 * Weak: the upload rung copies every row of every column in every frame, also
 * where nothing changed.
 */
#define _GNU_SOURCE
#include "mapper_internal.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/dma-buf.h>

/* A writer that takes longer than this is stuck: show the picture without it. */
#define FENCE_TIMEOUT_MS 100

static const char *const rung_names[MAPPER_RUNGS] = {
	[MAPPER_AUTO] = "auto",		[MAPPER_VIEW] = "view",
	[MAPPER_UNPACK] = "unpack",	[MAPPER_EXTERNAL] = "external",
	[MAPPER_UPLOAD] = "upload",
};

const char *mapper_rung_name(enum mapper_rung rung)
{
	return rung < MAPPER_RUNGS ? rung_names[rung] : "unknown";
}

int mapper_rung_parse(const char *name, enum mapper_rung *ret_rung)
{
	for (int i = 0; i < MAPPER_RUNGS; i++) {
		if (!strcmp(name, rung_names[i])) {
			*ret_rung = (enum mapper_rung)i;
			return 0;
		}
	}
	return -1;
}

#define HEAD_VERSION "#version 300 es\n"
#define HEAD_PRECISION \
	"precision highp float;\nprecision highp int;\n" \
	"precision highp sampler2D;\nprecision highp usampler2D;\n"
#define HEAD_PLACE "ivec2(int(slot & 4095u), int(slot >> 12u))"
#define HEAD_REBUILD \
	"uint column_fetch(COLUMN c, uint slot)\n{\n" \
	"\tuvec4 b = uvec4(texelFetch(c, " HEAD_PLACE ", 0) * 255.0 + 0.5);\n\n" \
	"\treturn b.r | (b.g << 8u) | (b.b << 16u) | (b.a << 24u);\n}\n"

const char *mapper_shader_head(const struct mapper_textures *textures)
{
	_Static_assert(GLASSRAM_COLUMN_WIDTH == 4096, "HEAD_PLACE has the width in it");

	if (textures->integer)
		return HEAD_VERSION HEAD_PRECISION
			"#define COLUMN highp usampler2D\n"
			"uint column_fetch(COLUMN c, uint slot)\n{\n"
			"\treturn texelFetch(c, " HEAD_PLACE ", 0).r;\n}\n";
	if (textures->target == GL_TEXTURE_EXTERNAL_OES)
		return HEAD_VERSION "#extension GL_OES_EGL_image_external_essl3 : require\n"
			HEAD_PRECISION
			"#define COLUMN highp samplerExternalOES\n" HEAD_REBUILD;
	return HEAD_VERSION HEAD_PRECISION "#define COLUMN highp sampler2D\n" HEAD_REBUILD;
}

struct mapper *mapper_create(EGLDisplay display, enum mapper_rung rung)
{
	char cause[MAPPER_CAUSE_LEN];
	struct mapper *mapper;

	if (rung <= MAPPER_AUTO || rung >= MAPPER_RUNGS) {
		fprintf(stderr, "glassview: no rung passed its self-test: "
				"the counters cannot be read by this driver\n");
		return NULL;
	}
	mapper = calloc(1, sizeof(*mapper));
	if (!mapper) {
		fprintf(stderr, "glassview: out of memory\n");
		return NULL;
	}
	mapper->display = display;
	mapper->textures.rung = rung;
	if (mapper_load(mapper, cause)) {
		fprintf(stderr, "glassview: import by '%s' is impossible: %s; try --import auto\n",
			mapper_rung_name(rung), cause);
		free(mapper);
		return NULL;
	}
	return mapper;
}

void mapper_destroy(struct mapper *mapper)
{
	if (!mapper)
		return;
	mapper_detach(mapper);
	free(mapper);
}

/*
 * Try the rung in use on @columns and look at what it gives. The first import
 * follows the self-test, which has just looked at the same buffer: an emulated
 * machine needs a second to compile what it takes to look again.
 */
static int attach_verified(struct mapper *mapper, const struct glassram_columns *columns,
			   char *ret_cause)
{
	if (mapper_load(mapper, ret_cause))
		return -1;
	if (mapper_attach(mapper, columns, ret_cause))
		return -1;
	if (!mapper->proven && mapper_verify(mapper, ret_cause)) {
		mapper_detach(mapper);
		return -1;
	}
	return 0;
}

int mapper_import(struct mapper *mapper, const struct glassram_columns *columns)
{
	enum mapper_rung first = mapper->textures.rung;
	char cause[MAPPER_CAUSE_LEN];
	char first_cause[MAPPER_CAUSE_LEN] = "";

	mapper_detach(mapper);
	mapper->synced = true;
	mapper->fences = true;
	mapper->proven = !mapper->imported;
	mapper->imported = true;
	for (enum mapper_rung rung = first; rung < MAPPER_RUNGS; rung++) {
		mapper->textures.rung = rung;
		if (!attach_verified(mapper, columns, cause)) {
			if (rung != first)
				fprintf(stderr, "glassview: import by '%s' failed: %s; using '%s'\n",
					mapper_rung_name(first), first_cause,
					mapper_rung_name(rung));
			return 0;
		}
		mapper->proven = false;
		if (rung == first)
			snprintf(first_cause, sizeof(first_cause), "%s", cause);
	}
	fprintf(stderr, "glassview: the counters cannot be shown: %s\n", cause);
	return -1;
}

static int sync_ioctl(int fd, uint64_t flags)
{
	struct dma_buf_sync sync = { .flags = flags };
	int err;

	do {
		err = ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync);
	} while (err && (errno == EINTR || errno == EAGAIN));
	return err;
}

/* Wait for another device's writing, if the buffer has a fence that says so. */
static void wait_fence(struct mapper *mapper)
{
	struct dma_buf_export_sync_file fence = { .flags = DMA_BUF_SYNC_READ, .fd = -1 };
	struct pollfd poll_fd;

	if (!mapper->fences)
		return;
	if (ioctl(mapper->columns->dmabuf_fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &fence)) {
		mapper->fences = false;
		return;
	}
	poll_fd = (struct pollfd){ .fd = fence.fd, .events = POLLIN };
	while (poll(&poll_fd, 1, FENCE_TIMEOUT_MS) < 0 && errno == EINTR)
		;
	close(fence.fd);
}

const struct mapper_textures *mapper_begin_frame(struct mapper *mapper)
{
	if (mapper->synced &&
	    sync_ioctl(mapper->columns->dmabuf_fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ)) {
		mapper->synced = false; /* ordinary memory, as in the unit tests */
		mapper->fences = false;
	}
	wait_fence(mapper);
	if (mapper->textures.rung == MAPPER_UPLOAD) {
		for (int i = 0; i < NR_COLUMNS; i++) {
			struct mapper_column *c = &mapper->column[i];

			glBindTexture(GL_TEXTURE_2D, c->texture);
			glTexSubImage2D(GL_TEXTURE_2D, 0, 0, 0, (GLsizei)c->column->width,
					(GLsizei)c->column->rows, GL_RED_INTEGER, GL_UNSIGNED_INT,
					(const void *)c->map);
		}
		glBindTexture(GL_TEXTURE_2D, 0);
	}
	return &mapper->textures;
}

void mapper_end_frame(struct mapper *mapper)
{
	if (mapper->synced)
		sync_ioctl(mapper->columns->dmabuf_fd, DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ);
}
