#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# docs_test.sh: what the documents name exists: tests, files, links, make targets, options;
# and what the ioctl header has is documented. Prints TAP; runs anywhere in a checkout.
# Each check is then run on a copy with one planted fault, which it must find.
# Weak: it finds words, not sense. That a test shows what docs/seeds.md says is for readers.
set -uo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.." || exit 1
results=0

# Each check prints what is wrong, one line each, and nothing when all is well.
# They work on the checkout they are started in.

# references: every `tests/FILE` or `tests/FILE:NAME` of the documents, without the ticks.
references()
{
	grep -ohE '`tests/[^`]+`' README.md docs/*.md | tr -d '`' | sort -u
}

# has_test FILE NAME: NAME is a test of FILE: a kselftest, or the title of a TAP line.
has_test()
{
	grep -qE "^(TEST|TEST_F|TEST_F_TIMEOUT|TEST_TIMEOUT|TEST_SIGNAL)\((\w+, *)?$2[,)]" "$1" ||
		grep -qF -- "\"$2" "$1" || grep -qE "(^|[[:space:]])'$2" "$1"
}

# lists: where tests are listed to be run.
lists()
{
	cat Makefile tests/*/*.mk tests/lab/check tests/lab/check-all tests/lab/dkms-test tests/bench/run
}

check_tests()
{
	local reference file name stem listed

	listed=$(lists)
	while IFS= read -r reference; do
		file=${reference%%:*}
		# Patterns, and names that stand for any name.
		[[ $file != *[*\ ]* && $file != *NAME* ]] || continue
		[ -e "$file" ] || { echo "$file: no such file"; continue; }
		name=${reference#"$file"}
		[ -z "$name" ] || has_test "$file" "${name#:}" || echo "$file has no test '${name#:}'"
		# What shows a criterion must be run; elsewhere a file may be named in passing.
		[ -n "$name" ] || grep -qF -- "\`$file\`" docs/seeds.md || continue
		stem=${file##*/}
		[[ $listed =~ (^|[^a-zA-Z0-9_])${stem%%.*}([^a-zA-Z0-9_]|$) ]] ||
			echo "$file is in no list of tests"
	done < <(references)
}

# rows: the criteria of docs/seeds.md: number, verdict, rest, separated by tabs.
rows()
{
	sed -nE 's/^\| *([A-Z]+[0-9.]+[a-z]?) *\|[^|]*\| *(shown|deviation|later)\b([^|]*)\|$/\1\t\2\t\3/p' docs/seeds.md
}

# kinds: the kinds of later work that the page defines.
kinds()
{
	grep -E '^- \*\*later\*\*' docs/seeds.md | grep -oE '(^|[^*])\*[a-z]+\*' | tr -cd 'a-z\n'
}

check_seeds()
{
	local number verdict rest kind known

	# Anything that looks like a criterion must parse as one.
	grep -nE '^\| *[A-Z]+[0-9]' docs/seeds.md |
		grep -vE '^[0-9]+:\| *[A-Z]+[0-9.]+[a-z]? *\|[^|]*\| *(shown|deviation|later)\b[^|]*\|$' |
		sed 's/^/docs\/seeds.md: not a criterion with shown, deviation or later: /'
	rows | cut -f 1 | sort | uniq -d | sed 's/^/docs\/seeds.md: two criteria have the number /'
	while IFS=$'\t' read -r number verdict rest; do
		case $verdict in
		shown) [[ $rest == *'`tests/'* ]] || echo "docs/seeds.md: $number is shown by no test" ;;
		deviation) [ ${#rest} -gt 12 ] || echo "docs/seeds.md: $number gives no reason" ;;
		later)
			known=
			for kind in $(kinds); do
				[[ $rest != *"*$kind*"* ]] || known=1
			done
			[ -n "$known" ] || echo "docs/seeds.md: $number names no kind of later work"
			;;
		esac
	done < <(rows)
	[ "$(rows | wc -l)" -ge 1 ] || echo "docs/seeds.md: no criteria"
}

# section NAME: the part of docs/api.md under the heading NAME.
section()
{
	awk -v name="## $1" '$0 == name { on = 1; next } /^## / { on = 0 } on' docs/api.md
}

# header_comment NAME: the comment of the header that documents the ioctl NAME.
header_comment()
{
	awk -v name="$1" '
		/^\/\*\*/ { text = ""; mine = 0; next }
		text == "" && /^ \* struct/ { mine = ($0 ~ "[(]" name "[,)]") }
		{ text = text $0 "\n" }
		/^ \*\// { if (mine) printf "%s", text; mine = 0 }
	' include/uapi/linux/glassram.h
}

# lacks SECTION KIND: the words of standard input that SECTION does not have between ticks.
lacks()
{
	local text word

	text=$(section "$1")
	while IFS= read -r word; do
		grep -qE "\`$word\`" <<<"$text" || echo "docs/api.md: $1 lacks the $2 $word"
	done
}

check_api()
{
	local name word comment
	local header=include/uapi/linux/glassram.h

	while IFS= read -r name; do
		[ -n "$(section "$name")" ] || { echo "docs/api.md: no section on $name"; continue; }
		comment=$(header_comment "$name")
		[ -n "$comment" ] || echo "$header: no comment on $name"
		grep -oE '\bE[A-Z0-9]{3,}\b' <<<"$comment" | grep -vx "$name" | sort -u | lacks "$name" error
		sed -nE 's/^ \* @(\w+):.*/\1/p' <<<"$comment" | lacks "$name" field
		[[ $(section "$name") == *'```c'* ]] || echo "docs/api.md: $name has no example"
	done < <(sed -nE 's/^#define GLASSRAM_(\w+) _IOW?R?\(.*/\1/p' $header)
	while IFS= read -r word; do
		grep -qw -e "$word" docs/api.md || echo "docs/api.md: nothing on $word"
	done < <(sed -nE 's/^#define (GLASSRAM_\w+)[ (].*/\1/p' $header)
}

# anchors FILE: the anchors of its headings, as GitHub makes them.
anchors()
{
	sed -nE 's/^#+ +//p' "$1" | tr '[:upper:]' '[:lower:]' | sed -E 's/[^a-z0-9 _-]//g; s/ /-/g'
}

check_links()
{
	local file target path anchor

	for file in README.md docs/*.md; do
		while IFS= read -r target; do
			case $target in http*://* | mailto:*) continue ;; esac
			path=${target%%#*}
			anchor=
			[[ $target != *'#'* ]] || anchor=${target#*#}
			if [ -n "$path" ]; then
				path=$(dirname "$file")/$path
			else
				path=$file
			fi
			[ -e "$path" ] || { echo "$file: the link $target leads nowhere"; continue; }
			[ -z "$anchor" ] || anchors "$path" | grep -qxF -- "$anchor" ||
				echo "$file: $path has no heading #$anchor"
		done < <(grep -oE '\]\([^) ]+\)' "$file" | sed 's/^](//; s/)$//')
	done
}

# Files of the tree named in `ticks`; patterns must match something.
check_paths()
{
	local file path

	for file in README.md docs/*.md; do
		while IFS= read -r path; do
			[[ $path == *NAME* ]] || compgen -G "$path" >/dev/null || echo "$file: there is no $path"
		done < <(grep -oE '`(include|kmod|bpf|shaders|user|docs|tests)/[^` ]*`' "$file" | tr -d '`' | sed 's/:.*//' | sort -u)
	done
}

# code FILE: what stands in its code blocks and between ticks.
code()
{
	awk '/^```/ { on = !on; next } on' "$1"
	grep -oE '`[^`]+`' "$1"
}

check_targets()
{
	local file target

	for file in README.md docs/*.md; do
		while IFS= read -r target; do
			grep -qE "^([a-z-]+ )*$target( [a-z-]+)*:" Makefile tests/*/*.mk user/*/*.mk bpf/*.mk ||
				echo "$file: there is no target '$target' of make"
		done < <(code "$file" | grep -oE '\bmake( -[^ ]+)* [a-z][a-z-]*' | awk '{ print $NF }' | sort -u)
	done
}

# The page on ioctls promises a client of 40 lines.
check_client()
{
	local lines

	lines=$(wc -l <docs/client.c)
	[ "$lines" -le 40 ] || echo "docs/client.c has $lines lines"
	grep -qF '](client.c)' docs/api.md || echo "docs/api.md does not point at docs/client.c"
}

# options FILE: the long options in its table for getopt_long().
options()
{
	sed -nE 's/^\s*\{ "([a-z-]+)", (no|required|optional)_argument.*/--\1/p' "$1"
}

check_options()
{
	local option command

	while IFS= read -r option; do
		grep -qE -- "$option\b" docs/guide.md || echo "docs/guide.md: nothing on $option"
	done < <(options user/glassview/options.c; options user/glassctl/main.c)
	while IFS= read -r option; do
		grep -qE "^\|.*\`$option\`.*\|" docs/guide.md || echo "docs/guide.md: nothing on the setting $option"
	done < <(sed -nE 's/^\s*\{ "([a-z-]+)", (WHOLE|SHARE|SWITCH|WORD),.*/\1/p' user/libglassram/config.c)
	while IFS= read -r command; do
		grep -qw -- "glassctl $command" docs/guide.md || echo "docs/guide.md: nothing on glassctl $command"
	done < <(sed -nE 's/^\s*\{ "([a-z]+)", (true|false),.*/\1/p' user/glassctl/main.c)
}

result()
{
	results=$((results + 1))
	if [ "$2" -eq 0 ]; then
		printf 'ok %d %s\n' $results "$1"
	else
		printf 'not ok %d %s\n' $results "$1"
	fi
}

# clean TITLE CHECK: CHECK has nothing to say about this checkout.
clean()
{
	local output
	output=$("$2" 2>&1)
	[ -z "$output" ]
	local verdict=$?
	[ $verdict -eq 0 ] || printf '%s\n' "$output" | sed 's/^/# /'
	result "$1" $verdict
}

# planted TITLE CHECK FILE SED TEXT: with FILE changed by SED, CHECK complains, naming TEXT.
planted()
{
	local title=$1 check=$2 file=$3 change=$4 text=$5 output
	cp "$copy/$file" "$copy/saved"
	sed -i -E "$change" "$copy/$file"
	if cmp -s "$copy/saved" "$copy/$file"; then
		printf '# nothing was planted in %s\n' "$file"
		output=
	else
		output=$(cd "$copy" && "$check" 2>&1)
	fi
	cp "$copy/saved" "$copy/$file"
	grep -qF -- "$text" <<<"$output"
	result "$title" $?
}

clean "every test that a document names exists and is run" check_tests
clean "every criterion of the seeds has a number and a verdict" check_seeds
clean "every ioctl, field, error and constant of the header is documented" check_api
clean "every link leads somewhere" check_links
clean "every file that a document names exists" check_paths
clean "every target of make that a document names exists" check_targets
clean "the client of the documentation is short" check_client
clean "every option and command is in the user guide" check_options

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -r README.md Makefile docs include kmod bpf user tests "$copy/"
[ ! -d shaders ] || cp -r shaders "$copy/"
planted "a test that went away is noticed" check_tests tests/kselftest/frozen.c \
	's/hits_are_exactly_the_written_pages/renamed/' "has no test 'hits_are_exactly_the_written_pages'"
planted "a test file that went away is noticed" check_tests docs/seeds.md \
	's/kselftest\/frozen\.c/kselftest\/thawed.c/' "tests/kselftest/thawed.c: no such file"
planted "a test that is not run is noticed" check_tests tests/kselftest/kselftest.mk \
	's/\bfrozen\b/cold/g' "tests/kselftest/frozen.c is in no list"
planted "a criterion without a verdict is noticed" check_seeds docs/seeds.md \
	'0,/\| shown: /s//| surely: /' "not a criterion"
planted "a criterion shown by nothing is noticed" check_seeds docs/seeds.md \
	'0,/\| shown: [^|]*\|$/s//| shown: by us |/' "is shown by no test"
planted "a gap that nothing will close is noticed" check_seeds docs/seeds.md \
	'0,/\| later: \*sampling\*/s//| later: some day/' "names no kind of later work"
planted "a number given twice is noticed" check_seeds docs/seeds.md \
	's/^\| T1\.1\.2b /| T1.1.2a /' "two criteria have the number T1.1.2a"
planted "a new ioctl without a section is noticed" check_api include/uapi/linux/glassram.h \
	's/^(#define GLASSRAM_STATS _IOWR.*)$/\1\n#define GLASSRAM_BUDGET _IOW(GLASSRAM_IOCTL_TYPE, 0xDA, struct glassram_stats)/' "no section on BUDGET"
planted "a new error is noticed" check_api include/uapi/linux/glassram.h \
	's/ENOENT no policy of that name/ENOTUNIQ two policies of that name/' "OPTIONS lacks the error ENOTUNIQ"
planted "a new field is noticed" check_api include/uapi/linux/glassram.h \
	's/^ \* @sessions: /&\n * @watchers: /' "QUERY lacks the field watchers"
planted "a new constant is noticed" check_api include/uapi/linux/glassram.h \
	's/^(#define GLASSRAM_OPTION_RATE) .*/&\n\1_LIMIT 3/' "nothing on GLASSRAM_OPTION_RATE_LIMIT"
planted "a dead link is noticed" check_links README.md \
	's/\(docs\/design\.md\)/(docs\/desing.md)/' "the link docs/desing.md leads nowhere"
planted "a link to a heading that is gone is noticed" check_links docs/design.md \
	's/^## What a hit is$/## Hits/' "has no heading #what-a-hit-is"
planted "a file that moved is noticed" check_paths docs/design.md \
	's/`kmod\/tables\.c`/`kmod\/lists.c`/' "there is no kmod/lists.c"
planted "a target that make lacks is noticed" check_targets README.md \
	's/make demo/make show/' "there is no target 'show'"
planted "a client that grew is noticed" check_client docs/client.c \
	'1s/^/\n\n\n/' "docs/client.c has"
planted "a new option is noticed" check_options user/glassview/options.c \
	's/^(\s*)\{ "rate", required_argument.*/&\n\1{ "sound", no_argument, NULL, 1 },/' "nothing on --sound"
planted "a new setting is noticed" check_options user/libglassram/config.c \
	's/^(\s*)\{ "glow", SWITCH,.*/&\n\1{ "sound", SWITCH, NULL },/' "nothing on the setting sound"
planted "a new command is noticed" check_options user/glassctl/main.c \
	's/^(\s*)\{ "stats", true,.*/&\n\1{ "forget", true, NULL },/' "nothing on glassctl forget"
printf '1..%d\n' $results
