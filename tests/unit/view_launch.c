// SPDX-License-Identifier: GPL-2.0
/*
 * Starting a command: it stands still before its first instruction, runs when
 * released, and its end is passed on.
 */
#define _GNU_SOURCE
#include "launch.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"
#include "view_capture.h"

static int signals;

static void read_link(char *text, size_t size, pid_t pid, const char *name)
{
	char path[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	n = readlink(path, text, size - 1);
	text[n > 0 ? n : 0] = '\0';
}

/* User-mode instruction pointer and CPU time say whether it ever ran. */
static unsigned long cpu_ticks(pid_t pid)
{
	unsigned long user = 1;
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "r");
	if (!file || fscanf(file, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu", &user) != 1)
		user = 1;
	if (file)
		fclose(file);
	return user;
}

static void test_stopped(void)
{
	char *command[] = { "sh", "-c", "echo ran; exit 7", NULL };
	char exe[256], want[256], text[16] = "";
	int out[2];
	pid_t pid = 0;

	if (pipe(out))
		return;
	tap_check(!launch_start(command, out[1], &pid), "a command starts");
	close(out[1]);
	read_link(exe, sizeof(exe), pid, "exe");
	tap_check(realpath("/bin/sh", want) && !strcmp(exe, want),
		  "its new program is in place");
	usleep(100000);
	tap_check(!launch_was_released() && cpu_ticks(pid) == 0, "and has not run");
	tap_check(!launch_release(pid), "it is released");
	tap_check(launch_wait(pid, signals) == 7, "its exit status comes back");
	tap_check(read(out[0], text, sizeof(text) - 1) > 0 && !strcmp(text, "ran\n"),
		  "its output went where it was told");
	close(out[0]);
}

static void test_signal(void)
{
	char *killed[] = { "sh", "-c", "kill -KILL $$", NULL };
	char *waiting[] = { "sleep", "60", NULL };
	union sigval value = { 0 };
	pid_t pid = 0;

	if (!launch_start(killed, -1, &pid))
		launch_release(pid);
	tap_check(launch_wait(pid, signals) == 128 + SIGKILL, "death by a signal comes back");
	if (!launch_start(waiting, -1, &pid))
		launch_release(pid);
	/* Blocked here, so it waits in the signalfd; the child must not inherit that. */
	sigqueue(getpid(), SIGTERM, value);
	tap_check(launch_wait(pid, signals) == 128 + SIGTERM, "a signal sent to us is passed on");
}

static void test_refused(void)
{
	char *missing[] = { "/no/such/command", NULL };
	char *unfit[] = { "/etc/passwd", NULL };
	pid_t pid = 42;
	int err;

	capture_begin();
	err = launch_start(missing, -1, &pid);
	capture_end();
	tap_check(err == -1 && pid == 42 && captured_line("'/no/such/command'"), "no such command");
	capture_begin();
	err = launch_start(unfit, -1, &pid);
	capture_end();
	tap_check(err == -1 && captured_line("may not be executed"), "not executable");
	tap_check(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD, "no child is left");
}

int main(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signals = signalfd(-1, &set, SFD_NONBLOCK);
	test_refused();
	test_stopped();
	test_signal();
	return tap_end();
}
