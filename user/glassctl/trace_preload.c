// SPDX-License-Identifier: GPL-2.0
/*
 * Recording by the preload library: the command records itself into a plain file
 * beside the trace, which is then written anew, compressed if its name says so.
 *
 * Weak: programs that are linked statically or are set-user-ID do not load it;
 * and what executes another program leaves one trace for each.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glassram/trace.h>

#include "trace.h"
#include "watch.h"

#define LIBRARY "libglassram-preload.so"

/* Beside this program, where it was built; or where it was installed. */
static bool find_library(char *ret_path)
{
	static const char *const places[] = { "/" LIBRARY, "/../" LIBRARY, "/../../" LIBRARY,
					      "/../lib/" LIBRARY };
	char self[PATH_MAX - 64];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (length > 0) {
		self[length] = '\0';
		*strrchr(self, '/') = '\0';
		for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
			char path[PATH_MAX];

			snprintf(path, sizeof(path), "%s%s", self, places[i]);
			if (realpath(path, ret_path))
				return true;
		}
	}
	fprintf(stderr, "glassctl: no " LIBRARY " beside glassctl or in ../lib: say `make install`, or `make user` in the source tree\n");
	return false;
}

/* From the recorder's plain file to the trace that was asked for. */
static bool rewrite(const char *from, const char *to)
{
	struct glassram_trace_writer *writer;
	struct glassram_trace trace;
	enum glassram_error error;

	if (glassram_trace_load(from, &trace))
		goto failed;
	error = glassram_trace_create(to, &writer);
	for (size_t i = 0; !error && i < trace.nr_epochs; i++) {
		const struct glassram_trace_epoch *epoch = &trace.epochs[i];

		error = glassram_trace_put(writer, epoch->end_ns, trace.ranges + epoch->first,
					   epoch->nr);
		if (error)
			glassram_trace_close(writer);
	}
	if (!error)
		error = glassram_trace_close(writer);
	glassram_trace_finish(&trace);
	if (!error)
		return true;
failed:
	watch_failed();
	return false;
}

/* "x.trace.xz" and ".4711" make "x.4711.trace.xz". */
static void name_other(const char *file, const char *suffix, char *ret_name)
{
	const char *base = strrchr(file, '/');
	const char *end = strstr(base ? base : file, ".trace");

	if (!end)
		end = file + strlen(file);
	snprintf(ret_name, PATH_MAX, "%.*s%s%s", (int)(end - file), file, suffix, end);
}

/* All plain files of a recording, the first program's first. Return: how many, -1: trouble. */
static int rewrite_all(const char *plain, const char *file, json_t *array)
{
	char directory[PATH_MAX], name[PATH_MAX], path[PATH_MAX];
	const char *base = strrchr(plain, '/') + 1;
	struct dirent **entries;
	bool well = true;
	int nr, found = 0;

	snprintf(directory, sizeof(directory), "%.*s", (int)(base - plain), plain);
	nr = scandir(directory, &entries, NULL, versionsort);
	for (int i = 0; i < nr; i++) {
		const char *suffix = entries[i]->d_name + strlen(base);

		if (!strncmp(entries[i]->d_name, base, strlen(base))) {
			name_other(file, suffix, name);
			if (snprintf(path, sizeof(path), "%s%s", directory, entries[i]->d_name) <
			    (int)sizeof(path)) {
				well &= rewrite(path, name) && trace_summary(name, array);
				unlink(path);
				found++;
			}
		}
		free(entries[i]);
	}
	if (nr >= 0)
		free(entries);
	return well ? found : -1;
}

/* The recorders outlive their programs for a moment; as orphans they become ours. */
static int wait_for_all(pid_t command)
{
	int status, result = 0;
	pid_t pid;

	while ((pid = wait(&status)) > 0 || errno == EINTR)
		if (pid == command)
			result = status;
	return result;
}

int trace_by_preload(const struct glassctl_options *options, const char *file, json_t *array)
{
	unsigned int rate = options->rate_hz ? options->rate_hz : TRACE_RATE_DEFAULT;
	char library[PATH_MAX], full[PATH_MAX], plain[PATH_MAX];
	char preload[2 * PATH_MAX], trace[PATH_MAX + 32], rate_setting[64];
	char *settings[] = { preload, trace, rate_setting, NULL };
	const char *before = getenv("LD_PRELOAD");
	int found, status;
	pid_t pid;

	if (options->bounded) {
		fputs("glassctl: --seconds needs the module: the preload library records until the command ends\n",
		      stderr);
		return GLASSCTL_USAGE;
	}
	if (!find_library(library))
		return GLASSCTL_FAILED;
	/* the command may change its directory: a full path; and nothing old may be there */
	if (*file == '/')
		snprintf(full, sizeof(full), "%s", file);
	else if (!getcwd(plain, sizeof(plain)) ||
		 snprintf(full, sizeof(full), "%s/%s", plain, file) >= (int)sizeof(full))
		return GLASSCTL_FAILED;
	if (snprintf(plain, sizeof(plain), "%s.%d.plain", full, getpid()) >= (int)sizeof(plain))
		return GLASSCTL_FAILED;
	snprintf(preload, sizeof(preload), "LD_PRELOAD=%s%s%s", library, before ? ":" : "",
		 before ? before : "");
	snprintf(trace, sizeof(trace), "GLASSRAM_TRACE=%s", plain);
	snprintf(rate_setting, sizeof(rate_setting), "GLASSRAM_TRACE_HZ=%u", rate);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	/* these are for the command; what it leaves is to be written in any case */
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	pid = trace_start(options, false, settings, options->follow ? NULL : "GLASSRAM_TRACE_PID");
	if (pid < 0)
		return GLASSCTL_FAILED;
	status = wait_for_all(pid);
	trace_say_status(options, status);
	found = rewrite_all(plain, file, array);
	if (!found)
		fprintf(stderr, "glassctl: %s left no trace: it is linked statically, or set-user-ID, or a reason stands above\n",
			options->files[0]);
	return found > 0 ? GLASSCTL_DONE : GLASSCTL_FAILED;
}
