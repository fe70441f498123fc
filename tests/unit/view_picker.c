// SPDX-License-Identifier: GPL-2.0
/*
 * The picker: its filter, and the whole of it on a terminal of our own.
 */
#define _GNU_SOURCE
#include "picker.h"

#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

#define NAME "Pick-Me_42"

static void test_filter(void)
{
	const struct glassram_process process = { .pid = 1234, .comm = "Redis-Server" };
	char text[16];

	tap_check(picker_matches(&process, ""), "nothing typed fits all");
	tap_check(picker_matches(&process, "server") && picker_matches(&process, "REDIS"),
		  "part of the name, in any case");
	tap_check(picker_matches(&process, "12") && !picker_matches(&process, "34"),
		  "the start of the pid");
	tap_check(!picker_matches(&process, "rediss"), "other names do not fit");
	picker_size(text, sizeof(text), 1536);
	tap_check(!strcmp(text, "2 KiB"), "sizes: %s", text);
	picker_size(text, sizeof(text), 412ULL << 20);
	tap_check(!strcmp(text, "412 MiB"), "sizes: %s", text);
	picker_size(text, sizeof(text), (9ULL << 30) + (1ULL << 29));
	tap_check(!strcmp(text, "9.5 GiB"), "sizes: %s", text);
	picker_size(text, sizeof(text), 1023ULL << 20);
	tap_check(!strcmp(text, "1.0 GiB"), "sizes: %s", text);
	picker_size(text, sizeof(text), 0);
	tap_check(!strcmp(text, "0 KiB"), "sizes: %s", text);
}

/* A process with a name of its own, to be found in the list. */
static pid_t start_named(void)
{
	pid_t pid = fork();

	if (!pid) {
		prctl(PR_SET_NAME, NAME);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	usleep(50000);
	return pid;
}

/* Send keys to a picker on a terminal. Return: its pid choice, 0 none, -1 failed. */
static pid_t pick(const char *keys, char *screen, size_t size)
{
	struct winsize window = { .ws_row = 24, .ws_col = 80 };
	struct pollfd fd = { .events = POLLIN };
	size_t used = 0;
	int answer[2], status;
	pid_t child, choice = -1;
	ssize_t n;

	if (pipe(answer))
		return -1;
	child = forkpty(&fd.fd, NULL, NULL, &window);
	if (!child) {
		int err;

		setenv("TERM", "xterm", 1);
		err = picker_choose(&choice);
		choice = err < 0 ? -1 : err ? 0 : choice;
		if (write(answer[1], &choice, sizeof(choice)) != sizeof(choice))
			_exit(1);
		_exit(0);
	}
	close(answer[1]);
	/* It takes keys once it has drawn. */
	while (used < size - 1 && poll(&fd, 1, used ? 300 : 10000) > 0 &&
	       (n = read(fd.fd, screen + used, size - 1 - used)) > 0)
		used += n;
	if (write(fd.fd, keys, strlen(keys)) < 0)
		choice = -1;
	/* Drain what it draws, so that it never blocks, until it ends. */
	while (poll(&fd, 1, 10000) > 0 && used < size - 1 &&
	       (n = read(fd.fd, screen + used, size - 1 - used)) > 0)
		used += n;
	screen[used] = '\0';
	if (read(answer[0], &choice, sizeof(choice)) != sizeof(choice))
		choice = -1;
	close(answer[0]);
	close(fd.fd);
	waitpid(child, &status, 0);
	return choice;
}

static void test_terminal(void)
{
	static char screen[65536];
	pid_t named = start_named(), first, second;

	tap_check(pick("pick-me\r", screen, sizeof(screen)) == named, "typed, entered: chosen");
	tap_check(strstr(screen, "Watch which process?") && strstr(screen, "escape: leave"),
		  "it says what it wants");
	tap_check(pick("\033", screen, sizeof(screen)) == 0, "escape chooses none");
	tap_check(pick("no such name\r\033", screen, sizeof(screen)) == 0,
		  "enter on an empty list chooses none");
	tap_check(pick("zz\b\b\x7f" "pick-me_42\r", screen, sizeof(screen)) == named,
		  "typing can be taken back");
	first = pick("\r", screen, sizeof(screen));
	second = pick("\033OB\r", screen, sizeof(screen));
	tap_check(first > 0 && second > 0 && first != second, "down is another process");
	tap_check(pick("\033OB\033OA\033OA\r", screen, sizeof(screen)) == first,
		  "up goes back, and stops at the top");
	kill(named, SIGKILL);
	waitpid(named, NULL, 0);
}

int main(void)
{
	test_filter();
	test_terminal();
	return tap_end();
}
