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
# Those of KSELFTESTS that take long: only `check --full`, check-debug, or by name.
KSELFTESTS_LONG	:=
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
	@printf '%s\n' $(filter-out $(KSELFTESTS_LONG),$(KSELFTESTS)) >$(BUILD)/tests/usual.list

# Kbuild insists on objects beside sources: give it its own copy of them.
KOUT	= $(BUILD)/kmod-$(KVER)
KMOD_SOURCES := $(sort Kbuild $(wildcard kmod/*.[chS]) $(shell find include -name '*.h' 2>/dev/null))
module:					## glassram.ko for kernel KVER
	@kmod/buildable.sh $(KVER)
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

.PHONY: lab shell demo check check-debug dkms-test check-all bench lint
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
dkms-test:				## installation with DKMS: kernels come and go
	@tests/lab/dkms-test
check-all:				## check, every kernel in full, check-debug, dkms-test
	@tests/lab/check-all
bench:					## what watching costs: out/bench.json
	@tests/bench/run
lint:					## checkpatch, sparse, both compilers, shellcheck
	@tests/lab/check --lint

# Packages of a native build on Debian 13 or Ubuntu; the lab has a list of its own.
DEPS	:= build-essential clang llvm dwarves pkg-config libbpf-dev libelf-dev zlib1g-dev \
	liblzma-dev libdrm-dev libgbm-dev libegl-dev libgles-dev libfreetype-dev libpng-dev libjansson-dev \
	libncurses-dev fonts-dejavu-core

SUDO	= $(if $(filter 0,$(shell id -u)),,sudo )

.PHONY: install uninstall deps
deps:					## install what a native build needs (apt)
	@command -v apt-get >/dev/null || { echo "make: no apt-get here; install the equivalents of: $(DEPS)" >&2; exit 1; }
	$(SUDO)apt-get install -y --no-install-recommends $(DEPS)
	@$(SUDO)apt-get install -y --no-install-recommends linux-headers-$(KVER) || \
		echo "make: no package has the headers of kernel $(KVER): without them no module for it" >&2

PROGRAMS = $(wildcard $(BUILD)/glassview $(BUILD)/glassctl)
DKMS_SRC = $(DESTDIR)/usr/src/glassram-$(VERSION)
# With DESTDIR (packaging) nothing of the system is looked at or touched.
LIVE	= $(if $(DESTDIR),,$(1))

# First what can refuse, so that a refused installation leaves nothing behind. The module
# comes by DKMS where there is one, so that it follows kernel updates; else it is put beside
# the running kernel's.
install: installable user bpf		## install everything (as root; PREFIX, DESTDIR)
	@if [ -n "$(DESTDIR)" ] || command -v dkms >/dev/null; then \
		$(MAKE) --no-print-directory install-dkms; \
	else \
		$(MAKE) --no-print-directory install-module; \
	fi
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(PREFIX)/include/linux \
		$(DESTDIR)$(PREFIX)/include/glassram $(DESTDIR)$(PREFIX)/share/glassram/shaders \
		$(DESTDIR)$(PREFIX)/share/glassram/policies $(DESTDIR)$(UDEVDIR) $(DESTDIR)$(SYSUSERSDIR)
	install -m 755 $(PROGRAMS) $(DESTDIR)$(PREFIX)/bin/
	cp -P $(BUILD)/libglassram.a $(BUILD)/libglassram.so* $(DESTDIR)$(LIBDIR)/
	install -m 644 $(BUILD)/libglassram-preload.so $(DESTDIR)$(LIBDIR)/
	sed 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(LIBDIR)|; s|@VERSION@|$(VERSION)|' \
		user/libglassram/libglassram.pc.in >$(DESTDIR)$(LIBDIR)/pkgconfig/libglassram.pc
	install -m 644 include/uapi/linux/glassram.h $(DESTDIR)$(PREFIX)/include/linux/
	install -m 644 include/glassram/*.h shaders/hilbert.glsl $(DESTDIR)$(PREFIX)/include/glassram/
	install -m 644 $(wildcard shaders/*.glsl shaders/*.frag shaders/*.vert) $(DESTDIR)$(PREFIX)/share/glassram/shaders/
	install -m 644 $(BPF_TARGETS) $(wildcard bpf/*.h) $(DESTDIR)$(PREFIX)/share/glassram/policies/
	install -m 644 kmod/60-glassram.rules $(DESTDIR)$(UDEVDIR)/
	install -m 644 kmod/glassram.sysusers.conf $(DESTDIR)$(SYSUSERSDIR)/glassram.conf
	$(call LIVE,-ldconfig)
	$(call LIVE,getent group glassram >/dev/null || groupadd --system glassram)
	$(call LIVE,! command -v udevadm >/dev/null || udevadm control --reload || true)
	$(call LIVE,@$(BUILD)/glassctl doctor | sed -n '/^module signature  *limited/{p;n;p}')
	$(call LIVE,@echo "installed. Next: modprobe glassram; adduser YOU glassram; glassctl doctor")

.PHONY: installable install-dkms install-module
installable:
	$(call LIVE,@[ "$$(id -u)" = 0 ] || { echo "make: only root can install: sudo make install" >&2; exit 1; })
	$(call LIVE,@kmod/buildable.sh $(KVER))

install-dkms:
	rm -rf $(DKMS_SRC)
	set -e; for f in dkms.conf LICENSE $(KMOD_SOURCES); do install -D -m 644 $$f $(DKMS_SRC)/$$f; done
	install -m 755 kmod/buildable.sh $(DKMS_SRC)/kmod/
	$(call LIVE,kmod/install.sh dkms $(VERSION) $(KVER))

install-module: module
	$(MAKE) --no-print-directory -C $(KDIR) M=$(abspath $(KOUT)) INSTALL_MOD_DIR=updates modules_install
	depmod $(KVER)

# The group stays, as groups do: files may belong to it.
uninstall:				## remove what install put there
	$(call LIVE,@! grep -qs '^glassram ' /proc/modules || rmmod glassram || \
		echo "make: glassram.ko is in use and stays loaded: close its sessions and say rmmod glassram" >&2)
	$(if $(DESTDIR),rm -rf $(DKMS_SRC),kmod/install.sh remove)
	rm -rf $(DESTDIR)$(PREFIX)/share/glassram $(DESTDIR)$(PREFIX)/include/glassram
	rm -f $(DESTDIR)$(PREFIX)/include/linux/glassram.h $(DESTDIR)$(PREFIX)/bin/glassview $(DESTDIR)$(PREFIX)/bin/glassctl \
		$(DESTDIR)$(LIBDIR)/libglassram.a $(DESTDIR)$(LIBDIR)/libglassram.so* \
		$(DESTDIR)$(LIBDIR)/libglassram-preload.so $(DESTDIR)$(LIBDIR)/pkgconfig/libglassram.pc \
		$(DESTDIR)$(UDEVDIR)/60-glassram.rules $(DESTDIR)$(SYSUSERSDIR)/glassram.conf
	-@rmdir --ignore-fail-on-non-empty $(DESTDIR)$(PREFIX)/include/linux $(DESTDIR)$(LIBDIR)/pkgconfig \
		$(DESTDIR)$(SYSUSERSDIR) 2>/dev/null
	$(call LIVE,-ldconfig)
	$(call LIVE,! command -v udevadm >/dev/null || udevadm control --reload || true)

.PHONY: clean help
clean:					## remove what was built here
	rm -rf $(BUILD) out
help:					## this list
	@sed -n 's/^\([a-z-]*\):.*##/\1\t/p' Makefile | expand -t 12
