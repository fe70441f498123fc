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

/* Make room for one more element. Return: 0 or -ENOMEM. */
static int grow(struct selfwatch_range **list, size_t *room, size_t nr)
{
	size_t want = *room ? 2 * *room : ROOM_FIRST;
	void *bigger;

	if (nr < *room)
		return 0;
	if (*list)
		bigger = mremap(*list, *room * sizeof(**list), want * sizeof(**list),
				MREMAP_MAYMOVE);
	else
		bigger = mmap(NULL, want * sizeof(**list), PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (bigger == MAP_FAILED)
		return -ENOMEM;
	*list = bigger;
	*room = want;
	return 0;
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
	if (watch->written)
		munmap(watch->written, watch->room * sizeof(*watch->written));
	if (watch->mappings)
		munmap(watch->mappings, watch->mappings_room * sizeof(*watch->mappings));
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
	int error;

	if (*at++ != '-')
		return 0;
	at = hex(at, &range.end);
	if (at[0] != ' ' || at[1] == '\0' || at[2] != 'w' || at[3] == '\0' || at[4] != 'p')
		return 0;
	error = grow(&watch->mappings, &watch->mappings_room, watch->nr_mappings);
	if (!error)
		watch->mappings[watch->nr_mappings++] = range;
	return error;
}

/* The private writable mappings. Return: 0, -ESRCH when the address space is gone, or else. */
static int read_mappings(struct selfwatch *watch)
{
	/* a line has a path of at most PATH_MAX, escaped, after its 73 columns */
	static char text[1 << 17];
	size_t have = 0;
	off_t offset = 0;

	watch->nr_mappings = 0;
	for (;;) {
		ssize_t n = pread(watch->maps, text + have, sizeof(text) - 1 - have, offset);
		char *line = text, *end;
		int error;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			return watch->nr_mappings ? 0 : -ESRCH;
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
	for (size_t i = 0; i < watch->nr_mappings; i++) {
		const struct selfwatch_range *range = &watch->mappings[i];
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

/* Add what a scan found, joined to what it continues. Return: 0 or -ENOMEM. */
static int keep(struct selfwatch *watch, const struct page_region *found, long nr)
{
	for (long i = 0; i < nr; i++) {
		struct selfwatch_range *last;
		int error = grow(&watch->written, &watch->room, watch->nr_written);

		if (error)
			return error;
		last = watch->written + watch->nr_written;
		if (watch->nr_written && last[-1].end == found[i].start) {
			last[-1].end = found[i].end;
			continue;
		}
		last->start = found[i].start;
		last->end = found[i].end;
		watch->nr_written++;
	}
	return 0;
}

int selfwatch_round(struct selfwatch *watch)
{
	struct page_region found[BATCH];
	/* Pages of a file or of zeroes that were only read are not written, armed or not. */
	struct pm_scan_arg scan = {
		.size = sizeof(scan),
		.flags = PM_SCAN_WP_MATCHING,
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

	watch->nr_written = 0;
	if (error)
		return error;
	register_new(watch);
	begin = now_ns();
	scan.start = watch->mappings[0].start;
	scan.end = watch->mappings[watch->nr_mappings - 1].end;
	while (scan.start < scan.end) {
		long nr = ioctl(watch->pagemap, PAGEMAP_SCAN, &scan);

		if (nr < 0 && errno == EINTR)
			continue;
		if (nr < 0)
			return -errno;
		error = keep(watch, found, nr);
		if (error)
			return error;
		scan.start = scan.walk_end;
	}
	watch->scan_ns = now_ns() - begin;
	return 0;
}
