// SPDX-License-Identifier: GPL-2.0
/*
 * Slots: one for each page of the target, given out in blocks when an aligned
 * stretch of addresses first has a populated page. So sparse terabytes cost
 * nothing, and a page keeps its slot whatever else is mapped.
 *
 * The column pages are allocated ahead of the blocks, because each growth
 * makes importers of the dma-buf import it again. Weak spot: a stretch with a
 * single page costs as much as a full one (20 KiB of kernel memory).
 */
#include <linux/bitmap.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "slots.h"

/* Whole rows of a column: four blocks are one row of GLASSRAM_COLUMN_WIDTH. */
#define BLOCKS_PER_ROW (GLASSRAM_COLUMN_WIDTH / GLASSRAM_BLOCK_SLOTS)
/* 64 blocks (1,280 KiB of columns) hold a small process without any growth. */
#define FIRST_CAPACITY 64

/**
 * glassram_slot_index_init() - no blocks yet
 * @index: filled; glassram_slot_index_finish() is right also after a failure
 * @target: id of the target
 * Return: 0 or -ENOMEM.
 */
int glassram_slot_index_init(struct glassram_slot_index *index, u32 target)
{
	xa_init(&index->by_address);
	index->target = target;
	index->recent = kcalloc(GLASSRAM_RECENT_BLOCKS, sizeof(*index->recent),
				GFP_KERNEL_ACCOUNT);
	return index->recent ? 0 : -ENOMEM;
}

void glassram_slot_index_finish(struct glassram_slot_index *index)
{
	xa_destroy(&index->by_address);
	kfree(index->recent);
}

void glassram_slots_finish(struct glassram_slots *slots)
{
	unsigned int c;
	u32 i;

	for (i = 0; i < slots->nr_blocks; i++)
		kfree(slots->blocks[i]);
	kvfree(slots->blocks);
	for (c = 0; c < GLASSRAM_NR_COLUMNS; c++) {
		/* A dma-buf that outlives the session holds references of its own. */
		for (i = 0; i < slots->capacity; i++)
			put_page(slots->pages[c][i]);
		kvfree(slots->pages[c]);
	}
}

/* Make column pages for @capacity blocks. Existing pages stay where they are. */
static int grow(struct glassram_slots *slots, u32 capacity)
{
	struct page **pages[GLASSRAM_NR_COLUMNS] = {};
	struct glassram_slot_block **blocks;
	u32 have = slots->capacity;
	unsigned int c;
	u32 i;

	blocks = kvcalloc(capacity, sizeof(*blocks), GFP_KERNEL_ACCOUNT);
	if (!blocks)
		return -ENOMEM;
	for (c = 0; c < GLASSRAM_NR_COLUMNS; c++) {
		pages[c] = kvcalloc(capacity, sizeof(*pages[c]), GFP_KERNEL_ACCOUNT);
		if (!pages[c])
			goto free_pages;
		if (have)
			memcpy(pages[c], slots->pages[c], have * sizeof(*pages[c]));
		for (i = have; i < capacity; i++) {
			pages[c][i] = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
			if (!pages[c][i])
				goto free_pages;
		}
	}

	if (slots->nr_blocks)
		memcpy(blocks, slots->blocks, slots->nr_blocks * sizeof(*blocks));
	kvfree(slots->blocks);
	slots->blocks = blocks;
	for (c = 0; c < GLASSRAM_NR_COLUMNS; c++) {
		kvfree(slots->pages[c]);
		slots->pages[c] = pages[c];
	}
	slots->capacity = capacity;
	slots->generation++;
	return 0;

free_pages:
	for (c = 0; c < GLASSRAM_NR_COLUMNS; c++) {
		for (i = have; pages[c] && i < capacity; i++)
			if (pages[c][i])
				put_page(pages[c][i]);
		kvfree(pages[c]);
	}
	kvfree(blocks);
	return -ENOMEM;
}

/**
 * glassram_slots_reserve() - have column pages for one block more
 * @slots: the slots; the session's lock is held
 * Return: 0, -ENOMEM, or -ENOSPC at the limit.
 */
int glassram_slots_reserve(struct glassram_slots *slots)
{
	u32 capacity;

	if (slots->nr_free || slots->nr_blocks < slots->capacity)
		return 0;
	if (slots->capacity == GLASSRAM_MAX_BLOCKS) {
		WRITE_ONCE(slots->full, true);
		return -ENOSPC;
	}
	/* A quarter more at a time: few generations, little slack. */
	capacity = max_t(u32, FIRST_CAPACITY, slots->capacity + slots->capacity / 4);
	capacity = round_up(capacity, BLOCKS_PER_ROW);
	return grow(slots, min_t(u32, capacity, GLASSRAM_MAX_BLOCKS));
}

/**
 * glassram_slots_search() - the block of an address that was not looked up lately
 * @index: the target's index
 * @address: any address of the target
 *
 * Called by the hook, under RCU.
 * Return: the block, or NULL.
 */
struct glassram_slot_block *glassram_slots_search(struct glassram_slot_index *index,
						  unsigned long address)
{
	struct glassram_slot_block *block;

	block = xa_load(&index->by_address, address >> GLASSRAM_BLOCK_SHIFT);
	if (block) /* Release: who finds it there must find it complete. */
		smp_store_release(glassram_slots_recent(index, address), block);
	return block;
}

/* The first entry of the table of blocks that is not in use. */
static u32 free_index(struct glassram_slots *slots)
{
	u32 i = slots->nr_blocks;

	if (slots->nr_free)
		for (i = 0; slots->blocks[i]; i++)
			;
	return i;
}

/**
 * glassram_slots_get() - the block of an address, made if there is none
 * @slots: the slots; the session's lock is held
 * @index: the target's index
 * @address: any address of the target
 *
 * Return: the block, which lives as long as the target; or ERR_PTR(-ENOMEM),
 * or ERR_PTR(-ENOSPC) when all GLASSRAM_MAX_SLOTS are given out.
 */
struct glassram_slot_block *glassram_slots_get(struct glassram_slots *slots,
					       struct glassram_slot_index *index,
					       unsigned long address)
{
	struct glassram_slot_block *block = glassram_slots_lookup(index, address);
	unsigned int c;
	int ret;

	if (block)
		return block;
	ret = glassram_slots_reserve(slots);
	if (ret)
		return ERR_PTR(ret);

	block = kzalloc(sizeof(*block), GFP_KERNEL_ACCOUNT);
	if (!block)
		return ERR_PTR(-ENOMEM);
	block->start = round_down(address, GLASSRAM_BLOCK_BYTES);
	block->target = index->target;
	block->index = free_index(slots);
	for (c = 0; c < GLASSRAM_NR_COLUMNS; c++)
		block->column[c] = page_address(slots->pages[c][block->index]);
	/* From here on the hook may find it. */
	ret = xa_err(xa_store(&index->by_address, address >> GLASSRAM_BLOCK_SHIFT, block,
			      GFP_KERNEL_ACCOUNT));
	if (ret) {
		kfree(block);
		return ERR_PTR(ret);
	}
	if (block->index == slots->nr_blocks) {
		slots->nr_blocks++;
	} else {
		slots->nr_free--;
		slots->nr_reused++;
	}
	slots->blocks[block->index] = block;
	return block;
}

/* Its page was armed and is not any more. */
static void unarm(struct glassram_slots *slots, struct glassram_slot_block *block,
		  unsigned int i)
{
	if (!block->column[GLASSRAM_ARMED][i])
		return;
	WRITE_ONCE(block->column[GLASSRAM_ARMED][i], 0);
	slots->nr_pages--;
}

/**
 * glassram_slot_disown() - a page is not armed any more, or is another one
 * @slots: the slots; the session's lock is held
 * @block: its block
 * @i: its slot there
 * @epoch: the open epoch
 */
void glassram_slot_disown(struct glassram_slots *slots, struct glassram_slot_block *block,
			  unsigned int i, u32 epoch)
{
	if (!block->column[GLASSRAM_ARMED][i])
		return;
	glassram_slot_settle(block, i, epoch);
	/* Never armed, a stamp counts as a first touch: this one has been counted. */
	if (READ_ONCE(block->column[GLASSRAM_STAMP][i]) >= GLASSRAM_FIRST_EPOCH)
		block->column[GLASSRAM_OBSERVED][i]--;
	unarm(slots, block, i);
}

static void forget_slot(struct glassram_slots *slots, struct glassram_slot_block *block,
			unsigned int i, u32 epoch, bool gone)
{
	u32 *stamp = &block->column[GLASSRAM_STAMP][i];

	glassram_slot_disown(slots, block, i, epoch);
	if (!gone || !READ_ONCE(*stamp))
		return;
	if (READ_ONCE(*stamp) >= GLASSRAM_FIRST_EPOCH)
		block->column[GLASSRAM_OBSERVED][i]++;
	WRITE_ONCE(*stamp, GLASSRAM_STAMP_NO_PAGE);
}

/**
 * glassram_slots_forget() - pages of a range are new, or gone
 * @slots: the slots; the session's lock is held
 * @index: the target's index
 * @start: first address
 * @end: one past the last
 * @epoch: the open epoch
 * @gone: there is no mapping any more: clear their stamps too
 *
 * Without this, a new mapping at an old address would look like pages that
 * were armed and then written behind the hook's back.
 */
void glassram_slots_forget(struct glassram_slots *slots, struct glassram_slot_index *index,
			   unsigned long start, unsigned long end, u32 epoch, bool gone)
{
	struct glassram_slot_block *block;
	unsigned long at;

	xa_for_each_range(&index->by_address, at, block, start >> GLASSRAM_BLOCK_SHIFT,
			  (end - 1) >> GLASSRAM_BLOCK_SHIFT) {
		unsigned long from = max(start, block->start);
		unsigned long to = min(end, block->start + GLASSRAM_BLOCK_BYTES);
		unsigned int i = glassram_slot_of(from);
		unsigned int n = (to - from) >> PAGE_SHIFT;

		for (; n--; i++)
			forget_slot(slots, block, i, epoch, gone);
	}
}

/**
 * glassram_slots_drop() - give a target's blocks to others
 * @slots: the slots; the session's lock is held
 * @index: the target's index; empty afterwards. The hook can reach it no more
 */
void glassram_slots_drop(struct glassram_slots *slots, struct glassram_slot_index *index)
{
	struct glassram_slot_block *block;
	unsigned long at;
	unsigned int c, i;

	xa_for_each(&index->by_address, at, block) {
		for (i = 0; i < GLASSRAM_BLOCK_SLOTS; i++)
			slots->nr_pages -= !!block->column[GLASSRAM_ARMED][i];
		for (c = 0; c < GLASSRAM_NR_COLUMNS; c++)
			clear_page(block->column[c]);
		slots->blocks[block->index] = NULL;
		slots->nr_free++;
		kfree(block);
	}
	if (slots->nr_free)
		WRITE_ONCE(slots->full, false);
	xa_destroy(&index->by_address);
	memset(index->recent, 0, GLASSRAM_RECENT_BLOCKS * sizeof(*index->recent));
}

/*
 * A page that was written since it was armed will be found written, and its
 * stamp could no longer explain that: it counts as never armed until it is armed
 * again. Hits that come meanwhile belong to the time after the reset.
 */
static void reset_block(struct glassram_slots *slots, struct glassram_slot_block *block, u32 epoch)
{
	unsigned int i;

	for (i = 0; i < GLASSRAM_BLOCK_SLOTS; i++) {
		u32 stamp = READ_ONCE(block->column[GLASSRAM_STAMP][i]);
		u32 armed = block->column[GLASSRAM_ARMED][i];

		if (stamp >= GLASSRAM_FIRST_EPOCH && (s32)(stamp - armed) >= 0) {
			unarm(slots, block, i);
			armed = 0;
		}
		/* glassram_observed() gives 0 now, and goes on where the page is armed. */
		WRITE_ONCE(block->column[GLASSRAM_OBSERVED][i], armed ? armed - epoch : 0);
		if (stamp < GLASSRAM_FIRST_EPOCH)
			continue;
		WRITE_ONCE(block->column[GLASSRAM_HITS][i], 0);
		WRITE_ONCE(block->column[GLASSRAM_OWNER][i], GLASSRAM_THREAD_NONE);
		cmpxchg(&block->column[GLASSRAM_STAMP][i], stamp, GLASSRAM_STAMP_UNWRITTEN);
	}
}

/**
 * glassram_slots_reset() - no hits yet
 * @slots: the slots; the session's lock is held
 * @epoch: the open epoch
 */
void glassram_slots_reset(struct glassram_slots *slots, u32 epoch)
{
	u32 i;

	for (i = 0; i < slots->nr_blocks; i++)
		if (slots->blocks[i])
			reset_block(slots, slots->blocks[i], epoch);
}

/* The hook sets bits meanwhile. */
static void age_marks(unsigned long *marks, unsigned long *before)
{
	unsigned int word;

	for (word = 0; word < BITS_TO_LONGS(GLASSRAM_BLOCK_SLOTS); word++)
		before[word] = xchg(&marks[word], 0);
}

/**
 * glassram_slots_age_raced() - forget faults in flight that have long landed
 * @slots: the slots; the session's lock is held
 *
 * A page keeps its mark for one to two of the periods in which this is called.
 */
void glassram_slots_age_raced(struct glassram_slots *slots)
{
	u32 i;

	for (i = 0; i < slots->nr_blocks; i++) {
		struct glassram_slot_block *block = slots->blocks[i];

		if (!block)
			continue;
		age_marks(block->raced, block->raced_before);
		age_marks(block->rejected, block->rejected_before);
	}
}

/**
 * glassram_slots_find() - the slot of an address
 * @index: the target's index; the session's lock is held
 * @address: any address
 * Return: the slot, or GLASSRAM_NO_SLOT.
 */
u32 glassram_slots_find(struct glassram_slot_index *index, unsigned long address)
{
	struct glassram_slot_block *block = glassram_slots_lookup(index, address);

	if (!block)
		return GLASSRAM_NO_SLOT;
	return block->index * GLASSRAM_BLOCK_SLOTS + glassram_slot_of(address);
}

/**
 * glassram_slots_memory() - bytes held for the slots
 * @slots: the slots
 * Return: bytes, tables included.
 */
u64 glassram_slots_memory(const struct glassram_slots *slots)
{
	u64 per_capacity = GLASSRAM_NR_COLUMNS * (PAGE_SIZE + sizeof(struct page *)) +
			   sizeof(struct glassram_slot_block *);

	return slots->capacity * per_capacity +
	       (slots->nr_blocks - slots->nr_free) * sizeof(struct glassram_slot_block);
}
