// SPDX-License-Identifier: GPL-2.0
/*
 * PNG files: what is read back is what was written, and a failure leaves
 * nothing behind.
 */
#define _GNU_SOURCE
#include "png_file.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <png.h>

#include "tap.h"
#include "view_capture.h"

#define WIDTH 37
#define HEIGHT 21

static uint8_t *read_rgb(const char *path, uint32_t *ret_width, uint32_t *ret_height)
{
	png_image image = { .version = PNG_IMAGE_VERSION };
	uint8_t *pixels;

	if (!png_image_begin_read_from_file(&image, path))
		return NULL;
	image.format = PNG_FORMAT_RGB;
	pixels = malloc(PNG_IMAGE_SIZE(image));
	if (!png_image_finish_read(&image, NULL, pixels, 0, NULL)) {
		free(pixels);
		return NULL;
	}
	*ret_width = image.width;
	*ret_height = image.height;
	return pixels;
}

static int same(const uint8_t *rgb, const uint8_t *rgba)
{
	int x, y;

	for (y = 0; y < HEIGHT; y++)
		for (x = 0; x < WIDTH; x++)
			if (memcmp(rgb + (y * WIDTH + x) * 3,
				   rgba + (y * WIDTH + x) * 4, 3))
				return 0;
	return 1;
}

static int files_in(const char *path)
{
	struct dirent *entry;
	DIR *dir = opendir(path);
	int count = 0;

	while (dir && (entry = readdir(dir)))
		count += entry->d_name[0] != '.';
	closedir(dir);
	return count;
}

int main(void)
{
	char dir[] = "/tmp/view_png.XXXXXX", path[64], deep[64];
	uint8_t pixels[WIDTH * HEIGHT * 4];
	uint32_t width = 0, height = 0;
	struct stat info;
	uint8_t *rgb;
	size_t i;
	int err;

	for (i = 0; i < sizeof(pixels); i++)
		pixels[i] = i * 31 ^ i >> 5;
	if (!mkdtemp(dir))
		return 1;
	snprintf(path, sizeof(path), "%s/a.png", dir);
	tap_check(!png_file_write(path, pixels, WIDTH, HEIGHT), "written");
	rgb = read_rgb(path, &width, &height);
	tap_check(rgb && width == WIDTH && height == HEIGHT && same(rgb, pixels), "read back");
	free(rgb);
	umask(022);
	unlink(path);
	png_file_write(path, pixels, WIDTH, HEIGHT);
	tap_check(!stat(path, &info) && (info.st_mode & 0777) == 0644, "with the usual mode");
	tap_check(files_in(dir) == 1, "nothing is left beside it");

	snprintf(deep, sizeof(deep), "%s/no/a.png", dir);
	capture_begin();
	err = png_file_write(deep, pixels, WIDTH, HEIGHT) == -1;
	capture_end();
	tap_check(err && captured_line(deep), "no such directory: the message names the file");
	/* Renaming over a directory fails after everything was written. */
	snprintf(deep, sizeof(deep), "%s/dir", dir);
	mkdir(deep, 0700);
	capture_begin();
	err = png_file_write(deep, pixels, WIDTH, HEIGHT) == -1;
	capture_end();
	tap_check(err && captured_line(deep), "a directory instead: the message names the file");
	tap_check(files_in(dir) == 2, "and no half file stays");

	rmdir(deep);
	unlink(path);
	rmdir(dir);
	return tap_end();
}
