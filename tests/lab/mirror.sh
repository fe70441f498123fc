# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# mirror.sh: find Debian's mirror in the machine's own apt configuration, so that no host
# name stands in the project. Only entries whose signed Release file says Debian count;
# other people's repositories are ignored. Weak: needs package lists that were fetched once.

# debian_targets: "LABEL CODENAME URI" of each Debian entry that apt knows.
debian_targets()
{
	apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(CODENAME)|$(REPO_URI)' \
		'Created-By: Packages' 2>/dev/null |
		awk -F'|' '$1 == "Debian" { print $2, $3, $4 }' | sort -u
}

# plain_uri URI: a mirror+file: list is replaced by its first mirror, since the root has
# no such list; anything else stays.
plain_uri()
{
	local uri=$1 list

	case $uri in
	mirror+file:*)
		list=${uri#mirror+file:}
		list=/$(printf '%s' "$list" | sed -e 's|^/*||' -e 's|/*$||')
		uri=$(sed -e 's/#.*//' -e 's/[[:space:]].*//' -e '/^$/d' "$list" 2>/dev/null | head -1)
		[ -n "$uri" ] || die "apt's mirror list $list is empty or missing: name a mirror there"
		;;
	esac
	printf '%s\n' "${uri%/}"
}

debian_mirror()
{
	local uri

	uri=$(debian_targets | awk '$1 == "Debian" { print $3; exit }')
	if [ -z "$uri" ]; then
		apt-get -q update >/dev/null 2>&1 || true
		uri=$(debian_targets | awk '$1 == "Debian" { print $3; exit }')
	fi
	[ -n "$uri" ] || die "apt knows no Debian mirror: put one into /etc/apt/sources.list and run 'apt-get update'"
	plain_uri "$uri"
}

# security_mirror: that of the machine where it has one; a machine without (unstable, or a
# private mirror) gets its main mirror's sibling.
security_mirror()
{
	local uri

	uri=$(debian_targets | awk '$1 == "Debian-Security" { print $3; exit }')
	if [ -n "$uri" ]; then
		plain_uri "$uri"
	else
		uri=$(debian_mirror)
		printf '%s-security\n' "$uri"
	fi
}

# apt_acquire_options: how this machine fetches (proxy, certificates, timeouts), as an apt
# configuration file. Index and changelog settings stay behind: they are its own business.
apt_acquire_options()
{
	apt-config dump --format '%F "%v";%n' Acquire |
		grep -E '^Acquire::(http|https|ftp|Check-|Allow|ForceIPv|Queue-Mode|Max)' || true
}
