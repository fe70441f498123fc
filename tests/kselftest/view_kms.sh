#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# view_kms.sh: glassview on the VM's display, looked at from outside. With a frozen target
# the screen equals the picture that glassview saved, pixel by pixel; what the CPU writes
# into the counters shows without being uploaded; the display is given back. Prints TAP.
# Weak: an emulated machine with a software renderer; a GPU's own buffers are not tried.
# shellcheck disable=SC2317 # functions are called through check
set -u
view=${BUILD:-build}/glassview
tests=${BUILD:-build}/tests/kselftest
dir=$(mktemp -d)
# shellcheck source=tests/unit/tap.sh
. tests/unit/tap.sh
tap_more="$dir/messages"
viewer='' target=''

finish()
{
	[ -z "$viewer" ] || kill -KILL "$viewer" 2>/dev/null
	[ -z "$target" ] || kill -KILL "$target" 2>/dev/null
	rm -rf "$dir"
}
trap finish EXIT

# said TEXT: wait until the viewer says it, or ends.
said()
{
	for _ in $(seq 600); do
		! grep -q "$1" "$dir/messages" || return 0
		kill -0 "$viewer" 2>/dev/null || return 1
		sleep 0.2
	done
	return 1
}

figure()
{
	jq -e "$1" "$dir/a.json"
}

differ()
{
	"$tests/view_compare" "$1" "$2"
	[ $? -eq 1 ]
}

if ! [ -e /dev/dri/card0 ]; then
	echo "1..0 # SKIP this VM has no display"
	exit 0
fi
lab-screendump "$dir/before.png"
coproc TARGET { exec "$tests/view_target" threads; }
target=$TARGET_PID
read -r -u "${TARGET[0]}" _
: >"$dir/messages"

"$view" --kms --headless "$dir/a.png" --stats "$dir/a.json" "$target" 2>"$dir/messages" &
viewer=$!
check "the picture is shown on the display" said "is shown on /dev/dri/card0"
lab-screendump "$dir/early.png"
check "the screen shows it" differ "$dir/before.png" "$dir/early.png"

second()
{
	local output
	output=$("$view" --kms --synthetic --frames 1 2>&1)
	[ $? -eq 1 ] && grep -q 'DRM master' <<<"$output" && [ "$(wc -l <<<"$output")" -eq 1 ]
}
check "a second glassview is refused the display in one line" second
sleep 3
lab-screendump "$dir/later.png"
check "the picture lives" differ "$dir/early.png" "$dir/later.png"

kill -STOP "$target"
# One epoch without a writer: nothing is on its way any more.
sleep 0.5
kill -USR1 "$viewer"
check "it freezes" said frozen
lab-screendump "$dir/frozen.png"
check "the screen equals the saved picture, pixel by pixel" \
	"$tests/view_compare" "$dir/a.png" "$dir/frozen.png"
kill -CONT "$target"
sleep 1
lab-screendump "$dir/still.png"
check "a frozen picture stands while the target runs on" \
	"$tests/view_compare" "$dir/frozen.png" "$dir/still.png"

check "the counters were read without a copy" figure \
	 '.import == "view" or .import == "unpack" or .import == "external"'
check "hits came, none was lost or unexplained" figure \
	 '.hits > 400 and .lost == 0 and .unexplained == 0'
check "both threads are named" figure \
	 '[.threads[].comm] | (index("alpha") != null and index("beta") != null)'
# A picture takes up what the counters hold when it is drawn. So from the close of an epoch
# pass at most the rest of the picture before, one whole picture, and the wait between them.
check "epoch close to screen within two pictures" \
	figure '.epoch_to_screen_ms.p50 <= 2 * 1000 / .fps + 1000 / .rate_hz'
jq -c '{fps, draw_ms, epoch_to_screen_ms}' "$dir/a.json" | sed 's/^/# /'

kill -TERM "$viewer"
wait "$viewer"
check "SIGTERM ends it well" test $? -eq 0
viewer=''
# The text cursor blinks, so the same screen is not the same picture every time.
restored()
{
	for _ in $(seq 20); do
		lab-screendump "$dir/after.png"
		! "$tests/view_compare" "$dir/before.png" "$dir/after.png" || return 0
		sleep 0.15
	done
	return 1
}
check "the display shows again what it showed before" restored
check "the target lives" kill -0 "$target"
tap_end
