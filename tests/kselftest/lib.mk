# SPDX-License-Identifier: GPL-2.0-only
# lib.mk: kernel tests of libglassram, the policies, glassctl and the documentation's client.
# Unlike the other kernel tests they go through the library.

LIB_KSELFTESTS	:= $(addprefix $(BUILD)/tests/kselftest/,lib_session lib_shared lib_errors policy_load follow_programs detect)
LIB_KSELFTEST_OBJECTS := $(addprefix $(BUILD)/tests/kselftest/,lib_target.o target.o)
LIB_KSELFTEST_POLICIES := $(addprefix $(BUILD)/tests/kselftest/,policy_broken.bpf.o policy_numbers.bpf.o)

KSELFTESTS += $(LIB_KSELFTESTS) tests/kselftest/lib_glassctl.sh
# Programs that are watched for 20 s and more each.
KSELFTESTS_LONG += $(BUILD)/tests/kselftest/detect
KSELFTESTS_SMOKE += $(BUILD)/tests/kselftest/lib_session $(BUILD)/tests/kselftest/policy_load

tests: $(LIB_KSELFTEST_POLICIES) $(BUILD)/docs/client

# A plain TEST() of the harness has a parameter that no test uses; clang minds.
$(LIB_KSELFTESTS:%=%.o): override CFLAGS += -Wno-unused-parameter

$(LIB_KSELFTESTS): %: %.o $(LIB_KSELFTEST_OBJECTS) $(BUILD)/libglassram.a
	$(CC) $(CFLAGS) -pthread -o $@ $^ $(LDFLAGS) $(LIBGLASSRAM_LIBS)

$(LIB_KSELFTEST_POLICIES): $(BUILD)/tests/kselftest/%.bpf.o: tests/kselftest/%.bpf.c
	$(call compile_bpf,$<,$@)

$(BUILD)/docs/client: docs/client.c include/uapi/linux/glassram.h
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -o $@ $<
