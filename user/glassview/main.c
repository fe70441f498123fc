// SPDX-License-Identifier: GPL-2.0
/*
 * glassview: shows which pages of a running process are written, live.
 *
 * Four stages: a source gives counters, a mapper makes them textures, a
 * renderer draws the picture, a sink shows it. This file opens them in order
 * and closes them in reverse.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "launch.h"
#include "loop.h"
#include "machine.h"
#include "message.h"
#include "options.h"
#include "picker.h"
#include "probe.h"
#include "source.h"
#include "stage.h"

#define STATUS_FAILED 1
#define STATUS_USAGE 2

/* Slots of --synthetic: 4 GiB of made-up memory. */
#define SYNTHETIC_SLOTS (1U << 20)

/* Signals that end or freeze the picture come through an fd, where the loop waits. */
static int take_signals(void)
{
	sigset_t signals;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGUSR1);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* The target that was not named. Return: 0, or the exit status + 1. */
static int ask(pid_t *ret_pid)
{
	int answer;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
		if (picker_list(stdout))
			return STATUS_FAILED + 1;
		fflush(stdout);
		message("which of these? write 'glassview PID', or 'glassview -- COMMAND'");
		return STATUS_USAGE + 1;
	}
	answer = picker_choose(ret_pid);
	if (answer < 0)
		return STATUS_FAILED + 1;
	return answer;
}

static struct source *open_source(const struct options *options, pid_t pid)
{
	const struct source_settings settings = {
		.pid = pid,
		.rate_hz = options->rate_hz,
		.policy = options->policy,
		.follow = options->follow,
	};

	if (options->synthetic)
		return source_synthetic_create(SYNTHETIC_SLOTS);
	return source_session_create(&settings);
}

/* Watch and show one target. */
static int watch(const struct options *options, struct stage *stage, pid_t pid, int signals)
{
	struct source *source = open_source(options, pid);
	int err, signal = 0;

	if (!source) {
		stage_close(stage);
		return -1;
	}
	/* A command waits until it is watched, and no longer. */
	err = options->command ? launch_release(pid) : 0;
	if (!err)
		err = stage_open(stage, options, &source->view);
	if (!err)
		err = loop_run(source, stage, options, signals, &signal);
	/* The mapper reads the source's memory: it goes first. */
	stage_close(stage);
	source->destroy(source);
	if (signal && options->command)
		kill(pid, signal);
	return err;
}

/* Mesa's software renderer reads this when it starts: TCG has no wide vectors. */
static void suit_emulation(void)
{
	if (machine_is_emulated())
		setenv("LP_NATIVE_VECTOR_WIDTH", "128", 0);
}

int main(int argc, char **argv)
{
	int err, signals, aside = -1, status = 0;
	struct options options;
	struct stage stage;
	pid_t pid;

	err = options_parse(argc, argv, &options);
	if (err)
		return err < 0 ? STATUS_USAGE : 0;
	suit_emulation();
	if (options.probe)
		return probe_print(stdout) ? STATUS_FAILED : 0;
	pid = options.pid;
	if (!pid && !options.command && !options.synthetic) {
		err = ask(&pid);
		if (err)
			return err - 1;
	}

	signals = take_signals();
	if (stage_claim(&options, &stage))
		return STATUS_FAILED;
	if (stage.interactive && !stage.kms)
		aside = message_aside_begin();
	err = options.command ? launch_start(options.command, aside, &pid) : 0;
	if (err) {
		stage_close(&stage);
		message_aside_end();
		return STATUS_FAILED;
	}
	err = watch(&options, &stage, pid, signals);
	message_aside_end();
	if (options.command)
		status = launch_wait(pid, signals);
	/* One that never ran was ended here: its status says nothing. */
	if (err && (!status || !launch_was_released()))
		return STATUS_FAILED;
	return status;
}
