// SPDX-License-Identifier: GPL-2.0
/*
 * A program that writes known pages, and says which: what libglassram-preload.so
 * is tried on. Each line of its log is one step: name, time before, time after
 * (ns of CLOCK_MONOTONIC), first page of an area, pages of it, and of these each
 * how many'th was written (0: none).
 *
 * It waits between two steps until its trace grew twice: a round that began
 * after the last write is in the file then, on however busy a machine.
 *
 * usage: preload_target LOG TRACE [once]
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096UL
#define PAGES 600UL
#define HUGE (2UL << 20)
#define WAIT_STEPS 20000 /* of a millisecond: nothing is recorded, give up */

static FILE *log_file;
static const char *trace;

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

static off_t trace_size(void)
{
	struct stat status;

	return stat(trace, &status) ? -1 : status.st_size;
}

static void settle(void)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	off_t size = trace_size();

	for (int growths = 0, i = 0; growths < 2 && i < WAIT_STEPS; i++) {
		off_t now = trace_size();

		growths += now > size;
		size = now;
		nanosleep(&pause, NULL);
	}
}

static void step_done(const char *name, uint64_t begin, const void *area, size_t pages,
		      unsigned int stride)
{
	settle();
	fprintf(log_file, "%s %lu %lu %lu %zu %u\n", name, begin, now_ns(),
		(uintptr_t)area / PAGE, pages, stride);
	fflush(log_file);
	settle();
}

static void write_pages(char *area, size_t pages, unsigned int stride)
{
	for (size_t i = 0; i < pages; i += stride)
		*(volatile char *)(area + i * PAGE) += 1;
}

static void *write_third(void *area)
{
	write_pages(area, PAGES, 3);
	return NULL;
}

static char *map(int prot, int fd)
{
	char *area = mmap(NULL, PAGES * PAGE, prot, MAP_PRIVATE | (fd < 0 ? MAP_ANONYMOUS : 0),
			  fd, 0);

	if (area == MAP_FAILED)
		exit(3);
	return area;
}

static void plain_steps(char *area)
{
	uint64_t begin = now_ns();
	pthread_t thread;

	write_pages(area, PAGES, 1);
	step_done("first-touch", begin, area, PAGES, 1);
	begin = now_ns();
	write_pages(area, PAGES, 7);
	step_done("every-seventh", begin, area, PAGES, 7);
	begin = now_ns();
	step_done("nothing", begin, area, PAGES, 0);
	begin = now_ns();
	if (pthread_create(&thread, NULL, write_third, area))
		exit(3);
	pthread_join(thread, NULL);
	step_done("by-a-thread", begin, area, PAGES, 3);
	begin = now_ns();
	/* the kernel writes for us */
	for (size_t i = 0; i < PAGES; i += 5) {
		int fd = open("/dev/zero", O_RDONLY);

		if (read(fd, area + i * PAGE, 16) != 16)
			exit(3);
		close(fd);
	}
	step_done("by-the-kernel", begin, area, PAGES, 5);
}

static void mapping_steps(char *area)
{
	char *zeroes, *file;
	uint64_t begin;
	int fd;

	begin = now_ns();
	if (madvise(area, PAGES * PAGE, MADV_DONTNEED))
		exit(3);
	write_pages(area, PAGES, 11);
	step_done("dropped-and-written", begin, area, PAGES, 11);
	begin = now_ns();
	if (mmap(area, PAGES * PAGE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != area)
		exit(3);
	write_pages(area, PAGES, 13);
	step_done("mapped-anew", begin, area, PAGES, 13);
	begin = now_ns();
	write_pages(area, PAGES, 26);
	step_done("mapped-anew-again", begin, area, PAGES, 26);

	begin = now_ns();
	zeroes = map(PROT_READ | PROT_WRITE, -1);
	for (size_t i = 0; i < PAGES; i++)
		(void)*(volatile char *)(zeroes + i * PAGE);
	step_done("only-read", begin, zeroes, PAGES, 0);
	begin = now_ns();
	write_pages(zeroes, PAGES, 2);
	step_done("read-then-written", begin, zeroes, PAGES, 2);

	fd = memfd_create("pages", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, PAGES * PAGE))
		exit(3);
	begin = now_ns();
	file = map(PROT_READ | PROT_WRITE, fd);
	for (size_t i = 0; i < PAGES; i++)
		(void)*(volatile char *)(file + i * PAGE);
	step_done("file-only-read", begin, file, PAGES, 0);
	begin = now_ns();
	write_pages(file, PAGES, 9);
	step_done("private-copy-of-a-file", begin, file, PAGES, 9);
	close(fd);
}

static void huge_steps(void)
{
	char *area = aligned_alloc(HUGE, HUGE);
	uint64_t begin = now_ns();

	madvise(area, HUGE, MADV_HUGEPAGE);
	write_pages(area, HUGE / PAGE, 1);
	step_done("huge-first-touch", begin, area, HUGE / PAGE, 1);
	begin = now_ns();
	write_pages(area, HUGE / PAGE, 17);
	step_done("huge-every-seventeenth", begin, area, HUGE / PAGE, 17);
}

static void fork_step(char *area)
{
	uint64_t begin = now_ns();
	int status;
	pid_t child = fork();

	if (!child) {
		write_pages(area, PAGES, 1);
		_exit(7);
	}
	if (waitpid(child, &status, 0) != child || WEXITSTATUS(status) != 7)
		exit(4);
	step_done("by-a-child", begin, area, PAGES, 0);
}

/* What a program can notice of being recorded. */
static int undisturbed(void)
{
	struct dirent *entry;
	sigset_t pending;
	int others = 0;
	DIR *dir = opendir("/proc/self/fd");

	while ((entry = readdir(dir)))
		others += entry->d_name[0] != '.' && atoi(entry->d_name) > 2 &&
			  atoi(entry->d_name) != dirfd(dir);
	closedir(dir);
	if (others) {
		fprintf(stderr, "target: %d descriptors that are not mine\n", others);
		return 0;
	}
	dir = opendir("/proc/self/task");
	while ((entry = readdir(dir)))
		others += entry->d_name[0] != '.';
	closedir(dir);
	if (others != 1) {
		fprintf(stderr, "target: %d threads\n", others);
		return 0;
	}
	if (wait(NULL) != -1 || errno != ECHILD) {
		fprintf(stderr, "target: a child that is not mine\n");
		return 0;
	}
	sigpending(&pending);
	return !sigismember(&pending, SIGCHLD);
}

int main(int argc, char **argv)
{
	char *area;

	if (argc < 3 || !undisturbed())
		return 5;
	trace = argv[2];
	log_file = fopen(argv[1], "we");
	if (!log_file)
		return 2;
	settle();
	area = map(PROT_READ | PROT_WRITE, -1);
	plain_steps(area);
	if (argc > 3) /* go on until killed */
		for (;;)
			write_pages(area, PAGES, 1);
	mapping_steps(area);
	huge_steps();
	fork_step(area);
	return 0;
}
