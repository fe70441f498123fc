// SPDX-License-Identifier: GPL-2.0
/*
 * Slots: one for each page of the target, given out in blocks when an aligned
 * stretch of addresses first has a populated page. So sparse terabytes cost
 * nothing, and a page keeps its slot whatever else is mapped.
 *
 * The column pages are allocated ahead of the blocks, because each growth
 * makes importers of the dma-buf import it again. Weak spot: a stretch with a
 * single page costs as much as a full one (16 KiB of kernel memory).
 */
#include <linux/bitmap.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "slots.h"

/* Whole rows of a column: four blocks are one row of GLASSRAM_COLUMN_WIDTH. */
#define BLOCKS_PER_ROW (GLASSRAM_COLUMN_WIDTH / GLASSRAM_BLOCK_SLOTS)
/* 64 blocks (768 KiB of columns) hold a small process without any growth. */
#define FIRST_CAPACITY 64

/**
 * glassram_slots_init() - no slots yet
 * @slots: filled; glassram_slots_finish() is right also after a failure
 * Return: 0 or -ENOMEM.
 */
int glassram_slots_init(struct glassram_slots *slots)
{
	memset(slots, 0, sizeof(*slots));
	xa_init(&slots->by_address);
	slots->recent = kcalloc(GLASSRAM_RECENT_BLOCKS, sizeof(*slots->recent),
				GFP_KERNEL_ACCOUNT);
	return slots->recent ? 0 : -ENOMEM;
}

void glassram_slots_finish(struct glassram_slots *slots)
{
	unsigned int c;
	u32 i;

	xa_destroy(&slots->by_address);
	for (i = 0; i < slots->nr_blocks; i++) {
		free_page((unsigned long)slots->blocks[i]->armed);
		kfree(slots->blocks[i]);
	}
	kvfree(slots->blocks);
	kfree(slots->recent);
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

	if (slots->nr_blocks < slots->capacity)
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
 * @slots: the slots
 * @address: any address of the target
 *
 * Called by the hook, under RCU.
 * Return: the block, or NULL.
 */
struct glassram_slot_block *glassram_slots_search(struct glassram_slots *slots,
						  unsigned long address)
{
	struct glassram_slot_block *block;

	block = xa_load(&slots->by_address, address >> GLASSRAM_BLOCK_SHIFT);
	if (block) /* Release: who finds it there must find it complete. */
		smp_store_release(glassram_slots_recent(slots, address), block);
	return block;
}

/**
 * glassram_slots_get() - the block of an address, made if there is none
 * @slots: the slots; the session's lock is held
 * @address: any address of the target
 *
 * Return: the block, which lives as long as the session; or ERR_PTR(-ENOMEM),
 * or ERR_PTR(-ENOSPC) when all GLASSRAM_MAX_SLOTS are given out.
 */
struct glassram_slot_block *glassram_slots_get(struct glassram_slots *slots, unsigned long address)
{
	struct glassram_slot_block *block = glassram_slots_lookup(slots, address);
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
	block->index = slots->nr_blocks;
	for (c = 0; c < GLASSRAM_NR_COLUMNS; c++)
		block->column[c] = page_address(slots->pages[c][block->index]);
	block->armed = (u32 *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!block->armed) {
		ret = -ENOMEM;
		goto free_block;
	}
	/* From here on the hook may find it. */
	ret = xa_err(xa_store(&slots->by_address, address >> GLASSRAM_BLOCK_SHIFT, block,
			      GFP_KERNEL_ACCOUNT));
	if (ret)
		goto free_armed;
	slots->blocks[slots->nr_blocks++] = block;
	return block;

free_armed:
	free_page((unsigned long)block->armed);
free_block:
	kfree(block);
	return ERR_PTR(ret);
}

/**
 * glassram_slots_forget() - pages of a range are new, or gone
 * @slots: the slots; the session's lock is held
 * @start: first address
 * @end: one past the last
 * @gone: there is no mapping any more: clear their stamps too
 *
 * Without this, a new mapping at an old address would look like pages that
 * were armed and then written behind the hook's back.
 */
void glassram_slots_forget(struct glassram_slots *slots, unsigned long start, unsigned long end,
			   bool gone)
{
	struct glassram_slot_block *block;
	unsigned long index;

	xa_for_each_range(&slots->by_address, index, block, start >> GLASSRAM_BLOCK_SHIFT,
			  (end - 1) >> GLASSRAM_BLOCK_SHIFT) {
		unsigned long from = max(start, block->start);
		unsigned long to = min(end, block->start + GLASSRAM_BLOCK_BYTES);
		unsigned int i = glassram_slot_of(from);
		unsigned int n = (to - from) >> PAGE_SHIFT;

		for (; n--; i++) {
			if (block->armed[i]) {
				block->armed[i] = 0;
				slots->nr_pages--;
			}
			if (gone && block->column[GLASSRAM_STAMP][i])
				WRITE_ONCE(block->column[GLASSRAM_STAMP][i],
					   GLASSRAM_STAMP_NO_PAGE);
		}
	}
}

/**
 * glassram_slots_age_raced() - forget faults in flight that have long landed
 * @slots: the slots; the session's lock is held
 *
 * A page keeps its mark for one to two of the periods in which this is called.
 */
void glassram_slots_age_raced(struct glassram_slots *slots)
{
	unsigned int word;
	u32 i;

	for (i = 0; i < slots->nr_blocks; i++) {
		struct glassram_slot_block *block = slots->blocks[i];

		/* The hook sets bits meanwhile. */
		for (word = 0; word < ARRAY_SIZE(block->raced); word++)
			block->raced_before[word] = xchg(&block->raced[word], 0);
	}
}

/**
 * glassram_slots_find() - the slot of an address
 * @slots: the slots; the session's lock is held
 * @address: any address
 * Return: the slot, or GLASSRAM_NO_SLOT.
 */
u32 glassram_slots_find(struct glassram_slots *slots, unsigned long address)
{
	struct glassram_slot_block *block = glassram_slots_lookup(slots, address);

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
	u64 per_block = sizeof(struct glassram_slot_block) + PAGE_SIZE;

	return slots->capacity * per_capacity + slots->nr_blocks * per_block +
	       GLASSRAM_RECENT_BLOCKS * sizeof(*slots->recent);
}
