// SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0
/*
 * From an errno value to one line with cause and cure.
 *
 * The same number means different things at different calls, so each call has
 * its own table here. Weak spot: a security module's refusal looks like the
 * ptrace rules, and is told apart only by what is left when these are ruled
 * out.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

/* The oldest kernel that glassram.ko supports, as in dkms.conf. */
#define MIN_KERNEL_MAJOR 6
#define MIN_KERNEL_MINOR 1

static bool release_too_old(const char *release)
{
	unsigned int major, minor;

	if (sscanf(release, "%u.%u", &major, &minor) != 2)
		return false;
	if (major != MIN_KERNEL_MAJOR)
		return major < MIN_KERNEL_MAJOR;
	return minor < MIN_KERNEL_MINOR;
}

static const char *user_name(uid_t uid, char *buffer, size_t size)
{
	struct passwd entry, *found = NULL;
	char strings[1024];

	if (!getpwuid_r(uid, &entry, strings, sizeof(strings), &found) && found)
		snprintf(buffer, size, "%s", found->pw_name);
	else
		snprintf(buffer, size, "uid %u", (unsigned int)uid);
	return buffer;
}

/* Whether /etc/group lists @user already: then only a new login is missing. */
static bool listed_in_group(const char *user)
{
	struct group entry, *found = NULL;
	char strings[8192];

	if (getgrnam_r("glassram", &entry, strings, sizeof(strings), &found) || !found)
		return false;
	for (char **member = found->gr_mem; *member; member++)
		if (!strcmp(*member, user))
			return true;
	return false;
}

enum glassram_error gr_explain_device(int err, const char *release)
{
	char user[64];

	switch (err) {
	case ENOENT:
	case ENXIO:
	case ENODEV:
		if (release_too_old(release))
			return gr_fail(GLASSRAM_ERR_KERNEL_TOO_OLD, "this kernel is %s, and glassram.ko needs %d.%d or later: boot a newer kernel (on Debian 12: `apt install -t bookworm-backports linux-image-amd64`)",
				       release, MIN_KERNEL_MAJOR, MIN_KERNEL_MINOR);
		return gr_fail(GLASSRAM_ERR_NO_MODULE, "there is no " GR_DEVICE ": glassram.ko is not loaded: `sudo modprobe glassram` (from a checkout: `sudo insmod build/kmod-%s/glassram.ko`)",
			       release);
	case EACCES:
	case EPERM:
		user_name(geteuid(), user, sizeof(user));
		if (listed_in_group(user))
			return gr_fail(GLASSRAM_ERR_DEVICE_PERMISSION, "%s may not open " GR_DEVICE ": you joined group glassram after this login: log out and in again, or run `newgrp glassram`",
				       user);
		return gr_fail(GLASSRAM_ERR_DEVICE_PERMISSION, "%s may not open " GR_DEVICE ": only root and group glassram may: `sudo usermod -aG glassram %s`, then log in again",
			       user, user);
	default:
		return gr_fail_errno(err, "cannot open " GR_DEVICE);
	}
}

enum glassram_error gr_explain_ptrace(const struct gr_ptrace_facts *facts)
{
	char own[64], theirs[64];

	if (facts->ptrace_scope == 3)
		return gr_fail(GLASSRAM_ERR_PERMISSION, "may not look into process %d (%s): kernel.yama.ptrace_scope is 3, which forbids it to everybody: it can only be lowered by a reboot with another setting in /etc/sysctl.d",
			       facts->pid, facts->comm);
	if (facts->may_ptrace)
		return gr_fail(GLASSRAM_ERR_PERMISSION, "may not look into process %d (%s) although CAP_SYS_PTRACE is held: it lives in another user namespace, or a security module refuses: run outside the container, and see `dmesg | grep -i denied`",
			       facts->pid, facts->comm);
	if (facts->uid != facts->own_uid)
		return gr_fail(GLASSRAM_ERR_PERMISSION, "may not look into process %d (%s): it belongs to %s (uid %u) and you are %s (uid %u); the ptrace rules allow your own processes only: run as that user, or with sudo",
			       facts->pid, facts->comm, user_name(facts->uid, theirs, sizeof(theirs)),
			       (unsigned int)facts->uid,
			       user_name(facts->own_uid, own, sizeof(own)),
			       (unsigned int)facts->own_uid);
	if (facts->ptrace_scope == 1)
		return gr_fail(GLASSRAM_ERR_PERMISSION, "may not look into process %d (%s): kernel.yama.ptrace_scope is 1, which allows only your own children: start it with `glassview -- COMMAND`, run with sudo, or `sudo sysctl kernel.yama.ptrace_scope=0`",
			       facts->pid, facts->comm);
	if (facts->ptrace_scope == 2)
		return gr_fail(GLASSRAM_ERR_PERMISSION, "may not look into process %d (%s): kernel.yama.ptrace_scope is 2, which allows only root: run with sudo, or `sudo sysctl kernel.yama.ptrace_scope=0`",
			       facts->pid, facts->comm);
	return gr_fail(GLASSRAM_ERR_PERMISSION, "may not look into process %d (%s): it is yours (uid %u) but protected (set-uid, more capabilities than you, or PR_SET_DUMPABLE): run with sudo",
		       facts->pid, facts->comm, (unsigned int)facts->uid);
}

static enum glassram_error no_process(pid_t pid)
{
	return gr_fail(GLASSRAM_ERR_NO_PROCESS, "there is no process %d: `glassctl list` shows those that can be watched",
		       pid);
}

enum glassram_error gr_explain_attach(int err, pid_t pid)
{
	char enabled[8];

	switch (err) {
	case ESRCH:
	case ENOENT:
		return no_process(pid);
	case EPERM:
		return gr_fail(GLASSRAM_ERR_ENDED, "process %d started another program (exec) while it was being attached: try again",
			       pid);
	case EBUSY:
		/* The module's hook cannot be switched off while it is in use, so
		 * this being off means that it could not be switched on.
		 */
		if (!gr_read_file("/proc/sys/kernel/ftrace_enabled", enabled, sizeof(enabled)) &&
		    enabled[0] == '0')
			return gr_fail(GLASSRAM_ERR_FEATURE_MISSING, "the kernel's function tracer is switched off, and the module counts with it: `sudo sysctl kernel.ftrace_enabled=1`");
		return gr_fail(GLASSRAM_ERR_BUSY, "process %d is watched already, in another session: join that one (glassctl and glassview do), or close it first",
			       pid);
	case EOPNOTSUPP:
		return gr_fail(GLASSRAM_ERR_KERNEL_TOO_OLD, "this kernel has neither asynchronous write-protection (UFFD_FEATURE_WP_ASYNC) nor soft-dirty bits: use one of 6.12 or later built with CONFIG_USERFAULTFD and CONFIG_PTE_MARKER_UFFD_WP, or an older one with CONFIG_MEM_SOFT_DIRTY");
	case ENODEV:
		return gr_fail(GLASSRAM_ERR_UFFD, "the module found no /dev/userfaultfd: use a kernel built with CONFIG_USERFAULTFD=y (`glassctl doctor` shows what else is missing)");
	case EXDEV:
		return gr_fail(GLASSRAM_ERR_UFFD, "the arguments of userfaultfd were changed while process %d was being attached, so the module gave up: another thread of this program writes into the library's memory",
			       pid);
	case EINVAL:
	case ENOTTY:
	case E2BIG:
	case EBADF:
		return gr_fail(GLASSRAM_ERR_FEATURE_MISSING, "the loaded glassram.ko does not understand this library's ATTACH: build and install both from the same sources, then `sudo rmmod glassram && sudo modprobe glassram`");
	default:
		return gr_fail_errno(err, "cannot watch process %d", pid);
	}
}

enum glassram_error gr_explain_join(pid_t pid)
{
	return gr_fail(GLASSRAM_ERR_PERMISSION, "process %d is watched in a session of another user that shows more than this process, or it started another program (exec) this moment: try again, or run as that user or root",
		       pid);
}

enum glassram_error gr_explain_session(int err, pid_t pid, const char *call)
{
	switch (err) {
	case ESRCH:
		return gr_fail(GLASSRAM_ERR_ENDED, "process %d exited or started another program (exec): this session is over; attach again to watch the new program",
			       pid);
	case EPERM:
		return gr_fail(GLASSRAM_ERR_NOT_OWNER, "%s is for the client that owns the session of process %d, which is another one: use that one, or close it, and this one follows",
			       call, pid);
	case EINTR:
		return gr_fail(GLASSRAM_ERR_INTERRUPTED, "%s on process %d was interrupted by a signal: call again",
			       call, pid);
	case EXDEV:
		return gr_fail(GLASSRAM_ERR_UFFD, "the arguments of userfaultfd were changed while in use, so the module ended the session of process %d: another thread of this program writes into the library's memory",
			       pid);
	case EINVAL:
	case ENOTTY:
	case E2BIG:
		return gr_fail(GLASSRAM_ERR_FEATURE_MISSING, "the loaded glassram.ko does not understand this library's %s: build and install both from the same sources, then `sudo rmmod glassram && sudo modprobe glassram`",
			       call);
	default:
		return gr_fail_errno(err, "%s on process %d failed", call, pid);
	}
}
