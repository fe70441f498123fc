// SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0
/*
 * Events in words: names of types, masks from names, and what a record says.
 *
 * Weak spot: the words are for people; programs read the fields.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "internal.h"

#define FAULT_USER (1U << 6)

static const char *const names[GLASSRAM_EVENT_NR] = {
	[GLASSRAM_EVENT_LOST] = "lost",
	[GLASSRAM_EVENT_FORK] = "fork",
	[GLASSRAM_EVENT_EXEC] = "exec",
	[GLASSRAM_EVENT_EXIT] = "exit",
	[GLASSRAM_EVENT_THREAD_START] = "thread-start",
	[GLASSRAM_EVENT_THREAD_EXIT] = "thread-exit",
	[GLASSRAM_EVENT_MAP] = "map",
	[GLASSRAM_EVENT_UNMAP] = "unmap",
	[GLASSRAM_EVENT_REMOVE] = "remove",
	[GLASSRAM_EVENT_REMAP] = "remap",
	[GLASSRAM_EVENT_REFUSED] = "refused",
	[GLASSRAM_EVENT_LAYOUT] = "layout",
	[GLASSRAM_EVENT_TARGET] = "target",
	[GLASSRAM_EVENT_TARGET_END] = "target-end",
	[GLASSRAM_EVENT_PAUSE] = "pause",
	[GLASSRAM_EVENT_RESET] = "reset",
	[GLASSRAM_EVENT_OWNER] = "owner",
	[GLASSRAM_EVENT_HIT] = "hit",
};

const char *glassram_event_name(uint32_t type)
{
	return type < GLASSRAM_EVENT_NR ? names[type] : "unknown";
}

static uint64_t mask_of(const char *name, size_t length)
{
	if (length == strlen("all") && !strncmp(name, "all", length))
		return ((1ULL << GLASSRAM_EVENT_NR) - 1) & ~(1ULL << GLASSRAM_EVENT_HIT);
	for (uint32_t type = 0; type < GLASSRAM_EVENT_NR; type++)
		if (length == strlen(names[type]) && !strncmp(name, names[type], length))
			return 1ULL << type;
	return 0;
}

enum glassram_error glassram_event_mask(const char *list, uint64_t *ret_mask)
{
	uint64_t mask = 0;

	for (;;) {
		size_t length = strcspn(list, ",");
		uint64_t one = mask_of(list, length);

		if (!one)
			return gr_fail(GLASSRAM_ERR_INVALID, "there is no type of event \"%.*s\": fork, exec, exit, thread-start, thread-exit, map, unmap, remove, remap, refused, layout, target, target-end, pause, reset, owner, hit, lost, or all (without hit)",
				       (int)(length < 40 ? length : 40), list);
		mask |= one;
		if (!list[length])
			break;
		list += length + 1;
	}
	*ret_mask = mask;
	return GLASSRAM_OK;
}

static void exit_text(uint64_t code, char *buffer)
{
	int status = (int)code;

	if (WIFEXITED(status))
		snprintf(buffer, GLASSRAM_EVENT_TEXT, "status %d", WEXITSTATUS(status));
	else
		snprintf(buffer, GLASSRAM_EVENT_TEXT, "killed by signal %d%s", WTERMSIG(status),
			 WCOREDUMP(status) ? ", core dumped" : "");
}

const char *glassram_event_text(const struct glassram_event *event, char *buffer)
{
	unsigned long long address = event->address, length = event->length;
	unsigned long long value = event->value;
	const char *error;

	buffer[0] = '\0';
	switch (event->type) {
	case GLASSRAM_EVENT_LOST:
		snprintf(buffer, GLASSRAM_EVENT_TEXT, "%llu events found no room", value);
		break;
	case GLASSRAM_EVENT_FORK:
		snprintf(buffer, GLASSRAM_EVENT_TEXT, "new process %llu%s", value,
			 event->flags & GLASSRAM_EVENT_SAME_MM ? ", sharing the memory" : "");
		break;
	case GLASSRAM_EVENT_EXIT:
		exit_text(value, buffer);
		break;
	case GLASSRAM_EVENT_THREAD_START:
		snprintf(buffer, GLASSRAM_EVENT_TEXT, "new thread %llu", value);
		break;
	case GLASSRAM_EVENT_MAP:
	case GLASSRAM_EVENT_UNMAP:
	case GLASSRAM_EVENT_REMOVE:
		snprintf(buffer, GLASSRAM_EVENT_TEXT, "%llx-%llx", address, address + length);
		break;
	case GLASSRAM_EVENT_REMAP:
		snprintf(buffer, GLASSRAM_EVENT_TEXT, "%llx-%llx to %llx", address,
			 address + length, value);
		break;
	case GLASSRAM_EVENT_REFUSED:
		error = strerrorname_np((int)value);
		snprintf(buffer, GLASSRAM_EVENT_TEXT, "%llx-%llx: %s", address,
			 address + length, error ?: "?");
		break;
	case GLASSRAM_EVENT_LAYOUT:
		snprintf(buffer, GLASSRAM_EVENT_TEXT, "regions %llu, counters %llu", value,
			 length);
		break;
	case GLASSRAM_EVENT_TARGET:
		snprintf(buffer, GLASSRAM_EVENT_TEXT, "watched after %.1f ms, of which it ran %.1f ms",
			 value / 1e6, length / 1e6);
		break;
	case GLASSRAM_EVENT_PAUSE:
		snprintf(buffer, GLASSRAM_EVENT_TEXT, "%s", value ? "paused" : "goes on");
		break;
	case GLASSRAM_EVENT_HIT:
		snprintf(buffer, GLASSRAM_EVENT_TEXT, "%llx weight %llu%s", address, value,
			 event->flags & FAULT_USER ? "" : ", by the kernel");
		break;
	}
	return buffer;
}
