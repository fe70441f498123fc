#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# initrd.sh RELEASE OUT: a RAM disk that can mount a 9p root, made inside the lab root.
# Everything else the guest needs is loaded from that root.
set -eu

release=$1 out=$2
dir=$(mktemp -d)
mkdir -p "$dir"/{bin,dev,proc,sys,lower,upper,newroot,modules}
cp /usr/bin/busybox "$dir/bin/"
: >"$dir/modules/order" # stays empty where all is built in
for module in virtio_pci virtio_console virtio_rng 9pnet_virtio 9p overlay; do
	modprobe -S "$release" --show-depends "$module" | awk '$1 == "insmod" { print $2 }'
done | awk '!seen[$0]++' | while read -r file; do
	name=${file##*/}
	case $name in
	*.xz) xz -dc "$file" >"$dir/modules/${name%.xz}" ;;
	*.zst) zstd -qdc "$file" >"$dir/modules/${name%.zst}" ;;
	*) cp "$file" "$dir/modules/" ;;
	esac
	name=${name%.xz}
	echo "${name%.zst}" >>"$dir/modules/order"
done
install -m 755 "${0%/*}/initrd-init" "$dir/init"
(cd "$dir" && find . | cpio -o -H newc --quiet) >"$out.new"
mv "$out.new" "$out"
rm -rf "$dir"
