# SPDX-License-Identifier: GPL-2.0-only
# What watching costs: programs that tests/bench/run starts in the lab VM. Each writes rows
# (row.h) to the file it is given. Adding NAME.c to BENCH_NAMES and to run is enough. hilbert
# needs no kernel and runs natively.

BENCH_NAMES := fault_instructions fault_time arming attach memory watching events hilbert

BENCH_PROGRAMS := $(addprefix $(BUILD)/tests/bench/,$(BENCH_NAMES))
BENCH_COMMON := $(addprefix $(BUILD)/tests/bench/,row.o writer.o bare.o) \
	$(addprefix $(BUILD)/tests/kselftest/,session.o target.o)
BENCHES += $(BENCH_PROGRAMS)

$(BUILD)/tests/bench/%.o: tests/bench/%.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -pthread -Itests/kselftest -MMD -MP -c $< -o $@

$(BENCH_PROGRAMS): %: %.o $(BENCH_COMMON) $(BUILD)/libglassram.a
	$(CC) $(CFLAGS) -pthread $^ $(LDFLAGS) $(LIBGLASSRAM_LIBS) -o $@

-include $(wildcard $(BUILD)/tests/bench/*.d)
