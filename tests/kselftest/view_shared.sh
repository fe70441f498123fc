#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# view_shared.sh: glassview beside another client, its keys, and following what a command
# starts; without a display. Prints TAP.
# Weak: keys are typed after a time that an emulated machine surely needs, not when it is ready.
# shellcheck disable=SC2317 # functions are called through check
set -u
build=$(realpath "${BUILD:-build}")
view=$build/glassview
tests=$build/tests/kselftest
dir=$(mktemp -d)
# shellcheck source=tests/unit/tap.sh
. tests/unit/tap.sh
tap_more="$dir/err"
target=''
# Small pictures: an emulated machine draws slowly.
small="--size 400x320 --headless $dir/a.png --stats $dir/a.json"

# view STATUS WORD...: true if it ends with that status.
view()
{
	local want=$1 status=0
	shift
	"$view" "$@" >"$dir/out" 2>"$dir/err" </dev/null || status=$?
	echo "status $status"
	[ "$status" -eq "$want" ]
}

# one_line TEXT: of what glassview said, exactly one line has that.
one_line()
{
	cat "$dir/err"
	[ "$(grep -c "^glassview: .*$1" "$dir/err")" -eq 1 ]
}

figure()
{
	cat "$dir/a.json"
	jq -e "$1" "$dir/a.json" >/dev/null
}

trap 'kill -KILL $target 2>/dev/null; rm -rf "$dir"' EXIT
: >"$dir/err"

coproc TARGET { exec "$tests/view_target" threads; }
target=$TARGET_PID
read -r -u "${TARGET[0]}" _

# holds_session PID: wait until that glassview has its session.
holds_session()
{
	for _ in $(seq 100); do
		[ -z "$(find "/proc/$1/fd" -lname '*glassram*' 2>/dev/null)" ] || return 0
		sleep 0.2
	done
	return 1
}

"$view" --headless "$dir/b.png" --seconds 600 "$target" 2>"$dir/first" &
first=$!
holds_session $first
# shellcheck disable=SC2086
check "a second client of the same target joins" view 0 $small --seconds 2 "$target"
check "says so in one line" one_line 'watched by another client already'
check "and reads the same session" figure '(.owner | not) and .clients == 2 and .hits > 0'
# shellcheck disable=SC2086
"$view" $small --seconds 6 "$target" 2>"$dir/err" </dev/null &
second=$!
holds_session $second
kill -TERM $first
wait $first
wait $second
check "it goes on when the first one leaves" figure '.owner and .clients == 1 and .epochs > 10'

# keys TEXT SECONDS...: glassview on a terminal of its own; each letter of TEXT is typed after
# so many seconds. What it drew is in $dir/tty.
keys()
{
	local text=$1 i=0
	shift
	for pause in "$@"; do
		sleep "$pause"
		printf '%s' "${text:i:1}"
		i=$((i + 1))
	done | TERM=xterm script -qec "stty rows 24 cols 100; $view --terminal --stats $dir/a.json $target" \
		"$dir/tty" >/dev/null 2>&1
	tail -c 300 "$dir/tty"
}
check "p stops counting, q ends" keys pq 6 6
check "PAUSED is in the title" grep -q PAUSED "$dir/tty"
check "nothing went wrong in it" figure '.owner and .lost == 0 and .unexplained == 0'
check "z sets all to zero" keys zq 15 3
check "what was counted before is gone" figure '.hits < 0.8 * .hits_per_s * .seconds'
check "the target was not hurt" kill -0 "$target"

# shellcheck disable=SC2086,SC2016
check "a command and what it starts" view 3 $small --seconds 600 --follow -- \
	sh -c "$tests/view_target once & $tests/view_target once; wait; exit 3"
check "all are targets, and their pages counted" figure '.hits >= 2000 and .lost == 0 and
	.unexplained == 0 and .forks == 2 and .exits == 3 and .follow.added >= 2 and .follow.missed == 0'
check "none ran for 50 ms before it was watched" figure '.follow.late_run_ms_max <= 50'
check "the picture was saved" test -s "$dir/a.png"
tap_end
