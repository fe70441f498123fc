// SPDX-License-Identifier: GPL-2.0-only
/*
 * Real programs, watched from their start to their end: they exit with 0, say
 * what they say unwatched, and leave nothing unexplained and nothing lost.
 *
 * Weak spot: a program is watched from just after its exec, so its very first
 * writes are not seen; and of programs that fork, one process is watched.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>

#include "session.h"

#include "kselftest_harness.h"

#define TICK_MS (1000 / GLASSRAM_RATE_DEFAULT)
#define OUTPUT "/tmp/programs.out"

FIXTURE(programs)
{
	pid_t pid; /* what was started */
	struct session session;
};

FIXTURE_SETUP(programs)
{
	self->session = (struct session){.fd = -1, .mem_fd = -1, .pagemap_fd = -1,
					 .counters_fd = -1};
	if (access("/tmp", W_OK))
		SKIP(return, "no /tmp");
}

FIXTURE_TEARDOWN(programs)
{
	session_close(&self->session);
	if (self->pid > 0) {
		kill(-self->pid, SIGKILL);
		waitpid(self->pid, NULL, 0);
	}
	unlink(OUTPUT);
}

/* Start a command (found in PATH) in a process group of its own; returns after its exec. */
static pid_t start(char *const argv[])
{
	int ready[2];
	char c;
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC))
		return -1;
	pid = fork();
	if (!pid) {
		int out = open(OUTPUT, O_WRONLY | O_CREAT | O_TRUNC, 0600);

		setpgid(0, 0);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(out, 1);
		dup2(out, 2);
		execvp(argv[0], argv);
		write(ready[1], "f", 1);
		_exit(127);
	}
	close(ready[1]);
	/* Closes without a word when the exec has been done. */
	if (read(ready[0], &c, 1) == 1)
		pid = -1;
	close(ready[0]);
	return pid;
}

static const char *output(void)
{
	static char text[65536];
	int fd = open(OUTPUT, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

	text[n < 0 ? 0 : n] = 0;
	close(fd);
	return text;
}

/* Advance at the client's rhythm: a tick, or at once when a new mapping waits. */
static int watch_once(struct session *s)
{
	struct pollfd p = {.fd = s->fd, .events = POLLPRI};

	poll(&p, 1, TICK_MS);
	return session_advance(s, 0);
}

/* Watch until the address space ends. Return: the number of epochs, or -errno. */
static int watch(struct session *s)
{
	int epochs = 0, err;

	while (!(err = watch_once(s)))
		epochs++;
	return err == -ESRCH ? epochs : err;
}

static void judge(struct __test_metadata *_metadata, struct session *s, const char *name)
{
	ASSERT_EQ(0, session_stats(s));
	TH_LOG("%s: %u epochs, %ju hits, %ju deferred, %u regions, %ju pages, %u threads", name,
	       s->stats.epoch, (uintmax_t)s->stats.hits, (uintmax_t)s->stats.deferred,
	       s->stats.regions, (uintmax_t)s->stats.pages, s->stats.threads);
	EXPECT_LT(0, s->stats.hits);
	EXPECT_EQ(0, s->stats.lost);
	EXPECT_EQ(0, s->stats.unexplained)
		TH_LOG("%ju unexplained", (uintmax_t)s->stats.unexplained);
}

/* Watch a command from its start to its end. */
static void watch_command(struct __test_metadata *_metadata, FIXTURE_DATA(programs) *self,
			  char *const argv[])
{
	int status = -1;

	self->pid = start(argv);
	ASSERT_LT(0, self->pid)
		TH_LOG("%s does not start: is it installed in the lab?", argv[0]);
	ASSERT_EQ(0, session_open(&self->session, self->pid));
	EXPECT_LE(0, watch(&self->session));
	waitpid(self->pid, &status, 0);
	self->pid = 0;
	EXPECT_EQ(0, status)
		TH_LOG("%s ended with %x and said: %s", argv[0], status, output());
	judge(_metadata, &self->session, argv[0]);
}

TEST_F_TIMEOUT(programs, python, 60)
{
	static const char script[] =
		"import threading\n"
		"d = {}\n"
		"def work(n):\n"
		"    for i in range(4000): d[n, i] = [i] * 3\n"
		"t = [threading.Thread(target=work, args=(n,)) for n in range(4)]\n"
		"[x.start() for x in t]; [x.join() for x in t]\n"
		"print(sum(len(v) + v[0] for v in d.values()))\n";

	watch_command(_metadata, self, (char *[]){"python3", "-c", (char *)script, NULL});
	EXPECT_STREQ("32040000\n", output());
}

TEST_F_TIMEOUT(programs, node, 90)
{
	static const char script[] =
		"let m = new Map(); for (let i = 0; i < 15000; i++) m.set(i, 'v' + i);"
		"let s = 0; for (const [k, v] of m) s += k + v.length; console.log(s);";

	watch_command(_metadata, self, (char *[]){"node", "-e", (char *)script, NULL});
	EXPECT_STREQ("112571390\n", output());
}

TEST_F_TIMEOUT(programs, compiler, 120)
{
	char cc1[256] = "";
	FILE *pipe = popen("gcc -print-prog-name=cc1", "r"), *source;

	ASSERT_NE(NULL, pipe);
	ASSERT_NE(NULL, fgets(cc1, sizeof(cc1), pipe));
	pclose(pipe);
	cc1[strcspn(cc1, "\n")] = 0;
	source = fopen("/tmp/programs.c", "we");
	ASSERT_NE(NULL, source);
	fprintf(source, "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n");
	for (int i = 0; i < 30; i++)
		fprintf(source, "int f%d(int x) { int s = 0; for (int i = 0; i < x; i++) "
			"s += i * %d ^ (s >> 3); printf(\"%%d\", s); return s; }\n", i, i);
	fclose(source);
	watch_command(_metadata, self, (char *[]){cc1, "-quiet", "-O1", "-imultiarch",
		"x86_64-linux-gnu", "/tmp/programs.c", "-o", "/tmp/programs.s", NULL});
	EXPECT_EQ(0, system("gcc -c /tmp/programs.s -o /tmp/programs.o && "
			    "test \"$(nm /tmp/programs.o | grep -c ' T ')\" = 30"));
	system("rm -f /tmp/programs.[cso]");
}

TEST_F_TIMEOUT(programs, xz, 60)
{
	ASSERT_EQ(0, system("seq 120000 >/tmp/programs.txt"));
	watch_command(_metadata, self, (char *[]){"xz", "-kf", "-2", "-T2", "--block-size=200000",
		"/tmp/programs.txt", NULL});
	EXPECT_EQ(0, system("xz -dc /tmp/programs.txt.xz | cmp - /tmp/programs.txt"));
	system("rm -f /tmp/programs.txt*");
}

TEST_F_TIMEOUT(programs, sqlite, 60)
{
	watch_command(_metadata, self, (char *[]){"sqlite3", ":memory:",
		"create table t(a integer primary key, b text);"
		"with recursive n(i) as (select 1 union all select i + 1 from n where i < 20000)"
		" insert into t select i, 'row ' || i from n;"
		"create index x on t(b); delete from t where a % 3 = 0;"
		"select count(*), sum(a) from t where b like 'row 1%';", NULL});
	EXPECT_STREQ("7409|101010101\n", output());
}

TEST_F_TIMEOUT(programs, redis, 90)
{
	struct session *s = &self->session;
	int status = -1, result = -1;
	uint64_t end;
	pid_t client;

	self->pid = start((char *[]){"redis-server", "--port", "0", "--unixsocket",
		"/tmp/programs.sock", "--save", "", "--appendonly", "no", NULL});
	ASSERT_LT(0, self->pid);
	ASSERT_EQ(0, session_open(s, self->pid));
	end = now_ns() + patience_ns(20000);
	while (access("/tmp/programs.sock", W_OK) && now_ns() < end)
		ASSERT_EQ(0, watch_once(s));
	client = fork();
	if (!client) {
		int null = open("/dev/null", O_WRONLY);

		dup2(null, 1);
		dup2(null, 2);
		result = system("redis-benchmark -s /tmp/programs.sock -q -n 600 -c 5 -r 1000 "
				"-t set,lpush,incr && "
				"redis-cli -s /tmp/programs.sock set answer 42 && "
				"test \"$(redis-cli -s /tmp/programs.sock get answer)\" = 42");
		system("redis-cli -s /tmp/programs.sock shutdown nosave");
		_exit(WEXITSTATUS(result));
	}
	EXPECT_LE(0, watch(s));
	waitpid(client, &result, 0);
	EXPECT_EQ(0, result);
	waitpid(self->pid, &status, 0);
	self->pid = 0;
	EXPECT_EQ(0, status);
	judge(_metadata, s, "redis-server");
}

/* A child of a process, once it has one. Return: -1 if none comes within @ms. */
static pid_t child_of(pid_t parent, int ms)
{
	char path[64], text[256] = "";
	uint64_t end = now_ns() + patience_ns((uint64_t)ms);

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)parent, (int)parent);
	while (now_ns() < end) {
		int fd = open(path, O_RDONLY | O_CLOEXEC);

		if (fd >= 0 && read(fd, text, sizeof(text) - 1) > 0) {
			close(fd);
			return (pid_t)strtol(text, NULL, 10);
		}
		close(fd);
		usleep(5000);
	}
	return -1;
}

/*
 * stress-ng's own verification judges the memory. Its worker leaves the work
 * to a child, so that it survives when that one runs out of memory.
 */
static void stress(struct __test_metadata *_metadata, FIXTURE_DATA(programs) *self,
		   char *const argv[])
{
	struct session *s = &self->session;
	pid_t worker, child;
	int status = -1;

	self->pid = start(argv);
	ASSERT_LT(0, self->pid);
	worker = child_of(self->pid, 20000);
	ASSERT_LT(0, worker);
	child = child_of(worker, 5000);
	ASSERT_LT(0, child);
	ASSERT_EQ(0, session_open(s, child));
	EXPECT_LE(0, watch(s));
	waitpid(self->pid, &status, 0);
	self->pid = 0;
	EXPECT_EQ(0, status)
		TH_LOG("stress-ng said: %s", output());
	EXPECT_NE(NULL, strstr(output(), "passed: 1"));
	judge(_metadata, s, argv[1]);
	EXPECT_LT(100, s->stats.hits);
}

TEST_F_TIMEOUT(programs, stress_vm, 60)
{
	stress(_metadata, self, (char *[]){"stress-ng", "--vm", "1", "--vm-bytes", "4M",
		"--vm-method", "rand-sum", "--verify", "--timeout", "2s", NULL});
}

TEST_F_TIMEOUT(programs, stress_mmap, 60)
{
	stress(_metadata, self, (char *[]){"stress-ng", "--mmap", "1", "--mmap-bytes", "4M",
		"--verify", "--timeout", "2s", NULL});
}

TEST_F_TIMEOUT(programs, stress_mremap, 60)
{
	stress(_metadata, self, (char *[]){"stress-ng", "--mremap", "1", "--mremap-bytes", "4M",
		"--verify", "--timeout", "2s", NULL});
}

TEST_HARNESS_MAIN
