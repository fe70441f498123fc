// SPDX-License-Identifier: GPL-2.0-only
/*
 * The six writers: see writers.h. Two at random, one in sequence, one in
 * bursts on one page, and two by way of the kernel (read(2) into the page).
 *
 * Weak spot: the kernel-mode writers pass through a pipe of their own, so
 * they are slower than the others.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "session.h"
#include "writers.h"

#define ALIGN (2UL << 20)

struct writer {
	struct writers *all;
	unsigned int number;
};

char *writers_arena(enum writers_arena kind, size_t pages)
{
	size_t length = pages * PAGE;
	char *area = MAP_FAILED;
	int fd;

	switch (kind) {
	case ARENA_ANON:
	case ARENA_THP:
		area = mmap(NULL, length + ALIGN, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		break;
	case ARENA_SHMEM:
		fd = memfd_create("arena", MFD_CLOEXEC);
		if (fd < 0 || ftruncate(fd, (off_t)(length + ALIGN)))
			return NULL;
		area = mmap(NULL, length + ALIGN, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		close(fd);
		break;
	}
	if (area == MAP_FAILED)
		return NULL;
	area += -(uintptr_t)area & (ALIGN - 1);
	madvise(area, length, kind == ARENA_THP ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	memset(area, 0, length);
	return area;
}

static unsigned int next_random(unsigned int *seed)
{
	*seed = *seed * 1103515245 + 12345;
	return *seed >> 8;
}

static void store(struct writers *w, size_t page)
{
	*(volatile uint64_t *)(w->arena + page * PAGE) = w->value();
}

/* A write that the kernel does in the target's own context. */
static void store_by_read(struct writers *w, size_t page, const int *pipe_fds)
{
	uint64_t value = w->value();

	if (write(pipe_fds[1], &value, sizeof(value)) != sizeof(value) ||
	    read(pipe_fds[0], (void *)(w->arena + page * PAGE), sizeof(value)) != sizeof(value))
		_exit(98);
}

static void *writer(void *argument)
{
	struct writer me = *(struct writer *)argument;
	volatile uint64_t *count = &me.all->count[me.number];
	unsigned int seed = me.number * 7919 + 1;
	size_t at = 0;
	int fds[2];

	free(argument);
	if (pipe(fds))
		_exit(97);
	for (;;) {
		switch (me.number) {
		case 0: /* in sequence */
			at = (at + 1) % me.all->pages;
			store(me.all, at);
			break;
		case 1: /* bursts on one page, shared with writer 2 */
			at = next_random(&seed) % 16;
			store(me.all, at);
			break;
		case 2:
			at = next_random(&seed) % 16;
			store_by_read(me.all, at, fds);
			break;
		case 3: /* at random, by way of the kernel */
			at = next_random(&seed) % me.all->pages;
			store_by_read(me.all, at, fds);
			break;
		default: /* at random */
			at = next_random(&seed) % me.all->pages;
			store(me.all, at);
			break;
		}
		++*count;
	}
	return NULL;
}

int writers_run(struct writers *w)
{
	for (unsigned int i = 0; i < WRITERS; i++) {
		struct writer *me = malloc(sizeof(*me));
		pthread_t thread;
		int err;

		if (!me)
			return ENOMEM;
		*me = (struct writer){w, i};
		err = pthread_create(&thread, NULL, writer, me);
		if (err)
			return err;
		pthread_detach(thread);
	}
	return 0;
}

void writers_outside(const struct writers *w, pid_t pid)
{
	unsigned int seed = 4711;

	for (;;) {
		uint64_t value = w->value();
		struct iovec from = {&value, sizeof(value)};
		struct iovec to = {
			(void *)(w->arena + (next_random(&seed) % w->pages) * PAGE),
			sizeof(value),
		};

		if (process_vm_writev(pid, &from, 1, &to, 1, 0) < 0)
			return;
		++w->count[WRITERS];
	}
}
