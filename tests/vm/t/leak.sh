# SPDX-License-Identifier: GPL-2.0-or-later
# Arrays are made, written, degraded and stopped many times: nothing is left of them, and the module can go. Arrays that
# are idle have no thread of their own, and a RAID6 of ten members takes less than a MiB.
#: disks: 12x8M
#: modules: raid6_pq xor
#: kernels: 6.12 uml
#: files: tests/vm/guest/array.sh tests/vm/guest/bitmap.sh
#: udev: no
#: timeout: 300
. /array.sh
. /bitmap.sh
[ "$KERNEL" = uml ] && arrays=90 || arrays=33

objects() { cat /sys/module/emd/refcnt; ls /sys/block | grep -c '^emd' || true; }
# free_kib: also what each CPU keeps for its next pages, which is 1 to 3 MiB and changes all the time
free_kib() {
	local kib count
	echo 3 >/proc/sys/vm/drop_caches
	kib=$(sed -n 's/^MemFree: *\([0-9]*\) kB/\1/p' /proc/meminfo)
	for count in $(sed -n 's/^ *count: *//p' /proc/zoneinfo); do kib=$((kib + count * 4)); done
	echo "$kib"
}
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
rounds() {	# rounds NUMBER: so many arrays
	local last=$((number + $1))
	while [ $number -lt $last ]; do
		case $((number % 3)) in
		0) round raid1 2 0 - "$d0" "$d1" ;;
		1) round raid5 3 64 2 "$d0" "$d1" "$d2" ;;
		2) round raid0 2 64 1 "$d0" "$d1" ;;
		esac
		number=$((number + 1))
	done
}
rounds 9	# what is kept for later use is there then
for try in 1 2 3; do
	before=$(steady_kib)
	rounds $arrays
	after=$(steady_kib)
	expect "0
0" objects
	say "$arrays arrays; free memory went from $before to $after KiB"
	# What the kernel keeps for itself goes up and down by as much as 4 KiB for each array; who loses them loses them each time.
	# KASAN keeps what was freed: there kmemleak looks (init).
	[ "$KERNEL" != uml ] && [ $((before - after)) -ge $((arrays * 4)) ] || break
	[ $try != 3 ] || fail "$((before - after)) KiB are lost, and before that no fewer each time"
done
dd if="$d0" of=/dev/null bs=4096 count=1 2>/dev/null

# What is left when all arrays are idle: the module's own. The kernel's common workers have an array's name while they work for it.
threads() { cat /proc/[0-9]*/comm 2>/dev/null | grep -v '^kworker/[0-9u]' | grep -c emd || true; }
use() { array=$1 md=/sys/block/$1/md emd=/sys/block/$1/emd dev=/dev/$1; }
before=$(threads)
[ "$before" -gt 0 ] || fail "no thread of the module is seen"
for i in 0 1 2 3 4 5 6; do
	eval "disk=\$d$i"
	make_array emd$i raid1 2 0 - "$disk" -
	start_array
done
all_bits "$d7"
bitmap_array emd7 raid1 2 0 - "$d7" -
start_array
make_array emd8 raid5 3 64 2 "$d8" "$d9" -
start_array
make_array emd9 raid6 4 64 2 "$d10" "$d11" - -
start_array
for i in 0 1 2 3 4 5 6 7 8 9; do dd if=/dev/zero of=/dev/emd$i bs=64k count=4 oflag=direct conv=notrunc 2>/dev/null; done
threads_are() { [ "$(threads)" = "$1" ]; }
wait_for 20 threads_are "$before"
for i in 0 1 2 3 4 5 6 7 8 9; do use emd$i; stop_array; done

ten_members() {
	make_array emd0 raid6 10 64 2 "$d0" "$d1" "$d2" "$d3" "$d4" "$d5" "$d6" "$d7" "$d8" "$d9"
	start_array
}
ten_members
for try in 1 2 3; do
	stop_array
	before=$(steady_kib)
	ten_members
	after=$(steady_kib)
	say "an idle RAID6 of ten members takes $((before - after)) KiB"
	[ "$KERNEL" != uml ] && [ $((before - after)) -ge 1024 ] || break
	[ $try != 3 ] || fail "an idle RAID6 of ten members takes more than a MiB each time"
done
stop_array
rmmod emd
