/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * libglassram: watch which pages of a running process are written, through
 * glassram.ko.
 *
 * A session is one watching of one process, or of a family of them. Its life:
 *
 *	struct glassram_session *s;
 *	enum glassram_error err = glassram_attach(pid, NULL, &s);
 *	if (err)
 *		fprintf(stderr, "%s\n", glassram_error_message());
 *	while (!glassram_advance(s, GLASSRAM_ADVANCE_PACED, NULL))
 *		... read the columns, the tables, the statistics ...
 *	glassram_detach(s);
 *
 * Every function that can fail returns enum glassram_error, 0 on success, and
 * leaves its ret_ arguments untouched on failure. A session may be used by
 * several threads as long as no two of them call on it at the same time, with
 * one exception: glassram_advance() may run beside any other call, so that a
 * thread of its own can keep the arming rate. Streams and followers
 * (glassram_events_open(), glassram_follow_start()) are things of their own.
 */
#ifndef GLASSRAM_GLASSRAM_H
#define GLASSRAM_GLASSRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <linux/glassram.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * enum glassram_error - what went wrong, by the cure it needs
 */
enum glassram_error {
	GLASSRAM_OK = 0,
	GLASSRAM_ERR_INVALID, /* an argument is wrong */
	GLASSRAM_ERR_NO_MEMORY,
	GLASSRAM_ERR_NO_MODULE, /* glassram.ko is not loaded */
	GLASSRAM_ERR_DEVICE_PERMISSION, /* not in group glassram */
	GLASSRAM_ERR_KERNEL_TOO_OLD, /* nothing to arm pages with */
	GLASSRAM_ERR_FEATURE_MISSING, /* this module or kernel lacks a feature */
	GLASSRAM_ERR_NO_PROCESS, /* no such process, or a kernel thread */
	GLASSRAM_ERR_PERMISSION, /* the ptrace rules refuse this target */
	GLASSRAM_ERR_BUSY, /* another session watches this target already */
	GLASSRAM_ERR_EXISTS, /* this session watches this target already */
	GLASSRAM_ERR_NOT_OWNER, /* for the owner of the session, which is another client */
	GLASSRAM_ERR_PAUSED, /* not while the session is paused */
	GLASSRAM_ERR_ENDED, /* the target exited or called exec; a stream has no session any more */
	GLASSRAM_ERR_UFFD, /* userfaultfd refused or was tampered with */
	GLASSRAM_ERR_DMABUF, /* the counters could not be exported or mapped */
	GLASSRAM_ERR_RENDER, /* no picture; for programs that draw, the library does not */
	GLASSRAM_ERR_POLICY, /* a policy could not be loaded or bound */
	GLASSRAM_ERR_INTERRUPTED, /* a signal came; call again */
	GLASSRAM_ERR_SYSTEM, /* anything else; the message names it */
};

/**
 * glassram_error_name() - short stable name of an error, "no-module"
 * Return: a static string, never NULL.
 */
const char *glassram_error_name(enum glassram_error error);

/**
 * glassram_error_message() - one line on the last failure in this thread
 * It names what is wrong and the cure. Never empty after a failure.
 * Return: a string valid until the next failing call in this thread.
 */
const char *glassram_error_message(void);

/**
 * glassram_version() - version of the library, "1.0.0"
 */
const char *glassram_version(void);

struct glassram_session;

/**
 * glassram_query() - what the loaded module can do
 * @ret_query: filled as described in <linux/glassram.h>
 */
enum glassram_error glassram_query(struct glassram_query *ret_query);

/**
 * struct glassram_attach_settings - how to watch; zero means the default
 * @size: sizeof(struct glassram_attach_settings)
 * @rate_hz: arming ticks a second, 1 to GLASSRAM_RATE_MAX, 0 for the default
 * @policy: name of a registered policy, or NULL to count every write
 * @shared: if the process is watched already, join that session as one more
 *	client instead of failing with GLASSRAM_ERR_BUSY. A client that joins
 *	reads; the other settings are then left as the owner wants them
 * @budget: what the target may pay for being watched, as for
 *	glassram_set_budget(); 0 for the default, which is GLASSRAM_BUDGET_ALL
 */
struct glassram_attach_settings {
	size_t size;
	uint32_t rate_hz;
	const char *policy;
	bool shared;
	uint32_t budget;
};

/**
 * glassram_attach() - watch a process
 * @pid: the target, in the caller's pid namespace
 * @settings: or NULL for the defaults
 * @ret_session: release with glassram_detach()
 *
 * The target is not stopped and nothing is injected into it. Its pages are
 * first armed by the first glassram_advance().
 */
enum glassram_error glassram_attach(pid_t pid, const struct glassram_attach_settings *settings,
				    struct glassram_session **ret_session);

/**
 * glassram_detach() - leave the session and free everything; NULL is fine
 * The session ends with its last client. No other call on it may be under way,
 * and no follower may run.
 */
void glassram_detach(struct glassram_session *session);

/**
 * glassram_session_fd() - the session's fd, for poll(); owned by the session
 */
int glassram_session_fd(const struct glassram_session *session);

/**
 * glassram_session_pid() - the pid of the process attached to
 */
pid_t glassram_session_pid(const struct glassram_session *session);

/**
 * glassram_is_owner() - may this client advance, pause and set options?
 *
 * The first client of a session owns it; when it leaves, the next one does.
 * Asks for STATS, with what that means for poll() on the session.
 * Return: false also if the session cannot be asked.
 */
bool glassram_is_owner(struct glassram_session *session);

/**
 * glassram_wait() - for clients that do not advance: sleep until something happened
 * @timeout_ms: at most so long; negative for ever
 * @ret_stats: the totals afterwards; may be NULL
 *
 * Returns when an epoch closed since this client's last glassram_stats(), when
 * this client owns the session (and should advance from now on), when the
 * session ended, or when the time is up.
 */
enum glassram_error glassram_wait(struct glassram_session *session, int timeout_ms,
				  struct glassram_stats *ret_stats);

/**
 * struct glassram_tick - what one glassram_advance() did
 * @epoch: the epoch that is open now
 * @result: GLASSRAM_ADVANCED_* bits
 * @armed: pages armed
 * @ranges: written ranges; valid until the next advance
 * @nr_ranges: their number
 */
struct glassram_range {
	uint64_t start;
	uint64_t end;
	uint32_t target;
};

struct glassram_tick {
	uint32_t epoch;
	uint32_t result;
	uint64_t armed;
	const struct glassram_range *ranges;
	size_t nr_ranges;
};

/**
 * glassram_advance() - close the epoch and arm what was written
 * @flags: GLASSRAM_ADVANCE_PACED, GLASSRAM_ADVANCE_RESCAN
 * @ret_tick: or NULL
 *
 * Only the owner may: GLASSRAM_ERR_NOT_OWNER tells a client that joined to try
 * again later.
 */
enum glassram_error glassram_advance(struct glassram_session *session, uint32_t flags,
				     struct glassram_tick *ret_tick);

/**
 * struct glassram_columns - the counters as this process sees them
 * @dmabuf_fd: owned by this structure
 * @map: read-only mapping of the whole dma-buf
 * @bytes: its length
 * @slots: slots covered
 * @generation: compare with glassram_control.counters_generation
 * @hits, @stamp, @owner, @armed, @observed: one u32 for each slot, inside @map;
 *	see GLASSRAM_COLUMN_* and glassram_observed()
 * @nr_columns, @columns: the list as the module gave it
 */
struct glassram_columns {
	int dmabuf_fd;
	const void *map;
	size_t bytes;
	uint32_t slots;
	uint64_t generation;
	const volatile uint32_t *hits;
	const volatile uint32_t *stamp;
	const volatile uint32_t *owner;
	const volatile uint32_t *armed;
	const volatile uint32_t *observed;
	uint32_t nr_columns;
	struct glassram_column columns[8];
};

/**
 * glassram_columns_init() - import the counters of the current generation
 * @ret_columns: release with glassram_columns_finish(); outlives the session
 */
enum glassram_error glassram_columns_init(struct glassram_session *session,
					  struct glassram_columns *ret_columns);

/**
 * glassram_columns_finish() - unmap and close; a zeroed structure is fine
 */
void glassram_columns_finish(struct glassram_columns *columns);

/**
 * struct glassram_layout - regions and blocks of one moment
 * @regions: sorted by target, then address; region i has the name @names +
 *	regions[i].name
 * @blocks: @blocks[i].start is the address of slot i * GLASSRAM_BLOCK_SLOTS in
 *	target @blocks[i].target
 * @by_address: block numbers in order of target and address; may be NULL in a
 *	layout that the caller made, which makes looking up slots slow
 * @generation: compare with glassram_control.regions_generation; it does not
 *	count new blocks: glassram_stats.slots tells of those
 */
struct glassram_layout {
	struct glassram_region *regions;
	uint32_t nr_regions;
	char *names;
	uint32_t names_len;
	struct glassram_block *blocks;
	uint32_t nr_blocks;
	uint32_t *by_address;
	uint64_t generation;
};

/**
 * glassram_layout_init() - read the region and block tables
 * @ret_layout: release with glassram_layout_finish()
 */
enum glassram_error glassram_layout_init(struct glassram_session *session,
					 struct glassram_layout *ret_layout);
void glassram_layout_finish(struct glassram_layout *layout);

/**
 * glassram_layout_region_of() - the region that holds an address of a target
 * Return: an entry of @layout->regions, or NULL.
 */
const struct glassram_region *glassram_layout_region_of(const struct glassram_layout *layout,
							uint32_t target, uint64_t address);

/**
 * glassram_layout_address() - the address a slot stands for
 * Return: the address, or 0 for a slot that is not given out.
 */
uint64_t glassram_layout_address(const struct glassram_layout *layout, uint32_t slot);

/**
 * glassram_layout_target() - the target whose page a slot stands for
 * Return: its id, or GLASSRAM_TARGET_NONE for a slot that is not given out.
 */
uint32_t glassram_layout_target(const struct glassram_layout *layout, uint32_t slot);

/**
 * glassram_layout_slot_of() - the slot of an address of a target
 * Return: the slot, or GLASSRAM_NO_SLOT.
 */
uint32_t glassram_layout_slot_of(const struct glassram_layout *layout, uint32_t target,
				 uint64_t address);

/* The same for the process attached to, which is target 0. */
const struct glassram_region *glassram_layout_region(const struct glassram_layout *layout,
						     uint64_t address);
uint32_t glassram_layout_slot(const struct glassram_layout *layout, uint64_t address);

/**
 * glassram_threads() - the threads seen writing
 * @ret_threads: an array to be freed with free(); NULL if there are none
 * @ret_nr: its length
 * @ret_overflow: hits whose thread found the table full; may be NULL
 */
enum glassram_error glassram_threads(struct glassram_session *session,
				     struct glassram_thread **ret_threads, size_t *ret_nr,
				     uint64_t *ret_overflow);

/**
 * glassram_stats() - totals of the session
 */
enum glassram_error glassram_stats(struct glassram_session *session,
				   struct glassram_stats *ret_stats);

/**
 * glassram_control_read() - the live summary, without a system call
 * @ret_control: a consistent copy
 */
enum glassram_error glassram_control_read(struct glassram_session *session,
					  struct glassram_control *ret_control);

/**
 * glassram_set_rate() - change the arming rate, 1 to GLASSRAM_RATE_MAX Hz
 */
enum glassram_error glassram_set_rate(struct glassram_session *session, uint32_t rate_hz);

/**
 * glassram_set_budget() - change what the targets may pay for being watched
 * @budget: parts per 10,000 of their CPU time, 1 to GLASSRAM_BUDGET_ALL: then all
 *	pages are armed at each tick, and counted exactly. With less, a page that was
 *	hit may stay unarmed for a while: its hits are then to be seen against
 *	glassram_observed()
 *
 * Owner only. GLASSRAM_ERR_FEATURE_MISSING: this kernel arms all or nothing.
 */
enum glassram_error glassram_set_budget(struct glassram_session *session, uint32_t budget);

/**
 * glassram_set_price() - what watching costs on this machine
 * @fault_ns: one fault of an armed page, 1 to GLASSRAM_PRICE_MAX
 * @call_ns: one run of pages to arm, up to GLASSRAM_PRICE_MAX
 *
 * Owner only. Budgets are kept, and STATS reckons, by these.
 */
enum glassram_error glassram_set_price(struct glassram_session *session, uint32_t fault_ns,
				       uint32_t call_ns);

/**
 * glassram_set_policy() - bind a registered policy by name; "" unbinds
 */
enum glassram_error glassram_set_policy(struct glassram_session *session, const char *name);

/**
 * glassram_get_options() - settings in force
 */
enum glassram_error glassram_get_options(struct glassram_session *session,
					 struct glassram_options *ret_options);

/**
 * glassram_pause() - stop watching for a while, or go on
 * @paused: true: the targets run as if nobody watched; counters are kept. false:
 *	go on; the next glassram_advance() arms anew. What was written meanwhile is
 *	not counted
 *
 * Owner only. Pausing twice is no error.
 */
enum glassram_error glassram_pause(struct glassram_session *session, bool paused);

/**
 * glassram_reset() - set all counters and totals to zero; epochs go on
 * Owner only.
 */
enum glassram_error glassram_reset(struct glassram_session *session);

/**
 * glassram_targets() - the address spaces that the session watches or watched
 * @ret_targets: an array to be freed with free(), sorted by id; NULL if there
 *	are none
 * @ret_nr: its length
 */
enum glassram_error glassram_targets(struct glassram_session *session,
				     struct glassram_target **ret_targets, size_t *ret_nr);

/**
 * struct glassram_added - a target that was added
 * @target: its id
 * @late_ns: time from its fork, exec or start until its pages were armed: writes
 *	in that time are not counted
 * @late_run_ns: how much of it its main thread ran
 */
struct glassram_added {
	uint32_t target;
	uint64_t late_ns;
	uint64_t late_run_ns;
};

/**
 * glassram_target_add() - watch one more process in this session
 * @pid: the process, in the caller's pid namespace
 * @ret_added: may be NULL
 *
 * Owner only, and the ptrace rules apply as for glassram_attach(). Pages that
 * exist are armed when it returns. GLASSRAM_ERR_EXISTS: the session watches that
 * address space already (a child of vfork() shares its parent's).
 * GLASSRAM_ERR_PAUSED: go on first.
 */
enum glassram_error glassram_target_add(struct glassram_session *session, pid_t pid,
					struct glassram_added *ret_added);

/**
 * glassram_target_drop() - forget a target; stops watching it if it is alive
 * @target: its id
 *
 * Owner only. Its slots are given to others, so read the layout anew.
 */
enum glassram_error glassram_target_drop(struct glassram_session *session, uint32_t target);

/*
 * Events: what happens to the targets, as records in the order of their time.
 * See GLASSRAM_EVENT_* in <linux/glassram.h>.
 */
struct glassram_stream;

/**
 * glassram_events_open() - open a stream of events
 * @mask: 1 << GLASSRAM_EVENT_* for each type wanted; LOST always comes
 * @records: room, GLASSRAM_EVENTS_MIN to GLASSRAM_EVENTS_MAX; 0 for the default
 *	(4096, and 65536 with HIT)
 * @ret_stream: release with glassram_events_close(); keeps no session alive
 *
 * Any client may open several. A stream is used by one thread at a time, which
 * need not be a thread that uses the session.
 */
enum glassram_error glassram_events_open(struct glassram_session *session, uint64_t mask,
					 uint32_t records, struct glassram_stream **ret_stream);

/**
 * glassram_events_read() - read events
 * @events: filled
 * @nr: its capacity, at least 1
 * @timeout_ms: how long to wait for the first; 0 only looks, negative for ever
 * @ret_nr: number of events; 0: the time is up
 *
 * GLASSRAM_ERR_ENDED: the session's last client has left, and everything was
 * read. The end of the targets closes no stream: glassram_stats() tells of it,
 * and POLLHUP of glassram_session_fd().
 */
enum glassram_error glassram_events_read(struct glassram_stream *stream,
					 struct glassram_event *events, size_t nr,
					 int timeout_ms, size_t *ret_nr);

/**
 * glassram_events_fd() - the stream's fd, for poll(); owned by the stream
 */
int glassram_events_fd(const struct glassram_stream *stream);

/* glassram_events_close() - NULL is fine */
void glassram_events_close(struct glassram_stream *stream);

/**
 * glassram_event_name() - name of a type of event: "fork", "thread-start"
 * Return: a static string, "unknown" for a type that this library does not know.
 */
const char *glassram_event_name(uint32_t type);

/**
 * glassram_event_mask() - from names to a mask
 * @names: names of types with commas between them; "all" stands for all but HIT
 * @ret_mask: for glassram_events_open()
 */
enum glassram_error glassram_event_mask(const char *names, uint64_t *ret_mask);

/* Room for what glassram_event_text() writes. */
#define GLASSRAM_EVENT_TEXT 160

/**
 * glassram_event_text() - what a record says beyond type, time, thread and target
 * @buffer: of GLASSRAM_EVENT_TEXT bytes: "new process 4711", "7f12a000-7f12c000"
 * Return: @buffer.
 */
const char *glassram_event_text(const struct glassram_event *event, char *buffer);

/*
 * Following: the processes that a target forks are watched in the same session,
 * and theirs too, each as a target with an id of its own.
 */
struct glassram_follow;

/**
 * struct glassram_follow_settings - zero means the default
 * @size: sizeof(struct glassram_follow_settings)
 * @keep: ended targets that stay in the tables (0: 32); the oldest are dropped, so
 *	that a long build does not run out of slots
 * @missed: called for each process that cannot be watched, from the follower's
 *	thread; or NULL. It must not call on the session
 * @data: its first argument
 */
struct glassram_follow_settings {
	size_t size;
	uint32_t keep;
	void (*missed)(void *data, pid_t pid, enum glassram_error why, const char *message);
	void *data;
};

/**
 * struct glassram_follow_figures - what a follower did so far
 * @forks, @execs, @exits: events of that type seen
 * @added: targets added
 * @gone: processes that ended, or called exec, before they could be watched
 * @missed: processes that could not be watched for another reason
 * @dropped: ended targets dropped
 * @lost: events that came too fast; the family was then searched anew
 * @late_ns_max, @late_run_ns_max: the greatest of struct glassram_added
 */
struct glassram_follow_figures {
	uint64_t forks;
	uint64_t execs;
	uint64_t exits;
	uint64_t added;
	uint64_t gone;
	uint64_t missed;
	uint64_t dropped;
	uint64_t lost;
	uint64_t late_ns_max;
	uint64_t late_run_ns_max;
};

/**
 * glassram_follow_start() - follow forks and execs, in a thread of the library
 * @settings: or NULL for the defaults
 * @ret_follow: release with glassram_follow_stop()
 *
 * Descendants that run already are added too. A client that joined a session
 * follows from the moment it owns it, and then adds what was forked meanwhile.
 * Works in the initial pid namespace only: GLASSRAM_ERR_FEATURE_MISSING elsewhere.
 *
 * While it runs, exec does not end the session; it ends with the last process of
 * the family.
 */
enum glassram_error glassram_follow_start(struct glassram_session *session,
					  const struct glassram_follow_settings *settings,
					  struct glassram_follow **ret_follow);

/* glassram_follow_figures() - may be called from any thread */
void glassram_follow_figures(struct glassram_follow *follow,
			     struct glassram_follow_figures *ret_figures);

/**
 * glassram_follow_stop() - stop following; what is watched stays; NULL is fine
 * To be called before glassram_detach().
 */
void glassram_follow_stop(struct glassram_follow *follow);

struct glassram_policy;

/**
 * glassram_policy_load() - load and register a policy from a BPF object file
 * @path: FILE.bpf.o with one struct_ops map of type glassram_policy_ops in
 *	SEC(".struct_ops.link"). ":NAME=VALUE,..." behind it sets `const
 *	volatile` globals of the file: "comm.bpf.o:comm_prefix=work".
 * @ret_policy: release with glassram_policy_unload(), which also unregisters
 *	it; so does the end of this process, however it ends
 *
 * Needs CAP_SYS_ADMIN, which includes CAP_BPF and CAP_PERFMON: the policy's
 * type belongs to a module, and the kernel lets only administrators read the
 * type information of one. Without it the error is GLASSRAM_ERR_PERMISSION, and
 * watching without a policy is the way on. A refusal by the verifier gives
 * GLASSRAM_ERR_POLICY with its reason in the message.
 */
enum glassram_error glassram_policy_load(const char *path, struct glassram_policy **ret_policy);

/**
 * glassram_policy_name() - the name it registered under, for
 * glassram_set_policy()
 * It is the name in the file, made unique by this process's id, so that two
 * programs may load the same file.
 */
const char *glassram_policy_name(const struct glassram_policy *policy);
void glassram_policy_unload(struct glassram_policy *policy);

/**
 * struct glassram_process - one process that this caller could watch
 * @pid: process id
 * @threads: number of threads
 * @rss: resident bytes
 * @comm: its name
 * @watchable: false if the ptrace rules refuse it
 */
struct glassram_process {
	pid_t pid;
	uint32_t threads;
	uint64_t rss;
	char comm[GLASSRAM_COMM_LEN];
	bool watchable;
};

/**
 * glassram_processes() - the processes of this machine, sorted by rss, largest first
 * @ret_processes: an array to be freed with free()
 * @ret_nr: its length
 *
 * Kernel threads and the caller itself are left out. Works without the module.
 */
enum glassram_error glassram_processes(struct glassram_process **ret_processes, size_t *ret_nr);

#ifdef __cplusplus
}
#endif

#endif /* GLASSRAM_GLASSRAM_H */
