// SPDX-License-Identifier: GPL-2.0-only
/*
 * A KVM guest of three instructions: it stores AL where EDI points, and halts.
 * Its RAM is an area of this process, so its writes reach the area by KVM's
 * own page tables and not by ours.
 *
 * Weak spot: one byte for each entry into the guest, and x86 only.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "matrix.h"

/* Where the guest sees the area; its code lies at 0. */
#define RAM_AT 0x1000000UL

struct matrix_guest {
	int vm;
	int vcpu;
	void *code;
	struct kvm_run *run;
	size_t run_length;
	char *ram;
};

static int add_memory(int vm, uint32_t slot, uint64_t at, void *memory, size_t length)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.guest_phys_addr = at,
		.memory_size = length,
		.userspace_addr = (uintptr_t)memory,
	};

	return ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region);
}

/* 32-bit protected mode without paging, all segments flat. */
static int set_mode(int vcpu)
{
	struct kvm_segment flat = {.limit = 0xffffffff, .present = 1, .s = 1, .g = 1, .db = 1};
	struct kvm_sregs sregs;

	if (ioctl(vcpu, KVM_GET_SREGS, &sregs))
		return -1;
	flat.selector = 16;
	flat.type = 3;
	sregs.ds = sregs.es = sregs.ss = flat;
	flat.selector = 8;
	flat.type = 11;
	sregs.cs = flat;
	sregs.cr0 |= 1;
	return ioctl(vcpu, KVM_SET_SREGS, &sregs);
}

struct matrix_guest *matrix_guest_create(char *start, size_t length)
{
	static const unsigned char program[] = {0x88, 0x07, 0xf4}; /* mov %al,(%edi); hlt */
	struct matrix_guest *guest = calloc(1, sizeof(*guest));
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (!guest || kvm < 0)
		return NULL;
	guest->ram = start;
	guest->code = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (guest->code == MAP_FAILED)
		return NULL;
	memcpy(guest->code, program, sizeof(program));
	/* Whatever wakes the caller up ends this call, a notice of the ring before it, too. */
	do {
		guest->vm = ioctl(kvm, KVM_CREATE_VM, 0);
	} while (guest->vm < 0 && errno == EINTR);
	if (guest->vm < 0 || add_memory(guest->vm, 0, 0, guest->code, PAGE) ||
	    add_memory(guest->vm, 1, RAM_AT, start, length))
		return NULL;
	guest->vcpu = ioctl(guest->vm, KVM_CREATE_VCPU, 0);
	guest->run_length = (size_t)ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (guest->vcpu < 0 || set_mode(guest->vcpu))
		return NULL;
	guest->run = mmap(NULL, guest->run_length, PROT_READ | PROT_WRITE, MAP_SHARED,
			  guest->vcpu, 0);
	close(kvm);
	return guest->run == MAP_FAILED ? NULL : guest;
}

void matrix_guest_destroy(struct matrix_guest *guest)
{
	if (!guest)
		return;
	munmap(guest->run, guest->run_length);
	munmap(guest->code, PAGE);
	close(guest->vcpu);
	close(guest->vm);
	free(guest);
}

int matrix_guest_write(struct matrix_guest *guest, char *to, uint8_t value)
{
	struct kvm_regs regs = {
		.rax = value,
		.rdi = RAM_AT + (uintptr_t)(to - guest->ram),
		.rflags = 2,
	};

	if (ioctl(guest->vcpu, KVM_SET_REGS, &regs))
		return errno;
	while (ioctl(guest->vcpu, KVM_RUN, 0))
		if (errno != EINTR)
			return errno;
	return guest->run->exit_reason == KVM_EXIT_HLT ? 0 : ENOEXEC;
}
