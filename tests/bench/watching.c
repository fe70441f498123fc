// SPDX-License-Identifier: GPL-2.0-only
/*
 * What being watched takes from a program that does nothing but write, at the
 * default rate, and what the watcher itself takes: the worst case, as the
 * program rewrites its whole arena in every epoch. And how many hits a second
 * can be counted at all.
 *
 * Weak spot: where the clock counts instructions, a second is a billion of
 * them, about a quarter of what one CPU of a real machine does: shares are that
 * much too high.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "row.h"
#include "series.h"
#include "session.h"
#include "writer.h"

#define PAGES 4096UL
#define WORK_NS 400000000ULL
#define ROUNDS 12
#define ROUNDS_COUNTED 2

struct watcher {
	struct session session;
	pthread_t thread;
	atomic_bool stop;
	uint64_t cpu_ns;
	uint64_t ticks;
};

static void *watch(void *arg)
{
	struct watcher *w = arg;
	struct timespec cpu;

	while (!atomic_load(&w->stop)) {
		if (session_advance(&w->session, GLASSRAM_ADVANCE_PACED))
			die("ADVANCE failed");
		w->ticks++;
	}
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
	w->cpu_ns = (uint64_t)cpu.tv_sec * 1000000000ULL + (uint64_t)cpu.tv_nsec;
	return NULL;
}

/* Pages written in WORK_NS. */
static double work(struct writer *w)
{
	writer_do(w, WRITER_WORK, WORK_NS);
	return (double)writer_result(w);
}

static void put(const char *name, double measured, double bar, const char *unit,
		const struct series *s, const char *method)
{
	row_put(&(struct row){
		.name = name,
		.measured = measured,
		.bar = bar,
		.counted_bar = bar,
		.unit = unit,
		.low = s ? series_min(s) : measured,
		.high = s ? series_max(s) : measured,
		.samples = s ? s->nr : 1,
		.method = method,
	});
}

/* Shares mean something only where nothing else runs: counted. */
static void measure_shares(struct writer *writer)
{
	struct watcher w = {.stop = false};
	double alone = work(writer), watched;

	if (session_open(&w.session, writer->target.pid) ||
	    pthread_create(&w.thread, NULL, watch, &w))
		die("the process cannot be watched");
	watched = work(writer);
	atomic_store(&w.stop, true);
	pthread_join(w.thread, NULL);
	if (session_stats(&w.session) || w.session.stats.hits < 3 * PAGES)
		die("the program was hardly watched");
	session_close(&w.session);

	put("target-overhead", 100 * (1 - watched / alone), 10, "percent", NULL,
	    "stores that a program loses which rewrites 4,096 pages in every epoch, watched at 10 Hz from the same CPU; a second is a billion instructions");
	put("watcher-cpu", 100.0 * (double)w.cpu_ns / WORK_NS, 5, "percent", NULL,
	    "CPU time of the thread that calls ADVANCE meanwhile");
}

static void measure_hits(struct writer *writer, int rounds)
{
	struct series cost = {.nr = 0};
	struct session session;

	if (session_open(&session, writer->target.pid) || session_advance(&session, 0))
		die("the process cannot be watched");
	for (int i = 0; i < rounds; i++) {
		uint64_t begin = now_ns();

		writer_do(writer, WRITER_WRITE, 1);
		if (session_advance(&session, 0))
			die("ADVANCE failed");
		series_add(&cost, (double)(now_ns() - begin) / PAGES);
	}
	session_close(&session);
	put("hit-and-rearm", series_min(&cost), 100000, "ns", &cost,
	    "one counted hit, from the store to its page armed again; minimum. The bar is 10,000 hits a second");
}

int main(int argc, char **argv)
{
	struct writer writer;
	bool counted = argc > 2;

	if (argc < 2 || (counted && strcmp(argv[2], "--counted")))
		die("usage: watching ROWS.jsonl [--counted]");
	rows_open(argv[1], counted);
	writer_start(&writer, PAGES);
	if (counted)
		measure_shares(&writer);
	measure_hits(&writer, counted ? ROUNDS_COUNTED : ROUNDS);
	writer_finish(&writer);
	return rows_close();
}
