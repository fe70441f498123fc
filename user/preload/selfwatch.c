// SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0
/*
 * Registers private writable mappings and scans them: see selfwatch.h.
 *
 * Nothing here calls malloc(): a recorder runs in the copy of a process whose
 * allocator may be in any state.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/userfaultfd.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "selfwatch.h"

/* Ranges of one call: 96 KiB of stack, and a thousandth of the cost of a call each. */
#define BATCH 4096
#define ROOM_FIRST 4096

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

int selfwatch_list_add(struct selfwatch_list *list, uint64_t start, uint64_t end)
{
	size_t want = list->room ? 2 * list->room : ROOM_FIRST;
	void *bigger;

	if (list->nr && list->range[list->nr - 1].end == start) {
		list->range[list->nr - 1].end = end;
		return 0;
	}
	if (list->nr == list->room) {
		if (list->room)
			bigger = mremap(list->range, list->room * sizeof(*list->range),
					want * sizeof(*list->range), MREMAP_MAYMOVE);
		else
			bigger = mmap(NULL, want * sizeof(*list->range), PROT_READ | PROT_WRITE,
				      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (bigger == MAP_FAILED)
			return -ENOMEM;
		list->range = bigger;
		list->room = want;
	}
	list->range[list->nr++] = (struct selfwatch_range){ start, end };
	return 0;
}

void selfwatch_list_finish(struct selfwatch_list *list)
{
	if (list->room)
		munmap(list->range, list->room * sizeof(*list->range));
	memset(list, 0, sizeof(*list));
}

int selfwatch_open(struct selfwatch *watch, const char **ret_what)
{
	struct uffdio_api api = { .api = UFFD_API, .features = UFFD_FEATURE_WP_ASYNC };
	int error;

	memset(watch, 0, sizeof(*watch));
	watch->pagemap = watch->maps = -1;
	*ret_what = "userfaultfd";
	watch->uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY);
	if (watch->uffd < 0)
		return -errno;
	*ret_what = "asynchronous write-protection (kernel 6.7 and later have it)";
	if (ioctl(watch->uffd, UFFDIO_API, &api))
		goto fail;
	*ret_what = "/proc/self/pagemap";
	watch->pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (watch->pagemap < 0)
		goto fail;
	*ret_what = "/proc/self/maps";
	watch->maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	if (watch->maps < 0)
		goto fail;
	return 0;
fail:
	error = -errno;
	selfwatch_close(watch);
	return error;
}

void selfwatch_close(struct selfwatch *watch)
{
	if (watch->uffd >= 0)
		close(watch->uffd);
	if (watch->pagemap >= 0)
		close(watch->pagemap);
	if (watch->maps >= 0)
		close(watch->maps);
	selfwatch_list_finish(&watch->written);
	selfwatch_list_finish(&watch->mappings);
	memset(watch, 0, sizeof(*watch));
	watch->uffd = watch->pagemap = watch->maps = -1;
}

static const char *hex(const char *at, uint64_t *ret_value)
{
	uint64_t value = 0;

	for (;; at++) {
		char c = *at;

		if (c >= '0' && c <= '9')
			value = value << 4 | (c - '0');
		else if (c >= 'a' && c <= 'f')
			value = value << 4 | (c - 'a' + 10);
		else
			break;
	}
	*ret_value = value;
	return at;
}

/* One line of maps: "start-end rwxp ...". Return: 0 or -ENOMEM. */
static int take_line(struct selfwatch *watch, const char *line)
{
	struct selfwatch_range range;
	const char *at = hex(line, &range.start);

	if (*at++ != '-')
		return 0;
	at = hex(at, &range.end);
	if (at[0] != ' ' || at[1] == '\0' || at[2] != 'w' || at[3] == '\0' || at[4] != 'p')
		return 0;
	return selfwatch_list_add(&watch->mappings, range.start, range.end);
}

/* The private writable mappings. Return: 0, -ESRCH when the address space is gone, or else. */
static int read_mappings(struct selfwatch *watch)
{
	/* a line has a path of at most PATH_MAX, escaped, after its 73 columns */
	static char text[1 << 17];
	size_t have = 0;
	off_t offset = 0;

	watch->mappings.nr = 0;
	for (;;) {
		ssize_t n = pread(watch->maps, text + have, sizeof(text) - 1 - have, offset);
		char *line = text, *end;
		int error;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			return watch->mappings.nr ? 0 : -ESRCH;
		offset += n;
		have += n;
		text[have] = '\0';
		while ((end = memchr(line, '\n', text + have - line))) {
			*end = '\0';
			error = take_line(watch, line);
			if (error)
				return error;
			line = end + 1;
		}
		have -= line - text;
		if (have == sizeof(text) - 1) /* no such line exists; leave it out */
			have = 0;
		memmove(text, line, have);
	}
}

static bool was_refused(const struct selfwatch *watch, const struct selfwatch_range *range)
{
	for (size_t i = 0; i < watch->nr_refused && i < SELFWATCH_REFUSED; i++)
		if (watch->refused[i].start == range->start && watch->refused[i].end == range->end)
			return true;
	return false;
}

/*
 * Is all of a mapping registered? A scan that is after mappings which are not
 * walks no page table: it passes those by that are, and fails at any other.
 */
static bool is_watched(const struct selfwatch *watch, const struct selfwatch_range *range)
{
	struct pm_scan_arg scan = {
		.size = sizeof(scan),
		.flags = PM_SCAN_WP_MATCHING | PM_SCAN_CHECK_WPASYNC,
		.start = range->start,
		.end = range->end,
		.category_inverted = PAGE_IS_WPALLOWED,
		.category_mask = PAGE_IS_WPALLOWED,
	};

	return ioctl(watch->pagemap, PAGEMAP_SCAN, &scan) >= 0 || errno != EPERM;
}

static void register_new(struct selfwatch *watch)
{
	for (size_t i = 0; i < watch->mappings.nr; i++) {
		const struct selfwatch_range *range = &watch->mappings.range[i];
		struct uffdio_register reg = {
			.range = { .start = range->start, .len = range->end - range->start },
			.mode = UFFDIO_REGISTER_MODE_WP,
		};

		if (is_watched(watch, range) || was_refused(watch, range))
			continue;
		if (!ioctl(watch->uffd, UFFDIO_REGISTER, &reg))
			watch->registered++;
		else if (errno == EBUSY || errno == EPERM || errno == EINVAL)
			watch->refused[watch->nr_refused++ % SELFWATCH_REFUSED] = *range;
	}
}

static int scan_all(struct selfwatch *watch, uint64_t flags)
{
	struct page_region found[BATCH];
	/* Pages of a file or of zeroes that were only read are not written, armed or not. */
	struct pm_scan_arg scan = {
		.size = sizeof(scan),
		.flags = flags,
		.vec = (uintptr_t)found,
		.vec_len = BATCH,
		.category_inverted = PAGE_IS_FILE | PAGE_IS_PFNZERO,
		.category_mask = PAGE_IS_WPALLOWED | PAGE_IS_WRITTEN | PAGE_IS_FILE |
				 PAGE_IS_PFNZERO,
		.category_anyof_mask = PAGE_IS_PRESENT | PAGE_IS_SWAPPED,
		.return_mask = PAGE_IS_WRITTEN,
	};
	int error = read_mappings(watch);
	uint64_t begin;

	watch->written.nr = 0;
	if (error)
		return error;
	register_new(watch);
	begin = now_ns();
	scan.start = watch->mappings.range[0].start;
	scan.end = watch->mappings.range[watch->mappings.nr - 1].end;
	while (scan.start < scan.end) {
		long nr = ioctl(watch->pagemap, PAGEMAP_SCAN, &scan);

		if (nr < 0 && errno == EINTR)
			continue;
		if (nr < 0)
			return -errno;
		for (long i = 0; i < nr && !error; i++)
			error = selfwatch_list_add(&watch->written, found[i].start, found[i].end);
		if (error)
			return error;
		scan.start = scan.walk_end;
	}
	watch->scan_ns = now_ns() - begin;
	return 0;
}

int selfwatch_round(struct selfwatch *watch)
{
	return scan_all(watch, PM_SCAN_WP_MATCHING);
}

int selfwatch_look(struct selfwatch *watch)
{
	return scan_all(watch, 0);
}

/* The first mapping that ends beyond an address. Return: its number, or nr_mappings. */
static size_t mapping_beyond(const struct selfwatch *watch, uint64_t address)
{
	size_t low = 0, high = watch->mappings.nr;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (watch->mappings.range[middle].end > address)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

unsigned int selfwatch_arm(struct selfwatch *watch, uint64_t start, uint64_t end)
{
	unsigned int calls = 0;

	for (size_t i = mapping_beyond(watch, start);
	     i < watch->mappings.nr && watch->mappings.range[i].start < end; i++) {
		const struct selfwatch_range *mapping = &watch->mappings.range[i];
		uint64_t from = start > mapping->start ? start : mapping->start;
		uint64_t to = end < mapping->end ? end : mapping->end;
		struct uffdio_writeprotect arm = {
			.range = { .start = from, .len = to - from },
			.mode = UFFDIO_WRITEPROTECT_MODE_WP,
		};

		/* it may be gone by now, which the next round sees */
		ioctl(watch->uffd, UFFDIO_WRITEPROTECT, &arm);
		calls++;
	}
	return calls;
}
