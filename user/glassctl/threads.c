// SPDX-License-Identifier: GPL-2.0
/*
 * glassctl threads: who was seen writing, busiest first.
 *
 * Weak spot: only the first writer of a page in an epoch is seen, so threads
 * that write the same pages share their hits by chance.
 */
#include <stdio.h>
#include <stdlib.h>

#include "output.h"
#include "watch.h"

static int by_hits(const void *a, const void *b)
{
	const struct glassram_thread *x = a, *y = b;

	if (x->hits != y->hits)
		return x->hits < y->hits ? 1 : -1;
	return x->slot < y->slot ? -1 : x->slot > y->slot;
}

static json_t *thread_json(const struct glassram_thread *thread)
{
	return json_pack("{s:i, s:i, s:i, s:I, s:o, s:I, s:I, s:i}",
			 "slot", thread->slot, "tid", thread->tid, "tgid", thread->tgid,
			 "target", (json_int_t)thread->target,
			 "comm", json_text(thread->comm), "start_ns", (json_int_t)thread->start_ns,
			 "hits", (json_int_t)thread->hits, "last_epoch", thread->last_epoch);
}

static void print_table(const struct glassram_thread *threads, size_t nr, uint64_t overflow)
{
	struct table *table = table_create(5, ">PID", ">TID", ">HITS", ">LAST EPOCH", "NAME");

	for (size_t i = 0; i < nr; i++) {
		table_cell(table, "%u", threads[i].tgid);
		table_cell(table, "%u", threads[i].tid);
		table_cell(table, "%llu", (unsigned long long)threads[i].hits);
		table_cell(table, "%u", threads[i].last_epoch);
		table_cell(table, "%.*s", GLASSRAM_COMM_LEN, threads[i].comm);
	}
	table_finish(table);
	if (overflow)
		printf("%llu more hits by threads that found the thread table full\n",
		       (unsigned long long)overflow);
	if (!nr)
		puts("no thread wrote while it was watched");
}

int glassctl_threads(const struct glassctl_options *options)
{
	bool joined = false;
	struct glassram_session *session = watch(options, &joined);
	struct glassram_thread *threads = NULL;
	uint64_t overflow = 0;
	size_t nr = 0;
	int status = GLASSCTL_DONE;

	if (!session)
		return GLASSCTL_FAILED;
	if (glassram_threads(session, &threads, &nr, &overflow)) {
		status = watch_failed();
		goto detach;
	}
	if (nr)
		qsort(threads, nr, sizeof(*threads), by_hits);
	if (options->json) {
		json_t *array = json_array();

		for (size_t i = 0; i < nr; i++)
			json_array_append_new(array, thread_json(&threads[i]));
		json_print(json_pack("{s:i, s:f, s:b, s:I, s:o}", "pid", options->pid,
				     "seconds", options->seconds, "joined", joined,
				     "overflow", (json_int_t)overflow, "threads", array));
	} else {
		print_table(threads, nr, overflow);
	}
	free(threads);
detach:
	watch_end(session);
	return status;
}
