// SPDX-License-Identifier: GPL-2.0
/*
 * The tint pass: one shader (tint.frag with a look), two textures of state that
 * change places at each frame, one texture of colours.
 *
 * Weak: it remembers one map; drawing in turn into targets that need maps of
 * different resolution starts the rates anew each time.
 */
#include "renderer_tint.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <GLES3/gl3.h>

#include "palette.h"
#include "renderer_figures.h"
#include "renderer_program.h"

#define HEAD_LEN 2048

enum { UNIT_HITS, UNIT_STAMP, UNIT_OWNER, UNIT_BEFORE, UNIT_PALETTE };

static GLuint new_texture(GLenum format, GLsizei width, GLsizei height)
{
	GLuint texture;

	glGenTextures(1, &texture);
	glBindTexture(GL_TEXTURE_2D, texture);
	glTexStorage2D(GL_TEXTURE_2D, 1, format, width, height);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, GL_NEAREST);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_WRAP_S, GL_CLAMP_TO_EDGE);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_WRAP_T, GL_CLAMP_TO_EDGE);
	glBindTexture(GL_TEXTURE_2D, 0);
	return texture;
}

static void delete_texture(GLuint *texture)
{
	glDeleteTextures(1, texture);
	*texture = 0;
}

static GLuint create_palette(void)
{
	struct palette_color table[2 * PALETTE_ENTRIES];
	GLuint texture = new_texture(GL_RGBA8, PALETTE_ENTRIES, 2);

	palette_fill(table);
	for (uint32_t i = 0; i < PALETTE_ENTRIES; i++)
		table[PALETTE_ENTRIES + i] = palette_thread(i);
	glBindTexture(GL_TEXTURE_2D, texture);
	glTexSubImage2D(GL_TEXTURE_2D, 0, 0, 0, PALETTE_ENTRIES, 2, GL_RGBA, GL_UNSIGNED_BYTE,
			table);
	glBindTexture(GL_TEXTURE_2D, 0);
	return texture;
}

void tint_create(struct tint *tint, const char *shader_dir)
{
	*tint = (struct tint){ .shader_dir = shader_dir, .look = "heat", .glow = true };
	tint->palette = create_palette();
	glGenFramebuffers(1, &tint->framebuffer);
}

static void delete_textures(struct tint *tint)
{
	delete_texture(&tint->state[0]);
	delete_texture(&tint->state[1]);
	delete_texture(&tint->colours);
}

void tint_finish(struct tint *tint)
{
	delete_textures(tint);
	delete_texture(&tint->palette);
	glDeleteFramebuffers(1, &tint->framebuffer);
	glDeleteProgram(tint->program);
	free(tint->pixels);
	*tint = (struct tint){ 0 };
}

/* A colour as a GLSL constant. */
static void define_color(char *head, size_t capacity, const char *name,
			 struct palette_color color)
{
	size_t len = strlen(head);

	snprintf(head + len, capacity - len,
		 "#define %s vec4(%u.0, %u.0, %u.0, 255.0) / 255.0\n", name, color.r, color.g,
		 color.b);
}

static GLuint create_program(const struct tint *tint, const char *mapper_head,
			     const char *look)
{
	char head[HEAD_LEN], look_file[TINT_LOOK_LEN + 16];
	const char *const fragments[] = { "hilbert.glsl", "look_common.glsl", look_file,
					  "tint.frag", NULL };

	snprintf(look_file, sizeof(look_file), "look_%s.glsl", look);
	snprintf(head, sizeof(head),
		 "%s#define STAMP_NO_PAGE %uu\n#define FIRST_EPOCH %uu\n"
		 "#define AGE_FLOOR %.6f\n#define AGE_SECONDS %.6f\n", mapper_head,
		 GLASSRAM_STAMP_NO_PAGE, GLASSRAM_FIRST_EPOCH, tint->glow ? PALETTE_AGE_FLOOR : 1.0,
		 PALETTE_AGE_SECONDS);
	define_color(head, sizeof(head), "COLOUR_GROUND", palette_ground);
	define_color(head, sizeof(head), "COLOUR_UNWRITTEN", palette_unwritten);
	return program_create(tint->shader_dir, "full.vert", head, fragments);
}

/* Compiled now where it can be, so that what is wrong is told now. */
static int recompile(struct tint *tint, const char *look)
{
	GLuint program;

	if (tint->head) {
		program = create_program(tint, tint->head, look);
		if (!program)
			return -1;
		glDeleteProgram(tint->program);
		tint->program = program;
	}
	tint->recolour = true;
	return 0;
}

int tint_set_look(struct tint *tint, const char *look)
{
	if (strlen(look) >= sizeof(tint->look) || strchr(look, '/')) {
		fprintf(stderr, "glassview: '%s' is no look: try heat, thread or age\n", look);
		return -1;
	}
	if (recompile(tint, look))
		return -1;
	snprintf(tint->look, sizeof(tint->look), "%s", look);
	return 0;
}

int tint_set_glow(struct tint *tint, bool glow)
{
	tint->glow = glow;
	return recompile(tint, tint->look);
}

/* Follow the mapper's rung and the size of the map. */
static int prepare(struct tint *tint, const struct map *map,
		   const struct mapper_textures *textures)
{
	const char *head = mapper_shader_head(textures);
	GLsizei side = 1 << map->cell_order;

	if (head != tint->head) {
		glDeleteProgram(tint->program);
		tint->head = NULL;
		tint->program = create_program(tint, head, tint->look);
		if (!tint->program)
			return -1;
		tint->head = head;
	}
	if (tint->colours && tint->cell_order == map->cell_order && tint->order == map->order)
		return 0;
	delete_textures(tint);
	tint->state[0] = new_texture(GL_RG32UI, side, side);
	tint->state[1] = new_texture(GL_RG32UI, side, side);
	tint->colours = new_texture(GL_RGBA8, side, side);
	tint->order = map->order;
	tint->cell_order = map->cell_order;
	tint->fresh = true;
	return 0;
}

static void set_uniform_uint(GLuint program, const char *name, uint32_t value)
{
	glUniform1ui(program_uniform(program, name), value);
}

static void set_uniform_int(GLuint program, const char *name, int value)
{
	glUniform1i(program_uniform(program, name), value);
}

static void set_uniform_float(GLuint program, const char *name, double value)
{
	glUniform1f(program_uniform(program, name), (float)value);
}

static void bind_texture(GLenum unit, GLenum target, GLuint texture)
{
	glActiveTexture(GL_TEXTURE0 + unit);
	glBindTexture(target, texture);
}

int tint_draw(struct tint *tint, const struct map *map, const struct source_view *view,
	       const struct mapper_textures *textures, double now)
{
	static const GLenum buffers[] = { GL_COLOR_ATTACHMENT0, GL_COLOR_ATTACHMENT1 };
	GLuint p, state;
	GLsizei side = 1 << map->cell_order;
	double elapsed;
	double rate_hz = view->rate_hz ? view->rate_hz : 1;
	uint32_t slots = map->slots < view->columns.slots ? map->slots : view->columns.slots;

	if (prepare(tint, map, textures))
		return -1;
	/* The same moment for another sink: the same colours, though the target writes on. */
	if (!tint->fresh && !tint->recolour && now == tint->drawn)
		return 0;
	p = tint->program;
	elapsed = tint->fresh ? 0 : fmax(now - tint->drawn, 0);
	glBindFramebuffer(GL_FRAMEBUFFER, tint->framebuffer);
	glFramebufferTexture2D(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, tint->state[1],
			       0);
	glFramebufferTexture2D(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT1, GL_TEXTURE_2D, tint->colours,
			       0);
	glDrawBuffers(2, buffers);
	glViewport(0, 0, side, side);
	glUseProgram(p);
	bind_texture(UNIT_HITS, textures->target, textures->hits);
	bind_texture(UNIT_STAMP, textures->target, textures->stamp);
	bind_texture(UNIT_OWNER, textures->target, textures->owner);
	bind_texture(UNIT_BEFORE, GL_TEXTURE_2D, tint->state[0]);
	bind_texture(UNIT_PALETTE, GL_TEXTURE_2D, tint->palette);
	set_uniform_int(p, "hits_column", UNIT_HITS);
	set_uniform_int(p, "stamp_column", UNIT_STAMP);
	set_uniform_int(p, "owner_column", UNIT_OWNER);
	set_uniform_int(p, "before", UNIT_BEFORE);
	set_uniform_int(p, "palette", UNIT_PALETTE);
	set_uniform_uint(p, "order", map->cell_order);
	set_uniform_uint(p, "shift", map->shift);
	set_uniform_uint(p, "slots", slots);
	set_uniform_uint(p, "epoch", view->epoch);
	set_uniform_float(p, "epoch_age", fmax(now - view->epoch_began, 0));
	set_uniform_float(p, "epoch_seconds", 1 / rate_hz);
	set_uniform_float(p, "elapsed", elapsed);
	set_uniform_float(p, "keep", exp(-elapsed / FIGURES_TAU));
	set_uniform_int(p, "fresh", tint->fresh);
	set_uniform_float(p, "rate_low", PALETTE_RATE_LOW);
	set_uniform_float(p, "rate_steps", (PALETTE_ENTRIES - 1) /
			  log2(palette_rate_high(view->rate_hz) / PALETTE_RATE_LOW));
	glDrawArrays(GL_TRIANGLES, 0, 3);
	for (GLenum unit = UNIT_HITS; unit <= UNIT_OWNER; unit++)
		bind_texture(unit, textures->target, 0);
	bind_texture(UNIT_BEFORE, GL_TEXTURE_2D, 0);
	bind_texture(UNIT_PALETTE, GL_TEXTURE_2D, 0);
	glActiveTexture(GL_TEXTURE0);

	state = tint->state[0];
	tint->state[0] = tint->state[1];
	tint->state[1] = state;
	tint->fresh = false;
	tint->recolour = false;
	tint->drawn = now;
	return 0;
}

uint32_t *tint_read(struct tint *tint)
{
	GLsizei side = 1 << tint->cell_order;
	size_t bytes = (size_t)side * (size_t)side * sizeof(*tint->pixels);
	uint32_t *pixels = realloc(tint->pixels, bytes);

	if (!pixels)
		return NULL;
	tint->pixels = pixels;
	glBindFramebuffer(GL_READ_FRAMEBUFFER, tint->framebuffer);
	glReadBuffer(GL_COLOR_ATTACHMENT1);
	glReadPixels(0, 0, side, side, GL_RGBA, GL_UNSIGNED_BYTE, pixels);
	glReadBuffer(GL_COLOR_ATTACHMENT0);
	return pixels;
}
