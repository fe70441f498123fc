// SPDX-License-Identifier: GPL-2.0
/*
 * GL programs: read, join, compile, link, and say in one line what failed.
 *
 * Weak: of a compiler's complaint only the first line is shown.
 */
#define _GNU_SOURCE
#include "renderer_program.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <GLES3/gl3.h>

const char renderer_shader_head[] =
	"#version 300 es\n"
	"precision highp float;\nprecision highp int;\n"
	"precision highp sampler2D;\nprecision highp usampler2D;\n";

static char *read_file(const char *dir, const char *name)
{
	char *path = NULL, *text = NULL;
	size_t capacity = 0;
	FILE *file;

	if (asprintf(&path, "%s/%s", dir, name) < 0)
		return NULL;
	file = fopen(path, "re");
	if (!file || getdelim(&text, &capacity, '\0', file) < 0) {
		fprintf(stderr, "glassview: cannot read shader '%s' (%s): run 'make install', "
				"or start glassview from its build tree\n", path, strerror(errno));
		free(text);
		text = NULL;
	}
	if (file)
		fclose(file);
	free(path);
	return text;
}

static void complain(const char *what, const char *log)
{
	fprintf(stderr, "glassview: %s does not compile on this driver: %.*s\n", what,
		(int)strcspn(log, "\n"), log);
}

static GLuint compile(GLenum kind, const char *what, const char *const *parts, int nr)
{
	GLuint shader = glCreateShader(kind);
	GLint ok = 0;
	char log[512] = "";

	glShaderSource(shader, nr, parts, NULL);
	glCompileShader(shader);
	glGetShaderiv(shader, GL_COMPILE_STATUS, &ok);
	if (ok)
		return shader;
	glGetShaderInfoLog(shader, sizeof(log), NULL, log);
	complain(what, log);
	glDeleteShader(shader);
	return 0;
}

static GLuint compile_files(GLenum kind, const char *dir, const char *head,
			    const char *const *names)
{
	const char *parts[PROGRAM_FILES_MAX + 1] = { head };
	char *texts[PROGRAM_FILES_MAX] = { NULL };
	const char *last = "shader";
	GLuint shader = 0;
	int nr = 0;

	for (; names[nr] && nr < PROGRAM_FILES_MAX; nr++) {
		texts[nr] = read_file(dir, names[nr]);
		if (!texts[nr])
			goto out;
		parts[nr + 1] = texts[nr];
		last = names[nr];
	}
	shader = compile(kind, last, parts, nr + 1);
out:
	for (int i = 0; i <= nr && i < PROGRAM_FILES_MAX; i++)
		free(texts[i]);
	return shader;
}

uint32_t program_create(const char *dir, const char *vertex, const char *fragment_head,
			const char *const *fragments)
{
	const char *const vertices[] = { vertex, NULL };
	GLuint program, vs, fs;
	GLint ok = 0;
	char log[512] = "";

	vs = compile_files(GL_VERTEX_SHADER, dir, renderer_shader_head, vertices);
	if (!vs)
		return 0;
	fs = compile_files(GL_FRAGMENT_SHADER, dir, fragment_head, fragments);
	if (!fs) {
		glDeleteShader(vs);
		return 0;
	}
	program = glCreateProgram();
	glAttachShader(program, vs);
	glAttachShader(program, fs);
	glLinkProgram(program);
	glDeleteShader(vs);
	glDeleteShader(fs);
	glGetProgramiv(program, GL_LINK_STATUS, &ok);
	if (!ok) {
		glGetProgramInfoLog(program, sizeof(log), NULL, log);
		complain(vertex, log);
		glDeleteProgram(program);
		return 0;
	}
	return program;
}

int program_uniform(uint32_t program, const char *name)
{
	return glGetUniformLocation(program, name);
}
