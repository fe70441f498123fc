#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# guest.sh: init of the lab VM: makes the machine a small Debian (no service manager), runs
# the one command, leaves its exit status in the run directory, and powers off.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
cd /

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mkdir -p /dev/pts /dev/shm
mount -t devpts -o mode=620,gid=5,ptmxmode=666 devpts /dev/pts
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mount -t tmpfs -o mode=1777 tmpfs /tmp
mount -t tmpfs -o mode=755 tmpfs /run
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t bpf bpf /sys/fs/bpf
mount -t debugfs debugfs /sys/kernel/debug
mount -t tracefs tracefs /sys/kernel/tracing
mount -t configfs configfs /sys/kernel/config 2>/dev/null
ln -sf /proc/self/fd /dev/fd
ln -sf /proc/self/fd/0 /dev/stdin
ln -sf /proc/self/fd/1 /dev/stdout
ln -sf /proc/self/fd/2 /dev/stderr
hostname glassram
ip link set lo up
chown glass:glass /home/glass

. /lab/run/settings
install -m 755 /lab/run/guest-screendump /usr/local/bin/lab-screendump
cat >/usr/local/sbin/lab-load <<'LOAD'
#!/bin/sh
# lab-load [PARAMETER...]: load the module of the running kernel; returns when udev is done.
ko=/glassram/build/kmod-$(uname -r)/glassram.ko
[ -e "$ko" ] || { echo "lab-load: $ko is missing: run 'tests/lab/lab build'" >&2; exit 1; }
insmod "$ko" "$@" && udevadm settle --timeout=20
LOAD
chmod 755 /usr/local/sbin/lab-load

# The project's own rule gives /dev/glassram its group and mode, as on a real machine.
mkdir -p /run/udev /etc/udev/rules.d
[ ! -e /glassram/kmod/60-glassram.rules ] || cp /glassram/kmod/60-glassram.rules /etc/udev/rules.d/
/usr/lib/systemd/systemd-udevd --daemon
case $LAB_DISPLAY in
bochs) modprobe bochs ;;
virtio) modprobe virtio-gpu ;;
esac

end()
{
	echo "$1" >/lab/run/status
	sync
	busybox poweroff -f
	sleep 60
}

cut -d' ' -f1 /proc/uptime >/lab/run/up
if [ -n "$LAB_LOAD" ]; then
	lab-load >/run/load.log 2>&1 || { cat /run/load.log >/dev/kmsg; end 125; }
fi

cd /glassram || end 125
if [ -n "$LAB_TTY" ]; then
	export TERM=$LAB_TERM
	# Opening the terminal gives it the size that QEMU knows, which is none: set it after.
	setsid --ctty --wait bash -c 'stty rows "$0" cols "$1"; exec bash /lab/run/command' \
		"${LAB_SIZE% *}" "${LAB_SIZE#* }" </dev/hvc0 >/dev/hvc0 2>&1
	end $?
fi

for dir in /sys/class/virtio-ports/*; do
	[ "$(cat "$dir/name")" != lab.out ] || port=/dev/${dir##*/}
done
# The port can be opened once only, so the command writes to a pipe.
mkfifo /run/out.fifo
cat /run/out.fifo >"$port" &
cat=$!
exec 3>/run/out.fifo
setsid --wait bash /lab/run/command </dev/null >&3 2>&1 3>&-
status=$?
exec 3>&-
# A daemon that the command left behind may hold the pipe open: wait, but not for it.
for _ in $(seq 50); do
	kill -0 $cat 2>/dev/null || break
	sleep 0.1
done
end $status
