// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module's functions for BPF programs: what they say is what the columns
 * hold, who may not call them cannot, and sessions may come and go meanwhile.
 */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kfunc_read.h"
#include "lib_target.h"

#include "kselftest_harness.h"

#define PROGRAMS "build/tests/kselftest/"
#define EPOCHS 5
#define ROUNDS 60

/* All that libbpf said last: the verifier's reason, too. */
static char said[65536];

static int keep(enum libbpf_print_level level, const char *format, va_list args)
{
	size_t used = strlen(said);

	if (level > LIBBPF_INFO || used >= sizeof(said) - 1)
		return 0;
	return vsnprintf(said + used, sizeof(said) - used, format, args);
}

/* Return: the loaded object, or NULL. @only: load just this program. */
static struct bpf_object *load(const char *path, const char *only)
{
	struct bpf_object *object;
	struct bpf_program *program;
	struct bpf_map *map;

	said[0] = 0;
	libbpf_set_print(keep);
	object = bpf_object__open_file(path, NULL);
	if (!object)
		return NULL;
	bpf_object__for_each_program(program, object)
		if (only)
			bpf_program__set_autoload(program,
						  !strcmp(bpf_program__name(program), only));
	bpf_object__for_each_map(map, object)
		if (only && bpf_map__type(map) == BPF_MAP_TYPE_STRUCT_OPS)
			bpf_map__set_autocreate(map, !strcmp(only, "ssthresh"));
	if (!bpf_object__load(object))
		return object;
	bpf_object__close(object);
	return NULL;
}

/* Return: 0, or -errno of the program's start; the answer is in @q. */
static int ask(const struct bpf_object *object, struct kfunc_question *q)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = q, .ctx_size_in = sizeof(*q));

	return bpf_prog_test_run_opts(bpf_program__fd(bpf_object__find_program_by_name(object,
										      "ask")),
				      &opts);
}

/* The variables of the object, as it declares them. */
struct variables {
	uint64_t session;
	uint64_t first;
	uint64_t last;
	uint64_t hits;
	uint64_t not_counted;
	uint64_t other_here;
};

FIXTURE(kfunc)
{
	struct target t;
	struct glassram_session *s;
	struct glassram_columns columns;
	struct glassram_layout layout;
	struct glassram_stats stats;
	struct bpf_object *object;
	uint64_t first;
};

FIXTURE_SETUP(kfunc)
{
	struct glassram_query query;

	ASSERT_EQ(GLASSRAM_OK, glassram_query(&query));
	if (!(query.features & GLASSRAM_FEATURE_KFUNCS)) {
		/* Above 6.9 there is no excuse for it. */
		ASSERT_EQ(0, query.features & GLASSRAM_FEATURE_POLICY);
		SKIP(return, "this kernel has no struct_ops of modules, hence no functions");
	}
	ASSERT_EQ(0, lib_target_start(&self->t));
	self->first = lib_target_area(&self->t, 0);
	ASSERT_EQ(GLASSRAM_OK, glassram_attach(self->t.pid, NULL, &self->s))
		TH_LOG("%s", glassram_error_message());
	ASSERT_EQ(GLASSRAM_OK, glassram_advance(self->s, 0, NULL));
	ASSERT_EQ(GLASSRAM_OK, glassram_columns_init(self->s, &self->columns));
	ASSERT_EQ(GLASSRAM_OK, glassram_layout_init(self->s, &self->layout));
	ASSERT_EQ(GLASSRAM_OK, glassram_stats(self->s, &self->stats));
	self->object = load(PROGRAMS "kfunc_read.bpf.o", NULL);
	ASSERT_NE(NULL, self->object) TH_LOG("%s", said);
}

FIXTURE_TEARDOWN(kfunc)
{
	bpf_object__close(self->object);
	glassram_layout_finish(&self->layout);
	glassram_columns_finish(&self->columns);
	glassram_detach(self->s);
	target_kill(&self->t);
}

TEST_F(kfunc, slot_tells_what_the_columns_hold)
{
	for (int epoch = 0; epoch < EPOCHS; epoch++) {
		/* Fewer pages each time, by one thread and the other. */
		ASSERT_EQ(0, lib_target_write(&self->t, epoch % 2, self->first,
					      LIB_AREA_PAGES / (epoch + 1)));
		ASSERT_EQ(GLASSRAM_OK, glassram_advance(self->s, 0, NULL));
	}
	ASSERT_EQ(GLASSRAM_OK, glassram_stats(self->s, &self->stats));
	for (unsigned long i = 0; i < LIB_AREA_PAGES; i++) {
		struct kfunc_question q = {
			.session = self->stats.session,
			.address = self->first + i * LIB_PAGE + i,
		};
		uint32_t slot = glassram_layout_slot(&self->layout, self->first + i * LIB_PAGE);

		ASSERT_EQ(0, ask(self->object, &q));
		ASSERT_EQ(0, q.result);
		ASSERT_EQ(slot, q.slot);
		ASSERT_LE(1, q.hits);
		ASSERT_EQ(self->columns.hits[slot], q.hits);
		ASSERT_EQ(self->columns.stamp[slot], q.stamp);
		ASSERT_EQ(self->columns.owner[slot], q.owner);
		ASSERT_EQ(self->stats.epoch, q.epoch);
	}
}

TEST_F(kfunc, what_is_not_there_is_told)
{
	struct kfunc_question q = {.session = self->stats.session, .address = self->first};

	ASSERT_EQ(0, ask(self->object, &q));
	ASSERT_EQ(0, q.result);
	/* Nobody watches the test itself. */
	ASSERT_EQ(-ESRCH, q.here_result);
	q.session = self->stats.session + 1000;
	ASSERT_EQ(0, ask(self->object, &q));
	ASSERT_EQ(-ESRCH, q.result);
	q.session = self->stats.session + (1ULL << 32);
	ASSERT_EQ(0, ask(self->object, &q));
	ASSERT_EQ(-ESRCH, q.result);
	q.session = self->stats.session;
	q.target = 77;
	ASSERT_EQ(0, ask(self->object, &q));
	ASSERT_EQ(-ESRCH, q.result);
	q.target = 0;
	q.odd_size = 1;
	ASSERT_EQ(0, ask(self->object, &q));
	ASSERT_EQ(-EINVAL, q.result);
	q.odd_size = 0;
	q.address = self->first + (1ULL << 40);
	ASSERT_EQ(0, ask(self->object, &q));
	ASSERT_EQ(-ENOENT, q.result);
	q.address = ~0ULL;
	ASSERT_EQ(0, ask(self->object, &q));
	ASSERT_EQ(-ENOENT, q.result);
	glassram_detach(self->s);
	self->s = NULL;
	q.address = self->first;
	ASSERT_EQ(0, ask(self->object, &q));
	ASSERT_EQ(-ESRCH, q.result);
}

/* A tracing program inside the hook: the hit that it is told of is counted already. */
TEST_F(kfunc, a_tracing_program_reads_them_at_each_hit)
{
	struct bpf_program *program = bpf_object__find_program_by_name(self->object, "on_hit");
	struct bpf_map *map = bpf_object__find_map_by_name(self->object, ".bss");
	struct bpf_link *link;
	struct variables v = {}, after;
	uint32_t zero = 0;

	ASSERT_EQ(sizeof(v), bpf_map__value_size(map));
	v.session = self->stats.session;
	v.first = self->first;
	v.last = self->first + LIB_AREA_PAGES * LIB_PAGE;
	ASSERT_EQ(0, bpf_map__update_elem(map, &zero, sizeof(zero), &v, sizeof(v), 0));
	link = bpf_program__attach(program);
	ASSERT_NE(NULL, link) TH_LOG("%s", said);
	for (int epoch = 0; epoch < EPOCHS; epoch++) {
		ASSERT_EQ(GLASSRAM_OK, glassram_advance(self->s, 0, NULL));
		ASSERT_EQ(0, lib_target_write(&self->t, 0, self->first, LIB_AREA_PAGES));
	}
	ASSERT_EQ(0, bpf_map__lookup_elem(map, &zero, sizeof(zero), &after, sizeof(after), 0));
	bpf_link__destroy(link);
	ASSERT_EQ(EPOCHS * LIB_AREA_PAGES, after.hits);
	ASSERT_EQ(0, after.not_counted);
	ASSERT_EQ(0, after.other_here);
}

/* The functions are asked without a pause while the session that they read is torn down. */
static void *keep_asking(void *arg)
{
	struct kfunc_question *q = arg;
	struct bpf_object *object = load(PROGRAMS "kfunc_read.bpf.o", "ask");

	for (q->pad = 0; object && !__atomic_load_n(&q->odd_size, __ATOMIC_RELAXED);) {
		struct kfunc_question now = *q;

		if (ask(object, &now))
			break;
		q->pad += !now.result;
	}
	bpf_object__close(object);
	return NULL;
}

TEST_F_TIMEOUT(kfunc, sessions_come_and_go_while_they_are_asked, 120)
{
	struct kfunc_question q = {.address = self->first};
	pthread_t thread;
	uint32_t seen = 0;

	ASSERT_EQ(0, pthread_create(&thread, NULL, keep_asking, &q));
	for (int i = 0; i < ROUNDS; i++) {
		glassram_detach(self->s);
		self->s = NULL;
		ASSERT_EQ(GLASSRAM_OK, glassram_attach(self->t.pid, NULL, &self->s));
		ASSERT_EQ(GLASSRAM_OK, glassram_stats(self->s, &self->stats));
		__atomic_store_n(&q.session, self->stats.session, __ATOMIC_RELAXED);
		ASSERT_EQ(GLASSRAM_OK, glassram_advance(self->s, 0, NULL));
		/* Until it was answered from this session, so that there is a race at all. */
		for (unsigned int wait = 0; wait < 1000 * test_slowness() &&
		     __atomic_load_n(&q.pad, __ATOMIC_RELAXED) == seen; wait++)
			usleep(1000);
		ASSERT_NE(seen, q.pad);
		seen = q.pad;
	}
	q.odd_size = 1;
	pthread_join(thread, NULL);
}

TEST_F(kfunc, the_module_stays_while_a_program_calls_it)
{
	glassram_detach(self->s);
	self->s = NULL;
	ASSERT_NE(0, system("rmmod glassram 2>/dev/null"));
	ASSERT_EQ(0, access("/sys/module/glassram", F_OK));
}

TEST_F(kfunc, other_struct_ops_and_socket_filters_may_not_call)
{
	static const char *const programs[] = {"ssthresh", "filter"};

	for (int i = 0; i < 2; i++) {
		struct bpf_object *object = load(PROGRAMS "kfunc_foreign.bpf.o", programs[i]);

		ASSERT_EQ(NULL, object);
		ASSERT_NE(NULL, strstr(said, "calling kernel function bpf_glassram_current is not allowed"))
			TH_LOG("%s", said);
	}
}

TEST_HARNESS_MAIN
