#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# race_soak.sh: the test that no hit is lost while writers run, over and over: what one page
# in millions does differently shows only so. RACE_ROUNDS=50 for a soak. Prints TAP.
# Weak: each round is a session of its own; what would build up in a long one is not seen.
# shellcheck disable=SC2317 # functions are called through check
set -u
# shellcheck source=tests/unit/tap.sh
. tests/unit/tap.sh

test=running.no_page_written_after_its_arming_lacks_a_hit
rounds=$((2 * ${RACE_ROUNDS:-1}))
stores=0 judged=0 late=0 good=0
declare -A bad=()

# field NAME: the number before NAME in the test's own summary.
field()
{
	sed -nE "s/.*[: ]([0-9]+) $1.*/\1/p" <<<"$output" | head -1
}

round()
{
	local output what

	output=$(build/tests/kselftest/running -r "$test" 2>&1) && good=$((good + 1))
	stores=$((stores + $(field stores)))
	judged=$((judged + $(field 'pages judged')))
	late=$((late + $(field late)))
	for what in lost unexplained; do
		! grep -q "Expected.*\<$what\>" <<<"$output" || bad[$what]=$((${bad[$what]:-0} + 1))
	done
}

for ((i = 0; i < rounds; i++)); do
	round
done

all_good()
{
	[ "$good" -eq "$rounds" ] || { echo "$((rounds - good)) rounds failed; of these lost: ${bad[lost]:-0}, unexplained: ${bad[unexplained]:-0}"; return 1; }
}

echo "# $rounds rounds, $stores stores, $judged pages judged, $late late"
check "every round was clean" all_good
check "pages were judged in it" [ "$judged" -gt "$((rounds * 4096))" ]
tap_end
