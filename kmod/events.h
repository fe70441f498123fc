/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Event streams: what happened to the targets, as records to be read.
 */
#ifndef GLASSRAM_EVENTS_H
#define GLASSRAM_EVENTS_H

#include <linux/bits.h>
#include <linux/compiler.h>
#include <linux/list.h>
#include <linux/types.h>

#include <linux/glassram.h>

struct glassram_session;

/* Types that need the scheduler's tracepoints (probes.c). */
#define GLASSRAM_EVENTS_FAMILY \
	(BIT_ULL(GLASSRAM_EVENT_FORK) | BIT_ULL(GLASSRAM_EVENT_EXEC) | \
	 BIT_ULL(GLASSRAM_EVENT_EXIT) | BIT_ULL(GLASSRAM_EVENT_THREAD_START) | \
	 BIT_ULL(GLASSRAM_EVENT_THREAD_EXIT))
/* Types that need hooks in the memory management (layout_events.c). */
#define GLASSRAM_EVENTS_LAYOUT \
	(BIT_ULL(GLASSRAM_EVENT_MAP) | BIT_ULL(GLASSRAM_EVENT_UNMAP) | \
	 BIT_ULL(GLASSRAM_EVENT_REMOVE) | BIT_ULL(GLASSRAM_EVENT_REMAP))

/**
 * struct glassram_streams - the streams of a session
 * @list: struct stream; changed under streams_lock (events.c), walked under RCU
 * @mask: types that any of them wants; hook
 */
struct glassram_streams {
	struct list_head list;
	u64 mask;
};

/* Does anybody want to know? What is only done for an event asks this first. */
#define glassram_events_wanted(session, type) \
	unlikely(READ_ONCE((session)->streams.mask) & BIT_ULL(type))

void glassram_streams_init(struct glassram_streams *streams);
void glassram_streams_close(struct glassram_streams *streams);
long glassram_events_open(struct glassram_session *session, void __user *user);
void glassram_events_put(struct glassram_session *session, struct glassram_event *event);
void glassram_events_emit(struct glassram_session *session, struct glassram_event event);
void glassram_events_lose(struct glassram_session *session, u32 type);

#endif /* GLASSRAM_EVENTS_H */
