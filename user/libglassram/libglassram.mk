# SPDX-License-Identifier: GPL-2.0-only
# libglassram.mk: the shared and the static library, from one set of objects: those of this
# folder, and of user/analysis (ANALYSIS_SOURCES, ANALYSIS_LIBS of its fragments).
# The static one is position independent too, so it may go into other libraries.

LIBGLASSRAM_SONAME	:= libglassram.so.$(firstword $(subst ., ,$(VERSION)))
LIBGLASSRAM_LIBS	:= -lbpf -lpthread $(ANALYSIS_LIBS)
LIBGLASSRAM_SOURCES	:= $(sort $(wildcard user/libglassram/*.c) $(ANALYSIS_SOURCES))
LIBGLASSRAM_OBJECTS	:= $(LIBGLASSRAM_SOURCES:%.c=$(BUILD)/obj/%.o)

USER_TARGETS += $(BUILD)/libglassram.a $(BUILD)/libglassram.so

$(LIBGLASSRAM_OBJECTS): $(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -fPIC -DGLASSRAM_VERSION='"$(VERSION)"' -MMD -MP -c -o $@ $<

$(BUILD)/libglassram.a: $(LIBGLASSRAM_OBJECTS)
	rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/$(LIBGLASSRAM_SONAME): $(LIBGLASSRAM_OBJECTS) user/libglassram/glassram.map
	$(CC) $(CFLAGS) $(LDFLAGS) -shared -Wl,-soname,$(@F) -Wl,-z,defs \
		-Wl,--version-script=user/libglassram/glassram.map \
		-o $@ $(LIBGLASSRAM_OBJECTS) $(LIBGLASSRAM_LIBS)

$(BUILD)/libglassram.so: $(BUILD)/$(LIBGLASSRAM_SONAME)
	ln -sf $(<F) $@

-include $(LIBGLASSRAM_OBJECTS:.o=.d)
