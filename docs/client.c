// SPDX-License-Identifier: GPL-2.0
// Watches process PID for a second with the bare ioctls, and prints how many pages it wrote.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <linux/fs.h>
#include <linux/glassram.h>

static int proc_open(const char *pid, const char *file, int mode)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%.20s/%s", pid, file);
	return open(path, mode);
}

int main(int argc, char **argv)
{
	const char *pid = argc > 1 ? argv[1] : "";
	size_t len = 1 << 20;	/* a work area: the module needs memory of ours to arm pages */
	char *work = mmap(0, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct glassram_attach attach = {
		.size = sizeof(attach), .pid = atoi(pid), .work = (__u64)work, .work_len = len,
		.mem_fd = proc_open(pid, "mem", O_RDONLY), .pagemap_fd = proc_open(pid, "pagemap", O_RDONLY),
		.clear_refs_fd = proc_open(pid, "clear_refs", O_WRONLY) };
	struct glassram_options rate = {
		.size = sizeof(rate), .flags = GLASSRAM_OPTION_RATE, .rate_hz = 1 };
	struct glassram_advance tick = {
		.size = sizeof(tick), .flags = GLASSRAM_ADVANCE_PACED, .work = (__u64)work, .work_len = len };
	int session = ioctl(open("/dev/glassram", O_RDWR), GLASSRAM_ATTACH, &attach);

	if (session < 0 || ioctl(session, GLASSRAM_OPTIONS, &rate))
		return perror("cannot watch (`glassctl doctor` tells why)"), 1;
	ioctl(session, GLASSRAM_ADVANCE, &tick);	/* arms everything; the next sleeps a second */
	if (ioctl(session, GLASSRAM_ADVANCE, &tick))
		return perror("the process is gone"), 1;
	printf("epoch %u: %llu pages written\n", tick.epoch, (unsigned long long)tick.armed);
}
