#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# mutation.sh: prove that test `running` can fail. It runs against a module that arms before
# it opens the epoch (GLASSRAM_MUTATE_ARM_FIRST), which loses hits; the test must say so.
# Weak: one mutation, the one that is easiest to make by mistake.
mutant=build/mutant-$(uname -r)/glassram.ko
case=running.no_page_written_after_its_arming_lacks_a_hit

echo "TAP version 13"
echo "1..1"
if [ ! -e "$mutant" ]; then
	echo "# no $mutant: build in the lab (tests/lab/lab build)"
	echo "not ok 1 a module that arms first is caught"
	exit 1
fi

# unload: clean-up may go on for a moment after the last close.
unload()
{
	for _ in $(seq 50); do
		grep -q '^glassram ' /proc/modules || return 0
		rmmod glassram 2>/dev/null || sleep 0.1
	done
	return 1
}

if ! unload || ! insmod "$mutant"; then
	echo "not ok 1 a module that arms first is caught # the mutant does not load"
	exit 1
fi
output=$(build/tests/kselftest/running -r $case 2>&1)
late=$(sed -n 's/.*Expected .* >= v->late (\([0-9]*\)).*/\1/p' <<<"$output")
unload
if [ "${late:-0}" -gt 0 ]; then
	echo "# $late pages written after their arming had no hit in their epoch"
	echo "ok 1 a module that arms first is caught"
else
	printf '# %s\n' "${output//$'\n'/$'\n'# }"
	echo "not ok 1 a module that arms first is caught"
	exit 1
fi
