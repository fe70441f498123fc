// SPDX-License-Identifier: GPL-2.0
/*
 * The module, and what this user may do with it.
 */
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <glassram/glassram.h>

#include "doctor.h"

static bool module_loaded(void)
{
	return !access("/sys/module/glassram", F_OK);
}

void check_module(struct check *check)
{
	char version[64];

	if (!module_loaded()) {
		check_value(check, "glassram.ko is not loaded");
		check_fail(check, VERDICT_MISSING, "sudo modprobe glassram");
		return;
	}
	if (!read_line("/sys/module/glassram/version", version, sizeof(version)))
		strcpy(version, "of no version");
	check_value(check, "glassram.ko %s is loaded", version);
}

void check_device(struct check *check)
{
	struct glassram_query query;
	enum glassram_error error = glassram_query(&query);
	struct stat st;

	if (!error) {
		check_value(check, "API %u, up to %u slots and %u threads, %u session%s open",
			    query.api_version, query.max_slots, query.max_threads,
			    query.sessions, query.sessions == 1 ? "" : "s");
		if (query.api_version != GLASSRAM_API_VERSION)
			check_fail(check, VERDICT_MISSING, "the module speaks API %u and this program API %d: build and install both from the same sources",
				   query.api_version, GLASSRAM_API_VERSION);
		return;
	}
	if (stat("/dev/glassram", &st)) {
		check_value(check, "there is no /dev/glassram");
		if (!module_loaded()) {
			check_fail(check, VERDICT_MISSING, "it comes with the module");
			return;
		}
	} else {
		struct group *group = getgrgid(st.st_gid);

		check_value(check, "/dev/glassram belongs to group %s, mode %04o",
			    group ? group->gr_name : "?", st.st_mode & 07777);
	}
	check_fail(check, VERDICT_MISSING, "%s", glassram_error_message());
}

void check_policies(struct check *check)
{
	struct glassram_query query;

	if (glassram_query(&query)) {
		check_value(check, "not known before the device opens");
		check_fail(check, VERDICT_LIMITED, "see device");
	} else if (!(query.features & GLASSRAM_FEATURE_POLICY)) {
		check_value(check, query.backends & GLASSRAM_BACKEND_WP_ASYNC ?
				   "this module was built without" : "this kernel has none");
		check_fail(check, VERDICT_LIMITED, query.backends & GLASSRAM_BACKEND_WP_ASYNC ?
			   "sudo apt install pahole, then build and load the module again" :
			   "boot a kernel of 6.12 or later; all else works without");
	} else {
		check_value(check, "yes, %u registered", query.policies);
	}
}

static bool has_sys_admin(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &header, data))
		return false;
	return data[0].effective >> CAP_SYS_ADMIN & 1;
}

/* CAP_SYS_ADMIN stands in for CAP_BPF and CAP_PERFMON. These two do not reach: the
 * policy's type belongs to a module, whose type information is for administrators.
 */
void check_capabilities(struct check *check)
{
	if (has_sys_admin()) {
		check_value(check, "policies can be loaded");
		return;
	}
	check_value(check, "no CAP_SYS_ADMIN: no policies");
	check_fail(check, VERDICT_LIMITED, "run with sudo to load policies; all else works without");
}

void check_ptrace_scope(struct check *check)
{
	char scope[16];

	if (!read_line("/proc/sys/kernel/yama/ptrace_scope", scope, sizeof(scope))) {
		check_value(check, "0 (this kernel has no Yama)");
		return;
	}
	check_value(check, "%s", scope);
	switch (atoi(scope)) {
	case 0:
		break;
	case 1:
		if (geteuid())
			check_fail(check, VERDICT_LIMITED, "only your own children can be watched: `glassview -- COMMAND`, run with sudo, or `sudo sysctl kernel.yama.ptrace_scope=0`");
		break;
	case 2:
		if (geteuid())
			check_fail(check, VERDICT_LIMITED, "only root can watch: run with sudo, or `sudo sysctl kernel.yama.ptrace_scope=0`");
		break;
	default:
		check_fail(check, VERDICT_LIMITED, "nobody can watch until a reboot with another kernel.yama.ptrace_scope in /etc/sysctl.d");
	}
}
