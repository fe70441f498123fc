/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Writing a picture as a PNG file.
 */
#ifndef GLASSVIEW_PNG_FILE_H
#define GLASSVIEW_PNG_FILE_H

#include <stdint.h>

/**
 * png_file_write() - write a picture; the file appears whole or not at all
 * @path: the file; an existing one is replaced
 * @pixels: RGBA, 8 bit each, top row first, @width * 4 bytes a row; alpha is ignored
 * Return: 0, or -1 with a one-line message printed.
 */
int png_file_write(const char *path, const uint8_t *pixels, uint32_t width, uint32_t height);

#endif
