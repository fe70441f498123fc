// SPDX-License-Identifier: GPL-2.0
/*
 * The loop of glassview.
 *
 * A display paces itself. Everything else is drawn at its own rate, a file no
 * more often than epochs close. Where the CPU draws, at most half of the time
 * goes into drawing: the target needs those CPUs too.
 */
#define _GNU_SOURCE
#include "loop.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "keys.h"
#include "machine.h"
#include "message.h"
#include "stats.h"

/* A picture that nobody can end by hand ends after so long. */
#define UNATTENDED_SECONDS 5.0

/* The longest rest between two pictures that the CPU draws. */
#define PAUSE_MAX 0.5

/* Pictures over which the frame rate is taken, at most, and their span. */
#define RATE_FRAMES 128
#define RATE_SECONDS 2.0

struct loop {
	struct source *source;
	struct stage *stage;
	const struct options *options;
	struct stats stats;
	int signals;
	int signal;
	int keys;
	double seconds;
	double began;
	double now;
	double shown_at[RATE_FRAMES];
	uint64_t frames;
	bool stop;
	bool freeze;
};

static void read_events(struct loop *loop)
{
	struct source *source = loop->source;
	struct signalfd_siginfo info;

	if (read(loop->signals, &info, sizeof(info)) != sizeof(info)) {
		/* A key, then. */
	} else if (info.ssi_signo == SIGUSR1) {
		loop->freeze = true;
	} else {
		loop->stop = true;
		if (info.ssi_code <= 0)
			loop->signal = info.ssi_signo;
	}
	switch (keys_read()) {
	case KEY_QUIT:
		loop->stop = true;
		break;
	case KEY_FREEZE:
		loop->freeze = true;
		break;
	/* A refusal is told, and the picture goes on. */
	case KEY_PAUSE:
		if (source->pause)
			source->pause(source);
		break;
	case KEY_RESET:
		if (source->reset)
			source->reset(source);
		break;
	case KEY_NONE_YET:
		break;
	}
}

/* Wait for keys and signals, until @until at most; 0 looks, negative is for ever. */
static void wait_events(struct loop *loop, double until)
{
	struct pollfd fds[] = {
		{ .fd = loop->signals, .events = POLLIN },
		{ .fd = loop->keys, .events = POLLIN },
	};
	double left = until - machine_seconds();
	struct timespec timeout = { 0 };

	if (until > 0 && left > 0) {
		timeout.tv_sec = left;
		timeout.tv_nsec = (left - timeout.tv_sec) * 1e9;
	}
	if (ppoll(fds, 2, until < 0 ? NULL : &timeout, NULL) > 0)
		read_events(loop);
}

/* Pictures a second over the last two seconds. */
static double frame_rate(const struct loop *loop)
{
	uint64_t i, frames = loop->frames, oldest;
	double span;

	if (frames < 2)
		return 0;
	oldest = frames > RATE_FRAMES ? frames - RATE_FRAMES : 0;
	for (i = oldest; i < frames - 2; i++)
		if (loop->now - loop->shown_at[i % RATE_FRAMES] <= RATE_SECONDS)
			break;
	span = loop->shown_at[(frames - 1) % RATE_FRAMES] - loop->shown_at[i % RATE_FRAMES];
	return span > 0 ? (frames - 1 - i) / span : 0;
}

static int show(struct loop *loop)
{
	const struct source_view *view = &loop->source->view;
	double shown;

	loop->now = machine_seconds();
	loop->stage->status.fps = frame_rate(loop);
	if (stage_draw(loop->stage, view, loop->now))
		return -1;
	shown = machine_seconds();
	loop->shown_at[loop->frames++ % RATE_FRAMES] = shown;
	stats_frame(&loop->stats, view, loop->stage->drawing, shown);
	return 0;
}

/* When the next picture is due. */
static double next_due(const struct loop *loop)
{
	const struct stage *stage = loop->stage;
	double hz = stage->shown->refresh_hz, pause = 0, end = machine_seconds();

	if (!hz)
		hz = loop->source->view.rate_hz;
	/* A display with a rate of its own makes us wait when we show. */
	if (stage->kms)
		pause = 0;
	else if (loop->now + 1 / hz > end)
		pause = loop->now + 1 / hz - end;
	if (stage->status.software && pause < stage->drawing)
		pause = stage->drawing < PAUSE_MAX ? stage->drawing : PAUSE_MAX;
	if (loop->seconds > 0 && loop->began + loop->seconds < end + pause)
		return loop->began + loop->seconds;
	return end + pause;
}

static bool is_over(const struct loop *loop)
{
	if (loop->stop || loop->freeze || loop->source->view.ended)
		return true;
	if (loop->options->frames && loop->frames >= loop->options->frames)
		return true;
	return loop->seconds > 0 && machine_seconds() - loop->began >= loop->seconds;
}

static int keep(struct loop *loop)
{
	const struct stats_picture picture = {
		.sink = loop->stage->shown->name,
		.width = loop->stage->target.width,
		.height = loop->stage->target.height,
		.rung = loop->stage->rung,
	};
	int err = stage_keep(loop->stage, &loop->source->view, loop->now);

	if (loop->options->stats &&
	    stats_write(&loop->stats, loop->options->stats, &loop->source->view,
			&loop->stage->status, &picture))
		err = -1;
	return err;
}

static int run(struct loop *loop)
{
	struct source *source = loop->source;

	loop->began = machine_seconds();
	for (;;) {
		if (source->update(source) || show(loop))
			return -1;
		/* Whoever started us from afar does not see the display. */
		if (loop->stage->kms && loop->frames == 1)
			message("process %d is shown on %s, %ux%u, drawn by %s", source->view.pid,
				loop->stage->kms->path, loop->stage->target.width,
				loop->stage->target.height, loop->stage->status.renderer);
		if (is_over(loop))
			break;
		wait_events(loop, next_due(loop));
	}
	if (loop->options->freeze && !loop->stop)
		loop->freeze = true;
	if (!loop->freeze || source->view.ended)
		return keep(loop);

	/* From here on nothing moves: neither counters nor the clock. */
	if (source->freeze(source) || show(loop) || keep(loop))
		return -1;
	message("frozen: the picture stands until q or a signal");
	while (!loop->stop)
		wait_events(loop, -1);
	return 0;
}

int loop_run(struct source *source, struct stage *stage, const struct options *options,
	     int signals, int *ret_signal)
{
	struct loop loop = {
		.source = source,
		.stage = stage,
		.options = options,
		.signals = signals,
		.seconds = options->seconds,
	};
	int err;

	if (!loop.seconds && !options->frames && !stage->interactive)
		loop.seconds = UNATTENDED_SECONDS;
	if (stats_init(&loop.stats))
		return -1;
	/* Beside a display, the keyboard is the command's. */
	loop.keys = stage->interactive && !(stage->kms && options->command) ? keys_begin() : -1;
	err = run(&loop);
	keys_end();
	*ret_signal = loop.signal;
	stats_finish(&loop.stats);
	return err;
}
