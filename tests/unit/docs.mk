# SPDX-License-Identifier: GPL-2.0-only
# docs.mk: what the documents name must exist.

UNIT_TESTS += tests/unit/docs_test.sh
