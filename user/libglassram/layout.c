// SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0
/*
 * Which addresses the slots stand for: the region and block tables of one
 * moment, and the look-ups in them.
 *
 * Weak spot: the two tables are read by two calls, and a target may map
 * something, or be dropped, in between. Blocks keep their place as long as their
 * target is not dropped, so what is found is right, and what is new may be
 * missing until the next read.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "internal.h"

#define PAGE_SHIFT 12
#define BLOCK_BYTES ((uint64_t)GLASSRAM_BLOCK_SLOTS << PAGE_SHIFT)

/* Each try starts with what the module asked for in the one before and some
 * room; a target that outgrows this many in a row maps faster than we can ask.
 */
#define TABLE_TRIES 16

static uint32_t with_room(uint32_t nr)
{
	return nr + nr / 4 + 16;
}

static int read_regions(struct glassram_session *session, struct glassram_layout *layout)
{
	uint32_t nr_regions = 256, names_len = 8192;
	int err = ENOSPC;

	for (int i = 0; i < TABLE_TRIES && err == ENOSPC; i++) {
		struct glassram_regions args = { .size = sizeof(args) };

		free(layout->regions);
		free(layout->names);
		layout->regions = calloc(nr_regions, sizeof(*layout->regions));
		layout->names = calloc(names_len, 1);
		if (!layout->regions || !layout->names)
			return ENOMEM;
		args.regions = (uintptr_t)layout->regions;
		args.names = (uintptr_t)layout->names;
		args.nr_regions = nr_regions;
		args.names_len = names_len;
		err = ioctl(session->fd, GLASSRAM_REGIONS, &args) ? errno : 0;
		layout->nr_regions = args.nr_regions;
		layout->names_len = args.names_len;
		layout->generation = args.generation;
		nr_regions = with_room(args.nr_regions);
		names_len = with_room(args.names_len);
	}
	return err;
}

static int read_blocks(struct glassram_session *session, struct glassram_layout *layout)
{
	uint32_t nr_blocks = 64;
	int err = ENOSPC;

	for (int i = 0; i < TABLE_TRIES && err == ENOSPC; i++) {
		struct glassram_blocks args = { .size = sizeof(args) };

		free(layout->blocks);
		layout->blocks = calloc(nr_blocks, sizeof(*layout->blocks));
		if (!layout->blocks)
			return ENOMEM;
		args.blocks = (uintptr_t)layout->blocks;
		args.nr_blocks = nr_blocks;
		err = ioctl(session->fd, GLASSRAM_BLOCKS, &args) ? errno : 0;
		layout->nr_blocks = args.nr_blocks;
		nr_blocks = with_room(args.nr_blocks);
	}
	return err;
}

/* As an ordering of (target, address). */
static int compare(uint32_t target_a, uint64_t a, uint32_t target_b, uint64_t b)
{
	if (target_a != target_b)
		return target_a < target_b ? -1 : 1;
	return a < b ? -1 : a > b;
}

static int by_start(const void *a, const void *b, void *blocks_ptr)
{
	const struct glassram_block *blocks = blocks_ptr;
	const struct glassram_block *x = &blocks[*(const uint32_t *)a];
	const struct glassram_block *y = &blocks[*(const uint32_t *)b];

	return compare(x->target, x->start, y->target, y->start);
}

static int index_blocks(struct glassram_layout *layout)
{
	uint32_t nr = layout->nr_blocks;

	if (!nr)
		return 0;
	layout->by_address = calloc(nr, sizeof(*layout->by_address));
	if (!layout->by_address)
		return ENOMEM;
	for (uint32_t i = 0; i < nr; i++)
		layout->by_address[i] = i;
	qsort_r(layout->by_address, nr, sizeof(*layout->by_address), by_start, layout->blocks);
	return 0;
}

enum glassram_error glassram_layout_init(struct glassram_session *session,
					 struct glassram_layout *ret_layout)
{
	struct glassram_layout layout = { 0 };
	const char *call = "REGIONS";
	int err;

	err = read_regions(session, &layout);
	if (!err) {
		call = "BLOCKS";
		err = read_blocks(session, &layout);
	}
	if (!err)
		err = index_blocks(&layout);
	if (err) {
		glassram_layout_finish(&layout);
		return gr_explain_session(err, session->pid, call);
	}
	*ret_layout = layout;
	return GLASSRAM_OK;
}

void glassram_layout_finish(struct glassram_layout *layout)
{
	if (!layout)
		return;
	free(layout->regions);
	free(layout->names);
	free(layout->blocks);
	free(layout->by_address);
	*layout = (struct glassram_layout){ 0 };
}

const struct glassram_region *glassram_layout_region_of(const struct glassram_layout *layout,
							uint32_t target, uint64_t address)
{
	uint32_t low = 0, high = layout->nr_regions;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const struct glassram_region *region = &layout->regions[middle];

		if (compare(target, address, region->target, region->start) < 0)
			high = middle;
		else if (compare(target, address, region->target, region->end) >= 0)
			low = middle + 1;
		else
			return region;
	}
	return NULL;
}

const struct glassram_region *glassram_layout_region(const struct glassram_layout *layout,
						     uint64_t address)
{
	return glassram_layout_region_of(layout, 0, address);
}

static const struct glassram_block *block_of(const struct glassram_layout *layout, uint32_t slot)
{
	uint32_t block = slot / GLASSRAM_BLOCK_SLOTS;

	if (block >= layout->nr_blocks || layout->blocks[block].target == GLASSRAM_TARGET_NONE)
		return NULL;
	return &layout->blocks[block];
}

uint64_t glassram_layout_address(const struct glassram_layout *layout, uint32_t slot)
{
	const struct glassram_block *block = block_of(layout, slot);

	return block ? block->start + ((uint64_t)(slot % GLASSRAM_BLOCK_SLOTS) << PAGE_SHIFT) : 0;
}

uint32_t glassram_layout_target(const struct glassram_layout *layout, uint32_t slot)
{
	const struct glassram_block *block = block_of(layout, slot);

	return block ? block->target : GLASSRAM_TARGET_NONE;
}

static uint32_t slot_in_block(const struct glassram_layout *layout, uint32_t block,
			      uint64_t address)
{
	return block * GLASSRAM_BLOCK_SLOTS +
	       (uint32_t)((address - layout->blocks[block].start) >> PAGE_SHIFT);
}

static uint32_t search_unsorted(const struct glassram_layout *layout, uint32_t target,
				uint64_t address)
{
	uint64_t start = address & ~(BLOCK_BYTES - 1);

	for (uint32_t i = 0; i < layout->nr_blocks; i++)
		if (layout->blocks[i].target == target && layout->blocks[i].start == start)
			return slot_in_block(layout, i, address);
	return GLASSRAM_NO_SLOT;
}

uint32_t glassram_layout_slot_of(const struct glassram_layout *layout, uint32_t target,
				 uint64_t address)
{
	uint64_t start = address & ~(BLOCK_BYTES - 1);
	uint32_t low = 0, high = layout->nr_blocks;

	if (target == GLASSRAM_TARGET_NONE)
		return GLASSRAM_NO_SLOT;
	if (!layout->by_address)
		return search_unsorted(layout, target, address);
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		uint32_t block = layout->by_address[middle];
		int order = compare(target, start, layout->blocks[block].target,
				    layout->blocks[block].start);

		if (!order)
			return slot_in_block(layout, block, address);
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return GLASSRAM_NO_SLOT;
}

uint32_t glassram_layout_slot(const struct glassram_layout *layout, uint64_t address)
{
	return glassram_layout_slot_of(layout, 0, address);
}
