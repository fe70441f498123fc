// SPDX-License-Identifier: GPL-2.0
/*
 * A target for the tests of glassview.
 *
 *	view_target once	write each of 1,000 pages, again and again for a
 *				second and a half, then exit with status 7
 *	view_target grow	map 32 MiB, then touch ever more of it, for two and a
 *				half seconds
 *	view_target threads	two threads, alpha and beta, write 200 pages each,
 *				until killed; prints "ready"
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096
#define ONCE_PAGES 1000
#define THREAD_PAGES 200
#define GROW_BYTES (32UL << 20)

/* Static, so that it is mapped when exec ends, before the first instruction. */
static char once_area[ONCE_PAGES * PAGE] __attribute__((aligned(PAGE)));

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec * 1e-9;
}

static int once(void)
{
	double end = now() + 1.5;
	volatile char *area = once_area;
	int page;

	do {
		for (page = 0; page < ONCE_PAGES; page++)
			area[page * PAGE]++;
		usleep(1000);
	} while (now() < end);
	return 7;
}

/* New blocks of slots without any new mapping. */
static int grow(void)
{
	volatile char *area = mmap(NULL, GROW_BYTES, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t at;

	if (area == MAP_FAILED)
		return 1;
	usleep(500000);
	for (at = 0; at < GROW_BYTES; at += PAGE) {
		area[at] = 1;
		if (at % (GROW_BYTES / 8) == 0)
			usleep(250000);
	}
	usleep(500000);
	return 0;
}

static void *write_pages(void *name)
{
	volatile char *area = aligned_alloc(PAGE, THREAD_PAGES * PAGE);
	int page;

	pthread_setname_np(pthread_self(), name);
	for (;;) {
		for (page = 0; page < THREAD_PAGES; page++)
			area[page * PAGE]++;
		usleep(20000);
	}
	return NULL;
}

static int threads(void)
{
	static char alpha[] = "alpha", beta[] = "beta";
	pthread_t first, second;

	if (pthread_create(&first, NULL, write_pages, alpha) ||
	    pthread_create(&second, NULL, write_pages, beta))
		return 1;
	puts("ready");
	fflush(stdout);
	pthread_join(first, NULL);
	return 1;
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "once"))
		return once();
	if (argc == 2 && !strcmp(argv[1], "grow"))
		return grow();
	if (argc == 2 && !strcmp(argv[1], "threads"))
		return threads();
	fputs("usage: view_target once|grow|threads\n", stderr);
	return 2;
}
