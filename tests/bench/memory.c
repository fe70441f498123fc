// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a session takes: the counters dma-buf of 2^20 slots, and memory of the
 * module, of the kernel as a whole, and of the target's page tables.
 *
 * The target is the worst case for memory: one page in each block of slots.
 * Weak spot: MemFree moves for other reasons too; it is shown, not judged.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "row.h"
#include "series.h"
#include "session.h"
#include "target.h"

#define SLOTS (1UL << 20)
#define BLOCKS (SLOTS / GLASSRAM_BLOCK_SLOTS)
#define BLOCK_BYTES (GLASSRAM_BLOCK_SLOTS * PAGE)
#define ROUNDS 12

static int sparse(struct target *t)
{
	char *base = mmap(NULL, BLOCKS * BLOCK_BYTES, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (base == MAP_FAILED)
		return 1;
	madvise(base, BLOCKS * BLOCK_BYTES, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < BLOCKS; i++)
		base[i * BLOCK_BYTES] = 1;
	target_pause(t);
	return 0;
}

static int small(struct target *t)
{
	target_pause(t);
	return 0;
}

static long free_kb(void)
{
	FILE *file = fopen("/proc/meminfo", "re");
	char line[128];
	long kb = -1;

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "MemFree: %ld", &kb) == 1)
			break;
	if (file)
		fclose(file);
	return kb;
}

static void put(const char *name, double measured, double bar, const char *unit,
		const struct series *s, const char *method)
{
	row_put(&(struct row){
		.name = name,
		.measured = measured,
		.bar = bar,
		.unit = unit,
		.low = s ? series_min(s) : measured,
		.high = s ? series_max(s) : measured,
		.samples = s ? s->nr : 1,
		.method = method,
	});
}

static void measure_counters(const struct session *s)
{
	struct series ms = {.nr = 0};

	for (int i = 0; i < ROUNDS; i++) {
		struct glassram_column columns[SESSION_COLUMNS];
		struct glassram_counters arg = {
			.size = sizeof(arg),
			.columns = (uintptr_t)columns,
			.nr_columns = SESSION_COLUMNS,
		};
		uint64_t begin = now_ns();
		int fd = ioctl(s->fd, GLASSRAM_COUNTERS, &arg);

		series_add(&ms, (double)(now_ns() - begin) / 1e6);
		if (fd < 0 || arg.slots < SLOTS)
			die("COUNTERS gave %u slots, not 2^20", arg.slots);
		close(fd);
	}
	put("counters-2^20", series_min(&ms), 5, "ms", &ms,
	    "COUNTERS of 2^20 slots or more, minimum; the pages of the columns exist already");
}

static void measure_small(void)
{
	struct session session;
	struct target target;

	if (target_start(&target, small) || session_open(&session, target.pid) ||
	    session_advance(&session, 0) || session_stats(&session))
		die("the small process cannot be watched");
	put("memory-small-process", (double)session.stats.memory / 1024, NO_BAR, "KiB", NULL,
	    "STATS.memory of a session on a small process: what a session takes at least");
	session_close(&session);
	target_kill(&target);
}

int main(int argc, char **argv)
{
	struct session session;
	struct target target;
	uint64_t begin;
	long kb, tables_kb;
	double ms;

	if (argc != 2)
		die("usage: memory ROWS.jsonl");
	rows_open(argv[1], false);
	measure_small();
	if (target_start(&target, sparse))
		die("cannot make a process with a page in each of %lu blocks", BLOCKS);
	tables_kb = proc_status_kb(target.pid, "VmPTE");
	kb = free_kb();
	if (session_open(&session, target.pid))
		die("the process cannot be watched");
	begin = now_ns();
	if (session_advance(&session, 0) || session_stats(&session))
		die("ADVANCE failed");
	ms = (double)(now_ns() - begin) / 1e6;
	kb -= free_kb();
	tables_kb = proc_status_kb(target.pid, "VmPTE") - tables_kb;

	measure_counters(&session);
	put("first-advance-2^20", ms, NO_BAR, "ms", NULL,
	    "the first ADVANCE, which makes 2^20 slots, and the import of their counters");
	put("memory-per-slot", (double)session.stats.memory / (double)session.stats.slots, NO_BAR,
	    "bytes", NULL, "STATS.memory to STATS.slots at 2^20 slots: tables and room for growth included");
	put("memory-2^20", (double)session.stats.memory / 1024, NO_BAR, "KiB", NULL,
	    "STATS.memory at 2^20 slots");
	put("memory-2^20-free", (double)kb, NO_BAR, "KiB", NULL,
	    "by how much MemFree fell meanwhile, the work area and page tables of the client included");
	put("target-page-tables", (double)tables_kb, NO_BAR, "KiB", NULL,
	    "growth of VmPTE of that target: 4 GiB mapped, 1,024 pages populated");
	session_close(&session);
	target_kill(&target);
	return rows_close();
}
