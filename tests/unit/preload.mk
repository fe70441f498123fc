# SPDX-License-Identifier: GPL-2.0-only
# preload.mk: the preload library on a program whose writes are known, and on real ones.

UNIT_TESTS += $(BUILD)/tests/unit/preload tests/unit/preload_programs.sh

$(BUILD)/tests/unit/preload: tests/unit/preload.c tests/unit/tap.h | $(BUILD)/tests/unit/preload_target $(BUILD)/libglassram-preload.so
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(VIEW_SANITIZE) -o $@ $<

# No sanitizer here: its runtime wants to come before what is preloaded.
$(BUILD)/tests/unit/preload_target: tests/unit/preload_target.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -pthread -o $@ $<
