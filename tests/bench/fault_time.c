// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a fault costs, in time, against the bare one: each round does every
 * variant once, so that all of them meet the same moods of the machine. The
 * median store of a pass stands for it, so that what else the host did
 * meanwhile touches few figures, and the smallest one of all rounds counts. The
 * bare variant is done twice a round; the ratio of these two shows how far a
 * ratio can be trusted.
 *
 * Weak spot: an emulated machine has other costs than a real one (no caches, no
 * pipelines; translation of code), so the ratios are those of the emulation.
 */
#define _GNU_SOURCE
#include <glassram/glassram.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <x86intrin.h>

#include "module.h"
#include "row.h"
#include "series.h"
#include "session.h"
#include "writer.h"

#define PAGES 4096UL
#define ROUNDS 12
/* A synchronous fault takes so long that some pages must do. */
#define SYNC_STRIDE 16

enum {
	BARE,
	BARE_AGAIN,
	FRESH,
	FRESH_AGAIN,
	SYNC,
	UNWATCHED,
	UNWATCHED_FRESH,
	WATCHED,
	POLICY,
	NR_VARIANTS
};

static struct series cost[NR_VARIANTS];

/* In ticks of the time-stamp counter. */
static void note(int variant, const struct writer *w)
{
	series_add(&cost[variant], writer_median(w, NULL, NULL));
}

static void armed_pass(int variant, struct writer *w, uint64_t stride)
{
	writer_do(w, WRITER_ARM, 0);
	writer_do(w, WRITER_WRITE, stride);
	note(variant, w);
}

static void fresh_pass(int variant, struct writer *w)
{
	writer_do(w, WRITER_FRESH, 0);
	note(variant, w);
}

static void watched_pass(int variant, struct writer *w, struct session *s)
{
	/* The first ADVANCE arms, the second one only what the pass before it wrote. */
	for (int i = 0; i < 2; i++) {
		if (session_advance(s, 0))
			die("ADVANCE failed");
		if (!i)
			writer_do(w, WRITER_WRITE, 1);
	}
	writer_do(w, WRITER_WRITE, 1);
	note(variant, w);
}

static void bind_policy(struct session *s, const char *name)
{
	struct glassram_options options = {.size = sizeof(options), .flags = GLASSRAM_OPTION_POLICY};

	strncpy(options.policy, name, sizeof(options.policy) - 1);
	if (ioctl(s->fd, GLASSRAM_OPTIONS, &options))
		die("the policy %s cannot be bound", name);
}

static void without_module(struct writer *w)
{
	writer_do(w, WRITER_PROTECT_SYNC, 0);
	armed_pass(SYNC, w, SYNC_STRIDE);
	writer_do(w, WRITER_UNPROTECT, 0);
	writer_do(w, WRITER_PROTECT, 0);
	armed_pass(BARE, w, 1);
	armed_pass(BARE_AGAIN, w, 1);
	fresh_pass(FRESH, w);
	fresh_pass(FRESH_AGAIN, w);
}

/* The writer is still protected by its own userfaultfd when this begins. */
static void with_module(struct writer *w, struct writer *other, const char *policy_path)
{
	struct glassram_policy *policy;
	struct session session;

	if (session_open(&session, other->target.pid) || session_advance(&session, 0))
		die("the other process cannot be watched");
	armed_pass(UNWATCHED, w, 1);
	fresh_pass(UNWATCHED_FRESH, w);
	session_close(&session);
	writer_do(w, WRITER_UNPROTECT, 0);

	if (session_open(&session, w->target.pid))
		die("the process cannot be watched");
	watched_pass(WATCHED, w, &session);
	if (glassram_policy_load(policy_path, &policy))
		die("%s", glassram_error_message());
	bind_policy(&session, glassram_policy_name(policy));
	watched_pass(POLICY, w, &session);
	session_close(&session);
	glassram_policy_unload(policy);
}

static void put_cost(const char *name, int variant, double ns_per_tick, const char *method)
{
	row_put(&(struct row){
		.name = name,
		.measured = series_min(&cost[variant]) * ns_per_tick,
		.bar = NO_BAR,
		.unit = "ns",
		.low = series_min(&cost[variant]) * ns_per_tick,
		.high = series_max(&cost[variant]) * ns_per_tick,
		.samples = cost[variant].nr,
		.method = method,
	});
}

/* Minimum against minimum; the spread is that of the ratios within the rounds. */
static void put_ratio(const char *name, int variant, int base, const char *method)
{
	struct series ratio = {.nr = 0};

	for (size_t i = 0; i < cost[variant].nr; i++)
		series_add(&ratio, cost[variant].value[i] / cost[base].value[i]);
	row_put(&(struct row){
		.name = name,
		.measured = series_min(&cost[variant]) / series_min(&cost[base]),
		.bar = NO_BAR,
		.unit = "ratio",
		.low = series_min(&ratio),
		.high = series_max(&ratio),
		.samples = ratio.nr,
		.method = method,
	});
}

int main(int argc, char **argv)
{
	struct writer measured, other;
	uint64_t begin_ns, begin_ticks;
	double ns_per_tick;

	if (argc != 3)
		die("usage: fault_time ROWS.jsonl POLICY.bpf.o");
	rows_open(argv[1], false);
	writer_start(&measured, PAGES);
	writer_start(&other, PAGES);
	begin_ns = now_ns();
	begin_ticks = __rdtsc();
	for (int i = 0; i < ROUNDS; i++) {
		without_module(&measured);
		module_load();
		with_module(&measured, &other, argv[2]);
		module_unload();
	}
	ns_per_tick = (double)(now_ns() - begin_ns) / (double)(__rdtsc() - begin_ticks);

	put_cost("bare-write-fault-time", BARE, ns_per_tick,
		 "own userfaultfd with WP_ASYNC, armed by PAGEMAP_SCAN, module not loaded; median of a pass, minimum of the rounds");
	put_ratio("null-write-time", BARE_AGAIN, BARE,
		  "null comparison: bare-write-fault-time done twice a round");
	put_ratio("watched-write-time", WATCHED, BARE, "watched and armed by ADVANCE, to the bare one");
	put_ratio("watched-write-policy-time", POLICY, BARE,
		  "the same with the default policy loaded and bound");
	put_ratio("unwatched-write-time", UNWATCHED, BARE,
		  "the bare fault of a process while another one is watched");
	put_ratio("synchronous-write-time", SYNC, BARE,
		  "the naive design: synchronous write-protection, a thread of the process on another CPU reads each fault and releases the page");
	put_cost("bare-first-touch-time", FRESH, ns_per_tick,
		 "first store to a fresh page, module not loaded");
	put_ratio("null-first-touch-time", FRESH_AGAIN, FRESH, "null comparison: the same twice a round");
	put_ratio("unwatched-first-touch-time", UNWATCHED_FRESH, FRESH,
		  "first touch by a process while another one is watched");

	writer_finish(&measured);
	writer_finish(&other);
	return rows_close();
}
