// SPDX-License-Identifier: GPL-2.0
/*
 * Addresses as they are shown. With the setting "anonymise", all addresses of one
 * run are moved by one random number of pages: where the target's memory really
 * lies cannot be learnt from them, and sizes, order and neighbours stay as they are.
 *
 * Weak: whoever knows one real address, and which line it is, knows all of them.
 * Paths are shown as they are.
 */
#include <stdio.h>
#include <sys/random.h>

#include "shown.h"

#define PAGE_SIZE 4096
/* Far above any address of a process, and what all readers of JSON still keep exact. */
#define DISTANCE_MAX (1ULL << 52)

static uint64_t distance;

int shown_begin(const struct glassctl_options *options)
{
	uint64_t random;

	if (!options->config.security.anonymise)
		return GLASSCTL_DONE;
	if (getrandom(&random, sizeof(random), 0) != sizeof(random)) {
		fputs("glassctl: no random numbers to anonymise with: is /dev/urandom there?\n",
		      stderr);
		return GLASSCTL_FAILED;
	}
	distance = random % DISTANCE_MAX / PAGE_SIZE * PAGE_SIZE;
	return GLASSCTL_DONE;
}

uint64_t shown_address(uint64_t address)
{
	return address + distance;
}

void shown_event(struct glassram_event *event)
{
	switch (event->type) {
	case GLASSRAM_EVENT_REMAP:
		event->value = shown_address(event->value);
		event->address = shown_address(event->address);
		break;
	case GLASSRAM_EVENT_MAP:
	case GLASSRAM_EVENT_UNMAP:
	case GLASSRAM_EVENT_REMOVE:
	case GLASSRAM_EVENT_REFUSED:
	case GLASSRAM_EVENT_HIT:
		event->address = shown_address(event->address);
		break;
	}
}
