// SPDX-License-Identifier: GPL-2.0
/*
 * ADVANCE: closes the epoch and arms what was written, in all targets.
 *
 * Everything that watches happens here, in the caller's context. No worker
 * walks the targets.
 */
#include <linux/hrtimer.h>
#include <linux/mm.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>

#include "args.h"
#include "backend.h"
#include "session.h"
#include "target.h"
#include "trace.h"

/* Sleep until the session's next tick. Late ticks are not made up for. */
static int wait_for_tick(struct glassram_session *session)
{
	u32 rate = READ_ONCE(session->rate_hz);
	ktime_t tick = READ_ONCE(session->next_tick), now = ktime_get();

	if (ktime_before(now, tick)) {
		set_current_state(TASK_INTERRUPTIBLE);
		schedule_hrtimeout_range(&tick, NSEC_PER_MSEC / 10, HRTIMER_MODE_ABS);
		if (signal_pending(current))
			return -EINTR;
		now = tick;
	}
	WRITE_ONCE(session->next_tick, ktime_add_ns(now, NSEC_PER_SEC / rate));
	return 0;
}

/*
 * How long a page with two faults in flight keeps its mark at least: no fault
 * takes that long, and the self-check is blind to the page meanwhile.
 */
#define RACED_PERIOD (10 * NSEC_PER_SEC)

static void open_epoch(struct glassram_session *session)
{
	/* Full barrier: the new number is visible before any page is armed for it. */
	smp_store_mb(session->epoch, session->epoch + 1);
	session->epoch_ns = ktime_get_ns();
	if (session->epoch_ns - session->raced_ns > RACED_PERIOD) {
		session->raced_ns = session->epoch_ns;
		glassram_slots_age_raced(&session->slots);
	}
}

/* Bring the regions up to date. The mm is alive. */
static int look_at(struct glassram_mm *target, bool rescan, struct glassram_work *work)
{
	u32 registered = 0;
	u64 armed = 0;
	int ret;

	if (target->disarmed) {
		ret = glassram_target_resume(target, work);
		if (ret)
			return ret;
	}
	if (rescan || glassram_regions_changed(target)) {
		ret = glassram_regions_update(target, work, &registered);
		if (ret)
			return ret;
	}
	/* Blocks first for what is newly watched, so that its hits find their slot. */
	if (registered || target->fresh) {
		ret = target->backend->scan(target, work, false, &armed);
		if (ret && ret != -ENOMEM)
			return ret;
		target->fresh = false;
	}
	return 0;
}

static int look_at_all(struct glassram_session *session, bool rescan, struct glassram_work *work)
{
	struct glassram_mm *target;
	int ret = 0;

	glassram_for_each_target(target, session) {
		if (!glassram_target_get(target)) {
			/* Those who are dead need not lengthen the hook's search. */
			if (target->watched)
				glassram_fault_unwatch(target);
			continue;
		}
		ret = look_at(target, rescan, work);
		glassram_target_put(target);
		if (ret)
			break;
	}
	return ret;
}

static int arm_all(struct glassram_session *session, struct glassram_work *work, u64 *armed)
{
	struct glassram_mm *target;
	int ret, failed = 0;

	glassram_for_each_target(target, session) {
		if (!glassram_target_get(target))
			continue;
		ret = target->backend->scan(target, work, true, armed);
		glassram_target_put(target);
		if (ret == -ENOMEM)
			failed = ret;
		else if (ret)
			return ret;
	}
	return failed;
}

/* The tick itself. The session's lock is held. */
static int advance(struct glassram_session *session, struct glassram_advance *args,
		   struct glassram_work *work)
{
	u64 generation = glassram_session_regions_generation(session);
	u64 growth = session->slots.generation;
	bool ended = test_and_clear_bit(GLASSRAM_STALE_TARGETS, &session->stale);
	bool relaid;
	u64 armed = 0;
	int ret;

	/* Before looking, so that what happens meanwhile is looked at next time. */
	clear_bit(GLASSRAM_STALE_REGIONS, &session->stale);
	ret = look_at_all(session, args->flags & GLASSRAM_ADVANCE_RESCAN, work);
	if (ret)
		return ret;
	if (READ_ONCE(session->state) != GLASSRAM_STATE_LIVE)
		return -ESRCH;
	/* The self-check must know them, should their writers still be on the way. */
	glassram_deferred_replay(session);

	/*
	 * The order matters: a page armed before its epoch opened could be
	 * written and counted in the old one, and be missed in the new one.
	 */
#ifdef GLASSRAM_MUTATE_ARM_FIRST /* shows that the tests notice (tests/kselftest) */
	ret = arm_all(session, work, &armed);
	open_epoch(session);
#else
	open_epoch(session);
	ret = session->budget.share == GLASSRAM_BUDGET_ALL ?
	      arm_all(session, work, &armed) : glassram_budget_arm(session, work, &armed);
#endif
	clear_bit(GLASSRAM_STALE_SLOTS, &session->stale);
	/* What came meanwhile: the caller is to see all of the epoch. */
	glassram_deferred_replay(session);

	relaid = glassram_session_regions_generation(session) != generation;
	if (relaid || session->slots.generation != growth)
		glassram_events_emit(session, (struct glassram_event){
			.type = GLASSRAM_EVENT_LAYOUT,
			.length = session->slots.generation,
			.value = glassram_session_regions_generation(session),
		});
	session->armed += armed;
	session->armed_last = armed;
	args->armed = armed;
	args->nr_ranges = work->used;
	args->result = (work->truncated ? GLASSRAM_ADVANCED_TRUNCATED : 0) |
		       (relaid ? GLASSRAM_ADVANCED_REGIONS : 0) |
		       (session->slots.generation != growth ? GLASSRAM_ADVANCED_COUNTERS : 0) |
		       (ended ? GLASSRAM_ADVANCED_TARGETS : 0);
	return ret;
}

static long advance_locked(struct glassram_client *client, struct glassram_advance *args,
			   struct glassram_work *work)
{
	struct glassram_session *session = client->session;
	u64 begin = ktime_get_ns(), unexplained = session->unexplained;
	int ret;

	if (!glassram_client_owns(client))
		return -EPERM;
	if (session->state == GLASSRAM_STATE_LIVE && !session->paused) {
		ret = advance(session, args, work);
		if (ret == -EXDEV)
			glassram_session_fail(session);
	} else if (session->state == GLASSRAM_STATE_LIVE) {
		args->armed = 0;
		args->nr_ranges = 0;
		args->result = GLASSRAM_ADVANCED_PAUSED;
		ret = 0;
	} else if (session->state == GLASSRAM_STATE_FAILED) {
		ret = -EXDEV;
	} else {
		/* The last that it wrote counts as well. */
		glassram_deferred_replay(session);
		ret = -ESRCH;
	}
	args->epoch = session->epoch;
	if (!ret || ret == -ENOMEM) {
		session->advance_last_ns = ktime_get_ns() - begin;
		session->advance_ns += session->advance_last_ns;
		trace_advance(session->id, session->epoch, args->armed, session->advance_last_ns,
			      session->unexplained - unexplained);
	}
	glassram_session_update_control(session);
	if (!ret || ret == -ENOMEM)
		wake_up_interruptible_poll(&session->wait, EPOLLIN);
	return ret;
}

/**
 * glassram_advance_ioctl() - ADVANCE
 * @client: the caller's session fd; the session's lock is not held
 * @user: its argument
 */
long glassram_advance_ioctl(struct glassram_client *client, void __user *user)
{
	struct glassram_session *session = client->session;
	struct glassram_advance args;
	struct glassram_work work;
	long ret;

	ret = glassram_args_get(user, &args, sizeof(args));
	if (ret < 0)
		return ret;
	if (args.flags & ~GLASSRAM_ADVANCE_VALID_FLAGS || args.pad)
		return -EINVAL;
	ret = glassram_work_init(&work, args.work, args.work_len);
	if (ret)
		return ret;
	if (!glassram_client_owns(client))
		return -EPERM;
	if (args.flags & GLASSRAM_ADVANCE_PACED) {
		ret = wait_for_tick(session);
		if (ret)
			return ret;
	}
	if (mutex_lock_killable(&session->lock))
		return -EINTR;
	ret = advance_locked(client, &args, &work);
	if (!ret || ret == -ENOMEM)
		ret = glassram_args_put(user, &args, sizeof(args)) ?: ret;
	mutex_unlock(&session->lock);
	return ret;
}
