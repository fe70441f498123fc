// SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0
/*
 * A session: attach, advance, settings, totals, detach.
 *
 * Apart from the work area, which only ADVANCE touches, a session does not
 * change after attach; that is why one thread may advance while another reads.
 * Weak spot: a client that waits for an epoch looks for a change of owner only
 * ten times a second.
 */
#define _GNU_SOURCE
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "internal.h"

/* Room for 43,520 written ranges. The length changes only what is listed, not the
 * time of a tick: with 32,770 single pages to arm, anything from 64 KiB to 4 MiB
 * took 25 to 34 ms in an emulated machine, without an order among them.
 */
#define WORK_LEN (1024U * 1024)

static enum glassram_error device_open(int *ret_fd)
{
	int fd = open(GR_DEVICE, O_RDWR | O_CLOEXEC);
	struct utsname name;
	int err = errno;

	if (fd >= 0) {
		*ret_fd = fd;
		return GLASSRAM_OK;
	}
	uname(&name);
	return gr_explain_device(err, name.release);
}

enum glassram_error glassram_query(struct glassram_query *ret_query)
{
	struct glassram_query query = { .size = sizeof(query) };
	enum glassram_error error;
	int fd = -1, err;

	if (!ret_query)
		return gr_fail(GLASSRAM_ERR_INVALID, "glassram_query: the result pointer is needed");
	error = device_open(&fd);
	if (error)
		return error;
	err = ioctl(fd, GLASSRAM_QUERY, &query) < 0 ? errno : 0;
	close(fd);
	if (err == ENOTTY || err == EINVAL || err == E2BIG)
		return gr_fail(GLASSRAM_ERR_FEATURE_MISSING, GR_DEVICE " does not answer QUERY as this library asks it: build and install glassram.ko and libglassram from the same sources");
	if (err)
		return gr_fail_errno(err, "QUERY on " GR_DEVICE " failed");
	*ret_query = query;
	return GLASSRAM_OK;
}

static enum glassram_error fail_budget(uint32_t budget)
{
	return gr_fail(GLASSRAM_ERR_INVALID, "a budget of %u is out of range: give 1 to %u, in parts per 10,000 of the target's CPU time",
		       budget, GLASSRAM_BUDGET_ALL);
}

/* The caller's settings may be of an older or a newer library. */
static enum glassram_error get_settings(const struct glassram_attach_settings *given,
					struct glassram_attach_settings *ret_settings)
{
	struct glassram_attach_settings settings = { .size = sizeof(settings) };

	if (given && given->size < sizeof(size_t) + sizeof(uint32_t))
		return gr_fail(GLASSRAM_ERR_INVALID, "glassram_attach: settings.size is %zu: set it to sizeof(struct glassram_attach_settings)",
			       given->size);
	if (given && given->size > sizeof(settings)) {
		const char *tail = (const char *)given;

		for (size_t i = sizeof(settings); i < given->size; i++)
			if (tail[i])
				return gr_fail(GLASSRAM_ERR_INVALID, "glassram_attach: this libglassram (%s) is older than the program and does not know one of its settings: update libglassram",
					       GLASSRAM_VERSION);
	}
	if (given) {
		memcpy(&settings, given,
		       given->size < sizeof(settings) ? given->size : sizeof(settings));
		settings.size = sizeof(settings);
	}
	if (settings.rate_hz > GLASSRAM_RATE_MAX)
		return gr_fail(GLASSRAM_ERR_INVALID, "a rate of %u Hz is too high: give 1 to %u",
			       settings.rate_hz, GLASSRAM_RATE_MAX);
	if (settings.budget > GLASSRAM_BUDGET_ALL)
		return fail_budget(settings.budget);
	*ret_settings = settings;
	return GLASSRAM_OK;
}

static enum glassram_error set_options(struct glassram_session *session,
				       struct glassram_options *options)
{
	options->size = sizeof(*options);
	if (!ioctl(session->fd, GLASSRAM_OPTIONS, options))
		return GLASSRAM_OK;
	if (errno == ENOENT)
		return gr_fail(GLASSRAM_ERR_POLICY, "no policy named \"%s\" is registered: load it first with `--policy FILE.bpf.o`; `bpftool struct_ops show` lists those that are",
			       options->policy);
	if (errno == EOPNOTSUPP && options->flags & GLASSRAM_OPTION_BUDGET)
		return gr_fail(GLASSRAM_ERR_FEATURE_MISSING, "this kernel lacks asynchronous write-protection, without which all pages are armed or none: leave out the budget, or use kernel 6.7 or later");
	if (errno == EOPNOTSUPP)
		return gr_fail(GLASSRAM_ERR_FEATURE_MISSING, "the loaded glassram.ko was built without policies: rebuild it with pahole installed (`sudo apt install pahole`) and a kernel with BTF");
	return gr_explain_session(errno, session->pid, "OPTIONS");
}

static enum glassram_error set_policy_name(struct glassram_options *options, const char *name)
{
	if (strlen(name) >= sizeof(options->policy))
		return gr_fail(GLASSRAM_ERR_INVALID, "the policy name \"%.40s\" is too long: %zu characters at most",
			       name, sizeof(options->policy) - 1);
	strcpy(options->policy, name);
	options->flags |= GLASSRAM_OPTION_POLICY;
	return GLASSRAM_OK;
}

static enum glassram_error apply_settings(struct glassram_session *session,
					  const struct glassram_attach_settings *settings)
{
	struct glassram_options options = { 0 };
	enum glassram_error error;

	if (settings->rate_hz) {
		options.flags |= GLASSRAM_OPTION_RATE;
		options.rate_hz = settings->rate_hz;
	}
	if (settings->budget) {
		options.flags |= GLASSRAM_OPTION_BUDGET;
		options.budget = settings->budget;
	}
	if (settings->policy) {
		error = set_policy_name(&options, settings->policy);
		if (error)
			return error;
	}
	return options.flags ? set_options(session, &options) : GLASSRAM_OK;
}

static enum glassram_error session_start(struct glassram_session *session, bool shared)
{
	struct glassram_attach attach = {
		.size = sizeof(attach),
		.flags = shared ? GLASSRAM_ATTACH_SHARED : 0,
		.pid = session->pid,
	};
	struct gr_target_files files;
	enum glassram_error error;
	int device = -1;

	error = device_open(&device);
	if (error)
		return error;
	error = gr_target_check(session->pid);
	if (error)
		goto close_device;
	error = gr_target_open(session->pid, &files);
	if (error)
		goto close_device;
	session->work_len = WORK_LEN;
	session->work = gr_work_create(session->work_len);
	if (!session->work) {
		error = GLASSRAM_ERR_NO_MEMORY;
		goto close_files;
	}
	attach.mem_fd = files.mem;
	attach.pagemap_fd = files.pagemap;
	attach.clear_refs_fd = files.clear_refs;
	attach.work = (uintptr_t)session->work;
	attach.work_len = session->work_len;
	session->fd = ioctl(device, GLASSRAM_ATTACH, &attach);
	if (session->fd < 0)
		error = errno == EPERM && shared ? gr_explain_join(session->pid) :
						   gr_explain_attach(errno, session->pid);
close_files:
	gr_target_close(&files);
close_device:
	close(device);
	return error;
}

enum glassram_error glassram_attach(pid_t pid, const struct glassram_attach_settings *settings,
				    struct glassram_session **ret_session)
{
	struct glassram_attach_settings wanted = { 0 };
	struct glassram_session *session;
	enum glassram_error error;
	void *control;

	if (!ret_session)
		return gr_fail(GLASSRAM_ERR_INVALID, "glassram_attach: the result pointer is needed");
	error = get_settings(settings, &wanted);
	if (error)
		return error;
	session = calloc(1, sizeof(*session));
	if (!session)
		return gr_fail_errno(ENOMEM, "cannot start a session");
	session->fd = -1;
	session->pid = pid;
	error = session_start(session, wanted.shared);
	if (error)
		goto detach;
	error = apply_settings(session, &wanted);
	if (error == GLASSRAM_ERR_NOT_OWNER)
		error = GLASSRAM_OK; /* joined: the owner's settings hold */
	if (error)
		goto detach;
	control = mmap(NULL, sysconf(_SC_PAGESIZE), PROT_READ, MAP_SHARED, session->fd, 0);
	if (control == MAP_FAILED) {
		error = gr_fail_errno(errno, "cannot map the control page of the session");
		goto detach;
	}
	session->control = control;
	*ret_session = session;
	return GLASSRAM_OK;
detach:
	glassram_detach(session);
	return error;
}

void glassram_detach(struct glassram_session *session)
{
	if (!session)
		return;
	if (session->control)
		munmap((void *)session->control, sysconf(_SC_PAGESIZE));
	if (session->fd >= 0)
		close(session->fd);
	if (session->work)
		munmap(session->work, session->work_len);
	free(session);
}

int glassram_session_fd(const struct glassram_session *session)
{
	return session->fd;
}

pid_t glassram_session_pid(const struct glassram_session *session)
{
	return session->pid;
}

bool glassram_is_owner(struct glassram_session *session)
{
	struct glassram_stats stats;

	return !glassram_stats(session, &stats) && stats.owner;
}

/* The module writes the target's id where <linux/fs.h> has the high categories. */
#define RANGE_TARGET_SHIFT 32

static_assert(sizeof(struct glassram_range) <= sizeof(struct page_region),
	      "copying upwards must not overtake a record that is still to be read");

/* The module writes struct page_region records; callers get ranges in the same memory. */
static size_t compact_ranges(struct glassram_session *session, size_t nr)
{
	char *area = (char *)session->work + GLASSRAM_WORK_RANGES;
	size_t room = (session->work_len - GLASSRAM_WORK_RANGES) / sizeof(struct page_region);

	if (nr > room)
		nr = room;
	for (size_t i = 0; i < nr; i++) {
		struct page_region record;
		struct glassram_range range;

		memcpy(&record, area + i * sizeof(record), sizeof(record));
		range.start = record.start;
		range.end = record.end;
		range.target = record.categories >> RANGE_TARGET_SHIFT;
		memcpy(area + i * sizeof(range), &range, sizeof(range));
	}
	return nr;
}

enum glassram_error glassram_advance(struct glassram_session *session, uint32_t flags,
				     struct glassram_tick *ret_tick)
{
	struct glassram_advance advance = {
		.size = sizeof(advance),
		.flags = flags,
		.work = (uintptr_t)session->work,
		.work_len = session->work_len,
	};

	if (flags & ~(uint32_t)GLASSRAM_ADVANCE_VALID_FLAGS)
		return gr_fail(GLASSRAM_ERR_INVALID, "glassram_advance: unknown flags 0x%x: use GLASSRAM_ADVANCE_*",
			       flags & ~(uint32_t)GLASSRAM_ADVANCE_VALID_FLAGS);
	if (ioctl(session->fd, GLASSRAM_ADVANCE, &advance))
		return gr_explain_session(errno, session->pid, "ADVANCE");
	if (ret_tick)
		*ret_tick = (struct glassram_tick){
			.epoch = advance.epoch,
			.result = advance.result,
			.armed = advance.armed,
			.ranges = (void *)((char *)session->work + GLASSRAM_WORK_RANGES),
			.nr_ranges = compact_ranges(session, advance.nr_ranges),
		};
	return GLASSRAM_OK;
}

enum glassram_error glassram_stats(struct glassram_session *session,
				   struct glassram_stats *ret_stats)
{
	struct glassram_stats stats = { .size = sizeof(stats) };

	if (ioctl(session->fd, GLASSRAM_STATS, &stats))
		return gr_explain_session(errno, session->pid, "STATS");
	*ret_stats = stats;
	return GLASSRAM_OK;
}

/* How often a client that joined looks whether the session became its own. */
#define OWNER_CHECK_MS 100

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

enum glassram_error glassram_wait(struct glassram_session *session, int timeout_ms,
				  struct glassram_stats *ret_stats)
{
	struct pollfd fd = { .fd = session->fd, .events = POLLIN };
	int64_t end = now_ms() + timeout_ms, left;
	struct glassram_stats stats;
	enum glassram_error error;

	do {
		left = timeout_ms < 0 ? OWNER_CHECK_MS : end - now_ms();
		if (left > OWNER_CHECK_MS)
			left = OWNER_CHECK_MS;
		fd.revents = 0;
		if (poll(&fd, 1, left > 0 ? (int)left : 0) < 0)
			return gr_explain_session(errno, session->pid, "poll");
		error = glassram_stats(session, &stats);
		if (error)
			return error;
		if (stats.owner || fd.revents)
			break;
	} while (timeout_ms < 0 || now_ms() < end);
	if (ret_stats)
		*ret_stats = stats;
	return GLASSRAM_OK;
}

/* A writer holds the page for some hundred instructions; so many tries that
 * only a module that died in the middle exhausts them.
 */
#define CONTROL_TRIES 1000000

enum glassram_error glassram_control_read(struct glassram_session *session,
					  struct glassram_control *ret_control)
{
	const uint32_t *page = (const uint32_t *)session->control;
	struct glassram_control copy = { 0 };
	uint32_t words[sizeof(copy) / sizeof(uint32_t)];
	size_t bytes;

	for (int i = 0; i < CONTROL_TRIES; i++) {
		uint32_t before = __atomic_load_n(&page[0], __ATOMIC_ACQUIRE);

		if (before & 1) {
			sched_yield();
			continue;
		}
		for (size_t w = 0; w < sizeof(words) / sizeof(words[0]); w++)
			words[w] = __atomic_load_n(&page[w], __ATOMIC_RELAXED);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (__atomic_load_n(&page[0], __ATOMIC_RELAXED) != before)
			continue;
		bytes = words[1] < sizeof(copy) ? words[1] : sizeof(copy);
		memcpy(&copy, words, bytes);
		*ret_control = copy;
		return GLASSRAM_OK;
	}
	return gr_fail(GLASSRAM_ERR_SYSTEM, "the control page of process %d stays half written: the module has failed; see `dmesg | tail`",
		       session->pid);
}

enum glassram_error glassram_set_rate(struct glassram_session *session, uint32_t rate_hz)
{
	struct glassram_options options = { .flags = GLASSRAM_OPTION_RATE, .rate_hz = rate_hz };

	if (!rate_hz || rate_hz > GLASSRAM_RATE_MAX)
		return gr_fail(GLASSRAM_ERR_INVALID, "a rate of %u Hz is out of range: give 1 to %u",
			       rate_hz, GLASSRAM_RATE_MAX);
	return set_options(session, &options);
}

enum glassram_error glassram_set_budget(struct glassram_session *session, uint32_t budget)
{
	struct glassram_options options = { .flags = GLASSRAM_OPTION_BUDGET, .budget = budget };

	return budget && budget <= GLASSRAM_BUDGET_ALL ? set_options(session, &options) :
							 fail_budget(budget);
}

enum glassram_error glassram_set_price(struct glassram_session *session, uint32_t fault_ns,
				       uint32_t call_ns)
{
	struct glassram_options options = {
		.flags = GLASSRAM_OPTION_PRICE, .fault_ns = fault_ns, .call_ns = call_ns,
	};

	if (!fault_ns || fault_ns > GLASSRAM_PRICE_MAX || call_ns > GLASSRAM_PRICE_MAX)
		return gr_fail(GLASSRAM_ERR_INVALID, "prices of %u and %u ns are out of range: a fault costs 1 to %u ns, an arming call up to %u",
			       fault_ns, call_ns, GLASSRAM_PRICE_MAX, GLASSRAM_PRICE_MAX);
	return set_options(session, &options);
}

enum glassram_error glassram_set_policy(struct glassram_session *session, const char *name)
{
	struct glassram_options options = { 0 };
	enum glassram_error error = set_policy_name(&options, name ?: "");

	return error ?: set_options(session, &options);
}

enum glassram_error glassram_get_options(struct glassram_session *session,
					 struct glassram_options *ret_options)
{
	struct glassram_options options = { 0 };
	enum glassram_error error = set_options(session, &options);

	if (!error)
		*ret_options = options;
	return error;
}

enum glassram_error glassram_pause(struct glassram_session *session, bool paused)
{
	struct glassram_pause pause = { .size = sizeof(pause), .paused = paused };

	if (ioctl(session->fd, GLASSRAM_PAUSE, &pause))
		return gr_explain_session(errno, session->pid, "PAUSE");
	return GLASSRAM_OK;
}

enum glassram_error glassram_reset(struct glassram_session *session)
{
	struct glassram_reset reset = { .size = sizeof(reset) };

	if (ioctl(session->fd, GLASSRAM_RESET, &reset))
		return gr_explain_session(errno, session->pid, "RESET");
	return GLASSRAM_OK;
}

enum glassram_error gr_set_follow(struct glassram_session *session, bool follow)
{
	struct glassram_options options = { .flags = GLASSRAM_OPTION_FOLLOW, .follow = follow };

	return set_options(session, &options);
}
