// SPDX-License-Identifier: GPL-2.0-only
/*
 * What event streams cost those that they tell of, and all others: instructions
 * of system calls while a stream of everything but HIT is open, less those while
 * the same process is watched and nobody reads events; and of a hit that is told.
 *
 * Weak spot: the median of system calls in a row, so caches and page tables are
 * warm; and what the reader of the stream costs is not in it.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <x86intrin.h>

#include "row.h"
#include "session.h"
#include "writer.h"

#define PAGES 2048UL
#define BYTES (16 * PAGE)
#define MOST_ROUNDS 100
#define ALL_BUT_HIT (((1ULL << GLASSRAM_EVENT_NR) - 1) & ~(1ULL << GLASSRAM_EVENT_HIT))
/* Hooks and tracepoints are taken out 5 s after the last stream. */
#define UNHOOKED 7

enum { CALL, MEDIAN, LOW, HIGH };

static char *place;

static void map(void)
{
	mmap(place, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

static void unmap(void)
{
	munmap(place, BYTES);
}

static void drop(void)
{
	madvise(place, BYTES, MADV_DONTNEED);
}

static void move(void)
{
	mremap(place, BYTES, BYTES, MREMAP_MAYMOVE | MREMAP_FIXED, place + 4 * BYTES);
}

static void fork_and_wait(void)
{
	pid_t child = fork();

	if (!child)
		_exit(0);
	waitpid(child, NULL, 0);
}

static void *nothing(void *unused)
{
	return unused;
}

static void run_thread(void)
{
	pthread_t thread;

	if (!pthread_create(&thread, NULL, nothing, NULL))
		pthread_join(thread, NULL);
}

static const struct call {
	const char *name;
	void (*before)(void);
	void (*call)(void);
	int rounds;
} calls[] = {
	{"mmap", unmap, map, MOST_ROUNDS},
	{"munmap", map, unmap, MOST_ROUNDS},
	{"madvise", map, drop, MOST_ROUNDS},
	{"mremap", map, move, MOST_ROUNDS},
	{"fork-and-exit", NULL, fork_and_wait, 30},
	{"thread", NULL, run_thread, 50},
};

#define NR_CALLS (sizeof(calls) / sizeof(calls[0]))

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* The measured process: makes the call that it is told, and says what it took. */
static int caller(struct target *t)
{
	static uint64_t ticks[MOST_ROUNDS];

	/* Nothing else lies near. */
	place = mmap(NULL, 16 * BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (place == MAP_FAILED)
		return 1;
	munmap(place, 16 * BYTES);
	place += 4 * BYTES;
	for (;;) {
		const struct call *c;

		target_pause(t);
		c = &calls[t->shared[CALL]];
		for (int i = 0; i < c->rounds; i++) {
			uint64_t begin;

			if (c->before)
				c->before();
			begin = __rdtsc();
			c->call();
			ticks[i] = __rdtsc() - begin;
		}
		qsort(ticks, (size_t)c->rounds, sizeof(*ticks), compare);
		t->shared[MEDIAN] = ticks[c->rounds / 2];
		t->shared[LOW] = ticks[c->rounds / 20];
		t->shared[HIGH] = ticks[c->rounds - 1 - c->rounds / 20];
	}
	return 0;
}

struct figure {
	double median;
	double low;
	double high;
};

static void measure(struct target *t, struct figure *ret)
{
	for (size_t i = 0; i < NR_CALLS; i++) {
		t->shared[CALL] = i;
		if (target_next(t))
			die("the measured process is gone");
		ret[i] = (struct figure){(double)t->shared[MEDIAN], (double)t->shared[LOW],
					 (double)t->shared[HIGH]};
	}
}

static int stream_open(const struct session *s, uint64_t mask)
{
	struct glassram_events args = {.size = sizeof(args), .mask = mask, .records = 65536};
	int fd = ioctl(s->fd, GLASSRAM_EVENTS, &args);

	if (fd < 0)
		die("no stream of events: does this kernel have layout events?");
	return fd;
}

static void follow(const struct session *s)
{
	struct glassram_options options = {
		.size = sizeof(options), .flags = GLASSRAM_OPTION_FOLLOW, .follow = 1,
	};

	if (ioctl(s->fd, GLASSRAM_OPTIONS, &options))
		die("the session cannot follow");
}

/* One session on @watched; what @t's calls cost without a stream and with one. */
static void compare_calls(struct target *t, pid_t watched, const char *whom, const char *method)
{
	struct figure without[NR_CALLS], again[NR_CALLS], with[NR_CALLS];
	struct session s;
	char name[64];
	int fd;

	if (session_open(&s, watched) || session_advance(&s, 0))
		die("the process cannot be watched");
	measure(t, without);
	measure(t, without);
	measure(t, again);
	fd = stream_open(&s, ALL_BUT_HIT);
	follow(&s);
	measure(t, with);
	measure(t, with);
	close(fd);
	session_close(&s);
	for (size_t i = 0; i < NR_CALLS; i++) {
		snprintf(name, sizeof(name), "events-%s-%s", whom, calls[i].name);
		row_put(&(struct row){
			.name = name,
			.measured = with[i].median - without[i].median,
			.bar = NO_BAR,
			.counted_bar = NO_BAR,
			.unit = "instructions",
			.low = again[i].median - without[i].median,
			.high = with[i].high - without[i].median,
			.samples = (size_t)calls[i].rounds,
			.method = method,
		});
	}
}

static double watched_write(struct writer *w, struct session *s, struct figure *ret)
{
	for (int i = 0; i < 3; i++) {
		if (session_advance(s, 0))
			die("ADVANCE failed");
		writer_do(w, WRITER_WRITE, 1);
	}
	ret->median = writer_median(w, &ret->low, &ret->high);
	return ret->median;
}

/* What a hit costs the writer when a stream of HIT wants it, too. */
static void compare_hits(void)
{
	struct figure silent, told;
	struct session s;
	struct writer w;
	int fd;

	writer_start(&w, PAGES);
	if (session_open(&s, w.target.pid))
		die("the process cannot be watched");
	watched_write(&w, &s, &silent);
	fd = stream_open(&s, 1ULL << GLASSRAM_EVENT_HIT);
	watched_write(&w, &s, &told);
	close(fd);
	session_close(&s);
	writer_finish(&w);
	row_put(&(struct row){
		.name = "events-hit",
		.measured = told.median - silent.median,
		.bar = NO_BAR,
		.counted_bar = NO_BAR,
		.unit = "instructions",
		.low = told.low - silent.median,
		.high = told.high - silent.median,
		.samples = PAGES,
		.method = "watched write with a stream of HIT open, less the same without",
	});
}

int main(int argc, char **argv)
{
	struct target t, other;

	if (argc != 3 || strcmp(argv[2], "--counted"))
		die("usage: events ROWS.jsonl --counted");
	rows_open(argv[1], false);
	if (target_start(&t, caller) || target_start(&other, caller))
		die("no process to measure");
	compare_hits();
	compare_calls(&t, other.pid, "other",
		      "system call while another process is watched: with a stream of all but HIT, less without; low: the null comparison");
	sleep(UNHOOKED);
	compare_calls(&t, t.pid, "watched",
		      "system call of a watched process: with a stream of all but HIT and following, less without; low: the null comparison");
	target_kill(&t);
	target_kill(&other);
	return rows_close();
}
