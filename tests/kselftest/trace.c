// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tracepoints, read by the tools that people have: perf and bpftrace, as
 * they come. What they see is compared with STATS and with the pages that the
 * target really wrote.
 *
 * Weak spot: a tool's own losses (a ring of perf that runs full) would look like
 * ours; so the tests that compare under load only count.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/userfaultfd.h>

#include "session.h"
#include "target.h"
#include "writers.h"

#include "kselftest_harness.h"

#define PAGES 64UL
#define EPOCHS 5
#define LOAD_PAGES 4096UL
#define LOAD_EPOCHS 40

/* A tool that traces while we do something: it runs go.sh, which waits for us. */
struct tool {
	char dir[32];
	char path[64]; /* path_in() */
	pid_t pid;
	int ready;
};

static const char *path_in(struct tool *tool, const char *name)
{
	snprintf(tool->path, sizeof(tool->path), "%s/%s", tool->dir, name);
	return tool->path;
}

static int make_script(struct tool *tool)
{
	FILE *f = fopen(path_in(tool, "go.sh"), "we");

	if (!f)
		return -errno;
	fprintf(f, "#!/bin/sh\necho >%s/ready\nread x <%s/go\n", tool->dir, tool->dir);
	fclose(f);
	return chmod(tool->path, 0755) ? -errno : 0;
}

static bool is_ready(struct tool *tool)
{
	struct pollfd ready = {.fd = tool->ready, .events = POLLIN};
	char c;

	/* Two minutes: a BPF compiler on an emulated machine takes its time. */
	for (int i = 0; i < 240; i++) {
		if (poll(&ready, 1, 500) == 1 && read(tool->ready, &c, 1) == 1)
			return true;
		if (waitpid(tool->pid, NULL, WNOHANG) == tool->pid)
			break;
	}
	return false;
}

/*
 * Start a tool. @format is its command line for sh, with $DIR for a folder of
 * its own and $DIR/go.sh for what it shall run. Return: once it traces: 0, or
 * -errno.
 */
static int tool_start(struct tool *tool, const char *command)
{
	strcpy(tool->dir, "/tmp/trace-XXXXXX");
	if (!mkdtemp(tool->dir) || mkfifo(path_in(tool, "ready"), 0600) ||
	    mkfifo(path_in(tool, "go"), 0600) || make_script(tool))
		return -errno;
	tool->ready = open(path_in(tool, "ready"), O_RDWR | O_NONBLOCK | O_CLOEXEC);
	tool->pid = fork();
	if (!tool->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		setenv("DIR", tool->dir, 1);
		execl("/bin/sh", "sh", "-c", command, NULL);
		_exit(127);
	}
	return is_ready(tool) ? 0 : -ESRCH;
}

/* Let the tool end. Return: its exit status. */
static int tool_finish(struct tool *tool)
{
	int go = open(path_in(tool, "go"), O_WRONLY | O_CLOEXEC), status = -1;

	if (go < 0 || write(go, "\n", 1) != 1)
		return -1;
	close(go);
	waitpid(tool->pid, &status, 0);
	close(tool->ready);
	return status;
}

static void tool_remove(struct tool *tool)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s", tool->dir);
	if (*tool->dir && system(command))
		perror(command);
}

static bool busy; /* the target writes all the time */
static struct writers writers;

static uint64_t next_value(void)
{
	static _Thread_local uint64_t value;

	return ++value;
}

/* What the target does next: shared[2]. The mapping's address: shared[3]. */
enum { WRITE, MAP, MAP_REFUSED, UNMAP };

static uint64_t map_pages(void)
{
	/* One that does not merge with its neighbours. */
	return (uintptr_t)mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

/* A mapping under a userfaultfd of the target's own. */
static uint64_t map_refused(void)
{
	struct uffdio_api api = {.api = UFFD_API};
	struct uffdio_register registration = {.mode = UFFDIO_REGISTER_MODE_MISSING};
	int uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);

	registration.range.start = map_pages();
	registration.range.len = PAGES * PAGE;
	if (uffd < 0 || ioctl(uffd, UFFDIO_API, &api) ||
	    ioctl(uffd, UFFDIO_REGISTER, &registration))
		return 0;
	return registration.range.start;
}

static int writing_target(struct target *t)
{
	volatile char *area = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	prctl(PR_SET_NAME, "traced");
	t->shared[0] = (uintptr_t)area;
	t->shared[1] = gettid();
	if (busy) {
		writers = (struct writers){
			.arena = writers_arena(ARENA_ANON, LOAD_PAGES),
			.pages = LOAD_PAGES,
			.count = t->shared + 8,
			.value = next_value,
		};
		if (!writers.arena)
			return 1;
		t->shared[0] = (uintptr_t)writers.arena;
		target_pause(t);
		if (writers_run(&writers))
			return 2;
	}
	for (;;) {
		target_pause(t);
		switch (t->shared[2]) {
		case WRITE: /* every other page, and none twice */
			for (unsigned long i = 0; i < PAGES; i += 2)
				area[i * PAGE]++;
			break;
		case MAP:
			t->shared[3] = map_pages();
			break;
		case MAP_REFUSED:
			t->shared[3] = map_refused();
			break;
		case UNMAP:
			munmap((void *)t->shared[3], PAGES * PAGE);
			break;
		}
	}
}

FIXTURE(trace)
{
	struct target target;
	struct session session;
	struct tool tool;
};

FIXTURE_SETUP(trace)
{
	memset(&self->tool, 0, sizeof(self->tool));
	busy = false;
	ASSERT_EQ(0, target_start(&self->target, writing_target));
	ASSERT_EQ(0, session_open(&self->session, self->target.pid));
	ASSERT_EQ(0, session_advance(&self->session, 0));
}

FIXTURE_TEARDOWN(trace)
{
	session_close(&self->session);
	target_kill(&self->target);
	tool_remove(&self->tool);
}

/* Some epochs, in each of which the target writes its pages. Return: hits of the session, or -1. */
static long let_write(FIXTURE_DATA(trace) *self)
{
	uint64_t before;

	if (session_stats(&self->session))
		return -1;
	before = self->session.stats.hits;
	for (int i = 0; i < EPOCHS; i++)
		if (session_advance(&self->session, 0) || target_next(&self->target))
			return -1;
	return session_stats(&self->session) ? -1 : (long)(self->session.stats.hits - before);
}

static uint64_t field(const char *line, const char *name)
{
	const char *at = strstr(line, name);

	return at ? strtoull(at + strlen(name), NULL, 0) : UINT64_MAX;
}

static uint64_t let_do(FIXTURE_DATA(trace) *self, int what)
{
	self->target.shared[2] = what;
	if (target_next(&self->target) || session_advance(&self->session, 0))
		return 0;
	return self->target.shared[3];
}

/* What one recording of perf said. */
struct record {
	uint32_t first_epoch;
	uint64_t hits;
	uint64_t wrong; /* of the area, but not of its writer */
	uint32_t seen[EPOCHS][PAGES];
	uint64_t advances;
	uint64_t armed;
	uint64_t unexplained;
	uint64_t added;
	uint64_t refused;
	uint64_t removed;
	/* About the mapping that came and went, and the one that was refused. */
	uint64_t came;
	uint64_t went;
	uint64_t was_refused;
};

static void take_hit(FIXTURE_DATA(trace) *self, struct record *r, const char *line)
{
	uint64_t address = field(line, " address="), area = self->target.shared[0];
	uint64_t epoch = field(line, " epoch=") - r->first_epoch;
	unsigned int tid = 0;
	char comm[32] = "";

	r->hits++;
	if (address < area || address >= area + PAGES * PAGE)
		return;
	if (sscanf(line, "%31s %u", comm, &tid) != 2 || strcmp(comm, "traced") ||
	    tid != self->target.shared[1] || address % PAGE || epoch >= EPOCHS ||
	    field(line, "session=") != self->session.stats.session || field(line, " target=") ||
	    field(line, " weight=") != 1 || !(field(line, " flags=") & 1) ||
	    field(line, " thread=") != session_owner(&self->session, address))
		r->wrong++;
	else
		r->seen[epoch][(address - area) / PAGE]++;
}

static void take_region(FIXTURE_DATA(trace) *self, struct record *r, const char *line)
{
	uint64_t start = field(line, " start=");
	bool whole = field(line, " end=") == start + PAGES * PAGE;

	r->added += strstr(line, " what=added") != NULL;
	r->refused += strstr(line, " what=refused") != NULL;
	r->removed += strstr(line, " what=removed") != NULL;
	if (whole && start == self->target.shared[4]) {
		r->came += strstr(line, " state=1 error=0 what=added") != NULL;
		r->went += strstr(line, " what=removed") != NULL;
	}
	if (whole && start == self->target.shared[3])
		r->was_refused += strstr(line, " state=2 error=16 what=refused") != NULL;
}

static int read_record(FIXTURE_DATA(trace) *self, struct record *r)
{
	char line[512], command[128];
	FILE *script;

	snprintf(command, sizeof(command), "perf script -i %s/data -F trace:comm,tid,event,trace",
		 self->tool.dir);
	script = popen(command, "re");
	if (!script)
		return -errno;
	while (fgets(line, sizeof(line), script)) {
		if (strstr(line, "glassram:hit:"))
			take_hit(self, r, line);
		if (strstr(line, "glassram:region:"))
			take_region(self, r, line);
		if (strstr(line, "glassram:advance:")) {
			r->advances++;
			r->armed += field(line, " armed=");
			r->unexplained += field(line, " unexplained=");
		}
	}
	return pclose(script);
}

/*
 * From the first ADVANCE of a session: each hit once, with the page, the epoch
 * and the thread that it belongs to; each tick; and of the regions, what came
 * less what went is what is there.
 */
TEST_F_TIMEOUT(trace, perf_record_has_what_happened, 200)
{
	struct session *s = &self->session;
	struct record r = {};
	long counted;

	session_close(s);
	ASSERT_EQ(0, tool_start(&self->tool,
		"exec perf record -q -a -B -e 'glassram:*' -o $DIR/data -- $DIR/go.sh"));
	ASSERT_EQ(0, session_open(s, self->target.pid));
	ASSERT_EQ(0, session_advance(s, 0));
	r.first_epoch = s->advanced.epoch + 1;
	counted = let_write(self);
	ASSERT_LE(EPOCHS * PAGES / 2, counted);
	self->target.shared[4] = let_do(self, MAP);
	ASSERT_NE(0, let_do(self, UNMAP));
	ASSERT_NE(0, let_do(self, MAP_REFUSED));
	/* On its way to its pause it writes to its stack: told, and not in STATS yet. */
	ASSERT_EQ(0, proc_freeze(self->target.pid));
	ASSERT_EQ(0, session_stats(s));
	ASSERT_EQ(0, tool_finish(&self->tool));
	ASSERT_EQ(0, read_record(self, &r));

	/* One of those that were deferred may turn out to be the same write as another. */
	EXPECT_LE(s->stats.hits, r.hits);
	EXPECT_GE(s->stats.hits + s->stats.deferred, r.hits);
	EXPECT_EQ(0, r.wrong);
	for (int e = 0; e < EPOCHS; e++)
		for (unsigned long i = 0; i < PAGES; i++)
			ASSERT_EQ(i % 2 ? 0 : 1, r.seen[e][i]);
	EXPECT_EQ(1 + EPOCHS + 3, r.advances);
	EXPECT_EQ(s->stats.armed, r.armed);
	EXPECT_EQ(0, r.unexplained);
	EXPECT_EQ(s->stats.regions + s->stats.refused, r.added + r.refused - r.removed);
	EXPECT_EQ(1, r.came);
	EXPECT_EQ(1, r.went);
	/* Arming by soft-dirty bits refuses no such mapping. */
	EXPECT_EQ(!arms_by_soft_dirty(), r.was_refused);
}

/* Lines of a file that hold a word. */
static long lines_with(const char *path, const char *word)
{
	FILE *f = fopen(path, "re");
	char line[1024];
	long lines = 0;

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f))
		lines += strstr(line, word) != NULL;
	fclose(f);
	return lines;
}

TEST_F_TIMEOUT(trace, perf_trace_shows_each_hit, 200)
{
	long counted, shown;

	ASSERT_EQ(0, tool_start(&self->tool, "exec perf trace -a -e glassram:hit -o $DIR/out -- $DIR/go.sh"));
	counted = let_write(self);
	ASSERT_LE(EPOCHS * PAGES / 2, counted);
	ASSERT_EQ(0, tool_finish(&self->tool));
	shown = lines_with(path_in(&self->tool, "out"), "glassram:hit(");
	EXPECT_LE(counted, shown);
	EXPECT_GE(counted + self->session.stats.deferred, shown);
}

/* A number behind a word, in a file that a tool wrote; -1 if it is not there. */
static long number_in(const char *path, const char *word)
{
	FILE *f = fopen(path, "re");
	char line[1024];
	long number = -1;

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f)) {
		const char *at = strstr(line, word);

		if (at)
			number = strtol(at + strlen(word), NULL, 0);
	}
	fclose(f);
	return number;
}

/*
 * Writers that never stop, and two who count at once what is written to an
 * area that had its slots before.
 */
TEST_F_TIMEOUT(trace, perf_and_bpftrace_count_each_hit_under_load, 200)
{
	struct session *s = &self->session;
	struct tool bpftrace = {};
	char command[320];
	uint64_t start, hits;

	session_close(s);
	target_kill(&self->target);
	busy = true;
	ASSERT_EQ(0, target_start(&self->target, writing_target));
	ASSERT_EQ(0, session_open(s, self->target.pid));
	ASSERT_EQ(0, session_advance(s, 0));
	start = self->target.shared[0];
	snprintf(command, sizeof(command),
		 "exec perf stat -a -x, -e glassram:hit --filter 'address >= %lu && address < %lu' -o $DIR/out -- sh $DIR/go.sh",
		 start, start + LOAD_PAGES * PAGE);
	ASSERT_EQ(0, tool_start(&self->tool, command));
	snprintf(command, sizeof(command),
		 "exec bpftrace -q -o $DIR/out -c \"sh $DIR/go.sh\" -e 'tracepoint:glassram:hit /args.address >= %lu && args.address < %lu/ { @n = count(); @w = sum(args.weight); }'",
		 start, start + LOAD_PAGES * PAGE);
	ASSERT_EQ(0, tool_start(&bpftrace, command));
	take_precedence();
	hits = session_area_hits(s, start, LOAD_PAGES * PAGE);
	ASSERT_EQ(0, target_next(&self->target));
	for (int i = 0; i < LOAD_EPOCHS; i++) {
		ASSERT_EQ(0, session_advance(s, 0));
		usleep(50000);
	}
	ASSERT_EQ(0, proc_freeze(self->target.pid));
	ASSERT_EQ(0, session_advance(s, 0));
	hits = session_area_hits(s, start, LOAD_PAGES * PAGE) - hits;
	ASSERT_EQ(0, tool_finish(&bpftrace));
	ASSERT_EQ(0, tool_finish(&self->tool));
	TH_LOG("%lu hits", hits);
	EXPECT_LE(20000, hits);
	EXPECT_EQ(hits, number_in(path_in(&self->tool, "out"), ""));
	EXPECT_EQ(hits, number_in(path_in(&bpftrace, "out"), "@n:"));
	/* Its count() has always been right, its sum() was once seen one short. */
	EXPECT_GE(hits, number_in(path_in(&bpftrace, "out"), "@w:"));
	EXPECT_LE(hits, number_in(path_in(&bpftrace, "out"), "@w:") + 1);
	tool_remove(&bpftrace);
}

TEST_HARNESS_MAIN
