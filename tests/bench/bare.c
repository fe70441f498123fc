// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's own write-protection, without the module: see bare.h.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bare.h"

int bare_open(uint64_t start, uint64_t bytes, int synchronous)
{
	struct uffdio_api api = {
		.api = UFFD_API,
		.features = synchronous ? UFFD_FEATURE_PAGEFAULT_FLAG_WP : UFFD_FEATURE_WP_ASYNC,
	};
	struct uffdio_register reg = {
		.range = {.start = start, .len = bytes},
		.mode = UFFDIO_REGISTER_MODE_WP,
	};
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY);

	if (fd < 0)
		return -1;
	if (ioctl(fd, UFFDIO_API, &api) || ioctl(fd, UFFDIO_REGISTER, &reg)) {
		close(fd);
		return -1;
	}
	return fd;
}

int bare_writeprotect(int uffd, uint64_t start, uint64_t bytes, int on)
{
	struct uffdio_writeprotect arg = {
		.range = {.start = start, .len = bytes},
		.mode = on ? UFFDIO_WRITEPROTECT_MODE_WP : 0,
	};

	return ioctl(uffd, UFFDIO_WRITEPROTECT, &arg);
}

long bare_scan(int pagemap, uint64_t start, uint64_t end)
{
	static struct page_region found[4096];
	struct pm_scan_arg scan = {
		.size = sizeof(scan),
		.flags = PM_SCAN_WP_MATCHING,
		.end = end,
		.vec = (uintptr_t)found,
		.vec_len = sizeof(found) / sizeof(found[0]),
		.category_mask = PAGE_IS_WPALLOWED | PAGE_IS_WRITTEN,
		.category_anyof_mask = PAGE_IS_PRESENT | PAGE_IS_SWAPPED,
		.return_mask = PAGE_IS_WPALLOWED,
	};
	long ranges = 0;

	for (uint64_t at = start; at < end; at = scan.walk_end) {
		long n;

		scan.start = at;
		n = ioctl(pagemap, PAGEMAP_SCAN, &scan);
		if (n < 0 || scan.walk_end <= at)
			return -1;
		ranges += n;
	}
	return ranges;
}
