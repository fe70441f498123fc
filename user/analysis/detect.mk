# SPDX-License-Identifier: GPL-2.0-only
# detect.mk: detectors and messages, parts of libglassram. Read before libglassram.mk.

ANALYSIS_SOURCES += $(sort $(wildcard user/analysis/detect*.c user/analysis/telemetry*.c))
ANALYSIS_LIBS	 += -ljansson -lm
