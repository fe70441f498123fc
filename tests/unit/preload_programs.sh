#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# preload_programs.sh: glassctl trace without the module, on real programs: they say and do
# what they do alone, and the trace is one that the library reads. Prints TAP.
set -u
BUILD=${BUILD:-build}
GLASSCTL=$BUILD/glassctl
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
# shellcheck source=tests/unit/tap.sh
. tests/unit/tap.sh

# trace NAME CMD...: record CMD, its output to NAME.out and NAME.err, the summary to NAME.json.
trace()
{
	local name=$1
	shift
	"$GLASSCTL" trace --preload --json -o "$dir/$name.trace.xz" -- \
		sh -c 'exec >"$0.out" 2>"$0.err" && exec "$@"' "$dir/$name" "$@" >"$dir/$name.json" || return
	# the shell, then what it becomes
	jq -c . "$dir/$name.json"
	jq -e 'length == 2' "$dir/$name.json" && mv "$dir/$name".[0-9]*.trace.xz "$dir/$name.trace.xz" &&
		xz -t "$dir/$name.trace.xz"
}

# holds NAME FILTER: what jq says of the second trace's summary.
holds()
{
	jq -e ".[1] | $2" "$dir/$1.json"
}

numbers()
{
	awk 'BEGIN { srand(5); for (i = 0; i < 200000; i++) print int(rand() * 1e9) }' >"$dir/numbers"
}

python()
{
	local program='
import time
data = [0] * 1000000
end = time.monotonic() + 0.5
while time.monotonic() < end:
    for i in range(0, 1000000, 5000):
        data[i] += 1
print(len(data))'
	trace python python3 -c "$program" && [ "$(cat "$dir/python.out")" = 1000000 ] &&
		[ ! -s "$dir/python.err" ] && holds python '.epochs >= 10 and .pages >= 1953 and .writes > .pages'
}

sorted()
{
	trace sort sort --parallel=2 -n "$dir/numbers" && sort -n "$dir/numbers" | cmp - "$dir/sort.out" &&
		[ ! -s "$dir/sort.err" ] && holds sort '.epochs >= 2 and .pages >= 500'
}

compressed()
{
	trace xz xz -6 -c "$dir/numbers" && xz -dc "$dir/xz.out" | cmp - "$dir/numbers" &&
		[ ! -s "$dir/xz.err" ] && holds xz '.epochs >= 10 and .pages >= 2000 and .writes > 2 * .pages'
}

# A session that replays: what was recorded is a trace for sample-bench.
replays()
{
	[ "$("$GLASSCTL" sample-bench --json "$dir/xz.trace.xz" | jq 'length')" -ge 1 ]
}

children()
{
	"$GLASSCTL" trace --preload --follow -o "$dir/many.trace" -- sh -c 'sleep 0.1; sleep 0.1; true' \
		>"$dir/many.out" 2>"$dir/many.err" && [ ! -s "$dir/many.out" ] &&
		[ "$(grep -c 'epochs in' "$dir/many.err")" -eq 3 ] &&
		[ "$(find "$dir" -name 'many*.trace' | wc -l)" -eq 3 ] && [ -s "$dir/many.trace" ]
}

# says STATUS TEXT ARGUMENT...: TEXT on stderr, at most three lines.
says()
{
	local status=$1 text=$2 output rc=0
	shift 2
	output=$("$GLASSCTL" trace "$@" 2>&1 >/dev/null) || rc=$?
	printf '%s (%d)\n' "$output" "$rc"
	[ "$rc" -eq "$status" ] && grep -qF -- "$text" <<<"$output" && [ "$(wc -l <<<"$output")" -le 3 ]
}

cat >"$dir/static.c" <<'PROGRAM'
int main(void)
{
	return 4;
}
PROGRAM

refuses_static()
{
	gcc -static -o "$dir/static" "$dir/static.c" &&
		says 1 "linked statically" --preload -o "$dir/static.trace" -- "$dir/static" &&
		[ ! -e "$dir/static.trace" ]
}

leaves_nothing()
{
	! find "$dir" -name '*.plain*' | grep .
}

# The library goes into foreign programs.
exports_nothing()
{
	! nm -D --defined-only "$BUILD/libglassram-preload.so" | grep -qv " A " &&
		[ "$(readelf -d "$BUILD/libglassram-preload.so" | grep -c NEEDED)" -eq 1 ]
}

check "numbers to work on" numbers
check "python3 updating a list" python
check "sort" sorted
check "xz" compressed
check "a trace goes into sample-bench" replays
check "--follow: one trace for each program" children
check "a static program is named" refuses_static
check "no command" says 2 "glassctl trace -- CMD" --preload
check "a command that there is not" says 1 "cannot start" --preload -o "$dir/none" -- /nowhere/program
check "--seconds needs the module" says 2 "--seconds" --preload --seconds 1 -o "$dir/none" -- true
check "a file that cannot be made" says 1 "/nowhere/trace" --preload -o /nowhere/trace -- true
check "no plain file is left" leaves_nothing
check "the library shows no symbol, and needs libc alone" exports_nothing
tap_end
