// SPDX-License-Identifier: GPL-2.0-only
/*
 * The renderer on the module's own dma-buf, which is read-only: zero copy works
 * here, every rung that exists gives the same picture, and a write of the target
 * after the import shows without another one.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <GLES3/gl3.h>

#include "egl.h"
#include "lib_target.h"
#include "mapper.h"
#include "renderer.h"

#include "kselftest_harness.h"

#define WIDTH 96
#define HEIGHT 96
/* A rung has its own shaders, and an emulated machine compiles them slowly. */
#define TIMEOUT_S 400

FIXTURE(import)
{
	struct target t;
	struct glassram_session *s;
	struct source_view view;
};

FIXTURE_SETUP(import)
{
	memset(&self->view, 0, sizeof(self->view));
	ASSERT_EQ(lib_target_start(&self->t), 0);
	ASSERT_EQ(glassram_attach(self->t.pid, NULL, &self->s), GLASSRAM_OK)
		TH_LOG("%s", glassram_error_message());
	ASSERT_EQ(glassram_advance(self->s, 0, NULL), GLASSRAM_OK);
	ASSERT_EQ(lib_target_write(&self->t, 0, lib_target_area(&self->t, 0), 20), 0);
	ASSERT_EQ(glassram_columns_init(self->s, &self->view.columns), GLASSRAM_OK);
	ASSERT_EQ(glassram_layout_init(self->s, &self->view.layout), GLASSRAM_OK);
	self->view.epoch = GLASSRAM_FIRST_EPOCH + 1;
	self->view.rate_hz = 10;
}

FIXTURE_TEARDOWN(import)
{
	glassram_layout_finish(&self->view.layout);
	glassram_columns_finish(&self->view.columns);
	glassram_detach(self->s);
	target_kill(&self->t);
}

/* One rung from the display to the pixels. */
struct picture {
	struct egl egl;
	struct mapper *mapper;
	struct renderer *renderer;
	struct sink_target target;
	uint8_t pixels[WIDTH * HEIGHT * 4];
};

static int picture_open(struct picture *p, const struct glassram_columns *columns,
			enum mapper_rung rung)
{
	GLuint texture, framebuffer;

	memset(p, 0, sizeof(*p));
	if (egl_open(-1, &p->egl))
		return -1;
	p->mapper = mapper_create(p->egl.display, rung);
	if (!p->mapper || mapper_import(p->mapper, columns))
		return -1;
	p->renderer = renderer_create("shaders");
	if (!p->renderer)
		return -1;
	glGenTextures(1, &texture);
	glBindTexture(GL_TEXTURE_2D, texture);
	glTexStorage2D(GL_TEXTURE_2D, 1, GL_RGBA8, WIDTH, HEIGHT);
	glGenFramebuffers(1, &framebuffer);
	glBindFramebuffer(GL_FRAMEBUFFER, framebuffer);
	glFramebufferTexture2D(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, texture, 0);
	p->target = (struct sink_target){ .framebuffer = framebuffer, .width = WIDTH,
					  .height = HEIGHT, .top_down = true, .bare = true };
	return 0;
}

static int picture_draw(struct picture *p, const struct source_view *view, double now)
{
	const struct renderer_status status = { .renderer = "" };
	const struct mapper_textures *textures = mapper_begin_frame(p->mapper);
	int err = renderer_draw(p->renderer, &p->target, view, textures, &status, now);

	glFinish();
	mapper_end_frame(p->mapper);
	glBindFramebuffer(GL_FRAMEBUFFER, p->target.framebuffer);
	glReadPixels(0, 0, WIDTH, HEIGHT, GL_RGBA, GL_UNSIGNED_BYTE, p->pixels);
	return err || glGetError() ? -1 : 0;
}

static void picture_close(struct picture *p)
{
	renderer_destroy(p->renderer);
	mapper_destroy(p->mapper);
	egl_close(&p->egl);
}

TEST_F_TIMEOUT(import, zero_copy_and_all_rungs_alike, TIMEOUT_S)
{
	uint64_t more = lib_target_area(&self->t, 1);
	static struct picture p;
	static uint8_t first[sizeof(p.pixels)], later[sizeof(p.pixels)];
	/* So near to each other that nothing ages in between. */
	const double now = 1, next = nextafter(now, 2);
	struct mapper_verdict verdict;
	enum mapper_rung best;

	best = mapper_self_test(-1, &self->view.columns, MAPPER_RUNGS, &verdict);
	for (enum mapper_rung rung = MAPPER_VIEW; rung < MAPPER_RUNGS; rung++) {
		TH_LOG("%s: %s", mapper_rung_name(rung),
		       *verdict.rung[rung].cause ? verdict.rung[rung].cause : "works");
		EXPECT_TRUE(verdict.rung[rung].tested);
	}
	ASSERT_EQ(best, MAPPER_VIEW);
	ASSERT_STREQ(verdict.rung[MAPPER_UPLOAD].cause, "");

	for (enum mapper_rung rung = MAPPER_VIEW; rung < MAPPER_RUNGS; rung++) {
		if (*verdict.rung[rung].cause)
			continue;
		ASSERT_EQ(picture_open(&p, &self->view.columns, rung), 0);
		ASSERT_EQ(mapper_begin_frame(p.mapper)->rung, rung);
		mapper_end_frame(p.mapper);
		ASSERT_EQ(picture_draw(&p, &self->view, rung == MAPPER_VIEW ? now : next), 0);
		if (rung == MAPPER_VIEW) {
			memcpy(first, p.pixels, sizeof(first));
			/* The target writes: no import, no epoch since. */
			ASSERT_EQ(lib_target_write(&self->t, 1, more, 40), 0);
			ASSERT_EQ(lib_sum_hits(&self->view.columns, &self->view.layout, more, 40),
				  40);
			ASSERT_EQ(picture_draw(&p, &self->view, next), 0);
			memcpy(later, p.pixels, sizeof(later));
			EXPECT_NE(memcmp(first, later, sizeof(first)), 0);
		}
		EXPECT_EQ(memcmp(later, p.pixels, sizeof(later)), 0)
			TH_LOG("rung '%s' shows other pixels", mapper_rung_name(rung));
		picture_close(&p);
	}
}

/* A target that grows gets a new dma-buf; the old one stays good for what it has. */
TEST_F_TIMEOUT(import, a_new_generation, TIMEOUT_S)
{
	struct glassram_columns old = self->view.columns;
	static struct picture p;

	ASSERT_EQ(picture_open(&p, &old, MAPPER_VIEW), 0);
	ASSERT_EQ(picture_draw(&p, &self->view, 1), 0);
	for (int i = 0; i < 64 && self->view.columns.generation == old.generation; i++) {
		ASSERT_NE(lib_target_map(&self->t, 16), 0);
		ASSERT_EQ(glassram_advance(self->s, 0, NULL), GLASSRAM_OK);
		if (i)
			glassram_columns_finish(&self->view.columns);
		ASSERT_EQ(glassram_columns_init(self->s, &self->view.columns), GLASSRAM_OK);
	}
	ASSERT_NE(self->view.columns.generation, old.generation);
	glassram_layout_finish(&self->view.layout);
	ASSERT_EQ(glassram_layout_init(self->s, &self->view.layout), GLASSRAM_OK);
	ASSERT_EQ(mapper_import(p.mapper, &self->view.columns), 0);
	EXPECT_EQ(mapper_begin_frame(p.mapper)->rung, MAPPER_VIEW);
	mapper_end_frame(p.mapper);
	EXPECT_EQ(picture_draw(&p, &self->view, 2), 0);
	picture_close(&p);
	glassram_columns_finish(&old);
}

TEST_HARNESS_MAIN
