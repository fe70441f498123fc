# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# results.sh: what `make check` and its sisters have in common: steps, the judging of TAP,
# the sum of it all, and the last line. Sourced by them, after common.sh.
# Weak: a part is believed its last line, so all parts must end with finish.
steps=0 at=0 passed=0 failed=0 skipped=0
# Test programs asked for by name; none: all.
names=()

# step TEXT: the next of $steps steps.
step()
{
	at=$((at + 1))
	printf '[%d/%d] %s\n' "$at" "$steps" "$1"
}

# listed LIST: the programs of a list made by the build, narrowed to the names asked for ($names).
listed()
{
	local program name

	while read -r program; do
		[ -n "$program" ] || continue
		[ ${#names[@]} -gt 0 ] || { printf '%s\n' "$program"; continue; }
		for name in "${names[@]}"; do
			[ "${program##*/}" != "$name" ] || printf '%s\n' "$program"
		done
	done <"$TREE/src/build/tests/$1.list"
}

# judge DIR PROGRAM...: count what each program's TAP says; show failures with output.
judge()
{
	local dir=$1 program name verdict p f s

	shift
	for program in "$@"; do
		name=${program##*/}
		[ -e "$dir/$name.tap" ] || : >"$dir/$name.tap"
		verdict=$(awk -v name="$name" -v rc="$(cat "$dir/$name.rc" 2>/dev/null)" -f "$LAB_DIR/tap.awk" "$dir/$name.tap")
		read -r p f s < <(sed -n 's/^= //p' <<<"$verdict")
		passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
		grep -v '^= ' <<<"$verdict"
		if [ "$f" -gt 0 ]; then
			printf -- '--- %s ---\n' "$dir/$name.tap"
			tail -n 60 "$dir/$name.tap"
			printf -- '---\n'
		fi
	done
}

fail()
{
	printf 'FAIL %s\n' "$1"
	failed=$((failed + 1))
}

# The last command of a pipe runs in this shell, so that it can leave what it read.
shopt -s lastpipe

# part NAME CMD...: run another program that ends with finish, and add what it counted.
# One that fails without saying what, or ends without its line, is itself a failure.
part()
{
	local name=$1 line last='' rc p f s
	shift
	printf '=== %s\n' "$name"
	"$@" | while IFS= read -r line; do
		printf '%s\n' "$line"
		last=$line
	done
	rc=${PIPESTATUS[0]}
	if [[ $last =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed,\ ([0-9]+)\ skipped$ ]]; then
		p=${BASH_REMATCH[1]} f=${BASH_REMATCH[2]} s=${BASH_REMATCH[3]}
		passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
		[ "$rc" -eq 0 ] || [ "$f" -gt 0 ] || fail "$name: exit status $rc"
	else
		fail "$name: ended without its verdict (exit status $rc)"
	fi
}

# finish: the verdict. Nothing passed is no success.
finish()
{
	printf '%d passed, %d failed, %d skipped\n' $passed $failed $skipped
	[ $failed -eq 0 ] && [ $passed -gt 0 ]
	exit
}
