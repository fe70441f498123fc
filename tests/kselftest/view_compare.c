// SPDX-License-Identifier: GPL-2.0
/*
 * view_compare A.png B.png: compare two pictures pixel by pixel. Prints how many
 * pixels differ, and where the first does. Exit status: 0 equal, 1 different,
 * 2 not to be compared.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>

static png_bytep read_rgb(const char *path, png_image *image)
{
	png_bytep pixels;

	memset(image, 0, sizeof(*image));
	image->version = PNG_IMAGE_VERSION;
	if (!png_image_begin_read_from_file(image, path))
		return NULL;
	image->format = PNG_FORMAT_RGB;
	pixels = malloc(PNG_IMAGE_SIZE(*image));
	if (!pixels || !png_image_finish_read(image, NULL, pixels, 0, NULL))
		return NULL;
	return pixels;
}

int main(int argc, char **argv)
{
	png_bytep first, second;
	unsigned long i, count, different = 0;
	png_image a, b;

	if (argc != 3) {
		fputs("usage: view_compare A.png B.png\n", stderr);
		return 2;
	}
	first = read_rgb(argv[1], &a);
	second = read_rgb(argv[2], &b);
	if (!first || !second || a.width != b.width || a.height != b.height) {
		printf("%s and %s cannot be compared\n", argv[1], argv[2]);
		return 2;
	}
	count = (unsigned long)a.width * a.height;
	for (i = 0; i < count; i++) {
		if (!memcmp(first + i * 3, second + i * 3, 3))
			continue;
		if (!different++)
			printf("first at %lu,%lu\n", i % a.width, i / a.width);
	}
	printf("%lu of %lu pixels differ\n", different, count);
	return different != 0;
}
