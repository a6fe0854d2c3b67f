# SPDX-License-Identifier: GPL-2.0-or-later
# A reshape of an array with md's superblocks is turned back: three disks were to become four, half has moved, and it goes back to three, by
# --grow --revert while somebody writes, and, once it has been stopped, by --assemble --update=revert-reshape; the power goes in the midst of
# that, too. md has the array at the end, and takes one that is on its way back.
#: disks: 4x16M scsi, oracle 32M
#: kernels: 6.12
#: programs: mdadm
#: modules: md_mod raid456 raid6_pq
#: boots: 2
#: power: yes
#: udev: no
#: timeout: 400
#: emd-options: speed_limit_min=200 speed_limit_max=200
. /lib/emd/peer.sh
. /lib/emd/imsm.sh
. /lib/emd/md.sh
disks="$d0 $d1 $d2 $d3"

sums() { for disk in $disks; do head -c 65536 "$disk" | md5sum; done; }
# half_grows KIB: it is in the midst of it, and so far at least. Writes that wait for it make it faster than it is told to be, so they are few.
half_grows() {
	speed 200
	emdadm --grow $VOLUME -n 4 >/tmp/grow.log 2>&1 &
	wait_for 60 in_reshape
	emdwork load $VOLUME "$oracle" --jobs 2 --count 10 --seed 1 || fail "a write failed"
	wait_for 60 recorded_past "$1"
}
half_grown() {
	half_grows "$1"
	stopped
	in_superblocks=$(recorded)
	[ "${in_superblocks:-0}" -ge "$1" ] || fail "nothing is left to be turned: $(mdadm --examine "$d0")"
}
# back_to_three DEVICE: whoever has it
back_to_three() {
	blocks_right "$1"
	for disk in "$d0" "$d1" "$d2"; do
		mdadm --examine "$disk" | grep -q 'Device Role : Active device' || fail "$(mdadm --examine "$disk")"
	done
	mdadm --examine "$d3" | grep -q 'Device Role : spare' || fail "$(mdadm --examine "$d3")"
}

boot1() {
	emdadm --create $VOLUME --metadata 1.2 --level 5 --raid-devices 3 --spare-devices 1 --chunk 64 --config none --assume-clean $disks ||
		fail "EMD does not make the array"
	wait_for 20 assembled
	emdwork fill $VOLUME "$oracle"
	refuses "nothing to move back" emdadm --grow $VOLUME --revert
	before=$(size_sectors)
	half_grows 3072
	emdadm --grow $VOLUME --revert --dry-run >/tmp/plan 2>&1 || fail "$(cat /tmp/plan)"
	grep -q "becomes raid5 of 3 disks" /tmp/plan || fail "$(cat /tmp/plan)"
	! goes_back || fail "a dry run has turned it"
	emdwork load $VOLUME "$oracle" --jobs 2 --seconds 1000 --seed 4 >/tmp/load.log 2>&1 &
	emdadm --grow $VOLUME --revert >/tmp/back.log 2>&1 || fail "$(cat /tmp/back.log)"
	grep -q "back to what it was" /tmp/back.log || fail "$(cat /tmp/back.log)"
	reshaped 3 || fail "it has $(md raid_disks) disks, and a reshape at $(md reshape_position)"
	stop_writers
	members_agree
	back_to_three $VOLUME
	[ "$(size_sectors)" = "$before" ] || fail "it has $(size_sectors) sectors, not $before"

	say "the same while it is stopped, and the power goes"
	half_grown 8192	# so far that the way back takes longer than anything that happens on it
	before=$(sums)
	emdadm --assemble $VOLUME --config none --update=revert-reshape --dry-run $disks >/tmp/plan || fail "$(cat /tmp/plan)"
	cat /tmp/plan
	grep -q "becomes raid5 of 3 disks" /tmp/plan || fail "the plan does not say what it becomes"
	[ "$(sums)" = "$before" ] || fail "a dry run has written"
	takes --update=revert-reshape
	in_reshape || fail "no reshape is under way"
	expect_attr "/sys/block/$volume/md/reshape_direction" backwards
	expect_attr "/sys/block/$volume/md/raid_disks" "3 (4)"
	wait_for 60 recorded_below $((in_superblocks - 1024))
	cut_within 0.3 1
	emdwork load $VOLUME "$oracle" --jobs 2 --seconds 1000 --seed 2
	fail "the writer has ended"
}
boot2() {
	say "after the cut, $(mdadm --examine "$d3" | grep -E 'pos|Delta|New Offset|Events' | tr '\n' ' ')"
	takes
	in_reshape || fail "no reshape is under way"
	expect_attr "/sys/block/$volume/md/reshape_direction" backwards
	blocks_right $VOLUME
	emdwork load $VOLUME "$oracle" --jobs 2 --seconds 1000 --seed 3 >/tmp/load.log 2>&1 &
	speed 1000000
	wait_for 60 reshaped 3
	stop_writers
	members_agree
	back_to_three $VOLUME
	[ "$(size_sectors)" = $(($(md component_size) * 4)) ] || fail "it has $(size_sectors) sectors"
	stopped
	md_takes 3 $disks
	mdadm --stop /dev/md9 2>&1

	say "md goes on with one that EMD has turned"
	takes
	half_grown 3072
	takes --update=revert-reshape --freeze-reshape
	stopped
	md_takes 3 $disks
	back_to_three /dev/md9
	mdadm --stop /dev/md9 2>&1

	refuses "no reshape is under way" emdadm --assemble $VOLUME --config none --update=revert-reshape $disks
	no_emd || fail "it was started all the same"
}
