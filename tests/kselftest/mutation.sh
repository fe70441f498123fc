#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# mutation.sh: prove that the tests of loss can fail. Each runs against a module with one
# planted mistake (GLASSRAM_MUTATE_*) and must say what the mistake does. Prints TAP.
# Weak: two mutations, those that are easiest to make by mistake.
# shellcheck disable=SC2317 # functions are called through check
set -u
# shellcheck source=tests/unit/tap.sh
. tests/unit/tap.sh

# unload: clean-up may go on for a moment after the last close.
unload()
{
	for _ in $(seq 50); do
		grep -q '^glassram ' /proc/modules || return 0
		rmmod glassram 2>/dev/null || sleep 0.1
	done
	return 1
}

# caught MUTANT TEST CASE FIGURE: the case fails on the mutant, with this figure above 0.
caught()
{
	local mutant output figure

	mutant=build/mutant-$1-$(uname -r)/glassram.ko
	[ -e "$mutant" ] || { echo "no $mutant: build in the lab (tests/lab/lab build)"; return 1; }
	if ! unload || ! insmod "$mutant"; then
		echo "the mutant does not load"
		return 1
	fi
	output=$("build/tests/kselftest/$2" -r "$2.$3" 2>&1)
	figure=$(sed -nE "s/.*Expected .*$4 \(([0-9]+)\).*/\1/p" <<<"$output" | head -1)
	unload
	printf '%s\n' "$output"
	[ "${figure:-0}" -gt 0 ]
}

# The lab builds mutants for the first kernel of those it builds for.
if [ ! -e "build/mutant-ARM_FIRST-$(uname -r)" ] && ls -d build/mutant-ARM_FIRST-* >/dev/null 2>&1; then
	echo "1..0 # SKIP the mutants are built for another kernel"
	exit
fi
check "a module that arms first is caught" caught ARM_FIRST \
	running no_page_written_after_its_arming_lacks_a_hit 'v->late'
check "a module that loses hits is caught, by its own self-check too" caught LOSE_HITS \
	frozen anonymous.hits_are_exactly_the_written_pages 'stats.unexplained'
tap_end
