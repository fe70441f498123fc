// SPDX-License-Identifier: GPL-2.0
/*
 * What this machine is: asked of the CPU itself, since the firmware's strings
 * are the same under an emulator and under a hypervisor.
 */
#include "machine.h"

#include <string.h>
#include <time.h>

#ifdef __x86_64__
#include <cpuid.h>

/* Hypervisors name themselves in this CPUID leaf; so does TCG. */
#define CPUID_HYPERVISOR 0x40000000

bool machine_is_emulated(void)
{
	unsigned int a, words[3];

	__cpuid(CPUID_HYPERVISOR, a, words[0], words[1], words[2]);
	return !memcmp(words, "TCGTCGTCGTCG", sizeof(words));
}
#else
bool machine_is_emulated(void)
{
	return false;
}
#endif

double machine_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec * 1e-9;
}
