// SPDX-License-Identifier: GPL-2.0
/*
 * glassctl stats: the totals of one watching, with the self-check.
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "output.h"
#include "watch.h"

#define FIELD(name, text) { #name, offsetof(struct glassram_stats, name), \
			    sizeof(((struct glassram_stats *)0)->name), text }

/* The words are those of <linux/glassram.h>. */
static const struct field {
	const char *name;
	size_t offset;
	size_t size;
	const char *text;
} fields[] = {
	FIELD(epoch, "epochs opened so far, and 1"),
	FIELD(faults, "write faults seen"),
	FIELD(hits, "counted: once for each page and epoch"),
	FIELD(rejected, "not counted by the policy"),
	FIELD(deferred, "came before their page had a slot, and were kept"),
	FIELD(lost, "not counted anywhere"),
	FIELD(unexplained, "self-check: written without a hit; 0 unless something is wrong"),
	FIELD(armed, "pages armed, all epochs together"),
	FIELD(armed_last, "pages armed by the last tick"),
	FIELD(advance_ns, "ns spent in ticks, all together"),
	FIELD(advance_last_ns, "ns spent in the last tick"),
	FIELD(budget, "parts per 10,000 of CPU time that the target may pay; 10000: no limit"),
	FIELD(cpu_ns, "CPU time of the target meanwhile; 0 without a limit"),
	FIELD(price_ns, "what it paid for being watched, reckoned"),
	FIELD(again, "of it: faults of pages that had been armed"),
	FIELD(calls, "of it: runs of pages armed"),
	FIELD(unarmed, "pages that the budget left unarmed at the last tick"),
	FIELD(pages, "slots in which a page was seen"),
	FIELD(slots, "slots given out"),
	FIELD(memory, "bytes the module holds for this session"),
	FIELD(regions, "regions watched"),
	FIELD(refused, "regions that cannot be watched"),
	FIELD(threads, "threads seen writing"),
	FIELD(targets, "address spaces watched"),
	FIELD(session, "number of the session, for kfuncs"),
	FIELD(clients, "clients of the session, this one too"),
};

static uint64_t field_value(const struct glassram_stats *stats, const struct field *field)
{
	const char *at = (const char *)stats + field->offset;
	uint32_t narrow;
	uint64_t wide;

	if (field->size == sizeof(narrow)) {
		memcpy(&narrow, at, sizeof(narrow));
		return narrow;
	}
	memcpy(&wide, at, sizeof(wide));
	return wide;
}

static const char *state_name(uint32_t state)
{
	switch (state) {
	case GLASSRAM_STATE_LIVE:
		return "live";
	case GLASSRAM_STATE_ENDED:
		return "ended";
	case GLASSRAM_STATE_FAILED:
		return "failed";
	case GLASSRAM_STATE_PAUSED:
		return "paused";
	default:
		return "unknown";
	}
}

static void print_json(const struct glassctl_options *options, const struct glassram_stats *stats,
		       bool joined)
{
	json_t *object = json_pack("{s:i, s:f, s:s, s:b}", "pid", options->pid, "seconds",
				   options->seconds, "state", state_name(stats->state),
				   "joined", joined);

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		json_object_set_new(object, fields[i].name,
				    json_integer(field_value(stats, &fields[i])));
	json_print(object);
}

static void print_table(const struct glassram_stats *stats)
{
	struct table *table = table_create(3, "NAME", ">VALUE", "MEANING");

	table_cell(table, "state");
	table_cell(table, "%s", state_name(stats->state));
	table_cell(table, "of the session");
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		table_cell(table, "%s", fields[i].name);
		table_cell(table, "%llu", (unsigned long long)field_value(stats, &fields[i]));
		table_cell(table, "%s", fields[i].text);
	}
	table_finish(table);
}

int glassctl_stats(const struct glassctl_options *options)
{
	bool joined = false;
	struct glassram_session *session = watch(options, &joined);
	struct glassram_stats stats;
	int status = GLASSCTL_DONE;

	if (!session)
		return GLASSCTL_FAILED;
	if (glassram_stats(session, &stats))
		status = watch_failed();
	else if (options->json)
		print_json(options, &stats, joined);
	else
		print_table(&stats);
	watch_end(session);
	return status;
}
