// SPDX-License-Identifier: GPL-2.0
/*
 * A framebuffer in memory that can be read back.
 */
#include "offscreen.h"

#include <stdlib.h>

#include <GLES3/gl31.h>

#include "message.h"

int offscreen_init(struct offscreen *offscreen, uint32_t width, uint32_t height)
{
	GLint max;

	*offscreen = (struct offscreen){ .width = width, .height = height };
	glGetIntegerv(GL_MAX_RENDERBUFFER_SIZE, &max);
	if (width > (GLuint)max || height > (GLuint)max) {
		message("a picture of %ux%u is too large for this renderer: use --size of at most %dx%d",
			width, height, max, max);
		return -1;
	}
	offscreen->pixels = malloc((size_t)width * height * 4);
	if (!offscreen->pixels) {
		message("no memory for a picture of %ux%u: use a smaller --size", width, height);
		return -1;
	}
	glGenRenderbuffers(1, &offscreen->renderbuffer);
	glBindRenderbuffer(GL_RENDERBUFFER, offscreen->renderbuffer);
	glRenderbufferStorage(GL_RENDERBUFFER, GL_RGBA8, width, height);
	glGenFramebuffers(1, &offscreen->framebuffer);
	glBindFramebuffer(GL_FRAMEBUFFER, offscreen->framebuffer);
	glFramebufferRenderbuffer(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_RENDERBUFFER,
				  offscreen->renderbuffer);
	if (glCheckFramebufferStatus(GL_FRAMEBUFFER) != GL_FRAMEBUFFER_COMPLETE) {
		message("the renderer refused a framebuffer of %ux%u: use a smaller --size",
			width, height);
		offscreen_finish(offscreen);
		return -1;
	}
	return 0;
}

void offscreen_finish(struct offscreen *offscreen)
{
	if (offscreen->framebuffer)
		glDeleteFramebuffers(1, &offscreen->framebuffer);
	if (offscreen->renderbuffer)
		glDeleteRenderbuffers(1, &offscreen->renderbuffer);
	free(offscreen->pixels);
	*offscreen = (struct offscreen){ 0 };
}

const uint8_t *offscreen_read(struct offscreen *offscreen)
{
	glBindFramebuffer(GL_FRAMEBUFFER, offscreen->framebuffer);
	glPixelStorei(GL_PACK_ALIGNMENT, 4);
	glReadPixels(0, 0, offscreen->width, offscreen->height, GL_RGBA, GL_UNSIGNED_BYTE,
		     offscreen->pixels);
	return offscreen->pixels;
}
