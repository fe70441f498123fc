// SPDX-License-Identifier: GPL-2.0
/*
 * The ioctls that change a session: OPTIONS, PAUSE, RESET, TARGET_ADD,
 * TARGET_DROP. Only the owner may call them, and they run under the session's
 * lock; everybody may read OPTIONS.
 */
#include <linux/mm.h>
#include <linux/rcupdate.h>

#include "args.h"
#include "backend.h"
#include "policy.h"
#include "session.h"
#include "target.h"

/* @args: checked; holds what is in force afterwards. The session's lock is held. */
static int set_options(struct glassram_client *client, struct glassram_options *args)
{
	struct glassram_session *session = client->session;
	bool followed = session->family.follow;
	int ret;

	if (args->flags && !glassram_client_owns(client))
		return -EPERM;
	if (args->flags & GLASSRAM_OPTION_POLICY && *args->policy && !glassram_policy_supported())
		return -EOPNOTSUPP;
	if (args->flags & GLASSRAM_OPTION_BUDGET && args->budget != GLASSRAM_BUDGET_ALL &&
	    !glassram_backend()->arm)
		return -EOPNOTSUPP;
	if (args->flags & GLASSRAM_OPTION_FOLLOW && args->follow) {
		ret = glassram_family_follow(session, true);
		if (ret)
			return ret;
	}
	if (args->flags & GLASSRAM_OPTION_POLICY) {
		ret = glassram_policy_bind(session, args->policy);
		if (ret) {
			if (!followed)
				glassram_family_follow(session, false);
			return ret;
		}
	}
	if (args->flags & GLASSRAM_OPTION_RATE) {
		WRITE_ONCE(session->rate_hz, args->rate_hz);
		WRITE_ONCE(session->next_tick, ktime_get());
	}
	if (args->flags & GLASSRAM_OPTION_FOLLOW && !args->follow)
		glassram_family_follow(session, false);
	if (args->flags & GLASSRAM_OPTION_BUDGET)
		glassram_budget_set(session, args->budget);
	if (args->flags & GLASSRAM_OPTION_PRICE) {
		session->budget.fault_ns = args->fault_ns;
		session->budget.call_ns = args->call_ns;
	}
	args->flags = 0;
	args->budget = session->budget.share;
	args->fault_ns = session->budget.fault_ns;
	args->call_ns = session->budget.call_ns;
	args->rate_hz = session->rate_hz;
	args->follow = session->family.follow;
	glassram_policy_name(session, args->policy);
	return 0;
}

static long options(struct glassram_client *client, void __user *user)
{
	struct glassram_options args;
	long ret;

	ret = glassram_args_get_grown(user, &args, sizeof(args), GLASSRAM_OPTIONS_SIZE_VER0);
	if (ret < 0)
		return ret;
	if (args.flags & ~GLASSRAM_OPTION_VALID_FLAGS || args.pad)
		return -EINVAL;
	if (args.flags & GLASSRAM_OPTION_BUDGET &&
	    (!args.budget || args.budget > GLASSRAM_BUDGET_ALL))
		return -EINVAL;
	if (args.flags & GLASSRAM_OPTION_PRICE &&
	    (!args.fault_ns || args.fault_ns > GLASSRAM_PRICE_MAX ||
	     args.call_ns > GLASSRAM_PRICE_MAX))
		return -EINVAL;
	if (args.flags & GLASSRAM_OPTION_FOLLOW ? args.follow > 1 : args.follow)
		return -EINVAL;
	if (args.flags & GLASSRAM_OPTION_RATE &&
	    (!args.rate_hz || args.rate_hz > GLASSRAM_RATE_MAX))
		return -EINVAL;
	if (args.flags & GLASSRAM_OPTION_POLICY &&
	    strnlen(args.policy, sizeof(args.policy)) == sizeof(args.policy))
		return -EINVAL;
	if (mutex_lock_killable(&client->session->lock))
		return -EINTR;
	ret = set_options(client, &args);
	mutex_unlock(&client->session->lock);
	return ret ?: glassram_args_put(user, &args, min_t(size_t, args.size, sizeof(args)));
}

/* Take all targets from the hook, then drop their protection. */
static void pause_targets(struct glassram_session *session)
{
	struct glassram_mm *target;

	glassram_for_each_target(target, session)
		glassram_fault_pause(target);
	synchronize_rcu();
	/* No ADVANCE does it until the session goes on. */
	glassram_deferred_replay(session);
	glassram_for_each_target(target, session)
		glassram_target_disarm(target);
}

static long pause_session(struct glassram_client *client, void __user *user)
{
	struct glassram_session *session = client->session;
	struct glassram_pause args;
	long ret;

	ret = glassram_args_get(user, &args, sizeof(args));
	if (ret < 0)
		return ret;
	if (args.flags || args.pad || args.paused > 1)
		return -EINVAL;
	if (session->state != GLASSRAM_STATE_LIVE)
		return session->state == GLASSRAM_STATE_FAILED ? -EXDEV : -ESRCH;
	if (args.paused == session->paused)
		return 0;
	WRITE_ONCE(session->paused, args.paused);
	if (args.paused)
		pause_targets(session);
	glassram_events_emit(session, (struct glassram_event){
		.type = GLASSRAM_EVENT_PAUSE,
		.value = args.paused,
	});
	glassram_session_update_control(session);
	return 0;
}

static long reset(struct glassram_client *client, void __user *user)
{
	struct glassram_session *session = client->session;
	struct glassram_totals totals;
	struct glassram_reset args;
	long ret;

	ret = glassram_args_get(user, &args, sizeof(args));
	if (ret < 0)
		return ret;
	if (args.flags)
		return -EINVAL;
	/* Hits that wait for their slot happened before. */
	glassram_deferred_replay(session);
	glassram_slots_reset(&session->slots, session->epoch);
	glassram_threads_reset(&session->threads);
	memset(&session->totals_base, 0, sizeof(session->totals_base));
	glassram_tables_totals(session, &totals);
	session->totals_base = totals;
	session->unexplained = 0;
	glassram_budget_reset(session);
	session->armed = 0;
	session->advance_ns = 0;
	glassram_events_emit(session, (struct glassram_event){ .type = GLASSRAM_EVENT_RESET });
	glassram_session_update_control(session);
	return 0;
}

/* Every client sees every target: see may_join(). */
static bool clients_may_see_more(struct glassram_session *session)
{
	struct glassram_client *client;
	bool may = true;

	spin_lock(&session->clients_lock);
	list_for_each_entry(client, &session->clients, link)
		may &= client->privileged || uid_eq(client->uid, current_euid());
	spin_unlock(&session->clients_lock);
	return may;
}

/* Make a target, and arm what is there. @args: id is filled also for -EEXIST. */
static int add_target(struct glassram_session *session, struct glassram_target_add *args,
		      const struct glassram_identity *identity, struct glassram_work *work)
{
	struct glassram_mm *target;
	u64 armed = 0;
	int ret;

	glassram_for_each_target(target, session) {
		if (target->mm == identity->mm) {
			args->target = target->id;
			return -EEXIST;
		}
	}
	ret = glassram_session_add_target(session, identity, work, &target);
	if (ret)
		return ret == -EEXIST ? -EBUSY : ret;
	args->target = target->id;
	session->regions_generation++;
	ret = target->backend->scan(target, work, false, &armed);
	if (!ret) {
		target->fresh = false;
		ret = target->backend->scan(target, work, true, &armed);
	}
	if (ret) {
		glassram_session_drop_target(session, target);
		return ret;
	}
	session->armed += armed;
	glassram_family_late(session, identity->task, &target->late_ns, &target->late_run_ns);
	glassram_events_emit(session, (struct glassram_event){
		.type = GLASSRAM_EVENT_TARGET,
		.target = target->id,
		.length = target->late_run_ns,
		.value = target->late_ns,
	});
	args->late_ns = target->late_ns;
	args->late_run_ns = target->late_run_ns;
	return 0;
}

static long target_add(struct glassram_client *client, void __user *user)
{
	struct glassram_session *session = client->session;
	struct glassram_target_add args;
	struct glassram_identity identity;
	struct glassram_work work;
	long ret;

	ret = glassram_args_get(user, &args, sizeof(args));
	if (ret < 0)
		return ret;
	if (args.flags || args.pad)
		return -EINVAL;
	ret = glassram_work_init(&work, args.work, args.work_len);
	if (ret)
		return ret;
	if (!clients_may_see_more(session))
		return -EPERM;
	if (session->state != GLASSRAM_STATE_LIVE)
		return session->state == GLASSRAM_STATE_FAILED ? -EXDEV : -ESRCH;
	if (session->paused)
		return -EAGAIN;
	ret = glassram_identify(args.pid, args.mem_fd, args.pagemap_fd, args.clear_refs_fd,
				&identity);
	if (ret)
		return ret;
	ret = add_target(session, &args, &identity, &work);
	glassram_identity_put(&identity);
	if (ret == -EXDEV)
		glassram_session_fail(session);
	glassram_session_update_control(session);
	if (!ret || ret == -EEXIST)
		ret = glassram_args_put(user, &args, sizeof(args)) ?: ret;
	return ret;
}

static long target_drop(struct glassram_client *client, void __user *user)
{
	struct glassram_session *session = client->session;
	struct glassram_target_drop args;
	struct glassram_mm *target;
	long ret;

	ret = glassram_args_get(user, &args, sizeof(args));
	if (ret < 0)
		return ret;
	if (args.flags || args.pad)
		return -EINVAL;
	target = glassram_session_target(session, args.target);
	if (!target)
		return -ENOENT;
	glassram_session_drop_target(session, target);
	glassram_session_update_control(session);
	return 0;
}

static long owner_ioctl(struct glassram_client *client, unsigned int nr, void __user *arg)
{
	if (!glassram_client_owns(client))
		return -EPERM;
	switch (nr) {
	case _IOC_NR(GLASSRAM_PAUSE):
		return pause_session(client, arg);
	case _IOC_NR(GLASSRAM_RESET):
		return reset(client, arg);
	case _IOC_NR(GLASSRAM_TARGET_ADD):
		return target_add(client, arg);
	case _IOC_NR(GLASSRAM_TARGET_DROP):
		return target_drop(client, arg);
	}
	return -ENOTTY;
}

/**
 * glassram_control_ioctl() - the ioctls that change a session
 * @client: the caller's session fd; the session's lock is not held
 * @nr: number of the ioctl
 * @arg: user argument
 * Return: as documented in the UAPI header; -ENOTTY if it is none of these.
 */
long glassram_control_ioctl(struct glassram_client *client, unsigned int nr, void __user *arg)
{
	long ret;

	switch (nr) {
	case _IOC_NR(GLASSRAM_OPTIONS):
		return options(client, arg);
	case _IOC_NR(GLASSRAM_PAUSE):
	case _IOC_NR(GLASSRAM_RESET):
	case _IOC_NR(GLASSRAM_TARGET_ADD):
	case _IOC_NR(GLASSRAM_TARGET_DROP):
		/* Before the lock, for whose holder they must not wait in vain. */
		if (!glassram_client_owns(client))
			return -EPERM;
		if (mutex_lock_killable(&client->session->lock))
			return -EINTR;
		ret = owner_ioctl(client, nr, arg);
		mutex_unlock(&client->session->lock);
		return ret;
	}
	return -ENOTTY;
}
