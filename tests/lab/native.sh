# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# native.sh: commands in the lab root at native speed (a chroot in namespaces of its own).
# The kernel is the machine's: right for building, lint and unit tests, not for the module.

# enter_root BIND... -- CMD...: run CMD in the root; see inside.sh for BIND. All of it ends
# when its caller does, however that ends.
enter_root()
{
	setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child --propagation private -- \
		/bin/bash "$LAB_DIR/inside.sh" "$ROOT" "$@"
}

# tree_binds: the build tree of this checkout, with the checkout's out/ in its place.
tree_binds()
{
	mkdir -p "$CHECKOUT/out" "$TREE/src/out"
	printf '%s\n' "$TREE/src:/glassram" "$CHECKOUT/out:/glassram/out"
}

# give_back PATH...: what root made in the checkout belongs to whoever called sudo.
give_back()
{
	[ -z "${LAB_OWNER:-}" ] || chown -R "$LAB_OWNER" "$@"
}

native_main()
{
	local binds rc=0 user=() scratch=''

	while [ $# -gt 0 ]; do
		case $1 in
		--user) user=(setpriv --reuid=glass --regid=glass --init-groups env HOME=/home/glass) ;;
		--scratch) scratch=scratch ;;
		--) shift; break ;;
		-*) die "native: no option '$1': see 'lab --help'" ;;
		*) break ;;
		esac
		shift
	done
	[ $# -gt 0 ] || die "native: which command?"
	ensure_setup
	sync_tree
	mapfile -t binds < <(tree_binds)
	LAB_WRITABLE=$scratch LAB_CWD=/glassram enter_root "${binds[@]}" -- "${user[@]}" "$@" || rc=$?
	give_back "$CHECKOUT/out"
	return $rc
}
