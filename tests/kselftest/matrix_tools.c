// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ways in which a target of the matrix writes to its own pages, and the
 * disks that some of them need.
 *
 * Weak spot: file systems are made by their own tools on loop devices over a
 * tmpfs; what a real disk does (time, errors) does not happen here.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "matrix.h"

#define DISKS "/run/matrix"
/* Sector number N of the source device holds bytes of value N. */
#define SECTOR 512
#define SOURCE DISKS "/source"

struct matrix_tools {
	enum matrix_writer writer;
	int pipe[2];
	int source; /* for O_DIRECT, or what the ring reads */
	struct matrix_ring *ring;
	struct matrix_guest *guest;
};

struct matrix_tools *matrix_tools_create(enum matrix_writer writer, char *start, size_t length)
{
	struct matrix_tools *tools = calloc(1, sizeof(*tools));

	if (!tools)
		return NULL;
	*tools = (struct matrix_tools){.writer = writer, .pipe = {-1, -1}, .source = -1};
	switch (writer) {
	case WRITER_READ:
		return pipe(tools->pipe) ? NULL : tools;
	case WRITER_DIRECT:
		tools->source = open(SOURCE ".loop", O_RDONLY | O_DIRECT | O_CLOEXEC);
		return tools->source < 0 ? NULL : tools;
	case WRITER_RING:
		tools->ring = matrix_ring_create();
		tools->source = open(SOURCE, O_RDONLY | O_CLOEXEC);
		return !tools->ring || tools->source < 0 ? NULL : tools;
	case WRITER_GUEST:
		tools->guest = matrix_guest_create(start, length);
		return tools->guest ? tools : NULL;
	default:
		return tools;
	}
}

void matrix_tools_destroy(struct matrix_tools *tools)
{
	if (!tools)
		return;
	close(tools->pipe[0]);
	close(tools->pipe[1]);
	close(tools->source);
	matrix_ring_destroy(tools->ring);
	matrix_guest_destroy(tools->guest);
	free(tools);
}

int matrix_tools_write(struct matrix_tools *tools, char *to, uint8_t value)
{
	off_t sector = (off_t)value * SECTOR;
	ssize_t n = 1;
	int ret;

	switch (tools->writer) {
	case WRITER_READ:
		if (write(tools->pipe[1], &value, 1) == 1)
			n = read(tools->pipe[0], to, 1);
		return n == 1 ? 0 : errno;
	case WRITER_DIRECT:
		return pread(tools->source, to, SECTOR, sector) == SECTOR ? 0 : errno;
	case WRITER_RING:
		ret = matrix_ring_read(tools->ring, tools->source, to, 1, (uint64_t)sector, false);
		return ret == 1 ? 0 : -ret;
	case WRITER_GUEST:
		return matrix_guest_write(tools->guest, to, value);
	default:
		*(volatile uint8_t *)to = value;
		return 0;
	}
}

int matrix_set(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		err = -errno;
	close(fd);
	return err;
}

static bool has_file_system(const char *name)
{
	char command[64];

	snprintf(command, sizeof(command), "modprobe -q %s; grep -qw %s /proc/filesystems", name,
		 name);
	return !system(command);
}

static int make_source(void)
{
	int fd = open(SOURCE, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	char sector[SECTOR];

	if (fd < 0)
		return 1;
	for (int value = 0; value < 256; value++) {
		memset(sector, value, sizeof(sector));
		if (write(fd, sector, sizeof(sector)) != sizeof(sector))
			return 1;
	}
	close(fd);
	return system("modprobe -q loop; ln -s $(losetup -f --show " SOURCE ") " SOURCE ".loop");
}

static int mount_disk(const char *name)
{
	/* The smallest that mkfs.xfs and mkfs.btrfs make; almost all of it stays a hole. */
	static const char make[] =
		"cd " DISKS " && mkdir $0 && truncate -s 320M $0.img && mkfs.$0 -q $0.img && "
		"mount -o loop $0.img $0";
	char command[sizeof(make) + 64];

	if (!strcmp(name, "huge"))
		return system("mkdir " DISKS "/huge && mount -t tmpfs -o huge=always tmpfs " DISKS
			      "/huge");
	if (!has_file_system(name))
		return 0;
	snprintf(command, sizeof(command), "sh -c '%s' %s", make, name);
	return system(command);
}

int matrix_disks(const char *const *names)
{
	/* First what a program has left that was killed. */
	int err = system("if mountpoint -q " DISKS "; then umount -q " DISKS "/*/; umount " DISKS
			 "; fi; mkdir -p " DISKS " && mount -t tmpfs -o mode=755 tmpfs " DISKS);

	if (!err)
		err = make_source();
	for (; !err && names && *names; names++)
		err = mount_disk(*names);
	return err;
}

void matrix_disks_finish(void)
{
	/* The loop devices of mounted images go with their mounts. */
	if (system("losetup -d $(readlink " SOURCE ".loop); for d in " DISKS "/*/; do umount $d; "
		   "done; umount " DISKS))
		puts("# the matrix's disks cannot be taken away");
}

static void path_of(const char *file_system, const char *name, char path[64])
{
	if (!strcmp(file_system, "9p"))
		snprintf(path, 64, "build/%s", name);
	else if (!strcmp(file_system, "tmpfs"))
		snprintf(path, 64, "/dev/shm/%s", name);
	else
		snprintf(path, 64, DISKS "/%s/%s", file_system, name);
}

bool matrix_mounted(const char *file_system)
{
	char path[64];

	if (!file_system)
		return true;
	path_of(file_system, "", path);
	return !access(path, W_OK);
}

void *matrix_map_file(const char *file_system, void *place, size_t length, int flags)
{
	char path[64], name[32];
	void *map = MAP_FAILED;
	int fd;

	snprintf(name, sizeof(name), "matrix.%d", (int)getpid());
	path_of(file_system, name, path);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return map;
	if (!ftruncate(fd, (off_t)length))
		map = mmap(place, length, PROT_READ | PROT_WRITE, flags, fd, 0);
	close(fd);
	/* Not before: 9p finds its file by name. */
	unlink(path);
	return map;
}
