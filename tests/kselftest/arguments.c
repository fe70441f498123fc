// SPDX-License-Identifier: GPL-2.0-only
/*
 * The rules that every argument structure of the ABI keeps: size first, then
 * flags, no unknown flag, no pad that is not 0, growth only with a zero tail.
 * Every test runs once for each ioctl: one TAP line for each pair.
 *
 * Weak spot: "valid" arguments are one example for each ioctl; what the
 * fields mean is tested elsewhere (attach, tables, mappings, pace).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/ioctl.h>

#include "session.h"
#include "target.h"

#include "kselftest_harness.h"

#define NO_PAD 0

static int idle_target(struct target *t)
{
	target_pause(t);
	return 0;
}

FIXTURE(arguments)
{
	struct target target;
	struct target second;
	struct session session;
	int device;
	int mem_fd; /* of the second target */
	int pagemap_fd;
	int fd; /* the one the ioctl under test is made on */
	union {
		unsigned char bytes[8192];
		struct {
			uint32_t size;
			uint32_t flags;
		};
	} arg; /* valid */
	struct glassram_column columns[SESSION_COLUMNS];
	struct glassram_region regions[4096];
	struct glassram_block blocks[4096];
	struct glassram_thread threads[1024];
	struct glassram_target targets[16];
	char names[65536];
};

FIXTURE_VARIANT(arguments)
{
	unsigned long request;
	uint32_t unknown_flag;
	size_t pad; /* offset of a pad or reserved field */
	size_t first; /* size in its first version, if it has grown */
	bool on_device;
	bool makes_fd;
};

FIXTURE_VARIANT_ADD(arguments, QUERY)
{
	.request = GLASSRAM_QUERY, .unknown_flag = 1, .on_device = true,
};

FIXTURE_VARIANT_ADD(arguments, ATTACH)
{
	.request = GLASSRAM_ATTACH, .unknown_flag = 1U << 31, .on_device = true,
	.makes_fd = true, .pad = offsetof(struct glassram_attach, pad),
	.first = GLASSRAM_ATTACH_SIZE_VER0,
};

FIXTURE_VARIANT_ADD(arguments, ADVANCE)
{
	.request = GLASSRAM_ADVANCE, .unknown_flag = 1U << 31,
	.pad = offsetof(struct glassram_advance, pad),
};

FIXTURE_VARIANT_ADD(arguments, COUNTERS)
{
	.request = GLASSRAM_COUNTERS, .unknown_flag = 1, .makes_fd = true,
};

FIXTURE_VARIANT_ADD(arguments, REGIONS)
{
	.request = GLASSRAM_REGIONS, .unknown_flag = 1,
};

FIXTURE_VARIANT_ADD(arguments, BLOCKS)
{
	.request = GLASSRAM_BLOCKS, .unknown_flag = 1,
	.pad = offsetof(struct glassram_blocks, pad),
};

FIXTURE_VARIANT_ADD(arguments, THREADS)
{
	.request = GLASSRAM_THREADS, .unknown_flag = 1,
	.pad = offsetof(struct glassram_threads, pad),
};

FIXTURE_VARIANT_ADD(arguments, OPTIONS)
{
	.request = GLASSRAM_OPTIONS, .unknown_flag = 1U << 31,
	.pad = offsetof(struct glassram_options, follow), .first = GLASSRAM_OPTIONS_SIZE_VER0,
};

FIXTURE_VARIANT_ADD(arguments, STATS)
{
	.request = GLASSRAM_STATS, .unknown_flag = 1, .first = GLASSRAM_STATS_SIZE_VER0,
};

FIXTURE_VARIANT_ADD(arguments, PAUSE)
{
	.request = GLASSRAM_PAUSE, .unknown_flag = 1, .pad = offsetof(struct glassram_pause, pad),
};

FIXTURE_VARIANT_ADD(arguments, RESET)
{
	.request = GLASSRAM_RESET, .unknown_flag = 1,
};

FIXTURE_VARIANT_ADD(arguments, TARGETS)
{
	.request = GLASSRAM_TARGETS, .unknown_flag = 1,
	.pad = offsetof(struct glassram_targets, pad),
};

FIXTURE_VARIANT_ADD(arguments, TARGET_ADD)
{
	.request = GLASSRAM_TARGET_ADD, .unknown_flag = 1,
	.pad = offsetof(struct glassram_target_add, pad),
};

FIXTURE_VARIANT_ADD(arguments, TARGET_DROP)
{
	.request = GLASSRAM_TARGET_DROP, .unknown_flag = 1,
	.pad = offsetof(struct glassram_target_drop, pad),
};

#define FILL(type, ...) \
	(*(struct type *)self->arg.bytes = (struct type){.size = sizeof(struct type), __VA_ARGS__})

FIXTURE_SETUP(arguments)
{
	bool attached = variant->request != GLASSRAM_ATTACH;

	self->second.pid = 0;
	self->mem_fd = -1;
	self->pagemap_fd = -1;

	self->session = (struct session){.fd = -1, .mem_fd = -1, .pagemap_fd = -1,
					 .counters_fd = -1};
	ASSERT_EQ(0, target_start(&self->target, idle_target));
	ASSERT_EQ(0, session_open(&self->session, self->target.pid));
	ASSERT_EQ(0, session_advance(&self->session, 0));
	if (!attached) {
		/* Keep the files and the work area, let the session go. */
		close(self->session.fd);
		self->session.fd = -1;
		munmap((void *)self->session.control, PAGE);
		self->session.control = NULL;
		usleep(100000);
	}
	self->device = device_open();
	ASSERT_LE(0, self->device);
	self->fd = variant->on_device ? self->device : self->session.fd;

	switch (variant->request) {
	case GLASSRAM_QUERY:
		FILL(glassram_query);
		break;
	case GLASSRAM_ATTACH:
		FILL(glassram_attach, .pid = self->target.pid,
		     .mem_fd = self->session.mem_fd, .pagemap_fd = self->session.pagemap_fd,
		     .work = (uintptr_t)self->session.work, .work_len = SESSION_WORK,
		     .clear_refs_fd = proc_clear_refs(self->target.pid));
		break;
	case GLASSRAM_ADVANCE:
		FILL(glassram_advance, .work = (uintptr_t)self->session.work,
		     .work_len = SESSION_WORK);
		break;
	case GLASSRAM_COUNTERS:
		FILL(glassram_counters, .columns = (uintptr_t)self->columns,
		     .nr_columns = SESSION_COLUMNS);
		break;
	case GLASSRAM_REGIONS:
		FILL(glassram_regions, .regions = (uintptr_t)self->regions,
		     .nr_regions = ARRAY_SIZE(self->regions),
		     .names = (uintptr_t)self->names, .names_len = sizeof(self->names));
		break;
	case GLASSRAM_BLOCKS:
		FILL(glassram_blocks, .blocks = (uintptr_t)self->blocks,
		     .nr_blocks = ARRAY_SIZE(self->blocks));
		break;
	case GLASSRAM_THREADS:
		FILL(glassram_threads, .threads = (uintptr_t)self->threads,
		     .nr_threads = ARRAY_SIZE(self->threads));
		break;
	case GLASSRAM_OPTIONS:
		FILL(glassram_options);
		break;
	case GLASSRAM_STATS:
		FILL(glassram_stats);
		break;
	case GLASSRAM_PAUSE:
		FILL(glassram_pause, .paused = 1);
		break;
	case GLASSRAM_RESET:
		FILL(glassram_reset);
		break;
	case GLASSRAM_TARGETS:
		FILL(glassram_targets, .targets = (uintptr_t)self->targets,
		     .nr_targets = ARRAY_SIZE(self->targets));
		break;
	case GLASSRAM_TARGET_ADD:
		ASSERT_EQ(0, target_start(&self->second, idle_target));
		self->mem_fd = proc_open(self->second.pid, "mem", O_RDWR);
		self->pagemap_fd = proc_open(self->second.pid, "pagemap", O_RDONLY);
		FILL(glassram_target_add, .pid = self->second.pid, .mem_fd = self->mem_fd,
		     .pagemap_fd = self->pagemap_fd, .clear_refs_fd = proc_clear_refs(self->second.pid),
		     .work = (uintptr_t)self->session.work, .work_len = SESSION_WORK);
		break;
	case GLASSRAM_TARGET_DROP:
		FILL(glassram_target_drop);
		break;
	}
}

FIXTURE_TEARDOWN(arguments)
{
	close(self->device);
	session_close(&self->session);
	target_kill(&self->target);
	target_kill(&self->second);
	close(self->mem_fd);
	close(self->pagemap_fd);
}

/* The errno that a call gives, 0 if it succeeds (what it made is closed). */
static int outcome(int fd, unsigned long request, const void *arg, bool makes_fd)
{
	int ret = ioctl(fd, request, arg);

	if (ret < 0)
		return errno;
	if (makes_fd)
		close(ret);
	return 0;
}

#define OUTCOME() outcome(self->fd, variant->request, &self->arg, variant->makes_fd)

TEST_F(arguments, valid)
{
	EXPECT_EQ(0, OUTCOME());
}

TEST_F(arguments, unknown_flag)
{
	self->arg.flags |= variant->unknown_flag;
	EXPECT_EQ(EINVAL, OUTCOME());
}

TEST_F(arguments, pad_not_zero)
{
	if (variant->pad == NO_PAD) {
		/* No pad: the next best reserved thing is every other flag. */
		for (int bit = 1; bit < 32; bit++) {
			self->arg.flags = 1U << bit;
			EXPECT_EQ(EINVAL, OUTCOME());
		}
		return;
	}
	self->arg.bytes[variant->pad] = 1;
	EXPECT_EQ(EINVAL, OUTCOME());
}

TEST_F(arguments, smaller_size)
{
	self->arg.size = (variant->first ?: self->arg.size) - 1;
	EXPECT_EQ(EINVAL, OUTCOME());
	self->arg.size = 4;
	EXPECT_EQ(EINVAL, OUTCOME());
	self->arg.size = 0;
	EXPECT_EQ(EINVAL, OUTCOME());
}

/* A program that was compiled before the structure grew. */
TEST_F(arguments, first_size)
{
	uint32_t size = self->arg.size;

	if (variant->request == GLASSRAM_ATTACH && arms_by_soft_dirty())
		SKIP(return, "clear_refs_fd is needed, which the first version has not");
	self->arg.size = variant->first ?: size;
	memset(self->arg.bytes + self->arg.size, 0xa5, 64);
	EXPECT_EQ(0, OUTCOME());
	for (int i = 0; i < 64; i++)
		EXPECT_EQ(0xa5, self->arg.bytes[self->arg.size + i]);
}

TEST_F(arguments, larger_size_zero_tail)
{
	self->arg.size += 32;
	EXPECT_EQ(0, OUTCOME());
}

TEST_F(arguments, larger_size_in_the_request_too)
{
	/* What a program compiled with a later header sends. */
	uint32_t size = self->arg.size + 32;
	unsigned long request = _IOC(_IOC_DIR(variant->request), _IOC_TYPE(variant->request),
				     _IOC_NR(variant->request), size);

	self->arg.size = size;
	EXPECT_EQ(0, outcome(self->fd, request, &self->arg, variant->makes_fd));
}

TEST_F(arguments, larger_size_tail_not_zero)
{
	self->arg.bytes[self->arg.size + 16] = 1;
	self->arg.size += 32;
	EXPECT_EQ(E2BIG, OUTCOME());
}

TEST_F(arguments, absurd_size)
{
	self->arg.size = 0xffffffff;
	EXPECT_EQ(E2BIG, OUTCOME());
}

TEST_F(arguments, bad_pointer)
{
	char *page = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, page);
	ASSERT_EQ(0, munmap(page + PAGE, PAGE));
	EXPECT_EQ(EFAULT, outcome(self->fd, variant->request, NULL, variant->makes_fd));
	EXPECT_EQ(EFAULT, outcome(self->fd, variant->request, (void *)-8L, variant->makes_fd));
	/* The size can be read, the rest cannot. */
	memcpy(page + PAGE - 4, &self->arg, 4);
	EXPECT_EQ(EFAULT, outcome(self->fd, variant->request, page + PAGE - 4,
				  variant->makes_fd));
}

TEST_F(arguments, result_cannot_be_written)
{
	char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, page);
	memcpy(page, &self->arg, self->arg.size);
	ASSERT_EQ(0, mprotect(page, PAGE, PROT_READ));
	EXPECT_EQ(_IOC_DIR(variant->request) & _IOC_READ ? EFAULT : 0,
		  outcome(self->fd, variant->request, page, variant->makes_fd));
}

TEST_F(arguments, wrong_kind_of_fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int other = variant->on_device ? self->session.fd : self->device;

	if (other >= 0) {
		EXPECT_EQ(ENOTTY, outcome(other, variant->request, &self->arg,
					  variant->makes_fd));
	}
	EXPECT_EQ(ENOTTY, outcome(null, variant->request, &self->arg, variant->makes_fd));
	close(null);
}

TEST_F(arguments, unknown_request)
{
	unsigned long request = _IOC(_IOC_DIR(variant->request), _IOC_TYPE(variant->request),
				     0xff, _IOC_SIZE(variant->request));

	EXPECT_EQ(ENOTTY, outcome(self->fd, request, &self->arg, variant->makes_fd));
}

TEST_HARNESS_MAIN
