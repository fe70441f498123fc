/* SPDX-License-Identifier: GPL-2.0 */
/*
 * GL programs from the files of the shader directory.
 */
#ifndef GLASSVIEW_RENDERER_PROGRAM_H
#define GLASSVIEW_RENDERER_PROGRAM_H

#include <stdint.h>

/* First lines of a shader that reads no column; see mapper_shader_head(). */
extern const char renderer_shader_head[];

#define PROGRAM_FILES_MAX 6

/**
 * program_create() - compile and link
 * @dir: the shader directory
 * @vertex: file name
 * @fragment_head: first lines of the fragment shader, #version included
 * @fragments: file names, NULL-terminated, joined in this order
 * Return: a GL program, or 0 with a one-line message printed.
 */
uint32_t program_create(const char *dir, const char *vertex, const char *fragment_head,
			const char *const *fragments);

/**
 * program_uniform() - location of a uniform; -1, which GL ignores, if unused
 */
int program_uniform(uint32_t program, const char *name);

#endif
