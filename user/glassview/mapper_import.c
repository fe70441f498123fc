// SPDX-License-Identifier: GPL-2.0
/*
 * The rungs themselves: how each makes textures of the counters' columns.
 *
 * Nobody but us checks that the picture described to EGL lies inside the
 * dma-buf: Mesa's software rasteriser reads whatever follows. And it ignores the
 * stride of a read-only fd, so the only layout taken is the one that is right
 * either way: rows packed without a gap.
 *
 * Weak: columns up to GL_MAX_TEXTURE_SIZE rows; at 4,096 slots a row that is
 * reached only far above GLASSRAM_MAX_SLOTS.
 */
#define _GNU_SOURCE
#include "mapper_internal.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <drm_fourcc.h>

#include "egl.h"

static bool has_gl(const char *name)
{
	return egl_has_extension((const char *)glGetString(GL_EXTENSIONS), name);
}

static int lacks(char *ret_cause, const char *name)
{
	snprintf(ret_cause, MAPPER_CAUSE_LEN, "the driver lacks %s", name);
	return -1;
}

static int load_view(struct mapper *mapper, char *ret_cause)
{
	const char *view = NULL;

	if (!has_gl("GL_EXT_EGL_image_storage"))
		return lacks(ret_cause, "GL_EXT_EGL_image_storage");
	if (has_gl("GL_OES_texture_view"))
		view = "glTextureViewOES";
	else if (has_gl("GL_EXT_texture_view"))
		view = "glTextureViewEXT";
	if (!view)
		return lacks(ret_cause, "GL_OES_texture_view");
	mapper->target_storage = (PFNGLEGLIMAGETARGETTEXSTORAGEEXTPROC)
		eglGetProcAddress("glEGLImageTargetTexStorageEXT");
	mapper->texture_view = (PFNGLTEXTUREVIEWOESPROC)eglGetProcAddress(view);
	if (!mapper->target_storage || !mapper->texture_view)
		return lacks(ret_cause, view);
	return 0;
}

int mapper_load(struct mapper *mapper, char ret_cause[static MAPPER_CAUSE_LEN])
{
	const char *egl = eglQueryString(mapper->display, EGL_EXTENSIONS);
	enum mapper_rung rung = mapper->textures.rung;

	if (rung == MAPPER_UPLOAD)
		return 0;
	if (!egl_has_extension(egl, "EGL_EXT_image_dma_buf_import"))
		return lacks(ret_cause, "EGL_EXT_image_dma_buf_import");
	mapper->create_image = (PFNEGLCREATEIMAGEKHRPROC)eglGetProcAddress("eglCreateImageKHR");
	mapper->destroy_image =
		(PFNEGLDESTROYIMAGEKHRPROC)eglGetProcAddress("eglDestroyImageKHR");
	if (!mapper->create_image || !mapper->destroy_image)
		return lacks(ret_cause, "EGL_KHR_image_base");
	if (rung == MAPPER_VIEW)
		return load_view(mapper, ret_cause);

	if (!has_gl("GL_OES_EGL_image"))
		return lacks(ret_cause, "GL_OES_EGL_image");
	if (rung == MAPPER_EXTERNAL && !has_gl("GL_OES_EGL_image_external_essl3"))
		return lacks(ret_cause, "GL_OES_EGL_image_external_essl3");
	mapper->target_texture = (PFNGLEGLIMAGETARGETTEXTURE2DOESPROC)
		eglGetProcAddress("glEGLImageTargetTexture2DOES");
	if (!mapper->target_texture)
		return lacks(ret_cause, "glEGLImageTargetTexture2DOES");
	return 0;
}

static const struct glassram_column *find_column(const struct glassram_columns *columns,
						 uint32_t id)
{
	for (uint32_t i = 0; i < columns->nr_columns; i++)
		if (columns->columns[i].id == id)
			return &columns->columns[i];
	return NULL;
}

/* The one layout that every driver reads right, inside the dma-buf's length. */
static int check_column(const struct glassram_column *column, uint64_t bytes, char *ret_cause)
{
	uint64_t length = (uint64_t)column->stride * column->rows;

	if (column->elem_size != 4 || column->width != GLASSRAM_COLUMN_WIDTH ||
	    column->stride != GLASSRAM_COLUMN_STRIDE || !column->rows || column->offset % 4096) {
		snprintf(ret_cause, MAPPER_CAUSE_LEN,
			 "column %u is %u x %u, stride %u: only %u wide, stride %u is known",
			 column->id, column->width, column->rows, column->stride,
			 GLASSRAM_COLUMN_WIDTH, GLASSRAM_COLUMN_STRIDE);
		return -1;
	}
	if (column->offset > bytes || length > bytes - column->offset) {
		snprintf(ret_cause, MAPPER_CAUSE_LEN,
			 "column %u ends at byte %llu of a buffer of %llu", column->id,
			 (unsigned long long)(column->offset + length), (unsigned long long)bytes);
		return -1;
	}
	return 0;
}

static void set_sampling(GLenum target)
{
	glTexParameteri(target, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
	glTexParameteri(target, GL_TEXTURE_MAG_FILTER, GL_NEAREST);
	glTexParameteri(target, GL_TEXTURE_WRAP_S, GL_CLAMP_TO_EDGE);
	glTexParameteri(target, GL_TEXTURE_WRAP_T, GL_CLAMP_TO_EDGE);
}

static EGLImageKHR import_image(struct mapper *mapper, const struct glassram_column *column,
				int fd)
{
	const EGLint attributes[] = {
		EGL_WIDTH, (EGLint)column->width,
		EGL_HEIGHT, (EGLint)column->rows,
		EGL_LINUX_DRM_FOURCC_EXT, DRM_FORMAT_ABGR8888,
		EGL_DMA_BUF_PLANE0_FD_EXT, fd,
		EGL_DMA_BUF_PLANE0_OFFSET_EXT, (EGLint)column->offset,
		EGL_DMA_BUF_PLANE0_PITCH_EXT, (EGLint)column->stride,
		EGL_NONE,
	};

	return mapper->create_image(mapper->display, EGL_NO_CONTEXT, EGL_LINUX_DMA_BUF_EXT, NULL,
				    attributes);
}

static int attach_import(struct mapper *mapper, struct mapper_column *c, int fd, char *ret_cause)
{
	GLenum target = mapper->textures.target;
	GLenum error;

	if (c->column->offset > INT32_MAX) {
		snprintf(ret_cause, MAPPER_CAUSE_LEN,
			 "column %u begins beyond 2 GiB, further than EGL can say", c->column->id);
		return -1;
	}
	c->image = import_image(mapper, c->column, fd);
	if (c->image == EGL_NO_IMAGE_KHR) {
		snprintf(ret_cause, MAPPER_CAUSE_LEN,
			 "the driver refused the dma-buf (EGL error 0x%x)", eglGetError());
		return -1;
	}
	while (glGetError())
		;
	if (mapper->textures.rung == MAPPER_VIEW) {
		glGenTextures(1, &c->storage);
		glBindTexture(GL_TEXTURE_2D, c->storage);
		mapper->target_storage(GL_TEXTURE_2D, c->image, NULL);
		glGenTextures(1, &c->texture);
		mapper->texture_view(c->texture, GL_TEXTURE_2D, c->storage, GL_R32UI, 0, 1, 0, 1);
		glBindTexture(GL_TEXTURE_2D, c->texture);
	} else {
		glGenTextures(1, &c->texture);
		glBindTexture(target, c->texture);
		mapper->target_texture(target, c->image);
	}
	set_sampling(target);
	glBindTexture(target, 0);
	error = glGetError();
	if (error) {
		snprintf(ret_cause, MAPPER_CAUSE_LEN,
			 "the driver made no texture of the dma-buf (GL error 0x%x)", error);
		return -1;
	}
	return 0;
}

static int attach_upload(struct mapper_column *c, char *ret_cause)
{
	GLenum error;

	while (glGetError())
		;
	glGenTextures(1, &c->texture);
	glBindTexture(GL_TEXTURE_2D, c->texture);
	glTexStorage2D(GL_TEXTURE_2D, 1, GL_R32UI, (GLsizei)c->column->width,
		       (GLsizei)c->column->rows);
	set_sampling(GL_TEXTURE_2D);
	glBindTexture(GL_TEXTURE_2D, 0);
	error = glGetError();
	if (error) {
		snprintf(ret_cause, MAPPER_CAUSE_LEN, "no texture of %u x %u (GL error 0x%x)",
			 c->column->width, c->column->rows, error);
		return -1;
	}
	return 0;
}

int mapper_attach(struct mapper *mapper, const struct glassram_columns *columns,
		  char ret_cause[static MAPPER_CAUSE_LEN])
{
	static const uint32_t ids[NR_COLUMNS] = { GLASSRAM_COLUMN_HITS, GLASSRAM_COLUMN_STAMP,
						  GLASSRAM_COLUMN_OWNER };
	struct mapper_textures *t = &mapper->textures;
	off_t end = lseek(columns->dmabuf_fd, 0, SEEK_END);
	uint64_t bytes = end < 0 ? columns->bytes : (uint64_t)end;

	t->integer = t->rung == MAPPER_VIEW || t->rung == MAPPER_UPLOAD;
	t->target = t->rung == MAPPER_EXTERNAL ? GL_TEXTURE_EXTERNAL_OES : GL_TEXTURE_2D;
	if (bytes > columns->bytes)
		bytes = columns->bytes;

	for (int i = 0; i < NR_COLUMNS; i++) {
		struct mapper_column *c = &mapper->column[i];
		int err;

		c->column = find_column(columns, ids[i]);
		if (!c->column) {
			snprintf(ret_cause, MAPPER_CAUSE_LEN, "the counters have no column %u",
				 ids[i]);
			goto err_detach;
		}
		if (check_column(c->column, bytes, ret_cause))
			goto err_detach;
		c->map = (const uint32_t *)((const char *)columns->map + c->column->offset);
		if (t->rung == MAPPER_UPLOAD)
			err = attach_upload(c, ret_cause);
		else
			err = attach_import(mapper, c, columns->dmabuf_fd, ret_cause);
		if (err)
			goto err_detach;
	}
	mapper->columns = columns;
	t->hits = mapper->column[COLUMN_HITS].texture;
	t->stamp = mapper->column[COLUMN_STAMP].texture;
	t->owner = mapper->column[COLUMN_OWNER].texture;
	return 0;

err_detach:
	mapper_detach(mapper);
	return -1;
}

void mapper_detach(struct mapper *mapper)
{
	for (int i = 0; i < NR_COLUMNS; i++) {
		struct mapper_column *c = &mapper->column[i];

		glDeleteTextures(1, &c->texture);
		glDeleteTextures(1, &c->storage);
		if (c->image)
			mapper->destroy_image(mapper->display, c->image);
		memset(c, 0, sizeof(*c));
	}
	mapper->columns = NULL;
}
