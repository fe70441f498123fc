# SPDX-License-Identifier: GPL-2.0-only
# planted.mk: the module of planted mistakes, for the lab's own kernels (suite `source`) only.

PLANTED_KVERS = $(foreach k,$(KVERS),$(if $(findstring -lab-,$(k)),$(k)))

.PHONY: planted
lab-build: planted
planted:
	@for k in $(PLANTED_KVERS); do \
		dir=$(BUILD)/planted-$$k; mkdir -p $$dir || exit 1; \
		for f in Kbuild planted.c; do cmp -s tests/planted/$$f $$dir/$$f || cp tests/planted/$$f $$dir/ || exit 1; done; \
		$(MAKE) --no-print-directory -C /lib/modules/$$k/build M=$(abspath $(BUILD))/planted-$$k modules || exit 1; \
	done
