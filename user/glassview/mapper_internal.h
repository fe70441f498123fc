/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of the mapper share.
 */
#ifndef GLASSVIEW_MAPPER_INTERNAL_H
#define GLASSVIEW_MAPPER_INTERNAL_H

#include <EGL/egl.h>
#include <EGL/eglext.h>
#include <GLES3/gl3.h>
#include <GLES2/gl2ext.h>

#include "mapper.h"

/* The columns that shaders read, in the order of struct mapper_textures. */
enum { COLUMN_HITS, COLUMN_STAMP, COLUMN_OWNER, NR_COLUMNS };

/*
 * One column as textures. @storage holds the imported RGBA8 texels that the
 * R32UI view shows, on the view rung alone.
 */
struct mapper_column {
	const struct glassram_column *column;
	const volatile uint32_t *map;
	EGLImageKHR image;
	GLuint texture;
	GLuint storage;
};

struct mapper {
	EGLDisplay display;
	const struct glassram_columns *columns;
	struct mapper_column column[NR_COLUMNS];
	struct mapper_textures textures;
	bool imported; /* at least once */
	bool proven; /* the self-test saw this import work */
	bool synced; /* the dma-buf answers DMA_BUF_IOCTL_SYNC */
	bool fences; /* and DMA_BUF_IOCTL_EXPORT_SYNC_FILE */
	PFNEGLCREATEIMAGEKHRPROC create_image;
	PFNEGLDESTROYIMAGEKHRPROC destroy_image;
	PFNGLEGLIMAGETARGETTEXTURE2DOESPROC target_texture;
	PFNGLEGLIMAGETARGETTEXSTORAGEEXTPROC target_storage;
	PFNGLTEXTUREVIEWOESPROC texture_view;
};

/**
 * mapper_load() - find the entry points @mapper's rung needs
 * @ret_cause: why the rung cannot work here
 * Return: 0, or -1 with @ret_cause filled.
 */
int mapper_load(struct mapper *mapper, char ret_cause[static MAPPER_CAUSE_LEN]);

/**
 * mapper_attach() - textures of @columns on @mapper's rung
 * Return: 0, or -1 with @ret_cause filled and no texture left.
 */
int mapper_attach(struct mapper *mapper, const struct glassram_columns *columns,
		  char ret_cause[static MAPPER_CAUSE_LEN]);
void mapper_detach(struct mapper *mapper);

/**
 * mapper_verify() - sample texels and compare them with the mapping
 *
 * The counters are live: a texel is right if it equals the mapping before or
 * after the sampling. Counters that are all zero prove nothing but that
 * sampling works.
 *
 * Return: 0, or -1 with @ret_cause filled.
 */
int mapper_verify(struct mapper *mapper, char ret_cause[static MAPPER_CAUSE_LEN]);

#endif
