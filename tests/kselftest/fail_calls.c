// SPDX-License-Identifier: GPL-2.0-only
/*
 * The calls that fail_nth makes: see fail_calls.h.
 *
 * Weak spot: a call that needs a registered policy is not among them.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fail_calls.h"

/* What the target maps anew between two calls: one more block of slots each time. */
#define NEW_BYTES (4 * 1024 * 1024UL)

/* Writes a word of each page for each step, and looks whether the others are whole. */
int sweep_target(struct target *t)
{
	uint64_t *area = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const size_t words = PAGE / sizeof(*area);
	uint64_t step = 0;
	char *fresh = NULL;

	if (area == MAP_FAILED)
		return 1;
	for (size_t i = 0; i < PAGES * words; i++)
		area[i] = i;
	t->shared[AREA] = (uintptr_t)area;
	for (;;) {
		target_pause(t);
		step++;
		for (size_t i = 0; i < PAGES; i++) {
			if (area[i * words] != (step == 1 ? i * words : step - 1) ||
			    area[i * words + 1 + step % (words - 1)] !=
			    i * words + 1 + step % (words - 1))
				t->shared[BROKEN]++;
			((volatile uint64_t *)area)[i * words] = step;
		}
		if (fresh)
			munmap(fresh, NEW_BYTES);
		fresh = NULL;
		if (t->shared[NEW]) {
			fresh = mmap(NULL, NEW_BYTES, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
			if (fresh == MAP_FAILED)
				return 2;
			*(volatile char *)fresh = 1;
		}
	}
}

void sweep_init(struct sweep *s)
{
	s->fd = -1;
	s->session.fd = s->session.mem_fd = s->session.pagemap_fd = s->session.counters_fd = -1;
	s->added = s->session;
}

static long result(long ret)
{
	return ret < 0 ? -errno : ret;
}

/* The calls. */

static long call_open(struct sweep *s)
{
	s->fd = open("/dev/glassram", O_RDWR | O_CLOEXEC);
	return result(s->fd);
}

static void undo_fd(struct sweep *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

static long call_query(struct sweep *s)
{
	struct glassram_query arg = {.size = sizeof(arg)};

	return result(ioctl(s->device, GLASSRAM_QUERY, &arg));
}

/* What ATTACH wants of a process. session_close() takes it back. */
static int open_files(struct session *ret, pid_t pid)
{
	ret->pid = pid;
	ret->mem_fd = proc_open(pid, "mem", O_RDWR);
	ret->pagemap_fd = proc_open(pid, "pagemap", O_RDONLY);
	ret->work = mmap(NULL, SESSION_WORK, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (ret->work == MAP_FAILED)
		ret->work = NULL;
	return ret->mem_fd < 0 || ret->pagemap_fd < 0 || !ret->work ? -errno : 0;
}

static int prepare_attach(struct sweep *s)
{
	return open_files(&s->session, s->target.pid);
}

/* close() waits half a second for the worker that disarms; here that may be too short. */
bool target_is_free(const struct sweep *s)
{
	for (int i = 0; i < PATIENCE_MS; i++) {
		if (!proc_uffd_mappings(s->target.pid))
			return true;
		usleep(1000);
	}
	return false;
}

int sweep_open(struct sweep *s)
{
	session_close(&s->session);
	return target_is_free(s) ? session_open(&s->session, s->target.pid) : -EBUSY;
}

static long call_attach(struct sweep *s)
{
	struct glassram_attach arg = {
		.size = sizeof(arg),
		.pid = s->session.pid,
		.mem_fd = s->session.mem_fd,
		.pagemap_fd = s->session.pagemap_fd,
		.work = (uintptr_t)s->session.work,
		.work_len = SESSION_WORK,
		.clear_refs_fd = -1,
	};

	s->fd = ioctl(s->device, GLASSRAM_ATTACH, &arg);
	return result(s->fd);
}

static void undo_attach(struct sweep *s)
{
	undo_fd(s);
	session_close(&s->session);
}

/* One more client of the session. */
static long call_join(struct sweep *s)
{
	struct glassram_attach arg = {
		.size = sizeof(arg),
		.flags = GLASSRAM_ATTACH_SHARED,
		.pid = s->session.pid,
		.mem_fd = s->session.mem_fd,
		.pagemap_fd = s->session.pagemap_fd,
		.work = (uintptr_t)s->session.work,
		.work_len = SESSION_WORK,
		.clear_refs_fd = -1,
	};

	s->fd = ioctl(s->device, GLASSRAM_ATTACH, &arg);
	return result(s->fd);
}

static int prepare_close(struct sweep *s)
{
	int err = sweep_open(s);

	return err ?: session_advance(&s->session, 0);
}

static long call_close(struct sweep *s)
{
	int fd = s->session.fd;

	munmap((void *)s->session.control, PAGE);
	s->session.control = NULL;
	s->session.fd = -1;
	return result(close(fd));
}

static long call_advance(struct sweep *s)
{
	struct glassram_advance arg = {
		.size = sizeof(arg),
		.work = (uintptr_t)s->session.work,
		.work_len = SESSION_WORK,
	};

	return result(ioctl(s->session.fd, GLASSRAM_ADVANCE, &arg));
}

/* Something to register, blocks to give out, pages to arm again. */
static int prepare_advance(struct sweep *s)
{
	return target_next(&s->target);
}

static int prepare_first(struct sweep *s)
{
	return sweep_open(s);
}

static long map_fd(struct sweep *s, int fd, size_t bytes)
{
	s->map = mmap(NULL, bytes, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
	s->map_bytes = bytes;
	if (s->map != MAP_FAILED)
		return 0;
	s->map = NULL;
	return -errno;
}

static long call_mmap_control(struct sweep *s)
{
	return map_fd(s, s->session.fd, PAGE);
}

static long call_mmap_counters(struct sweep *s)
{
	return map_fd(s, s->session.counters_fd, s->session.counters_info.bytes);
}

static void undo_mmap(struct sweep *s)
{
	if (s->map)
		munmap(s->map, s->map_bytes);
	s->map = NULL;
}

static long call_counters(struct sweep *s)
{
	struct glassram_counters arg = {
		.size = sizeof(arg),
		.columns = (uintptr_t)s->columns,
		.nr_columns = SESSION_COLUMNS,
	};

	s->fd = ioctl(s->session.fd, GLASSRAM_COUNTERS, &arg);
	return result(s->fd);
}

static long call_regions(struct sweep *s)
{
	struct glassram_regions arg = {
		.size = sizeof(arg),
		.regions = (uintptr_t)s->regions,
		.nr_regions = sizeof(s->regions) / sizeof(s->regions[0]),
		.names = (uintptr_t)s->names,
		.names_len = sizeof(s->names),
	};

	return result(ioctl(s->session.fd, GLASSRAM_REGIONS, &arg));
}

static long call_blocks(struct sweep *s)
{
	struct glassram_blocks arg = {
		.size = sizeof(arg),
		.blocks = (uintptr_t)s->blocks,
		.nr_blocks = sizeof(s->blocks) / sizeof(s->blocks[0]),
	};

	return result(ioctl(s->session.fd, GLASSRAM_BLOCKS, &arg));
}

static long call_threads(struct sweep *s)
{
	struct glassram_threads arg = {
		.size = sizeof(arg),
		.threads = (uintptr_t)s->threads,
		.nr_threads = sizeof(s->threads) / sizeof(s->threads[0]),
	};

	return result(ioctl(s->session.fd, GLASSRAM_THREADS, &arg));
}

static long call_options(struct sweep *s)
{
	struct glassram_options arg = {
		.size = sizeof(arg),
		.flags = GLASSRAM_OPTION_RATE | GLASSRAM_OPTION_POLICY,
		.rate_hz = 100,
	};

	return result(ioctl(s->session.fd, GLASSRAM_OPTIONS, &arg));
}

static long call_stats(struct sweep *s)
{
	struct glassram_stats arg = {.size = sizeof(arg)};

	return result(ioctl(s->session.fd, GLASSRAM_STATS, &arg));
}

static long set_paused(struct sweep *s, uint32_t paused)
{
	struct glassram_pause arg = {.size = sizeof(arg), .paused = paused};

	return result(ioctl(s->session.fd, GLASSRAM_PAUSE, &arg));
}

static long call_pause(struct sweep *s)
{
	return set_paused(s, 1);
}

static int prepare_resume(struct sweep *s)
{
	return (int)set_paused(s, 1);
}

static long call_resume(struct sweep *s)
{
	return set_paused(s, 0);
}

static void undo_pause(struct sweep *s)
{
	set_paused(s, 0);
}

static long call_reset(struct sweep *s)
{
	struct glassram_reset arg = {.size = sizeof(arg)};

	return result(ioctl(s->session.fd, GLASSRAM_RESET, &arg));
}

static long add_target(struct sweep *s, int mem_fd, int pagemap_fd)
{
	struct glassram_target_add arg = {
		.size = sizeof(arg),
		.pid = s->other.pid,
		.mem_fd = mem_fd,
		.pagemap_fd = pagemap_fd,
		.clear_refs_fd = -1,
		.work = (uintptr_t)s->session.work,
		.work_len = SESSION_WORK,
	};
	long ret = result(ioctl(s->session.fd, GLASSRAM_TARGET_ADD, &arg));

	/* Also where only the way back to us failed. */
	s->other_id = arg.target;
	return ret;
}

static int prepare_target_add(struct sweep *s)
{
	return open_files(&s->added, s->other.pid);
}

static long call_target_add(struct sweep *s)
{
	return add_target(s, s->added.mem_fd, s->added.pagemap_fd);
}

static long drop_target(struct sweep *s, uint32_t id)
{
	struct glassram_target_drop arg = {.size = sizeof(arg), .target = id};

	return result(ioctl(s->session.fd, GLASSRAM_TARGET_DROP, &arg));
}

/* All but the first: a target whose id did not reach us must not stay. */
static void undo_target_add(struct sweep *s)
{
	struct glassram_target targets[16];
	struct glassram_targets arg = {
		.size = sizeof(arg),
		.targets = (uintptr_t)targets,
		.nr_targets = sizeof(targets) / sizeof(targets[0]),
	};

	if (!ioctl(s->session.fd, GLASSRAM_TARGETS, &arg))
		for (uint32_t i = 0; i < arg.nr_targets; i++)
			if (targets[i].id)
				drop_target(s, targets[i].id);
	session_close(&s->added);
}

static int prepare_target_drop(struct sweep *s)
{
	int err = prepare_target_add(s);

	return err ?: (int)call_target_add(s);
}

static long call_target_drop(struct sweep *s)
{
	return drop_target(s, s->other_id);
}

static long call_targets(struct sweep *s)
{
	struct glassram_target targets[16];
	struct glassram_targets arg = {
		.size = sizeof(arg),
		.targets = (uintptr_t)targets,
		.nr_targets = sizeof(targets) / sizeof(targets[0]),
	};

	return result(ioctl(s->session.fd, GLASSRAM_TARGETS, &arg));
}

static long call_events(struct sweep *s)
{
	struct glassram_events arg = {
		.size = sizeof(arg),
		.mask = (1ULL << GLASSRAM_EVENT_NR) - 1,
		.records = GLASSRAM_EVENTS_MIN,
	};

	s->fd = ioctl(s->session.fd, GLASSRAM_EVENTS, &arg);
	return result(s->fd);
}

static int prepare_read(struct sweep *s)
{
	long ret = call_events(s);

	/* RESET and PAUSE are records too, should the target make none. */
	if (ret >= 0)
		ret = call_reset(s);
	return ret < 0 ? (int)ret : target_next(&s->target);
}

static long call_read(struct sweep *s)
{
	struct glassram_event events[8];

	return result(read(s->fd, events, sizeof(events)));
}

static long call_poll(struct sweep *s)
{
	struct pollfd p = {.fd = s->session.fd, .events = POLLIN | POLLPRI};

	return result(poll(&p, 1, 0));
}

void sweep_release(struct sweep *s)
{
	undo_mmap(s);
	undo_fd(s);
	session_close(&s->added);
	session_close(&s->session);
}

#define CALL(name, ...) const struct call fail_call_##name = { __VA_ARGS__ }

CALL(open, .call = call_open, .undo = undo_fd);
CALL(QUERY, .call = call_query);
CALL(ATTACH, .prepare = prepare_attach, .call = call_attach, .undo = undo_attach,
     .without_session = true);
CALL(ATTACH_shared, .call = call_join, .undo = undo_fd);
CALL(close, .closes = true, .prepare = prepare_close, .call = call_close, .undo = undo_attach,
     .without_session = true);
CALL(ADVANCE_first, .prepare = prepare_first, .call = call_advance);
CALL(ADVANCE, .prepare = prepare_advance, .call = call_advance);
CALL(mmap_control, .call = call_mmap_control, .undo = undo_mmap);
CALL(mmap_counters, .call = call_mmap_counters, .undo = undo_mmap);
CALL(poll, .call = call_poll);
CALL(COUNTERS, .call = call_counters, .undo = undo_fd);
CALL(REGIONS, .call = call_regions);
CALL(BLOCKS, .call = call_blocks);
CALL(THREADS, .call = call_threads);
CALL(OPTIONS, .call = call_options);
CALL(STATS, .call = call_stats);
CALL(PAUSE, .call = call_pause, .undo = undo_pause);
CALL(PAUSE_off, .prepare = prepare_resume, .call = call_resume, .undo = undo_pause);
CALL(RESET, .call = call_reset);
CALL(TARGET_ADD, .prepare = prepare_target_add, .call = call_target_add,
     .undo = undo_target_add);
CALL(TARGET_DROP, .prepare = prepare_target_drop, .call = call_target_drop,
     .undo = undo_target_add);
CALL(TARGETS, .call = call_targets);
CALL(EVENTS, .call = call_events, .undo = undo_fd);
CALL(EVENTS_read, .prepare = prepare_read, .call = call_read, .undo = undo_fd);
