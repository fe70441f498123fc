// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a fault costs, in instructions. For a machine that counts them: QEMU
 * with -icount shift=0, where the time-stamp counter goes up by one with each
 * instruction, of user and kernel alike. So the figures are exact, and the same
 * at each run.
 *
 * Weak spot: instructions are not time; cache misses and locked instructions
 * count one.
 */
#define _GNU_SOURCE
#include <glassram/glassram.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "module.h"
#include "row.h"
#include "session.h"
#include "writer.h"

#define PAGES 2048UL
#define ROUNDS 4

enum { BARE, NULL_BARE, WATCHED, POLICY, UNWATCHED, NR_WRITES };

struct figure {
	double median;
	double low;
	double high;
};

static struct figure figure_of(const struct writer *w)
{
	struct figure f;

	f.median = writer_median(w, &f.low, &f.high);
	return f;
}

static void put(const char *name, struct figure f, double base, double bar, const char *method)
{
	row_put(&(struct row){
		.name = name,
		.measured = f.median - base,
		.bar = bar,
		.unit = "instructions",
		.low = f.low - base,
		.high = f.high - base,
		.samples = PAGES,
		.method = method,
	});
}

static void check_clock(struct writer *w)
{
	uint32_t ticks;

	writer_do(w, WRITER_LOOP, 0);
	ticks = w->ticks[0];
	if (ticks < 1000000 || ticks > 1040000)
		die("a loop of 1,000,000 instructions took %u ticks: this needs QEMU's -icount shift=0",
		    ticks);
	row_put(&(struct row){
		.name = "clock-of-a-million",
		.measured = ticks,
		.bar = NO_BAR,
		.unit = "instructions",
		.low = ticks,
		.high = ticks,
		.samples = 1,
		.method = "a loop of 1,000,000 instructions, interrupts included: the clock counts instructions",
	});
}

/* One pass over an armed arena; the first passes warm the kernel's code paths. */
static struct figure bare_write(struct writer *w)
{
	for (int i = 0; i < ROUNDS; i++) {
		writer_do(w, WRITER_ARM, 0);
		writer_do(w, WRITER_WRITE, 1);
	}
	return figure_of(w);
}

static struct figure fresh(struct writer *w)
{
	for (int i = 0; i < ROUNDS; i++)
		writer_do(w, WRITER_FRESH, 0);
	return figure_of(w);
}

static struct figure watched_write(struct writer *w, struct session *s)
{
	uint64_t hits;

	for (int i = 0; i < ROUNDS; i++) {
		if (session_advance(s, 0) || session_stats(s))
			die("ADVANCE failed");
		hits = s->stats.hits;
		writer_do(w, WRITER_WRITE, 1);
	}
	if (session_stats(s) || s->stats.hits - hits < PAGES)
		die("%lu hits for %lu written pages: nothing was watched",
		    (unsigned long)(s->stats.hits - hits), PAGES);
	return figure_of(w);
}

static void bind_policy(struct session *s, const char *name)
{
	struct glassram_options options = {.size = sizeof(options), .flags = GLASSRAM_OPTION_POLICY};

	strncpy(options.policy, name, sizeof(options.policy) - 1);
	if (ioctl(s->fd, GLASSRAM_OPTIONS, &options))
		die("the policy %s cannot be bound", name);
}

int main(int argc, char **argv)
{
	struct figure write[NR_WRITES], first, first_unwatched, first_watched;
	struct glassram_policy *policy;
	struct writer measured, other;
	struct session session;

	if (argc != 3)
		die("usage: fault_instructions ROWS.jsonl POLICY.bpf.o");
	rows_open(argv[1], false);
	writer_start(&measured, PAGES);
	writer_start(&other, PAGES);
	check_clock(&measured);

	writer_do(&measured, WRITER_PROTECT, 0);
	write[BARE] = bare_write(&measured);
	write[NULL_BARE] = bare_write(&measured);
	first = fresh(&measured);

	module_load();
	if (session_open(&session, other.target.pid) || session_advance(&session, 0))
		die("the other process cannot be watched");
	write[UNWATCHED] = bare_write(&measured);
	first_unwatched = fresh(&measured);
	session_close(&session);
	writer_do(&measured, WRITER_UNPROTECT, 0);

	if (session_open(&session, measured.target.pid))
		die("the process cannot be watched");
	write[WATCHED] = watched_write(&measured, &session);
	first_watched = fresh(&measured);
	if (glassram_policy_load(argv[2], &policy))
		die("%s", glassram_error_message());
	bind_policy(&session, glassram_policy_name(policy));
	write[POLICY] = watched_write(&measured, &session);
	glassram_policy_unload(policy);
	session_close(&session);

	put("bare-write-fault", write[BARE], 0, NO_BAR,
	    "own userfaultfd with WP_ASYNC, armed by PAGEMAP_SCAN, module not loaded; median of a pass");
	put("bare-write-fault-again", write[NULL_BARE], write[BARE].median, NO_BAR,
	    "null comparison: the same once more, less bare-write-fault");
	put("watched-write", write[WATCHED], write[BARE].median, 250,
	    "session attached, armed by ADVANCE; median of a pass less bare-write-fault");
	put("watched-write-policy", write[POLICY], write[BARE].median, 400,
	    "the same with the default policy loaded and bound");
	put("unwatched-write", write[UNWATCHED], write[BARE].median, 120,
	    "bare-write-fault of a process while another one is watched, less bare-write-fault");
	put("bare-first-touch", first, 0, NO_BAR,
	    "first store to a fresh page, module not loaded; median of a pass");
	put("unwatched-first-touch", first_unwatched, first.median, 120,
	    "first touch by a process while another one is watched, less bare-first-touch");
	put("watched-first-touch", first_watched, first.median, NO_BAR,
	    "first touch in a mapping that ADVANCE has not seen yet, less bare-first-touch");

	writer_finish(&measured);
	writer_finish(&other);
	module_unload();
	return rows_close();
}
