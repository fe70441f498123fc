# SPDX-License-Identifier: GPL-2.0-only
# Tests that run as root in the lab VM with the module loaded, and print TAP. They speak to
# the ioctls directly; kselftest_harness.h comes from the kernel's source, by way of the lab.

KSELFTEST_HARNESS ?= /usr/src/kernel-files/tools/testing/selftests


KSELFTEST_NAMES := frozen running arguments attach tables mappings pace \
	kinds layout process threads intact hostile softdirty module programs \
	clients pause targets deferred observed budget \
	events events_process events_layout events_hit events_session fail_nth

# What the second kernel row runs: the loss tests, and one of everything else.
KSELFTESTS_SMOKE += $(addprefix $(BUILD)/tests/kselftest/,frozen running arguments layout events_layout)

KSELFTEST_PROGRAMS := $(addprefix $(BUILD)/tests/kselftest/,$(KSELFTEST_NAMES))
KSELFTEST_COMMON := $(addprefix $(BUILD)/tests/kselftest/,session.o target.o writers.o event_log.o loader.o)
KSELFTESTS += $(KSELFTEST_PROGRAMS)

# Every kind of memory by every way to write, and what the kernel does to pages meanwhile.
KSELFTEST_MATRIX := $(addprefix $(BUILD)/tests/kselftest/,matrix matrix_moves matrix_storms matrix_refused)
KSELFTESTS_LONG += $(BUILD)/tests/kselftest/matrix_storms
KSELFTEST_MATRIX_COMMON := $(addprefix $(BUILD)/tests/kselftest/matrix_,areas.o acts.o events.o cell.o tools.o guest.o ring.o)
KSELFTESTS += $(KSELFTEST_MATRIX)

$(BUILD)/tests/kselftest/%.o: tests/kselftest/%.c
	@mkdir -p $(@D)
	@[ -e $(KSELFTEST_HARNESS)/kselftest_harness.h ] || { echo "make: no kselftest_harness.h in $(KSELFTEST_HARNESS): build in the lab (tests/lab/lab build), or set KSELFTEST_HARNESS" >&2; exit 1; }
	$(CC) $(CFLAGS) -pthread -Wno-sign-compare -Itests/kselftest/harness -isystem $(KSELFTEST_HARNESS) -MMD -MP -c $< -o $@

$(KSELFTEST_PROGRAMS): %: %.o $(KSELFTEST_COMMON)
	$(CC) $(CFLAGS) -pthread $^ $(LDFLAGS) -o $@

$(BUILD)/tests/kselftest/fail_nth: $(BUILD)/tests/kselftest/fail_calls.o
$(KSELFTEST_MATRIX): %: %.o $(KSELFTEST_COMMON) $(KSELFTEST_MATRIX_COMMON)
	$(CC) $(CFLAGS) -pthread $^ $(LDFLAGS) -o $@

# Modules with a planted mistake each, for the first kernel that the lab builds for.
KSELFTESTS += tests/kselftest/mutation.sh
KSELFTEST_MUTANTS := ARM_FIRST LOSE_HITS
.PHONY: $(KSELFTEST_MUTANTS)
lab-build: $(KSELFTEST_MUTANTS)
$(KSELFTEST_MUTANTS):
	@$(if $(KVERS),$(MAKE) --no-print-directory module KVER=$(firstword $(KVERS)) \
		KOUT=$(BUILD)/mutant-$@-$(firstword $(KVERS)) GLASSRAM_CFLAGS=-DGLASSRAM_MUTATE_$@)

# What test `intact` watches; no test itself.
$(BUILD)/tests/kselftest/asan_target: tests/kselftest/asan_target.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -fsanitize=address $< $(LDFLAGS) -o $@
$(BUILD)/tests/kselftest/intact: | $(BUILD)/tests/kselftest/asan_target

-include $(wildcard $(BUILD)/tests/kselftest/*.d)
