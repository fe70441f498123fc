#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# trace_session.sh: glassctl trace by a session, on a program that says what it wrote. Prints
# TAP. Where no WP_ASYNC is, a page that is new is known to be so one tick later: skipped.
set -u
BUILD=${BUILD:-build}
GLASSCTL=$BUILD/glassctl
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
# shellcheck source=tests/unit/tap.sh
. tests/unit/tap.sh

if ! "$GLASSCTL" doctor --json | jq -e 'any(.checks[]; .name == "pagemap scan" and .verdict == "ok")' >/dev/null; then
	echo "1..0 # SKIP no PAGEMAP_SCAN: pages are armed by soft-dirty bits, for all of an address space"
	exit 0
fi

recorded()
{
	"$GLASSCTL" trace --json -o "$dir/known.trace" -- "$BUILD/tests/unit/preload_target" \
		"$dir/known.log" "$dir/known.trace" >"$dir/known.json" 2>"$dir/known.err" &&
		[ ! -s "$dir/known.err" ] &&
		jq -e 'length == 1 and .[0].epochs > 50 and .[0].pages > 2000' "$dir/known.json"
}

exact()
{
	"$BUILD/tests/unit/preload" "$dir/known.log" "$dir/known.trace"
}

compressed()
{
	"$GLASSCTL" trace -o "$dir/short.trace.xz" --seconds 0.3 -- sleep 1 2>"$dir/short.err" &&
		xz -t "$dir/short.trace.xz" && grep -q 'epochs in 0\.[2-9] s' "$dir/short.err"
}

check "a session records a command from its first instruction" recorded
check "the trace holds what the command says that it wrote" exact
check "compressed, for a while" compressed
tap_end
