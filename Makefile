# SPDX-License-Identifier: GPL-2.0-only
# Makefile: builds, installs and tests Glass RAM. Every folder with sources has a fragment
# (<folder>/<last component>.mk) that adds to the lists below; none includes another.
# The module is built by the kernel's own rules in a copy under build/, one per kernel, so
# that several kernels build from one checkout and nothing lands beside the sources.

# One place for the version: DKMS reads it there without us.
VERSION	:= $(shell sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' dkms.conf)
BUILD	?= build
PREFIX	?= /usr/local
LIBDIR	?= $(PREFIX)/lib
UDEVDIR	?= /etc/udev/rules.d
SYSUSERSDIR ?= /etc/sysusers.d
DESTDIR	?=
ifeq ($(origin CC),default)
CC	:= gcc
endif
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
KSELFTESTS_SMOKE	:=
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
	@printf '%s\n' $(KSELFTESTS_SMOKE) >$(BUILD)/tests/smoke.list

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

# What the lab builds: everything, without a warning, and the module for each release in KVERS.
lab-build: override CFLAGS += -Werror
lab-build: user bpf tests
	@for k in $(KVERS); do $(MAKE) --no-print-directory module KVER=$$k || exit 1; done

.PHONY: lab shell demo check check-debug bench lint
lab:					## make the Debian root that builds and tests
	@$(LAB) setup
shell:					## a shell in the VM with the module loaded
	@$(LAB) shell
demo:					## watch a live process in the VM: out/demo.png
	@tests/lab/demo
check:					## all tests
	@tests/lab/check
check-debug:				## all kernel tests on the debug kernel
	@tests/lab/check-debug
bench:					## what watching costs: out/bench.json
	@tests/bench/run
lint:					## checkpatch, sparse, both compilers, shellcheck
	@tests/lab/check --lint

# Packages of a native build on Debian 13 or Ubuntu; the lab has a list of its own.
DEPS	:= build-essential clang llvm dwarves pkg-config libbpf-dev libelf-dev zlib1g-dev \
	libdrm-dev libgbm-dev libegl-dev libgles-dev libfreetype-dev libpng-dev libjansson-dev \
	libncurses-dev fonts-dejavu-core

SUDO	= $(if $(filter 0,$(shell id -u)),,sudo )

.PHONY: install uninstall deps
deps:					## install what a native build needs (apt)
	@command -v apt-get >/dev/null || { echo "make: no apt-get here; install the equivalents of: $(DEPS)" >&2; exit 1; }
	$(SUDO)apt-get install -y --no-install-recommends $(DEPS)
	@$(SUDO)apt-get install -y --no-install-recommends linux-headers-$(KVER) || \
		echo "make: no package has the headers of kernel $(KVER): without them no module for it" >&2

DKMS_SRC = $(DESTDIR)/usr/src/glassram-$(VERSION)
PROGRAMS = $(wildcard $(BUILD)/glassview $(BUILD)/glassctl)

# The module comes by DKMS where there is one, so that it follows kernel updates; else it is
# put beside the running kernel's. With DESTDIR (packaging) nothing of the system is touched.
install: user bpf			## install everything (as root; PREFIX, DESTDIR)
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(PREFIX)/include/linux \
		$(DESTDIR)$(PREFIX)/include/glassram $(DESTDIR)$(PREFIX)/share/glassram/shaders \
		$(DESTDIR)$(PREFIX)/share/glassram/policies $(DESTDIR)$(UDEVDIR) $(DESTDIR)$(SYSUSERSDIR)
	install -m 755 $(PROGRAMS) $(DESTDIR)$(PREFIX)/bin/
	cp -P $(BUILD)/libglassram.a $(BUILD)/libglassram.so* $(DESTDIR)$(LIBDIR)/
	sed 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(LIBDIR)|; s|@VERSION@|$(VERSION)|' \
		user/libglassram/libglassram.pc.in >$(DESTDIR)$(LIBDIR)/pkgconfig/libglassram.pc
	install -m 644 include/uapi/linux/glassram.h $(DESTDIR)$(PREFIX)/include/linux/
	install -m 644 include/glassram/*.h shaders/hilbert.glsl $(DESTDIR)$(PREFIX)/include/glassram/
	install -m 644 $(wildcard shaders/*.glsl shaders/*.frag shaders/*.vert) $(DESTDIR)$(PREFIX)/share/glassram/shaders/
	install -m 644 $(BPF_TARGETS) $(wildcard bpf/*.h) $(DESTDIR)$(PREFIX)/share/glassram/policies/
	install -m 644 kmod/60-glassram.rules $(DESTDIR)$(UDEVDIR)/
	install -m 644 kmod/glassram.sysusers.conf $(DESTDIR)$(SYSUSERSDIR)/glassram.conf
	$(if $(DESTDIR),,-ldconfig)
	$(if $(DESTDIR),,getent group glassram >/dev/null || groupadd --system glassram)
	$(if $(DESTDIR),,! command -v udevadm >/dev/null || udevadm control --reload || true)
	@if [ -n "$(DESTDIR)" ] || command -v dkms >/dev/null; then \
		$(MAKE) --no-print-directory install-dkms; \
	else \
		$(MAKE) --no-print-directory install-module; \
	fi
	$(if $(DESTDIR),,@echo "installed. Next: modprobe glassram; adduser YOU glassram; glassctl doctor")

.PHONY: install-dkms install-module
install-dkms:
	rm -rf $(DKMS_SRC)
	set -e; for f in dkms.conf LICENSE $(KMOD_SOURCES); do install -D -m 644 $$f $(DKMS_SRC)/$$f; done
	$(if $(DESTDIR),,-dkms remove glassram/$(VERSION) --all >/dev/null 2>&1)
	$(if $(DESTDIR),,dkms install glassram/$(VERSION) -k $(KVER))

install-module: module
	$(MAKE) --no-print-directory -C $(KDIR) M=$(abspath $(KOUT)) INSTALL_MOD_DIR=updates modules_install
	depmod $(KVER)

uninstall:				## remove what install put there
	-rmmod glassram 2>/dev/null
	-! command -v dkms >/dev/null || dkms remove glassram/$(VERSION) --all 2>/dev/null
	rm -rf $(DKMS_SRC) $(DESTDIR)$(PREFIX)/share/glassram $(DESTDIR)$(PREFIX)/include/glassram
	rm -f $(DESTDIR)$(PREFIX)/include/linux/glassram.h $(DESTDIR)$(PREFIX)/bin/glassview $(DESTDIR)$(PREFIX)/bin/glassctl \
		$(DESTDIR)$(LIBDIR)/libglassram.a $(DESTDIR)$(LIBDIR)/libglassram.so* $(DESTDIR)$(LIBDIR)/pkgconfig/libglassram.pc \
		$(DESTDIR)$(UDEVDIR)/60-glassram.rules $(DESTDIR)$(SYSUSERSDIR)/glassram.conf \
		/lib/modules/*/updates/glassram.ko*
	$(if $(DESTDIR),,-depmod $(KVER))
	$(if $(DESTDIR),,-ldconfig)

.PHONY: clean help
clean:					## remove what was built here
	rm -rf $(BUILD) out
help:					## this list
	@sed -n 's/^\([a-z]*\):.*##/\1\t/p' Makefile | expand -t 12
