# SPDX-License-Identifier: GPL-2.0-only
# render.mk: glassview's import of the module's own dma-buf.

RENDER_KSELFTEST	:= $(BUILD)/tests/kselftest/render_import
RENDER_KSELFTEST_OBJECTS := $(addprefix $(BUILD)/tests/kselftest/,lib_target.o target.o)

KSELFTESTS += $(RENDER_KSELFTEST)

$(RENDER_KSELFTEST).o: override CFLAGS += -Iuser/glassview -Wno-unused-parameter

RENDER_KSELFTEST_OBJECTS += $(filter-out %/main.o,$(GLASSVIEW_OBJECTS))

$(RENDER_KSELFTEST): %: %.o $(RENDER_KSELFTEST_OBJECTS) $(BUILD)/libglassram.a
	$(CC) $(CFLAGS) -pthread -o $@ $^ $(LDFLAGS) $(GLASSVIEW_LIBS) $(LIBGLASSRAM_LIBS)
