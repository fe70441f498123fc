// SPDX-License-Identifier: GPL-2.0
/*
 * glassctl sample-bench: what sampling costs, and how true the map stays, shown
 * on recorded traces with the code that runs live.
 *
 * Each trace is replayed with the module's decider and the library's estimator,
 * then with the stratified scheme at the same total price, and as it stands in
 * the books: disarming for nothing, at the same share of faults.
 * Weak: the prices are constants of one machine (they are printed); the time is
 * that of this one.
 */
#include <stdio.h>
#include <string.h>

#include "../analysis/replay.h"
#include "glassctl.h"
#include "output.h"

static const char *const methods[] = {
	[GLASSRAM_METHOD_NEIGHBOURS] = "neighbours",
	[GLASSRAM_METHOD_DIRECT] = "direct",
	[GLASSRAM_METHOD_L1] = "l1",
};

bool glassctl_method(const char *name, int *ret_method)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (strcmp(methods[i], name))
			continue;
		*ret_method = i;
		return true;
	}
	return false;
}

/* One line of the output, and what came of it. */
struct row {
	const char *scheme;
	struct gr_replay_result result;
};

static void add_cells(struct table *table, const char *name, const struct row *row)
{
	const struct gr_replay_result *result = &row->result;
	bool ours = result->reported[0] > 0;

	table_cell(table, "%s", name);
	table_cell(table, "%s", row->scheme);
	table_cell(table, "%.3f", result->faults);
	table_cell(table, "%.0f", result->price_us);
	for (size_t i = 0; i < REPLAY_SIZES; i++)
		table_cell(table, ours ? "%.3f (%.3f)" : "%.3f", result->accuracy[i],
			   result->reported[i]);
	table_cell(table, "%.3f", result->f1);
	table_cell(table, "%.1f", result->ms);
}

static json_t *row_json(const char *name, const struct row *row)
{
	const struct gr_replay_result *result = &row->result;

	return json_pack("{s:o, s:s, s:i, s:f, s:I, s:I, s:f, s:[f,f,f], s:[f,f,f], s:f, s:f, s:f, s:f, s:i, s:f}",
			 "trace", json_text(name), "scheme", row->scheme,
			 "windows", result->windows, "faults", result->faults,
			 "hits", (json_int_t)result->hits, "calls", (json_int_t)result->calls,
			 "price_us", result->price_us,
			 "accuracy", result->accuracy[0], result->accuracy[1], result->accuracy[2],
			 "reported", result->reported[0], result->reported[1], result->reported[2],
			 "f1", result->f1, "window_ms", result->ms,
			 "decide_ms", result->decide_ms,
			 "coverage", result->figures.coverage,
			 "iterations", result->figures.iterations,
			 "sparsity", result->figures.sparsity);
}

static json_t *oracle_json(const char *name, const double *oracle, const struct row *ours)
{
	const double *accuracy = ours->result.accuracy;

	return json_pack("{s:o, s:s, s:[f,f,f], s:[f,f,f]}", "trace", json_text(name),
			 "scheme", "oracle", "accuracy", oracle[0], oracle[1], oracle[2], "gap",
			 oracle[0] - accuracy[0], oracle[1] - accuracy[1], oracle[2] - accuracy[2]);
}

static void add_oracle(struct table *table, const char *name, const double *oracle,
		       const struct row *ours)
{
	table_cell(table, "%s", name);
	table_cell(table, "oracle (gap)");
	table_cell(table, "-");
	table_cell(table, "-");
	for (size_t i = 0; i < REPLAY_SIZES; i++)
		table_cell(table, "%.3f (%+.3f)", oracle[i],
			   oracle[i] - ours->result.accuracy[i]);
	table_cell(table, "-");
	table_cell(table, "-");
}

static enum glassram_error bench_rows(const struct gr_replay *replay,
				      const struct glassctl_options *options, struct row rows[3],
				      double oracle[REPLAY_SIZES])
{
	struct gr_replay_settings settings = {
		.share = options->budget,
		.method = options->method,
		.stride = options->budget < 1 ? 1 / options->budget + 0.5 : 1,
	};
	enum glassram_error error;

	rows[0].scheme = methods[options->method];
	error = gr_replay_run(replay, &settings, &rows[0].result);
	if (error)
		return error;
	rows[1].scheme = "stratified, same price";
	error = gr_replay_match(replay, rows[0].result.price_us, &rows[1].result);
	if (error)
		return error;
	rows[2].scheme = "stratified, ideal";
	settings.scheme = REPLAY_STRATIFIED_IDEAL;
	error = gr_replay_run(replay, &settings, &rows[2].result);
	if (error || !options->oracle)
		return error;
	return gr_replay_oracle(replay, options->budget, oracle);
}

static int bench_trace(const char *path, const struct glassctl_options *options,
		       struct table *table, json_t *array)
{
	const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	double oracle[REPLAY_SIZES] = { 0 };
	struct glassram_trace trace;
	struct gr_replay replay;
	struct row rows[3];
	enum glassram_error error;
	size_t i;

	error = glassram_trace_load(path, &trace);
	if (error)
		goto fail;
	error = gr_replay_init(&replay, &trace);
	if (!error) {
		error = bench_rows(&replay, options, rows, oracle);
		gr_replay_finish(&replay);
	}
	if (!error && !rows[0].result.windows) {
		fprintf(stderr, "glassctl: %s: %zu epochs are less than a window of %d: record for longer\n",
			path, trace.nr_epochs, GLASSRAM_WINDOW);
		glassram_trace_finish(&trace);
		return GLASSCTL_FAILED;
	}
	glassram_trace_finish(&trace);
	if (error)
		goto fail;
	for (i = 0; i < 3; i++) {
		if (table)
			add_cells(table, name, &rows[i]);
		else
			json_array_append_new(array, row_json(name, &rows[i]));
	}
	if (options->oracle && table)
		add_oracle(table, name, oracle, &rows[0]);
	else if (options->oracle)
		json_array_append_new(array, oracle_json(name, oracle, &rows[0]));
	return GLASSCTL_DONE;
fail:
	fprintf(stderr, "glassctl: %s\n", glassram_error_message());
	return GLASSCTL_FAILED;
}

int glassctl_sample_bench(const struct glassctl_options *options)
{
	struct table *table = NULL;
	json_t *array = NULL;
	int status = GLASSCTL_DONE;

	if (!options->nr_files) {
		fputs("glassctl: sample-bench needs a TRACE: `glassctl trace` records one\n", stderr);
		return GLASSCTL_USAGE;
	}
	if (options->json)
		array = json_array();
	else
		table = table_create(9, "TRACE", "SCHEME", ">FAULTS", ">PRICE us", ">PAGE",
				     ">16 PAGES", ">64 PAGES", ">F1", ">ms/WINDOW");
	for (size_t i = 0; i < options->nr_files && status == GLASSCTL_DONE; i++)
		status = bench_trace(options->files[i], options, table, array);
	if (options->json) {
		json_print(json_pack("{s:f, s:i, s:i, s:i, s:o}", "budget", options->budget,
				     "fault_ns", REPLAY_FAULT_NS, "call_ns", REPLAY_CALL_NS,
				     "window_epochs", GLASSRAM_WINDOW, "rows", array));
		return status;
	}
	table_finish(table);
	printf("\nFaults: hits as a share of all writes but first touches (%.2f allowed). Price: hits x %d ns\n"
	       "and arming calls x %d ns. Accuracy: 1 - sum of errors / sum of truth; in brackets what the\n"
	       "estimator thought of itself. F1: of the pages written at all.\n",
	       options->budget, REPLAY_FAULT_NS, REPLAY_CALL_NS);
	return status;
}
