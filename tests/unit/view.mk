# SPDX-License-Identifier: GPL-2.0-only
# view.mk: unit tests of glassview's sinks, options, picker and start of commands. All of
# glassview but main.c is built once more with sanitizers, and linked into each test.

VIEW_TESTS	:= view_options view_cells view_png view_launch view_stats view_picker
VIEW_SANITIZE	:= -fsanitize=address,undefined -fno-omit-frame-pointer
VIEW_OBJECTS	:= $(patsubst %.c,$(BUILD)/tests/unit/obj/%.o,$(filter-out user/glassview/main.c,$(GLASSVIEW_SOURCES)))

UNIT_TESTS += $(addprefix $(BUILD)/tests/unit/,$(VIEW_TESTS)) tests/unit/view_program

$(BUILD)/tests/unit/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(VIEW_SANITIZE) $(GLASSVIEW_CFLAGS) -Itests/unit -Iuser/glassview -MMD -MP -c -o $@ $<

$(BUILD)/tests/unit/glassview.a: $(VIEW_OBJECTS)
	rm -f $@
	$(AR) rcs $@ $^

$(addprefix $(BUILD)/tests/unit/,$(VIEW_TESTS)): $(BUILD)/tests/unit/%: $(BUILD)/tests/unit/obj/tests/unit/%.o $(BUILD)/tests/unit/glassview.a $(BUILD)/libglassram.a
	$(CC) $(CFLAGS) $(VIEW_SANITIZE) $(LDFLAGS) -o $@ $^ $(GLASSVIEW_LIBS) $(LIBGLASSRAM_LIBS)

-include $(VIEW_OBJECTS:.o=.d) $(VIEW_TESTS:%=$(BUILD)/tests/unit/obj/tests/unit/%.d)
