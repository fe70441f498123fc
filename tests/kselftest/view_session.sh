#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# view_session.sh: glassview on real targets, without a display: a command from its first
# instruction, a target that ends, policies, and who is refused. Prints TAP.
# shellcheck disable=SC2317 # functions are called through check
set -u
build=$(realpath "${BUILD:-build}")
view=$build/glassview
tests=$build/tests/kselftest
bpf=$build/bpf
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

one_line()
{
	cat "$dir/err"
	[ "$(wc -l <"$dir/err")" -eq 1 ] && grep -q "^glassview: .*$1" "$dir/err"
}

figure()
{
	cat "$dir/a.json"
	jq -e "$1" "$dir/a.json" >/dev/null
}

# as USER WORD...: glassview as somebody else, who may write to $dir.
as()
{
	local user=$1 status=0
	shift
	# The output files are this script's own.
	# shellcheck disable=SC2024
	sudo -u "$user" "$view" "$@" >"$dir/out" 2>"$dir/err" </dev/null || status=$?
	echo "status $status"
	return "$status"
}

refused()
{
	! "$@"
}

trap 'kill -KILL $target 2>/dev/null; rm -rf "$dir"' EXIT
: >"$dir/err"
chmod 777 "$dir"

# shellcheck disable=SC2086
check "a command's exit status is passed on" view 7 $small --seconds 600 -- "$tests/view_target" once
check "every page it wrote was counted, from the first" figure '.hits >= 1000 and .pages_written >= 1000'
check "it ended, and nothing was lost or unexplained" figure '.target.ended and .lost == 0 and .unexplained == 0'
check "its last picture was saved" test -s "$dir/a.png"

# shellcheck disable=SC2086
check "a target that grows inside a mapping" view 0 $small --seconds 600 -- "$tests/view_target" grow
check "grows in the picture, too" figure '.slots >= 8192 and .blocks * 1024 >= .slots'

# A terminal of its own: the command says nothing into the picture, the message comes after.
on_terminal()
{
	local status=0
	(cd "$dir" && TERM=xterm script -qec "stty rows 24 cols 80; $view --terminal -- $tests/view_target once" \
		tty </dev/null >/dev/null 2>&1) || status=$?
	echo "status $status"
	tail -c 300 "$dir/tty"
	[ "$status" -eq 7 ]
}
check "in a terminal, too" on_terminal
check "a target that ends leaves its last picture, and a line says where" \
	grep -q "ended: its last picture is in glassview-[0-9]*.png" "$dir/tty"
check "and there it is" test -s "$(echo "$dir"/glassview-*.png)"

coproc TARGET { exec "$tests/view_target" threads; }
target=$TARGET_PID
read -r -u "${TARGET[0]}" _

# shellcheck disable=SC2086
check "a policy decides what counts" view 0 $small --seconds 2 --policy "$bpf/comm.bpf.o:comm_prefix=al" "$target"
check "only threads with that prefix are counted" \
	figure '(.threads | length) == 1 and .threads[0].comm == "alpha" and .rejected > 0'
# shellcheck disable=SC2086
check "a policy that is no policy" view 1 $small --policy /etc/passwd "$target"
check "is refused in one line" one_line passwd

# shellcheck disable=SC2086
check "a policy that the verifier refuses" view 1 $small --policy "$tests/policy_broken.bpf.o" "$target"
check "is refused with its reason" one_line 'the kernel refused this policy: .'

check "a stranger may not watch root's process" refused as glass --headless "$dir/c.png" "$target"
check "and is told so in one line" one_line "$target"
check "who is not in the group may watch nothing" refused as nobody2 --headless "$dir/c.png" "$target"
check "and is told which group" one_line glassram
check "a member watches its own command" as glass --size 400x320 --headless "$dir/d.png" --frames 1 -- true
check "without the rights for a policy it watches all the same" \
	as glass --size 400x320 --headless "$dir/d.png" --frames 1 --policy "$bpf/default.bpf.o" -- true
check "and says so" grep -q 'without a policy: every write counts' "$dir/err"
check "no such process" view 1 --headless "$dir/c.png" 99999
check "is one line" one_line 99999
check "a kernel thread" view 1 --headless "$dir/c.png" 2
check "is one line" one_line 'kernel thread'

check "the target lives" kill -0 "$target"
tap_end
