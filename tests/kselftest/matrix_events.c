// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel and the target itself do with pages that nobody writes:
 * swap, migration, NUMA hints, KSM, fork, MADV_*, mprotect, mremap, write-back.
 * Each event makes sure that it happened, or the test would prove nothing. What the
 * target itself does for them is in matrix_acts.c.
 *
 * Weak spot: swap is a loop device over a tmpfs.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "matrix_events.h"

#define GROUP "/sys/fs/cgroup/glassram-matrix"
#define SWAP_FILE "/dev/shm/glassram-matrix-swap"
#define SWAP "/run/glassram-matrix-swap"
#define KSM "/sys/kernel/mm/ksm/"
#define TWO_NODES "/sys/devices/system/node/node1"
#define NUMA "/sys/kernel/debug/sched/numa_balancing/"
#define PATIENCE_MS 10000

static void sleep_ms(long ms)
{
	nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

static const char *call(struct matrix *m, enum matrix_action action)
{
	int err = matrix_call(m, action);

	return err ? strerror(err < 0 ? -err : err) : NULL;
}

/* Pages that are mapped. */
static size_t present(const struct matrix *m)
{
	size_t found = 0;

	for (size_t i = 0; i < m->units; i++) {
		off_t at = (off_t)((m->start + i * m->step) / PAGE * 8);
		uint64_t entry = 0;

		if (pread(m->session.pagemap_fd, &entry, sizeof(entry), at) == sizeof(entry))
			found += entry >> 63;
	}
	return found;
}

/*
 * A page that is being written back, or that another CPU has not put on a list
 * yet, stays for now. Compaction begins with making all CPUs do that.
 */
static void let_pages_settle(void)
{
	sleep_ms(10);
	matrix_set("/proc/sys/vm/compact_memory", "1");
}

static const char *page_out(struct matrix *m)
{
	const char *wrong = call(m, PAGE_OUT);

	for (int i = 0; !wrong && i < 50 && present(m); i++) {
		let_pages_settle();
		wrong = call(m, PAGE_OUT);
	}
	return wrong ?: present(m) ? "pages stay in memory" : NULL;
}

static const char *page_out_and_read(struct matrix *m)
{
	return page_out(m) ?: call(m, READ_ALL);
}

static const char *reclaim(struct matrix *m)
{
	/* It is an error when less than that much was there to take. */
	matrix_set(GROUP "/memory.reclaim", "64M");
	for (int i = 0; i < 50 && present(m); i++) {
		let_pages_settle();
		matrix_set(GROUP "/memory.reclaim", "64M");
	}
	return present(m) ? "pages stay in memory" : NULL;
}

static const char *swap_off(struct matrix *m)
{
	const char *wrong = page_out(m);

	if (!wrong && (swapoff(SWAP) || swapon(SWAP, 0)))
		wrong = strerror(errno);
	return wrong;
}

/* Nodes of the units into @status; moves them to @node unless that is -1. */
static int nodes(const struct matrix *m, int node, int *status)
{
	void *pages[MATRIX_MAX_UNITS];
	int wanted[MATRIX_MAX_UNITS];

	for (size_t i = 0; i < m->units; i++) {
		pages[i] = (void *)(m->start + i * m->step);
		wanted[i] = node;
	}
	return (int)syscall(SYS_move_pages, m->target.pid, m->units, pages, node < 0 ? NULL : wanted,
			    status, 2 /* MPOL_MF_MOVE */);
}

static size_t on_node(const struct matrix *m, int node)
{
	int status[MATRIX_MAX_UNITS];
	size_t found = 0;

	if (nodes(m, -1, status))
		return 0;
	for (size_t i = 0; i < m->units; i++)
		found += status[i] == node;
	return found;
}

static const char *migrate(struct matrix *m)
{
	int there = on_node(m, 0) >= m->units / 2, status[MATRIX_MAX_UNITS];

	for (int i = 0; i < 20 && on_node(m, there) < m->units; i++)
		nodes(m, there, status);
	return on_node(m, there) < m->units ? "pages stay on their node" : NULL;
}

static const char *bind_elsewhere(struct matrix *m)
{
	int there = on_node(m, 0) >= m->units / 2;

	return call(m, BIND) ?: on_node(m, there) < m->units ? "pages stay on their node" : NULL;
}

static long read_number(const char *path, const char *name)
{
	char command[160];
	long value = -1;
	FILE *file;

	snprintf(command, sizeof(command), "awk '\"%s\" == \"\" || $1 == \"%s\" { print $NF }' %s",
		 name, name, path);
	file = popen(command, "re");
	if (!file || fscanf(file, "%ld", &value) != 1)
		value = -1;
	if (file)
		pclose(file);
	return value;
}

static const char *hint(struct matrix *m)
{
	long before = read_number("/proc/vmstat", "numa_pte_updates");
	const char *wrong = NULL;

	matrix_set("/proc/sys/kernel/numa_balancing", "1");
	for (int i = 0; !wrong && i < 50; i++) {
		wrong = call(m, SPIN);
		if (read_number("/proc/vmstat", "numa_pte_updates") - before >= (long)m->units)
			break;
	}
	matrix_set("/proc/sys/kernel/numa_balancing", "0");
	if (!wrong && read_number("/proc/vmstat", "numa_pte_updates") - before < (long)m->units)
		wrong = "no hints were set";
	return wrong;
}

static long merged(const struct matrix *m)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ksm_merging_pages", (int)m->target.pid);
	return read_number(path, "");
}

static const char *merge(struct matrix *m)
{
	const char *wrong = call(m, MERGEABLE);

	matrix_set(KSM "run", "1");
	for (int ms = 0; !wrong && merged(m) < (long)m->units / 2 && ms < PATIENCE_MS; ms += 20)
		sleep_ms(20);
	matrix_set(KSM "run", "0");
	return wrong ?: merged(m) < (long)m->units / 2 ? "pages do not merge" : NULL;
}

static const char *merge_and_unmerge(struct matrix *m)
{
	/* The kernel undoes it at once; its own count follows with the next scan only. */
	return merge(m) ?: call(m, UNMERGEABLE);
}

static const char *free_and_take(struct matrix *m)
{
	return call(m, FREE) ?: page_out(m);
}

static const char *dontneed_and_read(struct matrix *m)
{
	return call(m, DONTNEED) ?: call(m, READ_ALL);
}

/* The kernel faults the pages in for writing: hits, though nobody writes. */
static const char *seen(struct matrix *m, enum matrix_action action)
{
	const char *wrong = call(m, action);

	matrix_seen(m);
	return wrong;
}

/* For shared memory mlock() is content with pages that can be read. */
static const char *lock(struct matrix *m)
{
	return matrix_is_shared(m) ? call(m, LOCK) : seen(m, LOCK);
}

static const char *populate(struct matrix *m)
{
	return seen(m, POPULATE);
}

/* What goes into pages that were pinned before they were armed, goes unseen. */
static const char *fill_pinned_pages(struct matrix *m)
{
	const char *wrong = seen(m, PIN);

	if (!wrong && session_advance(&m->session, 0))
		wrong = "ADVANCE failed";
	return wrong ?: call(m, FILL_PINNED) ?: call(m, UNPIN);
}

static const char *fork_and_hold(struct matrix *m)
{
	return call(m, FORK_HOLD);
}

#define CALL(name, action) \
	static const char *name(struct matrix *m) \
	{ \
		return call(m, action); \
	} \
	struct swallow_semicolon

CALL(free_lazily, FREE);
CALL(fork_and_exit, FORK_EXIT);
CALL(fork_and_write, FORK_WRITE);
CALL(dontneed, DONTNEED);
CALL(remove_pages, REMOVE);
CALL(collapse, COLLAPSE);
CALL(protect_for_reading, PROTECT);
CALL(forbid, FORBID);
CALL(move, MOVE);
CALL(write_back, WRITE_BACK);

#define ON(...) .areas = { __VA_ARGS__ }

const struct matrix_event matrix_events[] = {
	{"page-out", page_out, ON("anonymous", "thp-advised", "memfd", "tmpfs-private", "ext4-shared",
				  "ext4-private", "btrfs-shared")},
	{"page-out-read", page_out_and_read, ON("anonymous", "memfd", "ext4-shared", "xfs-shared")},
	{"reclaim", reclaim, .needs = GROUP "/memory.reclaim", ON("anonymous", "memfd", "thp-advised")},
	{"swapoff", swap_off, ON("anonymous", "memfd")},
	{"migrate", migrate, .needs = TWO_NODES, ON("anonymous", "thp-advised", "memfd",
		"ext4-shared", "ext4-private", "hugetlb", "hugetlb-memfd")},
	{"mbind", bind_elsewhere, .needs = TWO_NODES, ON("anonymous", "thp-advised", "memfd")},
	{"numa-hint", hint, .needs = TWO_NODES, ON("anonymous", "memfd")},
	{"ksm-merge", merge, .needs = KSM, ON("anonymous")},
	{"ksm-unmerge", merge_and_unmerge, .needs = KSM, ON("anonymous")},
	{"madv-free", free_lazily, .content = EVENT_LOSES, ON("anonymous", "thp-advised")},
	{"madv-free-taken", free_and_take, .content = EVENT_ZEROES, .dropped = true,
	 ON("anonymous", "thp-advised")},
	{"fork-held", fork_and_hold, ON("anonymous", "thp-advised", "memfd", "ext4-private",
					"hugetlb")},
	{"fork-exit", fork_and_exit, ON("anonymous", "thp-advised", "ext4-private", "hugetlb")},
	{"fork-write", fork_and_write, .shared_content = FOREIGN,
	 ON("anonymous", "thp-advised", "memfd", "ext4-shared", "ext4-private", "hugetlb")},
	{"dontneed", dontneed, .content = EVENT_ZEROES, .dropped = true,
	 ON("anonymous", "thp-advised", "memfd", "ext4-shared", "ext4-private", "hugetlb",
	    "hugetlb-memfd")},
	{"dontneed-read", dontneed_and_read, .content = EVENT_ZEROES, .dropped = true,
	 ON("anonymous", "thp-advised", "memfd", "ext4-shared", "ext4-private")},
	{"punch-hole", remove_pages, .shared_content = EVENT_ZEROES,
	 ON("memfd", "tmpfs-shared", "ext4-shared", "hugetlb-memfd")},
	{"collapse", collapse, ON("anonymous-2m", "memfd-2m")},
	{"mprotect-read", protect_for_reading, ON("anonymous", "thp-advised", "memfd", "ext4-shared",
						  "hugetlb")},
	{"mprotect-none", forbid, ON("anonymous", "thp-advised", "memfd")},
	{"mremap", move, .unarmed = true,
	 ON("anonymous", "thp-advised", "memfd", "ext4-shared", "hugetlb")},
	{"write-back", write_back, ON("ext4-shared", "xfs-shared", "btrfs-shared", "9p-shared")},
	{"mlock", lock, ON("anonymous", "memfd")},
	{"populate-write", populate, ON("anonymous", "memfd", "ext4-shared", "hugetlb")},
	{"pinned-filled", fill_pinned_pages, .content = FOREIGN, .shared_content = FOREIGN,
	 ON("anonymous", "memfd", "hugetlb")},
};
const size_t matrix_nr_events = sizeof(matrix_events) / sizeof(matrix_events[0]);

const struct matrix_event *matrix_event(const char *name)
{
	for (size_t i = 0; i < matrix_nr_events; i++)
		if (!strcmp(matrix_events[i].name, name))
			return &matrix_events[i];
	return NULL;
}

int matrix_events_prepare(void)
{
	/* Settings that make it happen soon; those that a kernel lacks are no loss. */
	matrix_set(KSM "pages_to_scan", "2000");
	matrix_set(KSM "sleep_millisecs", "5");
	matrix_set(NUMA "scan_delay_ms", "10");
	matrix_set(NUMA "scan_period_min_ms", "20");
	matrix_set(NUMA "scan_period_max_ms", "40");
	matrix_set("/sys/fs/cgroup/cgroup.subtree_control", "+memory");
	return system("mkdir -p " GROUP " && modprobe -q loop; truncate -s 64M " SWAP_FILE
		      " && ln -sf $(losetup -f --show " SWAP_FILE ") " SWAP " && mkswap -q " SWAP
		      " && swapon " SWAP);
}

int matrix_events_join(const struct matrix *m)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", (int)m->target.pid);
	return matrix_set(GROUP "/cgroup.procs", pid);
}

void matrix_events_finish(void)
{
	matrix_set(KSM "run", "2");
	matrix_set(KSM "run", "0");
	if (system("swapoff " SWAP "; losetup -d $(readlink " SWAP "); rm -f " SWAP " " SWAP_FILE
		   "; rmdir " GROUP))
		puts("# the matrix's swap or control group cannot be taken away");
}
