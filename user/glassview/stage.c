// SPDX-License-Identifier: GPL-2.0
/*
 * The drawing half of glassview.
 *
 * The order matters: the display decides which GPU draws; import rungs are
 * tried in a child before this process starts GL; a terminal is taken last, so
 * that what goes wrong before can still be read.
 */
#define _GNU_SOURCE
#include "stage.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <GLES3/gl31.h>

#include "machine.h"
#include "message.h"

#define HEADLESS_WIDTH 1920
#define HEADLESS_HEIGHT 1080

/* The shaders beside the program, in a build tree or installed. */
static int find_shaders(char *path, size_t size)
{
	static const char *const places[] = { "/../shaders", "/../share/glassram/shaders" };
	const char *named = getenv("GLASSVIEW_SHADERS");
	char program[512], *slash;
	ssize_t n;
	size_t i;

	if (named) {
		snprintf(path, size, "%s", named);
		return 0;
	}
	n = readlink("/proc/self/exe", program, sizeof(program) - 1);
	program[n > 0 ? n : 0] = '\0';
	slash = strrchr(program, '/');
	if (slash)
		*slash = '\0';
	for (i = 0; i < sizeof(places) / sizeof(*places); i++) {
		snprintf(path, size, "%s%s", program, places[i]);
		if (!access(path, X_OK))
			return 0;
	}
	message("the shaders are missing beside %s: run 'make install', or set GLASSVIEW_SHADERS",
		program);
	return -1;
}

int stage_claim(const struct options *options, struct stage *ret_stage)
{
	struct stage stage = { 0 };
	bool named = options->kms || options->terminal || options->headless;

	if (options->kms || (!named && options->config.view.scanout)) {
		stage.kms = kms_device_open(options->kms_device, options->width, options->height,
					    !named);
		if (!stage.kms && named)
			return -1;
	}
	if (!named && !stage.kms && !isatty(STDOUT_FILENO)) {
		message("no display can be had%s and stdout is no terminal: use --headless FILE.png",
			options->config.view.scanout ? "" : " (scanout is off)");
		return -1;
	}
	stage.interactive = stage.kms || (isatty(STDOUT_FILENO) && (options->terminal || !named));
	if (options->freeze && !stage.interactive) {
		message("--freeze needs a picture that stands: add --kms, or --terminal on a terminal");
		return -1;
	}
	*ret_stage = stage;
	return 0;
}

/* Which import rung to use; falling below the best one is told once. */
static int choose_rung(struct stage *stage, const struct options *options,
		       const struct source_view *view)
{
	struct mapper_verdict verdict;
	enum mapper_rung rung;

	stage->rung = mapper_self_test(stage->kms ? stage->kms->fd : -1, &view->columns,
				       options->rung, &verdict);
	if (stage->rung == MAPPER_AUTO) {
		rung = options->rung == MAPPER_AUTO ? MAPPER_UPLOAD : options->rung;
		message("import rung %s is not possible here (%s): leave --import out",
			mapper_rung_name(rung), verdict.rung[rung].cause);
		return -1;
	}
	for (rung = MAPPER_VIEW; options->rung == MAPPER_AUTO && rung < stage->rung; rung++) {
		if (verdict.rung[rung].tested)
			message("import rung %s refused: %s", mapper_rung_name(rung),
				verdict.rung[rung].cause);
	}
	if (options->rung == MAPPER_AUTO && stage->rung != MAPPER_VIEW)
		message("the counters are imported by rung %s instead",
			mapper_rung_name(stage->rung));
	return 0;
}

static struct sink *create_headless(struct stage *stage, const struct options *options,
				    const char *path)
{
	uint32_t width = options->width ? options->width : HEADLESS_WIDTH;
	uint32_t height = options->height ? options->height : HEADLESS_HEIGHT;

	/* Beside a display: the very same picture. */
	if (stage->kms) {
		width = stage->kms->mode.hdisplay;
		height = stage->kms->mode.vdisplay;
	}
	return sink_headless_create(path, width, height);
}

/* The first of display, terminal and file is shown; the others keep the last picture. */
static int add_sink(struct stage *stage, struct sink *sink)
{
	if (!sink)
		return -1;
	if (!stage->shown)
		stage->shown = sink;
	else
		stage->kept[stage->nr_kept++] = sink;
	return 0;
}

static int create_sinks(struct stage *stage, const struct options *options)
{
	bool live = stage->interactive && !stage->kms;

	if (stage->kms &&
	    add_sink(stage, sink_kms_create(stage->egl.display, stage->kms, stage->egl.software)))
		return -1;
	if (live && add_sink(stage, sink_terminal_create(STDOUT_FILENO, true)))
		return -1;
	if (options->headless &&
	    add_sink(stage, create_headless(stage, options, options->headless)))
		return -1;
	if (options->terminal && !live &&
	    add_sink(stage, sink_terminal_create(STDOUT_FILENO, false)))
		return -1;
	return 0;
}

/* There is one palette, so nothing has to be said of it. */
static struct renderer *create_renderer(const char *shaders, const struct glassram_config *config)
{
	struct renderer *renderer = renderer_create(shaders);
	bool adaptive = config->hilbert.adaptive;

	if (!renderer)
		return NULL;
	renderer_set_orders(renderer, adaptive ? config->hilbert.min : config->hilbert.order,
			    adaptive ? config->hilbert.max : config->hilbert.order);
	if (renderer_set_look(renderer, config->view.look) ||
	    renderer_set_glow(renderer, config->view.glow)) {
		renderer_destroy(renderer);
		return NULL;
	}
	return renderer;
}

int stage_open(struct stage *stage, const struct options *options,
	       const struct source_view *view)
{
	char shaders[1024];

	if (find_shaders(shaders, sizeof(shaders)) || choose_rung(stage, options, view) ||
	    egl_open(stage->kms ? stage->kms->fd : -1, &stage->egl))
		return -1;
	stage->mapper = mapper_create(stage->egl.display, stage->rung);
	if (!stage->mapper || mapper_import(stage->mapper, &view->columns))
		return -1;
	stage->renderer = create_renderer(shaders, &options->config);
	if (!stage->renderer || create_sinks(stage, options))
		return -1;
	stage->keeps_file = options->headless;
	stage->status = (struct renderer_status){
		.renderer = stage->egl.renderer,
		.software = stage->egl.software,
		.emulated = machine_is_emulated(),
	};
	return 0;
}

static int draw_into(struct stage *stage, struct sink *sink, const struct source_view *view,
		     double now)
{
	const struct mapper_textures *textures;
	double began;
	int err;

	if (sink->begin(sink, &stage->target))
		return -1;
	began = machine_seconds();
	textures = mapper_begin_frame(stage->mapper);
	stage->rung = textures->rung;
	err = renderer_draw(stage->renderer, &stage->target, view, textures, &stage->status, now);
	/* What is drawn is read from live memory: only now is reading over. */
	glFinish();
	mapper_end_frame(stage->mapper);
	stage->drawing = machine_seconds() - began;
	if (err)
		return -1;
	return sink->end(sink);
}

static void describe(struct stage *stage, struct sink *sink, const struct source_view *view,
		     double now)
{
	if (sink->describe)
		sink->describe(sink, view, &stage->status, now);
}

int stage_draw(struct stage *stage, const struct source_view *view, double now)
{
	unsigned int i;

	if (view->changed & SOURCE_COLUMNS && mapper_import(stage->mapper, &view->columns))
		return -1;
	describe(stage, stage->shown, view, now);
	for (i = 0; i < stage->nr_kept; i++)
		describe(stage, stage->kept[i], view, now);
	return draw_into(stage, stage->shown, view, now);
}

static int keep_in(struct stage *stage, struct sink *sink, const struct source_view *view,
		   double now)
{
	if (draw_into(stage, sink, view, now))
		return -1;
	return sink->save ? sink->save(sink) : 0;
}

/* The picture of a target that ended must not get lost. */
static int keep_ended(struct stage *stage, const struct source_view *view, double now)
{
	const struct options defaults = { 0 };
	struct sink *sink;
	char path[64];
	int err;

	snprintf(path, sizeof(path), "glassview-%d.png", view->pid);
	sink = create_headless(stage, &defaults, path);
	if (!sink)
		return -1;
	err = keep_in(stage, sink, view, now);
	sink->destroy(sink);
	if (!err)
		message("process %d ended: its last picture is in %s", view->pid, path);
	return err;
}

int stage_keep(struct stage *stage, const struct source_view *view, double now)
{
	unsigned int i;
	int err = 0;

	if (view->ended && !stage->keeps_file)
		err = keep_ended(stage, view, now);
	if (stage->shown->save && stage->shown->save(stage->shown))
		err = -1;
	for (i = 0; i < stage->nr_kept; i++)
		if (keep_in(stage, stage->kept[i], view, now))
			err = -1;
	return err;
}

void stage_close(struct stage *stage)
{
	unsigned int i;

	for (i = 0; i < stage->nr_kept; i++)
		stage->kept[i]->destroy(stage->kept[i]);
	if (stage->shown)
		stage->shown->destroy(stage->shown);
	renderer_destroy(stage->renderer);
	mapper_destroy(stage->mapper);
	egl_close(&stage->egl);
	kms_device_close(stage->kms);
	*stage = (struct stage){ 0 };
}
