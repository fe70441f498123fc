// SPDX-License-Identifier: GPL-2.0
/*
 * glassctl regions: the mappings of a target, and how much of each was written.
 *
 * Weak spot: a page whose mapping is gone keeps its counters but belongs to no
 * row here.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "output.h"
#include "shown.h"
#include "watch.h"

/**
 * struct region_sum - what the counters say of one region
 * @pages: pages seen
 * @written: pages that were written
 * @hits: sum of HITS
 */
struct region_sum {
	uint64_t pages;
	uint64_t written;
	uint64_t hits;
};

static struct region_sum *sum_regions(const struct glassram_layout *layout,
				      const struct glassram_columns *columns)
{
	/* one more, so that a target without regions is no special case */
	struct region_sum *sums = calloc(layout->nr_regions + 1, sizeof(*sums));
	const struct glassram_region *region = NULL;

	if (!sums)
		return NULL;
	for (uint32_t slot = 0; slot < columns->slots; slot++) {
		uint32_t stamp = columns->stamp[slot];
		uint32_t target;
		uint64_t address;
		struct region_sum *sum;

		if (stamp == GLASSRAM_STAMP_NO_PAGE)
			continue;
		address = glassram_layout_address(layout, slot);
		target = glassram_layout_target(layout, slot);
		/* neighbouring slots mostly lie in the same region */
		if (!region || target != region->target || address < region->start ||
		    address >= region->end)
			region = glassram_layout_region_of(layout, target, address);
		if (!region)
			continue;
		sum = &sums[region - layout->regions];
		sum->pages++;
		sum->written += stamp >= GLASSRAM_FIRST_EPOCH;
		sum->hits += columns->hits[slot];
	}
	return sums;
}

static void prot_text(uint32_t prot, char text[5])
{
	text[0] = prot & GLASSRAM_REGION_READ ? 'r' : '-';
	text[1] = prot & GLASSRAM_REGION_WRITE ? 'w' : '-';
	text[2] = prot & GLASSRAM_REGION_EXEC ? 'x' : '-';
	text[3] = prot & GLASSRAM_REGION_SHARED ? 's' : 'p';
	text[4] = '\0';
}

/* Why a region is not watched. */
static const char *refusal(uint32_t error)
{
	switch (error) {
	case 0:
		return "";
	case EPERM:
		return "shared file opened read-only";
	case EBUSY:
		return "under the target's own userfaultfd";
	case EINVAL:
		return "device or special memory";
	case ENOMEM:
		return "out of memory";
	default:
		return "refused by the kernel";
	}
}

static json_t *region_json(const struct glassram_layout *layout, uint32_t i,
			   const struct region_sum *sum)
{
	const struct glassram_region *region = &layout->regions[i];
	bool watched = region->state == GLASSRAM_REGION_WATCHED;
	char prot[5];

	prot_text(region->prot, prot);
	return json_pack("{s:I, s:I, s:I, s:s, s:I, s:I, s:i, s:i, s:o, s:b, s:s, s:i, s:I, s:I, s:I}",
			 "target", (json_int_t)region->target,
			 "start", (json_int_t)shown_address(region->start),
			 "end", (json_int_t)shown_address(region->end),
			 "prot", prot, "offset", (json_int_t)region->offset,
			 "inode", (json_int_t)region->inode, "dev_major", region->dev_major,
			 "dev_minor", region->dev_minor,
			 "name", json_text(layout->names + region->name),
			 "watched", watched, "refusal", refusal(region->error),
			 "page_shift", region->page_shift, "pages", (json_int_t)sum->pages,
			 "written_pages", (json_int_t)sum->written,
			 "hits", (json_int_t)sum->hits);
}

static void print_table(const struct glassram_layout *layout, const struct region_sum *sums)
{
	struct table *table = table_create(9, ">TARGET", "ADDRESS", ">SIZE", "PROT", ">PAGES", ">WRITTEN",
					   ">HITS", "STATE", "NAME");
	char prot[5], size[BYTES_TEXT];

	for (uint32_t i = 0; i < layout->nr_regions; i++) {
		const struct glassram_region *region = &layout->regions[i];

		prot_text(region->prot, prot);
		table_cell(table, "%u", region->target);
		table_cell(table, "%llx-%llx", (unsigned long long)shown_address(region->start),
			   (unsigned long long)shown_address(region->end));
		table_cell(table, "%s", bytes_text(region->end - region->start, size));
		table_cell(table, "%s", prot);
		table_cell(table, "%llu", (unsigned long long)sums[i].pages);
		table_cell(table, "%llu", (unsigned long long)sums[i].written);
		table_cell(table, "%llu", (unsigned long long)sums[i].hits);
		table_cell(table, "%s", region->state == GLASSRAM_REGION_WATCHED ?
						"watched" : refusal(region->error));
		table_cell(table, "%s", layout->names[region->name] ?
						layout->names + region->name : "[anonymous]");
	}
	table_finish(table);
}

static void print_json(const struct glassctl_options *options,
		       const struct glassram_layout *layout, const struct region_sum *sums,
		       bool joined)
{
	json_t *array = json_array();

	for (uint32_t i = 0; i < layout->nr_regions; i++)
		json_array_append_new(array, region_json(layout, i, &sums[i]));
	json_print(json_pack("{s:i, s:f, s:b, s:o}", "pid", options->pid, "seconds",
			     options->seconds, "joined", joined, "regions", array));
}

int glassctl_regions(const struct glassctl_options *options)
{
	bool joined = false;
	struct glassram_session *session = watch(options, &joined);
	struct glassram_columns columns = { 0 };
	struct glassram_layout layout = { 0 };
	struct region_sum *sums;
	int status = GLASSCTL_DONE;

	if (!session)
		return GLASSCTL_FAILED;
	if (glassram_columns_init(session, &columns) || glassram_layout_init(session, &layout)) {
		status = watch_failed();
		goto finish;
	}
	sums = sum_regions(&layout, &columns);
	if (!sums) {
		fputs("glassctl: out of memory: free some and try again\n", stderr);
		status = GLASSCTL_FAILED;
		goto finish;
	}
	if (options->json)
		print_json(options, &layout, sums, joined);
	else
		print_table(&layout, sums);
	free(sums);
finish:
	glassram_layout_finish(&layout);
	glassram_columns_finish(&columns);
	watch_end(session);
	return status;
}
