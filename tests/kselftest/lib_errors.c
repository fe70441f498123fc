// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each refusal names its cause and its cure, as whoever it happens to: users
 * of the lab's root are glass (in group glassram) and nobody2 (in no group).
 *
 * Weak spot: rmmod in one test leaves the module unloaded for a moment, so
 * these cases cannot run beside another test program.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib_target.h"

#include "kselftest_harness.h"

#define REFUSED(code, call) ASSERT_EQ(call, code) \
	TH_LOG("%s: %s", glassram_error_name(code), glassram_error_message())

#define MESSAGE_HAS(text) ASSERT_NE(strstr(glassram_error_message(), text), NULL) \
	TH_LOG("message: %s", glassram_error_message())

/* Each test runs in a process of its own, so there is no way back to root. */
static int become(const char *user)
{
	struct passwd *entry = getpwnam(user);

	if (!entry || initgroups(user, entry->pw_gid) || setgid(entry->pw_gid) ||
	    setuid(entry->pw_uid))
		return -1;
	/* a change of uid clears it, and then not even our own children may look */
	return prctl(PR_SET_DUMPABLE, 1);
}

static int write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	if (!file)
		return -1;
	fputs(text, file);
	return fclose(file);
}

/* A process that only sleeps. */
static pid_t sleeper(void)
{
	pid_t pid = fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execlp("sleep", "sleep", "1000", (char *)NULL);
		_exit(127);
	}
	/* exec is over when comm has changed */
	for (int i = 0; pid > 0 && i < 1000; i++) {
		char path[64], comm[32] = "";
		FILE *file;

		snprintf(path, sizeof(path), "/proc/%d/comm", pid);
		file = fopen(path, "r");
		if (file && fgets(comm, sizeof(comm), file) && !strcmp(comm, "sleep\n")) {
			fclose(file);
			return pid;
		}
		if (file)
			fclose(file);
		usleep(10000);
	}
	return -1;
}

TEST(no_group)
{
	struct glassram_query query;

	ASSERT_EQ(become("nobody2"), 0);
	REFUSED(GLASSRAM_ERR_DEVICE_PERMISSION, glassram_query(&query));
	MESSAGE_HAS("nobody2");
	MESSAGE_HAS("group glassram");
	MESSAGE_HAS("sudo usermod -aG glassram nobody2");
}

TEST(a_member_of_the_group_watches_its_own_process)
{
	struct glassram_session *s;
	struct target t;

	ASSERT_EQ(become("glass"), 0);
	ASSERT_EQ(lib_target_start(&t), 0);
	ASSERT_EQ(glassram_attach(t.pid, NULL, &s), GLASSRAM_OK)
		TH_LOG("%s", glassram_error_message());
	ASSERT_EQ(glassram_advance(s, 0, NULL), GLASSRAM_OK);
	glassram_detach(s);
	target_kill(&t);
}

TEST(a_member_of_the_group_may_not_watch_roots_process)
{
	struct glassram_session *s;

	ASSERT_EQ(become("glass"), 0);
	REFUSED(GLASSRAM_ERR_PERMISSION, glassram_attach(1, NULL, &s));
	MESSAGE_HAS("belongs to root (uid 0)");
	MESSAGE_HAS("you are glass");
	MESSAGE_HAS("sudo");
}

TEST(ptrace_scope)
{
	struct glassram_session *s;
	pid_t pid, child;
	int status;

	if (write_file("/proc/sys/kernel/yama/ptrace_scope", "1"))
		SKIP(return, "this kernel has no Yama");
	/* our sibling, not our child: Yama allows descendants */
	child = fork();
	ASSERT_GE(child, 0);
	if (!child) {
		if (become("glass"))
			_exit(1);
		pid = sleeper();
		child = fork();
		if (!child) {
			/* a sibling of the sleeper */
			bool right = glassram_attach(pid, NULL, &s) == GLASSRAM_ERR_PERMISSION &&
				     strstr(glassram_error_message(), "ptrace_scope is 1") &&
				     strstr(glassram_error_message(), "sysctl kernel.yama.ptrace_scope=0");

			if (!right)
				printf("# message: %s\n", glassram_error_message());
			_exit(right ? 0 : 1);
		}
		waitpid(child, &status, 0);
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
	}
	ASSERT_EQ(waitpid(child, &status, 0), child);
	ASSERT_EQ(write_file("/proc/sys/kernel/yama/ptrace_scope", "0"), 0);
	ASSERT_EQ(status, 0);
}

TEST(no_such_process)
{
	struct glassram_session *s;
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	ASSERT_EQ(waitpid(pid, NULL, 0), pid);
	REFUSED(GLASSRAM_ERR_NO_PROCESS, glassram_attach(pid, NULL, &s));
	MESSAGE_HAS("there is no process");
	MESSAGE_HAS("glassctl list");
	REFUSED(GLASSRAM_ERR_INVALID, glassram_attach(-3, NULL, &s));
	MESSAGE_HAS("-3 is not a process id");
}

TEST(a_zombie)
{
	struct glassram_session *s;
	siginfo_t info;
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	ASSERT_EQ(waitid(P_PID, pid, &info, WEXITED | WNOWAIT), 0);
	REFUSED(GLASSRAM_ERR_NO_PROCESS, glassram_attach(pid, NULL, &s));
	MESSAGE_HAS("has exited already");
	waitpid(pid, NULL, 0);
}

TEST(a_kernel_thread)
{
	struct glassram_session *s;

	REFUSED(GLASSRAM_ERR_NO_PROCESS, glassram_attach(2, NULL, &s));
	MESSAGE_HAS("kthreadd");
	MESSAGE_HAS("is a kernel thread");
}

TEST(a_rate_out_of_range)
{
	struct glassram_attach_settings settings = { .size = sizeof(settings), .rate_hz = 1001 };
	struct glassram_session *s;

	REFUSED(GLASSRAM_ERR_INVALID, glassram_attach(getppid(), &settings, &s));
	MESSAGE_HAS("1001 Hz");
	settings.size = 3;
	REFUSED(GLASSRAM_ERR_INVALID, glassram_attach(getppid(), &settings, &s));
	MESSAGE_HAS("sizeof(struct glassram_attach_settings)");
}

TEST(an_unknown_policy_at_attach)
{
	struct glassram_attach_settings settings = { .size = sizeof(settings), .policy = "ghost" };
	struct glassram_session *s;
	struct glassram_query query;
	struct target t;

	ASSERT_EQ(glassram_query(&query), GLASSRAM_OK);
	if (!(query.backends & GLASSRAM_BACKEND_WP_ASYNC))
		SKIP(return, "on this kernel a module cannot offer policies");
	ASSERT_EQ(lib_target_start(&t), 0);
	REFUSED(GLASSRAM_ERR_POLICY, glassram_attach(t.pid, &settings, &s));
	MESSAGE_HAS("\"ghost\"");
	/* the refusal left nothing behind */
	ASSERT_EQ(glassram_attach(t.pid, NULL, &s), GLASSRAM_OK)
		TH_LOG("%s", glassram_error_message());
	glassram_detach(s);
	target_kill(&t);
}

/* The hook stays for some seconds after the last session, and keeps the tracer
 * on; a freshly loaded module has none.
 */
static int reload(const char *between)
{
	char command[512];

	snprintf(command, sizeof(command),
		 "for i in $(seq 50); do rmmod glassram 2>/dev/null && break; sleep 0.1; done; "
		 "! grep -q ^glassram /proc/modules && %s", between);
	return system(command);
}

TEST(no_module)
{
	struct glassram_query query;

	ASSERT_EQ(reload("true"), 0);
	REFUSED(GLASSRAM_ERR_NO_MODULE, glassram_query(&query));
	MESSAGE_HAS("not loaded");
	MESSAGE_HAS("sudo modprobe glassram");
	ASSERT_EQ(system("lab-load"), 0);
	ASSERT_EQ(glassram_query(&query), GLASSRAM_OK);
	ASSERT_EQ(query.api_version, GLASSRAM_API_VERSION);
}

TEST(the_function_tracer_is_off)
{
	struct glassram_session *s;
	struct target t;

	ASSERT_EQ(lib_target_start(&t), 0);
	ASSERT_EQ(reload("sysctl -q kernel.ftrace_enabled=0 && lab-load"), 0);
	REFUSED(GLASSRAM_ERR_FEATURE_MISSING, glassram_attach(t.pid, NULL, &s));
	MESSAGE_HAS("sysctl kernel.ftrace_enabled=1");
	ASSERT_EQ(system("sysctl -q kernel.ftrace_enabled=1"), 0);
	ASSERT_EQ(glassram_attach(t.pid, NULL, &s), GLASSRAM_OK)
		TH_LOG("%s", glassram_error_message());
	glassram_detach(s);
	target_kill(&t);
}

/* Registering a struct_ops type succeeds without type information, and does nothing;
 * QUERY once took that for policies.
 */
TEST(a_module_without_type_information_offers_no_policies)
{
	struct glassram_policy *policy;
	struct glassram_query query;

	ASSERT_EQ(glassram_query(&query), GLASSRAM_OK);
	if (!(query.features & GLASSRAM_FEATURE_POLICY))
		SKIP(return, "no policies on this kernel, with or without type information");
	ASSERT_EQ(reload("objcopy --remove-section=.BTF --remove-section=.BTF.base "
			 "build/kmod-$(uname -r)/glassram.ko /tmp/untyped.ko && "
			 "insmod /tmp/untyped.ko && udevadm settle"), 0);
	ASSERT_EQ(glassram_query(&query), GLASSRAM_OK);
	EXPECT_EQ(query.features & GLASSRAM_FEATURE_POLICY, 0);
	REFUSED(GLASSRAM_ERR_FEATURE_MISSING,
		glassram_policy_load("build/bpf/comm.bpf.o", &policy));
	MESSAGE_HAS("apt install pahole");
	ASSERT_EQ(reload("lab-load"), 0);
	ASSERT_EQ(glassram_query(&query), GLASSRAM_OK);
	EXPECT_NE(query.features & GLASSRAM_FEATURE_POLICY, 0);
}

TEST_HARNESS_MAIN
