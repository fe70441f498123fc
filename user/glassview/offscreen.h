/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A framebuffer in memory that can be read back: for pictures that go to a
 * file or a terminal.
 */
#ifndef GLASSVIEW_OFFSCREEN_H
#define GLASSVIEW_OFFSCREEN_H

#include <stdint.h>

/**
 * struct offscreen - one framebuffer, RGBA8
 * @framebuffer: GL name; to be drawn top down, as a display is, so that the same
 *	picture gives the same pixels in both
 * @renderbuffer: its storage
 * @pixels: where offscreen_read() puts them, @width * @height * 4 bytes
 */
struct offscreen {
	uint32_t framebuffer;
	uint32_t renderbuffer;
	uint32_t width;
	uint32_t height;
	uint8_t *pixels;
};

/**
 * offscreen_init() - make one in the current context
 * Return: 0, or -1 with a one-line message printed.
 */
int offscreen_init(struct offscreen *offscreen, uint32_t width, uint32_t height);
void offscreen_finish(struct offscreen *offscreen);

/**
 * offscreen_read() - read the picture back
 * Return: RGBA, top row first; valid until the next call.
 */
const uint8_t *offscreen_read(struct offscreen *offscreen);

#endif
