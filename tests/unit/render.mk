# SPDX-License-Identifier: GPL-2.0-only
# render.mk: unit tests of the curve, the palette, the layout and the picture itself. They
# use the sanitized objects of view.mk. Pictures land in out/render/, to be looked at.

RENDER_TESTS	:= render_hilbert render_palette render_layout render_map render_text \
		   render_figures render_picture render_rungs

UNIT_TESTS += $(addprefix $(BUILD)/tests/unit/,$(RENDER_TESTS))

$(addprefix $(BUILD)/tests/unit/,$(RENDER_TESTS)): $(BUILD)/tests/unit/%: $(BUILD)/tests/unit/obj/tests/unit/%.o $(BUILD)/tests/unit/obj/tests/unit/render_scene.o $(BUILD)/tests/unit/glassview.a $(BUILD)/libglassram.a
	$(CC) $(CFLAGS) $(VIEW_SANITIZE) $(LDFLAGS) -o $@ $^ $(GLASSVIEW_LIBS) $(LIBGLASSRAM_LIBS)

-include $(RENDER_TESTS:%=$(BUILD)/tests/unit/obj/tests/unit/%.d) $(BUILD)/tests/unit/obj/tests/unit/render_scene.d
