// SPDX-License-Identifier: GPL-2.0-only
/*
 * Policies, really loaded: what they count, and what a refusal says.
 */
#define _GNU_SOURCE
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/capability.h>

#include "lib_target.h"

#include "kselftest_harness.h"

#define POLICIES "build/bpf/"
#define TEST_POLICIES "build/tests/kselftest/"

#define LOADED(spec, ret) ASSERT_EQ(glassram_policy_load(spec, ret), GLASSRAM_OK) \
	TH_LOG("%s", glassram_error_message())

#define MESSAGE_HAS(text) ASSERT_NE(strstr(glassram_error_message(), text), NULL) \
	TH_LOG("message: %s", glassram_error_message())

/* Older kernels arm by soft-dirty bits, and let no module offer policies. */
static bool kernel_has_none(void)
{
	struct glassram_query query;

	return !glassram_query(&query) && query.backends == GLASSRAM_BACKEND_SOFT_DIRTY &&
	       !(query.features & GLASSRAM_FEATURE_POLICY);
}

#define SKIP_WITHOUT_POLICIES() do { \
	if (kernel_has_none()) \
		SKIP(return, "on this kernel a module cannot offer policies"); \
} while (0)

FIXTURE(policy)
{
	struct target t;
	struct glassram_session *s;
	struct glassram_columns columns;
	struct glassram_layout layout;
	uint64_t first;
	uint64_t second;
};

FIXTURE_SETUP(policy)
{
	SKIP_WITHOUT_POLICIES();
	ASSERT_EQ(lib_target_start(&self->t), 0);
	self->first = lib_target_area(&self->t, 0);
	self->second = lib_target_area(&self->t, 1);
	ASSERT_EQ(glassram_attach(self->t.pid, NULL, &self->s), GLASSRAM_OK)
		TH_LOG("%s", glassram_error_message());
	ASSERT_EQ(glassram_advance(self->s, 0, NULL), GLASSRAM_OK);
	ASSERT_EQ(glassram_columns_init(self->s, &self->columns), GLASSRAM_OK);
	ASSERT_EQ(glassram_layout_init(self->s, &self->layout), GLASSRAM_OK);
}

FIXTURE_TEARDOWN(policy)
{
	glassram_layout_finish(&self->layout);
	glassram_columns_finish(&self->columns);
	glassram_detach(self->s);
	target_kill(&self->t);
}

static uint64_t hits(FIXTURE_DATA(policy) *self, uint64_t address, unsigned long pages)
{
	return lib_sum_hits(&self->columns, &self->layout, address, pages);
}

TEST_F(policy, default_counts_every_write)
{
	struct glassram_policy *policy;
	struct glassram_options options;
	struct glassram_query query;
	struct glassram_stats stats;

	LOADED(POLICIES "default.bpf.o", &policy);
	ASSERT_EQ(strncmp(glassram_policy_name(policy), "default-", 8), 0);
	ASSERT_EQ(glassram_query(&query), GLASSRAM_OK);
	ASSERT_EQ(query.policies, 1);
	ASSERT_EQ(glassram_set_policy(self->s, glassram_policy_name(policy)), GLASSRAM_OK);
	ASSERT_EQ(glassram_get_options(self->s, &options), GLASSRAM_OK);
	ASSERT_STREQ(options.policy, glassram_policy_name(policy));
	ASSERT_EQ(lib_target_write(&self->t, 0, self->first, 5), 0);
	ASSERT_EQ(lib_target_write(&self->t, 1, self->second, 6), 0);
	ASSERT_EQ(hits(self, self->first, LIB_AREA_PAGES), 5);
	ASSERT_EQ(hits(self, self->second, LIB_AREA_PAGES), 6);
	ASSERT_EQ(glassram_stats(self->s, &stats), GLASSRAM_OK);
	ASSERT_EQ(stats.rejected, 0);
	glassram_policy_unload(policy);
	ASSERT_EQ(glassram_query(&query), GLASSRAM_OK);
	ASSERT_EQ(query.policies, 0);
}

TEST_F(policy, comm_counts_only_threads_with_the_prefix)
{
	struct glassram_policy *policy;
	struct glassram_stats stats;

	LOADED(POLICIES "comm.bpf.o:comm_prefix=work", &policy);
	ASSERT_EQ(glassram_set_policy(self->s, glassram_policy_name(policy)), GLASSRAM_OK);
	ASSERT_EQ(lib_target_write(&self->t, 0, self->first, 5), 0);
	ASSERT_EQ(lib_target_write(&self->t, 1, self->second, 6), 0);
	ASSERT_EQ(hits(self, self->first, LIB_AREA_PAGES), 5);
	ASSERT_EQ(hits(self, self->second, LIB_AREA_PAGES), 0);
	ASSERT_EQ(glassram_stats(self->s, &stats), GLASSRAM_OK);
	ASSERT_GE(stats.rejected, 6);
	ASSERT_EQ(glassram_advance(self->s, 0, NULL), GLASSRAM_OK);
	ASSERT_EQ(glassram_stats(self->s, &stats), GLASSRAM_OK);
	ASSERT_EQ(stats.unexplained, 0);
	glassram_policy_unload(policy);
}

TEST_F(policy, comm_without_a_prefix_counts_all)
{
	struct glassram_policy *policy;

	LOADED(POLICIES "comm.bpf.o", &policy);
	ASSERT_EQ(glassram_set_policy(self->s, glassram_policy_name(policy)), GLASSRAM_OK);
	ASSERT_EQ(lib_target_write(&self->t, 1, self->second, 6), 0);
	ASSERT_EQ(hits(self, self->second, LIB_AREA_PAGES), 6);
	glassram_policy_unload(policy);
}

TEST_F(policy, one_in_n_counts_the_first_of_each_n_writes_of_a_page)
{
	struct glassram_policy *policy;
	struct glassram_stats stats;

	LOADED(POLICIES "one_in_n.bpf.o:n=3", &policy);
	ASSERT_EQ(glassram_set_policy(self->s, glassram_policy_name(policy)), GLASSRAM_OK);
	for (unsigned int k = 1; k <= 8; k++) {
		ASSERT_EQ(lib_target_write(&self->t, 0, self->first, 5), 0);
		/* One more of the same epoch is no write that anybody counts. */
		ASSERT_EQ(lib_target_write(&self->t, 1, self->first, 5), 0);
		/* These began later, and have a count of their own. */
		if (k > 1)
			ASSERT_EQ(lib_target_write(&self->t, 1, self->second, 4), 0);
		ASSERT_EQ(glassram_advance(self->s, 0, NULL), GLASSRAM_OK);
		ASSERT_EQ(hits(self, self->first, LIB_AREA_PAGES), 5 * ((k + 2) / 3));
		ASSERT_EQ(hits(self, self->second, LIB_AREA_PAGES), 4 * ((k + 1) / 3));
	}
	ASSERT_EQ(glassram_stats(self->s, &stats), GLASSRAM_OK);
	ASSERT_EQ(stats.unexplained, 0);
	ASSERT_EQ(stats.lost, 0);
	glassram_policy_unload(policy);
}

TEST_F(policy, one_in_one_counts_all)
{
	struct glassram_policy *policy;

	LOADED(POLICIES "one_in_n.bpf.o:n=1", &policy);
	ASSERT_EQ(glassram_set_policy(self->s, glassram_policy_name(policy)), GLASSRAM_OK);
	for (unsigned int k = 1; k <= 3; k++) {
		ASSERT_EQ(lib_target_write(&self->t, 0, self->first, 5), 0);
		ASSERT_EQ(glassram_advance(self->s, 0, NULL), GLASSRAM_OK);
		ASSERT_EQ(hits(self, self->first, LIB_AREA_PAGES), 5 * k);
	}
	glassram_policy_unload(policy);
}

/* The blind spot that bpf/comm.bpf.c warns of; if it ever closes, say so there. */
TEST_F(policy, a_rejected_write_hides_the_next_one_of_its_epoch)
{
	struct glassram_policy *policy;

	LOADED(POLICIES "comm.bpf.o:comm_prefix=work", &policy);
	ASSERT_EQ(glassram_set_policy(self->s, glassram_policy_name(policy)), GLASSRAM_OK);
	ASSERT_EQ(lib_target_write(&self->t, 1, self->first, 4), 0);
	ASSERT_EQ(lib_target_write(&self->t, 0, self->first, 4), 0);
	ASSERT_EQ(hits(self, self->first, LIB_AREA_PAGES), 0);
	ASSERT_EQ(glassram_advance(self->s, 0, NULL), GLASSRAM_OK);
	ASSERT_EQ(lib_target_write(&self->t, 0, self->first, 4), 0);
	ASSERT_EQ(hits(self, self->first, LIB_AREA_PAGES), 4);
	glassram_policy_unload(policy);
}

TEST_F(policy, weight_and_owner_are_the_policys)
{
	struct glassram_policy *policy;
	uint32_t slot;

	LOADED(TEST_POLICIES "policy_numbers.bpf.o:heavy=0x64,whose=77", &policy);
	ASSERT_EQ(glassram_set_policy(self->s, glassram_policy_name(policy)), GLASSRAM_OK);
	ASSERT_EQ(lib_target_write(&self->t, 0, self->first, 3), 0);
	ASSERT_EQ(hits(self, self->first, LIB_AREA_PAGES), 300);
	slot = glassram_layout_slot(&self->layout, self->first);
	ASSERT_EQ(self->columns.owner[slot], 77);
	glassram_policy_unload(policy);
}

TEST_F(policy, an_owner_out_of_range_is_ignored)
{
	struct glassram_policy *policy;
	uint32_t slot;

	LOADED(TEST_POLICIES "policy_numbers.bpf.o:whose=16384", &policy);
	ASSERT_EQ(glassram_set_policy(self->s, glassram_policy_name(policy)), GLASSRAM_OK);
	ASSERT_EQ(lib_target_write(&self->t, 0, self->first, 1), 0);
	slot = glassram_layout_slot(&self->layout, self->first);
	ASSERT_EQ(self->columns.hits[slot], 1);
	ASSERT_NE(self->columns.owner[slot], 16384);
	ASSERT_NE(self->columns.owner[slot], GLASSRAM_THREAD_NONE);
	glassram_policy_unload(policy);
}

TEST_F(policy, unloading_a_bound_policy_counts_every_write_again)
{
	struct glassram_policy *policy;
	struct glassram_options options;

	LOADED(POLICIES "comm.bpf.o:comm_prefix=nobody", &policy);
	ASSERT_EQ(glassram_set_policy(self->s, glassram_policy_name(policy)), GLASSRAM_OK);
	ASSERT_EQ(lib_target_write(&self->t, 0, self->first, 4), 0);
	ASSERT_EQ(hits(self, self->first, LIB_AREA_PAGES), 0);
	glassram_policy_unload(policy);
	ASSERT_EQ(glassram_get_options(self->s, &options), GLASSRAM_OK);
	ASSERT_STREQ(options.policy, "");
	ASSERT_EQ(glassram_advance(self->s, 0, NULL), GLASSRAM_OK);
	ASSERT_EQ(lib_target_write(&self->t, 0, self->first, 4), 0);
	ASSERT_EQ(hits(self, self->first, LIB_AREA_PAGES), 4);
}

TEST(one_file_can_be_loaded_twice)
{
	struct glassram_policy *one, *two;

	SKIP_WITHOUT_POLICIES();
	LOADED(POLICIES "comm.bpf.o:comm_prefix=a", &one);
	LOADED(POLICIES "comm.bpf.o:comm_prefix=b", &two);
	ASSERT_NE(strcmp(glassram_policy_name(one), glassram_policy_name(two)), 0);
	glassram_policy_unload(one);
	glassram_policy_unload(two);
	glassram_policy_unload(NULL);
}

/* Let the target write until the policy has decided on a few hundred more faults. */
static bool decide(struct glassram_session *s, bool rejects)
{
	struct glassram_stats before, now;

	if (glassram_stats(s, &before))
		return false;
	/* at 100 Hz: 20 s, for a machine that has other things to do */
	for (int i = 0; i < 2000; i++) {
		if (glassram_advance(s, GLASSRAM_ADVANCE_PACED, NULL) || glassram_stats(s, &now))
			return false;
		if ((rejects ? now.rejected - before.rejected : now.hits - before.hits) > 300)
			return true;
	}
	return false;
}

/* Unbinding waits for the hook, not for luck: the writer never stops meanwhile. */
TEST(policies_come_and_go_under_a_writer)
{
	struct glassram_policy *policy;
	struct glassram_session *s;
	struct glassram_stats stats;
	pid_t pid;

	SKIP_WITHOUT_POLICIES();
	pid = fork();
	if (!pid) {
		volatile char *area = malloc(256 * LIB_PAGE);

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			for (unsigned long i = 0; i < 256; i++)
				area[i * LIB_PAGE]++;
	}
	ASSERT_EQ(glassram_attach(pid, NULL, &s), GLASSRAM_OK)
		TH_LOG("%s", glassram_error_message());
	ASSERT_EQ(glassram_set_rate(s, 100), GLASSRAM_OK);
	for (int i = 0; i < 8; i++) {
		LOADED(i & 1 ? POLICIES "comm.bpf.o:comm_prefix=no" : POLICIES "default.bpf.o",
		       &policy);
		ASSERT_EQ(glassram_set_policy(s, glassram_policy_name(policy)), GLASSRAM_OK);
		ASSERT_TRUE(decide(s, i & 1));
		glassram_policy_unload(policy);
		ASSERT_TRUE(decide(s, false));
	}
	ASSERT_EQ(glassram_stats(s, &stats), GLASSRAM_OK);
	ASSERT_EQ(stats.lost, 0);
	ASSERT_EQ(stats.unexplained, 0);
	glassram_detach(s);
	kill(pid, SIGKILL);
}

static uint32_t registered(void)
{
	struct glassram_query query;

	return glassram_query(&query) ? UINT32_MAX : query.policies;
}

TEST(killing_the_loader_unregisters)
{
	struct glassram_policy *policy;
	int ready[2];
	char byte;
	pid_t pid;

	SKIP_WITHOUT_POLICIES();
	ASSERT_EQ(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		if (!glassram_policy_load(POLICIES "default.bpf.o", &policy) &&
		    write(ready[1], "", 1) == 1)
			pause();
		_exit(1);
	}
	ASSERT_EQ(read(ready[0], &byte, 1), 1);
	ASSERT_EQ(registered(), 1);
	/* the type belongs to the module, so the module may not go now */
	ASSERT_NE(system("rmmod glassram 2>/dev/null"), 0);
	ASSERT_EQ(kill(pid, SIGKILL), 0);
	for (unsigned int i = 0; i < 100 * test_slowness() && registered(); i++)
		usleep(50000);
	ASSERT_EQ(registered(), 0);
}

TEST(the_verifiers_reason_is_told)
{
	struct glassram_policy *policy = (void *)1;

	SKIP_WITHOUT_POLICIES();
	ASSERT_EQ(glassram_policy_load(TEST_POLICIES "policy_broken.bpf.o", &policy),
		  GLASSRAM_ERR_POLICY) TH_LOG("%s", glassram_error_message());
	TH_LOG("%s", glassram_error_message());
	MESSAGE_HAS("policy_broken.bpf.o");
	MESSAGE_HAS("invalid mem access 'scalar'");
	MESSAGE_HAS("return *(volatile __u32 *)address;");
	ASSERT_EQ(strchr(glassram_error_message(), '\n'), NULL);
	ASSERT_EQ(policy, (void *)1);
}

TEST(what_cannot_be_set_is_told)
{
	struct glassram_policy *policy;

	SKIP_WITHOUT_POLICIES();
	ASSERT_EQ(glassram_policy_load(POLICIES "comm.bpf.o:prefix=x", &policy),
		  GLASSRAM_ERR_INVALID);
	MESSAGE_HAS("no variable prefix");
	ASSERT_EQ(glassram_policy_load(POLICIES "comm.bpf.o:comm_prefix=0123456789abcdef", &policy),
		  GLASSRAM_ERR_INVALID);
	MESSAGE_HAS("15 characters at most");
	ASSERT_EQ(glassram_policy_load(TEST_POLICIES "policy_numbers.bpf.o:heavy=much", &policy),
		  GLASSRAM_ERR_INVALID);
	MESSAGE_HAS("\"much\" is not a number");
	ASSERT_EQ(glassram_policy_load(TEST_POLICIES "policy_numbers.bpf.o:heavy=0x100000000",
				       &policy), GLASSRAM_ERR_INVALID);
	MESSAGE_HAS("too large");
	ASSERT_EQ(glassram_policy_load(POLICIES "comm.bpf.o:comm_prefix", &policy),
		  GLASSRAM_ERR_INVALID);
	MESSAGE_HAS("NAME=VALUE");
}

TEST(not_a_policy)
{
	struct glassram_policy *policy;

	SKIP_WITHOUT_POLICIES();
	ASSERT_EQ(glassram_policy_load("no/such.bpf.o", &policy), GLASSRAM_ERR_POLICY);
	MESSAGE_HAS("no/such.bpf.o");
	MESSAGE_HAS("make bpf");
	ASSERT_EQ(glassram_policy_load("Makefile", &policy), GLASSRAM_ERR_POLICY);
	MESSAGE_HAS("not a BPF object file");
}

/* Become an ordinary user in group glassram who holds just these capabilities. */
static int become_user_with(uint64_t capabilities)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];
	struct group *group = getgrnam("glassram");

	if (!group || setgroups(1, &group->gr_gid) || prctl(PR_SET_KEEPCAPS, 1) || setuid(65534))
		return -1;
	for (int i = 0; i < 2; i++) {
		data[i].effective = capabilities >> (32 * i);
		data[i].permitted = capabilities >> (32 * i);
		data[i].inheritable = 0;
	}
	return syscall(SYS_capset, &header, data);
}

TEST(without_capabilities)
{
	struct glassram_policy *policy;

	SKIP_WITHOUT_POLICIES();
	ASSERT_EQ(become_user_with(0), 0);
	ASSERT_EQ(glassram_policy_load(POLICIES "default.bpf.o", &policy),
		  GLASSRAM_ERR_PERMISSION);
	MESSAGE_HAS("CAP_BPF");
	MESSAGE_HAS("sudo");
}

TEST(cap_sys_admin_is_enough)
{
	struct glassram_policy *policy;

	SKIP_WITHOUT_POLICIES();
	ASSERT_EQ(become_user_with(1ULL << CAP_SYS_ADMIN), 0);
	LOADED(POLICIES "comm.bpf.o:comm_prefix=x", &policy);
	glassram_policy_unload(policy);
}

TEST(cap_bpf_and_cap_perfmon_are_not)
{
	struct glassram_policy *policy;

	SKIP_WITHOUT_POLICIES();
	ASSERT_EQ(become_user_with(1ULL << CAP_BPF | 1ULL << CAP_PERFMON), 0);
	ASSERT_EQ(glassram_policy_load(POLICIES "comm.bpf.o", &policy), GLASSRAM_ERR_PERMISSION)
		TH_LOG("%s", glassram_error_message());
	MESSAGE_HAS("CAP_SYS_ADMIN");
}

TEST_HARNESS_MAIN
