# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# snapshot.sh: the whole file system as a list, so that "nothing is left" can be said of all
# of it. Sourced by the tests of installation, which run in a throwaway layer of the root.
# Weak: contents are compared where installing writes; elsewhere name, kind, mode, owner, size.

# What changes by being looked at, and what is not the root's.
SNAPSHOT_SKIP=(/proc /sys /dev /run /tmp /var/tmp /root /glassram /lab /var/log)
# The machine's own key belongs to DKMS and outlives what it signed. The loader's cache
# is made anew with each ldconfig.
SNAPSHOT_KEEP='^[^ ]+ .* /(var/lib/dkms/mok\.(key|pub)|etc/ld\.so\.cache|var/cache/ldconfig(/.*)?)( |$)'

# snapshot FILE: write the list.
snapshot()
{
	local skip=() dir

	for dir in "${SNAPSHOT_SKIP[@]}"; do
		skip+=(-path "$dir" -o)
	done
	{
		# A folder's size depends on what once was in it.
		find / \( "${skip[@]}" -false \) -prune -o -type d -printf '%y %m %U:%G - %p\n' -o -printf '%y %m %U:%G %s %p %l\n'
		find /boot /etc /usr/local /usr/lib/modules/*/modules.* /usr/lib/modules/*/updates /var/lib/dkms \
			-type f -exec sha256sum {} + 2>/dev/null | awk '{ print "content - - " $1 " " $2 }'
	} | grep -vE "$SNAPSHOT_KEEP" | sort >"$1"
}

# same_as FILE: nothing came, went or changed since that list was written.
same_as()
{
	snapshot /tmp/snapshot.now
	diff "$1" /tmp/snapshot.now
}
