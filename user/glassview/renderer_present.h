/* SPDX-License-Identifier: GPL-2.0 */
/*
 * From pixels in memory to a sink's framebuffer, by copies alone.
 */
#ifndef GLASSVIEW_RENDERER_PRESENT_H
#define GLASSVIEW_RENDERER_PRESENT_H

#include <stdbool.h>
#include <stdint.h>

#include "renderer_raster.h"
#include "sink.h"

/**
 * struct present - zero it before the first use
 */
struct present {
	uint32_t texture;
	uint32_t framebuffer;
	uint32_t width, height;
	bool bgra;
};

/**
 * present_wants_bgra() - the order of bytes in which @target can be filled by copying
 */
bool present_wants_bgra(const struct sink_target *target);

/**
 * present_raster() - fill @target, which has the size of @raster
 */
void present_raster(struct present *present, const struct sink_target *target,
		    const struct raster *raster);
void present_finish(struct present *present);

#endif
