// SPDX-License-Identifier: GPL-2.0
/*
 * glassctl targets: the address spaces of a session, and how late each of them
 * came under watch.
 */
#include <stdio.h>
#include <stdlib.h>

#include "output.h"
#include "watch.h"

static const char *state_name(const struct glassram_target *target)
{
	return target->state == GLASSRAM_STATE_LIVE ? "live" : "ended";
}

static json_t *target_json(const struct glassram_target *target)
{
	return json_pack("{s:I, s:s, s:i, s:i, s:I, s:I, s:o}", "id", (json_int_t)target->id,
			 "state", state_name(target), "pid", target->tgid,
			 "regions", target->regions, "late_ns", (json_int_t)target->late_ns,
			 "late_run_ns", (json_int_t)target->late_run_ns,
			 "comm", json_text(target->comm));
}

static void print_table(const struct glassram_target *targets, size_t nr)
{
	struct table *table = table_create(7, ">TARGET", ">PID", "STATE", ">REGIONS", ">LATE ms",
					   ">RUN ms", "NAME");

	for (size_t i = 0; i < nr; i++) {
		table_cell(table, "%u", targets[i].id);
		table_cell(table, "%u", targets[i].tgid);
		table_cell(table, "%s", state_name(&targets[i]));
		table_cell(table, "%u", targets[i].regions);
		table_cell(table, "%.1f", targets[i].late_ns / 1e6);
		table_cell(table, "%.1f", targets[i].late_run_ns / 1e6);
		table_cell(table, "%.*s", GLASSRAM_COMM_LEN, targets[i].comm);
	}
	table_finish(table);
}

int glassctl_targets(const struct glassctl_options *options)
{
	bool joined = false;
	struct glassram_session *session = watch(options, &joined);
	struct glassram_target *targets = NULL;
	size_t nr = 0;
	int status = GLASSCTL_DONE;

	if (!session)
		return GLASSCTL_FAILED;
	if (glassram_targets(session, &targets, &nr)) {
		status = watch_failed();
	} else if (options->json) {
		json_t *array = json_array();

		for (size_t i = 0; i < nr; i++)
			json_array_append_new(array, target_json(&targets[i]));
		json_print(json_pack("{s:i, s:f, s:b, s:o}", "pid", options->pid, "seconds",
				     options->seconds, "joined", joined, "targets", array));
	} else {
		print_table(targets, nr);
	}
	free(targets);
	watch_end(session);
	return status;
}
