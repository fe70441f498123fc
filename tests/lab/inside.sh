#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# inside.sh ROOT BIND... -- CMD...: run CMD in the lab root. Called in mount and PID
# namespaces of its own (see enter_root), so that all mounts and processes end with it.
# A BIND is HOST:GUEST[:ro], made before the change of root. The root itself is read-only
# unless LAB_WRITABLE is set: "scratch" for a layer that is thrown away, anything else for
# the root itself. Weak: the network is the host's.
set -eu

root=$1
shift
mount --bind "$root" "$root"
if [ "${LAB_WRITABLE:-}" = scratch ]; then
	mount -t tmpfs tmpfs "$root/lab/run"
	mkdir "$root/lab/run/upper" "$root/lab/run/work"
	mount -t overlay -o "lowerdir=$root,upperdir=$root/lab/run/upper,workdir=$root/lab/run/work" overlay "$root"
fi
# The root without the mounts below, for QEMU to serve.
mount --bind "$root" "$root/lab/root"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
for dir in tmp run var/tmp root home/glass; do
	[ -n "${LAB_WRITABLE:-}" ] || mount -t tmpfs -o mode=1777 tmpfs "$root/$dir"
done
if [ -z "${LAB_WRITABLE:-}" ]; then
	chmod 755 "$root/run"
	chmod 700 "$root/root"
	mount -o remount,bind,ro "$root"
	mount -o remount,bind,ro "$root/lab/root"
fi
while [ "$1" != -- ]; do
	IFS=: read -r from to mode <<<"$1"
	mount --bind "$from" "$root$to"
	[ "$mode" != ro ] || mount -o remount,bind,ro "$root$to"
	shift
done
shift
cd "$root"
exec chroot "$root" /usr/bin/env -i \
	PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
	HOME=/root LANG=C.UTF-8 TERM="${TERM:-dumb}" \
	${LAB_ENV:+"LAB_ENV=$LAB_ENV"} \
	/bin/sh -c 'cd "$0" && exec "$@"' "${LAB_CWD:-/}" "$@"
