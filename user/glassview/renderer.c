// SPDX-License-Identifier: GPL-2.0
/*
 * The renderer: three passes.
 *
 *	tint	counters to rates and colours, one texel for each cell of the map
 *	map	those cells on the screen
 *	overlay	outlines, text, bars and lines: the canvas, rebuilt at 4 Hz
 *
 * The counters are read by the tint pass alone, at the resolution of the map
 * and not of the screen: that is what a slow renderer can afford. It is always
 * done by GL, on the imported counters. The other two are done by shaders where
 * there is a GPU (renderer_gpu.c), and in plain C where the CPU would have to run
 * those shaders (renderer_raster.c).
 *
 * Weak: with a software rasteriser the whole picture is copied twice a frame.
 */
#define _GNU_SOURCE
#include "renderer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "renderer_canvas.h"
#include "renderer_tint.h"
#include "renderer_figures.h"
#include "renderer_gpu.h"
#include "renderer_map.h"
#include "renderer_overlay.h"
#include "renderer_present.h"
#include "renderer_raster.h"

struct renderer {
	char *shader_dir;
	struct text *text;
	struct canvas canvas;
	struct map map;
	struct figures figures;
	struct tint tint;

	bool has_gpu; /* made when first needed */
	struct gpu gpu;
	struct raster raster;
	struct present present;

	struct layout_rect map_rect;
	uint32_t width, height;
	bool stale; /* the canvas must be drawn anew */
	bool unsent; /* it was, but the GPU does not have it yet */
};

static int out_of_memory(void)
{
	fprintf(stderr, "glassview: out of memory\n");
	return -1;
}

struct renderer *renderer_create(const char *shader_dir)
{
	struct renderer *r = calloc(1, sizeof(*r));

	if (!r) {
		out_of_memory();
		return NULL;
	}
	r->shader_dir = strdup(shader_dir);
	if (!r->shader_dir) {
		out_of_memory();
		goto err_free;
	}
	r->text = text_create();
	if (!r->text)
		goto err_free;
	r->canvas.text = r->text;
	tint_create(&r->tint, r->shader_dir);
	return r;

err_free:
	free(r->shader_dir);
	free(r);
	return NULL;
}

void renderer_destroy(struct renderer *r)
{
	if (!r)
		return;
	tint_finish(&r->tint);
	gpu_finish(&r->gpu);
	present_finish(&r->present);
	raster_finish(&r->raster);
	figures_finish(&r->figures);
	map_finish(&r->map);
	canvas_finish(&r->canvas);
	text_destroy(r->text);
	free(r->shader_dir);
	free(r);
}

int renderer_set_look(struct renderer *r, const char *look)
{
	if (tint_set_look(&r->tint, look))
		return -1;
	r->stale = true;
	return 0;
}

int renderer_set_glow(struct renderer *r, bool glow)
{
	if (tint_set_glow(&r->tint, glow))
		return -1;
	r->stale = true;
	return 0;
}

void renderer_set_orders(struct renderer *r, uint32_t min, uint32_t max)
{
	r->map.order_min = min;
	r->map.order_max = max;
}

/* Follow the tables and the size of the target. */
static int follow(struct renderer *r, const struct sink_target *target,
		  const struct source_view *view, struct layout_rect area)
{
	int side = area.width < area.height ? area.width : area.height;
	int changed = map_update(&r->map, &view->layout, side > 0 ? (uint32_t)side : 1);

	if (changed < 0)
		return out_of_memory();
	if (changed || target->width != r->width || target->height != r->height)
		r->stale = true;
	r->width = target->width;
	r->height = target->height;
	/* A map that stands alone takes all there is, at any scale. */
	r->map_rect = target->bare ? area : layout_map(area, 1 << r->map.cell_order);
	return 0;
}

static int show_by_gpu(struct renderer *r, const struct sink_target *target)
{
	if (!r->has_gpu && gpu_create(&r->gpu, r->shader_dir))
		return -1;
	r->has_gpu = true;
	if (r->unsent)
		gpu_upload(&r->gpu, &r->canvas);
	r->unsent = false;
	gpu_draw(&r->gpu, target, r->map_rect, r->tint.colours, 1 << r->map.cell_order);
	return 0;
}

/* What lies beside the map is drawn only if the overlay was drawn anew. */
static int show_by_cpu(struct renderer *r, const struct sink_target *target, bool redrawn)
{
	const struct layout_rect all = { 0, 0, (int)target->width, (int)target->height };
	int resized = raster_resize(&r->raster, all.width, all.height, !target->top_down,
				    present_wants_bgra(target));
	uint32_t *colours = tint_read(&r->tint);

	if (resized < 0 || !colours)
		return out_of_memory();
	if (resized || redrawn || target->bare)
		raster_clear(&r->raster, palette_ground);
	if (!target->bare && (resized || redrawn))
		raster_canvas(&r->raster, &r->canvas, all);
	if (raster_map(&r->raster, r->map_rect, colours, 1 << r->map.cell_order))
		return out_of_memory();
	if (!target->bare)
		raster_canvas(&r->raster, &r->canvas, r->map_rect);
	present_raster(&r->present, target, &r->raster);
	return 0;
}

/* The square of a map that stands alone. */
static struct layout_rect bare_area(const struct sink_target *target)
{
	int side = (int)(target->width < target->height ? target->width : target->height);

	return (struct layout_rect){ ((int)target->width - side) / 2,
				     ((int)target->height - side) / 2, side, side };
}

int renderer_draw(struct renderer *r, const struct sink_target *target,
		  const struct source_view *view, const struct mapper_textures *textures,
		  const struct renderer_status *status, double now)
{
	struct layout_picture picture = layout_picture((int)target->width, (int)target->height);
	struct layout_rect area = target->bare ? bare_area(target) : picture.map;
	bool redraw = false;

	if (follow(r, target, view, area))
		return -1;
	if (!target->bare) {
		int refreshed = figures_refresh(&r->figures, view, &r->map, now);

		if (refreshed < 0)
			return out_of_memory();
		redraw = refreshed || r->stale;
	}
	if (redraw) {
		overlay_draw(&r->canvas, &(struct overlay_input){
			.picture = &picture,	.map_rect = r->map_rect,
			.map = &r->map,		.figures = &r->figures,
			.view = view,		.status = status,
			.rung = textures->rung, .look = r->tint.look,
			.glow = r->tint.glow });
		if (r->canvas.failed)
			return out_of_memory();
		r->stale = false;
		r->unsent = true;
	}
	if (tint_draw(&r->tint, &r->map, view, textures, now))
		return -1;
	return status->software ? show_by_cpu(r, target, redraw) : show_by_gpu(r, target);
}
