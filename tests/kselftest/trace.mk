# SPDX-License-Identifier: GPL-2.0-only
# trace.mk: kernel tests of what others read: tracepoints (by perf and bpftrace) and functions
# for BPF programs.

TRACE_KSELFTESTS := $(addprefix $(BUILD)/tests/kselftest/,trace kfunc)
KSELFTESTS_LONG += $(BUILD)/tests/kselftest/trace
TRACE_KSELFTEST_PROGRAMS := $(addprefix $(BUILD)/tests/kselftest/,kfunc_read.bpf.o kfunc_foreign.bpf.o)

KSELFTESTS += $(TRACE_KSELFTESTS)
KSELFTESTS_SMOKE += $(BUILD)/tests/kselftest/kfunc

tests: $(TRACE_KSELFTEST_PROGRAMS)

$(BUILD)/tests/kselftest/trace: %: %.o $(addprefix $(BUILD)/tests/kselftest/,session.o target.o writers.o)
	$(CC) $(CFLAGS) -pthread $^ $(LDFLAGS) -o $@

$(BUILD)/tests/kselftest/kfunc: %: %.o $(addprefix $(BUILD)/tests/kselftest/,lib_target.o target.o) $(BUILD)/libglassram.a
	$(CC) $(CFLAGS) -pthread -o $@ $^ $(LDFLAGS) $(LIBGLASSRAM_LIBS)

$(TRACE_KSELFTEST_PROGRAMS): $(BUILD)/tests/kselftest/%.bpf.o: tests/kselftest/%.bpf.c
	$(call compile_bpf,$<,$@)
