// SPDX-License-Identifier: GPL-2.0
/*
 * Regions: finds the target's mappings, has the backend watch new ones, and
 * keeps the table that REGIONS shows.
 *
 * Every mapping that may ever be written is registered, PROT_NONE included:
 * allocator arenas grow by mprotect. A refusal is kept as such, until the
 * mapping goes away.
 *
 * Weak spot: what the target does in a mapping before the ADVANCE that finds it
 * shows as first touches only.
 */
#include <linux/fs.h>
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/mm_inline.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/sort.h>

#include "backend.h"
#include "compat.h"
#include "session.h"
#include "target.h"
#include "trace.h"

/* Growable array of ranges, for one update. */
struct range_list {
	struct glassram_refusal *entries;
	u32 nr;
	u32 room;
};

static int range_add(struct range_list *list, unsigned long start, unsigned long end, int error)
{
	if (list->nr == list->room) {
		u32 room = max(64U, list->room * 2);
		struct glassram_refusal *entries;

		entries = kvmalloc_array(room, sizeof(*entries), GFP_KERNEL_ACCOUNT);
		if (!entries)
			return -ENOMEM;
		if (list->nr)
			memcpy(entries, list->entries, list->nr * sizeof(*entries));
		kvfree(list->entries);
		list->entries = entries;
		list->room = room;
	}
	list->entries[list->nr++] = (struct glassram_refusal){ start, end, error };
	return 0;
}

/* @entries: sorted. Return: the entry that holds @address, or NULL. */
static const struct glassram_refusal *find_refusal(const struct glassram_refusal *entries, u32 nr,
						   unsigned long address)
{
	u32 low = 0, high = nr;

	while (low < high) {
		u32 middle = low + (high - low) / 2;
		const struct glassram_refusal *entry = &entries[middle];

		if (address < entry->start)
			high = middle;
		else if (address >= entry->end)
			low = middle + 1;
		else
			return entry;
	}
	return NULL;
}

/**
 * glassram_regions_refused() - is this address in a refused mapping?
 * @table: the table
 * @address: faulting address
 *
 * Called by the hook, under RCU.
 */
bool glassram_regions_refused(struct glassram_region_table *table, unsigned long address)
{
	const struct glassram_refusals *refusals = rcu_dereference(table->refusals);

	return refusals && find_refusal(refusals->entries, refusals->nr, address);
}

static bool may_be_written(const struct vm_area_struct *vma)
{
	return vma->vm_flags & VM_MAYWRITE;
}

static u32 prot_of(const struct vm_area_struct *vma)
{
	return (vma->vm_flags & VM_READ ? GLASSRAM_REGION_READ : 0) |
	       (vma->vm_flags & VM_WRITE ? GLASSRAM_REGION_WRITE : 0) |
	       (vma->vm_flags & VM_EXEC ? GLASSRAM_REGION_EXEC : 0) |
	       (vma->vm_flags & VM_MAYSHARE ? GLASSRAM_REGION_SHARED : 0);
}

/* Is this mapping still what the table says? */
static bool is_as_known(const struct glassram_mm *target, const struct vm_area_struct *vma,
			const struct glassram_region *region)
{
	return region->start == vma->vm_start && region->end == vma->vm_end &&
	       region->prot == prot_of(vma) &&
	       (region->state == GLASSRAM_REGION_WATCHED) == glassram_backend_covers(target, vma);
}

/**
 * glassram_regions_changed() - is the table out of date?
 * @target: the target; the session's lock is held, the mm is alive
 *
 * Compares all mappings, because nothing tells of an mremap() that moves one:
 * it keeps their number and size, and loses the registration.
 */
bool glassram_regions_changed(const struct glassram_mm *target)
{
	const struct glassram_region_table *table = &target->regions;
	struct vm_area_struct *vma;
	u32 i = 0;

	VMA_ITERATOR(vmi, target->mm, 0);

	if (READ_ONCE(target->stale))
		return true;
	if (mmap_read_lock_killable(target->mm))
		return false;
	for_each_vma(vmi, vma) {
		if (!may_be_written(vma))
			continue;
		if (i == table->nr_regions || !is_as_known(target, vma, &table->regions[i]))
			break;
		i++;
	}
	mmap_read_unlock(target->mm);
	return vma || i != table->nr_regions;
}

/* Mappings that want registering and were not refused before. */
static int collect_new(struct glassram_mm *target, const struct glassram_refusals *refused,
		       struct range_list *list)
{
	struct vm_area_struct *vma;
	int ret = 0;

	VMA_ITERATOR(vmi, target->mm, 0);

	if (mmap_read_lock_killable(target->mm))
		return -EINTR;
	for_each_vma(vmi, vma) {
		const struct glassram_refusal *refusal;

		if (!may_be_written(vma) || glassram_backend_covers(target, vma))
			continue;
		refusal = refused ? find_refusal(refused->entries, refused->nr, vma->vm_start) :
				    NULL;
		if (refusal && refusal->start == vma->vm_start && refusal->end == vma->vm_end)
			continue;
		ret = range_add(list, vma->vm_start, vma->vm_end, 0);
		if (ret)
			break;
	}
	mmap_read_unlock(target->mm);
	return ret;
}

static int compare_refusals(const void *a, const void *b)
{
	const struct glassram_refusal *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/* The table while it is being built. */
struct table_builder {
	struct glassram_region *regions;
	u32 nr_regions;
	u32 room;
	u32 nr_refused;
	char *names;
	u32 names_len;
	u32 names_room;
	char *path;
};

/* Under mmap_lock. Return: a string in @builder->path or a constant one. */
static const char *name_of(struct table_builder *builder, struct vm_area_struct *vma)
{
	const char *name = NULL;
	struct anon_vma_name *anon;

	if (vma->vm_file) {
		name = d_path(file_user_path(vma->vm_file), builder->path, PATH_MAX);
		return IS_ERR(name) ? "?" : name;
	}
	if (vma->vm_ops && vma->vm_ops->name)
		name = vma->vm_ops->name(vma);
	if (name)
		return name;
	if (vma_is_initial_heap(vma))
		return "[heap]";
	if (vma_is_initial_stack(vma))
		return "[stack]";
	anon = anon_vma_name(vma);
	if (anon) {
		snprintf(builder->path, PATH_MAX, "[anon:%s]", anon->name);
		return builder->path;
	}
	return "";
}

static int add_name(struct table_builder *builder, const char *name, u32 *ret_offset)
{
	u32 len = strlen(name) + 1;

	if (builder->names_len + len > builder->names_room) {
		u32 room = max(2 * builder->names_room, builder->names_len + len + 4096);
		char *names = kvmalloc(room, GFP_KERNEL_ACCOUNT);

		if (!names)
			return -ENOMEM;
		if (builder->names_len)
			memcpy(names, builder->names, builder->names_len);
		kvfree(builder->names);
		builder->names = names;
		builder->names_room = room;
	}
	memcpy(builder->names + builder->names_len, name, len);
	*ret_offset = builder->names_len;
	builder->names_len += len;
	return 0;
}

static int add_region(struct glassram_mm *target, struct table_builder *builder,
		      struct vm_area_struct *vma, const struct range_list *refused)
{
	struct glassram_region region = {
		.start = vma->vm_start,
		.end = vma->vm_end,
		.target = target->id,
		.first_slot = GLASSRAM_NO_SLOT,
		.page_shift = ilog2(vma_kernel_pagesize(vma)),
		.state = GLASSRAM_REGION_WATCHED,
	};
	const struct glassram_refusal *refusal;
	int ret;

	if (vma->vm_file) {
		const struct inode *inode = file_user_inode(vma->vm_file);

		region.offset = (u64)vma->vm_pgoff << PAGE_SHIFT;
		region.inode = inode->i_ino;
		region.dev_major = MAJOR(inode->i_sb->s_dev);
		region.dev_minor = MINOR(inode->i_sb->s_dev);
	}
	region.prot = prot_of(vma);
	if (!glassram_backend_covers(target, vma)) {
		region.state = GLASSRAM_REGION_REFUSED;
		refusal = find_refusal(refused->entries, refused->nr, region.start);
		if (refusal) {
			region.error = -refusal->error;
		} else {
			/* Came after registering: the next ADVANCE takes it. */
			region.error = EAGAIN;
			glassram_target_mark_stale(target);
		}
		builder->nr_refused++;
	}
	ret = add_name(builder, name_of(builder, vma), &region.name);
	if (ret)
		return ret;

	if (builder->nr_regions == builder->room) {
		u32 room = max(128U, builder->room * 2);
		struct glassram_region *regions;

		regions = kvmalloc_array(room, sizeof(*regions), GFP_KERNEL_ACCOUNT);
		if (!regions)
			return -ENOMEM;
		if (builder->nr_regions)
			memcpy(regions, builder->regions, builder->nr_regions * sizeof(*regions));
		kvfree(builder->regions);
		builder->regions = regions;
		builder->room = room;
	}
	builder->regions[builder->nr_regions++] = region;
	return 0;
}

/*
 * Build the table from the mappings as they are now. The client could have
 * changed the arguments of a registration while it ran: a mode other than
 * write-protect would block the target, so that ends the session.
 */
static int build(struct glassram_mm *target, const struct range_list *refused,
		 struct table_builder *builder)
{
	struct mm_struct *mm = target->mm;
	struct vm_area_struct *vma;
	int ret = 0;

	VMA_ITERATOR(vmi, mm, 0);

	if (mmap_read_lock_killable(mm))
		return -EINTR;
	for_each_vma(vmi, vma) {
		if (target->uffd && glassram_backend_covers(target, vma) &&
		    vma->vm_flags & (VM_UFFD_MISSING | VM_UFFD_MINOR)) {
			ret = -EXDEV;
			break;
		}
		if (!may_be_written(vma))
			continue;
		ret = add_region(target, builder, vma, refused);
		if (ret)
			break;
	}
	mmap_read_unlock(mm);
	return ret;
}

/* Clear the slots of addresses that were mapped before and are not now. */
static void forget_vanished(struct glassram_mm *target, const struct table_builder *now)
{
	const struct glassram_region_table *before = &target->regions;
	u32 i, j = 0;

	for (i = 0; i < before->nr_regions; i++) {
		unsigned long at = before->regions[i].start;
		unsigned long end = before->regions[i].end;

		while (j < now->nr_regions && now->regions[j].end <= at)
			j++;
		while (at < end) {
			unsigned long gap_end = end;
			u32 k = j;

			while (k < now->nr_regions && now->regions[k].end <= at)
				k++;
			if (k < now->nr_regions && now->regions[k].start <= at) {
				at = now->regions[k].end;
				continue;
			}
			if (k < now->nr_regions)
				gap_end = min_t(unsigned long, end, now->regions[k].start);
			glassram_slots_forget(&target->session->slots, &target->index,
					      at, gap_end, target->session->epoch, true);
			at = gap_end;
		}
	}
}

static int publish_refusals(struct glassram_region_table *table, struct range_list *list)
{
	struct glassram_refusals *refusals = NULL, *old;

	if (list->nr) {
		refusals = kvmalloc(struct_size(refusals, entries, list->nr), GFP_KERNEL_ACCOUNT);
		if (!refusals)
			return -ENOMEM;
		refusals->nr = list->nr;
		memcpy(refusals->entries, list->entries, list->nr * sizeof(*list->entries));
	}
	old = rcu_replace_pointer(table->refusals, refusals, true);
	if (old)
		kvfree_rcu(old, rcu);
	return 0;
}

/* Is there anything that a reader of the table would see? */
static bool differs(const struct glassram_region_table *before, const struct table_builder *now)
{
	return before->nr_regions != now->nr_regions || before->names_len != now->names_len ||
	       memcmp(before->regions, now->regions, now->nr_regions * sizeof(*now->regions)) ||
	       memcmp(before->names, now->names, now->names_len);
}

/**
 * glassram_regions_update() - look at all mappings, register the new ones
 * @target: the target; the session's lock is held, the mm is alive
 * @work: the caller's memory
 * @ret_registered: mappings that were newly registered
 *
 * Return: 0; -EINTR when killed; -ENOMEM; -EFAULT; -EXDEV: the caller must end
 * the session.
 */
int glassram_regions_update(struct glassram_mm *target, struct glassram_work *work,
			    u32 *ret_registered)
{
	struct glassram_region_table *table = &target->regions;
	struct glassram_refusals *before = rcu_dereference_protected(table->refusals, true);
	struct range_list fresh = {}, refused = {};
	struct table_builder builder = {};
	u32 i, registered = 0;
	int ret;

	/* Before looking, so that what happens meanwhile is looked at next time. */
	WRITE_ONCE(target->stale, false);
	builder.path = kmalloc(PATH_MAX, GFP_KERNEL_ACCOUNT);
	if (!builder.path)
		return -ENOMEM;
	ret = collect_new(target, before, &fresh);
	if (ret)
		goto free;

	for (i = 0; i < fresh.nr; i++) {
		const struct glassram_refusal *range = &fresh.entries[i];

		ret = target->backend->watch(target, work, range->start, range->end);
		if (ret == -EFAULT || ret == -EINTR || ret == -ENOMEM || ret == -EXDEV)
			goto free;
		if (ret) {
			glassram_events_emit(target->session, (struct glassram_event){
				.type = GLASSRAM_EVENT_REFUSED,
				.target = target->id,
				.address = range->start,
				.length = range->end - range->start,
				.value = -ret,
			});
			ret = range_add(&refused, range->start, range->end, ret);
			if (ret)
				goto free;
			continue;
		}
		/* Its pages were never armed by this registration. */
		glassram_slots_forget(&target->session->slots, &target->index,
				      range->start, range->end, target->session->epoch, false);
		registered++;
	}
	for (i = 0; before && i < before->nr; i++) {
		/* Stale: there is another mapping now. */
		if (find_refusal(fresh.entries, fresh.nr, before->entries[i].start))
			continue;
		ret = range_add(&refused, before->entries[i].start, before->entries[i].end,
				before->entries[i].error);
		if (ret)
			goto free;
	}
	sort(refused.entries, refused.nr, sizeof(*refused.entries), compare_refusals, NULL);

	ret = build(target, &refused, &builder);
	if (ret)
		goto free;

	/* Keep only the refusals whose mapping is still there as it was. */
	refused.nr = 0;
	for (i = 0; i < builder.nr_regions; i++) {
		const struct glassram_region *region = &builder.regions[i];

		if (region->state != GLASSRAM_REGION_REFUSED || region->error == EAGAIN)
			continue;
		ret = range_add(&refused, region->start, region->end, -(int)region->error);
		if (ret)
			goto free;
	}
	ret = publish_refusals(table, &refused);
	if (ret)
		goto free;

	forget_vanished(target, &builder);
	if (trace_region_enabled())
		glassram_trace_regions(target->session->id, target->id, table->regions,
				       table->nr_regions, builder.regions, builder.nr_regions);
	if (differs(table, &builder))
		target->session->regions_generation++;
	kvfree(table->regions);
	kvfree(table->names);
	table->regions = builder.regions;
	table->nr_regions = builder.nr_regions;
	table->nr_refused = builder.nr_refused;
	table->names = builder.names;
	table->names_len = builder.names_len;
	builder.regions = NULL;
	builder.names = NULL;
	*ret_registered = registered;
free:
	if (ret)
		glassram_target_mark_stale(target);
	kvfree(builder.regions);
	kvfree(builder.names);
	kfree(builder.path);
	kvfree(fresh.entries);
	kvfree(refused.entries);
	return ret;
}

/**
 * glassram_regions_span() - from the first to the last watched address
 * @table: the table; the session's lock is held
 * @ret_start: first address
 * @ret_end: one past the last; equal to @ret_start if nothing is watched
 */
void glassram_regions_span(const struct glassram_region_table *table, unsigned long *ret_start,
			   unsigned long *ret_end)
{
	u32 i;

	*ret_start = 0;
	*ret_end = 0;
	for (i = 0; i < table->nr_regions; i++) {
		if (table->regions[i].state != GLASSRAM_REGION_WATCHED)
			continue;
		if (!*ret_end)
			*ret_start = table->regions[i].start;
		*ret_end = table->regions[i].end;
	}
}

/**
 * glassram_regions_huge() - is there any hugetlb mapping?
 * @table: the table; the session's lock is held
 */
bool glassram_regions_huge(const struct glassram_region_table *table)
{
	u32 i;

	for (i = 0; i < table->nr_regions; i++)
		if (table->regions[i].page_shift > PAGE_SHIFT)
			return true;
	return false;
}

/* The region of an address, or NULL. */
static const struct glassram_region *find_region(const struct glassram_region_table *table,
						 unsigned long address)
{
	u32 low = 0, high = table->nr_regions;

	while (low < high) {
		u32 middle = low + (high - low) / 2;
		const struct glassram_region *region = &table->regions[middle];

		if (address < region->start)
			high = middle;
		else if (address >= region->end)
			low = middle + 1;
		else
			return region;
	}
	return NULL;
}

/**
 * glassram_regions_page_size() - page size of the mapping at an address
 * @table: the table; the session's lock is held
 * @address: any address
 * Return: bytes; PAGE_SIZE where nothing is mapped.
 */
unsigned long glassram_regions_page_size(const struct glassram_region_table *table,
					 unsigned long address)
{
	const struct glassram_region *region = find_region(table, address);

	return region ? BIT(region->page_shift) : PAGE_SIZE;
}

/**
 * glassram_regions_splits() - must a huge page that is found here be split?
 * @table: the table; the session's lock is held
 * @address: any address
 * Return: true for shared files, but not for hugetlb.
 */
bool glassram_regions_splits(const struct glassram_region_table *table, unsigned long address)
{
	const struct glassram_region *region = find_region(table, address);

	return region && region->prot & GLASSRAM_REGION_SHARED && region->page_shift == PAGE_SHIFT;
}

void glassram_regions_finish(struct glassram_region_table *table)
{
	kvfree(rcu_dereference_protected(table->refusals, true));
	kvfree(table->regions);
	kvfree(table->names);
}

u64 glassram_regions_memory(const struct glassram_region_table *table)
{
	return table->nr_regions * sizeof(*table->regions) + table->names_len;
}
