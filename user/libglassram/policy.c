// SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0
/*
 * Policies: load a BPF object with libbpf and register its struct_ops map.
 *
 * The policy lives as long as its link, and the link as long as this process:
 * kill -9 unregisters it. Each loaded copy gets a name of its own, so that two
 * programs can use one file at the same time.
 * Weak spot: libbpf has one print function for the whole process; while a
 * policy is being loaded, what another thread's libbpf prints lands in our log.
 */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/capability.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

#define OPS_TYPE "glassram_policy_ops"

struct glassram_policy {
	struct bpf_object *object;
	struct bpf_link *link;
	char name[GLASSRAM_POLICY_NAME_LEN];
};

/* Everything libbpf said while one policy was loaded. A verifier log tells its
 * reason at the end, so what does not fit is dropped at the front.
 */
static struct {
	pthread_mutex_t lock;
	char text[16384];
	size_t used;
} log_buffer = { .lock = PTHREAD_MUTEX_INITIALIZER };

static int keep_log(enum libbpf_print_level level, const char *format, va_list args)
{
	size_t room = sizeof(log_buffer.text);
	char *line;
	int length;

	if (level > LIBBPF_INFO)
		return 0;
	length = vasprintf(&line, format, args);
	if (length < 0)
		return 0;
	if ((size_t)length >= room) {
		memcpy(log_buffer.text, line + length - (room - 1), room);
		log_buffer.used = room - 1;
	} else {
		if (log_buffer.used + length >= room) {
			size_t drop = log_buffer.used + length - (room - 1);

			memmove(log_buffer.text, log_buffer.text + drop, log_buffer.used - drop);
			log_buffer.used -= drop;
		}
		memcpy(log_buffer.text + log_buffer.used, line, length + 1);
		log_buffer.used += length;
	}
	free(line);
	return length;
}

/* "FILE.bpf.o:name=value,...": a copy of each half, the second empty if absent. */
static int split_spec(const char *spec, char **ret_path, char **ret_settings)
{
	const char *colon = access(spec, F_OK) ? strstr(spec, ".o:") : NULL;
	size_t length = colon ? (size_t)(colon + 2 - spec) : strlen(spec);
	char *path = strndup(spec, length);
	char *settings = strdup(colon ? colon + 3 : "");

	if (!path || !settings) {
		free(path);
		free(settings);
		return ENOMEM;
	}
	*ret_path = path;
	*ret_settings = settings;
	return 0;
}

/* What can be told before the verifier is asked, in the order of the cures. */
static enum glassram_error check_ready(const char *path)
{
	struct glassram_query query;
	enum glassram_error error;

	if (access(path, R_OK))
		return gr_fail(GLASSRAM_ERR_POLICY, "cannot read the policy %s (%s): give the path of a .bpf.o file; `make bpf` builds those of the project into build/bpf/",
			       path, strerrordesc_np(errno));
	/* It stands in for CAP_BPF and CAP_PERFMON, and the type information of a
	 * module is not for those who hold only these.
	 */
	if (!gr_has_capability(CAP_SYS_ADMIN))
		return gr_fail(GLASSRAM_ERR_PERMISSION, "loading the policy %s needs CAP_SYS_ADMIN (CAP_BPF and CAP_PERFMON alone do not reach a module's types), which this program does not hold: run it with sudo, or without a policy",
			       path);
	error = glassram_query(&query);
	if (error)
		return error;
	if (!(query.features & GLASSRAM_FEATURE_POLICY))
		return gr_fail(GLASSRAM_ERR_FEATURE_MISSING, "the loaded glassram.ko has no policies: rebuild it with pahole installed (`sudo apt install pahole`), for a kernel with BTF");
	if (access("/sys/kernel/btf/vmlinux", R_OK))
		return gr_fail(GLASSRAM_ERR_FEATURE_MISSING, "this kernel has no BTF, which policies need: use one built with CONFIG_DEBUG_INFO_BTF=y, as Debian's are");
	if (access("/sys/kernel/btf/glassram", R_OK))
		return gr_fail(GLASSRAM_ERR_FEATURE_MISSING, "the loaded glassram.ko has no BTF, which policies need: rebuild it with pahole installed (`sudo apt install pahole`)");
	return GLASSRAM_OK;
}

static struct bpf_map *find_ops(struct bpf_object *object, unsigned int *ret_nr)
{
	struct bpf_map *map, *found = NULL;

	*ret_nr = 0;
	bpf_object__for_each_map(map, object) {
		if (bpf_map__type(map) != BPF_MAP_TYPE_STRUCT_OPS)
			continue;
		found = map;
		(*ret_nr)++;
	}
	return found;
}

/* Where the object keeps the policy's name, by its own type information. */
static char *find_name(struct bpf_object *object, struct bpf_map *map)
{
	const struct btf *btf = bpf_object__btf(object);
	const struct btf_type *type;
	const struct btf_member *member;
	size_t size;
	char *data = bpf_map__initial_value(map, &size);
	int id = btf__find_by_name_kind(btf, OPS_TYPE, BTF_KIND_STRUCT);

	if (!data || id < 0)
		return NULL;
	type = btf__type_by_id(btf, id);
	member = btf_members(type);
	for (int i = 0; i < btf_vlen(type); i++) {
		const char *name = btf__name_by_offset(btf, member[i].name_off);
		uint32_t offset = btf_member_bit_offset(type, i) / 8;

		if (!strcmp(name, "name") &&
		    offset + GLASSRAM_POLICY_NAME_LEN <= type->size)
			return data + offset;
	}
	return NULL;
}

/* "comm" becomes "comm-4711", and "comm-4711-2" when loaded a second time. */
static void make_unique(char *name)
{
	static atomic_uint loaded;
	unsigned int nr = atomic_fetch_add(&loaded, 1) + 1;
	char suffix[24];
	size_t room;

	if (nr == 1)
		snprintf(suffix, sizeof(suffix), "-%d", getpid());
	else
		snprintf(suffix, sizeof(suffix), "-%d-%u", getpid(), nr);
	room = GLASSRAM_POLICY_NAME_LEN - 1 - strlen(suffix);
	name[strnlen(name, room)] = '\0';
	strcat(name, suffix);
}

static enum glassram_error prepare(struct glassram_policy *policy, const char *path,
				   const char *settings, struct bpf_map **ret_map)
{
	struct bpf_map *map;
	unsigned int nr;
	char *name;

	map = find_ops(policy->object, &nr);
	if (nr != 1)
		return gr_fail(GLASSRAM_ERR_POLICY, "%s is not a policy: it has %u struct_ops maps where one of type " OPS_TYPE " is needed; start from bpf/default.bpf.c",
			       path, nr);
	if (!(bpf_map__map_flags(map) & BPF_F_LINK))
		return gr_fail(GLASSRAM_ERR_POLICY, "the policy in %s would outlive its program: put it in SEC(\".struct_ops.link\"), not in SEC(\".struct_ops\")",
			       path);
	name = find_name(policy->object, map);
	if (!name)
		return gr_fail(GLASSRAM_ERR_POLICY, "%s is not a policy: its struct_ops map is not of type " OPS_TYPE "; include bpf/glassram_policy.bpf.h",
			       path);
	if (!name[0] || !memchr(name, '\0', GLASSRAM_POLICY_NAME_LEN))
		return gr_fail(GLASSRAM_ERR_POLICY, "the policy in %s has no name: set .name to 1 to %d characters",
			       path, GLASSRAM_POLICY_NAME_LEN - 1);
	make_unique(name);
	strcpy(policy->name, name);
	*ret_map = map;
	return gr_policy_set_variables(policy->object, path, settings);
}

static enum glassram_error refused(int err, const char *path, const char *what)
{
	char reason[512];

	if (err == EPERM || err == EACCES) {
		/* the verifier says EACCES for forbidden code, and then has a log */
		gr_policy_log_reason(log_buffer.text, reason, sizeof(reason));
		if (err == EPERM || !reason[0])
			return gr_fail(GLASSRAM_ERR_PERMISSION, "the kernel does not allow this program to load the policy %s: run it with sudo, outside a container; kernel lockdown in confidentiality mode forbids it too",
				       path);
	}
	if (err == ENOMEM)
		return gr_fail_errno(err, "cannot load the policy %s", path);
	gr_policy_log_reason(log_buffer.text, reason, sizeof(reason));
	return gr_fail(GLASSRAM_ERR_POLICY, "%s: %s: %s", path, what,
		       reason[0] ? reason : strerrordesc_np(err));
}

static enum glassram_error load_locked(struct glassram_policy *policy, const char *path,
				       const char *settings)
{
	enum glassram_error error;
	struct bpf_map *map = NULL;
	int err;

	policy->object = bpf_object__open_file(path, NULL);
	if (!policy->object)
		return refused(errno, path, "not a BPF object file (`make bpf` shows how one is built)");
	error = prepare(policy, path, settings, &map);
	if (error)
		return error;
	err = bpf_object__load(policy->object);
	if (err)
		return refused(-err, path, "the kernel refused this policy");
	policy->link = bpf_map__attach_struct_ops(map);
	if (!policy->link)
		return refused(errno, path, "glassram.ko did not register this policy");
	return GLASSRAM_OK;
}

enum glassram_error glassram_policy_load(const char *path, struct glassram_policy **ret_policy)
{
	struct glassram_policy *policy;
	char *file, *settings;
	enum glassram_error error;
	libbpf_print_fn_t before;

	if (!path || !ret_policy)
		return gr_fail(GLASSRAM_ERR_INVALID, "glassram_policy_load: a path and the result pointer are needed");
	policy = calloc(1, sizeof(*policy));
	if (!policy || split_spec(path, &file, &settings)) {
		free(policy);
		return gr_fail_errno(ENOMEM, "cannot load the policy %s", path);
	}
	error = check_ready(file);
	if (!error) {
		pthread_mutex_lock(&log_buffer.lock);
		log_buffer.used = 0;
		log_buffer.text[0] = '\0';
		before = libbpf_set_print(keep_log);
		error = load_locked(policy, file, settings);
		libbpf_set_print(before);
		pthread_mutex_unlock(&log_buffer.lock);
	}
	free(file);
	free(settings);
	if (error) {
		glassram_policy_unload(policy);
		return error;
	}
	*ret_policy = policy;
	return GLASSRAM_OK;
}

const char *glassram_policy_name(const struct glassram_policy *policy)
{
	return policy->name;
}

void glassram_policy_unload(struct glassram_policy *policy)
{
	if (!policy)
		return;
	bpf_link__destroy(policy->link);
	bpf_object__close(policy->object);
	free(policy);
}
