#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# glassctl_commands.sh: glassctl without the module: its JSON, its tables, and that each
# wrong command line gets one line and status 2. Prints TAP.
set -u
GLASSCTL=${GLASSCTL:-build/tests/unit/glassctl}
# shellcheck source=tests/unit/tap.sh
. tests/unit/tap.sh
# Settings of this test, not of whoever runs it.
XDG_CONFIG_HOME=$(mktemp -d)
export XDG_CONFIG_HOME
mkdir "$XDG_CONFIG_HOME/glassram"
settings=$XDG_CONFIG_HOME/glassram/config.conf

# says STATUS TEXT ARGUMENT...: nothing on stdout, TEXT on stderr, nothing of a sanitizer.
says()
{
	local status=$1 text=$2 output rc=0
	shift 2
	output=$({ "$GLASSCTL" "$@" 2>&1 >&3 | cat; exit "${PIPESTATUS[0]}"; } 3>/dev/null) || rc=$?
	printf '%s (%d)\n' "$output" "$rc"
	[ "$rc" -eq "$status" ] && grep -qF -- "$text" <<<"$output" && [ "$(wc -l <<<"$output")" -le 2 ]
}

# A machine without the module: doctor still prints all its rows, and fails.
doctor()
{
	local rc=0
	"$GLASSCTL" doctor --json >/tmp/doctor.$$ || rc=$?
	jq -e --argjson rc "$rc" '(.ok | type) == "boolean" and .ok == ($rc == 0) and (.checks | length) >= 15
		and (.ok == all(.checks[]; (.required | not) or .verdict != "missing"))
		and all(.checks[]; (.name | length) > 0 and (.value | length) > 0
			and (.verdict | IN("ok", "limited", "missing"))
			and (.required | type) == "boolean"
			and ((.verdict == "ok") == (.cure == "")))' /tmp/doctor.$$ || { cat /tmp/doctor.$$; return 1; }
}

doctor_table()
{
	local name
	"$GLASSCTL" doctor >/tmp/doctor.table.$$
	while read -r name; do
		grep -q "^$name  *\(ok\|limited\|missing\) " /tmp/doctor.table.$$ || { echo "no row $name"; return 1; }
	done < <(jq -r '.checks[].name' /tmp/doctor.$$)
	[ "$(grep -c -- '->' /tmp/doctor.table.$$)" -eq "$(jq '[.checks[] | select(.verdict != "ok")] | length' /tmp/doctor.$$)" ]
}

no_module()
{
	[ ! -e /dev/glassram ] || return 0
	jq -e '.ok == false and any(.checks[]; .name == "module" and .verdict == "missing" and (.cure | test("modprobe")))' \
		/tmp/doctor.$$ &&
		says 1 "/dev/glassram" stats 1
}

list()
{
	"$GLASSCTL" list --json >/tmp/list.$$ || return
	jq -e --argjson shell $$ 'type == "array" and any(.[]; .pid == $shell and .comm == "glassctl_comman"
		and .rss_bytes > 0 and .threads == 1 and .watchable)
		and ([.[].rss_bytes] | . == (sort | reverse))' /tmp/list.$$
}

list_table()
{
	"$GLASSCTL" list >/tmp/list.table.$$ || return
	head -1 /tmp/list.table.$$ | grep -q '^ *PID .*NAME$' && grep -qE "^ *$$ .* glassctl_comman$" /tmp/list.table.$$
}

version()
{
	"$GLASSCTL" --version | grep -qE '^glassctl [0-9.]+$' &&
		"$GLASSCTL" --version | grep -q '^policies  *yes' &&
		"$GLASSCTL" --version --json | jq -e '.glassctl and .features.policies and .features.json and .api == 1'
}

help()
{
	local word
	"$GLASSCTL" --help >/tmp/help.$$ || return
	for word in doctor list regions threads stats config --json --seconds --rate --help --version; do
		grep -q -- "$word" /tmp/help.$$ || { echo "help does not name $word"; return 1; }
	done
}

config()
{
	printf '# mine\nlook = age\nhilbert-max = 9\n' >"$settings"
	"$GLASSCTL" --json --hilbert-max 7 config | tee /tmp/config.$$ | jq -e --arg file "$settings" '
		.files[-1] == $file and (.settings | length) >= 15
		and any(.settings[]; .name == "look" and .value == "age" and .from == $file + ":2")
		and any(.settings[]; .name == "hilbert-max" and .value == "7" and .from == "set")
		and any(.settings[]; .name == "glow" and .value == "on" and .from == "default")
		and any(.settings[]; .name == "sandbox" and (.no_effect | length) > 0)' ||
		{ cat /tmp/config.$$; return 1; }
}

config_table()
{
	"$GLASSCTL" config >/tmp/config.$$ && grep -q "^look  *age  *$settings:2 " /tmp/config.$$ &&
		grep -q '^sampling-rate  *-  .*no effect' /tmp/config.$$
}

# A file with a mistake stops what it is for, and nothing else.
config_mistake()
{
	printf '\nlook = age\nanonymize = on\n' >"$settings"
	says 2 "config.conf:3: there is no setting 'anonymize': did you mean anonymise?" stats 1 &&
		says 2 "config.conf:3:" config && "$GLASSCTL" list >/dev/null
}

full_disk()
{
	local output rc=0
	output=$("$GLASSCTL" list 2>&1 >/dev/full) || rc=$?
	echo "$output"
	[ "$rc" -eq 1 ] && grep -q 'is the disk full?' <<<"$output"
}

check "doctor --json" doctor
check "doctor says the same as a table" doctor_table
check "without the module" no_module
check "list --json" list
check "list as a table" list_table
check "--version" version
check "--help" help
check "config --json" config
check "config as a table" config_table
check "a mistake in a file" config_mistake
rm "$settings"
check "a file by name" says 2 "/no/such.conf cannot be read" --config /no/such.conf config
check "a file that nobody reads" says 2 "--config has no effect on list" --config /dev/null list
check "a setting that does nothing here" says 2 "--look has no effect on stats" --look age stats 1
check "nor there" says 2 "--anonymise has no effect on list" --anonymise on list
check "a wrong value" says 2 "--anonymise takes on or off, not 'yes'" --anonymise yes regions 1
check "what is not there yet" says 2 "--sandbox has no effect, no program" --sandbox on config
check "a full disk is an error" full_disk
check "no command" says 2 "no command: doctor, list"
check "an unknown command" says 2 'no command "frobnicate"' frobnicate
check "an unknown option" says 2 "glassctl --help" --frobnicate list
check "no PID" says 2 "stats needs a PID" stats
check "a PID that is a word" says 2 'positive number, not "init"' stats init
check "a PID of 0" says 2 'positive number, not "0"' stats 0
check "a negative PID" says 2 'positive number, not "-4"' stats -- -4
check "a PID with a tail" says 2 'not "12x"' regions 12x
check "a PID beyond int" says 2 'not "4294967297"' threads 4294967297
check "two PIDs" says 2 'too many arguments, from "2"' stats 1 2
check "an argument too many" says 2 'too many arguments, from "all"' list all
check "seconds that are none" says 2 "--seconds takes" --seconds soon stats 1
check "negative seconds" says 2 "--seconds takes" --seconds -1 stats 1
check "endless seconds" says 2 "--seconds takes" --seconds inf stats 1
check "a rate of 0" says 2 "--rate takes 1 to 1000" --rate 0 stats 1
check "too high a rate" says 2 "--rate takes 1 to 1000" --rate 1001 stats 1
rm -rf /tmp/{doctor,doctor.table,list,list.table,help,config}.$$ "$XDG_CONFIG_HOME"
tap_end
