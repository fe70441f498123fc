// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tables of a session: what they say, what a caller with too little room
 * is told, and what a bad pointer inside the arguments gives.
 *
 * Weak spot: the region table is compared with /proc/PID/maps, which a target
 * that maps in between would change; this target is idle.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

#include "session.h"
#include "target.h"

#include "kselftest_harness.h"

#define AREA (8UL << 20)

static int idle_target(struct target *t)
{
	char *area = mmap(NULL, AREA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (area == MAP_FAILED)
		return 1;
	memset(area, 1, AREA);
	t->shared[0] = (uintptr_t)area;
	for (;;) {
		target_pause(t);
		area[0]++;
	}
}

FIXTURE(tables)
{
	struct target target;
	struct session session;
};

FIXTURE_SETUP(tables)
{
	ASSERT_EQ(0, target_start(&self->target, idle_target));
	ASSERT_EQ(0, session_open(&self->session, self->target.pid));
	ASSERT_EQ(0, session_advance(&self->session, 0));
}

FIXTURE_TEARDOWN(tables)
{
	session_close(&self->session);
	target_kill(&self->target);
}

static int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static int call(const struct session *s, unsigned long request, void *arg)
{
	int ret = ioctl(s->fd, request, arg);

	return ret < 0 ? -errno : ret;
}

TEST_F(tables, counters_without_room)
{
	struct glassram_column columns[SESSION_COLUMNS];
	struct glassram_counters arg = {.size = sizeof(arg)};
	int before = count_fds();

	EXPECT_EQ(-ENOSPC, call(&self->session, GLASSRAM_COUNTERS, &arg));
	EXPECT_LE(3, arg.nr_columns);
	EXPECT_GE(SESSION_COLUMNS, arg.nr_columns);
	arg.columns = (uintptr_t)columns;
	arg.nr_columns = 1;
	EXPECT_EQ(-ENOSPC, call(&self->session, GLASSRAM_COUNTERS, &arg));
	EXPECT_LE(3, arg.nr_columns);
	EXPECT_EQ(before, count_fds());
}

TEST_F(tables, counters_bad_pointer_makes_no_fd)
{
	struct glassram_counters arg = {.size = sizeof(arg), .columns = 8, .nr_columns = 16};
	int before = count_fds();

	EXPECT_EQ(-EFAULT, call(&self->session, GLASSRAM_COUNTERS, &arg));
	EXPECT_EQ(before, count_fds());
}

TEST_F(tables, columns_are_laid_out_as_promised)
{
	const struct session *s = &self->session;
	uint32_t seen = 0;

	for (uint32_t i = 0; i < s->counters_info.nr_columns; i++) {
		const struct glassram_column *c = &s->columns[i];

		seen |= 1U << c->id;
		EXPECT_EQ(4, c->elem_size);
		EXPECT_EQ(GLASSRAM_COLUMN_WIDTH, c->width);
		EXPECT_EQ(GLASSRAM_COLUMN_STRIDE, c->stride);
		EXPECT_EQ(0, c->offset % PAGE);
		EXPECT_EQ(0, c->pad);
		EXPECT_GE(s->counters_info.bytes, c->offset + (uint64_t)c->rows * c->stride);
		EXPECT_LE(s->counters_info.slots, c->rows * c->width);
		EXPECT_GT(1ULL << 31, c->offset)
			TH_LOG("graphics APIs take offsets below 2 GiB");
	}
	EXPECT_EQ(1U << GLASSRAM_COLUMN_HITS | 1U << GLASSRAM_COLUMN_STAMP |
		  1U << GLASSRAM_COLUMN_OWNER | 1U << GLASSRAM_COLUMN_ARMED |
		  1U << GLASSRAM_COLUMN_OBSERVED, seen);
	EXPECT_LE(s->nr_blocks * GLASSRAM_BLOCK_SLOTS, s->counters_info.slots);
}

TEST_F(tables, regions_without_room)
{
	struct glassram_region region;
	char names[4096];
	struct glassram_regions arg = {.size = sizeof(arg)};

	EXPECT_EQ(-ENOSPC, call(&self->session, GLASSRAM_REGIONS, &arg));
	EXPECT_LT(1, arg.nr_regions);
	EXPECT_LT(1, arg.names_len);
	arg.regions = (uintptr_t)&region;
	arg.names = (uintptr_t)names;
	arg.nr_regions = 1;
	arg.names_len = sizeof(names);
	memset(&region, 0xab, sizeof(region));
	EXPECT_EQ(-ENOSPC, call(&self->session, GLASSRAM_REGIONS, &arg));
	EXPECT_LT(1, arg.nr_regions);
	EXPECT_EQ(0xababababababababULL, region.start)
		TH_LOG("something was copied although there was no room");
}

TEST_F(tables, regions_bad_pointers)
{
	struct glassram_region regions[512];
	struct glassram_regions arg = {
		.size = sizeof(arg),
		.regions = 8, .nr_regions = 4096,
		.names = 8, .names_len = 1 << 20,
	};

	EXPECT_EQ(-EFAULT, call(&self->session, GLASSRAM_REGIONS, &arg));
	arg.regions = (uintptr_t)regions;
	arg.nr_regions = ARRAY_SIZE(regions);
	arg.names_len = 1 << 20;
	EXPECT_EQ(-EFAULT, call(&self->session, GLASSRAM_REGIONS, &arg));
}

/* One line of /proc/PID/maps, in the words of the region table. */
static bool read_map(FILE *file, struct glassram_region *ret, char *ret_name)
{
	char line[4096], perms[5];
	unsigned long long start, end, offset, inode;
	int at = 0;

	if (!fgets(line, sizeof(line), file))
		return false;
	*ret = (struct glassram_region){0};
	sscanf(line, "%llx-%llx %4s %llx %x:%x %llu %n", &start, &end, perms, &offset,
	       &ret->dev_major, &ret->dev_minor, &inode, &at);
	ret->start = start;
	ret->end = end;
	ret->offset = offset;
	ret->inode = inode;
	ret->prot = (perms[0] == 'r' ? GLASSRAM_REGION_READ : 0) |
		(perms[1] == 'w' ? GLASSRAM_REGION_WRITE : 0) |
		(perms[2] == 'x' ? GLASSRAM_REGION_EXEC : 0) |
		(perms[3] == 's' ? GLASSRAM_REGION_SHARED : 0);
	line[strcspn(line, "\n")] = 0;
	strcpy(ret_name, line + at);
	return true;
}

TEST_F(tables, regions_are_what_proc_maps_says)
{
	struct glassram_region *regions, map;
	char path[64], name[4096], *names;
	uint64_t last = 0;
	uint32_t matched = 0;
	int n = session_regions(&self->session, &regions, &names);
	FILE *file;

	ASSERT_LT(0, n);
	snprintf(path, sizeof(path), "/proc/%d/maps", (int)self->target.pid);
	file = fopen(path, "re");
	ASSERT_NE(NULL, file);
	while (read_map(file, &map, name)) {
		const struct glassram_region *r = NULL;

		for (int i = 0; i < n; i++)
			if (regions[i].start == map.start)
				r = &regions[i];
		/* Only what can be written is watched; the rest may be left out. */
		if (map.prot & GLASSRAM_REGION_WRITE) {
			EXPECT_NE(NULL, r)
				TH_LOG("%s: %llx is missing", name, map.start);
		}
		if (!r)
			continue;
		matched++;
		EXPECT_EQ(map.end, r->end);
		EXPECT_EQ(map.prot, r->prot);
		EXPECT_EQ(map.dev_major, r->dev_major);
		EXPECT_EQ(map.dev_minor, r->dev_minor);
		EXPECT_EQ(map.inode, r->inode);
		EXPECT_EQ(map.offset, r->offset);
		EXPECT_STREQ(name, names + r->name);
		/* Special mappings ([vvar], shared drivers' memory) may be refused. */
		if (map.prot & GLASSRAM_REGION_WRITE && !(map.prot & GLASSRAM_REGION_SHARED)) {
			EXPECT_EQ(GLASSRAM_REGION_WATCHED, r->state)
				TH_LOG("%s: refused with %s", name, strerror(r->error));
		}
		EXPECT_EQ(r->state == GLASSRAM_REGION_WATCHED, r->error == 0);
		EXPECT_EQ(12, r->page_shift);
		EXPECT_EQ(0, r->target);
		EXPECT_EQ(0, r->pad);
		EXPECT_EQ(session_slot(&self->session, r->start), r->first_slot);
	}
	fclose(file);
	EXPECT_EQ(n, matched);
	for (int i = 0; i < n; i++) {
		EXPECT_LE(last, regions[i].start);
		last = regions[i].end;
	}
	free(regions);
	free(names);
}

TEST_F(tables, blocks_without_room)
{
	struct glassram_block block = {.start = 1};
	struct glassram_blocks arg = {.size = sizeof(arg)};

	EXPECT_EQ(-ENOSPC, call(&self->session, GLASSRAM_BLOCKS, &arg));
	EXPECT_EQ(self->session.nr_blocks, arg.nr_blocks);
	arg.blocks = (uintptr_t)&block;
	arg.nr_blocks = 1;
	EXPECT_EQ(-ENOSPC, call(&self->session, GLASSRAM_BLOCKS, &arg));
	EXPECT_EQ(self->session.nr_blocks, arg.nr_blocks);
	EXPECT_EQ(1, block.start);
	arg.blocks = 8;
	EXPECT_EQ(-EFAULT, call(&self->session, GLASSRAM_BLOCKS, &arg));
}

TEST_F(tables, blocks_are_aligned_and_cover_the_populated_pages)
{
	struct session *s = &self->session;
	uint64_t area = self->target.shared[0];

	for (uint32_t i = 0; i < s->nr_blocks; i++) {
		EXPECT_EQ(0, s->blocks[i].start % (GLASSRAM_BLOCK_SLOTS * PAGE));
		EXPECT_EQ(0, s->blocks[i].target);
		EXPECT_EQ(0, s->blocks[i].pad);
		for (uint32_t j = 0; j < i; j++) {
			EXPECT_NE(s->blocks[j].start, s->blocks[i].start);
		}
	}
	for (uint64_t a = area; a < area + AREA; a += PAGE) {
		ASSERT_NE(GLASSRAM_NO_SLOT, session_slot(s, a));
		ASSERT_EQ(GLASSRAM_STAMP_UNWRITTEN, session_stamp(s, a));
		ASSERT_EQ(0, session_hits(s, a));
		ASSERT_EQ(GLASSRAM_THREAD_NONE, session_owner(s, a));
	}
}

TEST_F(tables, threads_without_room)
{
	struct glassram_threads arg = {.size = sizeof(arg)};

	ASSERT_EQ(0, target_next(&self->target));
	EXPECT_EQ(-ENOSPC, call(&self->session, GLASSRAM_THREADS, &arg));
	EXPECT_LT(0, arg.nr_threads);
	arg.threads = 8;
	EXPECT_EQ(-EFAULT, call(&self->session, GLASSRAM_THREADS, &arg));
}

TEST_F(tables, stats_agree_with_the_tables)
{
	struct session *s = &self->session;
	struct glassram_region *regions;
	uint32_t watched = 0, refused = 0;
	int n = session_regions(s, &regions, NULL);

	ASSERT_LT(0, n);
	for (int i = 0; i < n; i++) {
		watched += regions[i].state == GLASSRAM_REGION_WATCHED;
		refused += regions[i].state == GLASSRAM_REGION_REFUSED;
	}
	free(regions);
	ASSERT_EQ(0, target_next(&self->target));
	ASSERT_EQ(0, session_advance(s, 0));
	ASSERT_EQ(0, session_stats(s));
	EXPECT_EQ(s->advanced.epoch, s->stats.epoch);
	EXPECT_EQ(GLASSRAM_STATE_LIVE, s->stats.state);
	EXPECT_EQ(watched, s->stats.regions);
	EXPECT_EQ(refused, s->stats.refused);
	EXPECT_EQ((uint64_t)s->nr_blocks * GLASSRAM_BLOCK_SLOTS, s->stats.slots);
	EXPECT_LE(AREA / PAGE, s->stats.pages);
	EXPECT_GE(s->stats.slots, s->stats.pages);
	EXPECT_EQ(s->advanced.armed, s->stats.armed_last);
	EXPECT_LE(s->stats.armed_last, s->stats.armed);
	EXPECT_LT(0, s->stats.advance_last_ns);
	EXPECT_LE(s->stats.advance_last_ns, s->stats.advance_ns);
	EXPECT_LE(s->counters_info.bytes, s->stats.memory);
	EXPECT_LE(s->stats.hits, s->stats.faults);
	EXPECT_LT(0, s->stats.threads);
	EXPECT_EQ(0, s->stats.rejected);
	EXPECT_EQ(0, s->stats.lost);
	EXPECT_EQ(0, s->stats.unexplained);
}

TEST_HARNESS_MAIN
