# SPDX-License-Identifier: GPL-2.0-only
# glassctl.mk: the program, with libglassram linked in, so that it runs from anywhere.

GLASSCTL_SOURCES	:= $(sort $(wildcard user/glassctl/*.c))
GLASSCTL_OBJECTS	:= $(GLASSCTL_SOURCES:%.c=$(BUILD)/obj/%.o)
GLASSCTL_LIBS		:= -ljansson -lm

USER_TARGETS += $(BUILD)/glassctl

$(BUILD)/obj/user/glassctl/%.o: user/glassctl/%.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/glassctl: $(GLASSCTL_OBJECTS) $(BUILD)/libglassram.a
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(GLASSCTL_LIBS) $(LIBGLASSRAM_LIBS)

-include $(GLASSCTL_OBJECTS:.o=.d)
