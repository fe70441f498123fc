# SPDX-License-Identifier: GPL-2.0-only
# analysis.mk: traces, sampling, estimates and detectors, as part of libglassram. The decider
# is the module's own source, compiled once more for userspace.

ANALYSIS_SOURCES	:= $(sort $(wildcard user/analysis/*.c)) kmod/sampler.c
ANALYSIS_LIBS		:= -llzma -lm
