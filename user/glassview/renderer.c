// SPDX-License-Identifier: GPL-2.0
/*
 * The renderer: three passes.
 *
 *	cells	counters to rates and colours, one texel for each cell of the map
 *	map	those cells on the screen
 *	overlay	outlines, text, bars and lines: the canvas, rebuilt at 4 Hz
 *
 * The counters are read by the cells pass alone, at the resolution of the map
 * and not of the screen: that is what a slow renderer can afford.
 *
 * Weak: one renderer remembers one map; drawing in turn into targets that need
 * maps of different resolution starts the rates anew each time.
 */
#define _GNU_SOURCE
#include "renderer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <GLES3/gl3.h>

#include "renderer_canvas.h"
#include "renderer_figures.h"
#include "renderer_map.h"
#include "renderer_overlay.h"
#include "renderer_program.h"

#define LOOK_NAME_LEN 32
#define SHADER_HEAD_LEN 2048

/* Texture units of the cells pass. */
enum { UNIT_HITS, UNIT_STAMP, UNIT_OWNER, UNIT_BEFORE, UNIT_PALETTE };

struct renderer {
	char *shader_dir;
	char look[LOOK_NAME_LEN];
	struct text *text;
	struct canvas canvas;
	struct map map;
	struct figures figures;

	GLuint cells_program, overlay_program, stroke_program;
	GLuint whole_program, mixed_program; /* of the map pass, by its scale */
	const char *cells_head; /* the mapper's head that cells_program was made with */
	GLuint palette, atlas;
	GLuint nearest, linear; /* samplers */
	GLuint state[2], colours; /* of the cells pass; state[0] is the last frame's */
	uint32_t cell_order; /* of the textures above; 0: there are none */
	bool fresh;
	double drawn; /* when the state was last brought forward */
	GLuint framebuffer;
	GLuint vertex_array, vertex_buffer;
	GLuint stroke_array, stroke_buffer;
	GLsizei nr_vertices, nr_strokes; /* in those buffers */

	struct layout_rect map_rect;
	uint32_t width, height;
	bool stale; /* the canvas must be drawn anew */
};

static GLuint new_texture(GLenum format, GLsizei width, GLsizei height, GLint filter)
{
	GLuint texture;

	glGenTextures(1, &texture);
	glBindTexture(GL_TEXTURE_2D, texture);
	glTexStorage2D(GL_TEXTURE_2D, 1, format, width, height);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, filter);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, filter);
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
	GLuint texture = new_texture(GL_RGBA8, PALETTE_ENTRIES, 2, GL_NEAREST);

	palette_fill(table);
	for (uint32_t i = 0; i < PALETTE_ENTRIES; i++)
		table[PALETTE_ENTRIES + i] = palette_thread(i);
	glBindTexture(GL_TEXTURE_2D, texture);
	glTexSubImage2D(GL_TEXTURE_2D, 0, 0, 0, PALETTE_ENTRIES, 2, GL_RGBA, GL_UNSIGNED_BYTE,
			table);
	glBindTexture(GL_TEXTURE_2D, 0);
	return texture;
}

/* One field of a vertex: bytes are colours from 0 to 1, all else floats. */
static void add_attribute(GLuint index, GLint components, GLenum type, size_t stride,
			  size_t offset)
{
	glEnableVertexAttribArray(index);
	glVertexAttribPointer(index, components, type, type == GL_UNSIGNED_BYTE, (GLsizei)stride,
			      (const void *)offset);
}

static void create_vertex_arrays(struct renderer *r)
{
	const size_t vertex = sizeof(struct canvas_vertex);
	const size_t stroke = sizeof(struct canvas_stroke);

	glGenVertexArrays(1, &r->vertex_array);
	glGenBuffers(1, &r->vertex_buffer);
	glBindVertexArray(r->vertex_array);
	glBindBuffer(GL_ARRAY_BUFFER, r->vertex_buffer);
	add_attribute(0, 2, GL_FLOAT, vertex, offsetof(struct canvas_vertex, x));
	add_attribute(1, 2, GL_FLOAT, vertex, offsetof(struct canvas_vertex, u));
	add_attribute(2, 4, GL_UNSIGNED_BYTE, vertex, offsetof(struct canvas_vertex, color));

	glGenVertexArrays(1, &r->stroke_array);
	glGenBuffers(1, &r->stroke_buffer);
	glBindVertexArray(r->stroke_array);
	glBindBuffer(GL_ARRAY_BUFFER, r->stroke_buffer);
	add_attribute(0, 2, GL_FLOAT, stroke, offsetof(struct canvas_stroke, x));
	add_attribute(1, 4, GL_FLOAT, stroke, offsetof(struct canvas_stroke, x0));
	add_attribute(2, 4, GL_UNSIGNED_BYTE, stroke, offsetof(struct canvas_stroke, color));
	add_attribute(3, 1, GL_FLOAT, stroke, offsetof(struct canvas_stroke, radius));
	glBindVertexArray(0);
	glBindBuffer(GL_ARRAY_BUFFER, 0);
}

static GLuint create_sampler(GLint filter)
{
	GLuint sampler;

	glGenSamplers(1, &sampler);
	glSamplerParameteri(sampler, GL_TEXTURE_MIN_FILTER, filter);
	glSamplerParameteri(sampler, GL_TEXTURE_MAG_FILTER, filter);
	glSamplerParameteri(sampler, GL_TEXTURE_WRAP_S, GL_CLAMP_TO_EDGE);
	glSamplerParameteri(sampler, GL_TEXTURE_WRAP_T, GL_CLAMP_TO_EDGE);
	return sampler;
}

static GLuint create_simple(struct renderer *r, const char *vertex, const char *fragment)
{
	const char *const fragments[] = { fragment, NULL };

	return program_create(r->shader_dir, vertex, renderer_shader_head, fragments);
}

static int create_programs(struct renderer *r)
{
	r->whole_program = create_simple(r, "map.vert", "map_whole.frag");
	if (!r->whole_program)
		return -1;
	r->mixed_program = create_simple(r, "map.vert", "map_mixed.frag");
	if (!r->mixed_program)
		return -1;
	r->overlay_program = create_simple(r, "overlay.vert", "overlay.frag");
	if (!r->overlay_program)
		return -1;
	r->stroke_program = create_simple(r, "stroke.vert", "stroke.frag");
	return r->stroke_program ? 0 : -1;
}

struct renderer *renderer_create(const char *shader_dir)
{
	struct renderer *r = calloc(1, sizeof(*r));

	if (r)
		r->shader_dir = strdup(shader_dir);
	if (!r || !r->shader_dir) {
		fprintf(stderr, "glassview: out of memory\n");
		renderer_destroy(r);
		return NULL;
	}
	snprintf(r->look, sizeof(r->look), "heat");
	r->text = text_create();
	if (!r->text || create_programs(r)) {
		renderer_destroy(r);
		return NULL;
	}
	r->canvas.text = r->text;
	r->palette = create_palette();
	r->atlas = new_texture(GL_R8, TEXT_ATLAS_SIZE, TEXT_ATLAS_SIZE, GL_NEAREST);
	glGenFramebuffers(1, &r->framebuffer);
	r->nearest = create_sampler(GL_NEAREST);
	r->linear = create_sampler(GL_LINEAR);
	create_vertex_arrays(r);
	return r;
}

static void delete_cells(struct renderer *r)
{
	delete_texture(&r->state[0]);
	delete_texture(&r->state[1]);
	delete_texture(&r->colours);
	r->cell_order = 0;
}

void renderer_destroy(struct renderer *r)
{
	if (!r)
		return;
	if (r->text) {
		delete_cells(r);
		delete_texture(&r->palette);
		delete_texture(&r->atlas);
		glDeleteFramebuffers(1, &r->framebuffer);
		glDeleteSamplers(1, &r->nearest);
		glDeleteSamplers(1, &r->linear);
		glDeleteBuffers(1, &r->vertex_buffer);
		glDeleteVertexArrays(1, &r->vertex_array);
		glDeleteBuffers(1, &r->stroke_buffer);
		glDeleteVertexArrays(1, &r->stroke_array);
		glDeleteProgram(r->cells_program);
		glDeleteProgram(r->whole_program);
		glDeleteProgram(r->mixed_program);
		glDeleteProgram(r->overlay_program);
		glDeleteProgram(r->stroke_program);
	}
	figures_finish(&r->figures);
	map_finish(&r->map);
	canvas_finish(&r->canvas);
	text_destroy(r->text);
	free(r->shader_dir);
	free(r);
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

static GLuint create_cells_program(struct renderer *r, const char *mapper_head, const char *look)
{
	char head[SHADER_HEAD_LEN], look_file[LOOK_NAME_LEN + 16];
	const char *const fragments[] = { "hilbert.glsl", "look_common.glsl", look_file,
					  "cells.frag", NULL };

	snprintf(look_file, sizeof(look_file), "look_%s.glsl", look);
	snprintf(head, sizeof(head),
		 "%s#define STAMP_NO_PAGE %uu\n#define FIRST_EPOCH %uu\n"
		 "#define AGE_FLOOR %.6f\n#define AGE_SECONDS %.6f\n", mapper_head,
		 GLASSRAM_STAMP_NO_PAGE, GLASSRAM_FIRST_EPOCH, PALETTE_AGE_FLOOR,
		 PALETTE_AGE_SECONDS);
	define_color(head, sizeof(head), "COLOUR_GROUND", palette_ground);
	define_color(head, sizeof(head), "COLOUR_UNWRITTEN", palette_unwritten);
	return program_create(r->shader_dir, "full.vert", head, fragments);
}

int renderer_set_look(struct renderer *r, const char *look)
{
	if (strlen(look) >= sizeof(r->look) || strchr(look, '/')) {
		fprintf(stderr, "glassview: '%s' is no look: try heat, thread or age\n", look);
		return -1;
	}
	/* Compiled now, so that a wrong name is told now. */
	if (r->cells_head) {
		GLuint program = create_cells_program(r, r->cells_head, look);

		if (!program)
			return -1;
		glDeleteProgram(r->cells_program);
		r->cells_program = program;
	}
	snprintf(r->look, sizeof(r->look), "%s", look);
	r->stale = true;
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

/* Textures for a map of another resolution. */
static void create_cells(struct renderer *r)
{
	GLsizei side = 1 << r->map.cell_order;

	delete_cells(r);
	r->state[0] = new_texture(GL_RG32UI, side, side, GL_NEAREST);
	r->state[1] = new_texture(GL_RG32UI, side, side, GL_NEAREST);
	r->colours = new_texture(GL_RGBA8, side, side, GL_LINEAR);
	r->cell_order = r->map.cell_order;
}

static void draw_cells(struct renderer *r, const struct source_view *view,
		       const struct mapper_textures *textures, double now)
{
	static const GLenum buffers[] = { GL_COLOR_ATTACHMENT0, GL_COLOR_ATTACHMENT1 };
	GLuint p = r->cells_program;
	GLsizei side = 1 << r->map.cell_order;
	double elapsed = r->fresh ? 0 : now - r->drawn;
	double rate_hz = view->rate_hz ? view->rate_hz : 1;
	uint32_t slots = r->map.slots < view->columns.slots ? r->map.slots : view->columns.slots;
	GLuint state;

	/* The same moment for another sink: the same colours, though the target writes on. */
	if (!r->fresh && now == r->drawn)
		return;
	if (elapsed < 0)
		elapsed = 0;
	glBindFramebuffer(GL_FRAMEBUFFER, r->framebuffer);
	glFramebufferTexture2D(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, r->state[1],
			       0);
	glFramebufferTexture2D(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT1, GL_TEXTURE_2D, r->colours,
			       0);
	glDrawBuffers(2, buffers);
	glViewport(0, 0, side, side);
	glUseProgram(p);
	bind_texture(UNIT_HITS, textures->target, textures->hits);
	bind_texture(UNIT_STAMP, textures->target, textures->stamp);
	bind_texture(UNIT_OWNER, textures->target, textures->owner);
	bind_texture(UNIT_BEFORE, GL_TEXTURE_2D, r->state[0]);
	bind_texture(UNIT_PALETTE, GL_TEXTURE_2D, r->palette);
	set_uniform_int(p, "hits_column", UNIT_HITS);
	set_uniform_int(p, "stamp_column", UNIT_STAMP);
	set_uniform_int(p, "owner_column", UNIT_OWNER);
	set_uniform_int(p, "before", UNIT_BEFORE);
	set_uniform_int(p, "palette", UNIT_PALETTE);
	set_uniform_uint(p, "order", r->map.cell_order);
	set_uniform_uint(p, "shift", r->map.shift);
	set_uniform_uint(p, "slots", slots);
	set_uniform_uint(p, "epoch", view->epoch);
	set_uniform_float(p, "epoch_age", fmax(now - view->epoch_began, 0));
	set_uniform_float(p, "epoch_seconds", 1 / rate_hz);
	set_uniform_float(p, "elapsed", elapsed);
	set_uniform_float(p, "keep", exp(-elapsed / FIGURES_TAU));
	set_uniform_int(p, "fresh", r->fresh);
	set_uniform_float(p, "rate_low", PALETTE_RATE_LOW);
	set_uniform_float(p, "rate_high", palette_rate_high(view->rate_hz));
	glDrawArrays(GL_TRIANGLES, 0, 3);
	for (GLenum unit = UNIT_HITS; unit <= UNIT_OWNER; unit++)
		bind_texture(unit, textures->target, 0);
	bind_texture(UNIT_BEFORE, GL_TEXTURE_2D, 0);
	bind_texture(UNIT_PALETTE, GL_TEXTURE_2D, 0);
	glActiveTexture(GL_TEXTURE0);

	state = r->state[0];
	r->state[0] = r->state[1];
	r->state[1] = state;
	r->fresh = false;
	r->drawn = now;
}

/* From pixels with y downwards to clip space of a target. */
static void set_to_clip(GLuint program, const struct sink_target *target)
{
	float sx = 2.0f / (float)target->width;
	float sy = 2.0f / (float)target->height;

	if (target->top_down)
		glUniform4f(program_uniform(program, "to_clip"), sx, sy, -1, -1);
	else
		glUniform4f(program_uniform(program, "to_clip"), sx, -sy, -1, 1);
}

static void draw_map(struct renderer *r, const struct sink_target *target)
{
	int cells = 1 << r->map.cell_order;
	bool whole = r->map_rect.width % cells == 0;
	GLuint p = whole ? r->whole_program : r->mixed_program;

	glUseProgram(p);
	bind_texture(0, GL_TEXTURE_2D, r->colours);
	glBindSampler(0, whole ? r->nearest : r->linear);
	set_uniform_int(p, "colours", 0);
	set_to_clip(p, target);
	glUniform4f(program_uniform(p, "rect"), (float)r->map_rect.x, (float)r->map_rect.y,
		    (float)r->map_rect.width, (float)r->map_rect.height);
	glUniform2f(program_uniform(p, "corner"), (float)r->map_rect.x, (float)r->map_rect.y);
	set_uniform_float(p, "height", target->top_down ? 0 : target->height);
	set_uniform_float(p, "scale", (double)r->map_rect.width / cells);
	glDrawArrays(GL_TRIANGLE_STRIP, 0, 4);
	glBindSampler(0, 0);
	bind_texture(0, GL_TEXTURE_2D, 0);
}

static void upload_atlas(struct renderer *r)
{
	bool changed;
	const uint8_t *atlas = text_atlas(r->text, &changed);

	if (!changed)
		return;
	bind_texture(0, GL_TEXTURE_2D, r->atlas);
	glPixelStorei(GL_UNPACK_ALIGNMENT, 1);
	glTexSubImage2D(GL_TEXTURE_2D, 0, 0, 0, TEXT_ATLAS_SIZE, TEXT_ATLAS_SIZE, GL_RED,
			GL_UNSIGNED_BYTE, atlas);
	glPixelStorei(GL_UNPACK_ALIGNMENT, 4);
	bind_texture(0, GL_TEXTURE_2D, 0);
}

static void upload_buffer(GLuint buffer, const void *data, size_t nr, size_t size)
{
	glBindBuffer(GL_ARRAY_BUFFER, buffer);
	glBufferData(GL_ARRAY_BUFFER, (GLsizeiptr)(nr * size), data, GL_DYNAMIC_DRAW);
	glBindBuffer(GL_ARRAY_BUFFER, 0);
}

static int upload_canvas(struct renderer *r)
{
	const struct canvas *canvas = &r->canvas;

	if (canvas->failed) {
		fprintf(stderr, "glassview: out of memory\n");
		return -1;
	}
	upload_atlas(r);
	upload_buffer(r->vertex_buffer, canvas->vertices, canvas->nr_vertices,
		      sizeof(*canvas->vertices));
	upload_buffer(r->stroke_buffer, canvas->strokes, canvas->nr_strokes,
		      sizeof(*canvas->strokes));
	r->nr_vertices = (GLsizei)canvas->nr_vertices;
	r->nr_strokes = (GLsizei)canvas->nr_strokes;
	return 0;
}

static void draw_overlay(struct renderer *r, const struct sink_target *target)
{
	glEnable(GL_BLEND);
	glBlendFuncSeparate(GL_SRC_ALPHA, GL_ONE_MINUS_SRC_ALPHA, GL_ONE, GL_ONE_MINUS_SRC_ALPHA);

	glUseProgram(r->stroke_program);
	set_to_clip(r->stroke_program, target);
	set_uniform_float(r->stroke_program, "height", target->top_down ? 0 : target->height);
	glBindVertexArray(r->stroke_array);
	glDrawArrays(GL_TRIANGLES, 0, r->nr_strokes);

	glUseProgram(r->overlay_program);
	set_to_clip(r->overlay_program, target);
	bind_texture(0, GL_TEXTURE_2D, r->atlas);
	set_uniform_int(r->overlay_program, "atlas", 0);
	set_uniform_float(r->overlay_program, "texel", 1.0 / TEXT_ATLAS_SIZE);
	glBindVertexArray(r->vertex_array);
	glDrawArrays(GL_TRIANGLES, 0, r->nr_vertices);

	glBindVertexArray(0);
	bind_texture(0, GL_TEXTURE_2D, 0);
	glDisable(GL_BLEND);
}

/* Follow the tables, the size of the target and the mapper's rung. */
static int prepare(struct renderer *r, const struct sink_target *target,
		   const struct source_view *view, const struct mapper_textures *textures,
		   struct layout_rect area)
{
	const char *head = mapper_shader_head(textures);
	int side = area.width < area.height ? area.width : area.height;
	uint32_t order = r->map.order;
	int changed;

	if (head != r->cells_head) {
		glDeleteProgram(r->cells_program);
		r->cells_head = NULL;
		r->cells_program = create_cells_program(r, head, r->look);
		if (!r->cells_program)
			return -1;
		r->cells_head = head;
	}
	changed = map_update(&r->map, &view->layout, side > 0 ? (uint32_t)side : 1);
	if (changed < 0) {
		fprintf(stderr, "glassview: out of memory\n");
		return -1;
	}
	if (r->map.cell_order != r->cell_order || r->map.order != order) {
		create_cells(r);
		r->fresh = true;
		changed = 1;
	}
	if (changed || target->width != r->width || target->height != r->height)
		r->stale = true;
	r->width = target->width;
	r->height = target->height;
	r->map_rect = layout_map(area, 1 << r->map.cell_order);
	return 0;
}

static void clear_target(const struct sink_target *target)
{
	struct palette_color c = palette_ground;

	glBindFramebuffer(GL_FRAMEBUFFER, target->framebuffer);
	glViewport(0, 0, (GLsizei)target->width, (GLsizei)target->height);
	glClearColor(c.r / 255.0f, c.g / 255.0f, c.b / 255.0f, 1);
	glClear(GL_COLOR_BUFFER_BIT);
}

static int draw_bare(struct renderer *r, const struct sink_target *target,
		     const struct source_view *view, const struct mapper_textures *textures,
		     double now)
{
	int side = (int)(target->width < target->height ? target->width : target->height);
	struct layout_rect area = { ((int)target->width - side) / 2,
				    ((int)target->height - side) / 2, side, side };

	if (prepare(r, target, view, textures, area))
		return -1;
	r->map_rect = area;
	draw_cells(r, view, textures, now);
	clear_target(target);
	draw_map(r, target);
	return 0;
}

int renderer_draw(struct renderer *r, const struct sink_target *target,
		  const struct source_view *view, const struct mapper_textures *textures,
		  const struct renderer_status *status, double now)
{
	struct layout_picture picture = layout_picture((int)target->width, (int)target->height);
	int refreshed;

	if (target->bare)
		return draw_bare(r, target, view, textures, now);
	if (prepare(r, target, view, textures, picture.map))
		return -1;
	refreshed = figures_refresh(&r->figures, view, &r->map, now);
	if (refreshed < 0) {
		fprintf(stderr, "glassview: out of memory\n");
		return -1;
	}
	if (refreshed || r->stale) {
		struct overlay_input input = {
			.picture = &picture,	.map_rect = r->map_rect,
			.map = &r->map,		.figures = &r->figures,
			.view = view,		.status = status,
			.rung = textures->rung, .look = r->look,
		};

		overlay_draw(&r->canvas, &input);
		if (upload_canvas(r))
			return -1;
		r->stale = false;
	}
	draw_cells(r, view, textures, now);
	clear_target(target);
	draw_map(r, target);
	draw_overlay(r, target);
	return 0;
}
