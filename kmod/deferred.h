/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ring of hits that came before their page had a slot.
 */
#ifndef GLASSRAM_DEFERRED_H
#define GLASSRAM_DEFERRED_H

#include <linux/atomic.h>
#include <linux/types.h>

#include <linux/glassram.h>

struct glassram_session;

/**
 * struct glassram_deferred_hit - one hit that waits for its slot
 * @address: page of the target
 * @epoch: when it happened
 * @weight: what the policy gave it
 * @thread: thread slot
 * @user: the fault came from user mode
 * @target: the low 16 bits of the target's id
 * @ready: position + 1 once the entry is complete
 */
struct glassram_deferred_hit {
	unsigned long address;
	u32 epoch;
	u32 weight;
	u16 thread : 14;
	u16 user : 1;
	u16 target;
	u32 ready;
};

static_assert(BIT(14) == GLASSRAM_MAX_THREADS);

struct glassram_deferred {
	struct glassram_deferred_hit *ring;
	atomic_t head;
	u32 tail;
};

int glassram_deferred_init(struct glassram_deferred *deferred);
void glassram_deferred_finish(struct glassram_deferred *deferred);
bool glassram_deferred_push(struct glassram_deferred *deferred, u32 target, unsigned long address,
			    u32 epoch, u32 thread, u32 weight, bool user);
void glassram_deferred_replay(struct glassram_session *session);
u64 glassram_deferred_memory(void);

#endif /* GLASSRAM_DEFERRED_H */
