# SPDX-License-Identifier: GPL-2.0-or-later
# An array in use refuses to stop and goes on; stopped as soon as its user is gone, with writeback and a resync running,
# it takes nothing with it. Then the module can go.
#: disks: 3x16M, oracle 32M
#: kernels: 6.1 6.12 uml
#: timeout: 180
. /lib/emd/subject.sh

refuses_stop() {
	! try_stop 1 || fail "an array in use was stopped"
	[ -b "$(dev 1)" ] || fail "the refused stop removed the device"
}

for round in 1 2 3; do
	for level in raid0 raid1 raid5; do
		# A resync is running in every second round, too.
		[ $((round % 2)) = 0 ] && resync=0 || resync=none
		make_array 1 $level 65536 2 $resync "$d0" "$d1" "$d2"
		emdwork fill "$(dev 1)" "$oracle" --bytes 4194304
		emdwork load "$(dev 1)" "$oracle" --jobs 4 --seconds 1000 --batch $((round / 2)) &
		writer=$!
		wait_writer 1
		refuses_stop
		kill $writer; wait $writer || true
		stop_array 1
		make_array 1 $level 65536 2 none "$d0" "$d1" "$d2"
		emdwork verify "$(dev 1)" "$oracle" >/tmp/verify || { cat /tmp/verify; fail "$level: data is wrong"; }
		stop_array 1
	done
done
[ "$SUBJECT" = md ] || rmmod emd
