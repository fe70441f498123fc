// SPDX-License-Identifier: GPL-2.0
/*
 * Writing a picture as a PNG file, with libpng, row by row.
 *
 * The file is written beside its final name and renamed, so that a reader who
 * waits for the name never sees half a picture.
 */
#define _GNU_SOURCE
#include "png_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <png.h>

#include "message.h"

/* Beyond this level the file shrinks by a few percent and the time doubles. */
#define PNG_LEVEL 3

static void on_error(png_structp png, png_const_charp reason)
{
	(void)reason;
	longjmp(png_jmpbuf(png), 1);
}

static void on_warning(png_structp png, png_const_charp reason)
{
	(void)png;
	(void)reason;
}

static int encode(FILE *file, const uint8_t *pixels, uint32_t width, uint32_t height)
{
	png_structp png;
	png_infop info;
	uint32_t row;

	png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, on_error, on_warning);
	if (!png)
		return -1;
	info = png_create_info_struct(png);
	if (!info || setjmp(png_jmpbuf(png))) {
		png_destroy_write_struct(&png, &info);
		return -1;
	}
	png_init_io(png, file);
	png_set_compression_level(png, PNG_LEVEL);
	png_set_IHDR(png, info, width, height, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
		     PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
	png_write_info(png, info);
	png_set_filler(png, 0, PNG_FILLER_AFTER);
	for (row = 0; row < height; row++)
		png_write_row(png, pixels + (size_t)row * width * 4);
	png_write_end(png, NULL);
	png_destroy_write_struct(&png, &info);
	return 0;
}

int png_file_write(const char *path, const uint8_t *pixels, uint32_t width, uint32_t height)
{
	char *name;
	FILE *file;
	mode_t mask;
	int fd, err;

	if (asprintf(&name, "%s.XXXXXX", path) < 0) {
		message("no memory for the picture %s: free some and repeat", path);
		return -1;
	}
	fd = mkstemp(name);
	if (fd < 0) {
		message("cannot write %s: %s; name a file in a directory that you may write to",
			path, strerror(errno));
		free(name);
		return -1;
	}
	/* mkstemp() makes it private; a picture gets the usual mode. */
	mask = umask(0);
	umask(mask);
	fchmod(fd, 0666 & ~mask);

	file = fdopen(fd, "wb");
	if (!file)
		close(fd);
	err = !file || encode(file, pixels, width, height);
	if (file && fclose(file))
		err = -1;
	if (err || rename(name, path)) {
		message("cannot write %s: %s; is the disk full?", path, strerror(errno));
		unlink(name);
		err = -1;
	}
	free(name);
	return err;
}
