/* SPDX-License-Identifier: GPL-2.0 */
/*
 * EGL without windows: which display draws, and one context on it.
 */
#ifndef GLASSVIEW_EGL_H
#define GLASSVIEW_EGL_H

#include <stdbool.h>

#include <EGL/egl.h>

/**
 * struct egl - an open display with its OpenGL ES context
 * @software: pictures are drawn by the CPU
 * @renderer: GL_RENDERER, shortened for the status corner ("llvmpipe")
 */
struct egl {
	EGLDisplay display;
	EGLContext context;
	bool software;
	char renderer[64];
};

/**
 * egl_open() - choose a display and make a surfaceless context current
 * @drm_fd: the display device the pictures go to, or -1: any GPU will do
 * @ret_egl: release with egl_close()
 * Return: 0, or -1 with a one-line message printed.
 */
int egl_open(int drm_fd, struct egl *ret_egl);
void egl_close(struct egl *egl);

/**
 * egl_has_extension() - exact token match in a list of extensions; NULL is empty
 */
bool egl_has_extension(const char *list, const char *name);

#endif
