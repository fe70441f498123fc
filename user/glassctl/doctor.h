/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The checks of glassctl doctor: each fills one row.
 */
#ifndef GLASSCTL_DOCTOR_H
#define GLASSCTL_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>

enum verdict {
	VERDICT_OK,
	VERDICT_LIMITED, /* works, but something will not */
	VERDICT_MISSING,
};

/**
 * struct check - one requirement
 * @value: what was found
 * @verdict: set to VERDICT_OK before the check runs
 * @cure: the command that mends it, or what to change; empty if all is well
 */
struct check {
	enum verdict verdict;
	char value[192];
	char cure[320];
};

/* Set the value; printf-like. */
void check_value(struct check *check, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Set a verdict other than OK, with its cure; printf-like. */
void check_fail(struct check *check, enum verdict verdict, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Read a small file without its last newline. Return: whether it could be read. */
bool read_line(const char *path, char *buffer, size_t size);

/* Full path of a program on PATH or in an sbin folder. Return: whether it is there. */
bool find_program(const char *name, char *path, size_t size);

/* doctor_kernel.c: what this kernel can do */
void check_kernel(struct check *check);
void check_userfaultfd(struct check *check);
void check_wp_async(struct check *check);
void check_pagemap_scan(struct check *check);
void check_ftrace(struct check *check);
void check_btf(struct check *check);

/* doctor_trust.c: what it refuses unsigned */
void check_lockdown(struct check *check);
void check_signature(struct check *check);

/* doctor_access.c: the module, and what this user may do with it */
void check_module(struct check *check);
void check_device(struct check *check);
void check_policies(struct check *check);
void check_capabilities(struct check *check);
void check_ptrace_scope(struct check *check);

/* doctor_tools.c: displays, and what builds the module */
void check_drm(struct check *check);
void check_import(struct check *check);
void check_headers(struct check *check);
void check_pahole(struct check *check);
void check_dkms(struct check *check);

#endif
