# SPDX-License-Identifier: GPL-2.0-only
# lib.mk: unit tests of libglassram and glassctl, under the address and undefined behaviour
# sanitizers; the two shell tests look at what is built and installed.

LIB_UNIT	:= $(BUILD)/tests/unit
LIB_UNIT_TESTS	:= $(addprefix $(LIB_UNIT)/,lib_messages lib_tables lib_process lib_policy lib_events \
	lib_hilbert lib_config)
LIB_UNIT_CFLAGS	= $(CFLAGS) -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined \
	-fno-omit-frame-pointer -DGLASSRAM_VERSION='"$(VERSION)"'
LIB_UNIT_LIBRARY := $(LIBGLASSRAM_SOURCES:%.c=$(LIB_UNIT)/sanitized/%.o)
LIB_UNIT_GLASSCTL := $(GLASSCTL_SOURCES:%.c=$(LIB_UNIT)/sanitized/%.o)

UNIT_TESTS += $(LIB_UNIT_TESTS) $(LIB_UNIT)/glassctl_output \
	tests/unit/lib_link.sh tests/unit/glassctl_commands.sh tests/unit/glassctl_signature.sh

# What the tests look at besides themselves.
tests: $(LIB_UNIT)/glassctl $(BUILD)/libglassram.a $(BUILD)/libglassram.so \
	$(BUILD)/bpf/comm.bpf.o $(BUILD)/tests/kselftest/policy_numbers.bpf.o

$(LIB_UNIT)/sanitized/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(LIB_UNIT_CFLAGS) -MMD -MP -c -o $@ $<

$(LIB_UNIT_TESTS): $(LIB_UNIT)/%: $(LIB_UNIT)/sanitized/tests/unit/%.o $(LIB_UNIT_LIBRARY)
	$(CC) $(LIB_UNIT_CFLAGS) -o $@ $^ $(LIBGLASSRAM_LIBS)

$(LIB_UNIT)/glassctl_output: $(addprefix $(LIB_UNIT)/sanitized/,tests/unit/glassctl_output.o user/glassctl/output.o user/glassctl/shown.o)
	$(CC) $(LIB_UNIT_CFLAGS) -o $@ $^ $(GLASSCTL_LIBS)

$(LIB_UNIT)/glassctl: $(LIB_UNIT_GLASSCTL) $(LIB_UNIT_LIBRARY)
	$(CC) $(LIB_UNIT_CFLAGS) -o $@ $^ $(GLASSCTL_LIBS) $(LIBGLASSRAM_LIBS)

-include $(LIB_UNIT_LIBRARY:.o=.d) $(LIB_UNIT_GLASSCTL:.o=.d) \
	$(wildcard $(LIB_UNIT)/sanitized/tests/unit/lib_*.d $(LIB_UNIT)/sanitized/tests/unit/glassctl_*.d)
