# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2153
# setup.sh: make the lab root, step by step. Every step leaves a stamp when it is done and
# may be repeated, so an interrupted set-up continues where it stopped, and a finished one
# needs no network. Weak: packages are those of the day; nothing pins their versions.

SUITE=trixie
# The first keyring of Debian 12 that knows the keys of Debian 13.
KEYRING_MIN=2023.3+deb12u2
STEPS=7

step()
{
	note "[$1/$STEPS] $2"
}

stamped()
{
	[ "$(cat "$STAMPS/$1" 2>/dev/null)" = "$2" ]
}

stamp()
{
	printf '%s\n' "$2" >"$STAMPS/$1"
}

list_packages()
{
	sed -e 's/#.*//' -e 's/[[:space:]]//g' -e '/^$/d' "$LAB_DIR/packages"
}

# missing_packages: listed, and not known to be installed. Another checkout may list more.
missing_packages()
{
	list_packages | grep -vxFf "$STAMPS/packages" 2>/dev/null || [ $? -eq 1 ] || list_packages
}

check_space()
{
	local want=$1 dir=$2 free
	free=$(df -Pm "$dir" | awk 'NR == 2 { print $4 }')
	[ "$free" -ge "$want" ] ||
		die "$dir has $free MiB free and the lab needs $want MiB: free some, or point GLASSRAM_CACHE at another disk"
}

setup_host_tools()
{
	local have

	command -v apt-get >/dev/null || die "the lab needs Debian 12 or 13: there is no apt-get here"
	have=$(dpkg-query -W -f '${Version}' debian-archive-keyring 2>/dev/null || true)
	if command -v mmdebstrap >/dev/null && command -v mount >/dev/null && dpkg --compare-versions "${have:-0}" ge $KEYRING_MIN; then
		return
	fi
	# A third-party repository that fails must not stop us; what we need is Debian's.
	apt-get -q update >"$CACHE/log/apt-host" 2>&1 || true
	DEBIAN_FRONTEND=noninteractive apt-get -qy --no-install-recommends install \
		mmdebstrap debian-archive-keyring mount >>"$CACHE/log/apt-host" 2>&1 ||
		die "cannot install mmdebstrap: $(grep -m1 '^E:' "$CACHE/log/apt-host" || echo "see $CACHE/log/apt-host")"
	have=$(dpkg-query -W -f '${Version}' debian-archive-keyring)
	dpkg --compare-versions "$have" ge $KEYRING_MIN ||
		die "debian-archive-keyring $have is too old for Debian 13: install $KEYRING_MIN or later"
}

# write_apt_conf ROOT FILE: apt of the host, working on the root. So the host's proxy,
# certificates, credentials and apt methods serve, and none of its sources or hooks.
write_apt_conf()
{
	local root=$1 conf=$2
	{
		apt_acquire_options
		cat <<-CONF
		Dir "$root";
		Dir::Etc "$root/etc/apt";
		Dir::Etc::netrc "/etc/apt/auth.conf";
		Dir::Etc::netrcparts "/etc/apt/auth.conf.d";
		DPkg::Chroot-Directory "$root";
		DPkg::Options "";
		DPkg::Options:: "--force-unsafe-io";
		DPkg::Options:: "--force-confold";
		APT::Architecture "amd64";
		APT::Install-Recommends "false";
		Acquire::Languages "none";
		Acquire::Retries "3";
		APT::Sandbox::User "root";
		DPkg::Use-Pty "false";
		CONF
	} >"$conf"
}

root_apt()
{
	local conf=$CACHE/apt.conf

	write_apt_conf "$ROOT" "$conf"
	unshare --mount --propagation private -- \
		bash -eu "$LAB_DIR/apt.sh" "$ROOT" "$conf" "$@" >>"$CACHE/log/apt-root" 2>&1
}

# root_install PACKAGE...: with fresh package lists if the old ones name what is gone.
root_install()
{
	if [ -e "$STAMPS/install.begun" ]; then
		# What an interrupted run left half done; some of it waits for what it did not unpack.
		root_apt --configure || true
		root_apt -y -f install || return
	fi
	touch "$STAMPS/install.begun"
	root_apt -y install "$@" || { root_apt update && root_apt -y install "$@"; } || return
	root_apt clean
	rm -f "$STAMPS/install.begun"
}

apt_failed()
{
	die "$1: $(grep '^E:' "$CACHE/log/apt-root" | tail -1 || true) (log: $CACHE/log/apt-root)"
}

setup_base()
{
	local new=$CACHE/root.new conf=$CACHE/apt-acquire.conf main

	[ -e "$STAMPS/base" ] && return
	main=$(debian_mirror)
	check_space 6000 "$CACHE"
	rm -rf "$new" "$ROOT"
	apt_acquire_options >"$conf"
	mmdebstrap --quiet --mode=root --variant=apt --components=main --architectures=amd64 \
		--aptopt="$conf" --dpkgopt='force-unsafe-io' \
		--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/info/*' \
		--skip=cleanup/apt/lists \
		"$SUITE" "$new" "$main" >"$CACHE/log/mmdebstrap" 2>&1 ||
		die "mmdebstrap failed: $(grep -m1 '^E:' "$CACHE/log/mmdebstrap" || true) (log: $CACHE/log/mmdebstrap)"
	rm -f "$new/etc/apt/apt.conf.d/99mmdebstrap"
	mkdir -p "$new/lab/root" "$new/lab/run" "$new/glassram" "$new/home/glass"
	# No service may start in a chroot, and the lab makes its own initial RAM disk.
	printf '#!/bin/sh\nexit 101\n' >"$new/usr/sbin/policy-rc.d"
	printf '#!/bin/sh\nexit 0\n' >"$new/usr/local/sbin/update-initramfs"
	chmod 755 "$new/usr/sbin/policy-rc.d" "$new/usr/local/sbin/update-initramfs"
	echo glassram >"$new/etc/hostname"
	echo '127.0.0.1 localhost glassram' >"$new/etc/hosts"
	mv "$new" "$ROOT"
	stamp base "$SUITE"
}

setup_sources()
{
	local main security

	stamped sources "$SUITE" && return
	main=$(debian_mirror)
	security=$(security_mirror)
	{
		echo "deb $main $SUITE main"
		echo "deb $main $SUITE-updates main"
		echo "deb $security $SUITE-security main"
		echo "deb $main $SUITE-backports main"
	} >"$ROOT/etc/apt/sources.list"
	root_apt update || apt_failed "cannot read the package lists of Debian 13"
	stamp sources "$SUITE"
}

# older_releases: of Debian, whose kernels are rows of the table.
older_releases()
{
	kernel_rows | awk '{ sub(/-.*/, "", $2); print $2 }' | sort -u | grep -vx "$SUITE"
}

# Only kernels come from there: whatever the root's own release has is newer.
setup_older_sources()
{
	local release main security

	for release in $(older_releases); do
		[ -e "$STAMPS/sources-$release" ] && continue
		main=$(debian_mirror)
		security=$(security_mirror)
		{
			echo "deb $main $release main"
			echo "deb $main $release-updates main"
			echo "deb $security $release-security main"
		} >"$ROOT/etc/apt/sources.list.d/$release.list"
		root_apt update || apt_failed "cannot read the package lists of Debian's $release"
		stamp "sources-$release" "$release"
	done
}

setup_packages()
{
	local packages

	mapfile -t packages < <(missing_packages)
	[ ${#packages[@]} -gt 0 ] || return 0
	check_space 4000 "$CACHE"
	root_install "${packages[@]}" || apt_failed "cannot install the packages of the root"
	chroot "$ROOT" /bin/sh -c '
		getent group glassram >/dev/null || groupadd --system glassram
		id glass >/dev/null 2>&1 || useradd --no-create-home --home-dir /home/glass --shell /bin/bash --groups glassram glass
		id nobody2 >/dev/null 2>&1 || useradd --no-create-home --shell /bin/bash nobody2' ||
		die "cannot make the users of the root"
	printf '%s\n' "${packages[@]}" >>"$STAMPS/packages"
}

setup_kernels()
{
	local row suite pattern package release

	while read -r row suite pattern _; do
		[ -e "$STAMPS/kernel-$row" ] && continue
		write_apt_conf "$ROOT" "$CACHE/apt.conf"
		package=$(APT_CONFIG=$CACHE/apt.conf apt-cache pkgnames linux-image- | grep -xE "$pattern" | sort -V | tail -1)
		[ -n "$package" ] ||
			die "no kernel package matches '$pattern' (row $row of tests/lab/kernels): the mirror has moved on, edit the row"
		release=${package#linux-image-}
		root_install -t "$suite" "$package" "linux-headers-$release" || apt_failed "cannot install kernel $release"
		stamp "kernel-$row" "$release"
	done < <(kernel_rows)
}

# The files of the kernel's own source that tests and lint use: no package has them.
KERNEL_FILES=(scripts/checkpatch.pl scripts/spelling.txt scripts/const_structs.checkpatch
	tools/testing/selftests/kselftest.h tools/testing/selftests/kselftest_harness.h)

# unpack_source DIR [FILE...]: the kernel's source, or these files of it.
unpack_source()
{
	local tmp=$CACHE/source.tmp dst=$1

	shift
	rm -rf "$tmp" "$dst"
	mkdir -p "$tmp" "$dst"
	LAB_APT_CWD=$tmp root_apt download linux-source-6.12 || apt_failed "cannot download linux-source-6.12"
	dpkg-deb --fsys-tarfile "$tmp"/linux-source-6.12_*.deb |
		tar -xO --wildcards './usr/src/linux-source-6.12.tar.xz' |
		chroot "$ROOT" xz -dcT0 |
		tar -x -C "$dst" --strip-components=1 "${@/#/linux-source-6.12/}" ||
		die "cannot unpack linux-source-6.12: run the command again"
	rm -rf "$tmp"
}

setup_kernel_files()
{
	local dst=$ROOT/usr/src/kernel-files

	stamped kernel-files "${KERNEL_FILES[*]}" && return
	unpack_source "$dst.new" "${KERNEL_FILES[@]}"
	rm -rf "$dst"
	mv "$dst.new" "$dst"
	stamp kernel-files "${KERNEL_FILES[*]}"
}

# checker_paths: where each kernel's makefiles look for the script that vouches for sparse.
checker_paths()
{
	local dir

	for dir in "$ROOT"/usr/src/linux-headers-*-common; do
		! grep -q checker-valid.sh "$dir/Makefile" || printf '%s\n' "$dir/scripts/checker-valid.sh"
	done
}

# The header packages of 7.2 refer to that script and lack it, which switches sparse off.
setup_checker()
{
	local path

	for path in $(checker_paths); do
		[ -e "$path" ] || { mkdir -p "${path%/*}" && printf '#!/bin/sh\necho 1\n' >"$path" && chmod 755 "$path"; }
	done
}

setup_is_done()
{
	local row path

	[ -e "$STAMPS/base" ] && stamped sources "$SUITE" &&
		[ -z "$(missing_packages)" ] &&
		stamped kernel-files "${KERNEL_FILES[*]}" || return 1
	for row in $(older_releases); do
		[ -e "$STAMPS/sources-$row" ] || return 1
	done
	for path in $(checker_paths); do
		[ -e "$path" ] || return 1
	done
	for row in $(kernel_rows | awk '{ print $1 }'); do
		[ -e "$STAMPS/kernel-$row" ] && [ -e "$(initrd_path "$row")" ] || return 1
	done
}

setup()
{
	mkdir -p "$CACHE/log" "$STAMPS"
	: >"$CACHE/log/apt-root"
	step 1 "tools of this machine (mmdebstrap, Debian's keys)"
	setup_host_tools
	step 2 "base of the Debian 13 root in $ROOT"
	setup_base
	step 3 "package lists"
	setup_sources
	setup_older_sources
	step 4 "packages: compilers, Mesa, QEMU, things to watch"
	setup_packages
	step 5 "kernels: $(kernel_rows | awk '{printf "%s%s", sep, $1; sep=", "}')"
	setup_kernels
	step 6 "checkpatch and the kselftest headers of linux-source"
	setup_kernel_files
	setup_checker
	step 7 "initial RAM disks"
	setup_initrds
}

# ensure_setup: set up if anything is missing; says nothing when all is there.
ensure_setup()
{
	setup_is_done || with_lock "$CACHE/lock/setup" setup
}
