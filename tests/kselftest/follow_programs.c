// SPDX-License-Identifier: GPL-2.0-only
/*
 * Following real programs: a compiler driver under make, a shell, a server with
 * forked workers. What the kernel's own process accounting says is the truth:
 * every process of the family must have been seen to start and to end, and each
 * that ran for more than 50 ms must have been watched.
 *
 * How long each ran before it was watched is printed, and not judged: it depends
 * on what else the machine does.
 *
 * Weak spot: accounting knows processes, not address spaces: of a process that
 * ran long enough only the last program is asked for.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/acct.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glassram/glassram.h>

#include "kselftest_harness.h"

#define DIR "/tmp/follow"
#define ACCOUNTS DIR "/accounts"
#define OUTPUT DIR "/output"

/* A process that ran no longer than this need not be watched at all. */
#define BAR_MS 50
/* A process that ran so long has run the last of its programs for more than the bar. */
#define SURE_MS 150

/* Accounting may be off by so much. */
#define TICK_MS 20

#define PROCESSES 1024
#define EVENTS 8192

#define MASK (1ULL << GLASSRAM_EVENT_FORK | 1ULL << GLASSRAM_EVENT_EXEC | \
	      1ULL << GLASSRAM_EVENT_EXIT | 1ULL << GLASSRAM_EVENT_TARGET)

/* One process as accounting knew it when it ended. */
struct process {
	pid_t pid;
	pid_t parent;
	uint32_t status;
	bool only_forked;
	bool family;
	uint32_t cpu_ms;
	char comm[ACCT_COMM + 1];
};

FIXTURE(follow)
{
	pid_t pid;
	int go; /* the program starts when this closes */
	struct glassram_session *session;
	struct glassram_stream *stream;
	struct glassram_follow *follow;
	pthread_t ticker;
	atomic_bool ended;
	bool accounted; /* this kernel has process accounting */
	struct glassram_event *events;
	size_t nr_events;
	struct process *processes;
	size_t nr_processes;
	struct glassram_target *targets;
	size_t nr_targets;
	unsigned int missed;
};

/* Accounting has a floating-point format of its own: 3 bits of exponent to base 8. */
static uint32_t milliseconds(comp_t time)
{
	return ((uint32_t)(time & 0x1fff) << 3 * (time >> 13)) * (1000 / AHZ);
}

static bool read_accounts(FIXTURE_DATA(follow) *self)
{
	FILE *file = fopen(ACCOUNTS, "r");
	struct acct_v3 record;

	if (!file)
		return false;
	while (self->nr_processes < PROCESSES && fread(&record, sizeof(record), 1, file) == 1) {
		struct process *p = &self->processes[self->nr_processes++];

		p->pid = record.ac_pid;
		p->parent = record.ac_ppid;
		p->status = record.ac_exitcode;
		p->only_forked = record.ac_flag & AFORK;
		p->cpu_ms = milliseconds(record.ac_utime) + milliseconds(record.ac_stime);
		memcpy(p->comm, record.ac_comm, ACCT_COMM);
	}
	fclose(file);
	return self->nr_processes < PROCESSES;
}

/* Who descends from this test: it adopts orphans. */
static void find_family(FIXTURE_DATA(follow) *self)
{
	bool more = true;

	while (more) {
		more = false;
		for (size_t i = 0; i < self->nr_processes; i++) {
			struct process *p = &self->processes[i];
			bool mine = p->parent == getpid();

			for (size_t j = 0; j < self->nr_processes && !mine; j++)
				mine = self->processes[j].family &&
				       self->processes[j].pid == p->parent;
			more |= mine && !p->family;
			p->family |= mine;
		}
	}
}

FIXTURE_SETUP(follow)
{
	int go[2];

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	mkdir(DIR, 0755);
	self->events = calloc(EVENTS, sizeof(*self->events));
	self->processes = calloc(PROCESSES, sizeof(*self->processes));
	ASSERT_EQ(0, pipe2(go, O_CLOEXEC));
	self->go = go[1];
	self->pid = fork();
	if (!self->pid) {
		char c;

		close(go[1]);
		setpgid(0, 0);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (read(go[0], &c, 1))
			_exit(126);
		dup2(open(OUTPUT, O_WRONLY | O_CREAT | O_TRUNC, 0600), 1);
		execl("/bin/sh", "sh", DIR "/run", (char *)NULL);
		_exit(127);
	}
	close(go[0]);
	ASSERT_LT(0, self->pid);
}

FIXTURE_TEARDOWN(follow)
{
	glassram_follow_stop(self->follow);
	glassram_events_close(self->stream);
	glassram_detach(self->session);
	acct(NULL);
	kill(-self->pid, SIGKILL);
	while (waitpid(-1, NULL, 0) > 0)
		;
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	if (!file)
		return;
	fputs(text, file);
	fclose(file);
}

static void *tick(void *data)
{
	FIXTURE_DATA(follow) *self = data;

	while (!glassram_advance(self->session, GLASSRAM_ADVANCE_PACED, NULL))
		;
	self->ended = true;
	return NULL;
}

static void on_missed(void *data, pid_t pid, enum glassram_error why, const char *message)
{
	unsigned int *missed = data;

	(void)why;
	++*missed;
	printf("# process %d is not followed: %s\n", pid, message);
}

/* Watch, and let the program start. */
static void begin(struct __test_metadata *_metadata, FIXTURE_DATA(follow) *self)
{
	const struct glassram_follow_settings settings = {
		.size = sizeof(settings),
		.keep = GLASSRAM_MAX_TARGETS,
		.missed = on_missed,
		.data = &self->missed,
	};

	write_file(ACCOUNTS, "");
	self->accounted = !acct(ACCOUNTS);
	ASSERT_TRUE(self->accounted || errno == ENOSYS) TH_LOG("acct: %s", strerror(errno));
	ASSERT_EQ(GLASSRAM_OK, glassram_attach(self->pid, NULL, &self->session))
		TH_LOG("%s", glassram_error_message());
	ASSERT_EQ(GLASSRAM_OK, glassram_events_open(self->session, MASK, 16384, &self->stream))
		TH_LOG("%s", glassram_error_message());
	ASSERT_EQ(GLASSRAM_OK, glassram_follow_start(self->session, &settings, &self->follow))
		TH_LOG("%s", glassram_error_message());
	ASSERT_EQ(GLASSRAM_OK, glassram_advance(self->session, 0, NULL));
	ASSERT_EQ(0, pthread_create(&self->ticker, NULL, tick, self));
	close(self->go);
}

/* Take events until the whole family is gone. */
static void finish(struct __test_metadata *_metadata, FIXTURE_DATA(follow) *self)
{
	size_t nr = 0;

	while ((nr || !self->ended) && self->nr_events < EVENTS) {
		ASSERT_EQ(GLASSRAM_OK,
			  glassram_events_read(self->stream, self->events + self->nr_events,
					       EVENTS - self->nr_events, 100, &nr))
			TH_LOG("%s", glassram_error_message());
		self->nr_events += nr;
	}
	ASSERT_GT(EVENTS, self->nr_events);
	pthread_join(self->ticker, NULL);
	ASSERT_EQ(GLASSRAM_OK, glassram_targets(self->session, &self->targets, &self->nr_targets));
	while (waitpid(-1, NULL, 0) > 0)
		;
	acct(NULL);
	ASSERT_TRUE(read_accounts(self));
	find_family(self);
}

static unsigned int count(FIXTURE_DATA(follow) *self, uint32_t type, pid_t pid)
{
	unsigned int nr = 0;

	for (size_t i = 0; i < self->nr_events; i++) {
		const struct glassram_event *event = &self->events[i];
		pid_t about = type == GLASSRAM_EVENT_FORK ? (pid_t)event->value :
							    (pid_t)event->tgid;

		nr += event->type == type && (!pid || about == pid);
	}
	return nr;
}

static const struct glassram_target *target_of(FIXTURE_DATA(follow) *self, uint32_t id)
{
	for (size_t i = 0; i < self->nr_targets; i++)
		if (self->targets[i].id == id)
			return &self->targets[i];
	return NULL;
}

/* The target that the last program of a process became, or any of its targets. */
static const struct glassram_target *find_target(FIXTURE_DATA(follow) *self, pid_t pid,
						 bool last_program)
{
	const struct glassram_target *found = NULL;

	for (size_t i = 0; i < self->nr_events; i++) {
		const struct glassram_event *event = &self->events[i];
		const struct glassram_target *target;

		if (event->type == GLASSRAM_EVENT_EXEC && (pid_t)event->tgid == pid &&
		    last_program)
			found = NULL;
		if (event->type != GLASSRAM_EVENT_TARGET)
			continue;
		target = target_of(self, event->target);
		if (target && (pid_t)target->tgid == pid)
			found = target;
	}
	return found;
}

static uint32_t exit_status(FIXTURE_DATA(follow) *self, pid_t pid)
{
	for (size_t i = 0; i < self->nr_events; i++)
		if (self->events[i].type == GLASSRAM_EVENT_EXIT &&
		    (pid_t)self->events[i].tgid == pid)
			return (uint32_t)self->events[i].value;
	return UINT32_MAX;
}

/* Every process of the family, against what the events say of it. */
static void compare_events(struct __test_metadata *_metadata, FIXTURE_DATA(follow) *self)
{
	unsigned int family = 0;

	for (size_t i = 0; i < self->nr_processes; i++) {
		const struct process *p = &self->processes[i];
		bool root = p->pid == self->pid;

		if (!p->family)
			continue;
		family++;
		EXPECT_EQ(!root, count(self, GLASSRAM_EVENT_FORK, p->pid))
			TH_LOG("forks of %d (%s)", p->pid, p->comm);
		EXPECT_EQ(1, count(self, GLASSRAM_EVENT_EXIT, p->pid))
			TH_LOG("exits of %d (%s)", p->pid, p->comm);
		EXPECT_EQ(p->status, exit_status(self, p->pid))
			TH_LOG("exit status of %d (%s)", p->pid, p->comm);
		EXPECT_EQ(!p->only_forked, !!count(self, GLASSRAM_EVENT_EXEC, p->pid))
			TH_LOG("execs of %d (%s)", p->pid, p->comm);
	}
	EXPECT_EQ(family, count(self, GLASSRAM_EVENT_EXIT, 0));
	EXPECT_EQ(family - 1, count(self, GLASSRAM_EVENT_FORK, 0));
}

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Every process that ran long enough was watched. */
static void compare_targets(struct __test_metadata *_metadata, FIXTURE_DATA(follow) *self)
{
	double run[PROCESSES], late[PROCESSES];
	size_t nr = 0;

	for (size_t i = 0; i < self->nr_processes; i++) {
		const struct process *p = &self->processes[i];
		const struct glassram_target *target;

		if (!p->family || p->cpu_ms <= BAR_MS)
			continue;
		target = find_target(self, p->pid, p->cpu_ms > SURE_MS);
		EXPECT_NE(NULL, target)
			TH_LOG("%d (%s) ran %u ms and was not watched", p->pid, p->comm,
			       p->cpu_ms);
		if (!target)
			continue;
		EXPECT_LE(target->late_run_ns / 1000000, p->cpu_ms + TICK_MS)
			TH_LOG("%d (%s) ran %u ms in all", p->pid, p->comm, p->cpu_ms);
		run[nr] = target->late_run_ns / 1e6;
		late[nr++] = target->late_ns / 1e6;
	}
	ASSERT_LT(0, nr);
	qsort(run, nr, sizeof(*run), by_value);
	qsort(late, nr, sizeof(*late), by_value);
	TH_LOG("%zu processes ran more than %d ms; before they were watched they ran %.1f ms (median), %.1f ms (most), in %.1f ms, %.1f ms",
	       nr, BAR_MS, run[nr / 2], run[nr - 1], late[nr / 2], late[nr - 1]);
}

static void judge(struct __test_metadata *_metadata, FIXTURE_DATA(follow) *self)
{
	struct glassram_follow_figures figures;
	struct glassram_stats stats;

	if (self->accounted) {
		compare_events(_metadata, self);
		compare_targets(_metadata, self);
	}
	EXPECT_EQ(0, count(self, GLASSRAM_EVENT_LOST, 0));
	glassram_follow_figures(self->follow, &figures);
	ASSERT_EQ(GLASSRAM_OK, glassram_stats(self->session, &stats));
	TH_LOG("%ju forks, %ju execs, %ju exits; %ju targets added, %ju gone before, latest after %.1f ms run; %ju hits",
	       (uintmax_t)figures.forks, (uintmax_t)figures.execs, (uintmax_t)figures.exits,
	       (uintmax_t)figures.added, (uintmax_t)figures.gone, figures.late_run_ns_max / 1e6,
	       (uintmax_t)stats.hits);
	EXPECT_EQ(0, self->missed);
	EXPECT_EQ(0, figures.missed);
	EXPECT_EQ(count(self, GLASSRAM_EVENT_FORK, 0), figures.forks);
	EXPECT_EQ(count(self, GLASSRAM_EVENT_EXEC, 0), figures.execs);
	EXPECT_LT(0, stats.hits);
	EXPECT_EQ(0, stats.lost);
	EXPECT_EQ(0, stats.unexplained);
	/* SKIP would hide what failed before. */
	if (!self->accounted && __test_passed(_metadata))
		SKIP(return, "followed without an error, but not compared: no process accounting in this kernel");
}

/* What the program printed. */
static const char *output(void)
{
	static char text[4096];
	int fd = open(OUTPUT, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

	text[n < 0 ? 0 : n] = 0;
	close(fd);
	return text;
}

TEST_F_TIMEOUT(follow, make_and_gcc, 250)
{
	write_file(DIR "/Makefile", "all: one.o two.o three.o\n\tgcc -o program $^\n"
				    "%.o: %.c\n\tgcc -O2 -c -o $@ $<\n");
	write_file(DIR "/one.c", "#include <stdio.h>\nint two(int); int three(int);\n"
				 "int main(void) { printf(\"%d\\n\", two(20) + three(1)); }\n");
	write_file(DIR "/two.c", "#include <stdlib.h>\n#include <string.h>\n"
				 "int two(int x) { return 2 * x; }\n");
	write_file(DIR "/three.c", "int three(int x) { return x + 1; }\n");
	write_file(DIR "/run", "cd " DIR " && make -s -j2 >&2 && ./program\n");
	begin(_metadata, self);
	finish(_metadata, self);
	EXPECT_STREQ("42\n", output());
	judge(_metadata, self);
}

TEST_F_TIMEOUT(follow, a_shell_that_forks_and_execs, 120)
{
	write_file(DIR "/run",
		   "for i in 1 2 3 4 5 6 7 8 9 10; do /bin/true; done\n"
		   "count() { i=0; while [ $i -lt 60000 ]; do i=$((i + 1)); done; echo $i; }\n"
		   "a=$(count)\n"
		   "count | cat >/dev/null & b=$(count); wait\n"
		   "bash -c 'exec sh -c \"exec sleep 0.2\"'\n"
		   "echo $a $b\n");
	begin(_metadata, self);
	finish(_metadata, self);
	EXPECT_STREQ("60000 60000\n", output());
	judge(_metadata, self);
}

#define WORKERS 4
#define REQUESTS 24

static const char server[] =
	"import os, signal, socket, sys\n"
	"s = socket.socket()\n"
	"s.bind(('127.0.0.1', 0))\n"
	"s.listen(64)\n"
	"def work():\n"
	"    area = bytearray(1 << 20)\n"
	"    n = 0\n"
	"    while True:\n"
	"        c, _ = s.accept()\n"
	"        c.recv(100)\n"
	"        n += 1\n"
	"        for i in range(40 * 256):\n"
	"            area[i % 256 * 4096] = n & 255\n"
	"        c.sendall(b'%d' % os.getpid())\n"
	"        c.close()\n"
	"workers = []\n"
	"for _ in range(4):\n"
	"    pid = os.fork()\n"
	"    if not pid:\n"
	"        work()\n"
	"    workers.append(pid)\n"
	"def stop(*_):\n"
	"    for pid in workers:\n"
	"        os.kill(pid, signal.SIGKILL)\n"
	"        os.waitpid(pid, 0)\n"
	"    sys.exit(3)\n"
	"signal.signal(signal.SIGTERM, stop)\n"
	"print(s.getsockname()[1], flush=True)\n"
	"while True:\n"
	"    signal.pause()\n";

/* Ask the server once. Return: the worker that answered, or 0. */
static pid_t ask(uint16_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char answer[16] = "";

	if (!connect(fd, (struct sockaddr *)&address, sizeof(address)) &&
	    write(fd, "hello", 5) == 5)
		recv(fd, answer, sizeof(answer) - 1, MSG_WAITALL);
	close(fd);
	return atoi(answer);
}

static uint64_t hits_of(struct glassram_session *session, pid_t pid)
{
	struct glassram_thread *threads = NULL;
	uint64_t hits = 0;
	size_t nr = 0;

	if (glassram_threads(session, &threads, &nr, NULL))
		return 0;
	for (size_t i = 0; i < nr; i++)
		hits += (pid_t)threads[i].tgid == pid ? threads[i].hits : 0;
	free(threads);
	return hits;
}

TEST_F_TIMEOUT(follow, a_server_with_forked_workers, 120)
{
	pid_t workers[REQUESTS];
	uint16_t port = 0;

	write_file(DIR "/server.py", server);
	write_file(DIR "/run", "exec python3 " DIR "/server.py\n");
	begin(_metadata, self);
	for (int i = 0; i < 600 && !port; i++) {
		usleep(100000);
		port = atoi(output());
	}
	ASSERT_NE(0, port);
	sleep(2);
	for (int i = 0; i < REQUESTS; i++) {
		workers[i] = ask(port);
		ASSERT_LT(0, workers[i]);
	}
	for (int i = 0; i < REQUESTS; i++)
		EXPECT_LE(256, hits_of(self->session, workers[i]));
	kill(self->pid, SIGTERM);
	finish(_metadata, self);
	EXPECT_EQ(3 << 8, exit_status(self, self->pid));
	EXPECT_EQ(WORKERS, count(self, GLASSRAM_EVENT_FORK, 0));
	for (int i = 0; i < REQUESTS; i++)
		EXPECT_NE(NULL, find_target(self, workers[i], true));
	judge(_metadata, self);
}

TEST_HARNESS_MAIN
