// SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0
/*
 * libglassram-preload.so: with LD_PRELOAD, a program records which pages it
 * writes, where glassram.ko cannot be loaded. Before main() a recorder process
 * is split off that holds the userfaultfd; the program keeps no descriptor, no
 * thread, no child to wait for and no memory of ours.
 *
 *   GLASSRAM_TRACE=FILE     the trace; FILE.PID, FILE.PID.2, ... where it exists
 *   GLASSRAM_TRACE_HZ=N     epochs a second, 1 to 1000 (60)
 *   GLASSRAM_TRACE_PID=PID  record only this process, not those that it starts
 *   GLASSRAM_TRACE_BUDGET=P arm only what costs the program P % of its CPU time,
 *                           0.1 to 100; the trace then holds what was seen
 *   GLASSRAM_TRACE_FIGURES=FILE  what it cost, one line of JSON for each program
 *
 * A forked child is not recorded; what it executes then is.
 *
 * Weak: programs that are statically linked, set-user-ID, or begin with threads
 * of other preloaded libraries are not recorded or not from their beginning; the
 * program cannot use a userfaultfd of its own for write-protection on its memory.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "record.h"

#define RATE_DEFAULT 60
#define RATE_MAX 1000
/* How often one process may execute another program with the same FILE. */
#define EXECS_MAX 1000

#define BUDGET_MIN 0.1
#define BUDGET_MAX 100.0

static struct recorder recorder = { .rate_hz = RATE_DEFAULT };

/* A number in the environment. Return: false, with a line that says why, if it is none. */
static bool number(const char *name, double min, double max, double *ret_value)
{
	const char *text = getenv(name);
	double value;
	char *end;

	if (!text)
		return true;
	value = strtod(text, &end);
	if (end == text || *end || !(value >= min && value <= max)) {
		fprintf(stderr, "glassram: not recording: %s takes %g to %g, not \"%s\"\n", name,
			min, max, text);
		return false;
	}
	*ret_value = value;
	return true;
}

/* Is recording wanted of this process? Return: FILE or NULL. */
static const char *wanted(void)
{
	const char *file = getenv("GLASSRAM_TRACE");
	const char *pid = getenv("GLASSRAM_TRACE_PID");
	double rate = RATE_DEFAULT, budget = 0;

	if (!file || !*file || (pid && atol(pid) != getpid()))
		return NULL;
	if (!number("GLASSRAM_TRACE_HZ", 1, RATE_MAX, &rate) ||
	    !number("GLASSRAM_TRACE_BUDGET", BUDGET_MIN, BUDGET_MAX, &budget))
		return NULL;
	recorder.rate_hz = rate;
	recorder.share = budget / 100 * GLASSRAM_SAMPLER_ONE;
	return file;
}

/* Create FILE, or FILE.PID where another program has it. Return: a descriptor or -1. */
static int create(const char *file, char *ret_path, size_t size)
{
	snprintf(ret_path, size, "%s", file);
	for (int i = 1; i < EXECS_MAX; i++) {
		int fd = open(ret_path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0666);

		if (fd >= 0 || errno != EEXIST)
			return fd;
		if (i == 1)
			snprintf(ret_path, size, "%s.%d", file, getpid());
		else
			snprintf(ret_path, size, "%s.%d.%d", file, getpid(), i);
	}
	return -1;
}

/*
 * A child that wait() does not see, and whose end sends no signal: the program
 * must not find a child that it did not start.
 */
static pid_t split(void)
{
	return (pid_t)syscall(SYS_clone, 0, 0, 0, 0, 0);
}

/* Keep only the descriptors that the recorder needs; the three first are nobody's. */
static void let_go(struct selfwatch *watch, int *file, int *ready)
{
	int *keep[] = { &watch->uffd, &watch->pagemap, &watch->maps, file, ready };
	unsigned int from = 3;
	int null;

	for (size_t i = 0; i < sizeof(keep) / sizeof(keep[0]); i++)
		if (*keep[i] <= 2)
			*keep[i] = fcntl(*keep[i], F_DUPFD_CLOEXEC, 3);
	null = open("/dev/null", O_RDWR);
	for (int fd = 0; fd <= 2 && null >= 0; fd++)
		dup2(null, fd);
	for (;;) {
		unsigned int next = UINT_MAX;

		/* the smallest kept one from here on */
		for (size_t i = 0; i < sizeof(keep) / sizeof(keep[0]); i++)
			if (*keep[i] >= (int)from && (unsigned int)*keep[i] < next)
				next = *keep[i];
		if (next > from)
			syscall(SYS_close_range, from, next == UINT_MAX ? next : next - 1, 0);
		if (next == UINT_MAX)
			return;
		from = next + 1;
	}
}

/* Any CPU will do, whatever the program is bound to: it must not wait for us. */
static void run_anywhere(void)
{
	cpu_set_t all;

	memset(&all, 0xff, sizeof(all));
	sched_setaffinity(0, sizeof(all), &all);
}

static __attribute__((noreturn)) void record(struct selfwatch *watch, int file, int ready)
{
	const char *figures = getenv("GLASSRAM_TRACE_FIGURES");
	int error;

	setsid(); /* Ctrl-C is for the program */
	prctl(PR_SET_NAME, "glassram-trace");
	run_anywhere();
	let_go(watch, &file, &ready);
	recorder.watch = watch;
	recorder.file = file;
	error = recorder_begin(&recorder);
	if (write(ready, &error, sizeof(error)) != sizeof(error) || error)
		_exit(1);
	close(ready);
	error = recorder_run(&recorder);
	if (figures) {
		file = open(figures, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
		recorder_figures(&recorder, file);
	}
	_exit(error != 0);
}

static __attribute__((constructor)) void start(void)
{
	const char *file = wanted(), *what = NULL;
	char path[PATH_MAX];
	struct selfwatch watch;
	int fd, ready[2], error, status;
	pid_t child;

	if (!file)
		return;
	error = selfwatch_open(&watch, &what);
	if (error) {
		fprintf(stderr, "glassram: not recording: this kernel gives no %s (%s)\n", what,
			strerror(-error));
		return;
	}
	fd = create(file, path, sizeof(path));
	if (fd < 0) {
		fprintf(stderr, "glassram: not recording: cannot create %s (%s)\n", path,
			strerror(errno));
		goto close_watch;
	}
	if (pipe2(ready, O_CLOEXEC))
		goto close_file;
	recorder.pid = getpid();
	child = split();
	if (!child) {
		/* a grandchild: nobody's child once its parent is gone */
		if (!split())
			record(&watch, fd, ready[1]);
		_exit(0);
	}
	close(ready[1]);
	if (child > 0)
		while (waitpid(child, &status, __WCLONE) < 0 && errno == EINTR)
			;
	if (child < 0 || read(ready[0], &error, sizeof(error)) != sizeof(error))
		error = -EAGAIN;
	if (error) {
		fprintf(stderr, "glassram: not recording: no recorder could be started (%s)\n",
			strerror(-error));
		unlink(path);
	}
	close(ready[0]);
close_file:
	close(fd);
close_watch:
	selfwatch_close(&watch);
}
