/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Addresses as they are shown: the real ones, or with the setting "anonymise"
 * others that keep their order and their distances.
 */
#ifndef GLASSCTL_SHOWN_H
#define GLASSCTL_SHOWN_H

#include <glassram/glassram.h>

#include "glassctl.h"

/**
 * shown_begin() - to be called once, before anything is shown
 * Return: GLASSCTL_DONE, or GLASSCTL_FAILED with the reason printed.
 */
int shown_begin(const struct glassctl_options *options);

/* shown_address() - @address, or what is shown in its place */
uint64_t shown_address(uint64_t address);

/* shown_event() - the same for every address in @event */
void shown_event(struct glassram_event *event);

#endif
