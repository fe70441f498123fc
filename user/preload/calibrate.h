/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * What arming costs a process on this machine: tried, not assumed, as it differs
 * tenfold between a real machine and a virtual one.
 */
#ifndef GLASSRAM_CALIBRATE_H
#define GLASSRAM_CALIBRATE_H

#include <stdint.h>

/**
 * calibrate() - try it out, in the calling process; takes some 20 ms
 * @ret_fault_ns: what a write to an armed page costs
 * @ret_call_ns: what an arming call costs a thread that runs on another CPU
 *	meanwhile: its TLB is flushed by an interrupt
 */
void calibrate(uint32_t *ret_fault_ns, uint32_t *ret_call_ns);

#endif
