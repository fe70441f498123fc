// SPDX-License-Identifier: GPL-2.0-only
/*
 * A watched area, its writes, and the account of its hits: see matrix.h.
 *
 * Weak spot: a write is one byte in each chosen page, always in ascending
 * order; the tests `frozen` and `running` write at random.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "matrix.h"

#define LENGTH (64 * PAGE)
/* Where in a unit the writes go: O_DIRECT wants whole sectors. */
#define OFFSET 512
#define FILLING 1

/* What the target does next, and what it answers: words of target.shared. */
enum { START, COMMAND, ARGUMENT, WRITER, ANSWER, VALUES };
enum { COMMAND_MAKE, COMMAND_WRITE, COMMAND_VERIFY, COMMAND_CALL };

/* Given to the target by fork. */
static int (*call_to_make)(char *start, size_t length, int argument);

/* What the target has. */
static const struct matrix_area *made;
static struct matrix_tools *tools;
static char *start;

static size_t area_length(const struct matrix_area *area)
{
	return area->length ?: LENGTH;
}

static size_t area_step(const struct matrix_area *area)
{
	return area->step ?: PAGE;
}

bool matrix_chosen(uint32_t round, size_t unit)
{
	return (unit * 5 + round) % 3 != 0;
}

static uint8_t value_of(uint32_t round)
{
	return (uint8_t)(FILLING + 1 + round);
}

static int make(const struct matrix_area *area, enum matrix_writer writer)
{
	if (made)
		munmap(start, area_length(made));
	matrix_tools_destroy(tools);
	tools = NULL;
	made = NULL;
	start = area->make(area_length(area));
	if (start == MAP_FAILED)
		return errno;
	made = area;
	if (!area->unfilled)
		memset(start, FILLING, area_length(area));
	tools = matrix_tools_create(writer, start, area_length(area));
	return tools ? 0 : errno;
}

static int write_round(uint32_t round)
{
	size_t step = area_step(made), length = area_length(made);

	for (size_t at = 0; at < length; at += step) {
		int err;

		if (!matrix_chosen(round, at / step))
			continue;
		err = matrix_tools_write(tools, start + at + OFFSET, value_of(round));
		if (err)
			return err;
	}
	return 0;
}

static int verify(const volatile uint8_t *value)
{
	const volatile uint8_t *content = (volatile uint8_t *)start;
	size_t step = area_step(made), units = area_length(made) / step;
	int bad = 0;

	for (size_t i = 0; i < units; i++) {
		uint8_t expected = value[i] == VALUE_ZERO ? 0 : value[i];

		if (value[i] != VALUE_UNKNOWN)
			bad += content[i * step + OFFSET] != expected;
	}
	return bad;
}

static int obey(struct target *t)
{
	for (;;) {
		uint64_t argument;
		int answer = 0;

		target_pause(t);
		argument = t->shared[ARGUMENT];
		switch (t->shared[COMMAND]) {
		case COMMAND_MAKE:
			answer = make((void *)argument, (enum matrix_writer)t->shared[WRITER]);
			t->shared[START] = (uintptr_t)start;
			break;
		case COMMAND_WRITE:
			answer = write_round((uint32_t)argument);
			break;
		case COMMAND_VERIFY:
			answer = verify((volatile uint8_t *)&t->shared[VALUES]);
			break;
		case COMMAND_CALL:
			answer = call_to_make(start, area_length(made), (int)argument);
			break;
		default:
			return 1;
		}
		t->shared[ANSWER] = (uint64_t)answer;
	}
}

int matrix_start(struct matrix *m, int (*call)(char *start, size_t length, int argument))
{
	int err;

	*m = (struct matrix)MATRIX_NONE;
	call_to_make = call;
	err = target_start(&m->target, obey);
	if (!err)
		err = session_open(&m->session, m->target.pid);
	return err ?: session_advance(&m->session, 0);
}

void matrix_stop(struct matrix *m)
{
	session_close(&m->session);
	target_kill(&m->target);
}

/* Return: the target's answer, or -ESRCH. */
static int order(struct matrix *m, uint64_t command, uint64_t argument)
{
	m->target.shared[COMMAND] = command;
	m->target.shared[ARGUMENT] = argument;
	return target_next(&m->target) ?: (int)m->target.shared[ANSWER];
}

void matrix_touched_anew(struct matrix *m)
{
	m->whole = true;
	memset(m->touched, 0, sizeof(m->touched));
}

/* Hits within a huge page but at its first slot: nothing is added there. */
static uint64_t hits_between(struct matrix *m, size_t unit)
{
	uint64_t start = m->start + unit * m->step;

	return m->step == PAGE ? 0 :
		session_area_hits(&m->session, start + PAGE, m->step - PAGE);
}

int matrix_make(struct matrix *m, const struct matrix_area *area, enum matrix_writer writer)
{
	int err;

	m->value = (volatile uint8_t *)&m->target.shared[VALUES];
	m->target.shared[WRITER] = writer;
	err = order(m, COMMAND_MAKE, (uintptr_t)area);
	if (!err)
		err = session_advance(&m->session, 0);
	if (!err)
		err = session_stats(&m->session);
	if (err)
		return err;
	m->area = area;
	m->start = m->target.shared[START];
	m->step = area_step(area);
	m->units = area_length(area) / m->step;
	m->before = m->session.stats;
	matrix_expect(m, area->unfilled ? VALUE_UNKNOWN : FILLING);
	matrix_touched_anew(m);
	m->whole = area->unfilled;
	/* What other mappings, and the filling, have left here. */
	for (size_t i = 0; i < m->units; i++) {
		m->hits[i] = session_hits(&m->session, m->start + i * m->step);
		m->stamp[i] = session_stamp(&m->session, m->start + i * m->step);
		m->between[i] = hits_between(m, i);
	}
	return 0;
}

int matrix_call(struct matrix *m, int argument)
{
	return order(m, COMMAND_CALL, (uint64_t)argument);
}

int matrix_verify(struct matrix *m)
{
	return order(m, COMMAND_VERIFY, 0);
}

void matrix_expect(struct matrix *m, uint8_t value)
{
	memset((void *)m->value, value, m->units);
}

/* Is a unit mapped as part of a whole huge page? */
static bool is_whole(const struct matrix *m, size_t unit)
{
	struct page_region found;
	struct pm_scan_arg scan = {
		.size = sizeof(scan),
		.start = m->start + unit * m->step,
		.end = m->start + unit * m->step + PAGE,
		.vec = (uintptr_t)&found,
		.vec_len = 1,
		.category_mask = PAGE_IS_HUGE | PAGE_IS_PRESENT,
		.return_mask = PAGE_IS_HUGE,
	};

	return ioctl(m->session.pagemap_fd, PAGEMAP_SCAN, &scan) == 1;
}

/*
 * The first touch of a huge page may make all of it present and writable: one
 * fault, one hit. Whether it does, depends on the kernel: then it is whole now.
 */
static bool is_a_hit(struct matrix *m, size_t unit, uint32_t round)
{
	size_t of = m->area->first;
	uint32_t *touched;

	if (!m->whole || !of)
		return true;
	touched = &m->touched[unit * m->step / of];
	if (*touched)
		return *touched != round + 1 || !is_whole(m, unit);
	*touched = round + 1;
	return true;
}

/* Once for each epoch. */
static void account(struct matrix *m, size_t unit)
{
	m->hits[unit] += m->stamp[unit] != m->session.advanced.epoch;
	m->stamp[unit] = m->session.advanced.epoch;
}

static int write_from_outside(struct matrix *m, enum matrix_writer writer, uint64_t to,
			      uint8_t value)
{
	struct iovec from = {&value, 1}, at = {(void *)to, 1};

	if (writer == WRITER_OUTSIDE)
		return process_vm_writev(m->target.pid, &from, 1, &at, 1, 0) == 1 ? 0 : errno;
	if (writer == WRITER_PTRACE)
		return ptrace(PTRACE_POKEDATA, m->target.pid, to, (uint64_t)value) ? errno : 0;
	return pwrite(m->session.mem_fd, &value, 1, (off_t)to) == 1 ? 0 : errno;
}

static int stop_for_ptrace(struct matrix *m)
{
	int status;

	if (ptrace(PTRACE_SEIZE, m->target.pid, 0, 0) ||
	    ptrace(PTRACE_INTERRUPT, m->target.pid, 0, 0))
		return errno;
	return waitpid(m->target.pid, &status, 0) == m->target.pid ? 0 : errno;
}

int matrix_write(struct matrix *m, enum matrix_writer writer, uint32_t round)
{
	bool outside = writer >= WRITER_OUTSIDE;
	int err;

	m->refused = writer == WRITER_PTRACE ? stop_for_ptrace(m) : 0;
	for (size_t i = 0; outside && i < m->units && !m->refused; i++)
		if (matrix_chosen(round, i))
			m->refused = write_from_outside(m, writer, m->start + i * m->step + OFFSET,
							value_of(round));
	if (writer == WRITER_PTRACE)
		ptrace(PTRACE_DETACH, m->target.pid, 0, 0);
	if (!outside) {
		err = order(m, COMMAND_WRITE, round);
		if (err < 0)
			return err;
		m->refused = err;
	}
	for (size_t i = 0; i < m->units && !m->refused; i++) {
		if (!matrix_chosen(round, i))
			continue;
		m->value[i] = value_of(round);
		if (is_a_hit(m, i, round))
			account(m, i);
	}
	return 0;
}

void matrix_seen(struct matrix *m)
{
	for (size_t i = 0; i < m->units; i++)
		account(m, i);
}

unsigned int matrix_wrong(struct matrix *m)
{
	unsigned int wrong = 0;

	for (size_t i = 0; i < m->units; i++) {
		uint64_t at = m->start + i * m->step;
		uint32_t hits = session_hits(&m->session, at);
		uint32_t stamp = session_stamp(&m->session, at);
		/* It says that there is a page, as soon as there is one. */
		bool stamped = stamp == m->stamp[i] ||
			(stamp == GLASSRAM_STAMP_UNWRITTEN && !m->stamp[i]);

		if (hits == m->hits[i] && stamped && hits_between(m, i) == m->between[i])
			continue;
		if (!wrong++)
			printf("# unit %zu of %zu: %u hits (epoch %u), not %u (epoch %u)\n", i,
			       m->units, hits, stamp, m->hits[i], m->stamp[i]);
	}
	fflush(stdout);
	return wrong;
}

bool matrix_is_shared(const struct matrix *m)
{
	struct glassram_region region;

	return !session_region(&m->session, m->start, &region) &&
		region.prot & GLASSRAM_REGION_SHARED;
}

static const char *compare(struct matrix *m)
{
	const struct glassram_stats *now = &m->session.stats;

	if (session_advance(&m->session, 0) || session_stats(&m->session))
		return "ADVANCE or STATS failed";
	if (matrix_wrong(m))
		return "wrong counts at the end";
	if (now->lost != m->before.lost)
		return "hits were lost";
	if (now->unexplained != m->before.unexplained)
		return "unexplained writes";
	if (now->hits != session_total_hits(&m->session))
		return "HITS do not add up to STATS";
	return NULL;
}

const char *matrix_settle(struct matrix *m)
{
	const char *wrong = proc_freeze(m->target.pid) ? "the target does not stop" : compare(m);

	kill(m->target.pid, SIGCONT);
	return wrong;
}

bool matrix_asked_for(int argc, char **argv, const char *name)
{
	for (int i = 1; i < argc; i++)
		if (strstr(name, argv[i]))
			return true;
	return argc < 2;
}
