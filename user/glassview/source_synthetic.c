// SPDX-License-Identifier: GPL-2.0
/*
 * A made-up target for tests and layout work: a process with a heap, libraries,
 * a stack and four threads that write in four ways.
 *
 *	sweep	from the first page to the last, again and again
 *	hotspot	a few pages all the time, their neighbours less
 *	random	anywhere, now and then
 *	leak	always new pages, never the old ones again
 *
 * The counters lie in a memfd. Where /dev/udmabuf can be opened they are handed
 * out as a true dma-buf of that memfd, so that imports can be tried without the
 * module; elsewhere only the upload rung can show them.
 *
 * Weak: udmabuf makes read-write buffers only, up to 64 MiB by default; the
 * module's are read-only.
 */
#define _GNU_SOURCE
#include "source_synthetic.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <linux/udmabuf.h>

#define RATE_HZ 10
#define PAGE 4096ULL
#define BLOCK_PAGES GLASSRAM_BLOCK_SLOTS
#define COLUMNS 3
#define MIN_BLOCKS 16
/* After a pause of the caller no more than this is caught up with. */
#define MAX_TICKS_AT_ONCE 50

enum { SWEEP, HOTSPOT, RANDOM, LEAK, HEAP, STACK, NR_PATTERNS };
static const char *const thread_names[] = { "sweep", "hotspot", "random", "leak", "python3" };
#define NR_THREADS 5

/* Pages that one pattern writes: a run of slots. */
struct stretch {
	uint32_t slot;
	uint32_t pages;
};

struct synthetic {
	struct source source;
	uint32_t *writable;
	uint32_t *hits, *stamp, *owner;
	struct stretch stretch[NR_PATTERNS];
	uint32_t regions_capacity, names_capacity;
	uint64_t random_state;
	uint32_t swept, leaked;
	bool manual;
};

static struct synthetic *synthetic_of(struct source *source)
{
	return (struct synthetic *)source;
}

/* xorshift64*: the same numbers on every machine. */
static uint32_t next_random(struct synthetic *s)
{
	s->random_state ^= s->random_state >> 12;
	s->random_state ^= s->random_state << 25;
	s->random_state ^= s->random_state >> 27;
	return (uint32_t)((s->random_state * 0x2545f4914f6cdd1dULL) >> 32);
}

static double now_seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

void source_synthetic_hit(struct source *source, uint32_t slot, uint32_t owner)
{
	struct synthetic *s = synthetic_of(source);
	struct source_view *view = &source->view;

	if (s->stamp[slot] == view->epoch)
		return;
	view->stats.pages += s->stamp[slot] == GLASSRAM_STAMP_NO_PAGE;
	s->stamp[slot] = view->epoch;
	s->owner[slot] = owner;
	s->hits[slot]++;
	view->stats.hits++;
	view->stats.faults++;
	for (size_t i = 0; i < view->nr_threads; i++) {
		if (view->threads[i].slot == owner) {
			view->threads[i].hits++;
			view->threads[i].last_epoch = view->epoch;
		}
	}
}

static void hit_in(struct synthetic *s, int pattern, uint32_t page, uint32_t owner)
{
	const struct stretch *stretch = &s->stretch[pattern];

	source_synthetic_hit(&s->source, stretch->slot + page % stretch->pages, owner);
}

/* About a normal distribution with a deviation of @spread pages. */
static uint32_t near(struct synthetic *s, uint32_t centre, uint32_t spread, uint32_t pages)
{
	double sum = 0;

	for (int i = 0; i < 4; i++)
		sum += (double)next_random(s) / UINT32_MAX - 0.5;
	return (uint32_t)((centre + (int64_t)(sum * 1.7 * spread) + pages) % pages);
}

static void write_patterns(struct synthetic *s)
{
	uint32_t pages;

	pages = s->stretch[SWEEP].pages;
	for (uint32_t i = 0; i < pages / 60 + 1; i++)
		hit_in(s, SWEEP, s->swept++, 1 + SWEEP);
	pages = s->stretch[HOTSPOT].pages;
	for (uint32_t i = 0; i < pages / 8 + 8; i++)
		hit_in(s, HOTSPOT, near(s, pages / 3, pages / 16 + 1, pages), 1 + HOTSPOT);
	pages = s->stretch[RANDOM].pages;
	for (uint32_t i = 0; i < pages / 150 + 1; i++)
		hit_in(s, RANDOM, next_random(s), 1 + RANDOM);
	pages = s->stretch[LEAK].pages;
	for (uint32_t i = 0; i < pages / 400 + 1 && s->leaked < pages; i++)
		hit_in(s, LEAK, s->leaked++, 1 + LEAK);
	pages = s->stretch[HEAP].pages;
	for (uint32_t i = 0; i < pages / 300 + 2; i++)
		hit_in(s, HEAP, near(s, pages / 2, pages / 10 + 1, pages), NR_THREADS);
	for (uint32_t i = 0; i < 3; i++)
		hit_in(s, STACK, s->stretch[STACK].pages - 1 - i, NR_THREADS);
}

static void pass_epoch(struct synthetic *s)
{
	struct source_view *view = &s->source.view;

	write_patterns(s);
	view->epoch++;
	view->epoch_began += 1.0 / RATE_HZ;
	view->stats.epoch = view->epoch;
	view->stats.armed_last = s->stretch[SWEEP].pages / 60;
	view->overhead = 0.004;
}

void source_synthetic_tick(struct source *source)
{
	synthetic_of(source)->manual = true;
	pass_epoch(synthetic_of(source));
}

static int synthetic_update(struct source *source)
{
	struct synthetic *s = synthetic_of(source);
	double now = now_seconds();

	source->view.changed = 0;
	for (int i = 0; !s->manual && now - source->view.epoch_began >= 1.0 / RATE_HZ; i++) {
		if (i == MAX_TICKS_AT_ONCE) {
			source->view.epoch_began = now;
			break;
		}
		pass_epoch(s);
	}
	return 0;
}

static int synthetic_reset(struct source *source)
{
	struct synthetic *s = (struct synthetic *)source;
	struct source_view *view = &source->view;

	for (uint32_t slot = 0; slot < view->columns.slots; slot++) {
		s->hits[slot] = 0;
		s->owner[slot] = GLASSRAM_THREAD_NONE;
		if (s->stamp[slot] != GLASSRAM_STAMP_NO_PAGE)
			s->stamp[slot] = GLASSRAM_STAMP_UNWRITTEN;
	}
	for (size_t i = 0; i < view->nr_threads; i++)
		view->threads[i].hits = 0;
	view->stats.hits = 0;
	view->stats.faults = 0;
	return 0;
}

static int synthetic_freeze(struct source *source)
{
	synthetic_of(source)->manual = true;
	return 0;
}

static void synthetic_destroy(struct source *source)
{
	struct synthetic *s = synthetic_of(source);
	struct source_view *view = &source->view;

	if (s->writable)
		munmap(s->writable, view->columns.bytes);
	if (view->columns.map)
		munmap((void *)view->columns.map, view->columns.bytes);
	if (view->columns.dmabuf_fd >= 0)
		close(view->columns.dmabuf_fd);
	free(view->layout.regions);
	free(view->layout.names);
	free(view->layout.blocks);
	free(view->threads);
	free(view->targets);
	free(s);
}

/* A dma-buf of the memfd if this machine makes them, else the memfd itself. */
static int export_memory(int memfd, size_t bytes)
{
	struct udmabuf_create create = { .memfd = (uint32_t)memfd,
					 .flags = UDMABUF_FLAGS_CLOEXEC, .size = bytes };
	int device = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	int fd = -1;

	if (device >= 0) {
		fd = ioctl(device, UDMABUF_CREATE, &create);
		close(device);
	}
	if (fd < 0)
		return memfd;
	close(memfd);
	return fd;
}

static int make_columns(struct synthetic *s, uint32_t slots)
{
	struct glassram_columns *c = &s->source.view.columns;
	uint32_t rows = (slots + GLASSRAM_COLUMN_WIDTH - 1) / GLASSRAM_COLUMN_WIDTH;
	size_t column_bytes = (size_t)rows * GLASSRAM_COLUMN_STRIDE;
	size_t words = column_bytes / sizeof(uint32_t);
	int memfd = memfd_create("glassview-synthetic", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	void *map;

	if (memfd < 0)
		return -1;
	c->dmabuf_fd = memfd;
	c->bytes = COLUMNS * column_bytes;
	if (ftruncate(memfd, (off_t)c->bytes) || fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK))
		return -1;
	map = mmap(NULL, c->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	if (map == MAP_FAILED)
		return -1;
	s->writable = map;
	c->dmabuf_fd = export_memory(memfd, c->bytes);
	map = mmap(NULL, c->bytes, PROT_READ, MAP_SHARED, c->dmabuf_fd, 0);
	if (map == MAP_FAILED)
		return -1;
	c->map = map;
	s->hits = s->writable;
	s->stamp = s->hits + words;
	s->owner = s->stamp + words;
	c->hits = c->map;
	c->stamp = c->hits + words;
	c->owner = c->stamp + words;
	c->slots = slots;
	c->generation = 1;
	c->nr_columns = COLUMNS;
	for (uint32_t i = 0; i < COLUMNS; i++)
		c->columns[i] = (struct glassram_column){
			.id = GLASSRAM_COLUMN_HITS + i, .elem_size = 4,
			.offset = i * column_bytes, .stride = GLASSRAM_COLUMN_STRIDE,
			.width = GLASSRAM_COLUMN_WIDTH, .rows = rows,
		};
	return 0;
}

/* Regions must be added in the order of their addresses. */
static void add_region(struct synthetic *s, uint64_t start, uint64_t pages, uint32_t prot,
		       const char *name)
{
	struct glassram_layout *layout = &s->source.view.layout;
	size_t len = strlen(name) + 1;

	if (layout->nr_regions == s->regions_capacity ||
	    layout->names_len + len > s->names_capacity)
		abort(); /* the tables below are shorter than that */
	memcpy(layout->names + layout->names_len, name, len);
	layout->regions[layout->nr_regions++] = (struct glassram_region){
		.start = start, .end = start + pages * PAGE,
		.prot = GLASSRAM_REGION_READ | prot, .state = GLASSRAM_REGION_WATCHED,
		.page_shift = 12, .first_slot = GLASSRAM_NO_SLOT,
		.name = layout->names_len,
	};
	layout->names_len += (uint32_t)len;
}

/* Pages that are there from the start, every @every-th of them. */
static void populate(struct synthetic *s, uint32_t slot, uint32_t pages, uint32_t every)
{
	for (uint32_t i = 0; i < pages; i += every) {
		s->stamp[slot + i] = GLASSRAM_STAMP_UNWRITTEN;
		s->source.view.stats.pages++;
	}
}

struct library {
	const char *path;
	uint32_t pages;
};

/* One block of small regions at @start: libraries, one after the other. */
static void add_libraries(struct synthetic *s, uint64_t start, uint32_t slot,
			  const struct library *libraries, size_t nr)
{
	uint64_t page = 16;

	for (size_t i = 0; i < nr; i++) {
		uint32_t text = libraries[i].pages * 3 / 4, data = libraries[i].pages - text;

		add_region(s, start + page * PAGE, text, GLASSRAM_REGION_EXEC, libraries[i].path);
		populate(s, slot + (uint32_t)page, text, 1 + i % 2);
		page += text;
		add_region(s, start + page * PAGE, data, GLASSRAM_REGION_WRITE, libraries[i].path);
		populate(s, slot + (uint32_t)page, data, 1);
		page += data + 9;
	}
}

static int make_layout(struct synthetic *s, uint32_t blocks)
{
	static const struct library program[] = { { "/usr/bin/python3.13", 420 } };
	static const struct library libraries[] = {
		{ "/usr/lib/x86_64-linux-gnu/libc.so.6", 260 },
		{ "/usr/lib/x86_64-linux-gnu/libm.so.6", 90 },
		{ "/usr/lib/x86_64-linux-gnu/libz.so.1.3", 24 },
		{ "/usr/lib/x86_64-linux-gnu/libexpat.so.1", 40 },
		{ "/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", 56 },
	};
	/* Sixteenths of the blocks that are left after the three of small things. */
	static const struct {
		int pattern;
		uint32_t sixteenths;
		const char *name;
		uint64_t address;
	} large[] = {
		{ HEAP, 3, "[heap]", 0x555555c00000 },
		{ SWEEP, 4, "", 0x7f1000000000 },
		{ HOTSPOT, 2, "", 0x7f2000000000 },
		{ RANDOM, 3, "/dev/shm/table", 0x7f3000000000 },
		{ LEAK, 4, "", 0x7f4000000000 },
	};
	struct glassram_layout *layout = &s->source.view.layout;
	uint32_t block = 0, room = blocks - 3;

	s->regions_capacity = 32;
	s->names_capacity = 2048;
	layout->regions = calloc(s->regions_capacity, sizeof(*layout->regions));
	layout->names = calloc(s->names_capacity, 1);
	layout->blocks = calloc(blocks, sizeof(*layout->blocks));
	if (!layout->regions || !layout->names || !layout->blocks)
		return -1;

	layout->blocks[block].start = 0x555555400000;
	add_libraries(s, layout->blocks[block].start, 0, program, 1);
	block++;
	for (size_t i = 0; i < sizeof(large) / sizeof(*large); i++) {
		uint32_t nr = room * large[i].sixteenths / 16;
		uint32_t pages = (nr ? nr : 1) * BLOCK_PAGES - 37 * (uint32_t)(i + 1);
		uint32_t slot = block * BLOCK_PAGES;

		add_region(s, large[i].address, pages, GLASSRAM_REGION_WRITE, large[i].name);
		s->stretch[large[i].pattern] = (struct stretch){ slot, pages };
		if (large[i].pattern != LEAK)
			populate(s, slot, pages, large[i].pattern == RANDOM ? 2 : 1);
		for (uint32_t b = 0; b < (nr ? nr : 1); b++)
			layout->blocks[block++].start = large[i].address +
							(uint64_t)b * BLOCK_PAGES * PAGE;
	}
	layout->blocks[block].start = 0x7f5000000000;
	add_libraries(s, layout->blocks[block].start, block * BLOCK_PAGES, libraries,
		      sizeof(libraries) / sizeof(*libraries));
	block++;
	layout->blocks[block].start = 0x7ffffc000000;
	add_region(s, 0x7ffffc000000 + 900 * PAGE, 33, GLASSRAM_REGION_WRITE, "[stack]");
	s->stretch[STACK] = (struct stretch){ block * BLOCK_PAGES + 900, 33 };
	populate(s, s->stretch[STACK].slot + 20, 13, 1);
	block++;
	layout->nr_blocks = block;
	layout->generation = 1;
	return 0;
}

static int make_threads(struct source_view *view)
{
	view->threads = calloc(NR_THREADS, sizeof(*view->threads));
	if (!view->threads)
		return -1;
	view->nr_threads = NR_THREADS;
	view->nr_target_threads = NR_THREADS;
	for (uint32_t i = 0; i < NR_THREADS; i++) {
		struct glassram_thread *thread = &view->threads[i];

		thread->slot = i + 1;
		thread->tid = i + 1 == NR_THREADS ? 4211 : 4212 + i;
		thread->tgid = 4211;
		snprintf(thread->comm, sizeof(thread->comm), "%s", thread_names[i]);
	}
	return 0;
}

struct source *source_synthetic_create(uint32_t slots)
{
	uint32_t blocks = slots / BLOCK_PAGES;
	struct synthetic *s;
	struct source_view *view;

	if (blocks < MIN_BLOCKS || slots > GLASSRAM_MAX_SLOTS) {
		fprintf(stderr, "glassview: a synthetic target of %u slots: choose %u to %u\n", slots,
			MIN_BLOCKS * BLOCK_PAGES, GLASSRAM_MAX_SLOTS);
		return NULL;
	}
	s = calloc(1, sizeof(*s));
	if (!s)
		goto err_memory;
	view = &s->source.view;
	view->columns.dmabuf_fd = -1;
	s->source.update = synthetic_update;
	s->source.freeze = synthetic_freeze;
	s->source.reset = synthetic_reset;
	s->source.destroy = synthetic_destroy;
	s->random_state = 0x9e3779b97f4a7c15ULL;
	if (make_columns(s, blocks * BLOCK_PAGES) || make_layout(s, blocks) || make_threads(view))
		goto err_destroy;
	view->epoch = GLASSRAM_FIRST_EPOCH;
	view->epoch_began = now_seconds();
	view->pid = 4211;
	snprintf(view->comm, sizeof(view->comm), "synthetic");
	view->rss = view->stats.pages * PAGE;
	view->rate_hz = RATE_HZ;
	view->overhead = -1;
	view->stats.slots = view->layout.nr_blocks * (uint64_t)BLOCK_PAGES;
	view->stats.state = GLASSRAM_STATE_LIVE;
	view->changed = SOURCE_COLUMNS | SOURCE_LAYOUT;
	return &s->source;

err_destroy:
	synthetic_destroy(&s->source);
err_memory:
	fprintf(stderr, "glassview: out of memory\n");
	return NULL;
}
