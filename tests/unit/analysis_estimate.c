// SPDX-License-Identifier: GPL-2.0-only
/*
 * The estimator: what the columns say it must know, and nothing else; and what
 * each method makes of what it does not know.
 */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "../../user/analysis/estimator.h"
#include "tap.h"

#define SLOTS 1000 /* no multiple of anything */

static uint32_t stamp[SLOTS], armed[SLOTS];
static float estimates[SLOTS], errors[SLOTS];
static struct glassram_estimator *estimator;

static void start(void)
{
	memset(stamp, 0, sizeof(stamp));
	memset(armed, 0, sizeof(armed));
	glassram_estimator_destroy(estimator);
	estimator = NULL;
	if (glassram_estimator_create(SLOTS, &estimator))
		abort();
}

static void observe(uint32_t epoch)
{
	glassram_estimator_observe(estimator, epoch, stamp, armed);
}

static uint64_t known(size_t s)
{
	return estimator->known[s] & WINDOW_MASK;
}

static uint64_t written(size_t s)
{
	return estimator->written[s] & WINDOW_MASK;
}

static bool holds(size_t s, uint64_t want_known, uint64_t want_written)
{
	uint64_t mask = (1ULL << 8) - 1;

	return (known(s) & mask) == want_known && (written(s) & mask) == want_written;
}

/* Bit 0 is the last epoch. Looks once in each epoch, from epoch 10 on. */
static void test_known(void)
{
	start();
	observe(10);
	/* 0: never a page. 1: first touched in epoch 10, armed for 11, hit in 13, not armed. */
	stamp[1] = 10;
	armed[1] = 11;
	observe(11); /* closes 10 */
	observe(12); /* closes 11, in which it was quiet */
	observe(13);
	stamp[1] = 13;
	observe(14);
	observe(15); /* in 14 it was not armed */
	tap_check(known(0) == WINDOW_MASK && !written(0), "no page: known not to be written");
	/* epochs 14..10 are bits 0..4 */
	tap_check(holds(1, 0xfe, 0x12), "touched, quiet twice, hit, unknown: %#llx, %#llx",
		  (unsigned long long)known(1) & 0xff, (unsigned long long)written(1) & 0xff);
	armed[1] = 15;
	observe(16); /* in 15 it was not known to be armed at the last look */
	observe(17); /* in 16 it was armed */
	tap_check(!(written(1) & 1) && known(1) & 1, "armed again: known again");
	/* Hit in the epoch that is open, before the look that closes the last one. */
	stamp[1] = 18;
	observe(18); /* closes 17: quiet; the hit belongs to 18 */
	tap_check(known(1) & 1 && !(written(1) & 1), "a hit in the open epoch is not the last one's");
	armed[1] = 19;
	observe(19);
	tap_check(written(1) & 1, "but that of its own");
}

/* Looked at every sixth epoch only. */
static void test_seldom(void)
{
	start();
	observe(10);
	stamp[1] = 9;
	armed[1] = 10;
	stamp[2] = 9;
	armed[2] = 10;
	observe(11);
	stamp[1] = 13; /* armed for 11, 12; hit in 13; then unknown */
	stamp[2] = 12; /* hit in 12, armed again for 15, quiet since */
	armed[2] = 15;
	observe(17);
	/* bit 0 is 16, bit 3 is 13, bit 5 is 11 */
	tap_check((known(1) & 0x3f) == 0x38 && (written(1) & 0x3f) == 0x08,
		  "quiet, hit, unknown: %#llx", (unsigned long long)known(1) & 0x3f);
	tap_check((known(2) & 0x3f) == 0x13 && (written(2) & 0x3f) == 0x10,
		  "the last hit, and quiet since armed again: %#llx",
		  (unsigned long long)known(2) & 0x3f);
	observe(300);
	tap_check(known(2) == WINDOW_MASK && !written(2), "quiet for longer than a window");
	tap_check(!known(1), "and nothing of what was not armed");
}

static void test_exact(enum glassram_method method, const char *name)
{
	struct glassram_estimate_figures figures;
	double worst = 0, worst_error = 0;
	uint32_t epoch = 10;

	start();
	for (size_t s = 0; s < SLOTS; s++)
		stamp[s] = 9;
	for (size_t s = 0; s < SLOTS; s++)
		armed[s] = epoch;
	observe(epoch);
	for (; epoch < 75; epoch++) {
		for (size_t s = 0; s < SLOTS; s++) {
			if ((epoch + s) % (s % 7 + 1))
				continue;
			stamp[s] = epoch;
			armed[s] = epoch + 1;
		}
		observe(epoch + 1);
	}
	glassram_estimator_run(estimator, method, estimates, errors, &figures);
	for (size_t s = 0; s < SLOTS; s++) {
		int count = 0;

		for (uint32_t e = 15; e < 75; e++)
			count += (e + s) % (s % 7 + 1) == 0;
		worst = fmax(worst, fabs(estimates[s] - count / 60.0));
		worst_error = fmax(worst_error, errors[s]);
	}
	tap_check(worst < 1e-6 && worst_error < 1e-6 && figures.accuracy[0] > 0.999999 &&
		  figures.coverage > 0.999999,
		  "%s: all known is all right (%g), and known to be so (%g)", name, worst,
		  1 - figures.accuracy[0]);
}

/*
 * Blocks of 100 slots that are written together in a pattern of their own; one
 * slot in ten is armed in each epoch, in turn.
 */
static void blocks(void)
{
	start();
	for (size_t s = 0; s < SLOTS; s++)
		stamp[s] = 9;
	observe(10);
	for (uint32_t epoch = 10; epoch < 130; epoch++) {
		for (size_t s = 0; s < SLOTS; s++)
			if ((s + 7 * epoch) % 10 == 0 && armed[s] <= stamp[s])
				armed[s] = epoch;
		observe(epoch);
		for (size_t s = 0; s < SLOTS; s++)
			if (armed[s] > stamp[s] && epoch * 2654435761U >> 24 < s / 100 * 25)
				stamp[s] = epoch;
	}
	observe(130);
}

static double error_of_blocks(void)
{
	double wrong = 0, all = 0;

	for (size_t s = 0; s < SLOTS; s++) {
		int count = 0;

		for (uint32_t e = 70; e < 130; e++)
			count += e * 2654435761U >> 24 < s / 100 * 25;
		wrong += fabs(estimates[s] - count / 60.0);
		all += count / 60.0;
	}
	return wrong / all;
}

static void test_blocks(enum glassram_method method, const char *name, double most)
{
	struct glassram_estimate_figures figures;
	double wrong;

	blocks();
	glassram_estimator_run(estimator, method, estimates, errors, &figures);
	wrong = error_of_blocks();
	tap_check(wrong < most, "%s: blocks from one slot in ten: %.3f wrong", name, wrong);
	tap_check(fabs(1 - figures.accuracy[0] - wrong) < 0.08, "it thinks %.3f",
		  1 - figures.accuracy[0]);
	if (method == GLASSRAM_METHOD_L1)
		tap_check(figures.iterations && figures.sparsity > 0 && figures.sparsity < 0.5,
			  "%u iterations, %.3f of the coefficients", figures.iterations,
			  figures.sparsity);
}

static void test_cells(void)
{
	static const struct glassram_estimate_figures apart = { .together = { 0, 0 } };
	static const struct glassram_estimate_figures as_one = { .together = { 1, 1 } };
	float values[100], wrong[100], cells[100], confidence[100];
	double accuracy;
	unsigned int order;
	size_t nr;

	for (size_t i = 0; i < 100; i++) {
		values[i] = i < 16 ? 0 : i < 32 ? 1 : 0.5f;
		wrong[i] = i < 16 ? 0 : 0.1f;
	}
	nr = glassram_estimate_cells(&apart, values, wrong, 100, 16, cells, confidence);
	tap_check(nr == 7 && cells[0] == 0 && cells[1] == 1 && cells[6] == 0.5f,
		  "cells are means, the last of what is left");
	tap_check(confidence[0] == 1 && fabs(confidence[1] - 0.975) < 1e-4,
		  "errors that come apart average out: %.3f", confidence[1]);
	glassram_estimate_cells(&as_one, values, wrong, 100, 16, cells, confidence);
	tap_check(fabs(confidence[1] - 0.9) < 1e-4, "and those that go together do not: %.3f",
		  confidence[1]);
	order = glassram_estimate_order(&apart, values, wrong, 100, 4, 12, 0.5, &accuracy);
	tap_check(order == 4 && accuracy > 0.7, "no finer than a slot: order %u, %.3f", order,
		  accuracy);
}

static void test_order(void)
{
	static const struct glassram_estimate_figures figures;
	const size_t slots = 1 << 16;
	float *values = malloc(slots * sizeof(*values)), *wrong = malloc(slots * sizeof(*wrong));
	unsigned int last = GLASSRAM_ORDER_MAX;

	for (int thin = 0; thin < 5; thin++) {
		double accuracy;
		unsigned int order;

		for (size_t s = 0; s < slots; s++) {
			values[s] = 0.5f;
			wrong[s] = 0.01f * (1 << 2 * thin);
		}
		order = glassram_estimate_order(&figures, values, wrong, slots, 4, 8, 0.9, &accuracy);
		tap_check(order <= last && (accuracy >= 0.9 || order == 4),
			  "error %.2f: order %u, accuracy %.3f", wrong[0], order, accuracy);
		last = order;
	}
	tap_check(last < 8, "thin evidence zooms out");
	free(values);
	free(wrong);
}

static void test_grow(void)
{
	blocks();
	tap_check(!glassram_estimator_resize(estimator, 2 * SLOTS) && estimator->slots == 2 * SLOTS &&
		  estimator->known[2 * SLOTS - 1] == ~0ULL, "it grows");
	tap_check(glassram_estimator_resize(estimator, SLOTS) == GLASSRAM_ERR_INVALID,
		  "it does not shrink: %s", glassram_error_message());
	tap_check(glassram_estimator_resize(estimator, 1UL << 30) == GLASSRAM_ERR_INVALID,
		  "it has a limit");
}

static void test_noise(void)
{
	struct glassram_estimate_figures figures;
	bool sane = true;

	start();
	srandom(1);
	for (int i = 0; i < 200; i++) {
		for (size_t s = 0; s < SLOTS; s++) {
			stamp[s] = random() % 3 ? random() % 300 : random() * 2U;
			armed[s] = random() % 3 ? random() % 300 : random() * 2U;
		}
		observe(i % 50 ? i + 1 : random() * 2U);
	}
	for (int method = 0; method < 3; method++) {
		glassram_estimator_run(estimator, method, estimates, errors, &figures);
		for (size_t s = 0; s < SLOTS; s++)
			sane &= estimates[s] >= 0 && estimates[s] <= 1.00001f && errors[s] >= 0;
		sane &= figures.accuracy[0] >= 0 && figures.accuracy[0] <= 1;
	}
	tap_check(sane, "columns of noise give estimates from 0 to 1");
}

int main(void)
{
	test_known();
	test_seldom();
	test_exact(GLASSRAM_METHOD_NEIGHBOURS, "neighbours");
	test_exact(GLASSRAM_METHOD_DIRECT, "direct");
	test_exact(GLASSRAM_METHOD_L1, "L1");
	test_blocks(GLASSRAM_METHOD_NEIGHBOURS, "neighbours", 0.04);
	test_blocks(GLASSRAM_METHOD_DIRECT, "direct", 0.2);
	test_blocks(GLASSRAM_METHOD_L1, "L1", 0.2);
	test_cells();
	test_order();
	test_grow();
	test_noise();
	glassram_estimator_destroy(estimator);
	glassram_estimator_destroy(NULL);
	return tap_end();
}
