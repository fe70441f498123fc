// SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0
/*
 * Following forks and execs: a thread that reads the events of the family and
 * adds each new address space to the session.
 *
 * A process waits in a list from the event that tells of it until it is added;
 * events that came meanwhile are read before each addition, so that the dead are
 * not tried, and what was forked and has called exec since is added once.
 *
 * Weak spot: processes are found by their ids in the initial pid namespace; where
 * events were lost, a process whose parent is dead is not found again.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "internal.h"

#define KEEP_DEFAULT 32
/* Events read in one go. */
#define BATCH 64
/* A name in /proc, and the link of a namespace. */
#define TEXT 64

#define EVENTS (1ULL << GLASSRAM_EVENT_FORK | 1ULL << GLASSRAM_EVENT_EXEC | \
		1ULL << GLASSRAM_EVENT_EXIT | 1ULL << GLASSRAM_EVENT_TARGET_END | \
		1ULL << GLASSRAM_EVENT_PAUSE | 1ULL << GLASSRAM_EVENT_OWNER)

/* Numbers in the order in which they came. */
struct queue {
	uint32_t *items;
	size_t nr;
	size_t capacity;
};

/**
 * struct glassram_follow - one follower
 * @waiting: processes to be added
 * @ended: targets that may be dropped
 * @blocked: another client owns the session: nothing can be done but listen
 * @paused: nothing can be added at the moment
 * @lock: of @figures
 */
struct glassram_follow {
	struct glassram_session *session;
	struct glassram_follow_settings settings;
	struct glassram_stream *stream;
	void *work;
	int stop;
	pthread_t thread;
	struct queue waiting;
	struct queue ended;
	bool blocked;
	bool paused;
	pthread_mutex_t lock;
	struct glassram_follow_figures figures;
};

/* Where memory is short an item is left out: the process is then not followed. */
static void queue_push(struct queue *queue, uint32_t item)
{
	for (size_t i = 0; i < queue->nr; i++)
		if (queue->items[i] == item)
			return;
	if (queue->nr == queue->capacity) {
		size_t capacity = queue->capacity ? 2 * queue->capacity : 64;
		uint32_t *items = reallocarray(queue->items, capacity, sizeof(*items));

		if (!items)
			return;
		queue->items = items;
		queue->capacity = capacity;
	}
	queue->items[queue->nr++] = item;
}

static void queue_remove(struct queue *queue, uint32_t item)
{
	for (size_t i = 0; i < queue->nr; i++) {
		if (queue->items[i] != item)
			continue;
		queue->nr--;
		memmove(&queue->items[i], &queue->items[i + 1],
			(queue->nr - i) * sizeof(*queue->items));
		return;
	}
}

static void push_children(struct queue *queue, uint32_t pid)
{
	char path[TEXT], *children = NULL, *at;
	struct dirent *entry;
	size_t size = 0;
	DIR *tasks;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%u/task", pid);
	tasks = opendir(path);
	if (!tasks)
		return;
	while ((entry = readdir(tasks))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/%u/task/%.20s/children", pid, entry->d_name);
		file = fopen(path, "re");
		if (!file)
			continue;
		if (getline(&children, &size, file) > 0)
			for (char *word = strtok_r(children, " \n", &at); word;
			     word = strtok_r(NULL, " \n", &at))
				queue_push(queue, (uint32_t)strtoul(word, NULL, 10));
		fclose(file);
	}
	free(children);
	closedir(tasks);
}

/* Find the family in /proc: at the start, and where events were lost. */
static void search_family(struct glassram_follow *follow)
{
	struct glassram_target *targets;
	struct queue found = { 0 };
	size_t nr, known = 0;

	if (glassram_targets(follow->session, &targets, &nr))
		return;
	for (size_t i = 0; i < nr; i++) {
		if (targets[i].state == GLASSRAM_STATE_LIVE)
			queue_push(&found, targets[i].tgid);
		else
			queue_push(&follow->ended, targets[i].id);
	}
	free(targets);
	known = found.nr;
	for (size_t i = 0; i < found.nr; i++) {
		push_children(&found, found.items[i]);
		if (i >= known)
			queue_push(&follow->waiting, found.items[i]);
	}
	free(found.items);
}

/* Ask to be the one who follows; an owner may. */
static void claim(struct glassram_follow *follow)
{
	follow->blocked = gr_set_follow(follow->session, true) == GLASSRAM_ERR_NOT_OWNER;
}

static void take_event(struct glassram_follow *follow, const struct glassram_event *event)
{
	struct glassram_follow_figures *figures = &follow->figures;

	pthread_mutex_lock(&follow->lock);
	figures->forks += event->type == GLASSRAM_EVENT_FORK;
	figures->execs += event->type == GLASSRAM_EVENT_EXEC;
	figures->exits += event->type == GLASSRAM_EVENT_EXIT;
	if (event->type == GLASSRAM_EVENT_LOST)
		figures->lost += event->value;
	pthread_mutex_unlock(&follow->lock);
	switch (event->type) {
	case GLASSRAM_EVENT_FORK:
		/* one that shares the memory is watched already */
		if (!(event->flags & GLASSRAM_EVENT_SAME_MM))
			queue_push(&follow->waiting, (uint32_t)event->value);
		break;
	case GLASSRAM_EVENT_EXEC:
		queue_push(&follow->waiting, event->tgid);
		break;
	case GLASSRAM_EVENT_EXIT:
		queue_remove(&follow->waiting, event->tgid);
		break;
	case GLASSRAM_EVENT_TARGET_END:
		queue_push(&follow->ended, event->target);
		break;
	case GLASSRAM_EVENT_PAUSE:
		follow->paused = event->value;
		break;
	case GLASSRAM_EVENT_LOST:
		claim(follow);
		follow->paused = false;
		search_family(follow);
		break;
	case GLASSRAM_EVENT_OWNER:
		claim(follow);
		break;
	}
}

static void drop_ended(struct glassram_follow *follow, size_t keep)
{
	while (follow->ended.nr > keep && !follow->blocked) {
		uint32_t target = follow->ended.items[0];
		enum glassram_error error = glassram_target_drop(follow->session, target);

		if (error == GLASSRAM_ERR_NOT_OWNER) {
			follow->blocked = true;
			return;
		}
		queue_remove(&follow->ended, target);
		pthread_mutex_lock(&follow->lock);
		follow->figures.dropped += !error;
		pthread_mutex_unlock(&follow->lock);
	}
}

/* A process may call exec between the opening of its files and the addition. */
static enum glassram_error try_add(struct glassram_follow *follow, pid_t pid,
				   struct glassram_added *ret_added)
{
	struct gr_target_files files;
	enum glassram_error error;

	for (int i = 0; i < 2; i++) {
		error = gr_target_open(pid, &files);
		if (error)
			return error;
		error = gr_target_add(follow->session, pid, &files, follow->work,
				      GLASSRAM_WORK_MIN, ret_added);
		gr_target_close(&files);
		if (error != GLASSRAM_ERR_ENDED && error != GLASSRAM_ERR_PERMISSION)
			return error;
	}
	return error;
}

static void count_added(struct glassram_follow *follow, const struct glassram_added *added)
{
	struct glassram_follow_figures *figures = &follow->figures;

	pthread_mutex_lock(&follow->lock);
	figures->added++;
	if (added->late_ns > figures->late_ns_max)
		figures->late_ns_max = added->late_ns;
	if (added->late_run_ns > figures->late_run_ns_max)
		figures->late_run_ns_max = added->late_run_ns;
	pthread_mutex_unlock(&follow->lock);
}

static void count_missed(struct glassram_follow *follow, pid_t pid, enum glassram_error error)
{
	struct glassram_follow_figures *figures = &follow->figures;
	bool gone = error == GLASSRAM_ERR_NO_PROCESS || error == GLASSRAM_ERR_ENDED;

	pthread_mutex_lock(&follow->lock);
	figures->gone += gone;
	figures->missed += !gone;
	pthread_mutex_unlock(&follow->lock);
	if (!gone && follow->settings.missed)
		follow->settings.missed(follow->settings.data, pid, error,
					glassram_error_message());
}

static void add_first(struct glassram_follow *follow)
{
	pid_t pid = (pid_t)follow->waiting.items[0];
	struct glassram_added added;
	enum glassram_error error = try_add(follow, pid, &added);

	if (error == GLASSRAM_ERR_NO_MEMORY && follow->ended.nr) {
		drop_ended(follow, 0);
		error = try_add(follow, pid, &added);
	}
	if (error == GLASSRAM_ERR_NOT_OWNER) {
		follow->blocked = true;
		return;
	}
	if (error == GLASSRAM_ERR_PAUSED) {
		follow->paused = true;
		return;
	}
	queue_remove(&follow->waiting, (uint32_t)pid);
	if (!error)
		count_added(follow, &added);
	else if (error != GLASSRAM_ERR_EXISTS)
		count_missed(follow, pid, error);
}

/* Read what is there. Return: false when the session is over. */
static bool take_events(struct glassram_follow *follow)
{
	struct glassram_event events[BATCH];
	size_t nr;

	do {
		if (glassram_events_read(follow->stream, events, BATCH, 0, &nr))
			return false;
		for (size_t i = 0; i < nr; i++)
			take_event(follow, &events[i]);
	} while (nr == BATCH);
	return true;
}

static bool can_add(const struct glassram_follow *follow)
{
	return follow->waiting.nr && !follow->blocked && !follow->paused;
}

static void *follow_main(void *arg)
{
	struct glassram_follow *follow = arg;
	struct pollfd fds[] = {
		{ .fd = follow->stop, .events = POLLIN },
		{ .fd = glassram_events_fd(follow->stream), .events = POLLIN },
	};
	bool busy = can_add(follow);

	/* Ahead of what it follows, where that is allowed: each ms here is one unseen there. */
	(void)setpriority(PRIO_PROCESS, gettid(), -10);
	for (;;) {
		if (poll(fds, 2, busy ? 0 : -1) < 0 && errno != EINTR)
			break;
		if (fds[0].revents || !take_events(follow))
			break;
		drop_ended(follow, follow->settings.keep);
		if (can_add(follow))
			add_first(follow);
		busy = can_add(follow);
	}
	return NULL;
}

static enum glassram_error get_settings(const struct glassram_follow_settings *given,
					struct glassram_follow_settings *ret_settings)
{
	struct glassram_follow_settings settings = { 0 };

	if (given && given->size != sizeof(settings))
		return gr_fail(GLASSRAM_ERR_INVALID, "glassram_follow_start: settings.size is %zu: set it to sizeof(struct glassram_follow_settings)",
			       given->size);
	if (given)
		settings = *given;
	if (!settings.keep)
		settings.keep = KEEP_DEFAULT;
	*ret_settings = settings;
	return GLASSRAM_OK;
}

/* The link that /proc shows of the first pid namespace, which has a fixed number. */
#define FIRST_PID_NAMESPACE "pid:[4026531836]"

static enum glassram_error check_namespace(void)
{
	char link[TEXT];
	ssize_t length = readlink("/proc/self/ns/pid", link, sizeof(link) - 1);

	if (length < 0)
		return gr_fail_errno(errno, "cannot read /proc/self/ns/pid");
	link[length] = '\0';
	if (strcmp(link, FIRST_PID_NAMESPACE))
		return gr_fail(GLASSRAM_ERR_FEATURE_MISSING, "forks cannot be followed from inside a pid namespace, where processes have other ids than events tell: run outside the container");
	return GLASSRAM_OK;
}

static void follow_free(struct glassram_follow *follow)
{
	glassram_events_close(follow->stream);
	if (follow->work)
		munmap(follow->work, GLASSRAM_WORK_MIN);
	if (follow->stop >= 0)
		close(follow->stop);
	free(follow->waiting.items);
	free(follow->ended.items);
	pthread_mutex_destroy(&follow->lock);
	free(follow);
}

static enum glassram_error start_thread(struct glassram_follow *follow)
{
	sigset_t all, before;
	int err;

	/* signals are for the program's own threads */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&follow->thread, NULL, follow_main, follow);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err)
		return gr_fail_errno(err, "cannot start the thread that follows");
	return GLASSRAM_OK;
}

enum glassram_error glassram_follow_start(struct glassram_session *session,
					  const struct glassram_follow_settings *settings,
					  struct glassram_follow **ret_follow)
{
	struct glassram_follow_settings wanted;
	struct glassram_follow *follow;
	enum glassram_error error;

	error = get_settings(settings, &wanted);
	if (!error)
		error = check_namespace();
	if (error)
		return error;
	follow = calloc(1, sizeof(*follow));
	if (!follow)
		return gr_fail_errno(ENOMEM, "cannot follow forks");
	pthread_mutex_init(&follow->lock, NULL);
	follow->session = session;
	follow->settings = wanted;
	follow->stop = eventfd(0, EFD_CLOEXEC);
	if (follow->stop < 0) {
		error = gr_fail_errno(errno, "cannot follow forks");
		goto free_follow;
	}
	follow->work = gr_work_create(GLASSRAM_WORK_MIN);
	if (!follow->work) {
		error = GLASSRAM_ERR_NO_MEMORY;
		goto free_follow;
	}
	/* the option first, then the stream, then the search: nobody slips through */
	error = gr_set_follow(session, true);
	follow->blocked = error == GLASSRAM_ERR_NOT_OWNER;
	if (error && !follow->blocked)
		goto free_follow;
	error = glassram_events_open(session, EVENTS, 0, &follow->stream);
	if (error)
		goto unset_follow;
	search_family(follow);
	error = start_thread(follow);
	if (error)
		goto unset_follow;
	*ret_follow = follow;
	return GLASSRAM_OK;
unset_follow:
	if (!follow->blocked)
		gr_set_follow(session, false);
free_follow:
	follow_free(follow);
	return error;
}

void glassram_follow_figures(struct glassram_follow *follow,
			     struct glassram_follow_figures *ret_figures)
{
	pthread_mutex_lock(&follow->lock);
	*ret_figures = follow->figures;
	pthread_mutex_unlock(&follow->lock);
}

void glassram_follow_stop(struct glassram_follow *follow)
{
	const uint64_t one = 1;

	if (!follow)
		return;
	while (write(follow->stop, &one, sizeof(one)) < 0 && errno == EINTR)
		;
	pthread_join(follow->thread, NULL);
	if (!follow->blocked)
		gr_set_follow(follow->session, false);
	follow_free(follow);
}
