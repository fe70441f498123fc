// SPDX-License-Identifier: GPL-2.0
/*
 * Starting a command so that it can be watched from its first instruction:
 * the child asks to be traced, so that the kernel stops it at the end of exec,
 * with its new address space made and nothing of it run.
 *
 * Weak: a shell that execs further programs is watched only until it does so.
 */
#define _GNU_SOURCE
#include "launch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/ptrace.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "message.h"

/* The one command of this program was let go. */
static bool released;

/* In the child: never returns; a failure goes through @report as an errno. */
static void __attribute__((noreturn)) become(char **command, int output_fd, int report)
{
	sigset_t none;
	int err, empty;

	if (output_fd >= 0) {
		empty = open("/dev/null", O_RDONLY);
		dup2(empty, STDIN_FILENO);
		dup2(output_fd, STDOUT_FILENO);
		dup2(output_fd, STDERR_FILENO);
	}
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (!ptrace(PTRACE_TRACEME, 0, NULL, NULL))
		execvp(command[0], command);
	err = errno;
	if (write(report, &err, sizeof(err)) != sizeof(err))
		_exit(126);
	_exit(127);
}

int launch_start(char **command, int output_fd, pid_t *ret_pid)
{
	int report[2], err = 0, status;
	pid_t pid;

	if (pipe2(report, O_CLOEXEC)) {
		message("cannot start %s: %s", command[0], strerror(errno));
		return -1;
	}
	pid = fork();
	if (pid < 0) {
		message("cannot start %s: %s; end some processes and repeat", command[0],
			strerror(errno));
		close(report[0]);
		close(report[1]);
		return -1;
	}
	if (!pid)
		become(command, output_fd, report[1]);
	close(report[1]);
	if (waitpid(pid, &status, 0) != pid)
		status = 0;
	/* The pipe closes at exec; it holds something only if exec failed. */
	if (read(report[0], &err, sizeof(err)) != sizeof(err))
		err = 0;
	close(report[0]);
	if (err == ENOENT)
		message("no command '%s' in PATH: check the spelling", command[0]);
	else if (err == EACCES)
		message("'%s' may not be executed: check its mode", command[0]);
	else if (err)
		message("cannot start '%s': %s", command[0], strerror(err));
	if (err)
		return -1;
	if (!WIFSTOPPED(status)) {
		message("'%s' ended before its first instruction: run it without glassview to see why",
			command[0]);
		return -1;
	}
	ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_EXITKILL);
	*ret_pid = pid;
	return 0;
}

int launch_release(pid_t pid)
{
	released = true;
	if (ptrace(PTRACE_DETACH, pid, NULL, NULL)) {
		message("the command did not run on (%s): it was killed meanwhile",
			strerror(errno));
		return -1;
	}
	return 0;
}

bool launch_was_released(void)
{
	return released;
}

int launch_wait(pid_t pid, int signals)
{
	struct signalfd_siginfo info;
	struct pollfd fds[2] = {
		{ .fd = pidfd_open(pid, 0), .events = POLLIN },
		{ .fd = signals, .events = POLLIN },
	};
	int status;

	/* Still a tracee: nobody will let it run. */
	if (!released)
		kill(pid, SIGKILL);
	while (fds[0].fd >= 0 && !(fds[0].revents & POLLIN)) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			break;
		if (!(fds[1].revents & POLLIN) ||
		    read(signals, &info, sizeof(info)) != sizeof(info))
			continue;
		/* What the keyboard sends reaches the command by itself. */
		if (info.ssi_code <= 0)
			kill(pid, info.ssi_signo);
	}
	if (fds[0].fd >= 0)
		close(fds[0].fd);
	if (waitpid(pid, &status, 0) != pid)
		return 1;
	if (WIFSIGNALED(status))
		return 128 + WTERMSIG(status);
	return WEXITSTATUS(status);
}
