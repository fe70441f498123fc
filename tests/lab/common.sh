# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# common.sh: paths, messages and locks shared by the parts of the lab.
# Sourced by tests/lab/lab, which sets LAB_DIR. Weak: one cache serves one user at a time
# for set-up (a lock makes the others wait); runs and builds share it freely.

# Debian leaves sbin out of a plain user's PATH; chroot, mount and losetup live there.
export PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
export LC_ALL=C.UTF-8

CHECKOUT=$(cd "$LAB_DIR/../.." && pwd -P)
CACHE=${GLASSRAM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/glassram}
ROOT=$CACHE/root
STAMPS=$CACHE/stamps

# One tree per checkout, so that several worktrees build and run side by side.
TREE_ID=$(printf '%s' "$CHECKOUT" | sha256sum | cut -c1-12)
TREE=$CACHE/trees/$TREE_ID

# die: one line with the cause and the cure, then exit. 125 is the lab's own failure, so
# that it cannot be taken for the exit status of a command that was run.
die()
{
	printf 'lab: %s\n' "$*" >&2
	exit 125
}

note()
{
	[ -n "${LAB_QUIET:-}" ] || printf '%s\n' "$*" >&2
}

# need_root ARGS...: continue as root, through sudo where we are not.
need_root()
{
	[ "$(id -u)" -eq 0 ] && return
	command -v sudo >/dev/null || die "this needs root and there is no sudo: run it as root, or install sudo"
	# Made by its owner, so that sudo leaves no foreign ~/.cache behind.
	mkdir -p "$CACHE" || die "cannot make $CACHE: name another place in GLASSRAM_CACHE"
	exec sudo -- env GLASSRAM_CACHE="$CACHE" LAB_OWNER="$(id -u):$(id -g)" \
		LAB_QUIET="${LAB_QUIET:-}" LAB_KEEP="${LAB_KEEP:-}" V="${V:-}" PATH="$PATH" "$LAB_DIR/lab" "$@"
}

# with_lock FILE CMD...: run CMD (a function or program) holding an exclusive lock.
with_lock()
{
	local file=$1 fd rc=0
	shift
	mkdir -p "${file%/*}"
	exec {fd}>"$file"
	if ! flock -n "$fd"; then
		note "lab: waiting for another lab command to finish ($file)"
		flock "$fd"
	fi
	"$@" {fd}>&- || rc=$?
	exec {fd}>&-
	return $rc
}

# kernel_table: the rows of the table, one per line, comments removed.
kernel_table()
{
	sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$LAB_DIR/kernels"
}

# kernel_rows: the rows that are packages, which is what set-up installs and `check` runs.
kernel_rows()
{
	kernel_table | awk '$2 != "source"'
}

# kernel_field ROW N: field N of a row (1: name, 2: suite, 3: pattern, 4: command line).
kernel_field()
{
	kernel_table | awk -v row="$1" -v n="$2" '$1 == row { if (n < 4) print $n; else { $1 = $2 = $3 = ""; print } }'
}

# is_source_row ROW: true if that kernel is built here and not a package.
is_source_row()
{
	[ "$(kernel_field "$1" 2)" = source ]
}

# kernel_release ROW: the release installed for a row, as uname -r prints it.
kernel_release()
{
	local pattern release
	pattern=$(kernel_field "$1" 3)
	[ -n "$pattern" ] || die "no kernel row '$1': there are $(kernel_table | awk '{printf "%s%s", sep, $1; sep=", "}')"
	if is_source_row "$1"; then
		release=$(cat "$STAMPS/kernel-$1-$(source_key "$1")" 2>/dev/null) ||
			die "kernel $1 is not built: run 'tests/lab/lab kernel $1'"
	else
		release=$(cat "$STAMPS/kernel-$1" 2>/dev/null) || die "kernel $1 is not installed: run 'tests/lab/lab setup'"
	fi
	printf '%s\n' "$release"
}

# source_key ROW: names what a built kernel is made from, so that checkouts share or differ.
source_key()
{
	cat "$LAB_DIR/$(kernel_field "$1" 3)" "$LAB_DIR/source-build" | sha256sum | cut -c1-8
}

default_kernel()
{
	kernel_rows | awk 'NR == 1 { print $1 }'
}
