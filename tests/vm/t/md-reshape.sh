# SPDX-License-Identifier: GPL-2.0-or-later
# emdadm --grow of arrays with md's superblocks: three disks become four while somebody writes, the power goes in the midst of it, the
# reshape goes on with all data, and md has the array at the end. Then chunk and layout; and what md goes on with.
#: disks: 4x16M scsi, oracle 32M
#: kernels: 6.12
#: programs: mdadm
#: rules: yes
#: modules: md_mod raid456 raid6_pq
#: boots: 3
#: power: yes
#: timeout: 300
#: emd-options: speed_limit_min=400 speed_limit_max=400
. /lib/emd/peer.sh
. /lib/emd/imsm.sh
VOLUME=/dev/emd/arr
peer_volume=/dev/md9

takes() { emdadm --assemble $VOLUME --config none "$@" || fail "EMD does not take the array"; wait_for 20 assembled; }
in_reshape() { case $(md reshape_position) in none | '') false ;; esac; }
md_done() { [ "$(attr /sys/block/md9/md/sync_action) $(attr /sys/block/md9/md/reshape_position)" = "idle none" ]; }
# recorded KIB: the superblocks say that the reshape is behind this
recorded() {
	set -- "$1" "$(mdadm --examine "$d0" | sed -n "s/.*Reshape pos'n : \([0-9]*\).*/\1/p")"
	[ "${2:-0}" -ge "$1" ]
}
# md_takes DISKS: md has it back with right data and parity
md_takes() {
	mdadm --assemble /dev/md9 "$d0" "$d1" "$d2" "$d3" 2>&1 || fail "md does not take it: $(mdadm --examine "$d0")"
	wait_for 60 md_done
	expect_attr /sys/block/md9/md/raid_disks "$1"
	expect_attr /sys/block/md9/md/degraded 0
	blocks_right /dev/md9
	peer_check
	mdadm --stop /dev/md9 2>&1
}

boot1() {
	emdadm --create $VOLUME --metadata 1.2 --level 5 --raid-devices 3 --spare-devices 1 --chunk 64 --config none --assume-clean \
		"$d0" "$d1" "$d2" "$d3" || fail "EMD does not make the array"
	wait_for 20 assembled
	emdwork fill $VOLUME "$oracle"
	emdadm --grow $VOLUME -n 4 --dry-run >/tmp/plan
	cat /tmp/plan
	grep -q "to be backed up: nothing" /tmp/plan || fail "the plan wants a backup"
	emdadm --grow $VOLUME -n 4 >/tmp/grow.log 2>&1 &
	emdwork load $VOLUME "$oracle" --jobs 2 --count 20 --seed 1	# no more: who waits for what is moved makes it go faster than it should
	wait_for 60 in_reshape
	wait_for 60 recorded 2048
	cut_at_write d3 10-60	# of more than a hundred
	emdwork load $VOLUME "$oracle" --jobs 2 --seconds 1000 --seed 3
	fail "the writer ended"
}
boot2() {
	say "after the cut, $(mdadm --examine "$d3" | grep -E 'pos|Delta|New Offset|Events' | tr '\n' ' ')"
	takes "$d0" "$d1" "$d2" "$d3"
	in_reshape || fail "no reshape is under way"
	went_on 4095 || fail "it stands at $(position), and more was recorded"
	blocks_right $VOLUME
	emdwork load $VOLUME "$oracle" --jobs 2 --seconds 1000 --seed 2 >/tmp/load.log 2>&1 &
	speed 1000000
	wait_for 60 reshaped
	wait_for 30 no_process emdadm	# who drives it has it for a moment longer
	stop_writers
	blocks_right $VOLUME
	members_agree
	emdadm --stop $VOLUME
	wait_for 20 no_emd
	md_takes 4

	say "chunk and layout at once, and the power goes"
	takes "$d0" "$d1" "$d2" "$d3"
	speed 400
	emdadm --grow $VOLUME --chunk 32 --layout left-asymmetric >/tmp/grow.log 2>&1 &
	wait_for 60 in_reshape
	wait_for 60 recorded 2048
	cut_now
}
boot3() {
	say "md goes on where EMD was interrupted"
	mdadm --assemble /dev/md9 "$d0" "$d1" "$d2" "$d3" 2>&1 || fail "md does not take it: $(mdadm --examine "$d0" "$d1")"
	wait_for 60 md_done
	expect_attr /sys/block/md9/md/chunk_size 32768
	expect_attr /sys/block/md9/md/layout 0
	mdadm --stop /dev/md9 2>&1
	md_takes 4
	speed 1000000
	takes "$d0" "$d1" "$d2" "$d3"
	blocks_right $VOLUME
	members_agree
	emdadm --stop $VOLUME
}
