// SPDX-License-Identifier: GPL-2.0
/*
 * The text console under a KMS picture: switched to graphics mode, so that its
 * cursor and its messages do not appear in the picture.
 *
 * Weak: switching to another console is
 * not handed over; the picture keeps the display until it ends.
 */
#include "console.h"

#include <fcntl.h>
#include <unistd.h>

#include <linux/kd.h>
#include <sys/ioctl.h>

#include "restore.h"

static int console = -1;
static int mode_before;

void console_take(void)
{
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return;
	if (ioctl(fd, KDGETMODE, &mode_before) || ioctl(fd, KDSETMODE, KD_GRAPHICS)) {
		close(fd);
		return;
	}
	console = fd;
	restore_on_crash(console_give_back);
}

void console_give_back(void)
{
	if (console < 0)
		return;
	ioctl(console, KDSETMODE, mode_before);
	restore_on_crash(NULL);
	close(console);
	console = -1;
}
