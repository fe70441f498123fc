// SPDX-License-Identifier: GPL-2.0-only
/*
 * Look-ups in a layout, and reading a control page that is being written.
 */
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

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

/* Two targets with the same addresses, one that was dropped, and a hole in the ids. */
static void test_targets(void)
{
	static struct glassram_region family[] = {
		{ .start = 0x1000, .end = 0x3000 },
		{ .start = 0x1000, .end = 0x2000, .target = 3 },
		{ .start = 0x8000, .end = 0x9000, .target = 3 },
	};
	static struct glassram_block mixed[] = {
		{ .start = BLOCK_BYTES, .target = 3 },
		{ .start = 0, .target = GLASSRAM_TARGET_NONE },
		{ .start = 0, .target = 0 },
		{ .start = 0, .target = 3 },
	};
	static uint32_t sorted[] = { 2, 3, 0, 1 };
	struct glassram_layout layout = {
		.regions = family, .nr_regions = 3, .blocks = mixed, .nr_blocks = 4,
	};

	tap_check(glassram_layout_region(&layout, 0x1000) == &family[0] &&
		  glassram_layout_region_of(&layout, 3, 0x1000) == &family[1],
		  "one address is in a region of each target");
	tap_check(glassram_layout_region(&layout, 0x2000) == &family[0] &&
		  !glassram_layout_region_of(&layout, 3, 0x2000), "or in that of one only");
	tap_check(glassram_layout_region_of(&layout, 3, 0x8fff) == &family[2] &&
		  !glassram_layout_region(&layout, 0x8fff), "or of the other");
	tap_check(!glassram_layout_region_of(&layout, 1, 0x1000) &&
		  !glassram_layout_region_of(&layout, 4, 0x8000), "a target that is not there");
	for (int i = 0; i < 2; i++) {
		const char *how = i ? "sorted" : "unsorted";

		tap_check(glassram_layout_slot(&layout, 4096) == 2 * 1024 + 1 &&
			  glassram_layout_slot_of(&layout, 3, 4096) == 3 * 1024 + 1,
			  "an address has a slot in each target, %s", how);
		tap_check(glassram_layout_slot(&layout, BLOCK_BYTES) == GLASSRAM_NO_SLOT &&
			  glassram_layout_slot_of(&layout, 3, BLOCK_BYTES) == 0,
			  "or in one only, %s", how);
		tap_check(glassram_layout_slot_of(&layout, GLASSRAM_TARGET_NONE, 0) ==
			  GLASSRAM_NO_SLOT, "none in a target that was dropped, %s", how);
		layout.by_address = sorted;
	}
	tap_check(glassram_layout_target(&layout, 0) == 3 &&
		  glassram_layout_target(&layout, 2 * 1024) == 0, "the target of a slot");
	tap_check(glassram_layout_target(&layout, 1024) == GLASSRAM_TARGET_NONE &&
		  !glassram_layout_address(&layout, 1024 + 1) &&
		  glassram_layout_target(&layout, 4096) == GLASSRAM_TARGET_NONE,
		  "a slot that nobody has");
}

/*
 * A control page that is written in the very middle of being read: its second
 * half lies on a page that may not be read yet, and the fault is where the
 * writer runs. So no luck with threads is needed.
 */
static struct glassram_control *control_page;
static char *second_half;

static void write_control(uint32_t value)
{
	control_page->seq++;
	control_page->epoch = value;
	control_page->hits = value;
	control_page->armed_last = value;
	control_page->seq++;
}

static void on_fault(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)context;
	if (info->si_addr < (void *)second_half || info->si_addr >= (void *)(second_half + 4096))
		abort();
	mprotect(second_half, 4096, PROT_READ | PROT_WRITE);
	write_control(2);
}

static void test_control(void)
{
	struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
	struct glassram_session session = { 0 };
	struct glassram_control control;
	char *pages = mmap(NULL, 2 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);

	second_half = pages + 4096;
	control_page = (void *)(second_half - offsetof(struct glassram_control, hits));
	session.control = control_page;
	control_page->size = sizeof(*control_page);
	write_control(1);
	mprotect(second_half, 4096, PROT_NONE);
	sigaction(SIGSEGV, &action, NULL);
	tap_check(!glassram_control_read(&session, &control), "a page that changes is read");
	tap_check(control.epoch == 2 && control.hits == 2 && control.armed_last == 2,
		  "and the copy is not torn: epoch %u, hits %llu", control.epoch,
		  (unsigned long long)control.hits);

	control_page->size = offsetof(struct glassram_control, hits);
	memset(&control, 0xff, sizeof(control));
	tap_check(!glassram_control_read(&session, &control) && control.hits == 0 &&
		  control.epoch == 2, "fields that an older module lacks read 0");
	control_page->seq |= 1;
	tap_check(glassram_control_read(&session, &control) == GLASSRAM_ERR_SYSTEM &&
		  strstr(glassram_error_message(), "half written"),
		  "a page that stays half written is an error, not a hang");
}

int main(void)
{
	test_layout();
	test_targets();
	test_control();
	return tap_end();
}
