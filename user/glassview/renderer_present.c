// SPDX-License-Identifier: GPL-2.0
/*
 * Pixels go into a texture of our own and from there, unscaled, into the sink's
 * framebuffer. Where both have their bytes in the same order, a software
 * rasteriser does either by memcpy.
 *
 * Weak: the order is taken from what the driver likes to be read in. If that is
 * another one, the driver converts: right, but slower.
 */
#include "renderer_present.h"

#include <GLES3/gl3.h>
#include <GLES2/gl2ext.h>

#include "egl.h"

bool present_wants_bgra(const struct sink_target *target)
{
	GLint format = 0;

	glBindFramebuffer(GL_FRAMEBUFFER, target->framebuffer);
	glGetIntegerv(GL_IMPLEMENTATION_COLOR_READ_FORMAT, &format);
	return format == GL_BGRA_EXT &&
	       egl_has_extension((const char *)glGetString(GL_EXTENSIONS),
				 "GL_EXT_texture_format_BGRA8888");
}

static void create(struct present *p, const struct raster *raster)
{
	GLenum format = raster->bgra ? GL_BGRA_EXT : GL_RGBA;

	present_finish(p);
	p->width = (uint32_t)raster->width;
	p->height = (uint32_t)raster->height;
	p->bgra = raster->bgra;
	glGenTextures(1, &p->texture);
	glBindTexture(GL_TEXTURE_2D, p->texture);
	glTexImage2D(GL_TEXTURE_2D, 0, (GLint)format, raster->width, raster->height, 0, format,
		     GL_UNSIGNED_BYTE, NULL);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, GL_NEAREST);
	glGenFramebuffers(1, &p->framebuffer);
	glBindFramebuffer(GL_READ_FRAMEBUFFER, p->framebuffer);
	glFramebufferTexture2D(GL_READ_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D,
			       p->texture, 0);
	glBindTexture(GL_TEXTURE_2D, 0);
}

void present_raster(struct present *p, const struct sink_target *target,
		    const struct raster *raster)
{
	if (!p->texture || p->width != (uint32_t)raster->width ||
	    p->height != (uint32_t)raster->height || p->bgra != raster->bgra)
		create(p, raster);
	glBindTexture(GL_TEXTURE_2D, p->texture);
	glTexSubImage2D(GL_TEXTURE_2D, 0, 0, 0, raster->width, raster->height,
			raster->bgra ? GL_BGRA_EXT : GL_RGBA, GL_UNSIGNED_BYTE, raster->pixels);
	glBindTexture(GL_TEXTURE_2D, 0);
	glBindFramebuffer(GL_READ_FRAMEBUFFER, p->framebuffer);
	glBindFramebuffer(GL_DRAW_FRAMEBUFFER, target->framebuffer);
	glBlitFramebuffer(0, 0, raster->width, raster->height, 0, 0, raster->width,
			  raster->height, GL_COLOR_BUFFER_BIT, GL_NEAREST);
	glBindFramebuffer(GL_FRAMEBUFFER, target->framebuffer);
}

void present_finish(struct present *p)
{
	glDeleteTextures(1, &p->texture);
	glDeleteFramebuffers(1, &p->framebuffer);
	*p = (struct present){ 0 };
}
