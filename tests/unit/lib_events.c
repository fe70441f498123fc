// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events in libglassram: names and masks, records of other lengths, and words.
 */
#include <errno.h>
#include <string.h>

#include "../../user/libglassram/internal.h"
#include "tap.h"

static void test_names(void)
{
	for (uint32_t type = 0; type < GLASSRAM_EVENT_NR; type++) {
		const char *name = glassram_event_name(type);
		uint64_t mask = 0;

		tap_check(strcmp(name, "unknown") && !glassram_event_mask(name, &mask) &&
			  mask == 1ULL << type, "event %u is \"%s\", and back", type, name);
	}
	tap_check(!strcmp(glassram_event_name(GLASSRAM_EVENT_NR), "unknown") &&
		  !strcmp(glassram_event_name(UINT32_MAX), "unknown"), "other types are unknown");
}

static void test_masks(void)
{
	static const char *const wrong[] = { "", ",", "fork,", ",fork", "for", "forks", "fork exec",
					     "FORK", "fork,,exec" };
	uint64_t mask = 0;

	tap_check(!glassram_event_mask("fork,exec,thread-exit", &mask) && mask == 0x26,
		  "several names: 0x%llx", (unsigned long long)mask);
	tap_check(!glassram_event_mask("all", &mask) && mask == 0x1ffff, "all but hit");
	tap_check(!glassram_event_mask("all,hit", &mask) && mask == 0x3ffff, "and hit");
	mask = 42;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		tap_check(glassram_event_mask(wrong[i], &mask) == GLASSRAM_ERR_INVALID &&
			  mask == 42 && strstr(glassram_error_message(), "target-end"),
			  "\"%s\" is refused, and the names are listed", wrong[i]);
}

#define LONGER (sizeof(struct glassram_event) + 16)

static void test_records(void)
{
	struct glassram_event events[4], event = { .type = GLASSRAM_EVENT_FORK, .value = 7 };
	char buffer[4 * LONGER];
	uint32_t zero = 0;

	event.size = LONGER;
	memset(buffer, 0xff, sizeof(buffer));
	memcpy(buffer, &event, sizeof(event));
	event.type = GLASSRAM_EVENT_EXEC;
	memcpy(buffer + LONGER, &event, sizeof(event));
	tap_check(gr_events_take(buffer, 2 * LONGER, events, 4) == 2 &&
		  events[0].type == GLASSRAM_EVENT_FORK && events[0].value == 7 &&
		  events[1].type == GLASSRAM_EVENT_EXEC, "records of a newer module");
	tap_check(gr_events_take(buffer, 2 * LONGER, events, 1) == 1, "no more than there is room");
	tap_check(gr_events_take(buffer, LONGER + 20, events, 4) == 1, "half a record is none");

	event.size = 16;
	memcpy(buffer, &event, 16);
	memcpy(buffer + 16, &event, 16);
	memset(events, 0xff, sizeof(events));
	tap_check(gr_events_take(buffer, 32, events, 4) == 2 &&
		  events[1].type == GLASSRAM_EVENT_EXEC && !events[1].value && !events[0].tid,
		  "fields that shorter records lack read 0");
	memcpy(buffer, &zero, sizeof(zero));
	tap_check(!gr_events_take(buffer, sizeof(buffer), events, 4),
		  "a record without a length ends it, and does not hang");
	tap_check(!gr_events_take(buffer, 0, events, 4), "nothing is nothing");
}

static void says(struct glassram_event event, const char *wanted)
{
	char text[GLASSRAM_EVENT_TEXT];

	tap_check(!strcmp(glassram_event_text(&event, text), wanted), "%s: \"%s\"",
		  glassram_event_name(event.type), text);
}

#define SAYS(wanted, ...) says((struct glassram_event){ __VA_ARGS__ }, wanted)

static void test_text(void)
{
	SAYS("3 events found no room", .type = GLASSRAM_EVENT_LOST, .value = 3);
	SAYS("new process 4711", .type = GLASSRAM_EVENT_FORK, .value = 4711);
	SAYS("new process 4711, sharing the memory", .type = GLASSRAM_EVENT_FORK, .value = 4711,
	     .flags = GLASSRAM_EVENT_SAME_MM);
	SAYS("", .type = GLASSRAM_EVENT_EXEC);
	SAYS("status 3", .type = GLASSRAM_EVENT_EXIT, .value = 0x300);
	SAYS("killed by signal 9", .type = GLASSRAM_EVENT_EXIT, .value = 9);
	SAYS("killed by signal 11, core dumped", .type = GLASSRAM_EVENT_EXIT, .value = 0x8b);
	SAYS("new thread 12", .type = GLASSRAM_EVENT_THREAD_START, .value = 12);
	SAYS("7f0000000000-7f0000002000", .type = GLASSRAM_EVENT_MAP, .address = 0x7f0000000000,
	     .length = 8192);
	SAYS("1000-2000 to 5000", .type = GLASSRAM_EVENT_REMAP, .address = 0x1000,
	     .length = 4096, .value = 0x5000);
	SAYS("1000-2000: EBUSY", .type = GLASSRAM_EVENT_REFUSED, .address = 0x1000,
	     .length = 4096, .value = EBUSY);
	SAYS("watched after 12.5 ms, of which it ran 3.0 ms", .type = GLASSRAM_EVENT_TARGET,
	     .value = 12500000, .length = 3000000);
	SAYS("paused", .type = GLASSRAM_EVENT_PAUSE, .value = 1);
	SAYS("1000 weight 2", .type = GLASSRAM_EVENT_HIT, .address = 0x1000, .value = 2,
	     .flags = 0x41);
	SAYS("1000 weight 1, by the kernel", .type = GLASSRAM_EVENT_HIT, .address = 0x1000,
	     .value = 1, .flags = 1);
	SAYS("", .type = 99);
}

int main(void)
{
	test_names();
	test_masks();
	test_records();
	test_text();
	return tap_end();
}
