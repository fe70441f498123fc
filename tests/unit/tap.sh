# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# tap.sh: TAP for tests that are scripts, here and in tests/kselftest; what tap.h is for C.
# A script sources it from the top of the project, calls check, and ends with tap_end.
tap_results=0 tap_bad=0
# A file that is shown when a check fails, if a script names one.
tap_more=''

# check NAME CMD...: one TAP line; CMD's output is shown when it fails.
check()
{
	local name=$1 output
	shift
	tap_results=$((tap_results + 1))
	if output=$("$@" 2>&1); then
		echo "ok $tap_results $name"
		return
	fi
	printf '%s\n' "$output" | sed 's/^/# /'
	[ -z "$tap_more" ] || sed 's/^/# it said: /' "$tap_more"
	echo "not ok $tap_results $name"
	tap_bad=$((tap_bad + 1))
}

# tap_end: the plan; ends the script, with failure if any check failed.
tap_end()
{
	echo "1..$tap_results"
	exit $((tap_bad > 0))
}
