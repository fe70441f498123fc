// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whole pictures, drawn offscreen: the pixel of a page says what happened to the
 * page, and the same counters at the same time give the same picture.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <glassram/hilbert.h>

#include "layout.h"
#include "palette.h"
#include "render_scene.h"
#include "renderer_map.h"
#include "tap.h"

#define SLOTS (1U << 16)
#define ORDER 8
/* Pages of the synthetic libc that no pattern writes, and one slot without a page. */
#define QUIET_PAGE 40
#define GAP_PAGE 4

/* First slot of the synthetic libraries: the block before the last. */
static uint32_t library_slot(const struct scene *scene)
{
	return (scene->source->view.layout.nr_blocks - 2) * GLASSRAM_BLOCK_SLOTS;
}

/* The pixel in the middle of a slot's cell. */
static uint32_t pixel_of_slot(const struct scene *scene, uint32_t slot)
{
	uint32_t point = hilbert_point(slot, ORDER);
	int x, y, side, cells = 1 << ORDER;

	scene_map(scene, &x, &y, &side);
	return scene_pixel(scene, x + (int)((2 * (point & 0xffff) + 1) * (uint32_t)side) / (2 * cells),
			   y + (int)((2 * (point >> 16) + 1) * (uint32_t)side) / (2 * cells));
}

static uint32_t packed(struct palette_color c)
{
	return (uint32_t)c.r << 16 | (uint32_t)c.g << 8 | c.b;
}

static int channel(uint32_t pixel, int shift)
{
	return (int)(pixel >> shift & 255);
}

static int far(uint32_t a, uint32_t b)
{
	int most = 0;

	for (int shift = 0; shift <= 16; shift += 8) {
		int d = abs(channel(a, shift) - channel(b, shift));

		most = d > most ? d : most;
	}
	return most;
}

/* The colour a page should have. */
static uint32_t expected(double rate, double age)
{
	struct palette_color table[PALETTE_ENTRIES], c;
	double t = log10(fmax(rate, PALETTE_RATE_LOW) / PALETTE_RATE_LOW) /
		   log10(palette_rate_high(10) / PALETTE_RATE_LOW);
	double b = 1 - (1 - PALETTE_AGE_FLOOR) * fmin(age / PALETTE_AGE_SECONDS, 1);

	palette_fill(table);
	c = table[(int)(fmin(t, 1) * (PALETTE_ENTRIES - 1) + 0.5)];
	return packed((struct palette_color){ (uint8_t)lround(c.r * b), (uint8_t)lround(c.g * b),
					      (uint8_t)lround(c.b * b), 255 });
}

static void test_pages(struct scene *scene)
{
	uint32_t slot = library_slot(scene) + QUIET_PAGE;
	uint32_t fresh, old;

	scene_tick(scene, 2);
	scene_draw(scene);
	tap_check(pixel_of_slot(scene, slot) == packed(palette_unwritten),
		  "a page never written is dim grey");
	tap_check(pixel_of_slot(scene, library_slot(scene) + GAP_PAGE) == packed(palette_ground),
		  "no page: ground");

	source_synthetic_hit(scene->source, slot, 1);
	scene_tick(scene, 1);
	scene_draw(scene);
	fresh = pixel_of_slot(scene, slot);
	tap_check(far(fresh, expected(1, 0)) < 12, "one write shows as 1/s at once: %06x, not %06x",
		  fresh, expected(1, 0));

	for (int i = 0; i < 60; i++) {
		source_synthetic_hit(scene->source, slot, 1);
		scene_tick(scene, 1);
	}
	scene_draw(scene);
	fresh = pixel_of_slot(scene, slot);
	tap_check(far(fresh, expected(10, 0)) < 6,
		  "written in every epoch: the bright end: %06x, not %06x", fresh, expected(10, 0));
	scene_save(scene, "1920x1080");

	scene_tick(scene, 10);
	scene_draw(scene);
	old = pixel_of_slot(scene, slot);
	tap_check(far(old, expected(10 * exp(-1), 1.0)) < 12, "a second later: %06x, not %06x", old,
		  expected(10 * exp(-1), 1.0));
	scene_tick(scene, 100);
	scene_draw(scene);
	old = pixel_of_slot(scene, slot);
	tap_check(far(old, expected(0, 10)) < 2, "written long ago: dark, but not grey: %06x, not %06x",
		  old, expected(0, 10));
	tap_check(old != packed(palette_unwritten) && old != packed(palette_ground),
		  "and never like a page that was not written");
}

/* HITS falls to zero: that is no growth of four billion. */
static void test_reset(struct scene *scene)
{
	uint32_t slot = library_slot(scene) + QUIET_PAGE, colour;
	double rate = 10 * exp(-3.1) + exp(-3);

	for (int i = 0; i < 60; i++) {
		source_synthetic_hit(scene->source, slot, 1);
		scene_tick(scene, 1);
	}
	scene->source->reset(scene->source);
	scene_tick(scene, 1);
	scene_draw(scene);
	tap_check(pixel_of_slot(scene, slot) == packed(palette_unwritten),
		  "after a reset a page is one that was not written");
	source_synthetic_hit(scene->source, slot, 1);
	scene_tick(scene, 30);
	scene_draw(scene);
	colour = pixel_of_slot(scene, slot);
	tap_check(far(colour, expected(rate, 3)) < 24, "and written again it shows no more than that: %06x, not %06x",
		  colour, expected(rate, 3));
}

static size_t differing(const struct scene *scene, const uint8_t *other)
{
	size_t n = 0, pixels = (size_t)scene->target.width * scene->target.height;

	for (size_t i = 0; i < pixels; i++)
		n += memcmp(scene->pixels + i * 4, other + i * 4, 3) != 0;
	return n;
}

static void test_same(struct scene *scene, const char *what)
{
	size_t bytes = (size_t)scene->target.width * scene->target.height * 4;
	uint8_t *before = malloc(bytes);

	scene_draw(scene);
	memcpy(before, scene->pixels, bytes);
	scene_draw(scene);
	tap_check(!differing(scene, before), "%s: drawn again at the same time, the same picture",
		  what);
	scene->target.top_down = false;
	scene_draw(scene);
	tap_check(!differing(scene, before), "%s: drawn upside down, the same picture (%zu differ)",
		  what, differing(scene, before));
	scene->target.top_down = true;
	scene->now += 0.05;
	scene_draw(scene);
	tap_check(differing(scene, before) > 100, "%s: a little later, another one", what);
	free(before);
}

/*
 * The shaders' picture and the CPU's. Where colours are mixed, each may round in
 * its own way; the word "software" of the status corner is in one of them alone.
 */
static void test_both_ways(struct scene *scene, const char *what)
{
	size_t pixels = (size_t)scene->target.width * scene->target.height;
	struct layout_rect panel = layout_picture((int)scene->target.width,
						  (int)scene->target.height).panel;
	uint32_t *by_cpu = malloc(pixels * sizeof(*by_cpu));
	int most = 0;
	size_t unequal = 0;

	scene_draw(scene);
	for (size_t i = 0; i < pixels; i++)
		by_cpu[i] = scene_pixel(scene, (int)(i % scene->target.width),
					(int)(i / scene->target.width));
	scene->by_gpu = true;
	/* Drawn anew, not taken from memory: as after a change of the look. */
	renderer_set_look(scene->renderer, "heat");
	scene_draw(scene);
	scene_save(scene, "by_gpu");
	for (size_t i = 0; i < pixels; i++) {
		int x = (int)(i % scene->target.width), y = (int)(i / scene->target.width);
		int d = far(by_cpu[i], scene_pixel(scene, x, y));

		if (!scene->target.bare && x >= panel.x && y > panel.y + panel.height * 9 / 10)
			continue;
		most = d > most ? d : most;
		unequal += d > 0;
	}
	tap_check(most <= 3, "%s: shaders and plain C draw the same (%zu px differ, by %d at most)",
		  what, unequal, most);
	scene->by_gpu = false;
	free(by_cpu);
}

static void test_size(uint32_t slots, uint32_t width, uint32_t height, const char *name)
{
	struct scene scene;

	if (scene_open(&scene, slots, MAPPER_UPLOAD, width, height)) {
		tap_check(false, "%s: a scene", name);
		scene_close(&scene);
		return;
	}
	tap_check(!scene_tick(&scene, 30) && !scene_draw(&scene), "%s is drawn", name);
	scene_save(&scene, name);
	test_same(&scene, name);
	test_both_ways(&scene, name);
	scene.by_gpu = true;
	test_same(&scene, "by shaders");
	scene_close(&scene);
}

static void test_looks(void)
{
	static const char *const looks[] = { "thread", "age", "heat" };
	struct scene scene;

	if (scene_open(&scene, SLOTS, MAPPER_UPLOAD, 1280, 800)) {
		tap_check(false, "a scene");
		scene_close(&scene);
		return;
	}
	scene_tick(&scene, 30);
	for (size_t i = 0; i < sizeof(looks) / sizeof(*looks); i++) {
		char name[32];

		tap_check(!renderer_set_look(scene.renderer, looks[i]) && !scene_draw(&scene),
			  "look '%s' is drawn", looks[i]);
		snprintf(name, sizeof(name), "look_%s", looks[i]);
		scene_save(&scene, name);
	}
	tap_check(renderer_set_look(scene.renderer, "../heat"), "a look outside the folder is refused");
	tap_check(renderer_set_look(scene.renderer, "nonesuch"), "a look that is not there is refused");
	tap_check(!scene_draw(&scene), "and the last good one stays");
	scene_close(&scene);
}

/* Without glow a page keeps its brightness, and only its rate fades. */
static void test_glow(void)
{
	struct scene scene;
	uint32_t slot, dim, even;

	if (scene_open(&scene, SLOTS, MAPPER_UPLOAD, 1280, 800)) {
		tap_check(false, "a scene");
		scene_close(&scene);
		return;
	}
	slot = library_slot(&scene) + QUIET_PAGE;
	for (int i = 0; i < 60; i++) {
		source_synthetic_hit(scene.source, slot, 1);
		scene_tick(&scene, 1);
	}
	scene_draw(&scene);
	scene_tick(&scene, 30);
	scene_draw(&scene);
	dim = pixel_of_slot(&scene, slot);
	tap_check(!renderer_set_glow(scene.renderer, false) && !scene_draw(&scene),
		  "without glow it is drawn");
	even = pixel_of_slot(&scene, slot);
	tap_check(far(dim, expected(10 * exp(-3), 3)) < 12 && far(even, expected(10 * exp(-3), 0)) < 12,
		  "and brightness no longer is age: %06x, not %06x", even, dim);
	scene_save(&scene, "no_glow");
	tap_check(!renderer_set_look(scene.renderer, "thread") && !scene_draw(&scene) &&
		  !renderer_set_look(scene.renderer, "heat") && !scene_draw(&scene) &&
		  pixel_of_slot(&scene, slot) == even, "another look keeps that");
	tap_check(!renderer_set_glow(scene.renderer, true) && !scene_draw(&scene) &&
		  pixel_of_slot(&scene, slot) == dim, "and it comes back");
	scene_close(&scene);
}

/* The map alone, as a terminal wants it. */
static void test_bare(void)
{
	struct scene scene;
	size_t coloured = 0;

	if (scene_open(&scene, SLOTS, MAPPER_UPLOAD, 160, 96)) {
		tap_check(false, "a scene");
		scene_close(&scene);
		return;
	}
	scene.target.bare = true;
	tap_check(!scene_tick(&scene, 20) && !scene_draw(&scene), "a bare map is drawn");
	for (int y = 0; y < 96; y++)
		for (int x = 0; x < 160; x++)
			coloured += scene_pixel(&scene, x, y) != packed(palette_ground);
	tap_check(coloured > 96 * 96 / 3 && coloured <= 96 * 96, "it fills its square (%zu px)",
		  coloured);
	tap_check(scene_pixel(&scene, 10, 48) == packed(palette_ground), "and nothing beside it");
	scene_save(&scene, "bare");
	test_both_ways(&scene, "bare");
	scene_close(&scene);
}

int main(void)
{
	struct scene scene;

	if (scene_open(&scene, SLOTS, MAPPER_UPLOAD, 1920, 1080)) {
		tap_check(false, "a scene");
	} else {
		test_pages(&scene);
		test_reset(&scene);
		test_same(&scene, "1920x1080");
	}
	scene_close(&scene);
	test_size(SLOTS, 1280, 720, "1280x720");
	test_size(SLOTS, 1280, 800, "1280x800");
	test_size(SLOTS, 400, 300, "400x300");
	test_size(1U << 20, 3840, 2160, "3840x2160");
	test_size(1U << 20, 1280, 800, "1280x800_4GiB");
	test_looks();
	test_glow();
	test_bare();
	return tap_end();
}
