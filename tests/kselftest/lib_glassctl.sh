#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# lib_glassctl.sh: glassctl, and the client of the documentation, against a live python3.
# Prints TAP. Weak: the threads' names are those that python3 gives them by itself.
set -u
GLASSCTL=${GLASSCTL:-build/glassctl}
CLIENT=${CLIENT:-build/docs/client}
# A second for glassctl to do something in: more of them on a kernel that is slow.
second=${TEST_SLOWNESS:-1}
# shellcheck source=tests/unit/tap.sh
. tests/unit/tap.sh

# says TEXT STATUS CMD...: CMD ends with STATUS and says TEXT in one line on stderr.
says()
{
	local text=$1 status=$2 output rc=0
	shift 2
	output=$("$@" 2>&1 >/dev/null) || rc=$?
	printf '%s (%d)\n' "$output" "$rc"
	[ "$rc" -eq "$status" ] && [ "$(wc -l <<<"$output")" -eq 1 ] && grep -qF -- "$text" <<<"$output"
}

target()
{
	exec python3 -c '
import os, threading, time
area = bytearray(64 * 4096)
def write():
    while True:
        for page in range(0, len(area), 4096):
            area[page] = (area[page] + 1) & 255
        time.sleep(0.01)
threading.Thread(target=write, daemon=True).start()
print("ready", flush=True)
time.sleep(1000)'
}

coproc TARGET { target; }
read -r -u "${TARGET[0]}" _
pid=$TARGET_PID
# Without PAGEMAP_SCAN pages are armed by soft-dirty bits: more mappings, less else.
soft=$(if "$GLASSCTL" doctor --json | jq -e 'any(.checks[]; .name == "pagemap scan" and .verdict == "ok")' >/dev/null; then echo false; else echo true; fi)

regions()
{
	"$GLASSCTL" --json --seconds "$second" regions "$pid" >/tmp/regions.json || return
	jq -e --argjson pid "$pid" --argjson soft "$soft" '.pid == $pid
		and ([.regions[].hits] | add) > 64
		and ([.regions[].written_pages] | add) >= 64
		and all(.regions[]; .start < .end and .written_pages <= .pages)
		and any(.regions[]; .name == "[heap]" and .watched)
		and any(.regions[]; .name == "[vdso]" and .watched == $soft and (.watched or .refusal != ""))' \
		/tmp/regions.json || { cat /tmp/regions.json; return 1; }
}

# The same mappings in the same order, and not one real address.
anonymised()
{
	"$GLASSCTL" --json --seconds 0.2 --anonymise on regions "$pid" >/tmp/anonymised.json || return
	jq -e --slurpfile real /tmp/regions.json '
		([.regions[] | .end - .start] == [$real[0].regions[] | .end - .start])
		and ([.regions[].start] as $shown | all($real[0].regions[]; .start as $start
			| $shown | index($start) | not))
		and ([.regions[].name] == [$real[0].regions[].name])' /tmp/anonymised.json ||
		{ cat /tmp/anonymised.json; return 1; }
}

threads()
{
	"$GLASSCTL" --json --seconds "$second" threads "$pid" >/tmp/threads.json || return
	jq -e --argjson pid "$pid" '.overflow == 0 and any(.threads[];
		.tgid == $pid and .tid != $pid and .hits > 64 and (.comm | length) > 0)' /tmp/threads.json ||
		{ cat /tmp/threads.json; return 1; }
}

stats()
{
	"$GLASSCTL" --json --seconds "$second" --rate 20 stats "$pid" >/tmp/stats.json || return
	jq -e '.state == "live" and .hits > 64 and .lost == 0 and .unexplained == 0
		and .epoch >= 10 and .pages > 100 and .regions > 10' /tmp/stats.json ||
		{ cat /tmp/stats.json; return 1; }
}

# Without --json the same commands print a table with a heading.
tables()
{
	"$GLASSCTL" --seconds 0.2 regions "$pid" | head -1 | grep -q '^TARGET  ADDRESS .*HITS' &&
		"$GLASSCTL" --seconds 0.2 threads "$pid" | grep -q "[0-9]  " &&
		"$GLASSCTL" --seconds 0.2 stats "$pid" | grep -q '^unexplained  *0 '
}

# Ctrl-C prints what there is, at once.
interrupted()
{
	local child output=/tmp/interrupted.json
	"$GLASSCTL" --json --seconds 300 stats "$pid" >"$output" &
	child=$!
	sleep "$second"
	kill -TERM "$child"
	wait "$child" && jq -e '.state == "live" and .epoch >= 2' "$output"
}

# joined WORD...: a second glassctl joins the first one's session, and says so in one line.
joined()
{
	local first status=0
	"$GLASSCTL" --seconds 300 stats "$pid" >/dev/null &
	first=$!
	sleep "$second"
	"$GLASSCTL" --json --seconds "$((second - 1)).5" "$1" "$pid" >/tmp/joined.json 2>/tmp/joined.err || status=1
	cat /tmp/joined.json /tmp/joined.err
	jq -e "$2" /tmp/joined.json && [ "$(wc -l </tmp/joined.err)" -eq 1 ] &&
		grep -q "is watched by another client already" /tmp/joined.err || status=1
	kill -TERM "$first"
	wait "$first" || status=1
	return "$status"
}

# heir: the second client ticks on when the first one leaves.
heir()
{
	local first second_client before
	"$GLASSCTL" --json --seconds $((2 * second)) stats "$pid" >/tmp/first.json &
	first=$!
	sleep "$second"
	"$GLASSCTL" --json --seconds $((5 * second)) stats "$pid" >/tmp/heir.json 2>/dev/null &
	second_client=$!
	wait "$first" && before=$(jq .epoch /tmp/first.json) && wait "$second_client" && cat /tmp/heir.json &&
		jq -e --argjson before "$before" '.joined and .clients == 1 and .epoch > $before + 15
			and .state == "live"' /tmp/heir.json
}

targets()
{
	"$GLASSCTL" --json --seconds 0.2 targets "$pid" >/tmp/targets.json || return
	jq -e --argjson pid "$pid" '(.joined | not) and (.targets | length) == 1
		and .targets[0].pid == $pid and .targets[0].state == "live"
		and .targets[0].regions > 10 and .targets[0].comm == "python3"' /tmp/targets.json ||
		{ cat /tmp/targets.json; return 1; }
}

# A shell that starts /bin/sleep three times, then a busy child, and ends.
family()
{
	# shellcheck disable=SC2016 # for the shell that is watched
	sh -c 'sleep $0; sleep 0.1; sleep 0.1; (i=0; while [ $i -lt 40000 ]; do i=$((i + 1)); done); exit 5' $((2 * second)) &
}

events()
{
	local shell
	family
	shell=$!
	"$GLASSCTL" --follow --json events "$shell" >/tmp/events.json || return
	wait "$shell"
	[ $? -eq 5 ] || return
	jq -es --argjson pid "$shell" '
		([.[] | select(.event == "fork" and .pid == $pid)] | length) >= 3
		and ([.[] | select(.event == "exec")] | length) >= 2
		and ([.[] | select(.event == "exit")] | length) >= 4
		and any(.[]; .event == "exit" and .pid == $pid and .text == "status 5")
		and any(.[]; .event == "target")
		and all(.[]; .event != "hit" and .event != "map")
		and ([.[].time_ns] == ([.[].time_ns] | sort))' /tmp/events.json ||
		{ cat /tmp/events.json; return 1; }
}

event_lines()
{
	family
	"$GLASSCTL" --follow --mask exit events $! >/tmp/events.txt || return
	cat /tmp/events.txt
	head -1 /tmp/events.txt | grep -q 'TIME .*EVENT' &&
		grep -qE "^ *[0-9]+\.[0-9]{6}.* $! +[0-9]+ +exit +status 5$" /tmp/events.txt &&
		! grep -q fork /tmp/events.txt
}

hits()
{
	"$GLASSCTL" --json --seconds "$second" --mask hit events "$pid" >/tmp/hits.json || return
	jq -es --argjson pid "$pid" 'length > 64 and all(.[]; .event == "hit" and .target == 0)
		and ([.[] | select(.pid == $pid)] | length) > 64
		and ([.[].address] | unique | length) >= 64' /tmp/hits.json >/dev/null ||
		{ head -5 /tmp/hits.json; return 1; }
}

doctor()
{
	"$GLASSCTL" doctor --json >/tmp/doctor.json || { cat /tmp/doctor.json; return 1; }
	jq -e --argjson soft "$soft" '.ok and all(.checks[] | select(.required); .verdict == "ok" or ($soft and .verdict == "limited"))
		and any(.checks[]; .name == "policies" and .verdict == if $soft then "limited" else "ok" end)' /tmp/doctor.json
}

as_member()
{
	setpriv --reuid=glass --regid=glass --init-groups \
		bash -c 'sleep 100 & "$1" --json -s 0 stats $!; status=$?; kill $!; exit $status' _ "$GLASSCTL"
}

as_user()
{
	local user=$1
	shift
	setpriv --reuid="$user" --regid="$user" --init-groups "$@"
}

client()
{
	"$CLIENT" "$pid" >/tmp/client || { cat /tmp/client; return 1; }
	cat /tmp/client
	[[ $(cat /tmp/client) =~ ^epoch\ ([0-9]+):\ ([0-9]+)\ pages\ written$ ]] &&
		[ "${BASH_REMATCH[2]}" -ge 64 ]
}

ended()
{
	sleep 1000 &
	local victim=$!
	{ sleep "$second"; kill -KILL "$victim"; } &
	"$GLASSCTL" --json --seconds 60 stats "$victim" >/tmp/ended.json 2>/tmp/ended.err
	local status=$?
	wait
	cat /tmp/ended.json /tmp/ended.err
	[ "$status" -eq 0 ] && grep -q 'ended while it was watched' /tmp/ended.err &&
		jq -e '.state == "ended"' /tmp/ended.json
}

check "regions, as JSON" regions
check "regions, anonymised" anonymised
check "threads, as JSON" threads
check "stats, as JSON" stats
check "tables" tables
check "a signal prints what there is" interrupted
check "targets, as JSON" targets
check "a second client joins: stats" joined stats '.joined and .clients == 2 and .hits > 64'
check "a second client joins: regions" joined regions '.joined and ([.regions[].hits] | add) > 64'
check "a second client joins: threads" joined threads '.joined and (.threads | length) > 0'
check "and ticks on when the first one leaves" heir
check "events of a family, as JSON lines, until it ends" events
check "events as lines" event_lines
check "single faults" hits
check "no such event" says 'no type of event "forks"' 1 "$GLASSCTL" --mask forks events "$pid"
check "doctor finds nothing missing here" doctor
check "a member of the group watches its own process" as_member
check "and not root's" says "belongs to root (uid 0)" 1 as_user glass "$GLASSCTL" stats "$pid"
check "who is in no group is told how to join" says "usermod -aG glassram nobody2" 1 \
	as_user nobody2 "$GLASSCTL" stats "$pid"
check "a kernel thread is refused" says "is a kernel thread" 1 "$GLASSCTL" stats 2
check "no such process" says "there is no process 4194303" 1 "$GLASSCTL" stats 4194303
check "a target that ends is told" ended
check "the client of the documentation counts pages" client
check "and has at most 40 lines" test "$(wc -l <docs/client.c)" -le 40
kill "$pid"
tap_end
