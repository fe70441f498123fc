// SPDX-License-Identifier: GPL-2.0-only
/*
 * The figures beside the map, against counters that are known.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "renderer_figures.h"
#include "source_synthetic.h"
#include "tap.h"

static void test_number(double value, const char *expected)
{
	char string[16];

	figures_number(value, string, sizeof(string));
	tap_check(!strcmp(string, expected), "%g is written '%s'", value, string);
}

static void test_bytes(uint64_t bytes, const char *expected)
{
	char string[16];

	figures_bytes(bytes, string, sizeof(string));
	tap_check(!strcmp(string, expected), "%llu bytes are '%s'", (unsigned long long)bytes,
		  string);
}

/* A target of one block, with counters of our own. */
struct target {
	uint32_t hits[GLASSRAM_BLOCK_SLOTS];
	uint32_t stamp[GLASSRAM_BLOCK_SLOTS];
	struct glassram_region regions[2];
	struct glassram_block block;
	struct glassram_thread threads[2];
	struct source_view view;
	struct map map;
	struct figures figures;
};

static struct target *make_target(void)
{
	struct target *t = calloc(1, sizeof(*t));
	static char names[] = "[heap]\0/lib/libx.so";

	t->block.start = 0x10000000;
	t->regions[0] = (struct glassram_region){ .start = 0x10000000, .end = 0x10100000 };
	t->regions[1] = (struct glassram_region){ .start = 0x10100000, .end = 0x10400000,
						  .name = 7 };
	t->threads[0] = (struct glassram_thread){ .slot = 1, .tid = 100, .comm = "one" };
	t->threads[1] = (struct glassram_thread){ .slot = 2, .tid = 101, .comm = "two" };
	t->view = (struct source_view){
		.columns = { .hits = t->hits, .stamp = t->stamp, .slots = GLASSRAM_BLOCK_SLOTS },
		.layout = { .regions = t->regions, .nr_regions = 2, .names = names,
			    .names_len = sizeof(names), .blocks = &t->block, .nr_blocks = 1,
			    .generation = 1 },
		.threads = t->threads, .nr_threads = 2, .nr_target_threads = 2,
		.rate_hz = 10, .epoch = 1000,
	};
	map_update(&t->map, &t->view.layout, 512);
	return t;
}

static void free_target(struct target *t)
{
	figures_finish(&t->figures);
	map_finish(&t->map);
	free(t);
}

static void hit(struct target *t, uint32_t slot, uint32_t thread)
{
	t->hits[slot]++;
	t->stamp[slot] = t->view.epoch;
	t->view.stats.hits++;
	t->threads[thread].hits++;
}

/* Ten hits a second in the heap, two in the library, looked at every @period seconds. */
static void test_rates(double period)
{
	struct target *t = make_target();
	double looked = 0;

	/* Close to the wrap of HITS, and of the sum over an area. */
	t->hits[3] = UINT32_MAX - 20;
	t->stamp[3] = 2;
	figures_refresh(&t->figures, &t->view, &t->map, 0);
	for (int epoch = 1; epoch <= 120; epoch++) {
		t->view.epoch++;
		hit(t, 3, 0);
		if (epoch % 5 == 0)
			hit(t, 600, 1);
		if (epoch * 0.1 >= looked + period - 1e-9) {
			looked = epoch * 0.1;
			figures_refresh(&t->figures, &t->view, &t->map, looked);
		}
	}
	tap_check(fabs(t->figures.hits.per_second - 12) < 1, "every %g s: 12 hits/s are %.2f", period,
		  t->figures.hits.per_second);
	tap_check(t->figures.nr_top_areas == 2 &&
		  fabs(t->figures.top_areas[0].per_second - 10) < 1 &&
		  fabs(t->figures.top_areas[1].per_second - 2) < 0.7,
		  "every %g s: 10 in the heap, 2 in the library: %.2f, %.2f", period,
		  t->figures.top_areas[0].per_second, t->figures.top_areas[1].per_second);
	tap_check(!strcmp(t->figures.top_areas[0].name, "heap 1.0 MiB"), "the first is '%s'",
		  t->figures.top_areas[0].name);
	tap_check(t->figures.nr_threads == 2 && !strcmp(t->figures.threads[0].name, "one 100") &&
		  fabs(t->figures.threads[0].per_second - 10) < 1,
		  "thread '%s' has %.2f", t->figures.threads[0].name,
		  t->figures.threads[0].per_second);
	free_target(t);
}

static void test_pages(void)
{
	struct target *t = make_target();

	for (uint32_t slot = 0; slot < 100; slot++)
		t->stamp[slot] = GLASSRAM_STAMP_UNWRITTEN;
	for (uint32_t slot = 0; slot < 7; slot++)
		t->stamp[slot] = 1000;
	t->stamp[7] = 990;
	t->stamp[8] = 989;
	t->stamp[9] = 900;
	t->stamp[10] = 899;
	t->stamp[11] = GLASSRAM_FIRST_EPOCH;
	t->stamp[12] = 1001; /* newer than the view */
	figures_refresh(&t->figures, &t->view, &t->map, 5);
	tap_check(t->figures.pages == 100, "pages: %llu", (unsigned long long)t->figures.pages);
	tap_check(t->figures.written == 13, "written: %llu",
		  (unsigned long long)t->figures.written);
	tap_check(t->figures.pages_1s == 9, "written within 1 s: %llu",
		  (unsigned long long)t->figures.pages_1s);
	tap_check(t->figures.pages_10s == 11, "written within 10 s: %llu",
		  (unsigned long long)t->figures.pages_10s);
	free_target(t);
}

static void test_pace(void)
{
	struct target *t = make_target();

	tap_check(figures_refresh(&t->figures, &t->view, &t->map, 10) == 1, "the first time");
	tap_check(!figures_refresh(&t->figures, &t->view, &t->map, 10), "a clock that stands");
	tap_check(!figures_refresh(&t->figures, &t->view, &t->map, 10.2), "not before 1/4 s");
	tap_check(figures_refresh(&t->figures, &t->view, &t->map, 10.25) == 1, "after 1/4 s");
	hit(t, 1, 0);
	figures_refresh(&t->figures, &t->view, &t->map, 11);
	tap_check(t->figures.quiet == 0, "a hit ends the quiet");
	figures_refresh(&t->figures, &t->view, &t->map, 14.5);
	tap_check(fabs(t->figures.quiet - 3.5) < 1e-9, "quiet for %.1f s", t->figures.quiet);
	tap_check(t->figures.nr_history == 18, "a refresh after 3.5 s fills 14 quarters (%zu)",
		  t->figures.nr_history);
	for (int i = 0; i < 300; i++)
		figures_refresh(&t->figures, &t->view, &t->map, 15 + i * 0.25);
	tap_check(t->figures.nr_history == FIGURES_HISTORY, "the history holds a minute");
	free_target(t);
}

/* A new region before the others must not mix up what belongs to whom. */
static void test_new_region(void)
{
	struct target *t = make_target();
	struct glassram_region more[3];
	double before;

	figures_refresh(&t->figures, &t->view, &t->map, 0);
	for (int i = 1; i <= 20; i++) {
		t->view.epoch++;
		hit(t, 600, 0);
		figures_refresh(&t->figures, &t->view, &t->map, i * 0.25);
	}
	before = t->figures.top_areas[0].per_second;
	more[0] = (struct glassram_region){ .start = 0x1000, .end = 0x3000, .name = 6 };
	memcpy(more + 1, t->regions, sizeof(t->regions));
	t->view.layout.regions = more;
	t->view.layout.nr_regions = 3;
	t->view.layout.generation++;
	map_update(&t->map, &t->view.layout, 512);
	t->view.epoch++;
	hit(t, 600, 0);
	figures_refresh(&t->figures, &t->view, &t->map, 5.25);
	tap_check(t->figures.nr_top_areas == 1 &&
		  fabs(t->figures.top_areas[0].per_second - before) < 0.2 &&
		  !strncmp(t->figures.top_areas[0].name, "libx.so", 7),
		  "an area keeps its rate when another appears");
	tap_check(t->figures.marks[t->figures.nr_history - 1] == FIGURES_MARK_MAP,
		  "and the timeline has a mark");
	free_target(t);
}

/* All counters set to zero at once: no rate may jump, and counting goes on. */
static void test_reset(void)
{
	struct target *t = make_target();

	t->hits[3] = 1000000;
	t->stamp[3] = 2;
	t->view.stats.hits = 1000000;
	t->threads[0].hits = 1000000;
	figures_refresh(&t->figures, &t->view, &t->map, 0);
	t->hits[3] = 0;
	t->stamp[3] = GLASSRAM_STAMP_UNWRITTEN;
	t->view.stats.hits = 0;
	t->threads[0].hits = 0;
	figures_refresh(&t->figures, &t->view, &t->map, 0.25);
	tap_check(t->figures.hits.per_second == 0 && !t->figures.nr_top_areas &&
		  !t->figures.nr_threads, "counters set to zero are no hits (%g/s)",
		  t->figures.hits.per_second);
	for (int i = 1; i <= 40; i++) {
		t->view.epoch++;
		hit(t, 3, 0);
		figures_refresh(&t->figures, &t->view, &t->map, 0.25 + i * 0.25);
	}
	tap_check(fabs(t->figures.hits.per_second - 4) < 0.1 && t->figures.nr_top_areas == 1 &&
		  fabs(t->figures.top_areas[0].per_second - 4) < 0.1 &&
		  fabs(t->figures.threads[0].per_second - 4) < 0.1,
		  "4 hits/s after it are %.2f", t->figures.hits.per_second);
	free_target(t);
}

/* Two processes with the same addresses: each has its own rate and its name. */
static void test_family(void)
{
	struct target *t = make_target();
	struct glassram_region regions[4];
	struct glassram_target targets[] = {
		{ .id = 0, .tgid = 100, .comm = "make" },
		{ .id = 5, .tgid = 117, .comm = "cc1" },
	};
	struct glassram_block blocks[2] = { t->block, t->block };

	memcpy(regions, t->regions, sizeof(t->regions));
	memcpy(regions + 2, t->regions, sizeof(t->regions));
	regions[2].target = 5;
	regions[3].target = 5;
	blocks[1].target = 5;
	t->view.layout.regions = regions;
	t->view.layout.nr_regions = 4;
	t->view.layout.blocks = blocks;
	t->view.layout.nr_blocks = 2;
	t->view.layout.generation++;
	/* The second block has no counters in this target, but its areas have names. */
	t->view.targets = targets;
	t->view.nr_targets = 2;
	map_update(&t->map, &t->view.layout, 512);
	figures_refresh(&t->figures, &t->view, &t->map, 0);
	for (int i = 1; i <= 40; i++) {
		t->view.epoch++;
		hit(t, 3, 0);
		t->view.forks += i == 40;
		t->view.execs += i == 40;
		t->view.exits += i == 39;
		figures_refresh(&t->figures, &t->view, &t->map, i * 0.25);
	}
	tap_check(t->map.nr_areas == 4 && t->figures.nr_top_areas == 1 &&
		  !strcmp(t->figures.top_areas[0].name, "make 100 heap 1.0 MiB"),
		  "written in one of two heaps: '%s'", t->figures.top_areas[0].name);
	for (size_t i = 0; i < 4; i++) {
		static const char *const names[] = { "make 100 heap", "make 100 libx.so",
						     "cc1 117 heap", "cc1 117 libx.so" };
		char name[64];

		figures_area_name(&t->view, &t->map.areas[i], name, sizeof(name));
		tap_check(!strcmp(name, names[i]), "area %zu is '%s'", i, name);
	}
	tap_check(t->figures.marks[t->figures.nr_history - 1] ==
		  (FIGURES_MARK_FORK | FIGURES_MARK_EXEC) &&
		  t->figures.marks[t->figures.nr_history - 2] == FIGURES_MARK_EXIT,
		  "forks, execs and exits have marks of their own");
	free_target(t);
}

int main(void)
{
	test_number(0, "0");
	test_number(0.01, "<0.1");
	test_number(0.34, "0.3");
	test_number(9.96, "10");
	test_number(999, "999");
	test_number(12345, "12.3k");
	test_number(99990, "100k");
	test_number(999700, "1.0M");
	test_number(4.2e9, "4.2G");
	test_bytes(4096, "4 KiB");
	test_bytes(412ULL << 20, "412 MiB");
	test_bytes(3ULL << 29, "1.5 GiB");
	test_bytes(1ULL << 40, "1.0 TiB");
	test_rates(0.3);
	test_rates(1);
	test_rates(2);
	test_pages();
	test_pace();
	test_new_region();
	test_reset();
	test_family();
	return tap_end();
}
