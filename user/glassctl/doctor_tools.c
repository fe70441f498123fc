// SPDX-License-Identifier: GPL-2.0
/*
 * Displays, and what builds the module.
 *
 * Weak spot: how the counters reach the GPU is found out by glassview itself;
 * where that is not installed, the row says so.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "doctor.h"

/* Starting a software renderer can take seconds; longer than this is a hang. */
#define PROBE_SECONDS 30

static void append(char *list, size_t size, const char *name)
{
	size_t length = strlen(list);

	/* what does not fit is left out whole */
	if (length + strlen(name) + 2 > size)
		return;
	if (length)
		strcat(list, " ");
	strcat(list, name);
}

void check_drm(struct check *check)
{
	char cards[128] = "", renders[128] = "", path[300];
	struct dirent *entry;
	bool usable = false;
	DIR *dir = opendir("/dev/dri");

	while (dir && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/dev/dri/%s", entry->d_name);
		if (!strncmp(entry->d_name, "card", 4)) {
			append(cards, sizeof(cards), entry->d_name);
			usable |= !access(path, R_OK | W_OK);
		} else if (!strncmp(entry->d_name, "renderD", 7)) {
			append(renders, sizeof(renders), entry->d_name);
		}
	}
	if (dir)
		closedir(dir);
	if (!cards[0]) {
		check_value(check, "no /dev/dri/card*: no screen to draw on");
		check_fail(check, VERDICT_LIMITED, "`glassview --terminal PID` and `glassview --headless FILE.png PID` need none");
		return;
	}
	check_value(check, "%s%s%s", cards, renders[0] ? " " : ", no GPU: software rendering",
		    renders);
	if (!usable)
		check_fail(check, VERDICT_LIMITED, "sudo usermod -aG video,render $USER, then log in again; or use --terminal");
}

/* The one beside this program comes first: a build tree, or an installation. */
static bool find_glassview(char *path, size_t size)
{
	ssize_t length = readlink("/proc/self/exe", path, size - 1);
	char *slash;

	if (length > 0) {
		path[length] = '\0';
		slash = strrchr(path, '/');
		if (slash && (size_t)(slash - path) + sizeof("/glassview") < size) {
			strcpy(slash, "/glassview");
			if (!access(path, X_OK))
				return true;
		}
	}
	return find_program("glassview", path, size);
}

/* Run `PATH --probe`; its output goes to @text. Return: its wait status, or -1. */
static int run_probe(const char *path, char *text, size_t size)
{
	size_t used = 0;
	int fds[2], status;
	ssize_t got;
	pid_t child;

	if (pipe2(fds, O_CLOEXEC))
		return -1;
	child = fork();
	if (!child) {
		/* the alarm outlives exec, and its default is to end the program */
		alarm(PROBE_SECONDS);
		dup2(fds[1], STDOUT_FILENO);
		dup2(fds[1], STDERR_FILENO);
		execl(path, path, "--probe", (char *)NULL);
		_exit(127);
	}
	close(fds[1]);
	while (child > 0 && (got = read(fds[0], text + used, size - 1 - used)) > 0)
		used += got;
	text[used] = '\0';
	close(fds[0]);
	if (child < 0 || waitpid(child, &status, 0) < 0)
		return -1;
	return status;
}

/* What stands behind @key at the start of a line of "key   value" lines; NULL if nothing. */
static const char *find_value(const char *text, const char *key, char *value, size_t size)
{
	size_t key_length = strlen(key), length;

	for (const char *line = text; *line; line += strspn(line, "\n")) {
		length = strcspn(line, "\n");
		if (length > key_length && !strncmp(line, key, key_length) &&
		    line[key_length] == ' ') {
			line += key_length;
			line += strspn(line, " ");
			length = strcspn(line, "\n");
			snprintf(value, size, "%.*s", (int)length, line);
			return value;
		}
		line += length;
	}
	return NULL;
}

void check_import(struct check *check)
{
	char path[4096], text[4096], rung[64], renderer[96];
	int status;

	if (!find_glassview(path, sizeof(path))) {
		check_value(check, "not known: glassview is not installed");
		check_fail(check, VERDICT_LIMITED, "make && sudo make install");
		return;
	}
	status = run_probe(path, text, sizeof(text));
	if (status == -1) {
		check_value(check, "not known: glassview could not be started");
		check_fail(check, VERDICT_LIMITED, "run `glassview --probe` to see why");
	} else if (WIFSIGNALED(status)) {
		check_value(check, "not known: glassview --probe was ended by a signal (%s)",
			    strsignal(WTERMSIG(status)));
		check_fail(check, VERDICT_LIMITED, "run `glassview --probe` to see why; `glassview --import upload` does without");
	} else {
		const char *import = find_value(text, "import", rung, sizeof(rung));
		const char *drawn_by = find_value(text, "renderer", renderer, sizeof(renderer));

		if (import)
			check_value(check, "%s, drawn by %s", import, drawn_by ? drawn_by : "?");
		else /* it failed, and said why in its first line */
			check_value(check, "%.*s", (int)strcspn(text, "\n"), text);
		if (WEXITSTATUS(status) || !import)
			check_fail(check, VERDICT_LIMITED, "run `glassview --probe` to see all of it; on Debian, `sudo apt install libegl1 libgles2 libgl1-mesa-dri` gives a renderer");
	}
}

void check_headers(struct check *check)
{
	struct utsname name;
	char path[128];

	uname(&name);
	snprintf(path, sizeof(path), "/lib/modules/%s/build", name.release);
	if (!access(path, F_OK)) {
		check_value(check, "%s", path);
		return;
	}
	check_value(check, "none for the running kernel");
	check_fail(check, VERDICT_LIMITED, "to build the module: sudo apt install linux-headers-%s",
		   name.release);
}

void check_pahole(struct check *check)
{
	char path[4096];

	if (find_program("pahole", path, sizeof(path))) {
		check_value(check, "%.180s", path);
		return;
	}
	check_value(check, "not installed");
	check_fail(check, VERDICT_LIMITED, "to build the module: sudo apt install pahole");
}

void check_dkms(struct check *check)
{
	char path[4096];

	if (find_program("dkms", path, sizeof(path))) {
		check_value(check, "%.180s", path);
		return;
	}
	check_value(check, "not installed");
	check_fail(check, VERDICT_LIMITED, "to rebuild the module with each new kernel: sudo apt install dkms");
}
