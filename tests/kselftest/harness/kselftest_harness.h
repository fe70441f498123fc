/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's own harness, with one thing added: its time limits grow by the
 * factor in the environment variable TEST_SLOWNESS, for machines that are
 * known to be slow, such as the debug kernel under emulation. In a folder of its
 * own, so that it can be found before the original.
 *
 * Weak spot: it relies on the harness keeping time with alarm().
 */
#ifndef GLASSRAM_TESTS_HARNESS_H
#define GLASSRAM_TESTS_HARNESS_H

#include <stdlib.h>
#include <unistd.h>

static inline unsigned int test_slowness(void)
{
	const char *value = getenv("TEST_SLOWNESS");
	int slowness = value ? atoi(value) : 1;

	return slowness > 0 ? (unsigned int)slowness : 1;
}

static inline unsigned int patient_alarm(unsigned int seconds)
{
	return alarm(seconds * test_slowness());
}

#define alarm(seconds) patient_alarm(seconds)
#include_next <kselftest_harness.h>
#undef alarm

#endif
