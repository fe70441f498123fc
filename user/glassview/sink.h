/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A sink: where finished pictures go (a KMS display, a PNG file, a terminal).
 *
 * The sink owns its buffers. For each frame the main loop asks for a target to
 * draw into, the renderer draws, and the sink shows it.
 */
#ifndef GLASSVIEW_SINK_H
#define GLASSVIEW_SINK_H

#include <stdbool.h>
#include <stdint.h>

#include <EGL/egl.h>

/**
 * struct sink_target - what to draw into
 * @framebuffer: a complete GL framebuffer object of @width x @height, RGBA or
 *	XRGB 8 bit; row 0 of GL is the bottom row unless @top_down
 * @top_down: row 0 of the framebuffer is the top row of the picture, as it is in
 *	buffers that are scanned out; drawn either way, blended edges differ by one
 *	step of 255, so all sinks that can be compared are drawn the same way
 * @bare: draw the map alone, over the whole framebuffer and without any text:
 *	the sink adds its own (a terminal)
 */
struct sink_target {
	uint32_t framebuffer;
	uint32_t width;
	uint32_t height;
	bool top_down;
	bool bare;
};

struct source_view;
struct renderer_status;
struct kms_device;

/**
 * struct sink - one open sink
 * @name: "kms", "headless", "terminal"
 * @refresh_hz: display rate, 0 if it has none of its own
 * @describe: told what every picture shows, also those that another sink gets;
 *	@now as for renderer_draw(); may be NULL
 * @begin: next target; returns 0, or -1 with a one-line message printed.
 *	May wait until a buffer is free.
 * @end: the picture is drawn and glFinish() has returned: show it
 * @save: bring the last picture to where it is kept (a file, plain lines);
 *	NULL if this sink keeps none. Returns 0, or -1 with a message printed.
 * @destroy: restore what the sink changed (console, CRTC) and free it; also
 *	called after SIGTERM and when the target ended
 *
 * A sink is created after EGL is up, with the context current.
 */
struct sink {
	const char *name;
	double refresh_hz;
	void (*describe)(struct sink *sink, const struct source_view *view,
			 const struct renderer_status *status, double now);
	int (*begin)(struct sink *sink, struct sink_target *ret_target);
	int (*end)(struct sink *sink);
	int (*save)(struct sink *sink);
	void (*destroy)(struct sink *sink);
};

/* Each returns NULL with a one-line message printed. */

/**
 * sink_kms_create() - a display, without any window system
 * @display: the EGL display in use
 * @device: see kms_device_open(); stays the caller's, and must outlive the sink
 * @software: @display draws with the CPU: scan out dumb buffers
 */
struct sink *sink_kms_create(EGLDisplay display, struct kms_device *device, bool software);

/**
 * sink_headless_create() - an offscreen picture, written to a file by save()
 * @png_path: the last picture lands here, by rename: never half a file
 */
struct sink *sink_headless_create(const char *png_path, uint32_t width, uint32_t height);

/**
 * sink_terminal_create() - half blocks in 24 bit colour
 * @fd: where to write
 * @live: redraw in place, on the alternate screen, until the sink goes; else
 *	print only the last picture, as plain lines, in save()
 */
struct sink *sink_terminal_create(int fd, bool live);

#endif
