#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# buildable.sh RELEASE: whether glassram.ko can be built for that kernel, and would serve
# there. Says each thing that is missing in one line with its cure. The rules are those of
# dkms.conf, which DKMS applies without a word of why.
# Weak: the compiler is not looked at; the headers' packages depend on it.
set -eu
release=${1:?buildable.sh: which kernel release?}
conf=${0%/*}/../dkms.conf
status=0

missing()
{
	printf 'glassram: %s\n' "$*" >&2
	status=1
}

rule()
{
	sed -n "s/^$1=\"\(.*\)\"/\1/p" "$conf"
}

min=$(rule BUILD_EXCLUSIVE_KERNEL_MIN)
if [ "$(printf '%s\n' "$min" "$release" | sort -V | head -n 1)" != "$min" ]; then
	missing "kernel $release is too old, $min is the first that serves: boot a newer one, or name another that is installed with KVER=RELEASE"
	exit 1
fi
build=/lib/modules/$release/build
if [ ! -d "$build" ]; then
	missing "no headers of kernel $release: apt install linux-headers-$release"
	exit 1
fi
config=$build/include/config/auto.conf
[ -e "$config" ] || config=$build/.config
absent=
for option in $(rule BUILD_EXCLUSIVE_CONFIG); do
	grep -q "^$option=[ym]" "$config" || absent="$absent $option"
done
[ -z "$absent" ] || missing "kernel $release was built without$absent: use one that has it, as Debian's have"
command -v pahole >/dev/null ||
	missing "no pahole, so the module would have no type information and no policies: apt install pahole"
exit $status
