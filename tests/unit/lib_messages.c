// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages of libglassram: one printable line each, naming cause and cure.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "../../user/libglassram/internal.h"
#include "tap.h"

static bool says(const char *text)
{
	if (strstr(glassram_error_message(), text))
		return true;
	printf("# \"%s\" is not in: %s\n", text, glassram_error_message());
	return false;
}

static bool is_one_line(void)
{
	const char *message = glassram_error_message();

	for (const char *c = message; *c; c++)
		if ((unsigned char)*c < ' ')
			return false;
	return *message;
}

static void test_names(void)
{
	for (int i = 0; i <= GLASSRAM_ERR_SYSTEM; i++) {
		bool different = true;

		for (int j = 0; j < i; j++)
			different &= strcmp(glassram_error_name(i), glassram_error_name(j)) != 0;
		tap_check(different && strcmp(glassram_error_name(i), "unknown"),
			  "error %d has a name of its own: %s", i, glassram_error_name(i));
	}
	tap_check(!strcmp(glassram_error_name(GLASSRAM_ERR_SYSTEM + 1), "unknown") &&
		  !strcmp(glassram_error_name(-1), "unknown"), "other numbers are unknown");
}

static void test_device(void)
{
	static const struct {
		const char *release;
		enum glassram_error error;
		const char *text;
	} kernels[] = {
		{ "6.0.12", GLASSRAM_ERR_KERNEL_TOO_OLD, "needs 6.1 or later" },
		{ "5.19.17", GLASSRAM_ERR_KERNEL_TOO_OLD, "this kernel is 5.19.17" },
		{ "5.99.99", GLASSRAM_ERR_KERNEL_TOO_OLD, "boot a newer kernel" },
		{ "6.1.0-37-amd64", GLASSRAM_ERR_NO_MODULE, "sudo modprobe glassram" },
		{ "6.12.0", GLASSRAM_ERR_NO_MODULE, "sudo modprobe glassram" },
		{ "7.2.12+deb14-amd64", GLASSRAM_ERR_NO_MODULE, "not loaded" },
		{ "10.1", GLASSRAM_ERR_NO_MODULE, "kmod-10.1" },
		{ "odd", GLASSRAM_ERR_NO_MODULE, "not loaded" },
	};

	for (size_t i = 0; i < sizeof(kernels) / sizeof(kernels[0]); i++)
		tap_check(gr_explain_device(ENOENT, kernels[i].release) == kernels[i].error &&
			  says(kernels[i].text) && is_one_line(),
			  "no device on kernel %s", kernels[i].release);
	tap_check(gr_explain_device(EACCES, "6.12.0") == GLASSRAM_ERR_DEVICE_PERMISSION &&
		  says("group glassram") && is_one_line(), "a device that may not be opened");
	tap_check(gr_explain_device(EMFILE, "6.12.0") == GLASSRAM_ERR_SYSTEM &&
		  says("ulimit -n"), "too many open files");
}

static void test_ptrace(void)
{
	struct gr_ptrace_facts facts = {
		.pid = 42, .comm = "victim", .uid = 0, .own_uid = 12345, .ptrace_scope = 0,
	};

	tap_check(gr_explain_ptrace(&facts) == GLASSRAM_ERR_PERMISSION &&
		  says("process 42 (victim)") && says("belongs to root (uid 0)") &&
		  says("uid 12345") && says("sudo") && is_one_line(), "another user's process");
	facts.uid = facts.own_uid;
	tap_check(gr_explain_ptrace(&facts) == GLASSRAM_ERR_PERMISSION &&
		  says("PR_SET_DUMPABLE"), "an own process that is protected");
	facts.ptrace_scope = 1;
	tap_check(gr_explain_ptrace(&facts) == GLASSRAM_ERR_PERMISSION &&
		  says("ptrace_scope is 1") && says("glassview -- COMMAND") &&
		  says("sudo sysctl kernel.yama.ptrace_scope=0"), "ptrace_scope 1");
	facts.ptrace_scope = 2;
	tap_check(gr_explain_ptrace(&facts) == GLASSRAM_ERR_PERMISSION &&
		  says("only root"), "ptrace_scope 2");
	facts.ptrace_scope = 3;
	tap_check(gr_explain_ptrace(&facts) == GLASSRAM_ERR_PERMISSION &&
		  says("reboot"), "ptrace_scope 3");
	facts.ptrace_scope = -1;
	facts.may_ptrace = true;
	tap_check(gr_explain_ptrace(&facts) == GLASSRAM_ERR_PERMISSION &&
		  says("security module"), "refused in spite of CAP_SYS_PTRACE");
	strcpy(facts.comm, "a\nb\033[31m");
	gr_explain_ptrace(&facts);
	tap_check(is_one_line(), "a name with control characters stays one line");
}

static void test_attach(void)
{
	static const struct {
		int err;
		enum glassram_error error;
		const char *text;
	} cases[] = {
		{ ESRCH, GLASSRAM_ERR_NO_PROCESS, "glassctl list" },
		{ EPERM, GLASSRAM_ERR_ENDED, "try again" },
		{ EBUSY, GLASSRAM_ERR_BUSY, "in another session: join that one" },
		{ EOPNOTSUPP, GLASSRAM_ERR_KERNEL_TOO_OLD, "CONFIG_PTE_MARKER_UFFD_WP" },
		{ ENODEV, GLASSRAM_ERR_UFFD, "CONFIG_USERFAULTFD" },
		{ EXDEV, GLASSRAM_ERR_UFFD, "were changed" },
		{ EINVAL, GLASSRAM_ERR_FEATURE_MISSING, "same sources" },
		{ ENOMEM, GLASSRAM_ERR_NO_MEMORY, "memory.max" },
		{ EIO, GLASSRAM_ERR_SYSTEM, "Input/output error (EIO)" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		tap_check(gr_explain_attach(cases[i].err, 7) == cases[i].error &&
			  says(cases[i].text) && is_one_line(), "attach: %s",
			  strerror(cases[i].err));
	tap_check(gr_explain_session(ESRCH, 7, "STATS") == GLASSRAM_ERR_ENDED &&
		  says("attach again"), "a session whose target is gone");
	tap_check(gr_explain_session(EPERM, 7, "PAUSE") == GLASSRAM_ERR_NOT_OWNER &&
		  says("PAUSE is for the client that owns the session of process 7") &&
		  is_one_line(), "a session call that only the owner may make");
	tap_check(gr_explain_join(7) == GLASSRAM_ERR_PERMISSION && says("another user") &&
		  says("as that user or root") && is_one_line(),
		  "a session that may not be joined");
	tap_check(gr_explain_session(EINTR, 7, "ADVANCE") == GLASSRAM_ERR_INTERRUPTED &&
		  says("call again"), "a session call that a signal interrupted");
	tap_check(gr_explain_session(EIO, 7, "STATS") == GLASSRAM_ERR_SYSTEM &&
		  says("STATS on process 7"), "a session call that failed otherwise");
}

static void test_arguments(void)
{
	struct glassram_session *session = (void *)1;
	struct {
		struct glassram_attach_settings known;
		char newer[8];
	} settings = { .known.size = sizeof(settings), .newer = "\1" };

	tap_check(glassram_attach(1, &settings.known, &session) == GLASSRAM_ERR_INVALID &&
		  says("update libglassram"), "settings of a newer library are not ignored");
	settings.known.size = 1;
	tap_check(glassram_attach(1, &settings.known, &session) == GLASSRAM_ERR_INVALID &&
		  says("sizeof(struct glassram_attach_settings)"), "settings without a size");
	tap_check(glassram_attach(1, NULL, NULL) == GLASSRAM_ERR_INVALID, "no result pointer");
	tap_check(session == (void *)1, "a failure leaves the result alone");
	glassram_detach(NULL);
	glassram_columns_finish(&(struct glassram_columns){ 0 });
	glassram_layout_finish(&(struct glassram_layout){ 0 });
	glassram_policy_unload(NULL);
	glassram_events_close(NULL);
	glassram_follow_stop(NULL);
	tap_check(true, "nothing can be released");
}

static void *other_thread(void *arg)
{
	(void)arg;
	gr_fail(GLASSRAM_ERR_INVALID, "of the other thread");
	return NULL;
}

static void test_threads(void)
{
	pthread_t thread;

	gr_fail(GLASSRAM_ERR_INVALID, "of this thread");
	pthread_create(&thread, NULL, other_thread, NULL);
	pthread_join(thread, NULL);
	tap_check(!strcmp(glassram_error_message(), "of this thread"),
		  "each thread has its own message");
}

static void test_lengths(void)
{
	char word[4096];

	memset(word, 'w', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	gr_fail(GLASSRAM_ERR_SYSTEM, "%s", word);
	tap_check(strlen(glassram_error_message()) > 500, "a long message is cut, not dropped");
	gr_fail_errno(EIO, "%s", word);
	tap_check(says("EIO"), "a long prefix leaves room for the reason");
}

int main(void)
{
	test_names();
	test_device();
	test_ptrace();
	test_attach();
	test_arguments();
	test_threads();
	test_lengths();
	return tap_end();
}
