// SPDX-License-Identifier: GPL-2.0
/*
 * Event streams: an fd from which a client reads records of what happened.
 *
 * Each stream has a ring of its own. Whoever has something to tell writes it
 * into every ring that wants it, from any context that is not an interrupt: the
 * fault hook, tracepoints, ioctls. Nobody ever waits for a reader. A record that
 * finds the ring full is counted in a LOST record, which stands where the lost
 * ones would have stood.
 *
 * Weak spot: one lock for each stream, so the threads of a target meet there
 * when a stream of HIT is open.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/poll.h>
#include <linux/rculist.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>

#include "args.h"
#include "events.h"
#include "family.h"
#include "layout_events.h"
#include "session.h"

/* Records copied at a time: the ring is locked that long, and not while userspace faults. */
#define BATCH 32U

#define MASK_VALID (BIT_ULL(GLASSRAM_EVENT_NR) - 1)

/* These concern the session as a whole. */
#define WITHOUT_TARGET \
	(BIT_ULL(GLASSRAM_EVENT_LAYOUT) | BIT_ULL(GLASSRAM_EVENT_PAUSE) | \
	 BIT_ULL(GLASSRAM_EVENT_RESET) | BIT_ULL(GLASSRAM_EVENT_OWNER))

/**
 * struct stream - one event fd
 * @link: membership in the session's streams
 * @unlinked: membership in the list of those that are being closed
 * @streams: those; NULL once the session is closed
 * @mask: types that are wanted
 * @lock: protects the ring: the fields from here to @counting
 * @ring: @room + 1 records; the last is kept for LOST
 * @room: records that may wait to be read
 * @first: where the oldest record lies
 * @used: records that wait
 * @counting: the newest record is a LOST that still counts
 * @closed: nothing more will come
 * @wait: read() and poll() sleep here
 * @reading: one reader at a time
 * @batch: records on their way to a reader; protected by @reading
 */
struct stream {
	struct list_head link;
	struct list_head unlinked;
	struct glassram_streams *streams;
	u64 mask;
	raw_spinlock_t lock; /* the ring */
	struct glassram_event *ring;
	u32 room;
	u32 first;
	u32 used;
	bool counting;
	bool closed;
	wait_queue_head_t wait;
	struct mutex reading; /* one reader at a time */
	struct glassram_event batch[BATCH];
};

/* Which streams a session has. */
static DEFINE_MUTEX(streams_lock);

static struct glassram_event *record_at(struct stream *stream, u32 n)
{
	u32 i = stream->first + n;

	return &stream->ring[i > stream->room ? i - stream->room - 1 : i];
}

static void append(struct stream *stream, const struct glassram_event *event)
{
	*record_at(stream, stream->used) = *event;
	WRITE_ONCE(stream->used, stream->used + 1);
	stream->counting = event->type == GLASSRAM_EVENT_LOST;
}

/* There is always a place for LOST: with the ring full, the newest record is one. */
static void count_lost(struct stream *stream, const struct glassram_event *event)
{
	struct glassram_event lost = {
		.size = sizeof(lost),
		.type = GLASSRAM_EVENT_LOST,
		.time_ns = event->time_ns,
		.epoch = event->epoch,
		.target = GLASSRAM_TARGET_NONE,
		.value = 1,
	};

	if (stream->counting)
		record_at(stream, stream->used - 1)->value++;
	else
		append(stream, &lost);
}

static void put_record(struct stream *stream, struct glassram_event *event, bool lost)
{
	bool was_empty;

	raw_spin_lock(&stream->lock);
	/* Under the lock, so that the records of a stream are in the order of their times. */
	event->time_ns = ktime_get_ns();
	was_empty = !stream->used;
	if (lost || stream->used >= stream->room)
		count_lost(stream, event);
	else
		append(stream, event);
	raw_spin_unlock(&stream->lock);
	/* Readers sleep only while there is nothing: one wake-up, not one for each record. */
	if (was_empty)
		wake_up_interruptible_poll(&stream->wait, EPOLLIN | EPOLLRDNORM);
}

static void put_everywhere(struct glassram_session *session, struct glassram_event *event,
			   bool lost)
{
	struct stream *stream;

	event->size = sizeof(*event);
	if (!event->epoch)
		event->epoch = READ_ONCE(session->epoch);
	rcu_read_lock();
	list_for_each_entry_rcu(stream, &session->streams.list, link)
		if (stream->mask & BIT_ULL(event->type))
			put_record(stream, event, lost);
	rcu_read_unlock();
}

/**
 * glassram_events_put() - write a record to all streams that want it
 * @session: the session
 * @event: complete but for size and time_ns; the epoch may be 0 for the open one
 *
 * Any context but an interrupt; does not sleep.
 */
void glassram_events_put(struct glassram_session *session, struct glassram_event *event)
{
	put_everywhere(session, event, false);
}

/**
 * glassram_events_emit() - tell of something that the current task does
 * @session: the session
 * @event: type, target and what goes with it; a tid of 0 stands for the current
 *	task
 *
 * As glassram_events_put().
 */
void glassram_events_emit(struct glassram_session *session, struct glassram_event event)
{
	if (!glassram_events_wanted(session, event.type))
		return;
	if (!event.tid) {
		event.tid = current->pid;
		event.tgid = current->tgid;
	}
	if (WITHOUT_TARGET & BIT_ULL(event.type))
		event.target = GLASSRAM_TARGET_NONE;
	put_everywhere(session, &event, false);
}

/**
 * glassram_events_lose() - a record could not even be made
 * @session: the session
 * @type: what it would have been; counted as lost where that is wanted
 */
void glassram_events_lose(struct glassram_session *session, u32 type)
{
	struct glassram_event event = { .type = type };

	put_everywhere(session, &event, true);
}

/* Copy out what is there, up to @nr records. The caller holds stream->reading. */
static ssize_t read_records(struct stream *stream, struct glassram_event __user *to, size_t nr)
{
	size_t done = 0;
	u32 i, n;

	while (done < nr) {
		raw_spin_lock(&stream->lock);
		n = min3(stream->used, BATCH, (u32)min_t(size_t, nr - done, BATCH));
		for (i = 0; i < n; i++)
			stream->batch[i] = *record_at(stream, i);
		raw_spin_unlock(&stream->lock);
		if (!n)
			break;
		/* Only then are they taken out: a bad address loses none. */
		if (copy_to_user(&to[done], stream->batch, n * sizeof(*to)))
			return done ? done * sizeof(*to) : -EFAULT;
		done += n;

		raw_spin_lock(&stream->lock);
		/* A LOST record may have counted on: what it counted since is still to be read. */
		if (n == stream->used && stream->counting) {
			struct glassram_event *last = record_at(stream, n - 1);

			last->value -= stream->batch[n - 1].value;
			if (last->value)
				n--;
			else
				stream->counting = false;
		}
		stream->first += n;
		if (stream->first > stream->room)
			stream->first -= stream->room + 1;
		WRITE_ONCE(stream->used, stream->used - n);
		raw_spin_unlock(&stream->lock);
	}
	return done * sizeof(*to);
}

static bool readable(const struct stream *stream)
{
	return READ_ONCE(stream->used) || READ_ONCE(stream->closed);
}

static ssize_t stream_read(struct file *file, char __user *to, size_t bytes, loff_t *pos)
{
	struct stream *stream = file->private_data;
	bool wait = !(file->f_flags & O_NONBLOCK), last;
	ssize_t ret;

	if (bytes < sizeof(struct glassram_event))
		return -EINVAL;
	for (;;) {
		if (!wait && !mutex_trylock(&stream->reading))
			return -EAGAIN;
		if (wait && mutex_lock_interruptible(&stream->reading))
			return -ERESTARTSYS;
		/* Before looking: what came before the end must be read before it is told. */
		last = smp_load_acquire(&stream->closed); /* pairs with detach() */
		ret = read_records(stream, (void __user *)to,
				   bytes / sizeof(struct glassram_event));
		mutex_unlock(&stream->reading);
		if (ret || last)
			return ret;
		if (!wait)
			return -EAGAIN;
		if (wait_event_interruptible(stream->wait, readable(stream)))
			return -ERESTARTSYS;
	}
}

static __poll_t stream_poll(struct file *file, poll_table *wait)
{
	struct stream *stream = file->private_data;
	__poll_t mask = 0;

	poll_wait(file, &stream->wait, wait);
	if (READ_ONCE(stream->used))
		mask |= EPOLLIN | EPOLLRDNORM;
	if (READ_ONCE(stream->closed))
		mask |= EPOLLHUP;
	return mask;
}

/* Take a stream from its session. The caller waits for RCU before it frees it. */
static void unlink_stream(struct stream *stream)
{
	struct glassram_streams *streams = stream->streams;
	struct stream *other;
	u64 mask = 0;

	lockdep_assert_held(&streams_lock);
	list_del_rcu(&stream->link);
	list_for_each_entry(other, &streams->list, link)
		mask |= other->mask;
	WRITE_ONCE(streams->mask, mask);
	glassram_layout_put(stream->mask);
	if (stream->mask & GLASSRAM_EVENTS_FAMILY)
		glassram_probes_put();
}

static void free_stream(struct stream *stream)
{
	kvfree(stream->ring);
	kfree(stream);
}

static int stream_release(struct inode *inode, struct file *file)
{
	struct stream *stream = file->private_data;

	bool linked;

	mutex_lock(&streams_lock);
	linked = stream->streams;
	if (linked)
		unlink_stream(stream);
	mutex_unlock(&streams_lock);
	/* Somebody may be about to write into it. */
	if (linked)
		synchronize_rcu();
	free_stream(stream);
	return 0;
}

static const struct file_operations stream_fops = {
	.owner = THIS_MODULE,
	.release = stream_release,
	.read = stream_read,
	.poll = stream_poll,
};

void glassram_streams_init(struct glassram_streams *streams)
{
	INIT_LIST_HEAD(&streams->list);
	streams->mask = 0;
}

/**
 * glassram_streams_close() - the session is closed: nothing more will come
 * @streams: its streams; their fds live on until they are closed themselves
 *
 * What is emitted after that goes nowhere.
 */
void glassram_streams_close(struct glassram_streams *streams)
{
	struct stream *stream, *next;
	LIST_HEAD(closing);

	mutex_lock(&streams_lock);
	if (list_empty(&streams->list))
		goto unlock;
	list_for_each_entry_safe(stream, next, &streams->list, link) {
		unlink_stream(stream);
		list_add_tail(&stream->unlinked, &closing);
	}
	synchronize_rcu();
	/* With the lock held: none of them can be released yet. */
	list_for_each_entry_safe(stream, next, &closing, unlinked) {
		stream->streams = NULL;
		smp_store_release(&stream->closed, true); /* after the last record */
		wake_up_interruptible_poll(&stream->wait, EPOLLIN | EPOLLHUP);
	}
unlock:
	mutex_unlock(&streams_lock);
}

static struct stream *alloc_stream(u64 mask, u32 room)
{
	struct stream *stream = kzalloc(sizeof(*stream), GFP_KERNEL_ACCOUNT);

	if (!stream)
		return NULL;
	stream->ring = kvmalloc_array(room + 1, sizeof(*stream->ring), GFP_KERNEL_ACCOUNT);
	if (!stream->ring) {
		kfree(stream);
		return NULL;
	}
	stream->mask = mask;
	stream->room = room;
	raw_spin_lock_init(&stream->lock);
	mutex_init(&stream->reading);
	init_waitqueue_head(&stream->wait);
	return stream;
}

/* From here on records come in. */
static int link_stream(struct glassram_session *session, struct stream *stream)
{
	int ret;

	ret = glassram_layout_get(stream->mask);
	if (ret)
		return ret;
	if (stream->mask & GLASSRAM_EVENTS_FAMILY) {
		ret = glassram_probes_get();
		if (ret) {
			glassram_layout_put(stream->mask);
			return ret;
		}
	}
	mutex_lock(&streams_lock);
	stream->streams = &session->streams;
	list_add_tail_rcu(&stream->link, &session->streams.list);
	WRITE_ONCE(session->streams.mask, session->streams.mask | stream->mask);
	mutex_unlock(&streams_lock);
	return 0;
}

/**
 * glassram_events_open() - EVENTS
 * @session: the session; its lock is not needed: setting a hook may take a while
 * @user: the caller's struct glassram_events
 * Return: the stream's fd, or an error as documented in the UAPI header.
 */
long glassram_events_open(struct glassram_session *session, void __user *user)
{
	struct glassram_events args;
	struct stream *stream;
	struct file *file;
	long ret;
	int fd;

	ret = glassram_args_get(user, &args, sizeof(args));
	if (ret < 0)
		return ret;
	if (args.flags || args.pad || args.mask & ~MASK_VALID ||
	    !(args.mask & ~BIT_ULL(GLASSRAM_EVENT_LOST)) ||
	    args.records < GLASSRAM_EVENTS_MIN || args.records > GLASSRAM_EVENTS_MAX)
		return -EINVAL;
	args.records = roundup_pow_of_two(args.records);
	/* Before the fd exists, so that nothing can fail after it does. */
	ret = glassram_args_put(user, &args, sizeof(args));
	if (ret)
		return ret;
	stream = alloc_stream(args.mask, args.records);
	if (!stream)
		return -ENOMEM;
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0) {
		free_stream(stream);
		return fd;
	}
	file = anon_inode_getfile("[glassram-events]", &stream_fops, stream, O_RDONLY);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		free_stream(stream);
		return PTR_ERR(file);
	}
	stream_open(file_inode(file), file);
	/* The file owns the stream from here, linked or not. */
	ret = link_stream(session, stream);
	if (ret) {
		put_unused_fd(fd);
		fput(file);
		return ret;
	}
	fd_install(fd, file);
	return fd;
}
