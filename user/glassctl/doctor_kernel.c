// SPDX-License-Identifier: GPL-2.0
/*
 * What this kernel can do, tried on ourselves.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/userfaultfd.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "doctor.h"

#define NEWER_KERNEL "boot a kernel of 6.12 or later (Debian 13's, or `sudo apt install -t bookworm-backports linux-image-amd64` on Debian 12)"

void check_kernel(struct check *check)
{
	unsigned int major = 0, minor = 0;
	struct utsname name;

	uname(&name);
	check_value(check, "%s", name.release);
	sscanf(name.release, "%u.%u", &major, &minor);
	if (major < 6 || (major == 6 && minor < 1))
		check_fail(check, VERDICT_MISSING, NEWER_KERNEL);
	else if (major == 6 && minor < 12)
		check_fail(check, VERDICT_LIMITED, "for policies, hugetlb and single pages of huge pages " NEWER_KERNEL);
}

/* What the module falls back to: a page that was written has the bit. */
static bool has_soft_dirty(void)
{
	uint64_t entry = 0;
	unsigned long page = (unsigned long)&entry / sysconf(_SC_PAGESIZE);
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	bool has;

	has = fd >= 0 && pread(fd, &entry, sizeof(entry), page * sizeof(entry)) == sizeof(entry) &&
	      entry >> 55 & 1;
	if (fd >= 0)
		close(fd);
	return has;
}

/* The module opens the device itself, so only its being there matters. */
void check_userfaultfd(struct check *check)
{
	if (!access("/sys/class/misc/userfaultfd", F_OK)) {
		check_value(check, "there is a userfaultfd device");
		return;
	}
	check_value(check, "there is no userfaultfd device");
	check_fail(check, VERDICT_MISSING, "use a kernel of 6.1 or later built with CONFIG_USERFAULTFD=y, as Debian's are");
}

static int open_userfaultfd(void)
{
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY);
	int device;

	if (fd >= 0)
		return fd;
	device = open("/dev/userfaultfd", O_RDWR | O_CLOEXEC);
	if (device < 0)
		return -1;
	fd = ioctl(device, USERFAULTFD_IOC_NEW, O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY);
	close(device);
	return fd;
}

void check_wp_async(struct check *check)
{
	struct uffdio_api api = { .api = UFFD_API };
	int fd = open_userfaultfd();
	int err = 0;

	if (fd < 0 || ioctl(fd, UFFDIO_API, &api))
		err = errno;
	if (fd >= 0)
		close(fd);
	if (err) {
		check_value(check, "userfaultfd does not answer (%s)", strerror(err));
		check_fail(check, VERDICT_MISSING, "run `sudo glassctl doctor`, outside a container; if it stays: " NEWER_KERNEL);
	} else if (api.features & UFFD_FEATURE_WP_ASYNC) {
		check_value(check, "asynchronous");
	} else if (has_soft_dirty()) {
		check_value(check, "synchronous only: pages are armed by soft-dirty bits");
		check_fail(check, VERDICT_LIMITED, "for finer and cheaper arming " NEWER_KERNEL);
	} else {
		check_value(check, "synchronous only (features 0x%llx), and no soft-dirty bits",
			    (unsigned long long)api.features);
		check_fail(check, VERDICT_MISSING, NEWER_KERNEL ", built with CONFIG_PTE_MARKER_UFFD_WP=y");
	}
}

void check_pagemap_scan(struct check *check)
{
	unsigned long page = (unsigned long)check & ~4095UL;
	struct page_region region;
	struct pm_scan_arg scan = {
		.size = sizeof(scan),
		.start = page,
		.end = page + 4096,
		.vec = (unsigned long)&region,
		.vec_len = 1,
		.category_mask = PAGE_IS_PRESENT,
		.return_mask = PAGE_IS_PRESENT,
	};
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	int err = fd < 0 || ioctl(fd, PAGEMAP_SCAN, &scan) < 0 ? errno : 0;

	if (fd >= 0)
		close(fd);
	if (!err) {
		check_value(check, "works");
		return;
	}
	check_value(check, "PAGEMAP_SCAN does not answer (%s)", strerror(err));
	if (err == ENOTTY && has_soft_dirty()) {
		check_fail(check, VERDICT_LIMITED, "not needed with soft-dirty bits; else " NEWER_KERNEL);
		return;
	}
	check_fail(check, VERDICT_MISSING, NEWER_KERNEL ", built with CONFIG_PROC_PAGE_MONITOR=y");
}

void check_ftrace(struct check *check)
{
	char enabled[16];

	if (!read_line("/proc/sys/kernel/ftrace_enabled", enabled, sizeof(enabled))) {
		check_value(check, "this kernel has no function tracer");
		check_fail(check, VERDICT_MISSING, "use a kernel built with CONFIG_DYNAMIC_FTRACE=y, as Debian's are");
	} else if (strcmp(enabled, "0")) {
		check_value(check, "enabled");
	} else {
		check_value(check, "switched off");
		check_fail(check, VERDICT_MISSING, "sudo sysctl kernel.ftrace_enabled=1");
	}
}

void check_btf(struct check *check)
{
	if (!access("/sys/kernel/btf/vmlinux", R_OK)) {
		check_value(check, "there");
		return;
	}
	check_value(check, "none: no policies");
	check_fail(check, VERDICT_LIMITED, "use a kernel built with CONFIG_DEBUG_INFO_BTF=y, as Debian's are");
}
