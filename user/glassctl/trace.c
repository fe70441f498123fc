// SPDX-License-Identifier: GPL-2.0
/*
 * glassctl trace: run a command and record which pages it writes in each epoch,
 * from a session where there is the module, else by the preload library.
 *
 * Weak: a session records the one program that was started, until it calls
 * exec(); the pages of an epoch beyond what fits into the work area are left out,
 * and a line says so.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <glassram/trace.h>

#include "trace.h"
#include "watch.h"

#define PAGE_SHIFT 12

static __attribute__((noreturn)) void become(char **command, bool stopped, char *const *settings,
					     const char *pid_variable, int report)
{
	char pid[16];
	int err;

	/* what is ignored would stay so */
	signal(SIGINT, SIG_DFL);
	signal(SIGQUIT, SIG_DFL);
	for (; settings && *settings; settings++)
		putenv(*settings);
	snprintf(pid, sizeof(pid), "%d", getpid());
	if (pid_variable)
		setenv(pid_variable, pid, 1);
	if (!stopped || !ptrace(PTRACE_TRACEME, 0, NULL, NULL))
		execvp(command[0], command);
	err = errno;
	if (write(report, &err, sizeof(err)) != sizeof(err))
		_exit(126);
	_exit(127);
}

pid_t trace_start(const struct glassctl_options *options, bool stopped, char *const *settings,
		  const char *pid_variable)
{
	char **command = options->files;
	int report[2], err = 0, status;
	pid_t pid;

	if (pipe2(report, O_CLOEXEC))
		return -1;
	pid = fork();
	if (!pid)
		become(command, stopped, settings, pid_variable, report[1]);
	close(report[1]);
	if (pid > 0 && stopped && waitpid(pid, &status, 0) != pid)
		status = 0;
	/* the pipe closes at exec; it holds something only if exec failed */
	if (pid > 0 && read(report[0], &err, sizeof(err)) != sizeof(err))
		err = 0;
	close(report[0]);
	if (pid < 0 || err) {
		fprintf(stderr, "glassctl: cannot start \"%s\" (%s): check its name and its mode\n",
			command[0], strerror(err ? err : errno));
		if (pid > 0 && !stopped)
			waitpid(pid, &status, 0);
		return -1;
	}
	if (stopped)
		ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_EXITKILL);
	return pid;
}

void trace_say_status(const struct glassctl_options *options, int status)
{
	if (WIFSIGNALED(status))
		fprintf(stderr, "glassctl: %s was ended by signal %d\n", options->files[0],
			WTERMSIG(status));
	else if (WEXITSTATUS(status))
		fprintf(stderr, "glassctl: %s ended with status %d\n", options->files[0],
			WEXITSTATUS(status));
}

static int by_number(const void *a, const void *b)
{
	const struct glassram_trace_range *x = a, *y = b;

	return (x->page > y->page) - (x->page < y->page);
}

/* Different pages that a trace names. It may be sorted: nobody needs it any more. */
static uint64_t different_pages(struct glassram_trace *trace)
{
	uint64_t pages = 0, beyond = 0;

	if (trace->nr_ranges)
		qsort(trace->ranges, trace->nr_ranges, sizeof(*trace->ranges), by_number);
	for (size_t i = 0; i < trace->nr_ranges; i++) {
		const struct glassram_trace_range *range = &trace->ranges[i];
		uint64_t end = range->page + range->count;

		if (end <= beyond)
			continue;
		pages += end - (range->page > beyond ? range->page : beyond);
		beyond = end;
	}
	return pages;
}

bool trace_summary(const char *file, json_t *array)
{
	struct glassram_trace trace;
	uint64_t writes = 0, pages;
	double seconds = 0;

	if (glassram_trace_load(file, &trace)) {
		watch_failed();
		return false;
	}
	for (size_t i = 0; i < trace.nr_ranges; i++)
		writes += trace.ranges[i].count;
	if (trace.nr_epochs)
		seconds = (trace.epochs[trace.nr_epochs - 1].end_ns - trace.epochs[0].end_ns) / 1e9;
	pages = different_pages(&trace);
	if (array)
		json_array_append_new(array, json_pack("{s:s, s:I, s:f, s:I, s:I}",
						       "file", file,
						       "epochs", (json_int_t)trace.nr_epochs,
						       "seconds", seconds,
						       "pages", (json_int_t)pages,
						       "writes", (json_int_t)writes));
	else
		fprintf(stderr, "glassctl: %s: %zu epochs in %.1f s, %" PRIu64 " pages, %" PRIu64
			" writes of pages\n", file, trace.nr_epochs, seconds, pages, writes);
	glassram_trace_finish(&trace);
	return true;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

/* The ranges of a tick, in pages, in order of addresses and joined where they touch. */
static enum glassram_error put_tick(struct glassram_trace_writer *writer,
				    const struct glassram_tick *tick)
{
	struct glassram_trace_range *ranges = calloc(tick->nr_ranges + 1, sizeof(*ranges));
	enum glassram_error error;
	size_t nr = 0, kept = 0;

	if (!ranges)
		return GLASSRAM_ERR_NO_MEMORY;
	for (size_t i = 0; i < tick->nr_ranges; i++)
		if (!tick->ranges[i].target)
			ranges[nr++] = (struct glassram_trace_range){
				.page = tick->ranges[i].start >> PAGE_SHIFT,
				.count = (tick->ranges[i].end - tick->ranges[i].start) >> PAGE_SHIFT,
			};
	qsort(ranges, nr, sizeof(*ranges), by_number);
	for (size_t i = 0; i < nr; i++) {
		if (kept && ranges[kept - 1].page + ranges[kept - 1].count == ranges[i].page)
			ranges[kept - 1].count += ranges[i].count;
		else
			ranges[kept++] = ranges[i];
	}
	error = glassram_trace_put(writer, now_ns(), ranges, kept);
	free(ranges);
	return error;
}

static enum glassram_error record(const struct glassctl_options *options,
				  struct glassram_session *session,
				  struct glassram_trace_writer *writer, pid_t pid)
{
	double end = watch_clock() + options->seconds;
	struct glassram_tick tick;
	enum glassram_error error = glassram_advance(session, 0, &tick);
	bool truncated = false;

	if (!error)
		error = put_tick(writer, &tick);
	ptrace(PTRACE_DETACH, pid, NULL, NULL);
	while (!error && !watch_stopped() && !(options->bounded && watch_clock() >= end)) {
		error = glassram_advance(session, GLASSRAM_ADVANCE_PACED, &tick);
		if (error == GLASSRAM_ERR_INTERRUPTED) {
			error = GLASSRAM_OK;
			continue;
		}
		if (error)
			break;
		truncated |= tick.result & GLASSRAM_ADVANCED_TRUNCATED;
		error = put_tick(writer, &tick);
	}
	if (truncated)
		fprintf(stderr, "glassctl: some epochs had more ranges than fit: pages are missing in the trace\n");
	return error == GLASSRAM_ERR_ENDED ? GLASSRAM_OK : error;
}

static int by_session(const struct glassctl_options *options, const char *file)
{
	struct glassctl_options own = *options;
	struct glassram_trace_writer *writer;
	struct glassram_session *session;
	enum glassram_error error;
	bool joined;
	int status;

	own.rate_hz = options->rate_hz ? options->rate_hz : TRACE_RATE_DEFAULT;
	own.pid = trace_start(options, true, NULL, NULL);
	if (own.pid < 0)
		return GLASSCTL_FAILED;
	session = watch_begin(&own, &joined);
	if (!session)
		goto kill_command;
	error = glassram_trace_create(file, &writer);
	if (error) {
		watch_failed();
		watch_end(session);
		goto kill_command;
	}
	error = record(&own, session, writer, own.pid);
	if (error)
		watch_failed();
	watch_end(session);
	if (glassram_trace_close(writer) && !error)
		error = watch_failed();
	/* what was to be recorded is; the command may go on */
	if (watch_stopped())
		kill(own.pid, SIGTERM);
	waitpid(own.pid, &status, 0);
	trace_say_status(options, status);
	return error ? GLASSCTL_FAILED : GLASSCTL_DONE;
kill_command:
	kill(own.pid, SIGKILL);
	waitpid(own.pid, &status, 0);
	return GLASSCTL_FAILED;
}

static bool has_session(void)
{
	struct glassram_query query;

	if (!glassram_query(&query))
		return true;
	fprintf(stderr, "glassctl: recording by the preload library: %s\n",
		glassram_error_message());
	return false;
}

int glassctl_trace(const struct glassctl_options *options)
{
	json_t *array = options->json ? json_array() : NULL;
	char own[PATH_MAX];
	const char *file = options->output, *name;
	int status;

	if (!options->nr_files) {
		fputs("glassctl: trace needs a command: `glassctl trace -- CMD ARGUMENT...`\n",
		      stderr);
		return GLASSCTL_USAGE;
	}
	if (!file) {
		name = strrchr(options->files[0], '/');
		snprintf(own, sizeof(own), "%s.trace.xz", name ? name + 1 : options->files[0]);
		file = own;
	}
	if (options->preload || !has_session()) {
		status = trace_by_preload(options, file, array);
	} else {
		status = by_session(options, file);
		if (status == GLASSCTL_DONE && !trace_summary(file, array))
			status = GLASSCTL_FAILED;
	}
	if (array) {
		json_dumpf(array, stdout, JSON_INDENT(2));
		putchar('\n');
		json_decref(array);
	}
	return status;
}
