// SPDX-License-Identifier: GPL-2.0
/*
 * The ioctls that show what a session knows: COUNTERS, REGIONS, BLOCKS,
 * THREADS, TARGETS, STATS. Any client may call them, so the session's lock is
 * not held while the caller's memory is touched, which can take forever.
 *
 * Tables are copied whole or not at all: with too little room, -ENOSPC and the
 * sizes needed. Weak spot: a table that grows between two calls makes the
 * caller ask again.
 */
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/syscalls.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "args.h"
#include "compat.h"
#include "counters.h"
#include "session.h"
#include "target.h"

/**
 * glassram_tables_totals() - the hook's totals of all CPUs, since the last RESET
 * @session: the session; its lock is held
 * @ret_sum: filled
 */
void glassram_tables_totals(struct glassram_session *session, struct glassram_totals *ret_sum)
{
	int cpu;

	memset(ret_sum, 0, sizeof(*ret_sum));
	for_each_possible_cpu(cpu) {
		const struct glassram_totals *totals = per_cpu_ptr(session->totals, cpu);

		ret_sum->faults += READ_ONCE(totals->faults);
		ret_sum->hits += READ_ONCE(totals->hits);
		ret_sum->rejected += READ_ONCE(totals->rejected);
		ret_sum->deferred += READ_ONCE(totals->deferred);
		ret_sum->lost += READ_ONCE(totals->lost);
		ret_sum->thread_overflow += READ_ONCE(totals->thread_overflow);
	}
	ret_sum->faults -= session->totals_base.faults;
	ret_sum->hits -= session->totals_base.hits;
	ret_sum->rejected -= session->totals_base.rejected;
	ret_sum->deferred -= session->totals_base.deferred;
	ret_sum->lost -= session->totals_base.lost;
	ret_sum->thread_overflow -= session->totals_base.thread_overflow;
}

/* Bytes held for a session. */
static u64 memory_of(struct glassram_session *session)
{
	struct glassram_mm *target;
	u64 bytes = sizeof(*session) + PAGE_SIZE + glassram_slots_memory(&session->slots) +
		    glassram_deferred_memory() + glassram_family_memory(session) +
		    GLASSRAM_MAX_THREADS * sizeof(struct glassram_thread_entry);

	glassram_for_each_target(target, session)
		bytes += sizeof(*target) + glassram_regions_memory(&target->regions) +
			 GLASSRAM_RECENT_BLOCKS * sizeof(*target->index.recent);
	return bytes;
}

static long counters(struct glassram_session *session, void __user *user)
{
	struct glassram_column columns[GLASSRAM_NR_COLUMNS];
	struct glassram_counters args;
	long ret;
	u32 room;
	int fd;

	ret = glassram_args_get(user, &args, sizeof(args));
	if (ret < 0)
		return ret;
	if (args.flags || (!args.columns && args.nr_columns))
		return -EINVAL;
	room = args.nr_columns;
	args.nr_columns = GLASSRAM_NR_COLUMNS;
	if (mutex_lock_killable(&session->lock))
		return -EINTR;
	args.slots = session->slots.capacity * GLASSRAM_BLOCK_SLOTS;
	args.generation = session->slots.generation;
	args.bytes = (u64)session->slots.capacity * GLASSRAM_NR_COLUMNS * PAGE_SIZE;
	glassram_counters_columns(&session->slots, columns);
	fd = room < GLASSRAM_NR_COLUMNS ? -ENOSPC : glassram_counters_export(&session->slots);
	mutex_unlock(&session->lock);

	if (glassram_args_put(user, &args, sizeof(args)) ||
	    (fd >= 0 && copy_to_user(u64_to_user_ptr(args.columns), columns, sizeof(columns)))) {
		if (fd >= 0)
			close_fd(fd);
		return -EFAULT;
	}
	return fd;
}

/* What REGIONS shows, as one copy. */
struct region_snapshot {
	struct glassram_region *regions;
	char *names;
	u32 nr;
	u32 names_len;
	u64 generation;
};

static void measure_regions(struct glassram_session *session, struct region_snapshot *ret)
{
	struct glassram_mm *target;

	glassram_for_each_target(target, session) {
		ret->nr += target->regions.nr_regions;
		ret->names_len += target->regions.names_len;
	}
	ret->generation = glassram_session_regions_generation(session);
}

/* As large as the targets make it: no warning where it is too large. */
static int copy_regions(struct glassram_session *session, struct region_snapshot *snapshot)
{
	struct glassram_region *to;
	struct glassram_mm *target;
	u32 names_len = 0;
	u32 i;

	snapshot->regions = kvmalloc_array(snapshot->nr, sizeof(*to),
					   GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	snapshot->names = kvmalloc(snapshot->names_len, GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!snapshot->regions || !snapshot->names)
		return -ENOMEM;
	to = snapshot->regions;
	glassram_for_each_target(target, session) {
		const struct glassram_region_table *table = &target->regions;

		for (i = 0; i < table->nr_regions; i++, to++) {
			*to = table->regions[i];
			to->first_slot = glassram_slots_find(&target->index, to->start);
			to->name += names_len;
		}
		if (table->names_len)
			memcpy(snapshot->names + names_len, table->names, table->names_len);
		names_len += table->names_len;
	}
	return 0;
}

static long regions(struct glassram_session *session, void __user *user)
{
	struct region_snapshot snapshot = {};
	struct glassram_regions args;
	bool fits;
	long ret;

	ret = glassram_args_get(user, &args, sizeof(args));
	if (ret < 0)
		return ret;
	if (args.flags)
		return -EINVAL;
	if (mutex_lock_killable(&session->lock))
		return -EINTR;
	measure_regions(session, &snapshot);
	fits = args.nr_regions >= snapshot.nr && args.names_len >= snapshot.names_len;
	ret = fits ? copy_regions(session, &snapshot) : -ENOSPC;
	mutex_unlock(&session->lock);

	args.nr_regions = snapshot.nr;
	args.names_len = snapshot.names_len;
	args.generation = snapshot.generation;
	if (!ret && (copy_to_user(u64_to_user_ptr(args.regions), snapshot.regions,
				  snapshot.nr * sizeof(*snapshot.regions)) ||
		     copy_to_user(u64_to_user_ptr(args.names), snapshot.names,
				  snapshot.names_len)))
		ret = -EFAULT;
	kvfree(snapshot.regions);
	kvfree(snapshot.names);
	return glassram_args_put(user, &args, sizeof(args)) ?: ret;
}

static long blocks(struct glassram_session *session, void __user *user)
{
	const struct glassram_slots *slots = &session->slots;
	struct glassram_block *copy = NULL;
	struct glassram_blocks args;
	u32 i, nr;
	bool fits;
	long ret;

	ret = glassram_args_get(user, &args, sizeof(args));
	if (ret < 0)
		return ret;
	if (args.flags || args.pad)
		return -EINVAL;
	if (mutex_lock_killable(&session->lock))
		return -EINTR;
	nr = slots->nr_blocks;
	fits = args.nr_blocks >= nr;
	if (fits)
		copy = kvcalloc(nr, sizeof(*copy), GFP_KERNEL_ACCOUNT);
	for (i = 0; copy && i < nr; i++) {
		copy[i].target = GLASSRAM_TARGET_NONE;
		if (!slots->blocks[i])
			continue;
		copy[i].start = slots->blocks[i]->start;
		copy[i].target = slots->blocks[i]->target;
	}
	mutex_unlock(&session->lock);

	args.nr_blocks = nr;
	ret = !fits ? -ENOSPC : nr && !copy ? -ENOMEM : 0;
	if (!ret && copy_to_user(u64_to_user_ptr(args.blocks), copy, nr * sizeof(*copy)))
		ret = -EFAULT;
	kvfree(copy);
	return glassram_args_put(user, &args, sizeof(args)) ?: ret;
}

static void fill_thread(struct glassram_thread *to, const struct glassram_thread_entry *entry,
			u32 slot, u32 last_epoch)
{
	*to = (struct glassram_thread){
		.slot = slot,
		.tid = entry->tid,
		.tgid = entry->tgid,
		.target = entry->target,
		.start_ns = entry->start_time,
		.hits = atomic64_read(&entry->hits),
		.last_epoch = last_epoch,
	};
	memcpy(to->comm, entry->comm, sizeof(to->comm));
	to->comm[sizeof(to->comm) - 1] = 0;
}

static long threads(struct glassram_session *session, void __user *user)
{
	const struct glassram_thread_entry *entries = session->threads.entries;
	struct glassram_totals totals;
	struct glassram_thread thread;
	struct glassram_threads args;
	struct glassram_thread __user *to;
	u32 slot, last_epoch, room, nr = 0;
	long ret;

	ret = glassram_args_get(user, &args, sizeof(args));
	if (ret < 0)
		return ret;
	if (args.flags || args.pad)
		return -EINVAL;
	room = args.nr_threads;
	to = u64_to_user_ptr(args.threads);
	/*
	 * No lock for them: entries are made by the threads themselves, and stay. One is
	 * complete once it has an epoch: pairs with the hook's release.
	 */
	for (slot = 1; slot < GLASSRAM_MAX_THREADS; slot++)
		if (smp_load_acquire(&entries[slot].last_epoch)) /* as above */
			nr++;
	if (mutex_lock_killable(&session->lock))
		return -EINTR;
	glassram_tables_totals(session, &totals);
	mutex_unlock(&session->lock);
	args.overflow = totals.thread_overflow;
	args.nr_threads = nr;
	if (room < nr) {
		ret = glassram_args_put(user, &args, sizeof(args));
		return ret ?: -ENOSPC;
	}
	nr = 0;
	for (slot = 1; slot < GLASSRAM_MAX_THREADS && nr < room; slot++) {
		last_epoch = smp_load_acquire(&entries[slot].last_epoch); /* as above */
		if (!last_epoch)
			continue;
		fill_thread(&thread, &entries[slot], slot, last_epoch);
		if (copy_to_user(&to[nr++], &thread, sizeof(thread)))
			return -EFAULT;
	}
	/* New ones may have come while copying; they are shown if there is room. */
	args.nr_threads = nr;
	return glassram_args_put(user, &args, sizeof(args));
}

static void fill_target(struct glassram_target *to, const struct glassram_mm *target)
{
	*to = (struct glassram_target){
		.id = target->id,
		.state = READ_ONCE(target->state),
		.tgid = target->tgid,
		.regions = target->regions.nr_regions - target->regions.nr_refused,
		.late_ns = target->late_ns,
		.late_run_ns = target->late_run_ns,
	};
	strscpy(to->comm, target->comm, sizeof(to->comm));
}

static long targets(struct glassram_session *session, void __user *user)
{
	struct glassram_target *copy = NULL;
	struct glassram_targets args;
	struct glassram_mm *target;
	u32 nr, i = 0;
	bool fits;
	long ret;

	ret = glassram_args_get(user, &args, sizeof(args));
	if (ret < 0)
		return ret;
	if (args.flags || args.pad)
		return -EINVAL;
	if (mutex_lock_killable(&session->lock))
		return -EINTR;
	nr = session->nr_targets;
	fits = args.nr_targets >= nr;
	if (fits)
		copy = kvmalloc_array(nr, sizeof(*copy), GFP_KERNEL_ACCOUNT);
	if (copy)
		glassram_for_each_target(target, session)
			fill_target(&copy[i++], target);
	mutex_unlock(&session->lock);

	args.nr_targets = nr;
	ret = !fits ? -ENOSPC : nr && !copy ? -ENOMEM : 0;
	if (!ret && copy_to_user(u64_to_user_ptr(args.targets), copy, nr * sizeof(*copy)))
		ret = -EFAULT;
	kvfree(copy);
	return glassram_args_put(user, &args, sizeof(args)) ?: ret;
}

static u32 count_clients(struct glassram_session *session)
{
	struct glassram_client *client;
	u32 nr = 0;

	spin_lock(&session->clients_lock);
	list_for_each_entry(client, &session->clients, link)
		nr++;
	spin_unlock(&session->clients_lock);
	return nr;
}

/* The session's lock is held. */
static void fill_stats(struct glassram_client *client, struct glassram_stats *stats)
{
	struct glassram_session *session = client->session;
	struct glassram_totals totals;
	struct glassram_mm *target;

	glassram_tables_totals(session, &totals);
	*stats = (struct glassram_stats){
		.size = stats->size,
		.epoch = session->epoch,
		.state = glassram_session_shown_state(session),
		.faults = totals.faults,
		.hits = totals.hits,
		.rejected = totals.rejected,
		.deferred = totals.deferred,
		.lost = totals.lost,
		.unexplained = session->unexplained,
		.armed = session->armed,
		.armed_last = session->armed_last,
		.advance_ns = session->advance_ns,
		.advance_last_ns = session->advance_last_ns,
		.pages = session->slots.nr_pages,
		.slots = (session->slots.nr_blocks - session->slots.nr_free) *
			 GLASSRAM_BLOCK_SLOTS,
		.memory = memory_of(session),
		.threads = atomic_read(&session->threads.used),
		.targets = atomic_read(&session->live),
		.session = session->id,
		.clients = count_clients(session),
		.owner = glassram_client_owns(client),
	};
	glassram_budget_fill_stats(session, stats);
	glassram_for_each_target(target, session) {
		stats->regions += target->regions.nr_regions - target->regions.nr_refused;
		stats->refused += target->regions.nr_refused;
	}
	WRITE_ONCE(client->stats_epoch, session->epoch);
	WRITE_ONCE(client->promoted, false);
}

static long stats(struct glassram_client *client, void __user *user)
{
	struct glassram_stats args;
	long ret;

	ret = glassram_args_get_grown(user, &args, sizeof(args), GLASSRAM_STATS_SIZE_VER0);
	if (ret < 0)
		return ret;
	if (args.flags)
		return -EINVAL;
	if (mutex_lock_killable(&client->session->lock))
		return -EINTR;
	fill_stats(client, &args);
	mutex_unlock(&client->session->lock);
	return glassram_args_put(user, &args, min_t(size_t, args.size, sizeof(args)));
}

/**
 * glassram_tables_ioctl() - the ioctls that only show
 * @client: the caller's session fd; the session's lock is not held
 * @nr: number of the ioctl
 * @arg: user argument
 */
long glassram_tables_ioctl(struct glassram_client *client, unsigned int nr, void __user *arg)
{
	struct glassram_session *session = client->session;

	switch (nr) {
	case _IOC_NR(GLASSRAM_COUNTERS):
		return counters(session, arg);
	case _IOC_NR(GLASSRAM_REGIONS):
		return regions(session, arg);
	case _IOC_NR(GLASSRAM_BLOCKS):
		return blocks(session, arg);
	case _IOC_NR(GLASSRAM_THREADS):
		return threads(session, arg);
	case _IOC_NR(GLASSRAM_TARGETS):
		return targets(session, arg);
	case _IOC_NR(GLASSRAM_STATS):
		return stats(client, arg);
	}
	return -ENOTTY;
}
