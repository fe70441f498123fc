#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# install.sh: puts glassram.ko where the kernel finds it, and takes it away again, with DKMS
# where there is one. A new version is built before the old one is touched, so an
# installation that fails leaves the machine as it was.
#   install.sh dkms VERSION RELEASE    from /usr/src/glassram-VERSION, which make has filled
#   install.sh remove                  every version, from every kernel
# Weak: a version is not kept while the same one is installed again.
set -eu
name=glassram
sources=/usr/src/$name

# versions: those that DKMS knows.
versions()
{
	! command -v dkms >/dev/null || dkms status "$name" 2>/dev/null |
		sed -n "s|^$name/\([^,:]*\).*|\1|p" | sort -u
}

# kernels: those that have the module by DKMS.
kernels()
{
	dkms status "$name" 2>/dev/null | sed -n "s|^$name/[^,]*, \([^,]*\),.*: installed.*|\1|p" | sort -u
}

forget()
{
	dkms remove "$name/$1" --all >/dev/null || echo "glassram: DKMS would not remove version $1: see 'dkms status'" >&2
}

# plain: remove what was put beside the kernel's own modules; run depmod where there was any.
# updates/dkms only holds it when DKMS itself has left the machine.
plain()
{
	for file in /lib/modules/*/updates/"$name".ko* /lib/modules/*/updates/dkms/"$name".ko*; do
		[ -e "$file" ] || continue
		rm -f "$file"
		release=${file#/lib/modules/}
		release=${release%%/*}
		(cd "/lib/modules/$release" && rmdir -p --ignore-fail-on-non-empty "$(dirname "${file#"/lib/modules/$release/"}")")
		depmod "$release"
	done
}

install_dkms()
{
	version=$1 release=$2
	had=$(kernels)
	! versions | grep -qxF "$version" || forget "$version"
	if ! dkms build "$name/$version" -k "$release"; then
		log=/var/lib/dkms/$name/$version/build/make.log
		[ ! -e "$log" ] || grep -vE '^(#|-|$)' "$log" | tail -n 20 >&2
		forget "$version"
		rm -rf "$sources-$version"
		echo "glassram: DKMS could not build version $version for kernel $release; nothing was installed, and other versions are as they were" >&2
		exit 1
	fi
	for old in $(versions | grep -vxF "$version"); do
		forget "$old"
		rm -rf "$sources-$old"
	done
	plain
	dkms install "$name/$version" -k "$release"
	for other in $had; do
		[ "$other" != "$release" ] || continue
		dkms install "$name/$version" -k "$other" ||
			echo "glassram: kernel $other has no module now: make install KVER=$other says why" >&2
	done
}

remove()
{
	for version in $(versions); do
		forget "$version"
	done
	plain
	rm -rf "$sources"-[0-9]*
}

case ${1:-} in
dkms) install_dkms "${2:?}" "${3:?}" ;;
remove) remove ;;
*)
	echo "usage: install.sh dkms VERSION RELEASE, or install.sh remove" >&2
	exit 2
	;;
esac
