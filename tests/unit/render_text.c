// SPDX-License-Identifier: GPL-2.0-only
/*
 * Text, and the overlay as a whole: every string of the picture is inside it
 * and none lies on another, at every size and for every state of a target.
 */
#include <stdlib.h>
#include <string.h>

#include "renderer_overlay.h"
#include "source_synthetic.h"
#include "tap.h"

static void test_utf8(void)
{
	const char *s = "a\xc3\xa9\xe2\x80\xa6\xf0\x9f\x98\x80";
	const char *bad = "\xff\xc3(\xed";

	tap_check(text_next(&s) == 'a' && text_next(&s) == 0xe9 && text_next(&s) == 0x2026 &&
		  text_next(&s) == 0x1f600 && !text_next(&s), "UTF-8 of one to four bytes");
	tap_check(text_next(&bad) == 0xfffd && text_next(&bad) == 0xfffd &&
		  text_next(&bad) == '(' && text_next(&bad) == 0xfffd && !text_next(&bad),
		  "malformed bytes become U+FFFD, and what follows is kept");
}

static void test_font(struct text *text)
{
	char string[64], tiny[8];
	bool tabular = true;

	for (int size = 10; size <= 64; size += 9)
		for (uint32_t digit = '1'; digit <= '9'; digit++)
			tabular &= text_glyph(text, size, digit)->advance ==
				   text_glyph(text, size, '0')->advance;
	tap_check(tabular, "all digits are equally wide");
	tap_check(text_width(text, 14, "heap") > 0 && !text_width(text, 14, ""), "widths");
	text_fit(text, 14, "libpython3.13.so.1.0", 60, string, sizeof(string));
	tap_check(text_width(text, 14, string) <= 60 && strstr(string, "\u2026"),
		  "a long name ends in an ellipsis: '%s'", string);
	text_fit(text, 14, "\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9", 1000, tiny,
		 sizeof(tiny));
	tap_check(!strcmp(tiny, "\u00e9\u00e9\u2026"), "and is cut between characters");
	text_fit(text, 14, "heap", 3, string, sizeof(string));
	tap_check(!*string, "no room: nothing");
	text_fit(text, 14, "heap", 200, string, sizeof(string));
	tap_check(!strcmp(string, "heap"), "a short name is kept");
}

static void test_no_font(void)
{
	struct text *text;

	setenv("GLASSVIEW_FONT", "/nonexistent/font.ttf", 1);
	text = text_create();
	tap_check(!text, "a font that is not there is refused");
	text_destroy(text);
	unsetenv("GLASSVIEW_FONT");
}

struct case_of_overlay {
	const char *name;
	uint32_t slots;
	int ticks;
	bool ended;
	double still;
	const char *comm;
	const char *look;
	bool family;
};

/* The process attached to and two children, one of them under every area. */
static struct glassram_target family[] = {
	{ .id = 0, .state = GLASSRAM_STATE_LIVE, .tgid = 4194303, .comm = "WWWWWWWWWWWWWWW" },
	{ .id = 1, .state = GLASSRAM_STATE_ENDED, .tgid = 2, .comm = "cc1" },
	{ .id = 7, .state = GLASSRAM_STATE_LIVE, .tgid = 3, .comm = "as" },
};

static void add_family(struct source_view *view)
{
	view->targets = malloc(sizeof(family));
	if (!view->targets)
		return;
	memcpy(view->targets, family, sizeof(family));
	view->nr_targets = 3;
	view->nr_processes = 2;
	view->paused = true;
	view->stats.clients = 2;
}

static void spoil_names(struct source_view *view)
{
	for (size_t i = 0; i < view->nr_threads; i++)
		memset(view->threads[i].comm, 'W', GLASSRAM_COMM_LEN);
	for (uint32_t i = 0; i + 1 < view->layout.names_len; i++)
		if (view->layout.names[i])
			view->layout.names[i] = view->layout.names[i] == '/' ? '/' : 'W';
}

static void test_overlay(struct text *text, const struct case_of_overlay *c, int width,
			 int height, bool spoil)
{
	struct source *source = source_synthetic_create(c->slots);
	struct layout_picture picture = layout_picture(width, height);
	const struct layout_rect all = { 0, 0, width, height };
	const struct renderer_status status = { .renderer = "llvmpipe", .software = true,
						.emulated = true, .fps = 1234.5 };
	struct canvas canvas = { .text = text };
	struct figures figures = { 0 };
	struct map map = { 0 };
	int clipped = 0, overlapping = 0;
	const char *which = "", *other = "";

	snprintf(source->view.comm, sizeof(source->view.comm), "%s", c->comm);
	source->view.ended = c->ended;
	source->view.overhead = c->ticks ? 0.1234 : -1;
	if (spoil)
		spoil_names(&source->view);
	if (c->family)
		add_family(&source->view);
	map_update(&map, &source->view.layout, (uint32_t)picture.map.width);
	for (int i = 0; i < c->ticks; i++) {
		source_synthetic_tick(source);
		/* Marks of all kinds on the timeline. */
		source->view.forks += c->family && i == 3;
		source->view.execs += c->family && i == 4;
		source->view.exits += c->family && i == 9;
		source->view.nr_target_threads += i == 5;
		source->view.layout.generation += i == 8;
		figures_refresh(&figures, &source->view, &map, 100 + i * 0.1);
	}
	figures_refresh(&figures, &source->view, &map, 100 + c->ticks * 0.1 + c->still);
	overlay_draw(&canvas, &(struct overlay_input){
		.picture = &picture,
		.map_rect = layout_map(picture.map, 1 << map.cell_order),
		.map = &map, .figures = &figures, .view = &source->view, .status = &status,
		.rung = MAPPER_UPLOAD, .look = c->look });
	for (size_t i = 0; i < canvas.nr_notes; i++) {
		if (!layout_inside(canvas.notes[i].box, all)) {
			clipped++;
			which = canvas.notes[i].string;
		}
		for (size_t j = i + 1; j < canvas.nr_notes; j++) {
			if (layout_overlap(canvas.notes[i].box, canvas.notes[j].box)) {
				overlapping++;
				which = canvas.notes[i].string;
				other = canvas.notes[j].string;
			}
		}
	}
	tap_check(canvas.nr_notes > 20 && !clipped && !overlapping,
		  "%dx%d, %s%s: %zu strings, %d clipped, %d overlapping %s / %s", width, height, c->name,
		  spoil ? ", long names" : "", canvas.nr_notes, clipped, overlapping,
		  which, other);
	canvas_finish(&canvas);
	figures_finish(&figures);
	map_finish(&map);
	source->destroy(source);
}

int main(void)
{
	static const struct case_of_overlay cases[] = {
		{ "just attached", 1 << 16, 0, false, 0, "python3", "heat", false },
		{ "busy", 1 << 16, 40, false, 0, "WWWWWWWWWWWWWWW", "thread", false },
		{ "quiet", 1 << 18, 15, false, 4, "x", "heat", false },
		{ "ended", 1 << 15, 15, true, 4, "sleep", "age", false },
		{ .name = "family", .slots = 1 << 16, .ticks = 40, .comm = "WWWWWWWWWWWWWWW",
		  .look = "heat", .family = true },
	};
	static const int sizes[][2] = { { 1920, 1080 }, { 1280, 720 }, { 1280, 800 },
					{ 3840, 2160 }, { 1024, 768 }, { 800, 600 } };
	struct text *text;

	test_utf8();
	test_no_font();
	text = text_create();
	if (!text)
		return 1;
	test_font(text);
	for (size_t s = 0; s < sizeof(sizes) / sizeof(*sizes); s++)
		for (size_t c = 0; c < sizeof(cases) / sizeof(*cases); c++)
			for (int spoil = 0; spoil < 2; spoil++)
				test_overlay(text, &cases[c], sizes[s][0], sizes[s][1], spoil);
	text_destroy(text);
	return tap_end();
}
