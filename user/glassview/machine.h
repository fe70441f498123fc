/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What this machine is, where it changes the meaning of a figure.
 */
#ifndef GLASSVIEW_MACHINE_H
#define GLASSVIEW_MACHINE_H

#include <stdbool.h>

/**
 * machine_is_emulated() - the CPU is emulated in software (QEMU's TCG), so that
 * times say nothing about real machines
 */
bool machine_is_emulated(void);

/**
 * machine_seconds() - CLOCK_MONOTONIC in seconds
 */
double machine_seconds(void);

#endif
