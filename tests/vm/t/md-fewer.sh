# SPDX-License-Identifier: GPL-2.0-or-later
# Arrays with md's superblocks lose members, by --grow while somebody writes: RAID5 of four disks becomes one of three, after it was made
# smaller, and the power goes in the midst of that; md goes on with such a one. RAID6 of four becomes RAID5 of three, RAID5 of four RAID0
# of three, which hold as much as before, RAID5 of three RAID1 of two, and, with superblocks behind the data, RAID5 of four RAID0 of two.
# md has the arrays at the end.
#: disks: 4x16M scsi, oracle 32M
#: kernels: 6.12
#: programs: mdadm
#: modules: md_mod raid0 raid1 raid456 raid6_pq
#: boots: 2
#: power: yes
#: udev: no
#: timeout: 400
#: emd-options: speed_limit_min=200 speed_limit_max=200
. /lib/emd/peer.sh
. /lib/emd/imsm.sh
. /lib/emd/md.sh
disks="$d0 $d1 $d2 $d3"
METADATA=1.2

writer() { emdwork load $VOLUME "$oracle" --jobs 2 --seconds 1000 --seed "$SEED" >/tmp/load.log 2>&1 & }
# makes LEVEL DISK...
makes() {
	local level=$1
	shift
	emdadm --create $VOLUME --metadata $METADATA --level "$level" --raid-devices $# --chunk 64 --config none --assume-clean "$@" ||
		fail "EMD does not make the array"
	wait_for 20 assembled
}
# smaller OPTION...: as much smaller as emdadm says that it has to be for this, and filled. Sets $less, KiB.
smaller() {
	local said
	said=$(refuses "make it smaller first, with emdadm --grow --array-size=" emdadm --grow $VOLUME "$@"; emdadm --grow $VOLUME "$@" 2>&1) || true
	less=$(echo "$said" | sed -n 's/.*--array-size=\([0-9]*\).*/\1/p' | tail -n 1)
	[ "${less:-0}" -gt 1024 ] || fail "it does not say how small: $said"
	emdwork fill $VOLUME "$oracle" --bytes $((less * 1024))
	emdadm --grow $VOLUME --array-size="$less" || fail "the array is not made smaller"
	[ "$(size_sectors)" = $((less * 2)) ] || fail "it has $(size_sectors) sectors, not $((less * 2))"
}
# becomes LEVEL MEMBERS OPTION...: under a writer, at full speed
becomes() {
	local level=$1 members=$2
	shift 2
	speed 1000000
	writer
	emdadm --grow $VOLUME "$@" >/tmp/grow.log 2>&1 || fail "$(cat /tmp/grow.log)"
	reshaped "$members" || fail "it has $(md raid_disks) disks, and a reshape at $(md reshape_position)"
	stop_writers
	expect_attr "/sys/block/$volume/md/level" "$level"
	[ "$level" = raid0 ] || members_agree
	blocks_right $VOLUME
}
# md_has LEVEL MEMBERS: and of the disks no more than these
md_has() {
	local number=0 disk role
	local members=
	stopped
	for disk in $disks; do
		number=$((number + 1))
		role=$(mdadm --examine "$disk" 2>/dev/null | sed -n 's/.*Device Role : \([A-Za-z]*\).*/\1/p')
		case $role in
		Active) members="$members $disk"
			[ $number -le "$2" ] || fail "$disk is still a member: $(mdadm --examine "$disk")" ;;
		*)	[ $number -gt "$2" ] || fail "$disk is no member: $(mdadm --examine "$disk")" ;;
		esac
	done
	md_takes "$2" $members
	expect_attr /sys/block/md9/md/level "$1"
	wait_for 20 mdadm --stop /dev/md9
	emdadm --zero-superblock $disks 2>/dev/null || true
}

boot1() {
	makes 5 $disks
	smaller -n 3
	emdadm --grow $VOLUME -n 3 --dry-run >/tmp/plan 2>&1 || fail "$(cat /tmp/plan)"
	grep -q "raid5 of 4 disks, chunk 64K becomes raid5 of 3 disks, chunk 64K" /tmp/plan || fail "$(cat /tmp/plan)"
	! in_reshape || fail "a dry run has begun it"
	whole=$(md component_size)
	(emdadm --grow $VOLUME -n 3 || true) &	# it says what it is about, and ends with the power
	wait_for 60 in_reshape
	[ "$(md component_size)" -lt "$whole" ] || fail "nothing is given up, and there was no room"
	emdadm --grow $VOLUME --array-size=max || fail "it does not show all that it has"
	[ "$(size_sectors)" = $(($(md component_size) * 4)) ] || fail "it shows $(size_sectors) sectors, and three disks do not have that"
	wait_for 60 recorded_below $((less - 2048))
	cut_within 0.3 1
	emdwork load $VOLUME "$oracle" --jobs 2 --seconds 1000 --seed 2
	fail "the writer has ended"
}
boot2() {
	say "after the cut, $(mdadm --examine "$d3" | grep -E 'pos|Delta|New Offset|Events' | tr '\n' ' ')"
	takes
	in_reshape || fail "no reshape is under way"
	expect_attr "/sys/block/$volume/md/reshape_direction" backwards
	expect_attr "/sys/block/$volume/md/raid_disks" "3 (4)"
	blocks_right $VOLUME
	writer
	speed 1000000
	wait_for 60 reshaped 3
	stop_writers
	members_agree
	blocks_right $VOLUME
	md_has raid5 3

	say "md goes on with it"
	speed 200
	makes 5 $disks
	smaller -n 3
	(emdadm --grow $VOLUME -n 3 || true) &
	wait_for 60 in_reshape
	emdwork load $VOLUME "$oracle" --jobs 2 --count 10 --seed 1 || fail "a write failed"
	wait_for 60 recorded_below $((less - 2048))
	stopped
	[ "$(recorded)" -gt 1024 ] || fail "nothing is left for md: $(mdadm --examine "$d0")"
	md_takes 3 $disks
	wait_for 20 mdadm --stop /dev/md9
	mdadm --zero-superblock $disks

	say "a member less, and as much held as before"
	makes 6 $disks
	emdwork fill $VOLUME "$oracle"
	becomes raid5 3 --level 5 -n 3
	md_has raid5 3
	makes 5 $disks
	emdwork fill $VOLUME "$oracle"
	becomes raid0 3 --level 0 -n 3
	md_has raid0 3

	say "to mirrors"
	makes 5 "$d0" "$d1" "$d2"
	smaller --level 1 -n 2
	becomes raid1 2 --level 1 -n 2
	md_has raid1 2

	say "with superblocks behind the data nothing is used that is not the data's"
	METADATA=1.0
	makes 5 $disks
	smaller --level 0 -n 2
	becomes raid0 2 --level 0 -n 2
	[ "$(size_sectors)" = $((less * 2)) ] || fail "it has $(size_sectors) sectors, not $((less * 2))"
	md_has raid0 2
}
