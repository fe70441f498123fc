#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# glassctl_signature.sh: what doctor says of a kernel that wants modules signed. The machine
# is given other faces in mount namespaces: files of sysfs, the firmware's variables, and
# the key of DKMS are laid over its own. Prints TAP.
# Weak: no firmware and no shim are here; a kernel that really refuses is in tests/lab/dkms-guest.
set -u
GLASSCTL=$PWD/${GLASSCTL:-build/tests/unit/glassctl}
# shellcheck source=tests/unit/tap.sh
. tests/unit/tap.sh
export GLASSCTL

# face LOCKDOWN SIG_ENFORCE SECURE_BOOT KEY LOADED: the row on such a machine, as JSON in $row.
# Each argument may be "-": not there.
face()
{
	# shellcheck disable=SC2016
	row=$(unshare --mount --propagation private bash -e -c '
		put() { [ "$2" = - ] || printf "%b" "$2" >"$1"; }
		for dir in /sys/kernel/security /sys/firmware /sys/module /var/lib; do
			mount -t tmpfs tmpfs $dir
		done
		put /sys/kernel/security/lockdown "$1"
		mkdir -p /sys/module/module/parameters /sys/firmware/efi/efivars /var/lib/dkms /var/lib/shim-signed/mok
		put /sys/module/module/parameters/sig_enforce "$2"
		put /sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c "$3"
		[ "$4" = - ] || : >"$4"
		[ "$5" = - ] || mkdir /sys/module/glassram
		"$GLASSCTL" doctor --json || [ $? -eq 1 ]' face "$@" |
		jq -c '.checks[] | select(.name == "module signature")')
	echo "$row"
}

# row_is VERDICT VALUE CURE: words that the row has; an empty CURE means there is none.
row_is()
{
	jq -e --arg verdict "$1" --arg value "$2" --arg cure "$3" '.verdict == $verdict
		and (.value | contains($value))
		and (if $cure == "" then .cure == "" else (.cure | contains($cure)) end)' <<<"$row"
}

debian='sudo mokutil --import /var/lib/dkms/mok.pub, then reboot'
ubuntu='sudo mokutil --import /var/lib/shim-signed/mok/MOK.der, then reboot'
on='\x06\x00\x00\x00\x01'
off='\x06\x00\x00\x00\x00'

free()
{
	face '[none] integrity confidentiality\n' 'N\n' - - - && row_is ok 'not demanded' '' && ! grep -q 'Secure Boot' <<<"$row" &&
		face - - - - - && row_is ok 'not demanded' ''
}

secure_boot()
{
	face 'none [integrity] confidentiality\n' 'N\n' "$on" /var/lib/dkms/mok.pub - &&
		row_is limited 'demanded by this kernel, Secure Boot is on' "$debian"
}

firmware_off()
{
	face 'none [integrity] confidentiality\n' 'N\n' "$off" /var/lib/dkms/mok.pub - &&
		row_is limited 'demanded' "$debian" && ! grep -q 'Secure Boot is on' <<<"$row"
}

lenient()
{
	face '[none] integrity confidentiality\n' 'N\n' "$on" /var/lib/dkms/mok.pub - &&
		row_is ok 'not demanded, Secure Boot is on' ''
}

enforced()
{
	face '[none] integrity confidentiality\n' 'Y\n' - /var/lib/dkms/mok.pub - && row_is limited demanded "$debian"
}

ubuntu()
{
	face 'none integrity [confidentiality]\n' 'Y\n' "$on" /var/lib/shim-signed/mok/MOK.der - && row_is limited demanded "$ubuntu"
}

no_key()
{
	face 'none [integrity] confidentiality\n' 'N\n' "$on" - - &&
		row_is limited demanded 'apt install dkms openssl mokutil' && row_is limited demanded 'mokutil --import /var/lib/dkms/mok.pub'
}

loaded()
{
	face 'none [integrity] confidentiality\n' 'Y\n' "$on" /var/lib/dkms/mok.pub glassram && row_is ok demanded ''
}

check "a kernel that demands nothing" free
check "Secure Boot names the key to enrol" secure_boot
check "lockdown without Secure Boot does, too" firmware_off
check "Secure Boot with a kernel that does not mind" lenient
check "module.sig_enforce names the key to enrol" enforced
check "the key is where Ubuntu keeps it" ubuntu
check "no key yet: DKMS makes one" no_key
check "a module that was accepted needs no advice" loaded
tap_end
