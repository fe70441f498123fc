// SPDX-License-Identifier: GPL-2.0-only
/*
 * The parts of policy loading that need no kernel: finding the reason in a
 * log, and setting variables in an object file.
 */
#include <bpf/libbpf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../user/libglassram/internal.h"
#include "tap.h"

#define BEGIN "libbpf: prog 'weight': -- BEGIN PROG LOAD LOG --\n"
#define END "-- END PROG LOAD LOG --\nlibbpf: prog 'weight': failed to load: -13\n"

static const struct {
	const char *what;
	const char *log;
	const char *reason;
} logs[] = {
	{ "an empty log", "", "" },
	{ "a pointer made of a number",
	  "libbpf: prog 'weight': BPF program load failed: Permission denied\n" BEGIN
	  "reg type unsupported for arg#0 function weight#12\n"
	  "0: R1=ctx() R10=fp0\n"
	  "; __u32 BPF_PROG(weight, __u64 address) @ broken.bpf.c:12\n"
	  "0: (79) r1 = *(u64 *)(r1 +0)         ; R1_w=scalar()\n"
	  "; return *(volatile __u32 *)address; @ broken.bpf.c:14\n"
	  "1: (61) r0 = *(u32 *)(r1 +0)\n"
	  "R1 invalid mem access 'scalar'\n"
	  "processed 2 insns (limit 1000000) max_states_per_insn 0 total_states 0\n" END,
	  "R1 invalid mem access 'scalar', at \"return *(volatile __u32 *)address; @ broken.bpf.c:14\"" },
	{ "no source line",
	  BEGIN "0: (95) exit\nR0 !read_ok\nprocessed 1 insns (limit 1000000)\n" END,
	  "R0 !read_ok" },
	{ "only a trace", BEGIN "0: (95) exit\nprocessed 1 insns (limit 1000000)\n" END,
	  "processed 1 insns (limit 1000000)" },
	{ "a log cut at its front",
	  "5: (95) exit\ninfinite loop detected at insn 4\n" END,
	  "infinite loop detected at insn 4" },
	{ "no verifier, but a complaint of libbpf",
	  "libbpf: struct_ops init_kern: struct glassram_policy_ops is not found in kernel BTF\n"
	  "libbpf: failed to load object 'x'\n",
	  "struct_ops init_kern: struct glassram_policy_ops is not found in kernel BTF" },
	{ "an empty verifier log", BEGIN END, "" },
};

static void test_logs(void)
{
	char reason[512], small[12];

	for (size_t i = 0; i < sizeof(logs) / sizeof(logs[0]); i++) {
		gr_policy_log_reason(logs[i].log, reason, sizeof(reason));
		tap_check(!strcmp(reason, logs[i].reason), "%s", logs[i].what);
		if (strcmp(reason, logs[i].reason))
			printf("# \"%s\"\n", reason);
		gr_policy_log_reason(logs[i].log, small, sizeof(small));
		tap_check(!strncmp(small, logs[i].reason, sizeof(small) - 1),
			  "%s, with little room", logs[i].what);
	}
}

static const char *rodata(struct bpf_object *object, size_t *size)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object)
		if (strstr(bpf_map__name(map), ".rodata"))
			return bpf_map__initial_value(map, size);
	return NULL;
}

static bool refuses(struct bpf_object *object, const char *settings, const char *text)
{
	if (gr_policy_set_variables(object, "x.bpf.o", settings) == GLASSRAM_ERR_INVALID &&
	    strstr(glassram_error_message(), text))
		return true;
	printf("# message: %s\n", glassram_error_message());
	return false;
}

static void test_variables(const char *comm_path, const char *numbers_path)
{
	struct bpf_object *comm = bpf_object__open_file(comm_path, NULL);
	struct bpf_object *numbers = bpf_object__open_file(numbers_path, NULL);
	const char *bytes;
	uint32_t values[2];
	size_t size = 0;

	if (!comm || !numbers) {
		tap_check(false, "%s and %s can be opened", comm_path, numbers_path);
		return;
	}
	bytes = rodata(comm, &size);
	tap_check(!gr_policy_set_variables(comm, comm_path, "comm_prefix=abc") && bytes &&
		  size >= 16 && !memcmp(bytes, "abc\0\0\0\0\0\0\0\0\0\0\0\0", 16), "text");
	tap_check(!gr_policy_set_variables(comm, comm_path, "comm_prefix=z") &&
		  !memcmp(bytes, "z\0\0", 3), "shorter text leaves nothing of the longer");
	tap_check(!gr_policy_set_variables(comm, comm_path, "comm_prefix=012345678901234") &&
		  !memcmp(bytes, "012345678901234", 16), "as long as it may be");
	tap_check(!gr_policy_set_variables(comm, comm_path, ""), "nothing");
	tap_check(!gr_policy_set_variables(numbers, numbers_path, "heavy=0x10,whose=4294967295"),
		  "two numbers");
	memcpy(values, rodata(numbers, &size), sizeof(values));
	tap_check((values[0] == 16 && values[1] == UINT32_MAX) ||
		  (values[1] == 16 && values[0] == UINT32_MAX), "arrive");
	tap_check(refuses(comm, "comm_prefix=0123456789012345", "15 characters at most"), "too long");
	tap_check(refuses(comm, "prefix=a", "no variable prefix"), "an unknown name");
	tap_check(refuses(comm, "comm_prefix", "NAME=VALUE"), "no value");
	tap_check(refuses(comm, "LICENSE=x", "no variable LICENSE"), "what is not const volatile");
	tap_check(refuses(numbers, "heavy=ten", "is not a number"), "a word for a number");
	tap_check(refuses(numbers, "heavy=", "is not a number"), "an empty number");
	tap_check(refuses(numbers, "heavy=4294967296", "too large"), "too large a number");
	tap_check(refuses(numbers, "heavy=-1", "too large"), "a negative number");
	bpf_object__close(comm);
	bpf_object__close(numbers);
}

static void test_refusals(void)
{
	struct glassram_policy *policy;

	tap_check(glassram_policy_load(NULL, &policy) == GLASSRAM_ERR_INVALID, "no path");
	tap_check(glassram_policy_load("no/such.bpf.o:a=b", &policy) == GLASSRAM_ERR_POLICY &&
		  strstr(glassram_error_message(), "cannot read the policy no/such.bpf.o ("),
		  "no such file");
	if (access("/dev/glassram", F_OK)) {
		/* root gets as far as the module, others lack the capabilities */
		enum glassram_error expected = geteuid() ? GLASSRAM_ERR_PERMISSION :
							   GLASSRAM_ERR_NO_MODULE;

		tap_check(glassram_policy_load("Makefile", &policy) == expected ||
			  glassram_policy_load("Makefile", &policy) == GLASSRAM_ERR_KERNEL_TOO_OLD,
			  "no module");
	}
}

int main(int argc, char **argv)
{
	const char *build = argc > 1 ? argv[1] : "build";
	char comm[256], numbers[256];

	snprintf(comm, sizeof(comm), "%s/bpf/comm.bpf.o", build);
	snprintf(numbers, sizeof(numbers), "%s/tests/kselftest/policy_numbers.bpf.o", build);
	test_logs();
	test_variables(comm, numbers);
	test_refusals();
	return tap_end();
}
