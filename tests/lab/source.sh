# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# source.sh: kernels that are built here, from Debian's linux-source package and a fragment of
# configuration (suite `source` in tests/lab/kernels). Built once, when first asked for; what
# the root keeps is the image and as much of the tree as a module needs. An interrupted build
# goes on where it stopped. Weak: a newer linux-source does not rebuild a kernel; a changed
# fragment or source-build does, and the old kernel stays in the root.

# install_kernel TREE: from a built tree into the root, without what only the build needed.
install_kernel()
{
	local tree=$1 release headers

	release=$(cat "$tree/include/config/kernel.release")
	headers=$ROOT/usr/src/linux-headers-$release
	rm -rf "$headers"
	mkdir -p "$headers" "$ROOT/lib/modules/$release"
	# The vmlinux beside it holds nothing but the BTF that a module's own BTF refers to.
	(cd "$tree" && find . -path ./Documentation -prune -o -path ./tools -prune -o \
		\( -name 'Makefile*' -o -name 'Kconfig*' -o -name 'Kbuild*' \) -type f -print0 &&
		find Module.symvers .config include arch/x86/include \
			scripts tools/objtool/objtool tools/bpf/resolve_btfids/resolve_btfids \
			\( -type f -o -type l \) ! -name '*.o' ! -name '.*.cmd' -print0) 2>/dev/null |
		tar -C "$tree" --null -T - -cf - | tar -C "$headers" -xf - || die "cannot copy the headers of $release"
	cp "$tree/vmlinux.btf" "$headers/vmlinux"
	install -m 644 "$tree/arch/x86/boot/bzImage" "$ROOT/boot/vmlinuz-$release"
	cp "$tree"/modules.{order,builtin,builtin.modinfo} "$ROOT/lib/modules/$release/"
	ln -sfn "/usr/src/linux-headers-$release" "$ROOT/lib/modules/$release/build"
	chroot "$ROOT" depmod "$release" || die "depmod failed for $release"
}

build_kernel()
{
	local row=$1 key work release

	key=$(source_key "$row")
	work=$CACHE/source/$row-$key
	[ ! -e "$STAMPS/kernel-$row-$key" ] || return 0
	note "lab: building kernel $row: 15 minutes on two quiet CPUs, once (log: $work/log)"
	check_space 9000 "$CACHE"
	if [ ! -e "$work/src" ]; then
		unpack_source "$work/src.new"
		mv "$work/src.new" "$work/src"
	fi
	LAB_CWD=/lab/run/src enter_root "$work:/lab/run" "$LAB_DIR:/glassram:ro" -- \
		bash /glassram/source-build "/glassram/$(kernel_field "$row" 3)" "-lab-$row-$key" /lab/run/log ||
		die "kernel $row was not built (log: $work/log)"
	install_kernel "$work/src"
	release=$(cat "$work/src/include/config/kernel.release")
	[ -n "${LAB_KEEP:-}" ] || rm -rf "$work"
	stamp "kernel-$row-$key" "$release"
}

# ensure_kernel ROW: what set-up leaves out.
ensure_kernel()
{
	is_source_row "$1" || return 0
	(kernel_release "$1") >/dev/null 2>&1 || with_lock "$CACHE/lock/source" build_kernel "$1"
	[ -e "$(initrd_path "$1")" ] || with_lock "$CACHE/lock/setup" make_initrd "$1"
}
