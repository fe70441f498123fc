// SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0
/*
 * The counters dma-buf as this process sees it.
 *
 * Reading needs no DMA_BUF_IOCTL_SYNC: only the CPU writes the counters, and
 * the mapping is of the same pages. Weak spot: a column is offered as one flat
 * array, so a module whose rows are padded is refused.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "internal.h"

#define MAX_COLUMNS (sizeof(((struct glassram_columns *)0)->columns) / \
		     sizeof(struct glassram_column))

static bool column_fits(const struct glassram_column *column, uint32_t slots, size_t bytes)
{
	uint64_t length = (uint64_t)column->stride * column->rows;

	return column->elem_size == sizeof(uint32_t) &&
	       column->stride == (uint64_t)column->width * sizeof(uint32_t) &&
	       (uint64_t)column->width * column->rows >= slots &&
	       column->offset % sizeof(uint32_t) == 0 &&
	       column->offset <= bytes && length <= bytes - column->offset;
}

static const volatile uint32_t *find_column(const struct glassram_columns *columns, uint32_t id)
{
	for (uint32_t i = 0; i < columns->nr_columns; i++) {
		const struct glassram_column *column = &columns->columns[i];

		if (column->id == id && column_fits(column, columns->slots, columns->bytes))
			return (const void *)((const char *)columns->map + column->offset);
	}
	return NULL;
}

/* A newer module may have more columns than this library keeps; the five that
 * it needs are among the first, whose place in the list never changes.
 */
static int export_counters(struct glassram_session *session, struct glassram_counters *counters,
			   struct glassram_columns *columns)
{
	struct glassram_column *list = NULL;
	uint32_t capacity = MAX_COLUMNS;
	int fd;

	do {
		free(list);
		list = calloc(capacity, sizeof(*list));
		if (!list)
			return -ENOMEM;
		*counters = (struct glassram_counters){
			.size = sizeof(*counters),
			.columns = (uintptr_t)list,
			.nr_columns = capacity,
		};
		fd = ioctl(session->fd, GLASSRAM_COUNTERS, counters);
		if (fd < 0)
			fd = -errno;
		if (fd != -ENOSPC || counters->nr_columns <= capacity)
			break;
		capacity = counters->nr_columns;
	} while (1);
	columns->nr_columns = counters->nr_columns < MAX_COLUMNS ? counters->nr_columns :
								   MAX_COLUMNS;
	memcpy(columns->columns, list, columns->nr_columns * sizeof(*list));
	free(list);
	return fd;
}

enum glassram_error glassram_columns_init(struct glassram_session *session,
					  struct glassram_columns *ret_columns)
{
	struct glassram_columns columns = { .dmabuf_fd = -1 };
	struct glassram_counters counters;
	void *map;
	int fd;

	fd = export_counters(session, &counters, &columns);
	if (fd == -ENOMEM)
		return gr_fail_errno(ENOMEM, "cannot export the counters of process %d",
				     session->pid);
	if (fd < 0)
		return gr_explain_session(-fd, session->pid, "COUNTERS");
	columns.dmabuf_fd = fd;
	columns.bytes = counters.bytes;
	columns.slots = counters.slots;
	columns.generation = counters.generation;
	map = mmap(NULL, columns.bytes, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED) {
		int err = errno;

		close(fd);
		gr_fail_errno(err, "cannot map the counters of process %d (%zu bytes)",
			      session->pid, columns.bytes);
		return err == ENOMEM ? GLASSRAM_ERR_NO_MEMORY : GLASSRAM_ERR_DMABUF;
	}
	columns.map = map;
	columns.hits = find_column(&columns, GLASSRAM_COLUMN_HITS);
	columns.stamp = find_column(&columns, GLASSRAM_COLUMN_STAMP);
	columns.owner = find_column(&columns, GLASSRAM_COLUMN_OWNER);
	columns.armed = find_column(&columns, GLASSRAM_COLUMN_ARMED);
	columns.observed = find_column(&columns, GLASSRAM_COLUMN_OBSERVED);
	if (!columns.hits || !columns.stamp || !columns.owner || !columns.armed ||
	    !columns.observed) {
		glassram_columns_finish(&columns);
		return gr_fail(GLASSRAM_ERR_DMABUF, "the loaded glassram.ko lays the counters out in a way that libglassram %s cannot read: build and install both from the same sources",
			       GLASSRAM_VERSION);
	}
	*ret_columns = columns;
	return GLASSRAM_OK;
}

void glassram_columns_finish(struct glassram_columns *columns)
{
	if (!columns || !columns->map)
		return;
	munmap((void *)columns->map, columns->bytes);
	close(columns->dmabuf_fd);
	*columns = (struct glassram_columns){ .dmabuf_fd = -1 };
}
