# SPDX-License-Identifier: GPL-2.0-only
# lib_detect.mk: unit tests of the detectors and of messages, under the sanitizers, with the
# library's objects of lib.mk, which is read before this; and a subscriber to the stream of glassctl.

DETECT_UNIT_TESTS := $(addprefix $(LIB_UNIT)/,detect_phase detect_avalanche detect_threads)
TELEMETRY_UNIT_TESTS := $(LIB_UNIT)/telemetry_messages

UNIT_TESTS += $(DETECT_UNIT_TESTS) $(TELEMETRY_UNIT_TESTS) $(LIB_UNIT)/glassctl_stream

$(DETECT_UNIT_TESTS): $(LIB_UNIT)/sanitized/tests/unit/detect_model.o

$(DETECT_UNIT_TESTS) $(TELEMETRY_UNIT_TESTS): $(LIB_UNIT)/%: $(LIB_UNIT)/sanitized/tests/unit/%.o $(LIB_UNIT_LIBRARY)
	$(CC) $(LIB_UNIT_CFLAGS) -o $@ $^ $(LIBGLASSRAM_LIBS)

$(LIB_UNIT)/glassctl_stream: $(addprefix $(LIB_UNIT)/sanitized/,tests/unit/glassctl_stream.o $(addprefix user/glassctl/,subscribers.o density.o watch.o)) $(LIB_UNIT_LIBRARY)
	$(CC) $(LIB_UNIT_CFLAGS) -pthread -o $@ $^ $(LIBGLASSRAM_LIBS)

-include $(wildcard $(LIB_UNIT)/sanitized/tests/unit/detect_*.d $(LIB_UNIT)/sanitized/tests/unit/telemetry_*.d)
