# SPDX-License-Identifier: GPL-2.0-only
# trace.mk: kernel tests of tracepoints, by perf and bpftrace.

KSELFTESTS += $(BUILD)/tests/kselftest/trace

$(BUILD)/tests/kselftest/trace: %: %.o $(addprefix $(BUILD)/tests/kselftest/,session.o target.o writers.o)
	$(CC) $(CFLAGS) -pthread $^ $(LDFLAGS) -o $@
