# SPDX-License-Identifier: GPL-2.0-only
# view.mk: kernel tests of glassview, with their target and a comparer of pictures.

VIEW_KSELFTEST_TOOLS := $(addprefix $(BUILD)/tests/kselftest/,view_target view_compare)

KSELFTESTS += tests/kselftest/view_kms.sh tests/kselftest/view_session.sh tests/kselftest/view_shared.sh
KSELFTESTS_LONG += tests/kselftest/view_shared.sh

tests: $(VIEW_KSELFTEST_TOOLS)

$(BUILD)/tests/kselftest/view_target: tests/kselftest/view_target.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -pthread -o $@ $<

$(BUILD)/tests/kselftest/view_compare: tests/kselftest/view_compare.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -o $@ $< -lpng
