/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Slots: one for each page, given out in blocks of aligned addresses.
 */
#ifndef GLASSRAM_SLOTS_H
#define GLASSRAM_SLOTS_H

#include <linux/mm_types.h>
#include <linux/types.h>
#include <linux/xarray.h>

#include <linux/glassram.h>

#include "sampler.h"

#define GLASSRAM_BLOCK_SHIFT (PAGE_SHIFT + 10)
#define GLASSRAM_BLOCK_BYTES BIT(GLASSRAM_BLOCK_SHIFT)
#define GLASSRAM_MAX_BLOCKS (GLASSRAM_MAX_SLOTS / GLASSRAM_BLOCK_SLOTS)
static_assert(BIT(GLASSRAM_BLOCK_SHIFT - PAGE_SHIFT) == GLASSRAM_BLOCK_SLOTS);

enum {
	GLASSRAM_HITS,
	GLASSRAM_STAMP,
	GLASSRAM_OWNER,
	GLASSRAM_ARMED,
	GLASSRAM_OBSERVED,
	GLASSRAM_NR_COLUMNS
};

/*
 * Blocks found last, by the low bits of their address: a search of the xarray
 * costs the hook 200 instructions, a look here 10. 1,024 entries hold 4 GiB of
 * consecutive addresses without a collision, in two pages.
 */
#define GLASSRAM_RECENT_BLOCKS 1024

/* Exemptions from the self-check hold for chunks of this size, that of a transparent huge page. */
#define GLASSRAM_CHUNK_SHIFT 21
#define GLASSRAM_BLOCK_CHUNKS (GLASSRAM_BLOCK_BYTES >> GLASSRAM_CHUNK_SHIFT)

/**
 * struct glassram_slot_block - the slots of one aligned stretch of addresses
 * @start: first address
 * @target: id of the target
 * @index: place in the table of blocks; first slot / GLASSRAM_BLOCK_SLOTS
 * @column: the block's page of each column, kernel address; hook
 * @exempt: epoch of the last read fault in each chunk: a page there may have been
 *	dropped and populated anew, which PAGEMAP_SCAN takes for a write; hook
 * @raced: pages for which two faults were in flight at once; the slower one may
 *	store after the page was armed again, without a new fault; hook
 * @raced_before: @raced as it was when it was emptied last
 * @rejected: pages of which the policy did not count a write: they are found
 *	written without a hit, and again later if that write was still in flight; hook
 * @rejected_before: as @raced_before
 * @sampled: what is kept for the next decision on it
 */
struct glassram_slot_block {
	unsigned long start;
	u32 target;
	u32 index;
	u32 *column[GLASSRAM_NR_COLUMNS];
	u32 exempt[GLASSRAM_BLOCK_CHUNKS];
	DECLARE_BITMAP(raced, GLASSRAM_BLOCK_SLOTS);
	DECLARE_BITMAP(raced_before, GLASSRAM_BLOCK_SLOTS);
	DECLARE_BITMAP(rejected, GLASSRAM_BLOCK_SLOTS);
	DECLARE_BITMAP(rejected_before, GLASSRAM_BLOCK_SLOTS);
	struct glassram_sampler_memory sampled;
};

/**
 * struct glassram_slot_index - the way from the addresses of one target to blocks
 * @by_address: address >> GLASSRAM_BLOCK_SHIFT -> block; hook (RCU)
 * @recent: blocks that were searched for; any entry may be replaced by another
 *	at any time, and none is ever stale, as blocks live as long as the
 *	target; hook
 * @target: id of the target
 */
struct glassram_slot_index {
	struct xarray by_address;
	struct glassram_slot_block **recent;
	u32 target;
};

/**
 * struct glassram_slots - all slots of a session, whatever target they belong to
 * @blocks: by index; NULL where a target was dropped
 * @nr_blocks: length of the table of blocks
 * @nr_free: entries of it that are NULL
 * @nr_reused: counts the blocks that were given out in place of others
 * @capacity: blocks for which column pages exist
 * @pages: the pages of each column, @capacity of them
 * @generation: counts the growths of @capacity
 * @nr_pages: slots in which a page was seen
 * @full: no more blocks can be given out; hook
 */
struct glassram_slots {
	struct glassram_slot_block **blocks;
	u32 nr_blocks;
	u32 nr_free;
	u64 nr_reused;
	u32 capacity;
	struct page **pages[GLASSRAM_NR_COLUMNS];
	u64 generation;
	u64 nr_pages;
	bool full;
};

int glassram_slot_index_init(struct glassram_slot_index *index, u32 target);
void glassram_slot_index_finish(struct glassram_slot_index *index);
struct glassram_slot_block *glassram_slots_search(struct glassram_slot_index *index,
						  unsigned long address);
u32 glassram_slots_find(struct glassram_slot_index *index, unsigned long address);

void glassram_slots_finish(struct glassram_slots *slots);
int glassram_slots_reserve(struct glassram_slots *slots);
struct glassram_slot_block *glassram_slots_get(struct glassram_slots *slots,
					       struct glassram_slot_index *index,
					       unsigned long address);
void glassram_slots_forget(struct glassram_slots *slots, struct glassram_slot_index *index,
			   unsigned long start, unsigned long end, u32 epoch, bool gone);
void glassram_slot_disown(struct glassram_slots *slots, struct glassram_slot_block *block,
			  unsigned int i, u32 epoch);
void glassram_slots_drop(struct glassram_slots *slots, struct glassram_slot_index *index);
void glassram_slots_reset(struct glassram_slots *slots, u32 epoch);
void glassram_slots_age_raced(struct glassram_slots *slots);
u64 glassram_slots_memory(const struct glassram_slots *slots);

static inline struct glassram_slot_block **glassram_slots_recent(struct glassram_slot_index *index,
								 unsigned long address)
{
	return &index->recent[(address >> GLASSRAM_BLOCK_SHIFT) % GLASSRAM_RECENT_BLOCKS];
}

/* The block of an address, or NULL. Called by the hook, too. */
static inline struct glassram_slot_block *glassram_slots_lookup(struct glassram_slot_index *index,
								unsigned long address)
{
	struct glassram_slot_block *block = READ_ONCE(*glassram_slots_recent(index, address));

	if (likely(block && address - block->start < GLASSRAM_BLOCK_BYTES))
		return block;
	return glassram_slots_search(index, address);
}

/* Add what was observed up to now, before ARMED changes. The session's lock is held. */
static inline void glassram_slot_settle(struct glassram_slot_block *block, unsigned int i,
					u32 epoch)
{
	u32 stamp = READ_ONCE(block->column[GLASSRAM_STAMP][i]);
	u32 *observed = &block->column[GLASSRAM_OBSERVED][i];

	/* A hit of the open epoch is left to the next time. */
	if (unlikely(stamp == epoch))
		stamp = block->column[GLASSRAM_ARMED][i] ? epoch - 1 : GLASSRAM_STAMP_UNWRITTEN;
	WRITE_ONCE(*observed, glassram_observed(epoch, stamp, block->column[GLASSRAM_ARMED][i],
						*observed));
}

static inline unsigned int glassram_slot_of(unsigned long address)
{
	return (address >> PAGE_SHIFT) & (GLASSRAM_BLOCK_SLOTS - 1);
}

#endif /* GLASSRAM_SLOTS_H */
