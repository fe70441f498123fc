# SPDX-License-Identifier: GPL-2.0-only
# race.mk: races on purpose. Short in `make check`; RACE_ROUNDS=N makes them N times as long.

RACE_NAMES	:= race_arguments race_attach race_close race_limits race_mappings race_module race_stopped
RACE_KSELFTESTS	:= $(addprefix $(BUILD)/tests/kselftest/,$(RACE_NAMES))
RACE_OBJECTS	:= $(addprefix $(BUILD)/tests/kselftest/,race.o)

KSELFTESTS += $(RACE_KSELFTESTS)

$(RACE_KSELFTESTS): %: %.o $(RACE_OBJECTS) $(KSELFTEST_COMMON)
	$(CC) $(CFLAGS) -pthread $^ $(LDFLAGS) -o $@
