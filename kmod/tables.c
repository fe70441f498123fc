// SPDX-License-Identifier: GPL-2.0
/*
 * The ioctls that show what a session knows: COUNTERS, REGIONS, BLOCKS,
 * THREADS, TARGETS, STATS. All run under the session's lock.
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
		    glassram_deferred_memory() +
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
	args.slots = session->slots.capacity * GLASSRAM_BLOCK_SLOTS;
	args.generation = session->slots.generation;
	args.bytes = (u64)session->slots.capacity * GLASSRAM_NR_COLUMNS * PAGE_SIZE;
	/* Before the fd exists, so that nothing can fail after it does. */
	ret = glassram_args_put(user, &args, sizeof(args));
	if (ret)
		return ret;
	if (room < GLASSRAM_NR_COLUMNS)
		return -ENOSPC;
	glassram_counters_columns(&session->slots, columns);
	if (copy_to_user(u64_to_user_ptr(args.columns), columns, sizeof(columns)))
		return -EFAULT;
	fd = glassram_counters_export(&session->slots);
	return fd;
}

/* Copy one target's regions and names, which start at @nr and @names_len of all. */
static int put_regions(struct glassram_mm *target, const struct glassram_regions *args,
		       u32 nr, u32 names_len)
{
	struct glassram_region __user *to = u64_to_user_ptr(args->regions);
	const struct glassram_region_table *table = &target->regions;
	u32 i;

	for (i = 0; i < table->nr_regions; i++) {
		struct glassram_region region = table->regions[i];

		region.first_slot = glassram_slots_find(&target->index, region.start);
		region.name += names_len;
		if (copy_to_user(&to[nr + i], &region, sizeof(region)))
			return -EFAULT;
	}
	return copy_to_user(u64_to_user_ptr(args->names + names_len), table->names,
			    table->names_len) ? -EFAULT : 0;
}

static long regions(struct glassram_session *session, void __user *user)
{
	u32 nr = 0, names_len = 0;
	struct glassram_regions args;
	struct glassram_mm *target;
	bool fits;
	long ret;

	ret = glassram_args_get(user, &args, sizeof(args));
	if (ret < 0)
		return ret;
	if (args.flags)
		return -EINVAL;
	glassram_for_each_target(target, session) {
		nr += target->regions.nr_regions;
		names_len += target->regions.names_len;
	}
	fits = args.nr_regions >= nr && args.names_len >= names_len;
	args.nr_regions = nr;
	args.names_len = names_len;
	args.generation = session->regions_generation;
	ret = glassram_args_put(user, &args, sizeof(args));
	if (ret)
		return ret;
	if (!fits)
		return -ENOSPC;
	nr = 0;
	names_len = 0;
	glassram_for_each_target(target, session) {
		ret = put_regions(target, &args, nr, names_len);
		if (ret)
			return ret;
		nr += target->regions.nr_regions;
		names_len += target->regions.names_len;
	}
	return 0;
}

static long blocks(struct glassram_session *session, void __user *user)
{
	const struct glassram_slots *slots = &session->slots;
	struct glassram_block __user *to;
	struct glassram_blocks args;
	bool fits;
	long ret;
	u32 i;

	ret = glassram_args_get(user, &args, sizeof(args));
	if (ret < 0)
		return ret;
	if (args.flags || args.pad)
		return -EINVAL;
	fits = args.nr_blocks >= slots->nr_blocks;
	args.nr_blocks = slots->nr_blocks;
	ret = glassram_args_put(user, &args, sizeof(args));
	if (ret)
		return ret;
	if (!fits)
		return -ENOSPC;
	to = u64_to_user_ptr(args.blocks);
	for (i = 0; i < slots->nr_blocks; i++) {
		struct glassram_block block = { .target = GLASSRAM_TARGET_NONE };

		if (slots->blocks[i]) {
			block.start = slots->blocks[i]->start;
			block.target = slots->blocks[i]->target;
		}
		if (copy_to_user(&to[i], &block, sizeof(block)))
			return -EFAULT;
	}
	return 0;
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
	/* An entry is complete once it has an epoch: pairs with the hook's release. */
	for (slot = 1; slot < GLASSRAM_MAX_THREADS; slot++)
		if (smp_load_acquire(&entries[slot].last_epoch)) /* as above */
			nr++;
	glassram_tables_totals(session, &totals);
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

static long targets(struct glassram_session *session, void __user *user)
{
	struct glassram_target __user *to;
	struct glassram_targets args;
	struct glassram_mm *target;
	bool fits;
	long ret;

	ret = glassram_args_get(user, &args, sizeof(args));
	if (ret < 0)
		return ret;
	if (args.flags || args.pad)
		return -EINVAL;
	fits = args.nr_targets >= session->nr_targets;
	args.nr_targets = session->nr_targets;
	ret = glassram_args_put(user, &args, sizeof(args));
	if (ret)
		return ret;
	if (!fits)
		return -ENOSPC;
	to = u64_to_user_ptr(args.targets);
	glassram_for_each_target(target, session) {
		struct glassram_target record = {
			.id = target->id,
			.state = READ_ONCE(target->state),
			.tgid = target->tgid,
			.regions = target->regions.nr_regions - target->regions.nr_refused,
			.late_ns = target->late_ns,
			.late_run_ns = target->late_run_ns,
		};

		strscpy(record.comm, target->comm, sizeof(record.comm));
		if (copy_to_user(to++, &record, sizeof(record)))
			return -EFAULT;
	}
	return 0;
}

static u32 count_clients(struct glassram_session *session)
{
	u32 nr;

	spin_lock(&session->clients_lock);
	nr = list_count_nodes(&session->clients);
	spin_unlock(&session->clients_lock);
	return nr;
}

static long stats(struct glassram_client *client, void __user *user)
{
	struct glassram_session *session = client->session;
	struct glassram_totals totals;
	struct glassram_mm *target;
	struct glassram_stats args;
	long ret;

	ret = glassram_args_get_grown(user, &args, sizeof(args), GLASSRAM_STATS_SIZE_VER0);
	if (ret < 0)
		return ret;
	if (args.flags)
		return -EINVAL;
	glassram_tables_totals(session, &totals);
	args = (struct glassram_stats){
		.size = ret,
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
	glassram_for_each_target(target, session) {
		args.regions += target->regions.nr_regions - target->regions.nr_refused;
		args.refused += target->regions.nr_refused;
	}
	WRITE_ONCE(client->stats_epoch, session->epoch);
	WRITE_ONCE(client->promoted, false);
	return glassram_args_put(user, &args, min_t(size_t, args.size, sizeof(args)));
}

/**
 * glassram_tables_ioctl() - the ioctls that only show
 * @client: the caller's session fd; the session's lock is held
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
