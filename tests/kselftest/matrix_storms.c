// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel works on the pages without a pause (migration, swap, compaction,
 * KSM, NUMA hints, fork, write-back) while they are written: each write of an
 * epoch is one hit all the same, whatever faults it takes, and nothing else is.
 *
 * The writer rests while an epoch is closed, so that the counts can be known;
 * the storm does not.
 *
 * With arguments: only the tests whose name contains one of them.
 *
 * Weak spot: how much of a storm meets a write is left to the scheduler. What
 * can be counted of it is printed, and none of it fails the test but swap,
 * migration and merging that did not happen at all.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest.h"
#include "matrix_events.h"

#define ROUNDS 16
/* A storm that another thread of the kernel makes (KSM) may be late. */
#define MAX_ROUNDS 400
#define TWO_NODES "/sys/devices/system/node/node1"

/* The target's part. */

enum action { ALLOW_MERGING, FORK_BEGIN, FORK_STOP };

static pthread_t forker_thread;
static atomic_bool forking;

static void *forker(void *unused)
{
	while (forking) {
		pid_t child = fork();

		if (!child)
			_exit(0);
		waitpid(child, NULL, 0);
	}
	return unused;
}

static int act(char *start, size_t length, int action)
{
	switch (action) {
	case ALLOW_MERGING:
		return madvise(start, length, MADV_MERGEABLE) ? errno : 0;
	case FORK_BEGIN:
		forking = true;
		return pthread_create(&forker_thread, NULL, forker, NULL);
	case FORK_STOP:
		forking = false;
		return pthread_join(forker_thread, NULL);
	}
	return EINVAL;
}

/* The test's part: one step of a storm, again and again. */

struct storm {
	const char *name;
	const char *area;
	void (*step)(struct matrix *m, unsigned int nr);
	int begin, stop; /* actions of the target, or -1 */
	const char *counter; /* of /proc/vmstat; must grow. NULL: only a storm */
	const char *needs; /* a file of the kernel's that must be there, or NULL */
};

static void migrate(struct matrix *m, unsigned int nr)
{
	void *pages[MATRIX_MAX_UNITS];
	int nodes[MATRIX_MAX_UNITS], status[MATRIX_MAX_UNITS];

	for (size_t i = 0; i < m->units; i++) {
		pages[i] = (void *)(m->start + i * m->step);
		nodes[i] = nr % 2;
	}
	syscall(SYS_move_pages, m->target.pid, m->units, pages, nodes, status,
		2 /* MPOL_MF_MOVE */);
}

static void page_out(struct matrix *m, unsigned int nr)
{
	struct iovec area = {(void *)m->start, m->units * m->step};
	int pidfd = (int)syscall(SYS_pidfd_open, m->target.pid, 0);

	syscall(SYS_process_madvise, pidfd, &area, 1, MADV_PAGEOUT, 0);
	close(pidfd);
	(void)nr;
}

static void compact(struct matrix *m, unsigned int nr)
{
	matrix_set("/proc/sys/vm/compact_memory", "1");
	(void)m;
	(void)nr;
}

static void merge(struct matrix *m, unsigned int nr)
{
	matrix_set("/sys/kernel/mm/ksm/run", "1");
	usleep(1000);
	(void)m;
	(void)nr;
}

/* Each time it comes to the other node's CPU, the pages are on the wrong node. */
static void hint(struct matrix *m, unsigned int nr)
{
	cpu_set_t cpus;

	matrix_set("/proc/sys/kernel/numa_balancing", "1");
	CPU_ZERO(&cpus);
	CPU_SET(nr % 2, &cpus);
	sched_setaffinity(m->target.pid, sizeof(cpus), &cpus);
	usleep(20000);
}

static void write_back(struct matrix *m, unsigned int nr)
{
	sync();
	(void)m;
	(void)nr;
}

static void only_wait(struct matrix *m, unsigned int nr)
{
	usleep(1000);
	(void)m;
	(void)nr;
}

static const struct storm storms[] = {
	{"migration", "anonymous", migrate, -1, -1, "pgmigrate_success", TWO_NODES},
	{"migration", "thp-advised", migrate, -1, -1, "pgmigrate_success", TWO_NODES},
	{"migration", "memfd", migrate, -1, -1, "pgmigrate_success", TWO_NODES},
	{"migration", "ext4-shared", migrate, -1, -1, "pgmigrate_success", TWO_NODES},
	{"migration", "hugetlb", migrate, -1, -1, "pgmigrate_success", TWO_NODES},
	{"swap", "anonymous", page_out, -1, -1, "pswpout", NULL},
	{"swap", "memfd", page_out, -1, -1, "pswpout", NULL},
	{"swap", "thp-advised", page_out, -1, -1, "pswpout", NULL},
	{"compaction", "anonymous", compact, -1, -1, NULL, NULL},
	{"ksm", "anonymous", merge, ALLOW_MERGING, -1, "cow_ksm", "/sys/kernel/mm/ksm"},
	{"numa-hints", "anonymous", hint, -1, -1, NULL, TWO_NODES},
	{"fork", "anonymous", only_wait, FORK_BEGIN, FORK_STOP, NULL, NULL},
	{"fork", "thp-advised", only_wait, FORK_BEGIN, FORK_STOP, NULL, NULL},
	{"fork", "ext4-private", only_wait, FORK_BEGIN, FORK_STOP, NULL, NULL},
	{"write-back", "ext4-shared", write_back, -1, -1, NULL, NULL},
	{"write-back", "btrfs-shared", write_back, -1, -1, NULL, NULL},
};

struct weather {
	struct matrix *m;
	const struct storm *storm;
	atomic_uint steps;
	atomic_bool over;
	unsigned long before; /* its counter at the beginning */
};

static void *blow(void *argument)
{
	struct weather *weather = argument;

	while (!weather->over)
		weather->storm->step(weather->m, weather->steps++);
	return NULL;
}

/* What a counter of the kernel is at, 0 if this kernel has none of that name. */
static unsigned long vmstat(const char *name)
{
	FILE *file = fopen("/proc/vmstat", "re");
	unsigned long value, found = 0;
	char line[64];

	while (file && fscanf(file, "%63s %lu", line, &value) == 2)
		if (!strcmp(line, name))
			found = value;
	if (file)
		fclose(file);
	return found;
}

/* Has what the storm is named after not happened yet? */
static bool calm(const struct weather *weather)
{
	return weather->storm->counter && vmstat(weather->storm->counter) == weather->before;
}

static const char *rounds(struct matrix *m, struct weather *weather)
{
	static const enum matrix_writer writers[] = {WRITER_STORE, WRITER_OUTSIDE, WRITER_MEM};

	for (uint32_t round = 0; round < ROUNDS || (round < MAX_ROUNDS && calm(weather)); round++) {
		unsigned int step = weather->steps;

		/* At least a part of the storm for each round. */
		for (int ms = 0; weather->steps == step && ms < 500; ms++)
			usleep(1000);
		if (matrix_write(m, writers[round % ARRAY_SIZE(writers)], round) || m->refused)
			return "a write failed";
		if (session_advance(&m->session, 0))
			return "ADVANCE failed";
		if (matrix_wrong(m))
			return "wrong counts";
		if (matrix_verify(m))
			return "wrong data";
	}
	return NULL;
}

static const char *cell(struct matrix *m, const struct storm *storm)
{
	struct weather weather = {
		.m = m, .storm = storm, .before = storm->counter ? vmstat(storm->counter) : 0,
	};
	const char *wrong = NULL;
	pthread_t thread;

	if (matrix_make(m, matrix_area(storm->area), WRITER_STORE) ||
	    (storm->begin >= 0 && matrix_call(m, storm->begin)) ||
	    pthread_create(&thread, NULL, blow, &weather))
		return "the storm cannot be made";
	wrong = rounds(m, &weather);
	weather.over = true;
	pthread_join(thread, NULL);
	matrix_set("/sys/kernel/mm/ksm/run", "0");
	matrix_set("/proc/sys/kernel/numa_balancing", "0");
	if (storm->stop >= 0 && matrix_call(m, storm->stop))
		wrong = wrong ?: "the target is gone";
	printf("# %u steps", weather.steps);
	if (storm->counter)
		printf(", %s + %lu", storm->counter, vmstat(storm->counter) - weather.before);
	puts("");
	if (!wrong && calm(&weather))
		wrong = "there was no storm";
	return wrong ?: matrix_settle(m);
}

static void renew(struct matrix *m)
{
	int err;

	matrix_stop(m);
	err = matrix_start(m, act) ?: matrix_events_join(m);
	if (err)
		ksft_exit_fail_msg("no target to watch: %s\n", strerror(-err));
}

int main(int argc, char **argv)
{
	static const char *const disks[] = {"ext4", "btrfs", NULL};
	struct matrix m = MATRIX_NONE;
	unsigned int tests = 0;
	char name[64];

	ksft_print_header();
	if (arms_by_soft_dirty())
		ksft_exit_skip("not made for pages that are armed by soft-dirty bits\n");
	if (matrix_disks(disks) || matrix_events_prepare() ||
	    matrix_set("/proc/sys/vm/nr_hugepages", "16"))
		ksft_exit_fail_msg("disks, swap and huge pages cannot be made\n");
	for (size_t i = 0; i < ARRAY_SIZE(storms); i++) {
		const char *missing = matrix_missing(matrix_area(storms[i].area)), *wrong;

		snprintf(name, sizeof(name), "%s/%s", storms[i].name, storms[i].area);
		if (!matrix_asked_for(argc, argv, name))
			continue;
		tests++;
		if (!missing && storms[i].needs && access(storms[i].needs, F_OK))
			missing = storms[i].needs;
		if (missing) {
			ksft_test_result_skip("%s: missing here: %s\n", name, missing);
			continue;
		}
		renew(&m);
		wrong = cell(&m, &storms[i]);
		ksft_test_result(!wrong, "%s%s%s\n", name, wrong ? ": " : "", wrong ?: "");
	}
	matrix_stop(&m);
	ksft_set_plan(tests);
	matrix_events_finish();
	matrix_set("/proc/sys/vm/nr_hugepages", "0");
	matrix_disks_finish();
	ksft_finished();
}
