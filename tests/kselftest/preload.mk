# SPDX-License-Identifier: GPL-2.0-only
# preload.mk: recording a trace by a session; what it records is that of the unit test.

KSELFTESTS += tests/kselftest/trace_session.sh

tests: $(BUILD)/tests/unit/preload $(BUILD)/tests/unit/preload_target
