// SPDX-License-Identifier: GPL-2.0-only
/*
 * A target that exists only as counters, see detect_model.h.
 */
#include "detect_model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SLOTS (MODEL_BLOCKS * GLASSRAM_BLOCK_SLOTS)
#define BASE 0x7f0000000000ULL
#define PAGE 4096ULL

static void *room(size_t bytes)
{
	void *memory = calloc(1, bytes);

	if (!memory) {
		puts("Bail out! no memory");
		exit(1);
	}
	return memory;
}

void model_init(struct model *m, unsigned int hz, uint64_t seed)
{
	*m = (struct model){
		.epoch = GLASSRAM_FIRST_EPOCH,
		.period_ns = 1000000000ULL / hz,
		.random = seed * 0x9e3779b97f4a7c15ULL + 1,
		.hits = room(SLOTS * sizeof(uint32_t)),
		.stamp = room(SLOTS * sizeof(uint32_t)),
		.owner = room(SLOTS * sizeof(uint32_t)),
	};
	for (uint32_t i = 0; i < MODEL_BLOCKS; i++)
		m->blocks[i].start = BASE + i * GLASSRAM_BLOCK_SLOTS * PAGE;
	m->layout.regions = m->regions;
	m->layout.names = m->names;
	m->layout.blocks = m->blocks;
	m->layout.nr_blocks = MODEL_BLOCKS;
	if (glassram_detect_create(&m->detect)) {
		printf("Bail out! %s\n", glassram_error_message());
		exit(1);
	}
}

void model_finish(struct model *m)
{
	glassram_detect_destroy(m->detect);
	free(m->hits);
	free(m->stamp);
	free(m->owner);
}

uint32_t model_region(struct model *m, const char *name, uint32_t slots)
{
	struct glassram_region *r = &m->regions[m->layout.nr_regions];
	uint64_t start = m->layout.nr_regions ? r[-1].end : BASE;

	*r = (struct glassram_region){
		.start = start,
		.end = start + slots * PAGE,
		.name = 32 * m->layout.nr_regions,
	};
	snprintf(m->names + r->name, 32, "%s", name);
	m->layout.nr_regions++;
	return (uint32_t)((start - BASE) / PAGE);
}

static void cover(struct model *m, uint32_t slot)
{
	if (slot >= m->slots)
		m->slots = (slot / GLASSRAM_BLOCK_SLOTS + 1) * GLASSRAM_BLOCK_SLOTS;
}

void model_write(struct model *m, uint32_t slot, uint32_t thread)
{
	if (m->stamp[slot] == m->epoch)
		return;
	cover(m, slot);
	m->stamp[slot] = m->epoch;
	m->owner[slot] = thread;
	m->hits[slot]++;
}

void model_exists(struct model *m, uint32_t slot)
{
	cover(m, slot);
	if (!m->stamp[slot])
		m->stamp[slot] = GLASSRAM_STAMP_UNWRITTEN;
}

static uint64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

void model_tick(struct model *m)
{
	struct glassram_detect_input input = {
		.size = sizeof(input),
		.slots = m->slots,
		.hits = m->hits,
		.stamp = m->stamp,
		.owner = m->owner,
		.layout = &m->layout,
		.resident = m->resident,
	};
	struct glassram_detection detection;
	uint64_t begin, took;

	/* Real ticks come late, never early. */
	m->time_ns += m->period_ns;
	m->epoch++;
	input.time_ns = m->time_ns + (uint64_t)(model_uniform(m) * (double)m->period_ns * 0.1);
	begin = clock_ns();
	if (glassram_detect_tick(m->detect, &input)) {
		printf("Bail out! %s\n", glassram_error_message());
		exit(1);
	}
	took = clock_ns() - begin;
	m->ticks++;
	m->tick_ns += took;
	if (took > m->tick_ns_most)
		m->tick_ns_most = took;
	while (glassram_detect_next(m->detect, &detection)) {
		if (m->nr_found < MODEL_DETECTIONS)
			m->found[m->nr_found] = detection;
		m->nr_found++;
	}
}

double model_seconds(const struct model *m)
{
	return (double)m->time_ns * 1e-9;
}

static uint64_t next_random(struct model *m)
{
	uint64_t z = m->random += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

uint32_t model_random(struct model *m, uint32_t n)
{
	return (uint32_t)((next_random(m) >> 32) * n >> 32);
}

double model_uniform(struct model *m)
{
	return (double)(next_random(m) >> 11) * 0x1p-53;
}

uint32_t model_poisson(struct model *m, double mean)
{
	double limit, product = 1;
	uint32_t n = 0;

	/* Beyond this the normal distribution is as good. */
	if (mean > 50) {
		double sum = -6;

		for (int i = 0; i < 12; i++)
			sum += model_uniform(m);
		return (uint32_t)fmax(0, mean + sum * sqrt(mean) + 0.5);
	}
	limit = exp(-mean);
	while ((product *= model_uniform(m)) > limit)
		n++;
	return n;
}

unsigned int model_count(const struct model *m, uint32_t kind)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < m->nr_found && i < MODEL_DETECTIONS; i++)
		n += m->found[i].kind == kind;
	return n;
}

const struct glassram_detection *model_first(const struct model *m, uint32_t kind)
{
	for (unsigned int i = 0; i < m->nr_found && i < MODEL_DETECTIONS; i++)
		if (m->found[i].kind == kind)
			return &m->found[i];
	return NULL;
}
