// SPDX-License-Identifier: GPL-2.0-only
/*
 * The measured child: see writer.h.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <x86intrin.h>

#include "bare.h"
#include "row.h"
#include "session.h"
#include "writer.h"

enum { COMMAND, ARGUMENT, NS, ARENA, FAILED, RESULT };

/* The child's own; set before the fork. */
static struct {
	struct writer *writer;
	char *arena;
	int uffd;
	int pagemap;
	int synchronous;
	atomic_bool stop;
	pthread_t server;
} child = {.uffd = -1, .pagemap = -1};

/*
 * The writer and the thread that serves its faults have a CPU each, as long as
 * there are two. @cpu: or -1 for any.
 */
static void run_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (cpu < 0 || i == cpu)
			CPU_SET(i, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static char *map_pages(uint64_t pages)
{
	char *at = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		return NULL;
	/* The pages of a huge page are split at their first fault: a cost of its own. */
	madvise(at, pages * PAGE, MADV_NOHUGEPAGE);
	return at;
}

static void store_to(volatile char *at, uint64_t pages, uint64_t stride)
{
	volatile uint32_t *ticks = child.writer->ticks;

	for (uint64_t i = 0; i < pages; i += stride) {
		uint64_t begin = __rdtsc();

		/* No load: under emulation that would be a fault of its own. */
		at[i * PAGE] = 1;
		ticks[i] = (uint32_t)(__rdtsc() - begin);
	}
}

/* What a loop of known length takes: a check of the clock under -icount. */
static void count_down(void)
{
	uint64_t begin = __rdtsc();

	/* Two instructions a round. */
	__asm__ volatile("mov $500000, %%ecx\n1: dec %%ecx\n jnz 1b" ::: "ecx", "cc");
	child.writer->ticks[0] = (uint32_t)(__rdtsc() - begin);
}

static void *serve(void *arg)
{
	struct pollfd poll_fd = {.fd = child.uffd, .events = POLLIN};
	struct uffd_msg message;

	run_on(1);
	while (!atomic_load(&child.stop)) {
		if (poll(&poll_fd, 1, 10) <= 0 ||
		    read(child.uffd, &message, sizeof(message)) != sizeof(message) ||
		    message.event != UFFD_EVENT_PAGEFAULT)
			continue;
		bare_writeprotect(child.uffd, message.arg.pagefault.address & -PAGE, PAGE, 0);
	}
	return arg;
}

static int protect(int synchronous)
{
	child.uffd = bare_open((uintptr_t)child.arena, child.writer->pages * PAGE, synchronous);
	child.pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	child.synchronous = synchronous;
	if (child.uffd < 0 || child.pagemap < 0)
		return -1;
	atomic_store(&child.stop, false);
	return synchronous ? pthread_create(&child.server, NULL, serve, NULL) : 0;
}

static int unprotect(void)
{
	/* A poll() in progress would keep the file open, and the pages protected. */
	atomic_store(&child.stop, true);
	if (child.synchronous)
		pthread_join(child.server, NULL);
	close(child.pagemap);
	return close(child.uffd);
}

static int arm(void)
{
	uint64_t start = (uintptr_t)child.arena, bytes = child.writer->pages * PAGE;

	if (child.synchronous)
		return bare_writeprotect(child.uffd, start, bytes, 1);
	return bare_scan(child.pagemap, start, start + bytes) < 0 ? -1 : 0;
}

static void *write_for_ever(void *arg)
{
	unsigned int seed = (unsigned int)(uintptr_t)arg;

	run_on(-1);
	for (;;)
		child.arena[(uint64_t)rand_r(&seed) % child.writer->pages * PAGE]++;
	return NULL;
}

static int start_busy(uint64_t threads)
{
	pthread_t thread;

	for (uintptr_t i = 0; i < threads; i++)
		if (pthread_create(&thread, NULL, write_for_ever, (void *)(i + 1)))
			return -1;
	return 0;
}

static uint64_t work(uint64_t ns)
{
	volatile char *at = child.arena;
	uint64_t end = now_ns() + ns, written = 0;

	while (now_ns() < end)
		for (uint64_t i = 0; i < 256; i++, written++)
			at[written % child.writer->pages * PAGE] = 1;
	return written;
}

static int fresh(void)
{
	uint64_t pages = child.writer->pages;
	char *at = map_pages(pages);

	if (!at)
		return -1;
	store_to(at, pages, 1);
	return munmap(at, pages * PAGE);
}

static int obey(enum writer_command command, uint64_t argument)
{
	switch (command) {
	case WRITER_WRITE:
		store_to(child.arena, child.writer->pages, argument);
		return 0;
	case WRITER_FRESH:
		return fresh();
	case WRITER_LOOP:
		count_down();
		return 0;
	case WRITER_PROTECT:
		return protect(0);
	case WRITER_PROTECT_SYNC:
		return protect(1);
	case WRITER_ARM:
		return arm();
	case WRITER_UNPROTECT:
		return unprotect();
	case WRITER_WORK:
		child.writer->target.shared[RESULT] = work(argument);
		return 0;
	case WRITER_BUSY:
		return start_busy(argument);
	}
	return -1;
}

static int body(struct target *t)
{
	uint64_t pages = child.writer->pages;

	run_on(0);
	child.arena = map_pages(pages);
	if (!child.arena)
		return 1;
	store_to(child.arena, pages, 1);
	t->shared[ARENA] = (uintptr_t)child.arena;
	for (;;) {
		uint64_t begin;

		target_pause(t);
		begin = now_ns();
		t->shared[FAILED] = obey(t->shared[COMMAND], t->shared[ARGUMENT]) != 0;
		t->shared[NS] = now_ns() - begin;
	}
	return 0;
}

void writer_start(struct writer *ret, uint64_t pages)
{
	ret->pages = pages;
	ret->ticks = mmap(NULL, pages * sizeof(*ret->ticks), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (ret->ticks == MAP_FAILED)
		die("no memory for %lu ticks", (unsigned long)pages);
	child.writer = ret;
	if (target_start(&ret->target, body))
		die("cannot start the process to be measured");
	ret->arena = ret->target.shared[ARENA];
}

uint64_t writer_do(struct writer *w, enum writer_command command, uint64_t argument)
{
	w->stride = command == WRITER_WRITE ? argument : 1;
	w->target.shared[COMMAND] = command;
	w->target.shared[ARGUMENT] = argument;
	if (target_next(&w->target))
		die("the measured process died at step %d", (int)command);
	if (w->target.shared[FAILED])
		die("step %d of the measured process failed", (int)command);
	return w->target.shared[NS];
}

uint64_t writer_result(const struct writer *w)
{
	return w->target.shared[RESULT];
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

double writer_median(const struct writer *w, double *ret_low, double *ret_high)
{
	uint32_t *sorted = malloc(w->pages * sizeof(*sorted));
	uint64_t nr = 0;
	double median;

	if (!sorted)
		die("no memory for the median");
	for (uint64_t i = 0; i < w->pages; i += w->stride)
		sorted[nr++] = w->ticks[i];
	qsort(sorted, nr, sizeof(*sorted), compare);
	median = sorted[nr / 2];
	if (ret_low)
		*ret_low = sorted[nr / 20];
	if (ret_high)
		*ret_high = sorted[nr - nr / 20 - 1];
	free(sorted);
	return median;
}

void writer_finish(struct writer *w)
{
	target_kill(&w->target);
	munmap((void *)w->ticks, w->pages * sizeof(*w->ticks));
}
