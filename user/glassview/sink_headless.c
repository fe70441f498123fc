// SPDX-License-Identifier: GPL-2.0
/*
 * The headless sink: an offscreen framebuffer whose last picture becomes a
 * PNG file.
 */
#include "sink.h"

#include <stdlib.h>
#include <string.h>

#include <GLES3/gl31.h>

#include "message.h"
#include "offscreen.h"
#include "png_file.h"

struct headless {
	struct sink sink;
	struct offscreen offscreen;
	char *path;
	bool drawn;
};

static int headless_begin(struct sink *sink, struct sink_target *ret_target)
{
	struct headless *headless = (struct headless *)sink;

	*ret_target = (struct sink_target){
		.framebuffer = headless->offscreen.framebuffer,
		.width = headless->offscreen.width,
		.height = headless->offscreen.height,
		.top_down = true,
	};
	return 0;
}

static int headless_end(struct sink *sink)
{
	((struct headless *)sink)->drawn = true;
	return 0;
}

static int headless_save(struct sink *sink)
{
	struct headless *headless = (struct headless *)sink;
	const uint8_t *pixels;

	if (!headless->drawn)
		return 0;
	pixels = offscreen_read(&headless->offscreen);
	return png_file_write(headless->path, pixels, headless->offscreen.width,
			      headless->offscreen.height);
}

static void headless_destroy(struct sink *sink)
{
	struct headless *headless = (struct headless *)sink;

	if (!headless)
		return;
	offscreen_finish(&headless->offscreen);
	free(headless->path);
	free(headless);
}

struct sink *sink_headless_create(const char *png_path, uint32_t width, uint32_t height)
{
	struct headless *headless = calloc(1, sizeof(*headless));

	if (headless)
		headless->path = strdup(png_path);
	if (!headless || !headless->path) {
		free(headless);
		message("no memory for a picture: free some and repeat");
		return NULL;
	}
	headless->sink = (struct sink){
		.name = "headless",
		.begin = headless_begin,
		.end = headless_end,
		.save = headless_save,
		.destroy = headless_destroy,
	};
	if (offscreen_init(&headless->offscreen, width, height)) {
		headless_destroy(&headless->sink);
		return NULL;
	}
	return &headless->sink;
}
