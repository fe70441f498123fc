// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long it takes to start watching a process with 1,000 mappings, to read
 * its region table, and to stop: idle, and while four threads write.
 *
 * Weak spot: times of single system calls, so a busy host shows in the spread.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "row.h"
#include "series.h"
#include "session.h"
#include "writer.h"

#define MAPPINGS 1000
#define MAPPING_PAGES 4
/* From one mapping to the next: the gap keeps them apart. */
#define MAPPING_STEP (16 * PAGE)
/* Short, and easily disturbed: the minimum of many. */
#define ROUNDS 40
#define CLOSE_ROUNDS 12
/* Counted instructions hardly vary, and counting is slow. */
#define ROUNDS_COUNTED 3
#define BUSY_THREADS 4
#define BUSY_PAGES 4096UL

static int rounds, close_rounds;

static int many_mappings(struct target *t)
{
	char *base = mmap(NULL, MAPPINGS * MAPPING_STEP, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (base == MAP_FAILED || munmap(base, MAPPINGS * MAPPING_STEP))
		return 1;
	for (int i = 0; i < MAPPINGS; i++)
		if (mmap(base + i * MAPPING_STEP, MAPPING_PAGES * PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE | MAP_FIXED_NOREPLACE, -1,
			 0) == MAP_FAILED)
			return 2;
	target_pause(t);
	return 0;
}

static int no_mappings(struct target *t)
{
	target_pause(t);
	return 0;
}

static void put(const char *name, const struct series *s, double bar, const char *method)
{
	row_put(&(struct row){
		.name = name,
		.measured = series_min(s),
		.bar = bar,
		.counted_bar = NO_BAR,
		.unit = "ms",
		.low = series_min(s),
		.high = series_max(s),
		.samples = s->nr,
		.method = method,
	});
}

static double ms_since(uint64_t begin)
{
	return (double)(now_ns() - begin) / 1e6;
}

/* ATTACH alone; session_open() also makes memory for itself and maps the counters. */
static int attach(pid_t pid, int mem_fd, int pagemap_fd, void *work)
{
	struct glassram_attach arg = {
		.size = sizeof(arg),
		.pid = pid,
		.mem_fd = mem_fd,
		.pagemap_fd = pagemap_fd,
		.work = (uintptr_t)work,
		.work_len = SESSION_WORK,
	};
	int device = device_open(), fd;

	if (device < 0)
		die("/dev/glassram cannot be opened");
	fd = ioctl(device, GLASSRAM_ATTACH, &arg);
	close(device);
	if (fd < 0)
		die("process %d cannot be watched", (int)pid);
	return fd;
}

static void advance(int fd, void *work)
{
	struct glassram_advance arg = {
		.size = sizeof(arg),
		.work = (uintptr_t)work,
		.work_len = SESSION_WORK,
	};

	if (ioctl(fd, GLASSRAM_ADVANCE, &arg))
		die("ADVANCE failed");
}

static void measure_attach(const char *name, const char *armed_name,
			   int (*body)(struct target *t), double bar)
{
	struct series attached = {.nr = 0}, armed = {.nr = 0};
	struct session files;
	struct target target;

	if (target_start(&target, body))
		die("cannot make the process to be watched");
	/* Its open files and work area are used, not its session. */
	if (session_open(&files, target.pid))
		die("the process cannot be watched");
	close(files.fd);
	munmap((void *)files.control, PAGE);
	files.fd = -1;
	files.control = NULL;
	for (int i = 0; i < rounds; i++) {
		uint64_t begin = now_ns();
		int fd = attach(target.pid, files.mem_fd, files.pagemap_fd, files.work);

		series_add(&attached, ms_since(begin));
		advance(fd, files.work);
		series_add(&armed, ms_since(begin));
		close(fd);
	}
	session_close(&files);
	target_kill(&target);
	put(name, &attached, bar, "ATTACH; minimum. The ftrace hook is registered already");
	put(armed_name, &armed, bar, "ATTACH and the first ADVANCE, which arms every page; minimum");
}

static void measure_table(void)
{
	struct series table = {.nr = 0};
	struct glassram_region *regions;
	struct session session;
	struct target target;

	if (target_start(&target, many_mappings) || session_open(&session, target.pid))
		die("the process cannot be watched");
	for (int i = 0; i < rounds; i++) {
		uint64_t begin = now_ns();

		if (session_regions(&session, &regions, NULL) < MAPPINGS)
			die("fewer than %d regions", MAPPINGS);
		series_add(&table, ms_since(begin));
		free(regions);
	}
	session_close(&session);
	target_kill(&target);
	put("regions-1000", &table, 10, "REGIONS of 1,000 mappings with names, both calls; minimum");
}

static void measure_close(const char *name, uint64_t threads, const char *method)
{
	struct series close_ms = {.nr = 0};
	struct session session;
	struct writer writer;

	writer_start(&writer, BUSY_PAGES);
	writer_do(&writer, WRITER_BUSY, threads);
	for (int i = 0; i < close_rounds; i++) {
		uint64_t begin;

		if (session_open(&session, writer.target.pid))
			die("the process cannot be watched");
		for (int k = 0; k < 3; k++) {
			if (session_advance(&session, 0))
				die("ADVANCE failed");
			usleep(20000);
		}
		begin = now_ns();
		close(session.fd);
		/* The control page keeps the session, until it is unmapped. */
		munmap((void *)session.control, PAGE);
		series_add(&close_ms, ms_since(begin));
		session.fd = -1;
		session.control = NULL;
		session_close(&session);
	}
	writer_finish(&writer);
	put(name, &close_ms, NO_BAR, method);
}

int main(int argc, char **argv)
{
	if (argc < 2 || (argc > 2 && strcmp(argv[2], "--counted")))
		die("usage: attach ROWS.jsonl [--counted]");
	rows_open(argv[1], argc > 2);
	rounds = argc > 2 ? ROUNDS_COUNTED : ROUNDS;
	close_rounds = argc > 2 ? ROUNDS_COUNTED : CLOSE_ROUNDS;
	measure_attach("attach-1000", "attach-1000-armed", many_mappings, 40);
	measure_attach("attach-small", "attach-small-armed", no_mappings, NO_BAR);
	measure_table();
	measure_close("close-idle", 0, "close of a session whose target sleeps, everything undone when it returns; minimum");
	measure_close("close-busy", BUSY_THREADS, "the same while four threads of the target write");
	return rows_close();
}
