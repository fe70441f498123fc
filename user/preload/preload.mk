# SPDX-License-Identifier: GPL-2.0-only
# preload.mk: the library that programs preload to record themselves. It goes into foreign
# programs: it needs libc alone, and shows no symbol.

PRELOAD_SOURCES	:= $(sort $(wildcard user/preload/*.c))
PRELOAD_OBJECTS	:= $(PRELOAD_SOURCES:%.c=$(BUILD)/obj/%.o) $(BUILD)/obj/kmod/sampler.o

USER_TARGETS += $(BUILD)/libglassram-preload.so

$(BUILD)/obj/user/preload/%.o: user/preload/%.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -fPIC -fvisibility=hidden -MMD -MP -c -o $@ $<

$(BUILD)/libglassram-preload.so: $(PRELOAD_OBJECTS) user/preload/preload.map
	$(CC) $(CFLAGS) $(LDFLAGS) -shared -Wl,-z,defs -Wl,--version-script=user/preload/preload.map \
		-o $@ $(PRELOAD_OBJECTS)

-include $(PRELOAD_OBJECTS:.o=.d)
