/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The drawing half of glassview: EGL, mapper, renderer and the sinks in use,
 * opened and closed together.
 */
#ifndef GLASSVIEW_STAGE_H
#define GLASSVIEW_STAGE_H

#include "egl.h"
#include "kms_device.h"
#include "mapper.h"
#include "options.h"
#include "renderer.h"
#include "sink.h"
#include "source.h"

#define STAGE_KEPT 2

/**
 * struct stage - everything that draws
 * @shown: the sink that gets every picture
 * @kept: more sinks, which get only the last one
 * @keeps_file: one of the sinks saves the last picture as a file
 * @interactive: somebody watches, and can end the picture by hand
 * @drawing: seconds that the last picture took to draw
 * @target: size of the last picture
 */
struct stage {
	struct kms_device *kms;
	struct egl egl;
	struct mapper *mapper;
	struct renderer *renderer;
	struct sink *shown;
	struct sink *kept[STAGE_KEPT];
	unsigned int nr_kept;
	bool keeps_file;
	bool interactive;
	enum mapper_rung rung;
	struct renderer_status status;
	double drawing;
	struct sink_target target;
};

/**
 * stage_claim() - decide where the picture will go
 * Takes the display, if it is to be one, and opens nothing else: a refusal comes
 * before anything was started or watched.
 * @ret_stage: filled in on success; release with stage_close()
 * Return: 0, or -1 with a one-line message printed.
 */
int stage_claim(const struct options *options, struct stage *ret_stage);

/**
 * stage_open() - get ready to draw
 * @view: the counters must be there
 * Return: 0, or -1 with a one-line message printed; stage_close() in any case.
 */
int stage_open(struct stage *stage, const struct options *options,
	       const struct source_view *view);

/**
 * stage_draw() - draw a picture and show it
 * @now: seconds, as for renderer_draw()
 */
int stage_draw(struct stage *stage, const struct source_view *view, double now);

/**
 * stage_keep() - draw the same picture for the sinks that keep it, and save it
 * @now: that of the last stage_draw()
 *
 * Of a target that ended and whose picture no sink saves, it is saved in the
 * working directory, and a line says where.
 */
int stage_keep(struct stage *stage, const struct source_view *view, double now);

/**
 * stage_close() - restore displays and terminals, and free everything
 */
void stage_close(struct stage *stage);

#endif
