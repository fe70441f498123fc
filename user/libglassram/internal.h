/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * What the files of libglassram share and nobody else may use.
 *
 * Every name here starts with gr_, so that the version script keeps it out of
 * the shared library; the unit tests reach it through the static one.
 */
#ifndef LIBGLASSRAM_INTERNAL_H
#define LIBGLASSRAM_INTERNAL_H

#include <glassram/glassram.h>

#define GR_DEVICE "/dev/glassram"

struct glassram_session {
	int fd;
	pid_t pid;
	void *work; /* the work area; ADVANCE alone writes it after ATTACH */
	size_t work_len;
	const struct glassram_control *control; /* mapped, read-only */
};

/* error.c: set this thread's message; returns @error for `return gr_fail(...)`. */
enum glassram_error gr_fail(enum glassram_error error, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* As gr_fail(GLASSRAM_ERR_SYSTEM), with the text and name of errno value @err. */
enum glassram_error gr_fail_errno(int err, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* explain.c: from an errno value to cause and cure. All return an error. */
enum glassram_error gr_explain_device(int err, const char *release);
enum glassram_error gr_explain_attach(int err, pid_t pid);
enum glassram_error gr_explain_join(pid_t pid);
enum glassram_error gr_explain_session(int err, pid_t pid, const char *call);

/**
 * struct gr_ptrace_facts - what decides whether a process may be opened
 * @pid: the target
 * @comm: its name
 * @uid: who it runs as
 * @own_uid: who we run as
 * @may_ptrace: we hold CAP_SYS_PTRACE
 * @ptrace_scope: kernel.yama.ptrace_scope, or -1 without Yama
 */
struct gr_ptrace_facts {
	pid_t pid;
	char comm[GLASSRAM_COMM_LEN];
	uid_t uid;
	uid_t own_uid;
	bool may_ptrace;
	int ptrace_scope;
};

enum glassram_error gr_explain_ptrace(const struct gr_ptrace_facts *facts);

/* target.c */
/**
 * struct gr_target_files - what proves the right to watch a process
 * @mem: its /proc/PID/mem
 * @pagemap: its /proc/PID/pagemap
 * @clear_refs: its /proc/PID/clear_refs, open for writing, or -1; kernels without
 *	asynchronous write-protection need it
 */
struct gr_target_files {
	int mem;
	int pagemap;
	int clear_refs;
};

/* Whether @pid can be a target at all. */
enum glassram_error gr_target_check(pid_t pid);
enum glassram_error gr_target_open(pid_t pid, struct gr_target_files *ret_files);
void gr_target_close(struct gr_target_files *files);
/* @work: a work area that nobody else uses at the moment. */
enum glassram_error gr_target_add(struct glassram_session *session, pid_t pid,
				  const struct gr_target_files *files, void *work,
				  size_t work_len, struct glassram_added *ret_added);
/* stream.c: from the module's records, whatever their length, to ours. Return: their number. */
size_t gr_events_take(const char *buffer, size_t bytes, struct glassram_event *events, size_t nr);

/* session.c: switch the session's option to follow forks. */
enum glassram_error gr_set_follow(struct glassram_session *session, bool follow);
/* target.c: a work area, for munmap(). Return: NULL with the message set. */
void *gr_work_create(size_t length);

/**
 * struct gr_proc_stat - the fields of /proc/PID/stat that matter here
 * @kthread: it is a kernel thread, and has no memory of its own
 * @dead: it is a zombie or past that
 */
struct gr_proc_stat {
	char comm[GLASSRAM_COMM_LEN];
	uint32_t threads;
	bool kthread;
	bool dead;
};

/* process.c */
/* Return: 0, or a positive errno: ENOENT if there is no such process. */
int gr_proc_stat(pid_t pid, struct gr_proc_stat *ret_stat);
/* Parse one line of /proc/PID/stat. Return: 0 or EINVAL. */
int gr_proc_stat_parse(const char *line, struct gr_proc_stat *ret_stat);
/* Whether this thread holds capability @cap in its effective set. */
bool gr_has_capability(unsigned int cap);
/* Read a small file as a NUL-terminated string. Return: 0 or a positive errno. */
int gr_read_file(const char *path, char *buffer, size_t size);

/* policy_variable.c: set globals of a BPF object before it is loaded. */
struct bpf_object;
/* @settings: "name=value,name=value"; an empty string sets nothing. */
enum glassram_error gr_policy_set_variables(struct bpf_object *object, const char *path,
					    const char *settings);

/**
 * struct gr_hilbert_way - the Hilbert curve by vectors of one width
 * @name: of what a processor needs for it
 * @points_of, @indices_of: as the glassram_hilbert_ functions of these names
 * @square_at: the 256 points of one square, each plus @corner
 */
struct gr_hilbert_way {
	const char *name;
	void (*points_of)(unsigned int order, const uint32_t *from, size_t count, uint32_t *to);
	void (*indices_of)(unsigned int order, const uint32_t *from, size_t count, uint32_t *to);
	void (*square_at)(const uint32_t *square, uint32_t corner, uint32_t *to);
};

/* hilbert.c: all ways, the widest first, ending with one without a name. */
extern const struct gr_hilbert_way gr_hilbert_ways[];
/* Whether this processor has what @way needs; one of them always works. */
bool gr_hilbert_way_works(const struct gr_hilbert_way *way);
/* glassram_hilbert_points() by @way, arguments unchecked. */
void gr_hilbert_run(const struct gr_hilbert_way *way, unsigned int order, uint32_t first,
		    size_t count, uint32_t *to);

/* policy_log.c: the one line of a verifier log that tells the reason. */
void gr_policy_log_reason(const char *log, char *reason, size_t size);

#endif
