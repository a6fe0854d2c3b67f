# SPDX-License-Identifier: GPL-2.0-or-later
# Arrays are made, written, degraded and stopped many times: nothing is left of them, and the module can go. A RAID6
# that is idle has no thread but the rescuers of its work queues, which sleep until memory is short.
#: disks: 3x8M
#: modules: raid6_pq xor
#: kernels: 6.12 uml
#: files: tests/vm/guest/array.sh
#: udev: no
#: timeout: 300
. /array.sh
[ "$KERNEL" = uml ] && rounds=100 || rounds=40

objects() { cat /sys/module/emd/refcnt; ls /sys/block | grep -c '^emd' || true; }
free_kib() { echo 3 >/proc/sys/vm/drop_caches; sed -n 's/^MemFree: *\([0-9]*\) kB/\1/p' /proc/meminfo; }
# steady_kib: when no more memory is given back, as what is kept for later use is after a second
steady_kib() {
	local last now
	now=$(free_kib)
	while :; do
		last=$now
		sleep 2
		now=$(free_kib)
		[ $((now - last)) -gt 32 ] || break
	done
	echo "$now"
}
round() {
	make_array emd0 "$@"
	echo none >"$md/resync_start"
	echo active >"$md/array_state"
	if [ $((number % 10)) = 0 ]; then
		dd if=/dev/zero of=$dev bs=4096 count=1 oflag=direct conv=notrunc 2>/dev/null
		[ "$1" = raid0 ] || echo faulty >"$(member "$d1")/state"
	fi
	echo clear >"$md/array_state"
	[ ! -e "$md" ] || fail "the array is there after it was stopped"
}

expect "0
0" objects
number=0
while [ $number -lt $rounds ]; do
	case $((number % 3)) in
	0) round raid1 2 0 - "$d0" "$d1" ;;
	1) round raid5 3 64 2 "$d0" "$d1" "$d2" ;;
	2) round raid0 2 64 1 "$d0" "$d1" ;;
	esac
	[ $number != $((rounds / 5)) ] || before=$(steady_kib)	# by then what is kept for later use is
	number=$((number + 1))
done
after=$(steady_kib)
expect "0
0" objects
say "$rounds arrays; free memory went from $before to $after KiB"
# 4 KiB for each would be seen; what the kernel itself keeps is less. KASAN keeps what was freed: there kmemleak looks (init).
[ "$KERNEL" = uml ] || [ $((before - after)) -lt $((rounds * 4 * 4 / 5)) ] || fail "$((before - after)) KiB are lost"
dd if="$d0" of=/dev/null bs=4096 count=1 2>/dev/null

# The kernel's common workers have an array's name while they work for it.
threads() { cat /proc/[0-9]*/comm 2>/dev/null | grep -v '^kworker/' | grep -c emd || true; }
rescuers() { cat /proc/[0-9]*/comm 2>/dev/null | grep -c '^kworker/R-emd' || true; }
sleepers=$(rescuers)
make_array emd0 raid6 4 64 2 "$d0" "$d1" "$d2" -
start_array
expect 0 threads
sleepers=$(($(rescuers) - sleepers))
[ $sleepers -le 3 ] || fail "an idle array has $sleepers rescuers"
stop_array
rmmod emd
