// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel does to pages between their arming and the next write, and
 * how many hits they have then: swap, migration, NUMA hints, KSM, fork and so
 * on, see matrix_events.c. Each event comes at three moments:
 *
 *	then-write	the pages are armed; the event; a write
 *	then-advance	the pages are armed; the event; ADVANCE; a write
 *	after-write	the pages are armed and written; the event; ADVANCE; a write
 *
 * and one more write shows that the pages are still armed afterwards. An event
 * alone gives no hit, except those where the kernel itself asks for the pages
 * to be written (mlock, MADV_POPULATE_WRITE, pinning).
 *
 * With arguments: only the tests whose name contains one of them.
 *
 * Weak spot: nothing is written while an event goes on: see matrix_storms.c.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kselftest.h"
#include "matrix_events.h"

enum moment { THEN_WRITE, THEN_ADVANCE, AFTER_WRITE, MOMENTS };

static const char *const moments[] = {
	[THEN_WRITE] = "then-write",
	[THEN_ADVANCE] = "then-advance",
	[AFTER_WRITE] = "after-write",
};

/* Small pages where a huge one would fit. */
static char *aligned(size_t length)
{
	char *map = mmap(NULL, length + HUGE_PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return map == MAP_FAILED ? map : map + (-(uintptr_t)map & (HUGE_PAGE - 1));
}

static void *map_small(size_t length)
{
	char *map = aligned(length);

	if (map != MAP_FAILED)
		madvise(map, length, MADV_NOHUGEPAGE);
	return map;
}

static void *map_small_shared(size_t length)
{
	char *map = aligned(length);

	if (map == MAP_FAILED)
		return map;
	return matrix_map_file("tmpfs", map, length, MAP_SHARED | MAP_FIXED);
}

static const struct matrix_area anonymous_2m = {
	.name = "anonymous-2m", .make = map_small, .length = HUGE_PAGE,
};

static const struct matrix_area memfd_2m = {
	.name = "memfd-2m", .make = map_small_shared, .length = HUGE_PAGE,
};

static const struct matrix_area *area_of(const char *name)
{
	if (!strcmp(name, anonymous_2m.name))
		return &anonymous_2m;
	return strcmp(name, memfd_2m.name) ? matrix_area(name) : &memfd_2m;
}

static const char *advance_and_compare(struct matrix *m)
{
	if (session_advance(&m->session, 0))
		return "ADVANCE failed";
	return matrix_wrong(m) ? "wrong counts" : NULL;
}

static const char *write_and_compare(struct matrix *m, uint32_t round)
{
	const char *wrong;

	if (matrix_write(m, WRITER_STORE, round) || m->refused)
		return "the target is gone";
	wrong = advance_and_compare(m);
	if (!wrong && matrix_verify(m))
		wrong = "wrong data";
	/* Dropped hugetlb pages of a file come back writable when they are read: arm them. */
	if (!wrong && m->step != PAGE)
		wrong = advance_and_compare(m);
	return wrong;
}

static const char *happen(struct matrix *m, const struct matrix_event *event)
{
	uint8_t content = matrix_is_shared(m) ? event->shared_content : event->content;
	const char *wrong = event->run(m);

	if (wrong) {
		printf("# %s\n", wrong);
		return "the event did not happen";
	}
	if (content != EVENT_KEEPS)
		matrix_expect(m, content == EVENT_LOSES ? VALUE_UNKNOWN : content);
	return NULL;
}

static const char *cell(struct matrix *m, const struct matrix_area *area,
			const struct matrix_event *event, enum moment moment)
{
	int err = matrix_make(m, area, WRITER_STORE);
	const char *wrong = NULL;

	if (err)
		return strerror(err < 0 ? -err : err);
	if (moment == AFTER_WRITE && matrix_write(m, WRITER_STORE, 0))
		return "the target is gone";
	wrong = happen(m, event);
	if (event->dropped || (event->unarmed && moment == THEN_WRITE))
		matrix_touched_anew(m);
	if (!wrong && moment != THEN_WRITE)
		wrong = advance_and_compare(m);
	wrong = wrong ?: write_and_compare(m, 1) ?: write_and_compare(m, 2);
	if (!wrong && matrix_verify(m))
		wrong = "wrong data at the end";
	return wrong ?: matrix_settle(m);
}

static void renew(struct matrix *m)
{
	int err;

	matrix_stop(m);
	err = matrix_start(m, matrix_act) ?: matrix_events_join(m);
	if (err)
		ksft_exit_fail_msg("no target to watch: %s\n", strerror(-err));
}

static void test(struct matrix *m, const char *name, const struct matrix_area *area,
		 const struct matrix_event *event, enum moment moment)
{
	const char *missing = matrix_missing(area), *wrong;

	if (!missing && event->needs && access(event->needs, F_OK))
		missing = event->needs;
	if (missing) {
		ksft_test_result_skip("%s: missing here: %s\n", name, missing);
		return;
	}
	wrong = cell(m, area, event, moment);
	ksft_test_result(!wrong, "%s%s%s\n", name, wrong ? ": " : "", wrong ?: "");
	/* One that something went wrong with, or that a child was left of, is no good any more. */
	if (wrong || strstr(name, "fork-held"))
		renew(m);
}

/*
 * A page that two faults were in flight on is marked, and a write without a
 * fault is counted for it. KSM makes pages look written, too.
 */
static void a_merged_page_with_a_mark_has_no_hit(struct matrix *m)
{
	const char *wrong = NULL;

	if (matrix_make(m, matrix_area("anonymous"), WRITER_STORE) ||
	    matrix_write(m, WRITER_STORE, 0))
		wrong = "the target is gone";
	/* After fork the same epoch sees the same pages fault once more: that is the mark. */
	wrong = wrong ?: matrix_event("fork-exit")->run(m);
	if (!wrong && matrix_write(m, WRITER_STORE, 0))
		wrong = "the target is gone";
	wrong = wrong ?: advance_and_compare(m) ?: matrix_event("ksm-merge")->run(m) ?:
		advance_and_compare(m) ?: write_and_compare(m, 1) ?: matrix_settle(m);
	ksft_test_result(!wrong, "a-merged-page-with-a-mark-has-no-hit%s%s\n", wrong ? ": " : "",
			 wrong ?: "");
	renew(m);
}

/*
 * A limit: hugetlb maps a page of a shared file for writing even if it is only
 * read. One that was dropped before it was armed goes on unseen until it is.
 */
static void a_dropped_hugetlb_page_that_is_read_first_is_seen_once_armed(struct matrix *m)
{
	const char *wrong = NULL;

	if (matrix_make(m, matrix_area("hugetlb-memfd"), WRITER_STORE) ||
	    matrix_write(m, WRITER_STORE, 0))
		wrong = "the target is gone";
	wrong = wrong ?: matrix_event("punch-hole")->run(m) ?: advance_and_compare(m);
	matrix_expect(m, VALUE_ZERO);
	if (!wrong && (matrix_verify(m) || matrix_write(m, WRITER_STORE, 0)))
		wrong = "wrong data";
	for (size_t i = 0; i < m->units; i++) {
		m->hits[i] -= matrix_chosen(0, i);
		m->stamp[i] = session_stamp(&m->session, m->start + i * m->step);
	}
	wrong = wrong ?: advance_and_compare(m) ?: write_and_compare(m, 1) ?: matrix_settle(m);
	ksft_test_result(!wrong, "a-dropped-hugetlb-page-that-is-read-first-is-seen-once-armed"
			 "%s%s\n", wrong ? ": " : "", wrong ?: "");
	renew(m);
}

int main(int argc, char **argv)
{
	static const char *const disks[] = {"ext4", "xfs", "btrfs", NULL};
	struct matrix m = MATRIX_NONE;
	unsigned int tests = 2;
	char name[96];

	ksft_print_header();
	if (arms_by_soft_dirty())
		ksft_exit_skip("not made for pages that are armed by soft-dirty bits\n");
	if (matrix_disks(disks) || matrix_events_prepare() ||
	    matrix_set("/proc/sys/vm/nr_hugepages", "16"))
		ksft_exit_fail_msg("disks, swap and huge pages cannot be made\n");
	renew(&m);
	for (size_t e = 0; e < matrix_nr_events; e++) {
		const struct matrix_event *event = &matrix_events[e];

		for (size_t a = 0; event->areas[a]; a++) {
			for (enum moment i = 0; i < MOMENTS; i++) {
				snprintf(name, sizeof(name), "%s/%s/%s", event->name,
					 event->areas[a], moments[i]);
				if (!matrix_asked_for(argc, argv, name))
					continue;
				tests++;
				test(&m, name, area_of(event->areas[a]), event, i);
			}
		}
	}
	a_merged_page_with_a_mark_has_no_hit(&m);
	a_dropped_hugetlb_page_that_is_read_first_is_seen_once_armed(&m);
	matrix_stop(&m);
	ksft_set_plan(tests);
	matrix_events_finish();
	matrix_set("/proc/sys/vm/nr_hugepages", "0");
	matrix_disks_finish();
	ksft_finished();
}
