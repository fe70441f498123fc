/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Loading and unloading the module from a test, and a process that does
 * nothing else: with it running, a test happens at every moment of rmmod.
 *
 * Weak spot: the module comes from the build folder, so tests must be run
 * from the top of the project (GLASSRAM_MODULE names another file).
 */
#ifndef GLASSRAM_TESTS_LOADER_H
#define GLASSRAM_TESTS_LOADER_H

#include <stdint.h>
#include <sys/types.h>

/* module_unload() - rmmod, without waiting. Return: 0 or -errno; -EWOULDBLOCK: in use. */
int module_unload(void);

/* module_unload_within() - the same, allowing @ms for what goes on after the last close */
int module_unload_within(int ms);

/* module_load() - insmod, and wait for udev if there is one. Return: 0 or -errno. */
int module_load(void);

/* What the unloader has seen so far. */
struct unloads {
	uint64_t refused; /* in use, as it should be while anything lives */
	uint64_t done; /* unloaded, and loaded again */
	uint64_t longest_ns; /* that this ever took: the device was away */
	int error; /* the first outcome that was neither: -errno */
	int stop;
};

struct unloader {
	pid_t pid;
	volatile struct unloads *seen; /* shared with the process */
};

/**
 * unloader_start() - try rmmod over and over, and insmod whenever it went
 * @ret: unloader_stop() releases it
 *
 * Return: 0 or -errno.
 */
int unloader_start(struct unloader *ret);

/**
 * unloader_stop() - stop trying; the module is loaded afterwards
 * @u: started, or all zero
 *
 * Return: what it saw.
 */
struct unloads unloader_stop(struct unloader *u);

#endif
