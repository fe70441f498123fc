// SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0
/*
 * Reconstruction by L1: of all maps, the one whose Haar transform has the
 * smallest sum of absolute values, weighed against agreement with the rates
 * that were seen (each counts as much as it is known).
 *
 * Solved with FISTA: A. Beck, M. Teboulle, "A fast iterative
 * shrinkage-thresholding algorithm for linear inverse problems", SIAM Journal
 * on Imaging Sciences 2 (2009).
 *
 * Weak: the rates are point samples, sparse in the very basis that is to be
 * recovered, and not random sums over the map: theory promises nothing, and
 * docs/sampling.md shows what comes of it. It is here to be compared.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../libglassram/internal.h"
#include "estimator.h"

/* Slots that are transformed together: 2 MiB, as programs are laid out. */
#define CHUNK 512
#define ITERATIONS 60
/* The price of a coefficient: about the error of a rate of few epochs. */
#define LAMBDA 0.02f
/* Changes smaller than this end the iteration. */
#define ENOUGH 1e-4f

static const float half = 0.70710678f;

/* In place: the mean first, then the differences, coarse to fine. */
SIMD static void haar(float *x)
{
	float out[CHUNK];

	for (int n = CHUNK; n > 1; n /= 2) {
		for (int i = 0; i < n / 2; i++) {
			out[i] = (x[2 * i] + x[2 * i + 1]) * half;
			out[n / 2 + i] = (x[2 * i] - x[2 * i + 1]) * half;
		}
		memcpy(x, out, n * sizeof(*x));
	}
}

SIMD static void haar_back(float *x)
{
	float out[CHUNK];

	for (int n = 2; n <= CHUNK; n *= 2) {
		for (int i = 0; i < n / 2; i++) {
			out[2 * i] = (x[i] + x[n / 2 + i]) * half;
			out[2 * i + 1] = (x[i] - x[n / 2 + i]) * half;
		}
		memcpy(x, out, n * sizeof(*x));
	}
}

/* One chunk; @rates are overwritten with the solution. Return: iterations. */
SIMD static unsigned int solve(float *rates, const float *weights, size_t *nonzero)
{
	float x[CHUNK], y[CHUNK], map[CHUNK], last, change, speed = 1, next;
	unsigned int n;

	memcpy(x, rates, sizeof(x));
	haar(x);
	memcpy(y, x, sizeof(y));
	for (n = 0; n < ITERATIONS; n++) {
		memcpy(map, y, sizeof(map));
		haar_back(map);
		for (int i = 0; i < CHUNK; i++)
			map[i] = weights[i] * (rates[i] - map[i]);
		haar(map);
		change = 0;
		next = (1 + sqrtf(1 + 4 * speed * speed)) / 2;
		for (int i = 0; i < CHUNK; i++) {
			float step = y[i] + map[i];
			float small = fmaxf(fabsf(step) - (i ? LAMBDA : 0), 0);

			last = x[i];
			x[i] = copysignf(small, step);
			y[i] = x[i] + (speed - 1) / next * (x[i] - last);
			change += fabsf(x[i] - last);
		}
		speed = next;
		if (change < ENOUGH * CHUNK)
			break;
	}
	for (int i = 0; i < CHUNK; i++)
		*nonzero += x[i] != 0;
	haar_back(x);
	memcpy(rates, x, sizeof(x));
	return n;
}

enum glassram_error gr_estimate_l1(const struct glassram_estimator *estimator, float *estimates,
				   float *errors, struct glassram_estimate_figures *figures)
{
	size_t nonzero = 0, coefficients = 0;

	gr_estimate_direct(estimator, estimates, errors);
	for (size_t first = 0; first < estimator->slots; first += CHUNK) {
		float rates[CHUNK] = { 0 }, weights[CHUNK] = { 0 };
		size_t nr = estimator->slots - first < CHUNK ? estimator->slots - first : CHUNK;
		unsigned int iterations;
		bool unknown = false;

		for (size_t i = 0; i < nr; i++) {
			uint64_t known = estimator->known[first + i] & WINDOW_MASK;
			float share = __builtin_popcountll(known);

			unknown |= known != WINDOW_MASK;
			weights[i] = share / GLASSRAM_WINDOW;
			if (known)
				rates[i] = __builtin_popcountll(estimator->written[first + i] &
								WINDOW_MASK) / share;
		}
		if (!unknown)
			continue;
		iterations = solve(rates, weights, &nonzero);
		coefficients += CHUNK;
		if (iterations > figures->iterations)
			figures->iterations = iterations;
		for (size_t i = 0; i < nr; i++) {
			float written = __builtin_popcountll(estimator->written[first + i] &
							     WINDOW_MASK);

			estimates[first + i] = (written + GLASSRAM_WINDOW * (1 - weights[i]) *
						fminf(fmaxf(rates[i], 0), 1)) / GLASSRAM_WINDOW;
		}
	}
	figures->sparsity = coefficients ? (double)nonzero / coefficients : 0;
	return GLASSRAM_OK;
}
