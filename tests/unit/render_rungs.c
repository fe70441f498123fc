// SPDX-License-Identifier: GPL-2.0-only
/*
 * The rungs of the import: every one that works gives the same pixels and shows
 * what the CPU writes later; one that does not says why.
 *
 * A rung that this machine's driver does not have is skipped, with its reason;
 * the upload rung has to work everywhere.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <glassram/hilbert.h>

#include "render_scene.h"
#include "tap.h"

#define SLOTS (1U << 16)
#define WIDTH 640
#define HEIGHT 480

static uint8_t *reference;

/* The picture after 20 epochs, and after one write more. */
static void test_rung(enum mapper_rung rung)
{
	const char *name = mapper_rung_name(rung);
	size_t bytes = (size_t)WIDTH * HEIGHT * 4;
	struct scene scene;
	uint32_t after;

	if (scene_open(&scene, SLOTS, rung, WIDTH, HEIGHT) || scene_tick(&scene, 20) ||
	    scene_draw(&scene)) {
		tap_check(false, "%s: a scene", name);
		scene_close(&scene);
		return;
	}
	tap_check(mapper_begin_frame(scene.mapper)->rung == rung, "%s: this rung is used", name);
	mapper_end_frame(scene.mapper);
	scene.target.bare = true;
	scene.now += 0.1;
	scene_draw(&scene);
	if (!reference) {
		reference = malloc(bytes);
		memcpy(reference, scene.pixels, bytes);
	}
	tap_check(!memcmp(reference, scene.pixels, bytes), "%s: the same pixels as any other", name);
	/* The next moment there is: too near for anything to age or fade. */
	scene.now = nextafter(scene.now, INFINITY);
	scene_draw(&scene);
	tap_check(!memcmp(reference, scene.pixels, bytes), "%s: a moment later nothing differs",
		  name);

	/* No import, no layout: only the CPU writes. */
	scene.now = nextafter(scene.now, INFINITY);
	for (uint32_t slot = 0; slot < GLASSRAM_BLOCK_SLOTS; slot++)
		source_synthetic_hit(scene.source, slot, 1);
	scene_draw(&scene);
	after = (uint32_t)memcmp(reference, scene.pixels, bytes);
	tap_check(after, "%s: a write after the import shows in the next picture", name);
	scene_close(&scene);
}

static void test_self_test(void)
{
	struct source *source = source_synthetic_create(SLOTS);
	struct mapper_verdict verdict;
	enum mapper_rung best;
	int fd;

	source_synthetic_tick(source);
	best = mapper_self_test(-1, &source->view.columns, MAPPER_RUNGS, &verdict);
	tap_check(best != MAPPER_AUTO, "the self-test finds a rung: %s", mapper_rung_name(best));
	tap_check(verdict.rung[MAPPER_UPLOAD].tested && !*verdict.rung[MAPPER_UPLOAD].cause,
		  "upload always works");
	for (enum mapper_rung rung = MAPPER_VIEW; rung < MAPPER_UPLOAD; rung++)
		tap_check(verdict.rung[rung].tested, "'%s' was tried: %s", mapper_rung_name(rung),
			  *verdict.rung[rung].cause ? verdict.rung[rung].cause : "works");
	for (enum mapper_rung rung = MAPPER_UPLOAD; rung > MAPPER_AUTO; rung--) {
		if (*verdict.rung[rung].cause)
			tap_skip(mapper_rung_name(rung), verdict.rung[rung].cause);
		else
			test_rung(rung);
	}

	/* A buffer that nothing can import. */
	fd = source->view.columns.dmabuf_fd;
	source->view.columns.dmabuf_fd = -1;
	best = mapper_self_test(-1, &source->view.columns, MAPPER_AUTO, &verdict);
	tap_check(best == MAPPER_UPLOAD && *verdict.rung[MAPPER_VIEW].cause,
		  "what is no buffer falls to upload, with a cause: %s",
		  verdict.rung[MAPPER_VIEW].cause);
	best = mapper_self_test(-1, &source->view.columns, MAPPER_VIEW, &verdict);
	tap_check(best == MAPPER_AUTO && !verdict.rung[MAPPER_UPLOAD].tested,
		  "a forced rung that fails is not replaced");
	source->view.columns.dmabuf_fd = fd;

	/* Columns that reach beyond the buffer, or lie in it as no driver can read. */
	source->view.columns.columns[1].rows += 1U << 16;
	best = mapper_self_test(-1, &source->view.columns, MAPPER_RUNGS, &verdict);
	tap_check(best == MAPPER_AUTO && strstr(verdict.rung[MAPPER_UPLOAD].cause, "ends at byte"),
		  "a column beyond the buffer: %s", verdict.rung[MAPPER_UPLOAD].cause);
	source->view.columns.columns[1].rows -= 1U << 16;
	source->view.columns.columns[0].stride += 64;
	best = mapper_self_test(-1, &source->view.columns, MAPPER_RUNGS, &verdict);
	tap_check(best == MAPPER_AUTO && strstr(verdict.rung[MAPPER_UPLOAD].cause, "stride"),
		  "another stride: %s", verdict.rung[MAPPER_UPLOAD].cause);
	source->view.columns.columns[0].stride -= 64;
	source->view.columns.nr_columns = 1;
	best = mapper_self_test(-1, &source->view.columns, MAPPER_RUNGS, &verdict);
	tap_check(best == MAPPER_AUTO && strstr(verdict.rung[MAPPER_UPLOAD].cause, "no column"),
		  "a missing column: %s", verdict.rung[MAPPER_UPLOAD].cause);
	source->destroy(source);
}

/* The comparison must notice wrong pixels: the mapping is not what GL reads. */
static void test_liar(void)
{
	struct source *source = source_synthetic_create(SLOTS);
	struct glassram_columns columns = source->view.columns;
	struct mapper_verdict verdict;
	uint32_t *lie = malloc(columns.bytes);

	for (int i = 0; i < 20; i++)
		source_synthetic_tick(source);
	memcpy(lie, columns.map, columns.bytes);
	for (size_t i = 0; i < columns.bytes / 4; i++)
		lie[i] += 3;
	columns.map = lie;
	mapper_self_test(-1, &columns, MAPPER_VIEW, &verdict);
	tap_check(*verdict.rung[MAPPER_VIEW].cause, "wrong pixels are noticed: %s",
		  verdict.rung[MAPPER_VIEW].cause);
	free(lie);
	source->destroy(source);
}

/* A driver that crashes takes the child with it, and nothing else. */
static void test_crash(void)
{
	struct source *source = source_synthetic_create(SLOTS);
	struct glassram_columns columns = source->view.columns;
	struct mapper_verdict verdict;
	enum mapper_rung best;
	void *hole = mmap(NULL, columns.bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	columns.map = hole;
	best = mapper_self_test(-1, &columns, MAPPER_RUNGS, &verdict);
	tap_check(best == MAPPER_AUTO && strstr(verdict.rung[MAPPER_UPLOAD].cause, "crashed"),
		  "a crash is a cause: %s", verdict.rung[MAPPER_UPLOAD].cause);
	for (enum mapper_rung rung = MAPPER_VIEW; rung < MAPPER_RUNGS; rung++)
		tap_check(verdict.rung[rung].tested, "and '%s' is tried all the same: %s",
			  mapper_rung_name(rung), verdict.rung[rung].cause);
	munmap(hole, columns.bytes);
	source->destroy(source);
}

static void test_names(void)
{
	enum mapper_rung rung = MAPPER_AUTO;

	tap_check(!mapper_rung_parse("unpack", &rung) && rung == MAPPER_UNPACK, "a rung by name");
	tap_check(mapper_rung_parse("nonesuch", &rung) && rung == MAPPER_UNPACK,
		  "no rung of that name");
	tap_check(egl_has_extension("EGL_A EGL_AB EGL_C", "EGL_AB") &&
		  !egl_has_extension("EGL_ABC EGL_C", "EGL_AB") &&
		  !egl_has_extension("XEGL_AB", "EGL_AB") && !egl_has_extension(NULL, "EGL_AB"),
		  "extensions are matched as whole words");
}

int main(void)
{
	test_names();
	test_self_test();
	test_liar();
	test_crash();
	free(reference);
	return tap_end();
}
