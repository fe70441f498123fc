// SPDX-License-Identifier: GPL-2.0
/*
 * The title and the right column, from the top down. Parts that find no room on
 * a low screen are left out, the least needed first.
 */
#include "renderer_overlay.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <glassram/hilbert.h>

static int line_height(const struct layout_picture *p)
{
	return p->base * 10 / 7;
}

static void draw_title(struct canvas *canvas, const struct overlay_input *input)
{
	const struct layout_picture *p = input->picture;
	const struct source_view *view = input->view;
	struct layout_rect box = p->title;
	int height = text_ascent(canvas->text, p->large) + text_descent(canvas->text, p->large);
	int top = box.y + (box.height - height) / 2;
	int drop = text_ascent(canvas->text, p->large) - text_ascent(canvas->text, p->base);
	const char *warning = view->ended ? "ended" : view->paused ? "PAUSED" : NULL;
	char string[128], fitted[128], bytes[16], family[32] = "";
	int x = box.x, end = box.x + box.width;

	if (warning)
		end -= text_width(canvas->text, p->base, warning);
	if (view->nr_targets > 1)
		snprintf(family, sizeof(family), "  \u00b7  %u process%s", view->nr_processes,
			 view->nr_processes == 1 ? "" : "es");
	snprintf(string, sizeof(string), "%.*s", GLASSRAM_COMM_LEN, view->comm);
	x += canvas_text(canvas, x, top, p->large, CANVAS_LEFT, palette_text, string) + p->gap;
	figures_bytes(input->figures->pages * 4096, bytes, sizeof(bytes));
	snprintf(string, sizeof(string), "pid %d%s  \u00b7  %u thread%s  \u00b7  %s watched  \u00b7  "
		 "writes only%s%s", view->pid, family, view->nr_target_threads,
		 view->nr_target_threads == 1 ? "" : "s", bytes,
		 view->stats.clients > 1 && !view->stats.owner ?
			"  \u00b7  another client's session" : "",
		 warning ? "  \u00b7  " : "");
	text_fit(canvas->text, p->base, string, end - x, fitted, sizeof(fitted));
	x += canvas_text(canvas, x, top + drop, p->base, CANVAS_LEFT, palette_dim, fitted);
	if (warning)
		canvas_text(canvas, x, top + drop, p->base, CANVAS_LEFT, palette_amber, warning);
}

/* A large figure above what it means. */
static void draw_figure(struct canvas *canvas, const struct layout_picture *p,
			struct layout_rect box, const char *figure, const char *meaning)
{
	int big = text_ascent(canvas->text, p->huge) + text_descent(canvas->text, p->huge);

	canvas_text(canvas, box.x, box.y, p->huge, CANVAS_LEFT, palette_text, figure);
	canvas_text(canvas, box.x, box.y + big, p->small, CANVAS_LEFT, palette_dim,
		    meaning);
}

static int figures_height(struct canvas *canvas, const struct layout_picture *p)
{
	return text_ascent(canvas->text, p->huge) + text_descent(canvas->text, p->huge) +
	       2 * line_height(p) + p->gap / 2;
}

static void draw_figures(struct canvas *canvas, const struct overlay_input *input,
			 struct layout_rect box)
{
	const struct layout_picture *p = input->picture;
	const struct figures *f = input->figures;
	struct layout_rect cell = { box.x, box.y, box.width / 4, box.height };
	uint32_t rate = input->view->rate_hz ? input->view->rate_hz : 1;
	char string[96], fitted[96];

	figures_number(f->hits.per_second, string, sizeof(string));
	draw_figure(canvas, p, cell, string, "hits/s");
	cell.x += cell.width;
	figures_number((double)f->pages_1s, string, sizeof(string));
	draw_figure(canvas, p, cell, string, "pages, 1 s");
	cell.x += cell.width;
	figures_number((double)f->pages_10s, string, sizeof(string));
	draw_figure(canvas, p, cell, string, "pages, 10 s");
	cell.x += cell.width;
	if (input->view->overhead < 0)
		snprintf(string, sizeof(string), "\u2013");
	else
		snprintf(string, sizeof(string), input->view->overhead < 0.0995 ? "%.1f%%" : "%.0f%%",
			 input->view->overhead * 100);
	draw_figure(canvas, p, cell, string, "overhead");
	snprintf(string, sizeof(string), rate == 1 ?
		 "hit: a page written, once or often, in an epoch of 1 s" :
		 "hit: a page written, once or often, in an epoch of 1/%u s", rate);
	text_fit(canvas->text, p->small, string, box.width, fitted, sizeof(fitted));
	canvas_text(canvas, box.x, box.y + box.height - line_height(p), p->small, CANVAS_LEFT,
		    palette_dim, fitted);
}

static int table_height(const struct layout_picture *p)
{
	return (FIGURES_TOP + 1) * line_height(p) + p->gap / 3;
}

/* Names, bars that show the share of all hits, figures. */
static void draw_table(struct canvas *canvas, const struct overlay_input *input,
		       struct layout_rect box, const char *heading,
		       const struct figures_row *rows, size_t nr)
{
	const struct layout_picture *p = input->picture;
	int line = line_height(p);
	int name_width = box.width * 42 / 100;
	int figure_width = text_width(canvas->text, p->base, "00.0k") + p->gap / 2;
	struct layout_rect bar = { box.x + name_width, 0,
				   box.width - name_width - figure_width, p->base * 2 / 3 };
	double all = input->figures->hits.per_second;
	/* Where colour is the thread, this table is its legend. */
	bool by_thread = rows == input->figures->threads && !strcmp(input->look, "thread");
	char string[64];

	canvas_text(canvas, box.x, box.y, p->base, CANVAS_LEFT, palette_text, heading);
	canvas_text(canvas, box.x + box.width, box.y, p->small, CANVAS_RIGHT, palette_dim,
		    "hits/s, bar: share of all");
	for (size_t i = 0; i < nr && i < FIGURES_TOP; i++) {
		int y = box.y + p->gap / 3 + (int)(i + 1) * line;
		double share = all > 0 ? fmin(rows[i].per_second / all, 1) : 0;

		bar.y = y + (line - bar.height) / 2;
		canvas_rect(canvas, bar, palette_trough);
		canvas_rect(canvas, (struct layout_rect){ bar.x, bar.y,
							  (int)lround(bar.width * share),
							  bar.height },
			    by_thread ? palette_thread(rows[i].thread) : palette_bar);
		text_fit(canvas->text, p->base, rows[i].name, name_width - p->gap, string,
			 sizeof(string));
		canvas_text(canvas, box.x, y, p->base, CANVAS_LEFT, palette_dim, string);
		figures_number(rows[i].per_second, string, sizeof(string));
		canvas_text(canvas, box.x + box.width, y, p->base, CANVAS_RIGHT, palette_text,
			    string);
	}
}

static int timeline_height(const struct layout_picture *p)
{
	return 4 * line_height(p);
}

/* The next of 10, 20, 50, 100, ... */
static double round_up(double value)
{
	static const double steps[] = { 2, 2.5, 2 };
	double top = 10;

	for (int i = 0; top < value; i++)
		top *= steps[i % 3];
	return top;
}

/* The marks on the timeline: colour by kind of thing, one below the other. */
static const struct {
	unsigned int mark;
	const char *meaning;
	const struct palette_color *color;
} mark_kinds[] = {
	{ FIGURES_MARK_MAP, "regions", &palette_text },
	{ FIGURES_MARK_THREADS, "threads", &palette_amber },
	{ FIGURES_MARK_FORK, "fork", &palette_fork },
	{ FIGURES_MARK_EXEC, "exec", &palette_exec },
	{ FIGURES_MARK_EXIT, "exit", &palette_exit },
};

#define MARK_KINDS (sizeof(mark_kinds) / sizeof(*mark_kinds))

static unsigned int marks_seen(const struct figures *figures)
{
	unsigned int seen = 0;

	for (size_t i = 0; i < figures->nr_history; i++)
		seen |= figures->marks[i];
	return seen;
}

/* What the marks mean, for those that are there and have room before @end. */
static void explain_marks(struct canvas *canvas, const struct overlay_input *input, int x, int y,
			  int end)
{
	const struct layout_picture *p = input->picture;
	unsigned int seen = marks_seen(input->figures);
	int mark = 2 * p->stroke + p->base / 4;

	for (size_t i = 0; i < MARK_KINDS; i++) {
		if (!(seen & mark_kinds[i].mark))
			continue;
		x += p->gap / 2;
		if (x + mark + text_width(canvas->text, p->small, mark_kinds[i].meaning) > end)
			return;
		canvas_rect(canvas, (struct layout_rect){ x, y + p->base / 3, 2 * p->stroke,
							  p->base / 2 + p->base / 4 },
			    *mark_kinds[i].color);
		x += mark;
		x += canvas_text(canvas, x, y, p->small, CANVAS_LEFT, palette_dim,
				 mark_kinds[i].meaning);
	}
}

/* Each kind that is there has a lane of its own, so that none hides another. */
static void draw_marks(struct canvas *canvas, const struct overlay_input *input,
		       unsigned int marks, int x, int y)
{
	const struct layout_picture *p = input->picture;
	unsigned int seen = marks_seen(input->figures);
	int height = p->base / 2 + p->stroke;

	for (size_t i = 0; i < MARK_KINDS; i++) {
		if (!(seen & mark_kinds[i].mark))
			continue;
		if (marks & mark_kinds[i].mark)
			canvas_rect(canvas, (struct layout_rect){ x, y, 2 * p->stroke,
								  height - p->stroke },
				    *mark_kinds[i].color);
		y += height;
	}
}

static void draw_timeline(struct canvas *canvas, const struct overlay_input *input,
			  struct layout_rect box)
{
	const struct layout_picture *p = input->picture;
	const struct figures *f = input->figures;
	int line = line_height(p);
	struct layout_rect plot = { box.x, box.y + line, box.width, box.height - line };
	double peak = 0, top;
	char string[48], figure[16];
	int end;

	for (size_t i = 0; i < f->nr_history; i++)
		peak = fmax(peak, f->history[i]);
	top = round_up(peak);
	figures_number(top, figure, sizeof(figure));
	snprintf(string, sizeof(string), "top: %s hits/s", figure);
	end = box.x + box.width - p->gap / 2 -
	      canvas_text(canvas, box.x + box.width, box.y, p->small, CANVAS_RIGHT, palette_dim,
			  string);
	explain_marks(canvas, input,
		      box.x + canvas_text(canvas, box.x, box.y, p->base, CANVAS_LEFT, palette_text,
					  "last 60 s"),
		      box.y, end);
	canvas_rect(canvas, plot, palette_trough);
	for (size_t i = 0; i < f->nr_history; i++) {
		size_t from_end = f->nr_history - i;
		int x0 = plot.x + (int)((FIGURES_HISTORY - from_end) * (size_t)plot.width /
					FIGURES_HISTORY);
		int x1 = plot.x + (int)((FIGURES_HISTORY - from_end + 1) * (size_t)plot.width /
					FIGURES_HISTORY);
		int height = (int)lround(plot.height * f->history[i] / top);

		canvas_rect(canvas, (struct layout_rect){ x0, plot.y + plot.height - height,
							  x1 - x0, height }, palette_bar);
		draw_marks(canvas, input, f->marks[i], x0, plot.y);
	}
}

static int inset_height(const struct layout_picture *p)
{
	return 5 * line_height(p);
}

/* The path itself, so that the map can be read: order 4 in a small square. */
static void draw_inset(struct canvas *canvas, const struct overlay_input *input,
		       struct layout_rect box)
{
	enum { ORDER = 4, POINTS = 1 << (2 * ORDER), SIDE = 1 << ORDER };
	const struct layout_picture *p = input->picture;
	struct palette_color table[PALETTE_ENTRIES];
	double step = (double)box.height / SIDE;
	double x0 = 0, y0 = 0;
	int x = box.x + box.height + p->gap;
	int line = line_height(p);

	palette_fill(table);
	for (unsigned int i = 0; i < POINTS; i++) {
		unsigned int point = hilbert_point(i, ORDER);
		double x1 = box.x + ((point & 0xffff) + 0.5) * step;
		double y1 = box.y + ((point >> 16) + 0.5) * step;

		if (i)
			canvas_line(canvas, (float)x0, (float)y0, (float)x1, (float)y1,
				    1.3f * p->stroke, table[i * (PALETTE_ENTRIES - 1) / POINTS]);
		x0 = x1;
		y0 = y1;
	}
	canvas_text(canvas, x, box.y + line / 2, p->base, CANVAS_LEFT, palette_text,
		    "neighbours here");
	canvas_text(canvas, x, box.y + line / 2 + line, p->base, CANVAS_LEFT, palette_text,
		    "are neighbours in memory");
	canvas_text(canvas, x, box.y + line / 2 + 2 * line + line / 3, p->small, CANVAS_LEFT,
		    palette_dim, "the path of addresses");
}

static int status_height(const struct layout_picture *p)
{
	return 2 * line_height(p);
}

static void draw_status(struct canvas *canvas, const struct overlay_input *input,
			struct layout_rect box)
{
	const struct layout_picture *p = input->picture;
	const struct renderer_status *status = input->status;
	int line = line_height(p);
	int x = box.x;
	char string[128], fitted[128];

	snprintf(string, sizeof(string), "%u epochs/s  \u00b7  import: %s%s  \u00b7  %.*f frames/s",
		 input->view->rate_hz, mapper_rung_name(input->rung),
		 input->rung == MAPPER_UPLOAD ? " (a copy each frame)" : " (no copy)",
		 status->fps < 9.95 ? 1 : 0, status->fps);
	text_fit(canvas->text, p->small, string, box.width, fitted, sizeof(fitted));
	canvas_text(canvas, x, box.y, p->small, CANVAS_LEFT, palette_dim, fitted);
	x += canvas_text(canvas, x, box.y + line, p->small, CANVAS_LEFT, palette_dim,
			 status->renderer) + p->gap;
	if (status->software)
		x += canvas_text(canvas, x, box.y + line, p->small, CANVAS_LEFT, palette_amber,
				 "software") + p->gap;
	if (status->emulated)
		canvas_text(canvas, x, box.y + line, p->small, CANVAS_LEFT, palette_amber,
			    "emulated");
}

enum part { LEGEND, FIGURES, THREADS, AREAS, INSET, TIMELINE, STATUS, NR_PARTS };

void overlay_draw(struct canvas *canvas, const struct overlay_input *input)
{
	/* Left out in this order when the column is too low. */
	static const enum part expendable[] = { INSET, TIMELINE, AREAS, THREADS };
	const struct layout_picture *p = input->picture;
	const struct figures *f = input->figures;
	int height[NR_PARTS] = {
		[LEGEND] = legend_height(p),
		[FIGURES] = figures_height(canvas, p),
		[THREADS] = table_height(p),
		[AREAS] = table_height(p),
		[INSET] = inset_height(p),
		[TIMELINE] = timeline_height(p),
		[STATUS] = status_height(p),
	};
	struct layout_rect box = p->panel;
	int sum = 0, parts = NR_PARTS, gap;

	canvas_clear(canvas);
	for (int i = 0; i < NR_PARTS; i++)
		sum += height[i];
	for (size_t i = 0; i < sizeof(expendable) / sizeof(*expendable) &&
			   sum + (parts - 1) * p->gap > p->panel.height; i++) {
		sum -= height[expendable[i]];
		height[expendable[i]] = 0;
		parts--;
	}
	gap = (p->panel.height - sum) / (parts > 1 ? parts - 1 : 1);
	if (gap > 2 * p->gap)
		gap = 2 * p->gap;
	/* What is still left makes the timeline higher. */
	if (height[TIMELINE])
		height[TIMELINE] += p->panel.height - sum - (parts - 1) * gap;

	draw_title(canvas, input);
	overlay_draw_outlines(canvas, input);
	overlay_draw_labels(canvas, input);
	for (int i = 0; i < NR_PARTS; i++) {
		if (!height[i])
			continue;
		box.height = height[i];
		if (i == STATUS) /* always in the corner */
			box.y = p->panel.y + p->panel.height - box.height;
		switch ((enum part)i) {
		case LEGEND:
			legend_draw(canvas, input, box);
			break;
		case FIGURES:
			draw_figures(canvas, input, box);
			break;
		case THREADS:
			draw_table(canvas, input, box, "threads", f->threads, f->nr_threads);
			break;
		case AREAS:
			draw_table(canvas, input, box, "memory", f->top_areas, f->nr_top_areas);
			break;
		case INSET:
			draw_inset(canvas, input, box);
			break;
		case TIMELINE:
			draw_timeline(canvas, input, box);
			break;
		case STATUS:
			draw_status(canvas, input, box);
			break;
		case NR_PARTS:
			break;
		}
		box.y += box.height + gap;
	}
}
