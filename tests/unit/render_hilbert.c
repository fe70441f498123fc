// SPDX-License-Identifier: GPL-2.0-only
/*
 * The Hilbert curve: its properties in C, and that the shaders' twin gives the
 * same numbers over every point of order 12.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <GLES3/gl3.h>

#include <glassram/hilbert.h>

#include "egl.h"
#include "render_scene.h"
#include "renderer_program.h"
#include "tap.h"

#define ORDER 12
#define SIDE (1U << ORDER)
#define POINTS (1U << (2 * ORDER))
/* Rows read back from GL at a time. */
#define STRIP 256

static unsigned int x_of(unsigned int point)
{
	return point & 0xffff;
}

static unsigned int y_of(unsigned int point)
{
	return point >> 16;
}

static unsigned int apart(unsigned int a, unsigned int b)
{
	return a > b ? a - b : b - a;
}

static unsigned int distance(unsigned int a, unsigned int b)
{
	return apart(x_of(a), x_of(b)) + apart(y_of(a), y_of(b));
}

/* Every point up to order 10; above, every 4,099th of the indices and both ends. */
static void test_roundtrip(unsigned int order)
{
	unsigned long long points = 1ULL << (2 * order);
	unsigned long long step = order <= 10 ? 1 : 4099;
	unsigned long wrong = 0;

	for (unsigned long long i = 0; i < points; i += step) {
		unsigned int point = hilbert_point((unsigned int)i, order);

		wrong += x_of(point) >> order || y_of(point) >> order ||
			 hilbert_index(x_of(point), y_of(point), order) != i;
	}
	wrong += hilbert_index(0, 0, order) != 0;
	wrong += hilbert_index((1U << order) - 1, 0, order) != points - 1;
	tap_check(!wrong, "order %u: index -> point -> index, from corner to corner", order);
}

static void test_walk(void)
{
	unsigned int before = hilbert_point(0, ORDER);
	unsigned int jumps = 0, near = 0, near_16 = 0;

	for (unsigned int i = 1; i < POINTS; i++) {
		unsigned int point = hilbert_point(i, ORDER);

		jumps += distance(before, point) != 1;
		near += distance(before, point) <= 3;
		if (i % 16 == 0 && i + 16 < POINTS)
			near_16 += distance(point, hilbert_point(i + 16, ORDER)) <= 8;
		before = point;
	}
	tap_check(!jumps, "order %u: each of %u steps goes to a neighbour", ORDER, POINTS - 1);
	tap_check(near > 0.95 * (POINTS - 1), "over 95%% of successive indices within distance 3");
	tap_check(near_16 > 0.95 * (POINTS / 16 - 2), "over 95%% of indices 16 apart within 8");
}

/* An aligned run of 4^k indices is one aligned square of side 2^k. */
static void test_squares(void)
{
	unsigned int wrong = 0;

	for (unsigned int k = 1; k <= 6; k++) {
		for (unsigned int i = 0; i < 1U << 16; i++) {
			unsigned int first = hilbert_point(i >> (2 * k) << (2 * k), 8);
			unsigned int point = hilbert_point(i, 8);

			wrong += x_of(first) >> k != x_of(point) >> k ||
				 y_of(first) >> k != y_of(point) >> k;
		}
	}
	tap_check(!wrong, "aligned runs fill aligned squares");
}

static GLuint make_framebuffer(void)
{
	GLuint texture, framebuffer;

	glGenTextures(1, &texture);
	glBindTexture(GL_TEXTURE_2D, texture);
	glTexStorage2D(GL_TEXTURE_2D, 1, GL_R32UI, SIDE, STRIP);
	glGenFramebuffers(1, &framebuffer);
	glBindFramebuffer(GL_FRAMEBUFFER, framebuffer);
	glFramebufferTexture2D(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, texture, 0);
	return framebuffer;
}

/* A fragment shader that ends in @body, in a file of its own. */
static GLuint make_program(const char *dir, const char *body)
{
	static const char *const files[] = { "hilbert.glsl", "twin.frag", NULL };
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "%s/twin.frag", dir);
	file = fopen(path, "w");
	fprintf(file, "uniform uint top;\nout uint value;\nvoid main()\n{\n"
		"\tuint x = uint(gl_FragCoord.x);\n\tuint y = uint(gl_FragCoord.y) + top;\n"
		"\tvalue = %s;\n}\n", body);
	fclose(file);
	return program_create(dir, "full.vert", renderer_shader_head, files);
}

static unsigned int compare_twins(GLuint program, bool inverse, uint32_t *rgba)
{
	unsigned int wrong = 0;

	glUseProgram(program);
	glViewport(0, 0, SIDE, STRIP);
	for (unsigned int top = 0; top < SIDE; top += STRIP) {
		glUniform1ui(glGetUniformLocation(program, "top"), top);
		glDrawArrays(GL_TRIANGLES, 0, 3);
		glReadPixels(0, 0, SIDE, STRIP, GL_RGBA_INTEGER, GL_UNSIGNED_INT, rgba);
		for (unsigned int i = 0; i < SIDE * STRIP; i++) {
			unsigned int x = i % SIDE, y = top + i / SIDE;

			wrong += rgba[i * 4] != (inverse ? hilbert_point(y * SIDE + x, ORDER) :
							   hilbert_index(x, y, ORDER));
		}
	}
	return wrong;
}

/* Of all threads together: what else runs on this machine does not count. */
static double cpu_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return now.tv_sec + now.tv_nsec * 1e-9;
}

static void test_speed(void)
{
	double began = cpu_seconds(), speed;
	unsigned int all = 0;

	for (unsigned int i = 0; i < POINTS; i++)
		all ^= hilbert_point(i, ORDER);
	speed = POINTS / (cpu_seconds() - began);
	/* Each bit of a coordinate is set in half of the points. */
	tap_check(!all && speed > 1e6, "over 1 million transformations a second in C (%.1f million)",
		  speed / 1e6);
}

static void test_shader_speed(GLuint program)
{
	double began, speed;

	glUseProgram(program);
	glViewport(0, 0, SIDE, STRIP);
	glFinish();
	began = cpu_seconds();
	for (unsigned int top = 0; top < SIDE; top += STRIP) {
		glUniform1ui(glGetUniformLocation(program, "top"), top);
		glDrawArrays(GL_TRIANGLES, 0, 3);
		glFinish();
	}
	speed = POINTS / (cpu_seconds() - began);
	tap_check(glGetError() == GL_NO_ERROR && speed > 1e7,
		  "over 10 million a second by the shader (%.0f million)", speed / 1e6);
}

static void test_twins(const char *dir)
{
	uint32_t *rgba = malloc((size_t)SIDE * STRIP * 16);
	GLuint index, point;
	struct egl egl;

	if (!rgba || egl_open(-1, &egl)) {
		tap_check(false, "a display to draw with");
		free(rgba);
		return;
	}
	scene_keep_driver();
	make_framebuffer();
	index = make_program(dir, "hilbert_index(x, y, 12u)");
	point = make_program(dir, "hilbert_point(y * 4096u + x, 12u)");
	tap_check(index && point, "the curve compiles as GLSL");
	tap_check(index && !compare_twins(index, false, rgba),
		  "GLSL and C give the same index at %u points", POINTS);
	tap_check(point && !compare_twins(point, true, rgba),
		  "GLSL and C give the same point at %u indices", POINTS);
	test_shader_speed(point);
	egl_close(&egl);
	free(rgba);
}

int main(void)
{
	char dir[] = "/tmp/glassview-hilbert-XXXXXX";
	char command[256];

	for (unsigned int order = 1; order <= HILBERT_ORDER_MAX; order++)
		test_roundtrip(order);
	test_walk();
	test_squares();
	test_speed();
	if (!mkdtemp(dir))
		return 1;
	snprintf(command, sizeof(command), "cp shaders/hilbert.glsl shaders/full.vert %s", dir);
	if (!system(command))
		test_twins(dir);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	return system(command) || tap_end();
}
