// SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0
/*
 * Kinetic energy of threads (pages per second by first writer), and which of them
 * are entangled: pages that pass from one to another.
 *
 * A pair's handovers are counted in a small table; a pair that finds its set full
 * takes the place of the weakest one and its count with it, as in the
 * Space-Saving sketch, so that a frequent pair cannot be missed for long.
 *
 * Weak: a thread that is never first on a page has no energy there, and no
 * entanglement. No count in the kernel would help: within an epoch only the
 * first write of a page faults.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "detect_internal.h"

#define ENERGY_SECONDS 1.0
#define ENERGY_MIN 0.01
#define PAIR_SECONDS 10.0
/* Decayed handovers below which a pair is forgotten. */
#define PAIR_MIN 0.5

bool gr_threads_init(struct detect_threads *t)
{
	t->threads = calloc(GLASSRAM_MAX_THREADS, sizeof(*t->threads));
	return t->threads;
}

void gr_threads_finish(struct detect_threads *t)
{
	free(t->threads);
}

static void hand_over(struct detect_threads *t, uint16_t x, uint16_t y)
{
	uint16_t a = x < y ? x : y, b = x < y ? y : x;
	uint32_t hash = (a * 40503U ^ b * 30011U) * 2654435761U;
	struct thread_pair *set = &t->pairs[(hash >> 26) * PAIR_WAYS], *weakest = set;

	_Static_assert(PAIR_SETS == 1 << (32 - 26), "the hash chooses the set");
	for (struct thread_pair *p = set; p < set + PAIR_WAYS; p++) {
		if (p->a == a && p->b == b) {
			p->handovers++;
			return;
		}
		if (p->handovers < weakest->handovers)
			weakest = p;
	}
	weakest->a = a;
	weakest->b = b;
	weakest->handovers++;
}

void gr_threads_hit(struct detect_threads *t, const struct detect_hit *hit, uint32_t tenth)
{
	struct thread_state *thread = &t->threads[hit->owner];

	if (hit->owner >= t->nr)
		t->nr = hit->owner + 1;
	thread->hits += hit->epochs;
	thread->active = tenth;
	if (!hit->rewritten || !hit->before || !hit->owner)
		return;
	thread->rewrites++;
	if (hit->owner != hit->before)
		hand_over(t, hit->owner, hit->before);
}

void gr_threads_tick(struct detect_threads *t, double seconds)
{
	double keep = exp(-seconds / PAIR_SECONDS), follow = 1 - exp(-seconds / ENERGY_SECONDS);

	if (seconds <= 0)
		return; /* the first tick, or two at one time: counted with the next */
	t->hits_per_second = 0;
	for (uint32_t i = 0; i < t->nr; i++) {
		struct thread_state *thread = &t->threads[i];

		thread->rate += (thread->hits / seconds - thread->rate) * follow;
		thread->hits = 0;
		thread->rewrites *= keep;
		t->hits_per_second += thread->rate;
	}
	for (struct thread_pair *p = t->pairs; p < t->pairs + PAIR_SETS * PAIR_WAYS; p++) {
		p->handovers *= keep;
		if (p->handovers < PAIR_MIN)
			*p = (struct thread_pair){ 0 };
	}
}

static int by_energy(const void *a, const void *b)
{
	const struct glassram_energy *x = a, *y = b;

	if (x->pages_per_second != y->pages_per_second)
		return x->pages_per_second < y->pages_per_second ? 1 : -1;
	return x->slot < y->slot ? -1 : x->slot > y->slot;
}

size_t glassram_detect_energy(const struct glassram_detect *d, struct glassram_energy *energy,
			      size_t nr)
{
	const struct detect_threads *t = &d->threads;
	size_t found = 0, weakest;

	for (uint32_t i = 0; nr && i < t->nr; i++) {
		struct glassram_energy e = { i, t->threads[i].rate };

		if (e.pages_per_second < ENERGY_MIN)
			continue;
		if (found < nr) {
			energy[found++] = e;
			continue;
		}
		weakest = 0;
		for (size_t j = 1; j < nr; j++)
			if (by_energy(&energy[j], &energy[weakest]) > 0)
				weakest = j;
		if (by_energy(&e, &energy[weakest]) < 0)
			energy[weakest] = e;
	}
	if (found)
		qsort(energy, found, sizeof(*energy), by_energy);
	return found;
}

static int by_handovers(const void *a, const void *b)
{
	const struct glassram_entangled *x = a, *y = b;

	if (x->handovers_per_second != y->handovers_per_second)
		return x->handovers_per_second < y->handovers_per_second ? 1 : -1;
	return x->a != y->a ? (x->a < y->a ? -1 : 1) : x->b < y->b ? -1 : x->b > y->b;
}

size_t glassram_detect_entangled(const struct glassram_detect *d, struct glassram_entangled *pairs,
				 size_t nr)
{
	const struct detect_threads *t = &d->threads;
	struct glassram_entangled all[PAIR_SETS * PAIR_WAYS];
	size_t found = 0;

	for (const struct thread_pair *p = t->pairs; p < t->pairs + PAIR_SETS * PAIR_WAYS; p++) {
		double quieter;

		if (!p->b)
			continue;
		quieter = fmin(t->threads[p->a].rewrites, t->threads[p->b].rewrites);
		/* Each of its rewrites takes part in at most two handovers: to it and from it. */
		all[found++] = (struct glassram_entangled){
			.a = p->a,
			.b = p->b,
			.handovers_per_second = p->handovers / PAIR_SECONDS,
			.strength = fmin(p->handovers / (2 * quieter), 1),
		};
	}
	if (!found || !nr)
		return 0;
	qsort(all, found, sizeof(*all), by_handovers);
	if (found > nr)
		found = nr;
	memcpy(pairs, all, found * sizeof(*all));
	return found;
}
