// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attaching and closing over and over leaves nothing behind: objects of any
 * slab cache, pages, page tables of the target, open files, address spaces.
 * Beside it stress-ng forks, maps and switches.
 *
 * What one round leaves is multiplied by the rounds, and so stands out from
 * what the machine does anyway: a leak of one object in each round fails.
 * RACE_ROUNDS=5 makes a thousand rounds.
 *
 * Weak spot: a leak of less than one object or page a round is not seen.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "race.h"

#include "kselftest_harness.h"

#define ROUNDS 200
#define CACHES 512
/* Freeing goes on for a while: by RCU, by workers, in batches. */
#define SETTLE_TRIES 20

struct cache {
	char name[64];
	long objects;
};

struct usage {
	struct cache caches[CACHES];
	int nr_caches;
	long free_kb; /* memory that is or can be made free */
	long percpu_kb;
	long vmalloc_kb;
	long files; /* open in the whole system */
	long own_files;
	long page_tables_kb; /* of the target */
	long glassram_vmallocs;
};

static long count_lines(const char *path, const char *with)
{
	char line[512];
	long count = 0;
	FILE *file = fopen(path, "re");

	while (file && fgets(line, sizeof(line), file))
		count += strstr(line, with) != NULL;
	if (file)
		fclose(file);
	return count;
}

static long count_own_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	long count = 0;

	while (dir && readdir(dir))
		count++;
	if (dir)
		closedir(dir);
	return count;
}

/* Give back what each CPU keeps for the next time: it would count as in use. */
static void shrink_caches(void)
{
	DIR *dir = opendir("/sys/kernel/slab");
	struct dirent *entry;
	char path[512];

	while (dir && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/sys/kernel/slab/%s/shrink", entry->d_name);
		race_write_file(path, "1");
	}
	if (dir)
		closedir(dir);
}

static int look(struct usage *now, pid_t target)
{
	char line[512];
	FILE *file;

	memset(now, 0, sizeof(*now));
	/* Caches of files and names come and go with whatever was read. */
	if (race_write_file("/proc/sys/vm/drop_caches", "3"))
		return -1;
	shrink_caches();
	file = fopen("/proc/slabinfo", "re");
	if (!file)
		return -1;
	while (fgets(line, sizeof(line), file) && now->nr_caches < CACHES) {
		struct cache *c = &now->caches[now->nr_caches];

		now->nr_caches += sscanf(line, "%63s %ld", c->name, &c->objects) == 2;
	}
	fclose(file);
	file = fopen("/proc/sys/fs/file-nr", "re");
	if (!file || fscanf(file, "%ld", &now->files) != 1)
		return -1;
	fclose(file);
	now->free_kb = race_meminfo_kb("MemAvailable");
	now->percpu_kb = race_meminfo_kb("Percpu");
	now->vmalloc_kb = race_meminfo_kb("VmallocUsed");
	now->own_files = count_own_files();
	now->page_tables_kb = proc_status_kb(target, "VmPTE");
	now->glassram_vmallocs = count_lines("/proc/vmallocinfo", "glassram");
	return 0;
}

static long objects(const struct usage *u, const char *name)
{
	for (int i = 0; i < u->nr_caches; i++)
		if (!strcmp(u->caches[i].name, name))
			return u->caches[i].objects;
	return 0;
}

/* The cache that has grown most. Return: by how many objects. */
static long most_grown(const struct usage *before, const struct usage *now, const char **ret_name)
{
	long most = 0;

	*ret_name = "none";
	for (int i = 0; i < now->nr_caches; i++) {
		long more = now->caches[i].objects - objects(before, now->caches[i].name);

		if (more <= most)
			continue;
		most = more;
		*ret_name = now->caches[i].name;
	}
	return most;
}

static pid_t start_stress(void)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpgid(0, 0);
	if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr))
		_exit(1);
	execlp("stress-ng", "stress-ng", "--vm", "1", "--vm-bytes", "8M", "--fork", "1",
	       "--mmap", "1", "--mmap-bytes", "4M", "--switch", "1", NULL);
	_exit(127);
}

static void stop_stress(pid_t pid)
{
	int status;

	/* It ends its workers and waits for them. */
	kill(pid, SIGTERM);
	for (int i = 0; i < 3000 && !waitpid(pid, &status, WNOHANG); i++)
		usleep(10000);
	kill(-pid, SIGKILL);
}

FIXTURE(race_growth)
{
	struct target target;
	struct unloader unloader;
	pid_t stress;
};

FIXTURE_VARIANT(race_growth)
{
	bool unload;
};

FIXTURE_VARIANT_ADD(race_growth, alone) {};
FIXTURE_VARIANT_ADD(race_growth, beside_rmmod) {.unload = true};

FIXTURE_SETUP(race_growth)
{
	self->stress = 0;
	self->unloader = (struct unloader){0};
	ASSERT_EQ(0, target_start(&self->target, racing_target));
	self->target.shared[RACE_REST] = 2000;
	race_go(&self->target);
}

FIXTURE_TEARDOWN(race_growth)
{
	unloader_stop(&self->unloader);
	if (self->stress > 0)
		kill(-self->stress, SIGKILL);
	target_kill(&self->target);
}

static void attach_and_close(struct __test_metadata *_metadata, pid_t pid, unsigned int rounds)
{
	for (unsigned int i = 0; i < rounds; i++) {
		struct session s;
		int err = race_open(&s, pid);

		ASSERT_EQ(0, err) TH_LOG("attach: %s", strerror(-err));
		ASSERT_EQ(0, session_advance(&s, 0));
		session_close(&s);
	}
}

static struct usage before, now;

TEST_F_TIMEOUT(race_growth, attach_and_close_leave_nothing, 1800)
{
	unsigned int rounds = race_rounds(ROUNDS);
	const char *name = "none";
	uint64_t begun;
	long grown = 0;
	int status;

	/* The first rounds fill what is kept for the next ones. */
	attach_and_close(_metadata, self->target.pid, 10);
	EXPECT_EQ(0, race_unarmed(self->target.pid));
	sleep(1);
	ASSERT_EQ(0, look(&before, self->target.pid));
	ASSERT_EQ(0, look(&before, self->target.pid));

	self->stress = start_stress();
	ASSERT_LT(0, self->stress);
	usleep(300000);
	begun = now_ns();
	if (variant->unload) {
		/* The module is loaded anew in most of these: seconds on a busy machine. */
		ASSERT_EQ(0, unloader_start(&self->unloader));
		attach_and_close(_metadata, self->target.pid, rounds / 10);
		RACE_EXPECT_UNLOADS(&self->unloader);
	}
	attach_and_close(_metadata, self->target.pid, rounds);
	begun = now_ns() - begun;
	ASSERT_EQ(0, waitpid(self->stress, &status, WNOHANG))
		TH_LOG("stress-ng ended by itself with %d", WEXITSTATUS(status));
	stop_stress(self->stress);
	self->stress = 0;

	EXPECT_EQ(0, race_unarmed(self->target.pid));
	for (int i = 0; i < SETTLE_TRIES; i++) {
		ASSERT_EQ(0, look(&now, self->target.pid));
		grown = most_grown(&before, &now, &name);
		if (grown < (long)rounds / 2 && now.files <= before.files)
			break;
		usleep(500000);
	}
	TH_LOG("%u rounds in %ju ms; cache grown most: %s, by %ld objects; mm_struct %+ld; files %+ld; free %+ld kB; percpu %+ld kB; vmalloc %+ld kB; VmPTE %+ld kB",
	       rounds, (uintmax_t)begun / 1000000, name, grown,
	       objects(&now, "mm_struct") - objects(&before, "mm_struct"),
	       now.files - before.files, now.free_kb - before.free_kb,
	       now.percpu_kb - before.percpu_kb, now.vmalloc_kb - before.vmalloc_kb,
	       now.page_tables_kb - before.page_tables_kb);
	EXPECT_GT(rounds, grown);
	/* The smallest thing that a session is made of: one page, or 4 B on each CPU. */
	EXPECT_GT(rounds * 4, before.free_kb - now.free_kb);
	EXPECT_GE(before.percpu_kb + 64, now.percpu_kb);
	EXPECT_EQ(0, now.glassram_vmallocs);
	EXPECT_EQ(before.own_files, now.own_files);
	/* The kernel adds these up in batches of 32 on each CPU. */
	EXPECT_GT(before.files + (long)rounds / 2, now.files);
	EXPECT_GE(before.page_tables_kb + before.page_tables_kb / 100, now.page_tables_kb);
	EXPECT_EQ(0, race_end(&self->target));
}

TEST_HARNESS_MAIN
