// SPDX-License-Identifier: GPL-2.0
/*
 * libglassram-preload.so on a program that says what it wrote: the trace holds
 * exactly that. And what the program notices of it, and what comes of its end,
 * its children and wrong settings.
 *
 * preload LOG TRACE: compare only, a plain trace that a session has recorded. Pages
 * that are new count as written there, though they were only read.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tap.h"

static char directory[] = "/tmp/preload.XXXXXX";
static char library[PATH_MAX], target[PATH_MAX];

/* A trace in memory, plain. */
struct words {
	const uint64_t *word;
	size_t nr;
};

static void path(char *ret_path, const char *name)
{
	snprintf(ret_path, PATH_MAX, "%s%s%s", *name == '/' ? "" : directory,
		 *name == '/' ? "" : "/", name);
}

static bool load(const char *name, struct words *ret_words)
{
	char file[PATH_MAX];
	struct stat status;
	void *map;
	int fd;

	path(file, name);
	fd = open(file, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &status) || !status.st_size)
		return false;
	map = mmap(NULL, status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	*ret_words = (struct words){ map, status.st_size / sizeof(uint64_t) };
	return map != MAP_FAILED && status.st_size % sizeof(uint64_t) == 0;
}

static void unload(struct words *words)
{
	munmap((void *)words->word, words->nr * sizeof(uint64_t));
}

/* Whole records only, in order of time, ranges in order of addresses. */
static bool is_whole(const struct words *words)
{
	uint64_t last = 0;
	size_t at = 0;

	while (at + 3 <= words->nr) {
		const uint64_t *record = words->word + at;
		uint64_t page = 0;

		if (record[0] != 0x45 || record[1] <= last || record[2] > (words->nr - at - 3) / 2)
			return false;
		last = record[1];
		for (uint64_t i = 0; i < record[2]; i++) {
			if (record[3 + 2 * i] < page || !record[4 + 2 * i])
				return false;
			page = record[3 + 2 * i] + record[4 + 2 * i];
		}
		at += 3 + 2 * record[2];
	}
	return at == words->nr && at;
}

/* Which pages of an area the records between two times name. */
static void pages_between(const struct words *words, uint64_t begin, uint64_t end, uint64_t first,
			  size_t nr, bool *ret_written)
{
	memset(ret_written, 0, nr);
	for (size_t at = 0; at + 3 <= words->nr; at += 3 + 2 * words->word[at + 2]) {
		const uint64_t *record = words->word + at;

		if (record[1] <= begin || record[1] > end)
			continue;
		for (uint64_t i = 0; i < record[2]; i++)
			for (uint64_t p = record[3 + 2 * i]; p < record[3 + 2 * i] + record[4 + 2 * i];
			     p++)
				if (p >= first && p < first + nr)
					ret_written[p - first] = true;
	}
}

/* Start the target, or any program; the child's settings are name=value pairs. */
static pid_t start(char *const command[], char *const settings[])
{
	pid_t pid = fork();

	if (pid)
		return pid;
	/* nothing but the three that each program has */
	close_range(3, ~0U, 0);
	for (; *settings; settings++)
		putenv(*settings);
	execvp(command[0], command);
	_exit(127);
}

static int end_of(pid_t pid)
{
	int status = -1;

	waitpid(pid, &status, 0);
	return status;
}

/* Recorders are our children as soon as their program is gone: see main(). */
static void wait_for_recorders(void)
{
	while (wait(NULL) > 0 || errno == EINTR)
		;
}

static void check_steps(const char *log_name, const struct words *words, int steps, bool new_too)
{
	char file[PATH_MAX], name[64];
	uint64_t begin, end, first;
	unsigned int stride;
	size_t nr;
	int found = 0;
	FILE *log;

	path(file, log_name);
	log = fopen(file, "re");
	while (log && fscanf(log, "%63s %lu %lu %lu %zu %u", name, &begin, &end, &first, &nr,
			     &stride) == 6) {
		bool *written = calloc(nr, 1);
		size_t missing = 0, extra = 0;

		pages_between(words, begin, end, first, nr, written);
		for (size_t i = 0; i < nr; i++) {
			bool truth = stride && i % stride == 0;

			missing += truth && !written[i];
			extra += !truth && written[i];
		}
		free(written);
		if (new_too && strstr(name, "only-read"))
			extra = 0;
		tap_check(!missing && !extra, "step %s: %zu pages missing, %zu too many", name,
			  missing, extra);
		found++;
	}
	if (log)
		fclose(log);
	tap_check(found == steps, "the target made its %d steps (%d)", steps, found);
}

static void check_known_writes(void)
{
	char log[PATH_MAX], trace[PATH_MAX], variable[PATH_MAX + 32], preload[PATH_MAX + 32];
	char *command[] = { target, log, trace, NULL };
	char *settings[] = { preload, variable, NULL };
	struct words words;
	int status;

	path(log, "known.log");
	path(trace, "known");
	snprintf(variable, sizeof(variable), "GLASSRAM_TRACE=%s", trace);
	snprintf(preload, sizeof(preload), "LD_PRELOAD=%s", library);
	status = end_of(start(command, settings));
	wait_for_recorders();
	tap_check(!status, "the target saw no thread, child, signal or descriptor (%d)",
		  WEXITSTATUS(status));
	if (!load("known", &words)) {
		tap_check(false, "there is a trace");
		return;
	}
	tap_check(is_whole(&words), "all records are whole");
	check_steps("known.log", &words, 15, false);
	unload(&words);
}

static void check_kill(void)
{
	char log[PATH_MAX], trace[PATH_MAX], variable[PATH_MAX + 32], preload[PATH_MAX + 32];
	char *command[] = { target, log, trace, "on", NULL };
	char *settings[] = { preload, variable, "GLASSRAM_TRACE_HZ=200", NULL };
	const struct timespec pause = { .tv_nsec = 5000000 };
	struct stat before, now;
	struct words words;
	pid_t pid;

	path(log, "killed.log");
	path(trace, "killed");
	snprintf(variable, sizeof(variable), "GLASSRAM_TRACE=%s", trace);
	snprintf(preload, sizeof(preload), "LD_PRELOAD=%s", library);
	pid = start(command, settings);
	/* five steps, each of which is waited for; then it writes for ever */
	for (int i = 0, lines = 0; i < 4000 && lines < 5; i++) {
		FILE *file = fopen(log, "re");
		int c;

		for (lines = 0; file && (c = getc(file)) != EOF;)
			lines += c == '\n';
		if (file)
			fclose(file);
		nanosleep(&pause, NULL);
	}
	stat(trace, &before);
	now = before;
	for (int i = 0; i < 4000 && now.st_size < before.st_size + 200; i++) {
		nanosleep(&pause, NULL);
		stat(trace, &now);
	}
	kill(pid, SIGKILL);
	tap_check(WIFSIGNALED(end_of(pid)), "the target dies of SIGKILL");
	wait_for_recorders();
	if (!load("killed", &words)) {
		tap_check(false, "it leaves a trace");
		return;
	}
	tap_check(is_whole(&words), "it leaves whole records");
	check_steps("killed.log", &words, 5, false);
	unload(&words);
}

static int count_traces(const char *prefix)
{
	struct dirent *entry;
	DIR *dir = opendir(directory);
	int nr = 0;

	while ((entry = readdir(dir))) {
		struct words words;

		if (strncmp(entry->d_name, prefix, strlen(prefix)) || strstr(entry->d_name, ".log"))
			continue;
		nr++;
		if (!load(entry->d_name, &words) || !is_whole(&words))
			nr = -1000;
		else
			unload(&words);
	}
	closedir(dir);
	return nr;
}

static void check_programs(void)
{
	char trace[PATH_MAX], variable[PATH_MAX + 32], preload[PATH_MAX + 32], only[64];
	char *chain[] = { "sh", "-c", "sleep 0.1; sh -c 'sleep 0.1; exit 0'; exec sleep 0.1", NULL };
	char *shell[] = { "sh", "-c", "exec env GLASSRAM_TRACE_PID=$$ sh -c 'sleep 0.1; exit 3'",
			  NULL };
	char *settings[] = { preload, variable, NULL };
	char *bounded[] = { preload, variable, only, NULL };
	struct words words;

	snprintf(preload, sizeof(preload), "LD_PRELOAD=%s", library);
	path(trace, "chain");
	snprintf(variable, sizeof(variable), "GLASSRAM_TRACE=%s", trace);
	tap_check(!end_of(start(chain, settings)), "a shell and its programs run");
	wait_for_recorders();
	/* sh, sleep, sh, sleep, and the sleep that the first shell becomes */
	tap_check(count_traces("chain") == 5, "each of five programs has a trace (%d)",
		  count_traces("chain"));
	path(trace, "only");
	snprintf(variable, sizeof(variable), "GLASSRAM_TRACE=%s", trace);
	snprintf(only, sizeof(only), "GLASSRAM_TRACE_PID=%d", getpid());
	tap_check(WEXITSTATUS(end_of(start(shell, bounded))) == 3, "its exit status stays");
	wait_for_recorders();
	tap_check(count_traces("only") == 1, "GLASSRAM_TRACE_PID: one process alone (%d)",
		  count_traces("only"));
	tap_check(load("only", &words), "and it is the one asked for");
}

/* Run `true` with settings; its standard error goes to a file. Return: number of lines. */
static int complaint(char *const settings[], char *ret_text, size_t size)
{
	char *command[] = { "/bin/true", NULL };
	int tube[2], lines = 0, status = 0;
	size_t have = 0;
	ssize_t n;
	pid_t pid;

	if (pipe(tube))
		return -1;
	pid = fork();
	if (!pid) {
		dup2(tube[1], 2);
		close(tube[0]);
		close(tube[1]);
		status = end_of(start(command, settings));
		_exit(WEXITSTATUS(status));
	}
	close(tube[1]);
	while ((n = read(tube[0], ret_text + have, size - 1 - have)) > 0)
		have += n;
	close(tube[0]);
	ret_text[have] = '\0';
	status = end_of(pid);
	for (size_t i = 0; i < have; i++)
		lines += ret_text[i] == '\n';
	return WEXITSTATUS(status) ? -1 : lines;
}

static void check_complaints(void)
{
	char preload[PATH_MAX + 32], variable[PATH_MAX + 32], text[1024];
	char *none[] = { preload, NULL };
	char *bad_rate[] = { preload, variable, "GLASSRAM_TRACE_HZ=fast", NULL };
	char *bad_file[] = { preload, "GLASSRAM_TRACE=/nowhere/trace", NULL };

	snprintf(preload, sizeof(preload), "LD_PRELOAD=%s", library);
	snprintf(variable, sizeof(variable), "GLASSRAM_TRACE=%s/complaint", directory);
	tap_check(complaint(none, text, sizeof(text)) == 0, "without GLASSRAM_TRACE not a word");
	tap_check(complaint(bad_rate, text, sizeof(text)) == 1 && strstr(text, "GLASSRAM_TRACE_HZ"),
		  "a wrong rate is one line that names it");
	tap_check(complaint(bad_file, text, sizeof(text)) == 1 && strstr(text, "/nowhere/trace"),
		  "a file that cannot be made is one line that names it");
	tap_check(count_traces("complaint") == 0, "nothing is left of those");
}

static int compare(const char *log, const char *trace)
{
	struct words words;

	if (!load(trace, &words)) {
		tap_check(false, "there is a trace");
		return tap_end();
	}
	tap_check(is_whole(&words), "all records are whole");
	check_steps(log, &words, 15, true);
	unload(&words);
	return tap_end();
}

int main(int argc, char **argv)
{
	char *slash;

	if (argc == 3)
		return compare(argv[1], argv[2]);

	alarm(120); /* better dead than waiting for ever */

	memset(target, 0, sizeof(target));
	if (readlink("/proc/self/exe", target, sizeof(target) - 32) < 0)
		return 2;
	slash = strrchr(target, '/');
	strcpy(slash, "/../../libglassram-preload.so");
	if (!realpath(target, library))
		library[0] = '\0';
	strcpy(slash, "/preload_target");
	/* so that we can wait for the recorders */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (!mkdtemp(directory))
		return 2;
	check_known_writes();
	check_kill();
	check_programs();
	check_complaints();
	if (!tap_failures) {
		char command[PATH_MAX + 16];

		snprintf(command, sizeof(command), "rm -rf %s", directory);
		if (system(command))
			return 2;
	}
	return tap_end();
}
