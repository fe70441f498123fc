// SPDX-License-Identifier: GPL-2.0-only
/*
 * Look-ups in a layout, and reading a control page that is being written.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "../../user/libglassram/internal.h"
#include "tap.h"

#define BLOCK_BYTES (GLASSRAM_BLOCK_SLOTS * 4096UL)

static struct glassram_region regions[] = {
	{ .start = 0x1000, .end = 0x3000 },
	{ .start = 0x3000, .end = 0x4000 },
	{ .start = 0x10000, .end = 0x7f0000000000 },
};

/* Given out in this order, which is not that of the addresses. */
static struct glassram_block blocks[] = {
	{ .start = 5 * BLOCK_BYTES },
	{ .start = 0 },
	{ .start = 0x7fff00000000 },
	{ .start = 2 * BLOCK_BYTES },
};

static uint32_t by_address[] = { 1, 3, 0, 2 };

static void test_lookups(struct glassram_layout *layout, const char *how)
{
	static const struct {
		uint64_t address;
		uint32_t slot;
	} cases[] = {
		{ 0, 1024 },
		{ 4095, 1024 },
		{ 4096, 1025 },
		{ BLOCK_BYTES - 1, 2047 },
		{ BLOCK_BYTES, GLASSRAM_NO_SLOT },
		{ 2 * BLOCK_BYTES, 3072 },
		{ 3 * BLOCK_BYTES, GLASSRAM_NO_SLOT },
		{ 5 * BLOCK_BYTES + 3 * 4096, 3 },
		{ 0x7fff00000000 + BLOCK_BYTES - 4096, 3071 },
		{ UINT64_MAX, GLASSRAM_NO_SLOT },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		tap_check(glassram_layout_slot(layout, cases[i].address) == cases[i].slot,
			  "slot of 0x%llx, %s", (unsigned long long)cases[i].address, how);
	for (uint32_t slot = 0; slot < layout->nr_blocks * GLASSRAM_BLOCK_SLOTS; slot++) {
		uint64_t address = glassram_layout_address(layout, slot);

		if (glassram_layout_slot(layout, address) != slot) {
			tap_check(false, "slot %u there and back, %s", slot, how);
			return;
		}
	}
	tap_check(true, "all slots there and back, %s", how);
}

static void test_layout(void)
{
	struct glassram_layout layout = {
		.regions = regions, .nr_regions = 3, .blocks = blocks, .nr_blocks = 4,
	};

	test_lookups(&layout, "unsorted");
	layout.by_address = by_address;
	test_lookups(&layout, "sorted");
	tap_check(glassram_layout_address(&layout, 4096) == 0, "a slot that was not given out");
	tap_check(glassram_layout_address(&layout, GLASSRAM_NO_SLOT) == 0, "no slot at all");
	tap_check(!glassram_layout_region(&layout, 0xfff), "below all regions");
	tap_check(glassram_layout_region(&layout, 0x1000) == &regions[0], "first byte of a region");
	tap_check(glassram_layout_region(&layout, 0x2fff) == &regions[0], "last byte of a region");
	tap_check(glassram_layout_region(&layout, 0x3000) == &regions[1], "the next region");
	tap_check(!glassram_layout_region(&layout, 0x4000), "between regions");
	tap_check(glassram_layout_region(&layout, 0x7effffffffff) == &regions[2], "a huge region");
	tap_check(!glassram_layout_region(&layout, UINT64_MAX), "above all regions");
	layout = (struct glassram_layout){ 0 };
	tap_check(!glassram_layout_region(&layout, 1) &&
		  glassram_layout_slot(&layout, 1) == GLASSRAM_NO_SLOT &&
		  !glassram_layout_address(&layout, 0), "an empty layout");
}

static struct glassram_control page;
static atomic_bool stop;

/* As the module does it: odd while the fields are in motion. */
static void *writer(void *arg)
{
	(void)arg;
	for (uint32_t i = 0; !stop; i++) {
		__atomic_store_n(&page.seq, 2 * i + 1, __ATOMIC_RELAXED);
		__atomic_thread_fence(__ATOMIC_RELEASE);
		__atomic_store_n(&page.epoch, i, __ATOMIC_RELAXED);
		__atomic_store_n(&page.hits, i, __ATOMIC_RELAXED);
		__atomic_store_n(&page.armed_last, i, __ATOMIC_RELAXED);
		__atomic_store_n(&page.seq, 2 * i + 2, __ATOMIC_RELEASE);
	}
	return NULL;
}

static void test_control(void)
{
	struct glassram_session session = { .control = &page };
	struct glassram_control control;
	uint32_t torn = 0, changes = 0, last = 0;
	pthread_t thread;

	page.size = sizeof(page);
	pthread_create(&thread, NULL, writer, NULL);
	for (int i = 0; i < 200000; i++) {
		if (glassram_control_read(&session, &control)) {
			torn++;
			continue;
		}
		torn += control.hits != control.epoch || control.armed_last != control.epoch;
		changes += control.epoch != last;
		last = control.epoch;
	}
	stop = true;
	pthread_join(thread, NULL);
	tap_check(!torn, "no torn copy of the control page");
	tap_check(changes > 10, "the page changed %u times meanwhile", changes);

	page.size = offsetof(struct glassram_control, hits);
	memset(&control, 0xff, sizeof(control));
	tap_check(!glassram_control_read(&session, &control) && control.hits == 0 &&
		  control.epoch == page.epoch, "fields that an older module lacks read 0");
	page.seq |= 1;
	tap_check(glassram_control_read(&session, &control) == GLASSRAM_ERR_SYSTEM &&
		  strstr(glassram_error_message(), "half written"),
		  "a page that stays half written is an error, not a hang");
}

int main(void)
{
	test_layout();
	test_control();
	return tap_end();
}
