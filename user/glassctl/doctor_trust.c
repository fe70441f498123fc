// SPDX-License-Identifier: GPL-2.0
/*
 * What the kernel refuses because it trusts only what is signed.
 *
 * Weak spot: whether the firmware knows the key that signed the module is not
 * asked; the row speaks as long as the module is not loaded.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "doctor.h"

/* Where DKMS keeps the certificate it signs with: Debian and upstream, then Ubuntu. */
static const char *const certificates[] = {
	"/var/lib/dkms/mok.pub",
	"/var/lib/shim-signed/mok/MOK.der",
};

/* The word in brackets of /sys/kernel/security/lockdown. Return: whether there is one. */
static bool lockdown_mode(char *mode, size_t size)
{
	char modes[128], *start, *end;

	if (!read_line("/sys/kernel/security/lockdown", modes, sizeof(modes)))
		return false;
	start = strchr(modes, '[');
	end = start ? strchr(start, ']') : NULL;
	if (!end)
		return false;
	*end = '\0';
	snprintf(mode, size, "%s", start + 1);
	return true;
}

void check_lockdown(struct check *check)
{
	char mode[32];

	if (!lockdown_mode(mode, sizeof(mode))) {
		check_value(check, "none");
		return;
	}
	check_value(check, "%s", mode);
	if (!strcmp(mode, "confidentiality"))
		check_fail(check, VERDICT_LIMITED, "a policy that reads kernel memory is refused: boot with lockdown=integrity to use policies");
}

/* The variable's value is one byte behind four of attributes. */
static bool secure_boot(void)
{
	static const char path[] =
		"/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";
	unsigned char bytes[5];
	FILE *file = fopen(path, "re");
	bool on;

	if (!file)
		return false;
	on = fread(bytes, 1, sizeof(bytes), file) == sizeof(bytes) && bytes[4] == 1;
	fclose(file);
	return on;
}

static const char *certificate(void)
{
	for (size_t i = 0; i < sizeof(certificates) / sizeof(certificates[0]); i++) {
		if (!access(certificates[i], F_OK))
			return certificates[i];
	}
	return NULL;
}

void check_signature(struct check *check)
{
	const char *boot = secure_boot() ? ", Secure Boot is on" : "";
	const char *key = certificate();
	char enforced[8] = "", mode[32] = "none";

	read_line("/sys/module/module/parameters/sig_enforce", enforced, sizeof(enforced));
	lockdown_mode(mode, sizeof(mode));
	if (strcmp(enforced, "Y") && !strcmp(mode, "none")) {
		check_value(check, "not demanded%s", boot);
		return;
	}
	check_value(check, "demanded by this kernel%s", boot);
	if (!access("/sys/module/glassram", F_OK))
		return;
	if (key)
		check_fail(check, VERDICT_LIMITED, "once for this machine: sudo mokutil --import %s, then reboot, choose \"Enroll MOK\" and repeat the password",
			   key);
	else
		check_fail(check, VERDICT_LIMITED, "let DKMS sign it: sudo apt install dkms openssl mokutil, make install again, then sudo mokutil --import %s and reboot",
			   certificates[0]);
}
