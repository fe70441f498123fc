// SPDX-License-Identifier: GPL-2.0
/*
 * The counters dma-buf: the columns of a session, read-only, for GPUs, for
 * mmap, for anybody who gets the fd.
 *
 * A dma-buf covers the column pages of one generation and holds references to
 * them, so it may outlive the session. Growth makes a new dma-buf over the same
 * pages and more; an old one goes on showing its slots.
 *
 * Weak spot: the pages are written by CPUs at any time and no fence says when;
 * the epoch does. On machines without coherent DMA an importer would have to
 * flush; begin_cpu_access() is empty because x86 is coherent.
 */
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/iosys-map.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "compat.h"
#include "counters.h"
#include "slots.h"

GLASSRAM_IMPORT_NS("DMA_BUF");

/**
 * struct counters_buffer - what one dma-buf holds
 * @nr_pages: pages, all columns together
 * @pages: column after column; a reference of each is owned
 */
struct counters_buffer {
	unsigned long nr_pages;
	struct page *pages[] __counted_by(nr_pages);
};

static struct sg_table *counters_map(struct dma_buf_attachment *attachment,
				     enum dma_data_direction direction)
{
	struct counters_buffer *buffer = attachment->dmabuf->priv;
	struct sg_table *table = kzalloc(sizeof(*table), GFP_KERNEL);
	int ret;

	if (!table)
		return ERR_PTR(-ENOMEM);
	ret = sg_alloc_table_from_pages(table, buffer->pages, buffer->nr_pages, 0,
					buffer->nr_pages << PAGE_SHIFT, GFP_KERNEL);
	if (ret)
		goto free_table;
	/*
	 * Nearly every DRM driver asks for DMA_BIDIRECTIONAL on import; all get
	 * a mapping that only lets them read.
	 */
	ret = dma_map_sgtable(attachment->dev, table, DMA_TO_DEVICE, 0);
	if (ret)
		goto free_sg;
	return table;

free_sg:
	sg_free_table(table);
free_table:
	kfree(table);
	return ERR_PTR(ret);
}

static void counters_unmap(struct dma_buf_attachment *attachment, struct sg_table *table,
			   enum dma_data_direction direction)
{
	dma_unmap_sgtable(attachment->dev, table, DMA_TO_DEVICE, 0);
	sg_free_table(table);
	kfree(table);
}

static int counters_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	struct counters_buffer *buffer = dmabuf->priv;
	unsigned long n = vma_pages(vma);

	/* MAYSHARE: do_mmap() clears VM_SHARED where the file is read-only. */
	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	if (vma->vm_flags & VM_WRITE)
		return -EACCES;
	if (vma->vm_pgoff > buffer->nr_pages || n > buffer->nr_pages - vma->vm_pgoff)
		return -EINVAL;
	vm_flags_mod(vma, VM_DONTEXPAND | VM_DONTDUMP, VM_MAYWRITE);
	return vm_insert_pages(vma, vma->vm_start, buffer->pages + vma->vm_pgoff, &n);
}

static int counters_vmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct counters_buffer *buffer = dmabuf->priv;
	void *address = vmap(buffer->pages, buffer->nr_pages, VM_MAP, PAGE_KERNEL_RO);

	if (!address)
		return -ENOMEM;
	iosys_map_set_vaddr(map, address);
	return 0;
}

static void counters_vunmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	vunmap(map->vaddr);
}

static int counters_cpu_access(struct dma_buf *dmabuf, enum dma_data_direction direction)
{
	return 0;
}

static void free_buffer(struct counters_buffer *buffer)
{
	unsigned long i;

	for (i = 0; i < buffer->nr_pages; i++)
		put_page(buffer->pages[i]);
	kvfree(buffer);
}

static void counters_release(struct dma_buf *dmabuf)
{
	free_buffer(dmabuf->priv);
}

static const struct dma_buf_ops counters_dma_buf_ops = {
	.map_dma_buf = counters_map,
	.unmap_dma_buf = counters_unmap,
	.mmap = counters_mmap,
	.vmap = counters_vmap,
	.vunmap = counters_vunmap,
	.begin_cpu_access = counters_cpu_access,
	.end_cpu_access = counters_cpu_access,
	.release = counters_release,
};

/**
 * glassram_counters_columns() - where the columns lie in the dma-buf
 * @slots: the session's slots
 * @ret_columns: GLASSRAM_NR_COLUMNS records
 */
void glassram_counters_columns(const struct glassram_slots *slots,
			       struct glassram_column ret_columns[])
{
	static const u32 ids[GLASSRAM_NR_COLUMNS] = {
		[GLASSRAM_HITS] = GLASSRAM_COLUMN_HITS,
		[GLASSRAM_STAMP] = GLASSRAM_COLUMN_STAMP,
		[GLASSRAM_OWNER] = GLASSRAM_COLUMN_OWNER,
		[GLASSRAM_ARMED] = GLASSRAM_COLUMN_ARMED,
		[GLASSRAM_OBSERVED] = GLASSRAM_COLUMN_OBSERVED,
	};
	unsigned int c;

	for (c = 0; c < GLASSRAM_NR_COLUMNS; c++)
		ret_columns[c] = (struct glassram_column){
			.id = ids[c],
			.elem_size = sizeof(u32),
			.offset = (u64)c * slots->capacity << PAGE_SHIFT,
			.stride = GLASSRAM_COLUMN_STRIDE,
			.width = GLASSRAM_COLUMN_WIDTH,
			.rows = slots->capacity * GLASSRAM_BLOCK_SLOTS / GLASSRAM_COLUMN_WIDTH,
		};
}

/**
 * glassram_counters_export() - a dma-buf over the columns as they are now
 * @slots: the session's slots; its lock is held; capacity is not 0
 *
 * Return: a new read-only fd of the caller, or -ENOMEM, -EMFILE.
 */
int glassram_counters_export(const struct glassram_slots *slots)
{
	unsigned long n = (unsigned long)slots->capacity * GLASSRAM_NR_COLUMNS;
	struct counters_buffer *buffer;
	struct dma_buf *dmabuf;
	unsigned int c;
	u32 i;
	int fd;

	DEFINE_DMA_BUF_EXPORT_INFO(info);

	buffer = kvmalloc(struct_size(buffer, pages, n), GFP_KERNEL_ACCOUNT);
	if (!buffer)
		return -ENOMEM;
	buffer->nr_pages = n;
	for (c = 0; c < GLASSRAM_NR_COLUMNS; c++)
		for (i = 0; i < slots->capacity; i++) {
			struct page *page = slots->pages[c][i];

			get_page(page);
			buffer->pages[(unsigned long)c * slots->capacity + i] = page;
		}

	info.ops = &counters_dma_buf_ops;
	info.size = n << PAGE_SHIFT;
	info.flags = O_RDONLY | O_CLOEXEC;
	info.priv = buffer;
	dmabuf = dma_buf_export(&info);
	if (IS_ERR(dmabuf)) {
		free_buffer(buffer);
		return PTR_ERR(dmabuf);
	}
	/* Ownership of the buffer is held by the dma-buf from here. */
	fd = dma_buf_fd(dmabuf, O_CLOEXEC);
	if (fd < 0)
		dma_buf_put(dmabuf);
	return fd;
}
