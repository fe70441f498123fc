# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# build.sh: copy the checkout into its build tree in the cache and build there, in the root.
# Only what git tracks or would track is copied, so nothing of the host's build gets in.
# Weak: a file whose time stamp goes backwards keeps its old object (git never does that).

# copy_checkout: bring the build tree up to date; time stamps are kept, so make sees only
# real changes. Files that left the checkout leave the tree.
copy_checkout()
{
	local list=$TREE/files

	mkdir -p "$TREE/src"
	printf '%s\n' "$CHECKOUT" >"$TREE/checkout"
	# The user's repository is not root's: say that this is meant.
	if git -c safe.directory='*' -C "$CHECKOUT" rev-parse --git-dir >/dev/null 2>&1; then
		git -c safe.directory='*' -C "$CHECKOUT" ls-files -z -co --exclude-standard
	else
		(cd "$CHECKOUT" && find . -name .git -prune -o -name build -prune -o -name out -prune -o -type f -printf '%P\0')
	fi | (cd "$CHECKOUT" && while IFS= read -r -d '' file; do
		if [ -e "$file" ] || [ -L "$file" ]; then printf '%s\0' "$file"; fi
	done) | sort -z >"$list.new"
	if [ -e "$list" ]; then
		comm -z -23 "$list" "$list.new" | (cd "$TREE/src" && xargs -0 -r rm -f --)
	fi
	tar -C "$CHECKOUT" --null -T "$list.new" -cf - | tar -C "$TREE/src" --no-same-owner -xf - ||
		die "cannot copy the checkout to $TREE: is the disk full?"
	mv "$list.new" "$list"
}

sync_tree()
{
	with_lock "$TREE/lock" copy_checkout
}

# build_tree ROW...: programs, BPF objects, tests, and the module for each kernel row.
build_tree()
{
	local row binds quiet=-s

	[ -z "${V:-}" ] || quiet=''
	copy_checkout
	mapfile -t binds < <(tree_binds)
	LAB_CWD=/glassram enter_root "${binds[@]}" -- \
		make ${quiet:+"$quiet"} --no-print-directory -j"$(nproc)" lab-build KVERS="$(for row in "$@"; do kernel_release "$row"; done | tr '\n' ' ')"
}

build_main()
{
	local rows=() row

	while [ $# -gt 0 ]; do
		case $1 in
		--kernel) rows+=("${2:?}"); shift ;;
		*) die "build: no option '$1': see 'lab --help'" ;;
		esac
		shift
	done
	[ ${#rows[@]} -gt 0 ] || mapfile -t rows < <(kernel_rows | awk '{ print $1 }')
	ensure_setup
	for row in "${rows[@]}"; do
		ensure_kernel "$row"
	done
	with_lock "$TREE/lock" build_tree "${rows[@]}"
}
