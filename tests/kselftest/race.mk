# SPDX-License-Identifier: GPL-2.0-only
# race.mk: races on purpose. RACE_ROUNDS=N makes them N times as long.

RACE_NAMES	:= race_arguments race_attach race_close race_cpu race_deferred race_events \
	race_growth race_limits race_mappings race_module race_shared race_stopped
RACE_KSELFTESTS	:= $(addprefix $(BUILD)/tests/kselftest/,$(RACE_NAMES))
RACE_OBJECTS	:= $(addprefix $(BUILD)/tests/kselftest/,race.o)

KSELFTESTS += $(RACE_KSELFTESTS) tests/kselftest/race_soak.sh
# They take minutes.
KSELFTESTS_LONG += $(RACE_KSELFTESTS) tests/kselftest/race_soak.sh $(BUILD)/tests/kselftest/race_policy

$(RACE_KSELFTESTS): %: %.o $(RACE_OBJECTS) $(KSELFTEST_COMMON)
	$(CC) $(CFLAGS) -pthread $^ $(LDFLAGS) -o $@

# Loads policies, by way of the library.
KSELFTESTS += $(BUILD)/tests/kselftest/race_policy
$(BUILD)/tests/kselftest/race_policy: %: %.o $(RACE_OBJECTS) $(KSELFTEST_COMMON) $(BUILD)/libglassram.a | $(LIB_KSELFTEST_POLICIES)
	$(CC) $(CFLAGS) -pthread -o $@ $^ $(LDFLAGS) $(LIBGLASSRAM_LIBS)
