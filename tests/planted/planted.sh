#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# planted.sh: prove that the debug kernel's detectors are alive, by one mistake of each kind
# that must be reported with the name of the function that makes it. Prints TAP.
# Runs last in the VM, so that it also finds what was switched off on the way: lockdep stops
# at its first report and when its tables are full. For the same reason the only mistake of
# its kind comes before those after which it may be off.
# Weak: what DEBUG_VM and PAGE_TABLE_CHECK find cannot be planted without ending the kernel.
# shellcheck disable=SC2317 # functions are called through check
set -u
# shellcheck source=tests/unit/tap.sh
. tests/unit/tap.sh

# Long enough for kmemleak to take an object's age for real (5 s).
LEAK_AGE=6
make=/sys/module/planted/parameters/make
leaks=/sys/kernel/debug/kmemleak

# reported MISTAKE PATTERN: making it puts a line with PATTERN, and the culprit, on the console.
reported()
{
	local log culprit=planted_${1//-/_}

	dmesg -C
	echo "$1" >"$make" || return 1
	sleep 0.2
	log=$(dmesg)
	grep -qE "$2" <<<"$log" && grep -q "$culprit" <<<"$log" && return
	printf 'no line with "%s" and %s in:\n%s\n' "$2" "$culprit" "$log"
	return 1
}

leak_reported()
{
	local i

	[ -e "$leaks" ] || { echo "no $leaks"; return 1; }
	echo leak >"$make" || return 1
	for i in 1 2 3; do
		sleep "$LEAK_AGE"
		echo scan >"$leaks"
		grep -q planted_leak "$leaks" && return
	done
	echo "no leak of planted_leak after $i scans in:"
	cat "$leaks"
	return 1
}

echo 'lab: what follows is planted' >/dev/kmsg
insmod "build/planted-$(uname -r)/planted.ko" || { echo "Bail out! planted.ko does not load"; exit 1; }

check "a sleep in atomic context is reported" reported sleep-in-atomic 'BUG: sleeping function called from invalid context'
check "RCU without its read lock is reported" reported rcu 'suspicious RCU usage'
check "locks taken in both orders are reported" reported ab-ba 'possible circular locking dependency'
check "leaked memory is reported" leak_reported
check "a shift too far is reported" reported shift 'UBSAN: shift-out-of-bounds'
check "freeing an active timer is reported" reported free-of-active-timer 'ODEBUG: free active'
check "a list entry added twice is reported" reported list 'list_add (corruption|double add)'
check "a use after free is reported" reported use-after-free 'BUG: KASAN: slab-use-after-free'
check "an access out of bounds is reported" reported out-of-bounds 'BUG: KASAN: slab-out-of-bounds'
tap_end
