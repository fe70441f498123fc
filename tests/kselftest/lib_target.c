// SPDX-License-Identifier: GPL-2.0-only
/*
 * The target of the library's tests: see lib_target.h.
 *
 * Orders lie in the shared words: what, who, where, how much. The main thread
 * passes a write on to the thread that shall do it and waits for it, so an
 * order is done when the target pauses again.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <semaphore.h>
#include <sys/mman.h>

#include "lib_target.h"

enum { WORD_ORDER, WORD_THREAD, WORD_ADDRESS, WORD_PAGES, WORD_RESULT, WORD_AREAS };
enum { ORDER_WRITE = 1, ORDER_MAP };

static struct worker {
	pthread_t thread;
	const char *name;
	sem_t go;
	sem_t done;
	volatile char *address;
	unsigned long pages;
} workers[] = { { .name = "work-one" }, { .name = "other" } };

static void write_pages(volatile char *address, unsigned long pages, unsigned long step)
{
	for (unsigned long i = 0; i < pages; i++)
		address[i * step * LIB_PAGE]++;
}

static void *worker_main(void *arg)
{
	struct worker *worker = arg;

	pthread_setname_np(pthread_self(), worker->name);
	sem_post(&worker->done);
	for (;;) {
		sem_wait(&worker->go);
		write_pages(worker->address, worker->pages, 1);
		sem_post(&worker->done);
	}
	return NULL;
}

static void *map_pages(unsigned long pages)
{
	void *area = mmap(NULL, pages * LIB_PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return area == MAP_FAILED ? NULL : area;
}

static void obey(struct target *t)
{
	struct worker *worker = &workers[t->shared[WORD_THREAD]];
	void *area;

	switch (t->shared[WORD_ORDER]) {
	case ORDER_WRITE:
		worker->address = (void *)t->shared[WORD_ADDRESS];
		worker->pages = t->shared[WORD_PAGES];
		sem_post(&worker->go);
		sem_wait(&worker->done);
		break;
	case ORDER_MAP:
		area = map_pages(t->shared[WORD_PAGES] * GLASSRAM_BLOCK_SLOTS);
		if (area)
			write_pages(area, t->shared[WORD_PAGES], GLASSRAM_BLOCK_SLOTS);
		t->shared[WORD_RESULT] = (uint64_t)area;
		break;
	}
}

static int body(struct target *t)
{
	for (int i = 0; i < 2; i++) {
		void *area = map_pages(LIB_AREA_PAGES);

		if (!area)
			return 1;
		write_pages(area, LIB_AREA_PAGES, 1);
		t->shared[WORD_AREAS + i] = (uint64_t)area;
		sem_init(&workers[i].go, 0, 0);
		sem_init(&workers[i].done, 0, 0);
		if (pthread_create(&workers[i].thread, NULL, worker_main, &workers[i]))
			return 1;
		sem_wait(&workers[i].done);
	}
	for (;;) {
		target_pause(t);
		obey(t);
		t->shared[WORD_ORDER] = 0;
	}
}

int lib_target_start(struct target *ret)
{
	return target_start(ret, body);
}

uint64_t lib_target_area(const struct target *t, unsigned int area)
{
	return t->shared[WORD_AREAS + area];
}

int lib_target_write(struct target *t, unsigned int thread, uint64_t address,
		     unsigned long pages)
{
	t->shared[WORD_THREAD] = thread;
	t->shared[WORD_ADDRESS] = address;
	t->shared[WORD_PAGES] = pages;
	t->shared[WORD_ORDER] = ORDER_WRITE;
	return target_next(t);
}

uint64_t lib_target_map(struct target *t, unsigned long blocks)
{
	t->shared[WORD_PAGES] = blocks;
	t->shared[WORD_ORDER] = ORDER_MAP;
	return target_next(t) ? 0 : t->shared[WORD_RESULT];
}

uint64_t lib_sum_hits(const struct glassram_columns *columns,
		      const struct glassram_layout *layout, uint64_t address,
		      unsigned long pages)
{
	uint64_t sum = 0;

	for (unsigned long i = 0; i < pages; i++) {
		uint32_t slot = glassram_layout_slot(layout, address + i * LIB_PAGE);

		if (slot < columns->slots)
			sum += columns->hits[slot];
	}
	return sum;
}
