#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# apt.sh ROOT CONF ARGS...: the host's apt-get on the lab root, in a mount namespace of its
# own so that the mounts a package script needs are gone afterwards, whatever happens.
# The first argument --configure finishes packages that an interruption left half done.
set -eu

root=$1 conf=$2
shift 2
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
export DEBIAN_FRONTEND=noninteractive INITRD=No
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
[ -z "${LAB_APT_CWD:-}" ] || cd "$LAB_APT_CWD"
if [ "$1" = --configure ]; then
	exec chroot "$root" dpkg --force-unsafe-io --configure -a
fi
APT_CONFIG=$conf exec apt-get -q "$@"
