// SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0
/*
 * Watching within a budget: see sampled.h. Keeps of each page what the module's
 * columns hold: stamp, and the epoch it was armed for.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "calibrate.h"
#include "sampled.h"

#define PAGE 4096UL
#define SLOTS GLASSRAM_BLOCK_SLOTS
struct sampled_block {
	uint64_t start;
	uint32_t stamp[SLOTS], armed[SLOTS];
	struct glassram_sampler_memory memory;
};

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	if (clock_gettime(clock, &now))
		return 0;
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

int sampled_open(struct sampled *sampled, struct selfwatch *watch, pid_t pid, uint32_t share)
{
	void *blocks;
	int error;

	memset(sampled, 0, sizeof(*sampled));
	error = clock_getcpuclockid(pid, &sampled->clock);
	if (error)
		return -error;
	/* populated as blocks come */
	blocks = mmap(NULL, SAMPLED_BLOCKS * sizeof(struct sampled_block), PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (blocks == MAP_FAILED)
		return -ENOMEM;
	sampled->blocks = blocks;
	sampled->watch = watch;
	sampled->share = share;
	calibrate(&sampled->fault_ns, &sampled->call_ns);
	sampled->epoch = GLASSRAM_FIRST_EPOCH;
	sampled->clock_first = clock_ns(sampled->clock);
	sampled->now_ns = clock_ns(CLOCK_MONOTONIC);
	return 0;
}

void sampled_close(struct sampled *sampled)
{
	selfwatch_list_finish(&sampled->seen);
	if (sampled->blocks)
		munmap(sampled->blocks, SAMPLED_BLOCKS * sizeof(struct sampled_block));
	memset(sampled, 0, sizeof(*sampled));
}

static uint64_t program_ns(const struct sampled *sampled)
{
	uint64_t cpu = clock_ns(sampled->clock);

	/* its clock ends with it */
	return cpu > sampled->clock_first ? cpu - sampled->clock_first : sampled->cpu_ns;
}

void sampled_resume(struct sampled *sampled)
{
	sampled->cpu_ns = program_ns(sampled);
	sampled->now_ns = clock_ns(CLOCK_MONOTONIC);
}

/* The block of an address, made where there is none; blocks stay where they are. */
static struct sampled_block *block_of(struct sampled *sampled, uint64_t address,
				      struct sampled_block *last)
{
	uint64_t start = address / (SLOTS * PAGE) * (SLOTS * PAGE);

	if (last && last->start == start)
		return last;
	for (uint32_t i = 0; i < sampled->nr_blocks; i++)
		if (sampled->blocks[i].start == start)
			return &sampled->blocks[i];
	if (sampled->nr_blocks == SAMPLED_BLOCKS)
		return NULL;
	last = &sampled->blocks[sampled->nr_blocks++];
	last->start = start;
	return last;
}

/*
 * From what is not armed now to what was written in the epoch that ended: an
 * armed page that is armed no more, and a page that was not there before.
 */
static bool note(struct sampled *sampled, struct sampled_block *block, uint32_t slot)
{
	uint32_t closed = sampled->epoch, *stamp = &block->stamp[slot];

	if (block->armed[slot] > *stamp) {
		sampled->hits++;
	} else if (*stamp != GLASSRAM_STAMP_NO_PAGE) {
		return false;
	} else if (closed == GLASSRAM_FIRST_EPOCH) {
		/* it was there when the watch began */
		*stamp = GLASSRAM_STAMP_UNWRITTEN;
		return true;
	}
	*stamp = closed;
	return true;
}

static int note_all(struct sampled *sampled)
{
	struct sampled_block *block = NULL;
	int error;

	sampled->seen.nr = 0;
	for (size_t i = 0; i < sampled->watch->written.nr; i++) {
		struct selfwatch_range range = sampled->watch->written.range[i];

		for (uint64_t at = range.start; at < range.end; at += PAGE) {
			block = block_of(sampled, at, block);
			if (!block || !note(sampled, block, at / PAGE % SLOTS))
				continue;
			error = selfwatch_list_add(&sampled->seen, at, at + PAGE);
			if (error)
				return error;
		}
	}
	return 0;
}

static void arm_block(struct sampled *sampled, struct sampled_block *block,
		      const __u64 chosen[GLASSRAM_SAMPLER_RUNS])
{
	uint32_t slot = 0, end;

	while (slot < SLOTS) {
		if (!(chosen[slot / 64] >> slot % 64 & 1)) {
			slot++;
			continue;
		}
		for (end = slot; end < SLOTS && chosen[end / 64] >> end % 64 & 1; end++) {
			/* its time to the next hit begins now */
			if (block->stamp[end] && block->armed[end] <= block->stamp[end])
				block->armed[end] = sampled->epoch;
		}
		sampled->calls += selfwatch_arm(sampled->watch,
						block->start + slot * PAGE,
						block->start + end * PAGE);
		slot = end;
	}
}

int sampled_round(struct sampled *sampled)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC), cpu = program_ns(sampled), ran, earned;
	uint64_t call_ns;
	struct glassram_sampler_found found = { 0 };
	int error = selfwatch_look(sampled->watch);

	if (!error)
		error = note_all(sampled);
	if (error)
		return error;
	ran = cpu - sampled->cpu_ns;
	earned = ran * sampled->share / GLASSRAM_SAMPLER_ONE;
	/* Only a thread that runs at that moment is interrupted: so many did, on average. */
	call_ns = sampled->call_ns * ran / (now - sampled->now_ns + 1);
	sampled->cpu_ns = cpu;
	sampled->now_ns = now;
	sampled->epoch++;
	glassram_sampler_open(&sampled->sampler, sampled->epoch, earned, sampled->fault_ns,
			      call_ns);
	for (uint32_t i = 0; i < sampled->nr_blocks; i++) {
		struct sampled_block *block = &sampled->blocks[i];
		const struct glassram_sampler_block look = {
			.stamp = block->stamp,
			.armed = block->armed,
			.memory = &block->memory,
		};
		__u64 chosen[GLASSRAM_SAMPLER_RUNS];

		glassram_sampler_choose(&sampled->sampler, &look, chosen, &found);
		arm_block(sampled, block, chosen);
	}
	sampled->armed += sampled->sampler.pages;
	return 0;
}
