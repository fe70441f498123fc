// SPDX-License-Identifier: GPL-2.0
/*
 * The map and the overlay by shaders: the map is one textured square, the overlay
 * two draws, of strokes and of flat things.
 *
 * Weak: all uniforms are looked up by name at each frame; that is a dozen hash
 * look-ups.
 */
#include "renderer_gpu.h"

#include <stddef.h>

#include <GLES3/gl3.h>

#include "palette.h"
#include "renderer_program.h"

static GLuint create_atlas(void)
{
	GLuint texture;

	glGenTextures(1, &texture);
	glBindTexture(GL_TEXTURE_2D, texture);
	glTexStorage2D(GL_TEXTURE_2D, 1, GL_R8, TEXT_ATLAS_SIZE, TEXT_ATLAS_SIZE);
	/* One texel to a pixel: no filter, so nothing depends on rounding. */
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, GL_NEAREST);
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

static void create_vertex_arrays(struct gpu *gpu)
{
	const size_t vertex = sizeof(struct canvas_vertex);
	const size_t stroke = sizeof(struct canvas_stroke);

	glGenVertexArrays(1, &gpu->vertex_array);
	glGenBuffers(1, &gpu->vertex_buffer);
	glBindVertexArray(gpu->vertex_array);
	glBindBuffer(GL_ARRAY_BUFFER, gpu->vertex_buffer);
	add_attribute(0, 2, GL_FLOAT, vertex, offsetof(struct canvas_vertex, x));
	add_attribute(1, 2, GL_FLOAT, vertex, offsetof(struct canvas_vertex, u));
	add_attribute(2, 4, GL_UNSIGNED_BYTE, vertex, offsetof(struct canvas_vertex, color));

	glGenVertexArrays(1, &gpu->stroke_array);
	glGenBuffers(1, &gpu->stroke_buffer);
	glBindVertexArray(gpu->stroke_array);
	glBindBuffer(GL_ARRAY_BUFFER, gpu->stroke_buffer);
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

static int create_program(const char *dir, const char *vertex, const char *fragment,
			  uint32_t *ret_program)
{
	const char *const fragments[] = { fragment, NULL };

	*ret_program = program_create(dir, vertex, renderer_shader_head, fragments);
	return *ret_program ? 0 : -1;
}

int gpu_create(struct gpu *gpu, const char *shader_dir)
{
	*gpu = (struct gpu){ 0 };
	if (create_program(shader_dir, "map.vert", "map_whole.frag", &gpu->whole_program) ||
	    create_program(shader_dir, "map.vert", "map_mixed.frag", &gpu->mixed_program) ||
	    create_program(shader_dir, "overlay.vert", "overlay.frag", &gpu->overlay_program) ||
	    create_program(shader_dir, "stroke.vert", "stroke.frag", &gpu->stroke_program))
		return -1;
	gpu->nearest = create_sampler(GL_NEAREST);
	gpu->linear = create_sampler(GL_LINEAR);
	gpu->atlas = create_atlas();
	create_vertex_arrays(gpu);
	return 0;
}

void gpu_finish(struct gpu *gpu)
{
	glDeleteSamplers(1, &gpu->nearest);
	glDeleteSamplers(1, &gpu->linear);
	glDeleteTextures(1, &gpu->atlas);
	glDeleteBuffers(1, &gpu->vertex_buffer);
	glDeleteVertexArrays(1, &gpu->vertex_array);
	glDeleteBuffers(1, &gpu->stroke_buffer);
	glDeleteVertexArrays(1, &gpu->stroke_array);
	glDeleteProgram(gpu->whole_program);
	glDeleteProgram(gpu->mixed_program);
	glDeleteProgram(gpu->overlay_program);
	glDeleteProgram(gpu->stroke_program);
	*gpu = (struct gpu){ 0 };
}

static void set_uniform_int(GLuint program, const char *name, int value)
{
	glUniform1i(program_uniform(program, name), value);
}

static void set_uniform_float(GLuint program, const char *name, double value)
{
	glUniform1f(program_uniform(program, name), (float)value);
}

static void bind_texture(GLenum unit, GLuint texture)
{
	glActiveTexture(GL_TEXTURE0 + unit);
	glBindTexture(GL_TEXTURE_2D, texture);
}

static void upload_atlas(struct gpu *gpu, struct text *text)
{
	bool changed;
	const uint8_t *atlas = text_atlas(text, &changed);

	if (!changed)
		return;
	bind_texture(0, gpu->atlas);
	glPixelStorei(GL_UNPACK_ALIGNMENT, 1);
	glTexSubImage2D(GL_TEXTURE_2D, 0, 0, 0, TEXT_ATLAS_SIZE, TEXT_ATLAS_SIZE, GL_RED,
			GL_UNSIGNED_BYTE, atlas);
	glPixelStorei(GL_UNPACK_ALIGNMENT, 4);
	bind_texture(0, 0);
}

static void upload_buffer(GLuint buffer, const void *data, size_t nr, size_t size)
{
	glBindBuffer(GL_ARRAY_BUFFER, buffer);
	glBufferData(GL_ARRAY_BUFFER, (GLsizeiptr)(nr * size), data, GL_DYNAMIC_DRAW);
	glBindBuffer(GL_ARRAY_BUFFER, 0);
}

void gpu_upload(struct gpu *gpu, const struct canvas *canvas)
{
	upload_atlas(gpu, canvas->text);
	upload_buffer(gpu->vertex_buffer, canvas->vertices, canvas->nr_vertices,
		      sizeof(*canvas->vertices));
	upload_buffer(gpu->stroke_buffer, canvas->strokes, canvas->nr_strokes,
		      sizeof(*canvas->strokes));
	gpu->nr_vertices = (int)canvas->nr_vertices;
	gpu->nr_strokes = (int)canvas->nr_strokes;
}

static void clear_target(const struct sink_target *target)
{
	struct palette_color c = palette_ground;

	glBindFramebuffer(GL_FRAMEBUFFER, target->framebuffer);
	glViewport(0, 0, (GLsizei)target->width, (GLsizei)target->height);
	glClearColor(c.r / 255.0f, c.g / 255.0f, c.b / 255.0f, 1);
	glClear(GL_COLOR_BUFFER_BIT);
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

static void draw_map(struct gpu *gpu, const struct sink_target *target, struct layout_rect map,
		     GLuint colours, int cells)
{
	bool whole = map.width % cells == 0;
	GLuint p = whole ? gpu->whole_program : gpu->mixed_program;

	glUseProgram(p);
	bind_texture(0, colours);
	glBindSampler(0, whole ? gpu->nearest : gpu->linear);
	set_uniform_int(p, "colours", 0);
	set_to_clip(p, target);
	glUniform4f(program_uniform(p, "rect"), (float)map.x, (float)map.y,
		    (float)map.width, (float)map.height);
	glUniform2f(program_uniform(p, "corner"), (float)map.x, (float)map.y);
	set_uniform_float(p, "height", target->top_down ? 0 : target->height);
	set_uniform_float(p, "scale", (double)map.width / cells);
	glDrawArrays(GL_TRIANGLE_STRIP, 0, 4);
	glBindSampler(0, 0);
	bind_texture(0, 0);
}

static void draw_overlay(struct gpu *gpu, const struct sink_target *target)
{
	glEnable(GL_BLEND);
	glBlendFuncSeparate(GL_SRC_ALPHA, GL_ONE_MINUS_SRC_ALPHA, GL_ONE, GL_ONE_MINUS_SRC_ALPHA);

	glUseProgram(gpu->stroke_program);
	set_to_clip(gpu->stroke_program, target);
	set_uniform_float(gpu->stroke_program, "height", target->top_down ? 0 : target->height);
	glBindVertexArray(gpu->stroke_array);
	glDrawArrays(GL_TRIANGLES, 0, gpu->nr_strokes);

	glUseProgram(gpu->overlay_program);
	set_to_clip(gpu->overlay_program, target);
	bind_texture(0, gpu->atlas);
	set_uniform_int(gpu->overlay_program, "atlas", 0);
	set_uniform_float(gpu->overlay_program, "texel", 1.0 / TEXT_ATLAS_SIZE);
	glBindVertexArray(gpu->vertex_array);
	glDrawArrays(GL_TRIANGLES, 0, gpu->nr_vertices);

	glBindVertexArray(0);
	bind_texture(0, 0);
	glDisable(GL_BLEND);
}

void gpu_draw(struct gpu *gpu, const struct sink_target *target, struct layout_rect map,
	      uint32_t colours, int cells)
{
	clear_target(target);
	draw_map(gpu, target, map, colours, cells);
	if (!target->bare)
		draw_overlay(gpu, target);
}
