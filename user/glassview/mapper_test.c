// SPDX-License-Identifier: GPL-2.0
/*
 * The proof that a rung gives the right pixels: texels are sampled through GL
 * and compared with the CPU's mapping of the same buffer, first in a forked
 * child, which a bad driver may crash, later in the process itself at each new
 * generation.
 *
 * Weak: counters that are all zero look right through any stride; and a driver
 * that takes a copy of the buffer at import is only noticed if the counters
 * change between import and sampling.
 */
#define _GNU_SOURCE
#include "mapper_internal.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "egl.h"

/* Samples of one column: enough to meet every kind of slot, one small readback. */
#define SAMPLES 64
/* An emulated machine needs seconds to compile one shader. */
#define CHILD_TIMEOUT_S 60

static const char vertex_text[] =
	"#version 300 es\n"
	"void main()\n{\n"
	"\tvec2 p = vec2(float((gl_VertexID << 1) & 2), float(gl_VertexID & 2));\n"
	"\tgl_Position = vec4(p * 2.0 - 1.0, 0.0, 1.0);\n}\n";

static const char fragment_text[] =
	"uniform COLUMN column;\n"
	"uniform highp usampler2D places;\n"
	"out uint value;\n"
	"void main()\n{\n"
	"\tuint slot = texelFetch(places, ivec2(int(gl_FragCoord.x), 0), 0).r;\n"
	"\tvalue = column_fetch(column, slot);\n}\n";

static GLuint compile(GLenum kind, const char *head, const char *text)
{
	const char *const parts[] = { head, text };
	GLuint shader = glCreateShader(kind);

	glShaderSource(shader, 2, parts, NULL);
	glCompileShader(shader);
	return shader;
}

static GLuint link_sampler(const struct mapper_textures *textures)
{
	GLuint program = glCreateProgram();
	GLuint vertex = compile(GL_VERTEX_SHADER, "", vertex_text);
	GLuint fragment = compile(GL_FRAGMENT_SHADER, mapper_shader_head(textures), fragment_text);
	GLint linked = 0;

	glAttachShader(program, vertex);
	glAttachShader(program, fragment);
	glLinkProgram(program);
	glDeleteShader(vertex);
	glDeleteShader(fragment);
	glGetProgramiv(program, GL_LINK_STATUS, &linked);
	if (!linked) {
		glDeleteProgram(program);
		return 0;
	}
	return program;
}

/* A 64 x 1 texture of integers: places to sample, or what was sampled. */
static GLuint small_texture(const uint32_t *values)
{
	GLuint texture;

	glGenTextures(1, &texture);
	glBindTexture(GL_TEXTURE_2D, texture);
	glTexStorage2D(GL_TEXTURE_2D, 1, GL_R32UI, SAMPLES, 1);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, GL_NEAREST);
	if (values)
		glTexSubImage2D(GL_TEXTURE_2D, 0, 0, 0, SAMPLES, 1, GL_RED_INTEGER,
				GL_UNSIGNED_INT, values);
	return texture;
}

/*
 * Half of the places are spread evenly, corners included; the other half are
 * slots that hold something, and their neighbours, where there are any.
 */
static void choose_places(const struct mapper_column *c, uint32_t slots,
			  uint32_t ret_places[static SAMPLES])
{
	uint32_t found = SAMPLES / 2;
	uint32_t step = slots / 4096 | 1;

	for (uint32_t i = 0; i < SAMPLES / 2; i++)
		ret_places[i] = (uint32_t)((uint64_t)i * (slots - 1) / (SAMPLES / 2 - 1));
	for (uint32_t slot = 0; slot < slots && found < SAMPLES; slot += step)
		if (c->map[slot])
			ret_places[found++] = slot;
	for (uint32_t i = found; i < SAMPLES; i++)
		ret_places[i] = (uint32_t)((uint64_t)i * 2654435761U % slots);
}

static int sample_column(const struct mapper_textures *textures, GLuint program,
			 const struct mapper_column *c, GLuint places_texture,
			 uint32_t ret_values[static SAMPLES])
{
	uint32_t rgba[SAMPLES * 4];

	glActiveTexture(GL_TEXTURE0);
	glBindTexture(textures->target, c->texture);
	glActiveTexture(GL_TEXTURE1);
	glBindTexture(GL_TEXTURE_2D, places_texture);
	glUseProgram(program);
	glUniform1i(glGetUniformLocation(program, "column"), 0);
	glUniform1i(glGetUniformLocation(program, "places"), 1);
	glViewport(0, 0, SAMPLES, 1);
	glDrawArrays(GL_TRIANGLES, 0, 3);
	glReadPixels(0, 0, SAMPLES, 1, GL_RGBA_INTEGER, GL_UNSIGNED_INT, rgba);
	glBindTexture(GL_TEXTURE_2D, 0);
	glActiveTexture(GL_TEXTURE0);
	glBindTexture(textures->target, 0);
	if (glGetError())
		return -1;
	for (int i = 0; i < SAMPLES; i++)
		ret_values[i] = rgba[i * 4];
	return 0;
}

static int verify_column(struct mapper *mapper, GLuint program, const struct mapper_column *c,
			 char *ret_cause)
{
	uint32_t slots = c->column->rows * c->column->width;
	uint32_t places[SAMPLES], before[SAMPLES], values[SAMPLES];
	GLuint places_texture;
	int err = -1;

	if (slots > mapper->columns->slots && mapper->columns->slots)
		slots = mapper->columns->slots;
	choose_places(c, slots, places);
	places_texture = small_texture(places);
	for (int i = 0; i < SAMPLES; i++)
		before[i] = c->map[places[i]];
	mapper_begin_frame(mapper);
	if (sample_column(&mapper->textures, program, c, places_texture, values)) {
		snprintf(ret_cause, MAPPER_CAUSE_LEN, "sampling column %u failed", c->column->id);
		goto out;
	}
	for (int i = 0; i < SAMPLES; i++) {
		uint32_t after = c->map[places[i]];

		/* HITS and STAMP grow: whatever lies between was once there. */
		if (values[i] - before[i] <= after - before[i] || values[i] == after)
			continue;
		if (c->column->id == GLASSRAM_COLUMN_OWNER && before[i] != after)
			continue;
		snprintf(ret_cause, MAPPER_CAUSE_LEN,
			 "wrong pixels: slot %u of column %u reads %u, holds %u", places[i],
			 c->column->id, values[i], after);
		goto out;
	}
	err = 0;
out:
	mapper_end_frame(mapper);
	glDeleteTextures(1, &places_texture);
	return err;
}

int mapper_verify(struct mapper *mapper, char ret_cause[static MAPPER_CAUSE_LEN])
{
	GLuint program = link_sampler(&mapper->textures);
	GLuint framebuffer, target;
	int err = 0;

	if (!program) {
		snprintf(ret_cause, MAPPER_CAUSE_LEN, "the driver does not compile the sampling");
		return -1;
	}
	glGenFramebuffers(1, &framebuffer);
	glBindFramebuffer(GL_FRAMEBUFFER, framebuffer);
	target = small_texture(NULL);
	glFramebufferTexture2D(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, target, 0);
	for (int i = 0; i < NR_COLUMNS && !err; i++)
		err = verify_column(mapper, program, &mapper->column[i], ret_cause);
	glBindFramebuffer(GL_FRAMEBUFFER, 0);
	glDeleteFramebuffers(1, &framebuffer);
	glDeleteTextures(1, &target);
	glDeleteProgram(program);
	return err;
}

/* Shared with the child: how far it came, and what it found. */
struct trial {
	struct mapper_verdict verdict;
	enum mapper_rung trying;
};

static void try_rung(struct egl *egl, const struct glassram_columns *columns,
		     enum mapper_rung rung, char *ret_cause)
{
	struct mapper mapper = { .display = egl->display, .textures.rung = rung,
				 .synced = true, .fences = true };
	char cause[MAPPER_CAUSE_LEN] = "";

	if (!mapper_load(&mapper, cause) && !mapper_attach(&mapper, columns, cause)) {
		mapper_verify(&mapper, cause);
		mapper_detach(&mapper);
	}
	snprintf(ret_cause, MAPPER_CAUSE_LEN, "%s", cause);
}

static bool stops_at(enum mapper_rung wanted, const char *cause)
{
	return wanted != MAPPER_RUNGS && (wanted != MAPPER_AUTO || !*cause);
}

/* The child: tries rungs from @first on; never returns. */
static void try_in_child(int drm_fd, const struct glassram_columns *columns,
			 enum mapper_rung first, enum mapper_rung wanted, struct trial *trial)
{
	struct egl egl;

	/* A crash here is a finding, not an accident: no core, no handler. */
	signal(SIGSEGV, SIG_DFL);
	signal(SIGBUS, SIG_DFL);
	signal(SIGABRT, SIG_DFL);
	alarm(CHILD_TIMEOUT_S);
	if (egl_open(drm_fd, &egl))
		_exit(1);
	for (enum mapper_rung rung = first; rung < MAPPER_RUNGS; rung++) {
		trial->trying = rung;
		try_rung(&egl, columns, rung, trial->verdict.rung[rung].cause);
		trial->verdict.rung[rung].tested = true;
		if (stops_at(wanted, trial->verdict.rung[rung].cause))
			break;
	}
	_exit(0);
}

static enum mapper_rung best_rung(const struct mapper_verdict *verdict)
{
	for (enum mapper_rung rung = MAPPER_VIEW; rung < MAPPER_RUNGS; rung++)
		if (verdict->rung[rung].tested && !*verdict->rung[rung].cause)
			return rung;
	return MAPPER_AUTO;
}

enum mapper_rung mapper_self_test(int drm_fd, const struct glassram_columns *columns,
				  enum mapper_rung wanted, struct mapper_verdict *ret_verdict)
{
	bool one = wanted > MAPPER_AUTO && wanted < MAPPER_RUNGS;
	enum mapper_rung next = one ? wanted : MAPPER_VIEW;
	struct trial *trial;

	memset(ret_verdict, 0, sizeof(*ret_verdict));
	trial = mmap(NULL, sizeof(*trial), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	if (trial == MAP_FAILED) {
		fprintf(stderr, "glassview: out of memory\n");
		return MAPPER_AUTO;
	}
	while (next < MAPPER_RUNGS) {
		int status = 0;
		pid_t child;

		trial->trying = next;
		fflush(NULL);
		child = fork();
		if (child == 0)
			try_in_child(drm_fd, columns, next, wanted, trial);
		while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
			;
		if (child > 0 && !WIFSIGNALED(status))
			break;
		next = trial->trying;
		trial->verdict.rung[next].tested = true;
		snprintf(trial->verdict.rung[next].cause, MAPPER_CAUSE_LEN,
			 child < 0 ? "no process for the self-test" :
			 WTERMSIG(status) == SIGALRM ? "the driver hung" :
			 "the driver crashed (signal %d)", WTERMSIG(status));
		if (stops_at(wanted, trial->verdict.rung[next].cause))
			break;
		next++;
	}
	*ret_verdict = trial->verdict;
	munmap(trial, sizeof(*trial));
	return best_rung(ret_verdict);
}
