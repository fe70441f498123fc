// SPDX-License-Identifier: GPL-2.0
/*
 * Choosing a process to watch: arrows, typing to filter, enter.
 *
 * Shows only processes that this user may watch. The list is read anew every
 * two seconds; the chosen line stays with its process.
 */
#define _GNU_SOURCE
#include "picker.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include <ncurses.h>

#include "message.h"

#define REFRESH_MS 2000
#define TYPED_MAX 32
/* Rows of the screen that are not list: two of head, one of help. */
#define FRAME_ROWS 3

struct picker {
	struct glassram_process *all;
	size_t nr_all;
	/* Indices into @all of the processes that fit what was typed. */
	size_t *fitting;
	size_t nr_fitting;
	size_t selected;
	size_t first;
	char typed[TYPED_MAX];
};

bool picker_matches(const struct glassram_process *process, const char *typed)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", process->pid);
	return !strncmp(pid, typed, strlen(typed)) || strcasestr(process->comm, typed);
}

void picker_size(char *text, size_t size, uint64_t bytes)
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB" };
	double value = bytes / 1024.0;
	unsigned int unit = 0;

	/* 999.5 would be printed as 1000, one character too many. */
	while (value >= 999.5 && unit < 3) {
		value /= 1024;
		unit++;
	}
	snprintf(text, size, unit && value < 9.95 ? "%.1f %s" : "%.0f %s", value, units[unit]);
}

/* Keep the watchable ones. */
static int read_processes(struct glassram_process **ret_processes, size_t *ret_nr)
{
	struct glassram_process *all;
	size_t i, nr, kept = 0;

	if (glassram_processes(&all, &nr)) {
		message("%s", glassram_error_message());
		return -1;
	}
	for (i = 0; i < nr; i++)
		if (all[i].watchable)
			all[kept++] = all[i];
	*ret_processes = all;
	*ret_nr = kept;
	return 0;
}

static void format_line(char *line, size_t size, const struct glassram_process *process)
{
	char rss[16], name[GLASSRAM_COMM_LEN];
	size_t i;

	/* A process may name itself with control characters. */
	for (i = 0; i < sizeof(name) - 1 && process->comm[i]; i++)
		name[i] = process->comm[i] >= ' ' && process->comm[i] <= '~' ? process->comm[i] : '?';
	name[i] = '\0';
	picker_size(rss, sizeof(rss), process->rss);
	snprintf(line, size, "%8d  %-15s %8s %8u", process->pid, name, rss, process->threads);
}

static const char head[] = "     pid  name              memory  threads";

int picker_list(FILE *out)
{
	struct glassram_process *all;
	char line[96];
	size_t i, nr;

	if (read_processes(&all, &nr))
		return -1;
	fprintf(out, "%s\n", head);
	for (i = 0; i < nr; i++) {
		format_line(line, sizeof(line), &all[i]);
		fprintf(out, "%s\n", line);
	}
	free(all);
	return 0;
}

static void apply_filter(struct picker *picker, pid_t keep)
{
	size_t i;

	picker->nr_fitting = 0;
	picker->selected = 0;
	for (i = 0; i < picker->nr_all; i++) {
		if (!picker_matches(&picker->all[i], picker->typed))
			continue;
		if (picker->all[i].pid == keep)
			picker->selected = picker->nr_fitting;
		picker->fitting[picker->nr_fitting++] = i;
	}
}

static pid_t selected_pid(const struct picker *picker)
{
	if (picker->selected >= picker->nr_fitting)
		return 0;
	return picker->all[picker->fitting[picker->selected]].pid;
}

static int refresh_list(struct picker *picker)
{
	pid_t keep = selected_pid(picker);
	struct glassram_process *all;
	size_t *fitting, nr;

	if (read_processes(&all, &nr))
		return -1;
	fitting = calloc(nr + 1, sizeof(*fitting));
	if (!fitting) {
		free(all);
		message("no memory for the list of processes: free some and repeat");
		return -1;
	}
	free(picker->all);
	free(picker->fitting);
	picker->all = all;
	picker->nr_all = nr;
	picker->fitting = fitting;
	apply_filter(picker, keep);
	return 0;
}

static void draw(struct picker *picker)
{
	size_t rows = LINES > FRAME_ROWS ? LINES - FRAME_ROWS : 1, i;
	char line[256];

	if (picker->selected < picker->first)
		picker->first = picker->selected;
	if (picker->selected >= picker->first + rows)
		picker->first = picker->selected - rows + 1;

	erase();
	snprintf(line, sizeof(line), "Watch which process?  %s", picker->typed);
	mvaddnstr(0, 0, line, COLS);
	attron(A_DIM);
	mvaddnstr(1, 0, head, COLS);
	attroff(A_DIM);
	for (i = 0; i < rows && picker->first + i < picker->nr_fitting; i++) {
		size_t index = picker->first + i;

		format_line(line, sizeof(line), &picker->all[picker->fitting[index]]);
		if (index == picker->selected)
			attron(A_REVERSE);
		mvaddnstr(2 + i, 0, line, COLS);
		attroff(A_REVERSE);
	}
	if (!picker->nr_fitting)
		mvaddnstr(2, 0, picker->nr_all ? "  no process fits" :
			  "  no process may be watched by this user: be root", COLS);
	attron(A_DIM);
	mvaddnstr(LINES - 1, 0, "arrows: move   type: filter   enter: watch   escape: leave", COLS);
	attroff(A_DIM);
	move(0, strlen("Watch which process?  ") + strlen(picker->typed));
	refresh();
}

static void step(struct picker *picker, long by)
{
	long to = (long)picker->selected + by;

	if (to >= (long)picker->nr_fitting)
		to = (long)picker->nr_fitting - 1;
	picker->selected = to > 0 ? to : 0;
}

/* Return: true when the user is done; then *ret_pid is the choice, or 0. */
static bool handle(struct picker *picker, int key, pid_t *ret_pid)
{
	size_t length = strlen(picker->typed);

	switch (key) {
	case KEY_UP:
		step(picker, -1);
		return false;
	case KEY_DOWN:
		step(picker, 1);
		return false;
	case KEY_PPAGE:
		step(picker, -(LINES - FRAME_ROWS));
		return false;
	case KEY_NPAGE:
		step(picker, LINES - FRAME_ROWS);
		return false;
	case KEY_HOME:
		picker->selected = 0;
		return false;
	case KEY_END:
		step(picker, picker->nr_fitting);
		return false;
	case KEY_ENTER:
	case '\n':
	case '\r':
		*ret_pid = selected_pid(picker);
		return *ret_pid;
	case '\033':
		*ret_pid = 0;
		return true;
	case KEY_BACKSPACE:
	case '\b':
	case 127:
		if (length)
			picker->typed[length - 1] = '\0';
		break;
	default:
		if (key < ' ' || key > '~' || length + 1 >= sizeof(picker->typed))
			return false;
		picker->typed[length] = key;
		picker->typed[length + 1] = '\0';
	}
	apply_filter(picker, selected_pid(picker));
	return false;
}

static void picker_finish(struct picker *picker)
{
	free(picker->all);
	free(picker->fitting);
}

int picker_choose(pid_t *ret_pid)
{
	struct picker picker = { 0 };
	SCREEN *screen;
	pid_t pid = 0;
	int key, err = 0;

	if (refresh_list(&picker))
		return -1;
	setlocale(LC_CTYPE, "");
	screen = newterm(NULL, stdout, stdin);
	if (!screen) {
		picker_finish(&picker);
		message("this terminal ('%s') is not known: set TERM, or write 'glassview PID'",
			getenv("TERM") ? getenv("TERM") : "");
		return -1;
	}
	set_escdelay(25);
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, true);
	timeout(REFRESH_MS);
	for (;;) {
		draw(&picker);
		key = getch();
		if (key == ERR) {
			err = refresh_list(&picker);
			if (err)
				break;
		} else if (handle(&picker, key, &pid)) {
			break;
		}
	}
	endwin();
	delscreen(screen);
	picker_finish(&picker);
	if (err)
		return -1;
	*ret_pid = pid;
	return pid ? 0 : 1;
}
