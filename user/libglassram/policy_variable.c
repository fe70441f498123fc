// SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0
/*
 * Set a policy's `const volatile` globals before it is loaded, by name, as in
 * "comm_prefix=work".
 *
 * The object's own type information says where a variable lies and how large
 * it is. Weak spot: only char arrays and integers can be set.
 */
#define _GNU_SOURCE
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

struct variable {
	char *bytes;
	uint32_t size;
	const struct btf_type *type;
};

static struct bpf_map *find_rodata(struct bpf_object *object)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object) {
		const char *name = bpf_map__name(map);
		size_t length = strlen(name);

		if (bpf_map__is_internal(map) && length >= 7 &&
		    !strcmp(name + length - 7, ".rodata"))
			return map;
	}
	return NULL;
}

static bool find_variable(struct bpf_object *object, const char *name, struct variable *ret)
{
	const struct btf *btf = bpf_object__btf(object);
	struct bpf_map *map = find_rodata(object);
	const struct btf_var_secinfo *entry;
	const struct btf_type *section;
	size_t size;
	char *bytes;
	int id;

	if (!btf || !map)
		return false;
	id = btf__find_by_name_kind(btf, ".rodata", BTF_KIND_DATASEC);
	bytes = bpf_map__initial_value(map, &size);
	if (id < 0 || !bytes)
		return false;
	section = btf__type_by_id(btf, id);
	entry = btf_var_secinfos(section);
	for (int i = 0; i < btf_vlen(section); i++, entry++) {
		const struct btf_type *type = btf__type_by_id(btf, entry->type);

		if (strcmp(btf__name_by_offset(btf, type->name_off), name) ||
		    entry->offset + (size_t)entry->size > size)
			continue;
		ret->bytes = bytes + entry->offset;
		ret->size = entry->size;
		ret->type = btf__type_by_id(btf, btf__resolve_type(btf, entry->type));
		while (btf_is_mod(ret->type) || btf_is_typedef(ret->type))
			ret->type = btf__type_by_id(btf, ret->type->type);
		return true;
	}
	return false;
}

static enum glassram_error set_integer(const struct variable *variable, const char *path,
				       const char *name, const char *text)
{
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 0);
	if (errno || *end || end == text)
		return gr_fail(GLASSRAM_ERR_INVALID, "%s: \"%s\" is not a number for %s: give digits, or 0x and hexadecimal digits",
			       path, text, name);
	if (variable->size < sizeof(value) && value >> (8 * variable->size))
		return gr_fail(GLASSRAM_ERR_INVALID, "%s: %s is too large for %s, which has %u bytes: give a smaller number",
			       path, text, name, variable->size);
	/* BPF objects for this machine have its byte order, which is little-endian */
	memcpy(variable->bytes, &value, variable->size);
	return GLASSRAM_OK;
}

static enum glassram_error set_one(struct bpf_object *object, const char *path,
				   const char *name, const char *text)
{
	struct variable variable;

	if (!find_variable(object, name, &variable))
		return gr_fail(GLASSRAM_ERR_INVALID, "%s has no variable %s to set: its source shows them as `const volatile`",
			       path, name);
	if (btf_is_int(variable.type) && variable.size <= sizeof(unsigned long long))
		return set_integer(&variable, path, name, text);
	if (!btf_is_array(variable.type))
		return gr_fail(GLASSRAM_ERR_INVALID, "%s: %s is neither text nor a number, so it cannot be set from outside",
			       path, name);
	if (strlen(text) >= variable.size)
		return gr_fail(GLASSRAM_ERR_INVALID, "%s: \"%.40s\" is too long for %s: %u characters at most",
			       path, text, name, variable.size - 1);
	memset(variable.bytes, 0, variable.size);
	memcpy(variable.bytes, text, strlen(text));
	return GLASSRAM_OK;
}

enum glassram_error gr_policy_set_variables(struct bpf_object *object, const char *path,
					    const char *settings)
{
	enum glassram_error error = GLASSRAM_OK;
	char *copy, *rest, *setting;

	copy = strdup(settings);
	if (!copy)
		return gr_fail_errno(ENOMEM, "cannot load the policy %s", path);
	rest = copy;
	while (!error && (setting = strsep(&rest, ","))) {
		char *value = strchr(setting, '=');

		if (!*setting)
			continue;
		if (!value) {
			error = gr_fail(GLASSRAM_ERR_INVALID, "%s: \"%s\" sets nothing: write NAME=VALUE",
					path, setting);
			break;
		}
		*value = '\0';
		error = set_one(object, path, setting, value + 1);
	}
	free(copy);
	return error;
}
