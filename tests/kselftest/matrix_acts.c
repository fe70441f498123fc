// SPDX-License-Identifier: GPL-2.0-only
/*
 * The target's part in the events of matrix_events.c.
 *
 * Weak spot: numbers that the lab's libc has no name for yet stand here bare.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "matrix_events.h"

static pid_t held; /* child that shares the pages */
static struct matrix_ring *ring; /* has the pages pinned */

static int advise(char *start, size_t length, int advice)
{
	return madvise(start, length, advice) ? errno : 0;
}

static int fork_child(char *start, size_t length, int action)
{
	pid_t child = fork();

	if (child < 0)
		return errno;
	if (child) {
		held = child;
		return action == FORK_HOLD || waitpid(child, NULL, 0) == child ? 0 : errno;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* Or the test could not see that the target is gone. */
	close_range(3, ~0U, 0);
	while (action == FORK_HOLD)
		pause();
	if (action == FORK_WRITE)
		memset(start, FOREIGN, length);
	_exit(0);
}

static int end_child(void)
{
	kill(held, SIGKILL);
	return waitpid(held, NULL, 0) == held ? 0 : errno;
}

static int bind_to_node(char *start, size_t length, unsigned long node)
{
	unsigned long mask = 1UL << node;

	return syscall(SYS_mbind, start, length, 2 /* MPOL_BIND */, &mask, 8 * sizeof(mask),
		       2 /* MPOL_MF_MOVE */) ? errno : 0;
}

static int node_of_own(char *start)
{
	void *page = start;
	int node = -1;

	syscall(SYS_move_pages, 0, 1, &page, NULL, &node, 0);
	return node;
}

/* Run on the CPU of the other node, where the kernel plans to bring the pages, for a while. */
static int spin(char *start)
{
	struct timespec now;
	cpu_set_t cpus;
	time_t end;

	CPU_ZERO(&cpus);
	CPU_SET(!node_of_own(start), &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus))
		return errno;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	end = now.tv_sec * 1000 + now.tv_nsec / 1000000 + 100;
	while (now.tv_sec * 1000 + now.tv_nsec / 1000000 < end)
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return 0;
}

static int move_there_and_back(char *start, size_t length)
{
	char *there = mmap(NULL, length + HUGE_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const int flags = MREMAP_MAYMOVE | MREMAP_FIXED;
	int err = 0;

	if (there == MAP_FAILED)
		return errno;
	if (mremap(start, length, length, flags, there) == MAP_FAILED ||
	    mremap(there, length, length, flags, start) != start)
		err = errno;
	munmap(there, length + HUGE_PAGE);
	return err;
}

static int protect(char *start, size_t length, int prot)
{
	if (mprotect(start, length, prot) || mprotect(start, length, PROT_READ | PROT_WRITE))
		return errno;
	return 0;
}

static int pin(char *start, size_t length)
{
	ring = matrix_ring_create();
	return ring ? matrix_ring_pin(ring, start, length) : errno;
}

static int fill_pinned(char *start, size_t length)
{
	int fd = memfd_create("source", MFD_CLOEXEC);
	int err = fd < 0 || ftruncate(fd, (off_t)length) ? errno : 0;
	char page[PAGE];

	memset(page, FOREIGN, sizeof(page));
	for (size_t at = 0; !err && at < length; at += PAGE)
		if (pwrite(fd, page, PAGE, (off_t)at) != PAGE)
			err = errno;
	if (!err && matrix_ring_read(ring, fd, start, (unsigned int)length, 0, true) != (int)length)
		err = EIO;
	close(fd);
	return err;
}

int matrix_act(char *start, size_t length, int action)
{
	switch (action) {
	case PAGE_OUT: /* a dirty page of a file cannot go */
		msync(start, length, MS_SYNC);
		return advise(start, length, MADV_PAGEOUT);
	case READ_ALL:
		for (size_t at = 0; at < length; at += PAGE)
			(void)*(volatile char *)(start + at);
		return 0;
	case BIND:
		return bind_to_node(start, length, !node_of_own(start));
	case SPIN:
		return spin(start);
	case MERGEABLE:
		return advise(start, length, MADV_MERGEABLE);
	case UNMERGEABLE:
		return advise(start, length, MADV_UNMERGEABLE);
	case FREE:
		return advise(start, length, MADV_FREE);
	case FORK_HOLD:
	case FORK_EXIT:
	case FORK_WRITE:
		return fork_child(start, length, action);
	case FORK_END:
		return end_child();
	case DONTNEED:
		return advise(start, length, MADV_DONTNEED);
	case REMOVE:
		return advise(start, length, MADV_REMOVE);
	case COLLAPSE: /* refused while pages are armed; either way the counts must be right */
		madvise(start, length, MADV_HUGEPAGE);
		madvise(start, length, 25 /* MADV_COLLAPSE */);
		return 0;
	case PROTECT:
		return protect(start, length, PROT_READ);
	case FORBID:
		return protect(start, length, PROT_NONE);
	case MOVE:
		return move_there_and_back(start, length);
	case WRITE_BACK:
		return msync(start, length, MS_SYNC) ? errno : 0;
	case LOCK:
		return mlock(start, length) || munlock(start, length) ? errno : 0;
	case POPULATE:
		return advise(start, length, MADV_POPULATE_WRITE);
	case PIN:
		return pin(start, length);
	case FILL_PINNED:
		return fill_pinned(start, length);
	case UNPIN:
		matrix_ring_destroy(ring);
		return 0;
	}
	return EINVAL;
}
