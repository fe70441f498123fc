// SPDX-License-Identifier: GPL-2.0
/*
 * What /proc says of the targets, and what watching costs them.
 *
 * Weak: the overhead is an estimate, see FAULT_COST; while targets come and go
 * there is none, because the CPU time of the dead is not known.
 */
#define _GNU_SOURCE
#include "source_process.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "machine.h"

/*
 * Seconds that one watched write costs the target, the fault itself included:
 * measured on a real machine; and in the lab VM under TCG, where tests/bench
 * gives 4.7 us as the smallest of many rounds and much more when the host is
 * busy, so that the overhead shown there is a lower bound.
 */
#define FAULT_COST 0.75e-6
#define FAULT_COST_EMULATED 5e-6

#define OVERHEAD_SECONDS 2.0
#define OVERHEAD_SECONDS_MIN 1.0

/* Read a small file of /proc/PID. Return: its length, or -1 if it is gone. */
static ssize_t read_proc(pid_t pid, const char *name, char *buffer, size_t size)
{
	char path[64];
	FILE *file;
	size_t n;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	file = fopen(path, "re");
	if (!file)
		return -1;
	n = fread(buffer, 1, size - 1, file);
	fclose(file);
	buffer[n] = '\0';
	return n ? (ssize_t)n : -1;
}

/* Adds the memory and threads of one process to @view. Return: its CPU ticks. */
static uint64_t add_process(struct source_view *view, pid_t pid)
{
	unsigned long long user = 0, system = 0, resident;
	unsigned int threads;
	char text[1024], *fields;

	if (read_proc(pid, "statm", text, sizeof(text)) > 0 &&
	    sscanf(text, "%*u %llu", &resident) == 1)
		view->rss += resident * (uint64_t)sysconf(_SC_PAGESIZE);
	if (read_proc(pid, "stat", text, sizeof(text)) <= 0)
		return 0;
	/* The name may hold anything, a bracket too: start behind the last one. */
	fields = strrchr(text, ')');
	if (!fields || sscanf(fields + 1,
			      " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d %*d %u",
			      &user, &system, &threads) != 3)
		return 0;
	view->nr_target_threads += threads;
	return user + system;
}

/* The newest sample that is old enough, or else the oldest. */
static const struct process_sample *choose_sample(const struct process_figures *figures,
						  double now)
{
	unsigned int kept = figures->nr_samples < OVERHEAD_SAMPLES ? figures->nr_samples :
								     OVERHEAD_SAMPLES;
	const struct process_sample *sample = NULL;

	for (unsigned int i = 1; i <= kept; i++) {
		sample = &figures->samples[(figures->nr_samples - i) % OVERHEAD_SAMPLES];
		if (now - sample->at >= OVERHEAD_SECONDS)
			break;
	}
	return sample && now - sample->at >= OVERHEAD_SECONDS_MIN ? sample : NULL;
}

/* Time that watching took, over the CPU time of the targets; negative if unknown. */
static double overhead(const struct process_sample *now, const struct process_sample *then)
{
	double fault_cost = machine_is_emulated() ? FAULT_COST_EMULATED : FAULT_COST;
	double cost, cpu;

	/* Also after a RESET, when totals are smaller than before. */
	if (now->newest != then->newest || now->live != then->live ||
	    now->faults < then->faults || now->advance_ns < then->advance_ns ||
	    now->cpu_ticks <= then->cpu_ticks)
		return -1;
	cost = (double)(now->faults - then->faults) * fault_cost +
	       (double)(now->advance_ns - then->advance_ns) * 1e-9;
	cpu = (double)(now->cpu_ticks - then->cpu_ticks) / (double)sysconf(_SC_CLK_TCK);
	return cost > cpu ? 1 : cost / cpu;
}

void process_refresh(struct process_figures *figures, struct source_view *view)
{
	struct process_sample now = {
		.at = machine_seconds(),
		.faults = view->stats.faults,
		.advance_ns = view->stats.advance_ns,
		.live = view->nr_processes,
	};
	const struct process_sample *then;
	char text[64];

	if (read_proc(view->pid, "comm", text, sizeof(text)) > 0) {
		text[strcspn(text, "\n")] = '\0';
		snprintf(view->comm, sizeof(view->comm), "%.*s", GLASSRAM_COMM_LEN - 1, text);
	}
	view->rss = 0;
	view->nr_target_threads = 0;
	for (size_t i = 0; i < view->nr_targets; i++) {
		const struct glassram_target *target = &view->targets[i];

		now.newest = target->id;
		if (target->state == GLASSRAM_STATE_LIVE)
			now.cpu_ticks += add_process(view, (pid_t)target->tgid);
	}
	if (!view->nr_targets)
		now.cpu_ticks = add_process(view, view->pid);
	then = choose_sample(figures, now.at);
	if (then)
		view->overhead = overhead(&now, then);
	figures->samples[figures->nr_samples++ % OVERHEAD_SAMPLES] = now;
}
