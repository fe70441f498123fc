# SPDX-License-Identifier: GPL-2.0-only
# glassview.mk: the viewer, with libglassram linked in. It finds its shaders in the source tree.

GLASSVIEW_SOURCES	:= $(sort $(wildcard user/glassview/*.c))
GLASSVIEW_OBJECTS	:= $(GLASSVIEW_SOURCES:%.c=$(BUILD)/obj/%.o)
GLASSVIEW_CFLAGS	:= $(shell pkg-config --cflags libdrm freetype2 2>/dev/null)
GLASSVIEW_LIBS		:= -lEGL -lGLESv2 -lgbm -ldrm -lfreetype -lpng -ljansson -lncursesw -ltinfo -lm

USER_TARGETS += $(BUILD)/glassview

$(BUILD)/obj/user/glassview/%.o: user/glassview/%.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(GLASSVIEW_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/glassview: $(GLASSVIEW_OBJECTS) $(BUILD)/libglassram.a
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(GLASSVIEW_LIBS) $(LIBGLASSRAM_LIBS)

-include $(GLASSVIEW_OBJECTS:.o=.d)
