// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every kind of memory that a program can map, by every way to write to it:
 * each page written once in an epoch has exactly one hit more, and that epoch
 * as its stamp; all other pages have none; the data is right. Where the kernel
 * refuses a writer, the refusal itself is expected.
 *
 * One exception, of the kernel's making: the first touch of a transparent huge
 * page is one fault for all of its 2 MiB, so that epoch has one hit there.
 *
 * With arguments: only the tests whose name contains one of them.
 *
 * Weak spot: one page at a time, nothing else going on. For what the kernel
 * does to pages meanwhile see matrix_moves.c and matrix_storms.c.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kselftest.h"
#include "matrix.h"

#define ROUNDS 3

static const char *const writers[] = {
	[WRITER_STORE] = "store",
	[WRITER_READ] = "read",
	[WRITER_DIRECT] = "direct-read",
	[WRITER_RING] = "io_uring",
	[WRITER_GUEST] = "kvm-guest",
	[WRITER_OUTSIDE] = "process_vm_writev",
	[WRITER_MEM] = "proc-mem",
	[WRITER_PTRACE] = "ptrace",
};

static const char *watched(struct matrix *m)
{
	struct glassram_region region;

	if (session_region(&m->session, m->start, &region))
		return "the area is in no region";
	if (region.state != GLASSRAM_REGION_WATCHED)
		return strerror((int)region.error);
	return region.page_shift == (m->step == PAGE ? 12 : 21) ? NULL : "wrong page size";
}

/* Return: NULL, or what is wrong. */
static const char *cell(struct matrix *m, const struct matrix_area *area,
			enum matrix_writer writer)
{
	int err = matrix_make(m, area, writer);
	const char *wrong;

	if (err)
		return strerror(err < 0 ? -err : err);
	wrong = watched(m);
	for (uint32_t round = 0; !wrong && round < ROUNDS; round++) {
		if (matrix_write(m, writer, round))
			return "the target is gone";
		if (m->refused != area->refusal[writer])
			return m->refused ? strerror(m->refused) : "it was not refused";
		if (session_advance(&m->session, 0))
			return "ADVANCE failed";
		if (matrix_wrong(m))
			return "wrong counts after a round";
		if (matrix_verify(m))
			return "wrong data";
	}
	return wrong ?: matrix_settle(m);
}

/* A target that something went wrong with is no good for the next cell. */
static void renew(struct matrix *m)
{
	int err;

	matrix_stop(m);
	err = matrix_start(m, NULL);
	if (err)
		ksft_exit_fail_msg("no target to watch: %s\n", strerror(-err));
}

int main(int argc, char **argv)
{
	static const char *const disks[] = {"ext4", "xfs", "btrfs", "huge", NULL};
	struct matrix m = MATRIX_NONE;
	unsigned int tests = 0;
	char name[64];

	ksft_print_header();
	if (matrix_disks(disks) || system("modprobe -q kvm_amd; true") ||
	    matrix_set("/sys/kernel/mm/transparent_hugepage/enabled", "always") ||
	    matrix_set("/proc/sys/vm/nr_hugepages", "3"))
		ksft_exit_fail_msg("disks and huge pages cannot be made\n");
	renew(&m);
	for (size_t a = 0; a < matrix_nr_areas; a++) {
		for (enum matrix_writer w = 0; w < ARRAY_SIZE(writers); w++) {
			const char *missing, *wrong;

			snprintf(name, sizeof(name), "%s/%s", matrix_areas[a].name, writers[w]);
			if (!matrix_asked_for(argc, argv, name))
				continue;
			tests++;
			missing = matrix_missing(&matrix_areas[a]);
			if (!missing && w == WRITER_GUEST && access("/dev/kvm", W_OK))
				missing = "this kernel has no KVM";
			if (missing) {
				ksft_test_result_skip("%s: %s\n", name, missing);
				continue;
			}
			if (matrix_areas[a].alone)
				renew(&m);
			wrong = cell(&m, &matrix_areas[a], w);
			ksft_test_result(!wrong, "%s%s%s\n", name, wrong ? ": " : "", wrong ?: "");
			if (wrong || matrix_areas[a].alone)
				renew(&m);
		}
	}
	matrix_stop(&m);
	ksft_set_plan(tests);
	matrix_set("/proc/sys/vm/nr_hugepages", "0");
	matrix_disks_finish();
	ksft_finished();
}
