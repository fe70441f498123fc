# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# vm.sh: boot the lab root under its own QEMU and run one command in it.
#
# Three channels that never mix: the kernel's console goes to a file over the serial port,
# the command's output comes back over a virtio port, its exit status through a file of the
# run directory. The root is served read-only and overlaid with a tmpfs in the guest, so any
# number of machines may run. Weak: emulated (TCG) unless KVM is proved to work, so times
# measured inside are not real ones.

# What a healthy kernel never prints. Matched on the console only, never on test output.
TROUBLE='BUG:|WARNING:|Oops|Call Trace|KASAN|KFENCE|UBSAN:|Kernel panic|general protection fault|possible circular locking|possible recursive locking|inconsistent lock state|suspicious RCU usage|bad unlock balance|held lock freed|possible irq lock inversion|ODEBUG:|INFO: task .* blocked|detected stalls|refcount_t:'
# Lines that match but tell of no trouble.
HARMLESS='kfence: initialized'

# initrd_path ROW: named after what it is made from, so that checkouts share or differ.
initrd_path()
{
	local key

	key=$(cat "$LAB_DIR/initrd.sh" "$LAB_DIR/initrd-init" | sha256sum | cut -c1-12)
	printf '%s\n' "$CACHE/initrd/$(kernel_release "$1")-$key.cpio"
}

make_initrd()
{
	local row=$1 out

	out=$(initrd_path "$row")
	[ ! -e "$out" ] || return 0
	mkdir -p "$CACHE/initrd"
	enter_root "$LAB_DIR:/glassram:ro" "$CACHE/initrd:/lab/run" -- \
		bash /glassram/initrd.sh "$(kernel_release "$row")" "/lab/run/${out##*/}" ||
		die "cannot make the initial RAM disk of kernel $row"
}

setup_initrds()
{
	local row

	for row in $(kernel_rows | awk '{ print $1 }'); do
		make_initrd "$row"
	done
}

# What tests/planted/planted.sh writes before its first planted mistake.
PLANTED_FROM='lab: what follows is planted'

# without_known_traces: the OOM killer says with a call trace whom it met; tests let it kill on
# purpose. On 7.2 the console of the screen warns where the machine was too busy to draw the
# next picture in 100 ms; no program's drawing goes that way. One trace for each report is
# dropped, all else is kept.
without_known_traces()
{
	awk '/invoked oom-killer:/ { known = 1 }
		/WARNING: .* at drm_crtc_wait_one_vblank\+/ { known = 1; next }
		known && /Call Trace:/ { known = 0; next } { print }'
}

# trouble_in CONSOLE [planted]: print what is wrong on the console; true if anything is.
# With "planted" only what comes before the planted mistakes counts.
trouble_in()
{
	local judged

	judged=$(if [ "${2:-}" = planted ]; then sed "/$PLANTED_FROM/,\$d" "$1"; else cat "$1"; fi |
		tr -d '\0' | without_known_traces)
	grep -aE "$TROUBLE" <<<"$judged" | grep -avqE "$HARMLESS" || return 1
	printf -- '--- trouble on the console of the VM ---\n'
	grep -anE -A25 "$TROUBLE" <<<"$judged" | head -120
	printf -- '--- end of console excerpt ---\n'
}

# kvm_works: true where the lab's own kernel reaches its init under KVM. A /dev/kvm that
# opens proves nothing (nested, half-working ones exist), so it is tried once and the
# verdict kept for this kernel of the machine.
kvm_works()
{
	local verdict

	verdict=$CACHE/kvm-$(uname -r)
	[ -c /dev/kvm ] || return 1
	if [ ! -e "$verdict" ]; then
		note "lab: trying KVM once (at most 20 s)"
		if LAB_QUIET=1 "$LAB_DIR/lab" run --accel kvm --timeout 20 -- true >/dev/null 2>&1; then
			echo works >"$verdict"
		else
			echo fails >"$verdict"
		fi
	fi
	[ "$(cat "$verdict")" = works ]
}

# A boot takes 5 s, and 60 s on a machine with ten others; of the debug kernel 40 s, or
# minutes. Emulated, a boot was
# seen to hang for good while the second CPU came up, before anything of ours ran.
BOOT_PATIENCE=150
BOOT_PATIENCE_SOURCE=600

# comes_up FILE PID SECONDS: wait until the guest says that it is up, or the VM is gone.
comes_up()
{
	local i

	for ((i = 0; i < $3; i++)); do
		[ ! -e "$1" ] && kill -0 "$2" 2>/dev/null || return 0
		sleep 1
	done
	return 1
}

run_usage()
{
	die "run: $1: see 'lab --help'"
}

run_main()
{
	local row smp=2 mem='' append='' limit=600 display='' size=1280x800 accel=auto
	local icount='' load='' tty='' keep='' build='' run='' slub='' numa='' cpu=max,la57=off
	local binds rc status release qemu started planted='' patience=$BOOT_PATIENCE

	row=$(default_kernel)
	while [ $# -gt 0 ]; do
		case $1 in
		--kernel) row=${2:?}; shift ;;
		--smp) smp=${2:?}; shift ;;
		--mem) mem=${2:?}; shift ;;
		--append) append="$append ${2?}"; shift ;;
		--timeout) limit=${2:?}; shift ;;
		--display) display=bochs ;;
		--display=bochs | --display=virtio) display=${1#*=} ;;
		--size) size=${2:?}; shift ;;
		--accel) accel=${2:?}; shift ;;
		--icount) icount=1 ;;
		--load) load=1 ;;
		--tty) tty=1 ;;
		--build) build=1 ;;
		--planted) planted=planted ;;
		--numa) numa=1 ;;
		--slub-debug) slub='slub_debug=FZPU' ;;
		--run-dir) keep=${2:?}; shift ;;
		--) shift; break ;;
		-*) run_usage "no option '$1'" ;;
		*) break ;;
		esac
		shift
	done
	[ $# -gt 0 ] || run_usage "which command?"
	[[ $limit =~ ^[0-9]+$ ]] || run_usage "--timeout takes seconds, not '$limit'"
	ensure_setup
	ensure_kernel "$row"
	release=$(kernel_release "$row")
	# Its detectors take memory and time.
	if is_source_row "$row"; then
		mem=${mem:-4G}
		patience=$BOOT_PATIENCE_SOURCE
	fi
	mem=${mem:-2G}
	if [ -n "$build" ]; then
		with_lock "$TREE/lock" build_tree "$row" >&2 || die "the build failed"
	else
		sync_tree
	fi

	if [ -n "$keep" ]; then
		mkdir -p "$keep"
		run=$(cd "$keep" && pwd -P)
		rm -f "$run"/{status,up,console.log,qmp.sock,ask.sock,stdin}
	else
		run=$(mktemp -d "${TMPDIR:-/tmp}/glassram-vm.XXXXXX")
		# shellcheck disable=SC2064
		trap "rm -rf '$run'" EXIT
	fi
	install -m 755 "$LAB_DIR/guest.sh" "$LAB_DIR/guest-screendump" "$run/"
	printf '%q ' "$@" >"$run/command"
	{
		printf 'LAB_LOAD=%q\nLAB_TTY=%q\nLAB_DISPLAY=%q\n' "$load" "$tty" "$display"
		[ -z "$tty" ] || printf 'LAB_SIZE=%q\nLAB_TERM=%q\n' "$(stty size 2>/dev/null || echo '24 80')" "${TERM:-linux}"
	} >"$run/settings"
	install -m 644 "$(initrd_path "$row")" "$run/initrd"

	if [ "$accel" = auto ]; then
		accel=tcg
		{ [ -z "$icount" ] && kvm_works; } && accel=kvm
	fi
	qemu=(qemu-system-x86_64 -nodefaults -no-user-config -no-reboot -display none -machine pc -nic none
		-smp "$smp" -m "$mem" -kernel "/boot/vmlinuz-$release" -initrd /lab/run/initrd
		-append "console=ttyS0 loglevel=7 printk.devkmsg=on panic=-1 oops=panic watchdog_thresh=60 rcupdate.rcu_cpu_stall_timeout=180 kfence.sample_interval=10 $slub $(kernel_field "$row" 4)$append"
		-chardev file,id=console,path=/lab/run/console.log -serial chardev:console
		-device virtio-rng-pci -device virtio-serial-pci
		-virtfs local,path=/lab/root,mount_tag=root,security_model=none,readonly=on,multidevs=remap
		-virtfs local,path=/glassram,mount_tag=glassram,security_model=none,multidevs=remap
		-virtfs local,path=/lab/run,mount_tag=run,security_model=none,multidevs=remap
		-qmp unix:/lab/run/qmp.sock,server=on,wait=off)
	case $accel in
	tcg) [ -n "$icount" ] && qemu+=(-accel tcg,thread=single -icount shift=0,sleep=off -cpu "$cpu") ||
		qemu+=(-accel tcg,thread=multi -cpu "$cpu") ;;
	kvm) qemu+=(-accel kvm -cpu host) ;;
	*) run_usage "--accel takes tcg, kvm or auto, not '$accel'" ;;
	esac
	if [ -n "$numa" ]; then
		# Half of the memory and of the CPUs for each of two nodes; a socket has one node.
		local half=$(($(numfmt --from=iec "$mem") / 2))
		qemu+=(-object "memory-backend-ram,id=node0,size=$half" -object "memory-backend-ram,id=node1,size=$half"
			-numa node,memdev=node0,cpus=0-$((smp / 2 - 1)) -numa "node,memdev=node1,cpus=$((smp / 2))-$((smp - 1))" -smp "$smp,sockets=2")
	fi
	if [ -n "$tty" ]; then
		qemu+=(-chardev stdio,id=out,signal=off -device virtconsole,chardev=out,name=lab.tty)
	else
		qemu+=(-chardev stdio,id=out,signal=off -device virtserialport,chardev=out,name=lab.out)
	fi
	if [ -n "$display" ]; then
		# The second pair lets the guest ask its own QEMU for a picture of the screen.
		qemu+=(-device "$([ "$display" = virtio ] && echo virtio-vga || echo VGA,vgamem_mb=64),xres=${size%x*},yres=${size#*x}"
			-chardev socket,id=ask,path=/lab/run/ask.sock,server=on,wait=off
			-device virtserialport,chardev=ask,name=lab.qmp
			-chardev socket,id=answer,path=/lab/run/ask.sock -mon chardev=answer,mode=control)
	fi

	mapfile -t binds < <(tree_binds)
	started=$SECONDS
	rc=0
	# QEMU closes the port when its input ends, so the input is a pipe that never does.
	mkfifo "$run/stdin"
	if [ -n "$tty" ]; then
		local saved
		saved=$(stty -g)
		stty raw -echo
		setpriv --pdeathsig KILL timeout --foreground -k 5 "$limit" \
			setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child --propagation private -- \
			/bin/bash "$LAB_DIR/inside.sh" "$ROOT" "${binds[@]}" "$run:/lab/run" -- "${qemu[@]}" || rc=$?
		stty "$saved"
	else
		local vm attempt
		for attempt in 1 2; do
			rc=0
			setpriv --pdeathsig KILL timeout --foreground -k 5 "$limit" \
				setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child --propagation private -- \
				/bin/bash "$LAB_DIR/inside.sh" "$ROOT" "${binds[@]}" "$run:/lab/run" -- "${qemu[@]}" <>"$run/stdin" &
			vm=$!
			if [ $attempt -eq 1 ] && ! comes_up "$run/up" $vm "$patience"; then
				note "lab: the kernel did not reach its init in $patience s; its console ends with:"
				tail -n 5 "$run/console.log" >&2
				note "lab: starting the VM once more"
				kill $vm
				wait $vm || :
				continue
			fi
			wait $vm || rc=$?
			break
		done
	fi
	give_back "$CHECKOUT/out"
	[ -z "$keep" ] || give_back "$run"

	status=$(cat "$run/status" 2>/dev/null || true)
	if [ "$rc" -eq 124 ] || [ "$rc" -eq 137 ]; then
		{
			echo "lab: the VM was killed after $((SECONDS - started)) s (--timeout $limit); its console ends with:"
			tail -n 40 "$run/console.log"
		} >&2
		status=124
	elif [ -z "$status" ]; then
		{
			echo "lab: the VM ended without an exit status (QEMU: $rc); its console ends with:"
			tail -n 40 "$run/console.log"
		} >&2
		status=125
	fi
	if trouble_in "$run/console.log" "$planted" >&2; then
		[ "$status" -ne 0 ] || status=125
	fi
	return "$status"
}

shell_main()
{
	[ -t 0 ] || die "shell: this needs a terminal; use 'lab run -- COMMAND' elsewhere"
	run_main --build --load --tty --timeout 86400 "$@" -- bash -i
}
