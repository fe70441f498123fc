# SPDX-License-Identifier: GPL-2.0-only
# Makefile: builds, installs and tests Glass RAM. Every folder with sources has a fragment
# (<folder>/<last component>.mk) that adds to the lists below; none includes another.
# The module is built by the kernel's own rules in a copy under build/, one per kernel, so
# that several kernels build from one checkout and nothing lands beside the sources.

VERSION	:= 0.1.0
BUILD	?= build
PREFIX	?= /usr/local
DESTDIR	?=
CC	?= gcc
CLANG	?= clang
CFLAGS	?= -O2 -g
override CFLAGS += -std=gnu17 -Wall -Wextra -Iinclude -Iinclude/uapi
LAB	:= tests/lab/lab

# Kernel to build the module for; needs its headers.
KVER	?= $(shell uname -r)
KDIR	= /lib/modules/$(KVER)/build

# Filled by the fragments: files to build, and programs to run.
USER_TARGETS	:=
BPF_TARGETS	:=
UNIT_TESTS	:=
KSELFTESTS	:=
# Those of KSELFTESTS that every kernel runs, not only the first row of tests/lab/kernels.
KSELFTEST_SMOKE	:=
BENCHES		:=

.DEFAULT_GOAL := all
.SUFFIXES:
.DELETE_ON_ERROR:
.SECONDARY:

include $(wildcard user/*/*.mk bpf/*.mk shaders/*.mk tests/*/*.mk)

.PHONY: all user bpf tests module module-if-possible lab-build
all: user bpf module-if-possible	## programs, policies, and the module where headers are
user: $(USER_TARGETS)			## libglassram, glassview, glassctl
bpf: $(BPF_TARGETS)			## policies
tests: $(UNIT_TESTS) $(KSELFTESTS) $(BENCHES)	## test programs, not run
	@mkdir -p $(BUILD)/tests
	@printf '%s\n' $(UNIT_TESTS) >$(BUILD)/tests/unit.list
	@printf '%s\n' $(KSELFTESTS) >$(BUILD)/tests/kselftest.list
	@printf '%s\n' $(KSELFTEST_SMOKE) >$(BUILD)/tests/smoke.list

# Kbuild insists on objects beside sources: give it its own copy of them.
KOUT	= $(BUILD)/kmod-$(KVER)
KMOD_SOURCES := $(sort Kbuild $(wildcard kmod/*.[chS]) $(shell find include -name '*.h' 2>/dev/null))
module:					## glassram.ko for kernel KVER
	@[ -d $(KDIR) ] || { echo "make: no headers of kernel $(KVER): apt install linux-headers-$(KVER)" >&2; exit 1; }
	@command -v pahole >/dev/null || { echo "make: no pahole, so the module would have no BTF: apt install dwarves" >&2; exit 1; }
	@for f in $(KMOD_SOURCES); do \
		cmp -s $$f $(KOUT)/$$f || { mkdir -p $(KOUT)/$$(dirname $$f) && cp $$f $(KOUT)/$$f; } || exit 1; \
	done
	$(MAKE) --no-print-directory -C $(KDIR) M=$(abspath $(KOUT)) $(KMAKEFLAGS) modules

module-if-possible:
	@if [ -d $(KDIR) ]; then $(MAKE) --no-print-directory module; \
	else echo "make: no headers of the running kernel $(KVER), so no module: apt install linux-headers-$(KVER)"; fi

# What the lab builds: everything, and the module for each release in KVERS.
lab-build: user bpf tests
	@$(if $(wildcard kmod/*.c),,exit 0;) for k in $(KVERS); do $(MAKE) --no-print-directory module KVER=$$k || exit 1; done

.PHONY: lab shell demo check bench lint
lab:					## make the Debian root that builds and tests
	@$(LAB) setup
shell:					## a shell in the VM with the module loaded
	@$(LAB) shell
demo:					## watch a live process in the VM: out/demo.png
	@tests/lab/demo
check:					## all tests
	@tests/lab/check
bench:					## what watching costs: out/bench.json
	@tests/bench/run
lint:					## checkpatch, sparse, both compilers, shellcheck
	@tests/lab/check --lint

.PHONY: clean help
clean:					## remove what was built here
	rm -rf $(BUILD) out
help:					## this list
	@sed -n 's/^\([a-z]*\):.*##/\1\t/p' Makefile | expand -t 12
