/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a test asks the program of kfunc_read.bpf.c, and what it answers.
 */
#ifndef GLASSRAM_TESTS_KFUNC_READ_H
#define GLASSRAM_TESTS_KFUNC_READ_H

#include <linux/types.h>

struct kfunc_question {
	__u64 session;
	__u64 address;
	__u32 target;
	__u32 odd_size; /* give a size that is wrong */
	__s32 result; /* of bpf_glassram_slot() */
	__s32 here_result; /* of bpf_glassram_current() */
	__u32 hits;
	__u32 stamp;
	__u32 owner;
	__u32 epoch;
	__u32 slot;
	__u32 pad;
};

#endif
