// SPDX-License-Identifier: GPL-2.0-only
/*
 * Common parts of the racing tests: see race.h.
 *
 * Weak spot: the longest pass of a target includes the time that other
 * programs had its CPU, so it tells a hang from a delay, not more.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/userfaultfd.h>

#include "race.h"

/* How long its clean-up may take on a busy machine. */
#define PATIENCE_MS 30000

/*
 * How long the module may be away: unloading waits until every task was seen in
 * user mode or asleep, and loading looks through the names of all functions, which
 * takes a second of an emulated CPU. On a busy machine both took 49 s together.
 */
#define AWAY_MS 120000

unsigned int race_rounds(unsigned int few)
{
	const char *factor = getenv("RACE_ROUNDS");

	return factor && atoi(factor) > 0 ? few * (unsigned int)atoi(factor) : few;
}

int racing_target(struct target *t)
{
	const size_t words = PAGE / sizeof(uint64_t);
	volatile uint64_t *area = mmap(NULL, RACE_PAGES * PAGE, PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t last;

	if (area == MAP_FAILED)
		return 1;
	madvise((void *)area, RACE_PAGES * PAGE, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < RACE_PAGES * words; i++)
		area[i] = i;
	t->shared[RACE_AREA] = (uintptr_t)area;
	target_pause(t);
	last = now_ns();
	for (uint64_t beat = 0; !t->shared[RACE_STOP]; beat++) {
		uint64_t now;

		for (size_t i = 0; i < RACE_PAGES; i++) {
			volatile uint64_t *word = &area[i * words + beat % words];

			/* Each word counts up by one each time all words have been passed. */
			if (*word != i * words + beat % words + beat / words)
				return 2;
			++*word;
		}
		now = now_ns();
		if (now - last > t->shared[RACE_STALL])
			t->shared[RACE_STALL] = now - last;
		last = now;
		t->shared[RACE_BEATS] = beat + 1;
		if (t->shared[RACE_REST])
			usleep(t->shared[RACE_REST]);
	}
	for (size_t i = 0; i < RACE_PAGES * words; i++) {
		uint64_t beats = t->shared[RACE_BEATS];

		if (area[i] != i + beats / words + (i % words < beats % words))
			return 2;
	}
	return 0;
}

void race_go(struct target *t)
{
	char go = 'n';

	if (write(t->to_child, &go, 1) != 1)
		abort();
}

int race_moves(const struct target *t, int ms)
{
	uint64_t beats = t->shared[RACE_BEATS], end = now_ns() + patience_ns(ms);

	/* Two: the first may have been under way. */
	while (t->shared[RACE_BEATS] < beats + 2) {
		if (now_ns() > end)
			return 0;
		usleep(1000);
	}
	return 1;
}

int race_end(struct target *t)
{
	t->shared[RACE_STOP] = 1;
	return target_finish(t);
}

/* To try all that comes before the device would take the time that unloading needs. */
static void wait_for_device(uint64_t end)
{
	while (access("/dev/glassram", F_OK) && now_ns() < end)
		usleep(1000);
}

int race_open_flags(struct session *ret, pid_t pid, uint32_t flags)
{
	uint64_t end = now_ns() + patience_ns(AWAY_MS);
	int err;

	for (;;) {
		wait_for_device(end);
		err = session_open_flags(ret, pid, flags);
		if (!err)
			return 0;
		session_close(ret);
		/* No device, or none behind the node, or the other session is not gone yet. */
		if ((err != -ENOENT && err != -ENXIO && err != -ENODEV &&
		     (err != -EBUSY || flags & GLASSRAM_ATTACH_SHARED)) || now_ns() > end)
			return err;
		/* /proc/PID is gone with the process, the device is not for ever. */
		if (err == -ENOENT && kill(pid, 0))
			return -ESRCH;
		usleep(1000);
	}
}

int race_open(struct session *ret, pid_t pid)
{
	return race_open_flags(ret, pid, 0);
}

int race_unarmed(pid_t pid)
{
	uint64_t end = now_ns() + patience_ns(PATIENCE_MS);
	int left;

	while ((left = proc_uffd_mappings(pid)) > 0 && now_ns() < end)
		usleep(5000);
	return left;
}

int race_write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		err = -errno;
	close(fd);
	return err;
}

long race_meminfo_kb(const char *field)
{
	size_t length = strlen(field);
	char line[128];
	long value = -1;
	FILE *file = fopen("/proc/meminfo", "re");

	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, field, length) && line[length] == ':')
			value = strtol(line + length + 1, NULL, 10);
	if (file)
		fclose(file);
	return value;
}

#define GROUPS "/sys/fs/cgroup"
#define GROUP GROUPS "/race"

int race_group_make(const char *setting, const char *value)
{
	char path[128];
	int err;

	race_group_end();
	err = race_write_file(GROUPS "/cgroup.subtree_control", "+memory +pids");
	if (err)
		return err;
	if (mkdir(GROUP, 0755))
		return -errno;
	snprintf(path, sizeof(path), GROUP "/%s", setting);
	return race_write_file(path, value);
}

int race_group_enter(void)
{
	return race_write_file(GROUP "/cgroup.procs", "0");
}

void race_group_end(void)
{
	uint64_t end = now_ns() + patience_ns(PATIENCE_MS);

	/* The killed are members until they are reaped or gone. */
	while (race_write_file(GROUP "/cgroup.kill", "1") != -ENOENT && now_ns() < end) {
		if (!rmdir(GROUP))
			return;
		usleep(10000);
	}
}

uint64_t race_group_events(const char *file, const char *what)
{
	char path[128], name[64];
	unsigned long long count = 0, found = 0;
	FILE *stream;

	snprintf(path, sizeof(path), GROUP "/%s", file);
	stream = fopen(path, "re");
	if (!stream)
		return 0;
	while (fscanf(stream, "%63s %llu", name, &count) == 2)
		if (!strcmp(name, what))
			found = count;
	fclose(stream);
	return found;
}

char *race_blocking(size_t length, const void *first_page)
{
	struct uffdio_api api = {.api = UFFD_API, .features = UFFD_FEATURE_PAGEFAULT_FLAG_WP};
	struct uffdio_register registration = {
		.mode = UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_WP,
	};
	struct uffdio_copy copy = {
		.src = (uintptr_t)first_page, .len = PAGE, .mode = UFFDIO_COPY_MODE_WP,
	};
	int uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	char *area = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);

	registration.range.start = (uintptr_t)area;
	registration.range.len = length;
	copy.dst = (uintptr_t)area;
	if (area == MAP_FAILED || uffd < 0 || ioctl(uffd, UFFDIO_API, &api) ||
	    ioctl(uffd, UFFDIO_REGISTER, &registration) || ioctl(uffd, UFFDIO_COPY, &copy))
		return NULL;
	return area;
}
