/* SPDX-License-Identifier: GPL-2.0 */
/*
 * TAP for unit tests written in C: one line a check, the plan at the end, so
 * that a test which dies half way has no plan and counts as failed.
 */
#ifndef TESTS_UNIT_TAP_H
#define TESTS_UNIT_TAP_H

#include <stdio.h>

static int tap_checks;
static int tap_failures;

/* Print one result; @condition may be any scalar. The rest names the check, printf-like. */
#define tap_check(condition, ...)                                                    \
	do {                                                                         \
		int tap_passed = !!(condition);                                      \
		printf("%s %d ", tap_passed ? "ok" : "not ok", ++tap_checks);        \
		printf(__VA_ARGS__);                                                 \
		putchar('\n');                                                       \
		if (!tap_passed) {                                                   \
			tap_failures++;                                              \
			printf("# %s:%d: %s\n", __FILE__, __LINE__, #condition);     \
		}                                                                    \
		fflush(stdout);                                                      \
	} while (0)

/* Print a check that cannot be made here, and why. */
#define tap_skip(name, why) printf("ok %d %s # SKIP %s\n", ++tap_checks, name, why)

/* Print the plan. Return: the exit status of the test. */
static inline int tap_end(void)
{
	printf("1..%d\n", tap_checks);
	return tap_failures != 0;
}

#endif
