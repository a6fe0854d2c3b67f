# SPDX-License-Identifier: GPL-2.0-or-later
# The story of EMD: an array grows live, loses power twice, and comes back whole. `make demo` tells it.
#: disks: 4x96M scsi, oracle 64M
#: programs: mkfs.ext4 e2fsck resize2fs fio mdadm mdmon
#: modules: ext4
#: extra-modules: md_mod raid456
#: rules: yes
#: power: yes
#: flush-delay: 4
#: boots: 4
#: emd-until: 3
#: emd-options: speed_limit_min=500 speed_limit_max=500
#: memory: 768
#: timeout: 220
. /lib/emd/imsm.sh
FULL_SPEED=1000000	# the module is loaded with a limit, so that what udev resumes does not end before somebody looks

step() { echo "== $*"; }

start_writers() {	# start_writers SECONDS
	emdwork load /mnt/blocks "$oracle" --jobs 2 --seconds 100000 --seed "$BOOT" >/tmp/load.log 2>&1 &
	fio --name=verify --filename=/mnt/fio --size=8M --rw=randwrite --bs=4k --direct=1 --verify=crc32c \
		--verify_backlog=64 --verify_fatal=1 --time_based --runtime="$1" --minimal >/tmp/fio.log 2>&1 &
	fio=$!
}
writers_live() {
	kill -0 $fio || { cat /tmp/fio.log; fail "fio ended"; }
	! no_process emdwork || { cat /tmp/load.log; fail "emdwork ended"; }
}
files_right() {
	(cd /mnt/files && sha256sum -c /mnt/sums >/tmp/sums.log) || { grep -v OK /tmp/sums.log; fail "a file is damaged"; }
	say "$(grep -c OK /tmp/sums.log) of $(wc -l </mnt/sums) files right"
}
data_right() { files_right; blocks_right /mnt/blocks; }
where() { echo "$(position) of $(end_position) sectors"; }

comes_back() {	# comes_back POSITION: where it was when the power went
	step "power is back: udev alone assembles"
	wait_for 60 assembled
	say "$VOLUME is there; reshape at $(where)"
	! no_process emdmon || fail "emdmon does not run"
	mount "$VOLUME" /mnt
	data_right
	step "the reshape goes on by itself"
	wait_for 60 went_on "$1"
	say "from $1 to $(where)"
}

boot1() {
	speed $FULL_SPEED
	step "a container of four disks"
	make_container "$d0" "$d1" "$d2" "$d3"
	step "a RAID5 of three of them; the fourth is a spare"
	make_raid5 3
	wait_for 60 idle
	emdadm --detail "$VOLUME"
	step "ext4 and files on it"
	mkfs.ext4 -q "$VOLUME"
	mount "$VOLUME" /mnt
	mkdir /mnt/files
	for i in $(seq 40); do head -c $((i * 20000)) /dev/urandom >"/mnt/files/$i"; done
	(cd /mnt/files && sha256sum *) >/mnt/sums
	head -c 16777216 /dev/zero >/mnt/blocks
	emdwork fill /mnt/blocks "$oracle"
	sync
	keep before "$(size_sectors)"
	step "emdadm --grow to four disks, under two writers that verify"
	start_writers 100000
	emdadm --grow $CONTAINER --raid-devices 4 --dry-run
	emdadm --grow $CONTAINER --raid-devices 4 >/tmp/grow.log 2>&1 &
	limit=$(($(now_cs) + 60 * SLOW * 100))
	until in_critical_section; do
		[ "$(now_cs)" -lt $limit ] || { cat /tmp/grow.log; fail "the critical section is never entered"; }
	done
	echo "@@cut now"
	say "the plug is pulled: $moved sectors moved, up to $may_move may be torn now, writes to $lo-$hi wait"
	keep first "$moved"
	cut_now
}

boot2() {
	comes_back "$first"
	start_writers 100000
	wait_for 200 moved_past $(($(end_position) / 8))
	writers_live
	second=$(position) end=$(end_position)
	reshaping && [ "$second" -gt 0 ] && [ "$second" -lt $((end * 3 / 4)) ] || fail "it is not in the middle: $second of $end"
	keep second "$second"
	step "the plug is pulled again in the middle: moved $second of $end sectors"
	cut_now
}

boot3() {
	speed $FULL_SPEED
	comes_back "$second"
	start_writers 15
	step "until the reshape ends"
	wait_for 300 reshaped
	wait $fio || { cat /tmp/fio.log; fail "fio found an error"; }
	say "fio verified without an error"
	stop_writers
	data_right
	step "check: do data and parity agree everywhere?"
	members_agree
	say "0 mismatches"
	step "the file system grows into the new space"
	after=$(size_sectors)
	[ $((after * 2)) = $((before * 3)) ] || fail "the volume has $after sectors and had $before"
	resize2fs "$VOLUME" 2>&1 | grep -v '^resize2fs'
	df -h /mnt
	data_right
	umount /mnt
	e2fsck -fn "$VOLUME" || fail "the file system is damaged"
	say "volume: $before sectors before, $after after"
	emdadm --stop --scan
	keep after "$after"
	next_boot
}

boot4() {
	. /lib/emd/peer.sh
	step "the same disks without EMD: Debian's mdadm and md"
	[ ! -e /sys/module/emd ] || fail "EMD is loaded"
	modprobe -a md_mod raid456
	peer_assemble
	peer_has raid_disks 4
	peer_has degraded 0
	[ "$(cat "/sys/block/${peer_volume#/dev/}/size")" = "$after" ] || fail "the peer sees another size"
	cat /proc/mdstat
	mount "$peer_volume" /mnt
	data_right
	umount /mnt
	e2fsck -fn "$peer_volume" || fail "the file system is damaged"
	step "md's own check"
	peer_check
	say "0 mismatches"
	peer_stop
}
