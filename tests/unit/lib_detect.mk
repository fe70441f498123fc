# SPDX-License-Identifier: GPL-2.0-only
# lib_detect.mk: unit tests of the detectors and of messages, under the sanitizers, with the
# library's objects of lib.mk, which is read before this; and a subscriber to the stream of glassctl.

DETECT_UNIT_TESTS := $(addprefix $(BUILD)/tests/unit/,detect_phase detect_avalanche detect_threads)
TELEMETRY_UNIT_TESTS := $(BUILD)/tests/unit/telemetry_messages

UNIT_TESTS += $(DETECT_UNIT_TESTS) $(TELEMETRY_UNIT_TESTS)

$(DETECT_UNIT_TESTS): $(BUILD)/tests/unit/sanitized/tests/unit/detect_model.o

$(DETECT_UNIT_TESTS) $(TELEMETRY_UNIT_TESTS): $(BUILD)/tests/unit/%: $(BUILD)/tests/unit/sanitized/tests/unit/%.o $(LIB_UNIT_LIBRARY)
	$(CC) $(LIB_UNIT_CFLAGS) -o $@ $^ $(LIBGLASSRAM_LIBS)

-include $(wildcard $(BUILD)/tests/unit/sanitized/tests/unit/detect_*.d $(BUILD)/tests/unit/sanitized/tests/unit/telemetry_*.d)
