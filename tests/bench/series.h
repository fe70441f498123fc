/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A few figures of the same thing, and what is said about them.
 */
#ifndef GLASSRAM_BENCH_SERIES_H
#define GLASSRAM_BENCH_SERIES_H

#include <stddef.h>

#define SERIES_MAX 64

struct series {
	double value[SERIES_MAX];
	size_t nr;
};

static inline void series_add(struct series *s, double value)
{
	if (s->nr < SERIES_MAX)
		s->value[s->nr++] = value;
}

static inline double series_min(const struct series *s)
{
	double least = s->value[0];

	for (size_t i = 1; i < s->nr; i++)
		if (s->value[i] < least)
			least = s->value[i];
	return least;
}

static inline double series_max(const struct series *s)
{
	double most = s->value[0];

	for (size_t i = 1; i < s->nr; i++)
		if (s->value[i] > most)
			most = s->value[i];
	return most;
}

#endif
