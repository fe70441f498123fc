// SPDX-License-Identifier: GPL-2.0-only
/*
 * Raw ioctls on one session, and the kernel's own view of a target: see
 * session.h. Nothing here prints; the tests say what a failure means.
 *
 * Weak spot: tables are read in two calls (how many, then all), so a table
 * that grows in between is asked for again.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "session.h"

int device_open(void)
{
	int fd = open("/dev/glassram", O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int proc_open(pid_t pid, const char *name, int flags)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

uint64_t backends(void)
{
	struct glassram_query query = {.size = sizeof(query)};
	int device = device_open();

	if (device < 0)
		return 0;
	if (ioctl(device, GLASSRAM_QUERY, &query))
		query.backends = 0;
	close(device);
	return query.backends;
}

int proc_clear_refs(pid_t pid)
{
	return proc_open(pid, "clear_refs", O_WRONLY);
}

bool arms_by_soft_dirty(void)
{
	return backends() == GLASSRAM_BACKEND_SOFT_DIRTY;
}

int session_open(struct session *ret, pid_t pid)
{
	return session_open_flags(ret, pid, 0);
}

int session_open_flags(struct session *ret, pid_t pid, uint32_t flags)
{
	struct glassram_attach attach = {.size = sizeof(attach), .flags = flags, .pid = pid};
	int device, err;

	*ret = (struct session){.pid = pid, .fd = -1, .counters_fd = -1};
	ret->mem_fd = proc_open(pid, "mem", O_RDWR);
	ret->pagemap_fd = proc_open(pid, "pagemap", O_RDONLY);
	if (ret->mem_fd < 0)
		return ret->mem_fd;
	if (ret->pagemap_fd < 0)
		return ret->pagemap_fd;
	ret->work = mmap(NULL, SESSION_WORK, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (ret->work == MAP_FAILED) {
		ret->work = NULL;
		return -errno;
	}

	device = device_open();
	if (device < 0)
		return device;
	attach.mem_fd = ret->mem_fd;
	attach.pagemap_fd = ret->pagemap_fd;
	attach.work = (uintptr_t)ret->work;
	attach.work_len = SESSION_WORK;
	attach.clear_refs_fd = proc_clear_refs(pid);
	ret->fd = ioctl(device, GLASSRAM_ATTACH, &attach);
	err = errno;
	close(device);
	if (attach.clear_refs_fd >= 0)
		close(attach.clear_refs_fd);
	if (ret->fd < 0)
		return -err;

	ret->control = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, ret->fd, 0);
	if (ret->control == MAP_FAILED) {
		ret->control = NULL;
		return -errno;
	}
	return session_import(ret);
}

static void drop_counters(struct session *s)
{
	if (s->counters)
		munmap((void *)s->counters, s->counters_info.bytes);
	if (s->counters_fd >= 0)
		close(s->counters_fd);
	s->counters = NULL;
	s->counters_fd = -1;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void session_close(struct session *s)
{
	drop_counters(s);
	free(s->blocks);
	s->blocks = NULL;
	s->nr_blocks = 0;
	if (s->control)
		munmap((void *)s->control, PAGE);
	s->control = NULL;
	close_fd(&s->fd);
	close_fd(&s->mem_fd);
	close_fd(&s->pagemap_fd);
	if (s->work)
		munmap(s->work, SESSION_WORK);
	s->work = NULL;
}

static int read_blocks(struct session *s)
{
	struct glassram_blocks arg = {.size = sizeof(arg)};

	for (;;) {
		arg.nr_blocks = s->nr_blocks;
		arg.blocks = (uintptr_t)s->blocks;
		if (!ioctl(s->fd, GLASSRAM_BLOCKS, &arg)) {
			s->nr_blocks = arg.nr_blocks;
			return 0;
		}
		if (errno != ENOSPC)
			return -errno;
		s->blocks = realloc(s->blocks, arg.nr_blocks * sizeof(*s->blocks));
		if (!s->blocks)
			return -ENOMEM;
		s->nr_blocks = arg.nr_blocks;
	}
}

int session_import(struct session *s)
{
	struct glassram_counters info = {
		.size = sizeof(info),
		.columns = (uintptr_t)s->columns,
		.nr_columns = SESSION_COLUMNS,
	};
	void *map;
	int fd;

	fd = ioctl(s->fd, GLASSRAM_COUNTERS, &info);
	if (fd < 0)
		return -errno;
	map = mmap(NULL, info.bytes, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED) {
		int err = errno;

		close(fd);
		return -err;
	}
	drop_counters(s);
	s->counters_fd = fd;
	s->counters = map;
	s->counters_info = info;
	return read_blocks(s);
}

int session_advance(struct session *s, uint32_t flags)
{
	s->advanced = (struct glassram_advance){
		.size = sizeof(s->advanced),
		.flags = flags,
		.work = (uintptr_t)s->work,
		.work_len = SESSION_WORK,
	};
	if (ioctl(s->fd, GLASSRAM_ADVANCE, &s->advanced))
		return -errno;
	if (s->control->counters_generation != s->counters_info.generation)
		return session_import(s);
	return read_blocks(s);
}

int session_add(struct session *s, pid_t pid, struct glassram_target_add *ret)
{
	int err = 0;

	*ret = (struct glassram_target_add){
		.size = sizeof(*ret),
		.pid = pid,
		.mem_fd = proc_open(pid, "mem", O_RDWR),
		.pagemap_fd = proc_open(pid, "pagemap", O_RDONLY),
		.clear_refs_fd = proc_clear_refs(pid),
		.work = (uintptr_t)s->work,
		.work_len = SESSION_WORK,
	};
	if (ioctl(s->fd, GLASSRAM_TARGET_ADD, ret))
		err = -errno;
	close_fd(&ret->mem_fd);
	close_fd(&ret->pagemap_fd);
	close_fd(&ret->clear_refs_fd);
	return err;
}

int session_drop(struct session *s, uint32_t target)
{
	struct glassram_target_drop drop = {.size = sizeof(drop), .target = target};

	return ioctl(s->fd, GLASSRAM_TARGET_DROP, &drop) ? -errno : 0;
}

int session_pause(struct session *s, bool paused)
{
	struct glassram_pause pause = {.size = sizeof(pause), .paused = paused};

	return ioctl(s->fd, GLASSRAM_PAUSE, &pause) ? -errno : 0;
}

int session_reset(struct session *s)
{
	struct glassram_reset reset = {.size = sizeof(reset)};

	return ioctl(s->fd, GLASSRAM_RESET, &reset) ? -errno : 0;
}

const struct page_region *session_ranges(const struct session *s)
{
	return (const struct page_region *)((char *)s->work + GLASSRAM_WORK_RANGES);
}

uint32_t session_slot(struct session *s, uint64_t address)
{
	const uint64_t length = GLASSRAM_BLOCK_SLOTS * PAGE;
	uint64_t start = address - address % length;
	uint32_t i = s->last_block;

	if (i >= s->nr_blocks || s->blocks[i].start != start || s->blocks[i].target != s->target) {
		for (i = 0; i < s->nr_blocks; i++)
			if (s->blocks[i].start == start && s->blocks[i].target == s->target)
				break;
		if (i == s->nr_blocks)
			return GLASSRAM_NO_SLOT;
		s->last_block = i;
	}
	return i * GLASSRAM_BLOCK_SLOTS + (address - start) / PAGE;
}

uint64_t session_address(const struct session *s, uint32_t slot)
{
	uint32_t block = slot / GLASSRAM_BLOCK_SLOTS;

	if (block >= s->nr_blocks)
		return 0;
	return s->blocks[block].start + (slot % GLASSRAM_BLOCK_SLOTS) * PAGE;
}

uint32_t session_column(const struct session *s, uint32_t id, uint32_t slot)
{
	const struct glassram_column *c = NULL;
	uint32_t i;

	for (i = 0; i < s->counters_info.nr_columns && i < SESSION_COLUMNS; i++)
		if (s->columns[i].id == id)
			c = &s->columns[i];
	if (!c || slot >= s->counters_info.slots)
		return 0;
	return *(const volatile uint32_t *)(s->counters + c->offset +
		(uint64_t)(slot / c->width) * c->stride + (slot % c->width) * c->elem_size);
}

uint32_t session_hits(struct session *s, uint64_t address)
{
	return session_column(s, GLASSRAM_COLUMN_HITS, session_slot(s, address));
}

uint32_t session_stamp(struct session *s, uint64_t address)
{
	return session_column(s, GLASSRAM_COLUMN_STAMP, session_slot(s, address));
}

uint32_t session_owner(struct session *s, uint64_t address)
{
	return session_column(s, GLASSRAM_COLUMN_OWNER, session_slot(s, address));
}

uint64_t session_total_hits(const struct session *s)
{
	uint32_t slots = s->nr_blocks * GLASSRAM_BLOCK_SLOTS;
	uint64_t sum = 0;

	for (uint32_t i = 0; i < slots; i++)
		sum += session_column(s, GLASSRAM_COLUMN_HITS, i);
	return sum;
}

uint64_t session_area_hits(struct session *s, uint64_t start, uint64_t length)
{
	uint64_t sum = 0;

	for (uint64_t a = start; a < start + length; a += PAGE)
		sum += session_hits(s, a);
	return sum;
}

int session_stats(struct session *s)
{
	s->stats = (struct glassram_stats){.size = sizeof(s->stats)};
	return ioctl(s->fd, GLASSRAM_STATS, &s->stats) ? -errno : 0;
}

int session_threads(const struct session *s, struct glassram_thread **ret_threads,
		    uint64_t *ret_overflow)
{
	struct glassram_threads arg = {.size = sizeof(arg)};
	struct glassram_thread *table = NULL;

	while (ioctl(s->fd, GLASSRAM_THREADS, &arg)) {
		int err = errno;

		free(table);
		if (err != ENOSPC)
			return -err;
		table = calloc(arg.nr_threads, sizeof(*table));
		if (!table)
			return -ENOMEM;
		arg.threads = (uintptr_t)table;
	}
	*ret_threads = table;
	if (ret_overflow)
		*ret_overflow = arg.overflow;
	return (int)arg.nr_threads;
}

int session_regions(const struct session *s, struct glassram_region **ret_regions,
		    char **ret_names)
{
	struct glassram_regions arg = {.size = sizeof(arg)};
	struct glassram_region *table = NULL;
	char *names = NULL;

	while (ioctl(s->fd, GLASSRAM_REGIONS, &arg)) {
		int err = errno;

		free(table);
		free(names);
		if (err != ENOSPC)
			return -err;
		table = calloc(arg.nr_regions, sizeof(*table));
		names = malloc(arg.names_len);
		if (!table || !names) {
			free(table);
			free(names);
			return -ENOMEM;
		}
		arg.regions = (uintptr_t)table;
		arg.names = (uintptr_t)names;
	}
	*ret_regions = table;
	if (ret_names)
		*ret_names = names;
	else
		free(names);
	return (int)arg.nr_regions;
}

int session_region(const struct session *s, uint64_t address, struct glassram_region *ret)
{
	struct glassram_region *table;
	int n = session_regions(s, &table, NULL), err = -ENOENT;

	if (n < 0)
		return n;
	for (int i = 0; i < n; i++) {
		if (address < table[i].start || address >= table[i].end)
			continue;
		*ret = table[i];
		err = 0;
	}
	free(table);
	return err;
}

/* Bits of an entry of /proc/PID/pagemap. */
#define PM_SOFT_DIRTY (1ULL << 55)
#define PM_SWAP (1ULL << 62)
#define PM_PRESENT (1ULL << 63)

static long read_soft_dirty(int pagemap_fd, uint64_t start, uint64_t end, uint8_t *ret_written)
{
	size_t n = (end - start) / PAGE;
	uint64_t entries[512];
	long pages = 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t entry;

		if (i % 512 == 0 && pread(pagemap_fd, entries, sizeof(entries),
					  (start / PAGE + i) * sizeof(entries[0])) < 0)
			return -errno;
		entry = entries[i % 512];
		ret_written[i] = entry & PM_SOFT_DIRTY && entry & (PM_PRESENT | PM_SWAP);
		pages += ret_written[i];
	}
	return pages;
}

long scan_written(int pagemap_fd, uint64_t start, uint64_t end, uint8_t *ret_written)
{
	struct page_region found[512];
	struct pm_scan_arg arg = {
		.size = sizeof(arg),
		.end = end,
		.vec = (uintptr_t)found,
		.vec_len = sizeof(found) / sizeof(found[0]),
		.category_mask = PAGE_IS_WRITTEN,
		.category_anyof_mask = PAGE_IS_PRESENT | PAGE_IS_SWAPPED,
		.return_mask = PAGE_IS_WRITTEN,
	};
	long pages = 0;

	if (arms_by_soft_dirty())
		return read_soft_dirty(pagemap_fd, start, end, ret_written);
	memset(ret_written, 0, (end - start) / PAGE);
	for (uint64_t at = start; at < end; at = arg.walk_end) {
		long n;

		arg.start = at;
		n = ioctl(pagemap_fd, PAGEMAP_SCAN, &arg);
		if (n < 0)
			return -errno;
		if (arg.walk_end <= at)
			return -EIO;
		for (long i = 0; i < n; i++) {
			size_t first = (found[i].start - start) / PAGE;
			size_t count = (found[i].end - found[i].start) / PAGE;

			memset(ret_written + first, 1, count);
			pages += (long)count;
		}
	}
	return pages;
}

long proc_status_kb(pid_t pid, const char *field)
{
	char path[64], line[256];
	size_t length = strlen(field);
	long value = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return -1;
	while (fgets(line, sizeof(line), file))
		if (!strncmp(line, field, length) && line[length] == ':')
			value = strtol(line + length + 1, NULL, 10);
	fclose(file);
	return value;
}

int proc_uffd_mappings(pid_t pid)
{
	char path[64], line[1024];
	int found = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/smaps", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return -1;
	while (fgets(line, sizeof(line), file))
		if (!strncmp(line, "VmFlags:", 8) && strstr(line, " uw"))
			found++;
	fclose(file);
	return found;
}

/* state letter of one thread, '?' if it is gone */
static char thread_state(const char *stat_path)
{
	char text[512], *end;
	ssize_t n;
	int fd = open(stat_path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return '?';
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return '?';
	text[n] = 0;
	/* The name may hold anything, a bracket too: the state follows the last one. */
	end = strrchr(text, ')');
	return end && end[1] ? end[2] : '?';
}

static bool all_stopped(pid_t pid)
{
	char path[64], stat[400];
	struct dirent *entry;
	bool stopped = true;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	if (!dir)
		return false;
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(stat, sizeof(stat), "%s/%s/stat", path, entry->d_name);
		if (!strchr("TtZX?", thread_state(stat)))
			stopped = false;
	}
	closedir(dir);
	return stopped;
}

int proc_freeze(pid_t pid)
{
	uint64_t end = now_ns() + patience_ns(10000);

	if (kill(pid, SIGSTOP))
		return -errno;
	while (!all_stopped(pid)) {
		if (now_ns() > end)
			return -ETIMEDOUT;
		usleep(500);
	}
	return 0;
}

void take_precedence(void)
{
	setpriority(PRIO_PROCESS, 0, -20);
}

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ULL + (uint64_t)t.tv_nsec;
}

int patience_ms(int ms)
{
	const char *slowness = getenv("TEST_SLOWNESS");

	return slowness && atoi(slowness) > 0 ? ms * atoi(slowness) : ms;
}

uint64_t patience_ns(uint64_t ms)
{
	return (uint64_t)patience_ms((int)ms) * 1000000;
}
