// SPDX-License-Identifier: GPL-2.0
/*
 * glassctl list: the processes of this machine, and which of them the caller
 * may watch. Works without the module.
 */
#include <stdio.h>
#include <stdlib.h>

#include <glassram/glassram.h>

#include "glassctl.h"
#include "output.h"

static json_t *process_json(const struct glassram_process *process)
{
	return json_pack("{s:i, s:i, s:I, s:o, s:b}",
			 "pid", process->pid, "threads", process->threads,
			 "rss_bytes", (json_int_t)process->rss, "comm", json_text(process->comm),
			 "watchable", process->watchable);
}

int glassctl_list(const struct glassctl_options *options)
{
	struct glassram_process *processes;
	struct table *table;
	char rss[BYTES_TEXT];
	json_t *array;
	size_t nr;

	if (glassram_processes(&processes, &nr)) {
		fprintf(stderr, "glassctl: %s\n", glassram_error_message());
		return GLASSCTL_FAILED;
	}
	if (options->json) {
		array = json_array();
		for (size_t i = 0; i < nr; i++)
			json_array_append_new(array, process_json(&processes[i]));
		json_print(array);
	} else {
		table = table_create(5, ">PID", ">THREADS", ">RSS", "WATCHABLE", "NAME");
		for (size_t i = 0; i < nr; i++) {
			table_cell(table, "%d", processes[i].pid);
			table_cell(table, "%u", processes[i].threads);
			table_cell(table, "%s", bytes_text(processes[i].rss, rss));
			table_cell(table, "%s", processes[i].watchable ? "yes" : "no");
			table_cell(table, "%s", processes[i].comm);
		}
		table_finish(table);
	}
	free(processes);
	return GLASSCTL_DONE;
}
