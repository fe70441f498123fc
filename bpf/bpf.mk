# SPDX-License-Identifier: GPL-2.0-only
# bpf.mk: each bpf/NAME.bpf.c becomes build/bpf/NAME.bpf.o; adding the file is enough.
# Debug information is stripped, but not BTF: it carries types, names and source lines.

BPF_SOURCES	:= $(sort $(wildcard bpf/*.bpf.c))
BPF_TARGETS	+= $(BPF_SOURCES:%.bpf.c=$(BUILD)/%.bpf.o)
LLVM_STRIP	?= llvm-strip

# The kernel's types for this machine lie in its multiarch folder, which clang looks for
# only when it compiles for the machine itself.
BPF_CFLAGS	= -std=gnu17 -O2 -g -Wall -Wextra -Wno-unused-parameter -target bpf -mcpu=v3 \
	-Ibpf $(addprefix -I,$(wildcard /usr/include/$(shell uname -m)-linux-gnu))

# $(1): source, $(2): object
define compile_bpf
@mkdir -p $(dir $(2))
$(CLANG) $(BPF_CFLAGS) -MMD -MP -MT $(2) -MF $(2:.o=.d) -c -o $(2) $(1)
$(LLVM_STRIP) -g $(2)
endef

$(BUILD)/bpf/%.bpf.o: bpf/%.bpf.c
	$(call compile_bpf,$<,$@)

-include $(BPF_TARGETS:.o=.d)
