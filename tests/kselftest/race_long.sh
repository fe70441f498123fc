#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# race_long.sh [NAME]...: the long versions of the races, in the VM with the module loaded:
# hours on an emulated machine. Prints what each test says of itself, and how long it took.
# Weak: the numbers of rounds stand here and the rounds themselves in the tests.
set -u
status=0

# run NAME ROUNDS...: what RACE_ROUNDS multiplies, so that it comes to the number promised.
run()
{
	local name=$1 rounds=$2 program=build/tests/kselftest/$1 begun=$SECONDS

	[ -e "$program" ] || program=tests/kselftest/$name
	RACE_ROUNDS=$rounds "$program" || status=1
	echo "# $name, RACE_ROUNDS=$rounds: $((SECONDS - begun)) s"
}

[ $# -gt 0 ] || set -- race_growth race_stopped race_soak.sh race_arguments
for name; do
	case $name in
	race_growth) run "$name" 5 ;; # 1,000 rounds of attach and close
	race_stopped) run "$name" 12 ;; # a client that is stopped for 60 s
	race_soak.sh) run "$name" 25 ;; # 50 rounds
	race_arguments) run "$name" 400 ;; # a million ADVANCEs
	*) echo "race_long.sh: no long version of '$name'" >&2; exit 2 ;;
	esac
done
exit $status
