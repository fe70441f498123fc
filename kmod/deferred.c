// SPDX-License-Identifier: GPL-2.0
/*
 * Hits that came before their page had a slot (a first touch in a fresh
 * mapping): the hook cannot allocate, so it leaves them in a bounded ring, and
 * ADVANCE replays them once the blocks exist. Many producers, one consumer
 * (the holder of the session's lock).
 *
 * Weak spot: more than RING_SIZE such hits between two ADVANCEs are lost, and
 * counted as lost.
 */
#include <linux/mm.h>
#include <linux/vmalloc.h>

#include "session.h"
#include "target.h"

/* 256 MiB of first touches in one epoch, for 1.5 MiB of memory. */
#define RING_SIZE 65536U

int glassram_deferred_init(struct glassram_deferred *deferred)
{
	atomic_set(&deferred->head, 0);
	deferred->tail = 0;
	deferred->ring = __vmalloc_array(RING_SIZE, sizeof(*deferred->ring),
					 GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_NOWARN);
	return deferred->ring ? 0 : -ENOMEM;
}

void glassram_deferred_finish(struct glassram_deferred *deferred)
{
	vfree(deferred->ring);
}

u64 glassram_deferred_memory(void)
{
	return RING_SIZE * sizeof(struct glassram_deferred_hit);
}

/**
 * glassram_deferred_push() - keep a hit for later
 * @deferred: the ring
 * @target: id of the target
 * @address: its page
 * @epoch: the epoch the hit belongs to
 * @thread: thread slot of the writer
 * @weight: weight given by the policy
 * @user: the fault came from user mode
 *
 * Called by the hook: does not sleep, takes no lock.
 * Return: false if the ring is full and the hit is lost.
 */
bool glassram_deferred_push(struct glassram_deferred *deferred, u32 target, unsigned long address,
			    u32 epoch, u32 thread, u32 weight, bool user)
{
	struct glassram_deferred_hit *hit;
	int head = atomic_read(&deferred->head);

	do {
		if ((u32)head - READ_ONCE(deferred->tail) >= RING_SIZE)
			return false;
	} while (!atomic_try_cmpxchg(&deferred->head, &head, head + 1));

	hit = &deferred->ring[(u32)head % RING_SIZE];
	hit->address = address;
	hit->epoch = epoch;
	hit->weight = weight;
	hit->thread = thread;
	hit->user = user;
	hit->target = target;
	smp_store_release(&hit->ready, (u32)head + 1); /* the entry is complete */
	return true;
}

/*
 * What became of a deferred hit. DROPPED: its target is none any more. LATER: there
 * was no memory for its block.
 */
enum replay { COUNTED, DUPLICATE, DROPPED, LOST, LATER };

/* Late, but with the thread and the epoch that it had. */
static void tell_hit(struct glassram_session *session, const struct glassram_mm *target,
		     const struct glassram_deferred_hit *hit)
{
	const struct glassram_thread_entry *thread = &session->threads.entries[hit->thread];
	struct glassram_event event = {
		.type = GLASSRAM_EVENT_HIT,
		.epoch = hit->epoch,
		.target = target->id,
		.tid = thread->tid,
		.tgid = thread->tgid,
		.address = hit->address,
		.value = hit->weight,
		.flags = FAULT_FLAG_WRITE | (hit->user ? FAULT_FLAG_USER : 0),
	};

	glassram_events_put(session, &event);
}

static enum replay replay(struct glassram_session *session,
			  const struct glassram_deferred_hit *hit)
{
	struct glassram_mm *target = glassram_session_target_low(session, hit->target);
	unsigned int i = glassram_slot_of(hit->address);
	struct glassram_slot_block *block;
	u32 *stamp, old;

	if (!target)
		return DROPPED;
	block = glassram_slots_get(&session->slots, &target->index, hit->address);
	if (IS_ERR(block))
		return PTR_ERR(block) == -ENOMEM ? LATER : LOST;
	/*
	 * The hook found no block to mark: this fault may be in flight still, and
	 * store after ADVANCE has armed what another thread populated meanwhile.
	 */
	set_bit(i, block->raced);
	stamp = &block->column[GLASSRAM_STAMP][i];
	old = READ_ONCE(*stamp);
	do {
		if (old == hit->epoch)
			return DUPLICATE;
		/* A later epoch was counted in place already; this one still counts. */
		if ((s32)(old - hit->epoch) > 0)
			break;
	} while (!try_cmpxchg(stamp, &old, hit->epoch));

	if ((s32)(old - hit->epoch) < 0)
		WRITE_ONCE(block->column[GLASSRAM_OWNER][i], hit->thread);
	atomic_add(hit->weight, (atomic_t *)&block->column[GLASSRAM_HITS][i]);
	if (glassram_events_wanted(session, GLASSRAM_EVENT_HIT))
		tell_hit(session, target, hit);
	return COUNTED;
}

/**
 * glassram_deferred_replay() - count the hits of the ring
 * @session: the session; its lock is held; blocks that are missing are made
 *
 * The totals count them only now: two threads in one fault may have left the
 * same hit, which only the slot's stamp can tell, and a total that is never
 * taken back cannot fall below what it was at a RESET.
 */
void glassram_deferred_replay(struct glassram_session *session)
{
	struct glassram_deferred *deferred = &session->deferred;

	while (deferred->tail != (u32)atomic_read(&deferred->head)) {
		u32 tail = deferred->tail;
		struct glassram_deferred_hit *hit = &deferred->ring[tail % RING_SIZE];
		enum replay outcome;

		/* Claimed, and its writer is about to complete it: next time. */
		if (smp_load_acquire(&hit->ready) != tail + 1)
			break;
		outcome = replay(session, hit);
		if (outcome == LATER)
			break;
		if (outcome == COUNTED) {
			this_cpu_inc(session->totals->hits);
			atomic64_inc(&session->threads.entries[hit->thread].hits);
		}
		if (outcome == LOST)
			this_cpu_inc(session->totals->lost);
		/* The entry is free only after it was read. */
		smp_store_release(&deferred->tail, tail + 1);
	}
}
