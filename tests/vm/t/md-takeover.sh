# SPDX-License-Identifier: GPL-2.0-or-later
# Arrays with md's superblocks become other levels where they are, under a writer: RAID0 and RAID10, RAID0 and RAID5, RAID5 and RAID6, mirrors and RAID5.
# And two mirrors become RAID6 of four.
# The power goes in the midst of one; md has what comes out.
#: disks: 5x12M scsi, oracle 32M
#: kernels: 6.12
#: programs: mdadm
#: rules: yes
#: modules: md_mod raid456 raid6_pq raid10 raid0
#: boots: 2
#: power: yes
#: timeout: 400
. /lib/emd/peer.sh
. /lib/emd/imsm.sh
VOLUME=/dev/emd/arr
peer_volume=/dev/md9

takes() { emdadm --assemble $VOLUME --config none "$@" || fail "EMD does not take the array"; wait_for 20 assembled; }
put_record() { dd if="$1" of="$2" bs=4k seek=1 count=1 oflag=direct conv=notrunc 2>/dev/null; }
stops() { emdadm --wait-clean $VOLUME; emdadm --stop $VOLUME; wait_for 20 no_emd; }
write_on() { emdwork load $VOLUME "$oracle" --jobs 2 --seconds 1000 --seed "$BOOT" >/tmp/load.log 2>&1 & }
whole() { [ "$(md degraded)" = 0 ] && idle; }
# becomes LEVEL DISKS [OPTION...]: while somebody writes; what has redundancy gets it all
becomes() {
	local level=$1 disks=$2
	shift 2
	say "RAID$level of $disks"
	write_on
	emdadm --grow $VOLUME --level "$level" "$@"
	expect "raid$level" md level
	expect "$disks" md raid_disks
	[ "$level" = 0 ] || wait_for 60 whole
	stop_writers
	[ "$level" = 0 ] || members_agree
	blocks_right $VOLUME
}
# md_takes LEVEL DISK...: md has it back, whole
md_takes() {
	local level=$1
	shift
	mdadm --assemble /dev/md9 "$@" 2>&1 || fail "md does not take it: $(mdadm --examine "$@" 2>&1)"
	expect_attr /sys/block/md9/md/level "raid$level"
	blocks_right /dev/md9
	[ "$level" = 0 ] || peer_check
	mdadm --stop /dev/md9 2>&1
}

boot1() {
	emdadm --create $VOLUME --metadata 1.2 --level 0 --raid-devices 2 --chunk 64 --config none "$d0" "$d1"
	wait_for 20 assembled
	emdwork fill $VOLUME "$oracle"
	refuses "needs 2 spare disks .* emdadm --add, or use --force" emdadm --grow $VOLUME --level 10
	emdadm $VOLUME --add "$d2"
	emdadm $VOLUME --add "$d3"
	becomes 10 4
	say "a spare takes the place of the first member: whoever has followed that counts more disks than whoever reads them anew"
	emdadm $VOLUME --add "$d4"
	emdadm $VOLUME --fail "$d0"
	replaced() { [ "$(md "dev-$(basename "$(readlink -f "$d4")")/slot")" = 0 ] && whole; }
	wait_for 60 replaced
	dd if="$d4" of=/tmp/before bs=4k skip=1 count=1 iflag=direct 2>/dev/null
	becomes 0 2
	say "md starts nothing of which one says RAID0 and one RAID10"
	stops
	dd if="$d4" of=/tmp/now bs=4k skip=1 count=1 iflag=direct 2>/dev/null
	put_record /tmp/before "$d4"
	! mdadm --assemble /dev/md9 "$d4" "$d1" 2>&1 || fail "md has started a mixed set: $(cat /proc/mdstat)"
	mdadm --stop /dev/md9 2>/dev/null || true
	put_record /tmp/now "$d4"
	md_takes 0 "$d4" "$d1"
	takes "$d4" "$d1"
	emdadm $VOLUME --add "$d2"
	becomes 5 3
	emdadm $VOLUME --add "$d3"
	becomes 6 4
	becomes 5 3
	stops
	md_takes 5 "$d4" "$d1" "$d2" "$d3"
	takes "$d4" "$d1" "$d2" "$d3"
	say "RAID6 again, and the power goes"
	write_on
	cut_at_write any 1-12
	emdadm --grow $VOLUME --level 6
	cut_now
}
boot2() {
	takes "$d4" "$d1" "$d2" "$d3"
	blocks_right $VOLUME
	say "the boot has found a $(md level), $(md degraded) missing"
	wait_for 60 idle
	[ "$(md level)" = raid6 ] || becomes 6 4
	wait_for 60 whole
	members_agree
	emdadm $VOLUME --fail "$d4"
	emdadm $VOLUME --fail "$d1"
	blocks_right $VOLUME
	stops
	mdadm --zero-superblock "$d0" "$d4" "$d1" "$d2" "$d3" 2>&1

	say "two mirrors"
	emdadm --create $VOLUME --metadata 1.0 --level 1 --raid-devices 2 --assume-clean --config none "$d0" "$d1"
	wait_for 20 assembled
	emdwork fill $VOLUME "$oracle"
	emdadm $VOLUME --add "$d2"
	becomes 1 3 -n 3
	becomes 1 2 -n 2
	becomes 5 2
	becomes 1 2
	becomes 1 3 -n 3
	say "the first mirror fails: the third takes its place, and nothing is rebuilt"
	emdadm $VOLUME --fail "$d0"
	refuses "misses a disk" emdadm --grow $VOLUME -n 2
	speed 1
	write_on
	emdadm --grow $VOLUME -n 2 --force
	expect 2 md raid_disks
	expect 0 md degraded
	stop_writers
	speed 1000000
	members_agree
	blocks_right $VOLUME
	stops
	mdadm --zero-superblock "$d0" 2>&1	# it would be an older array by itself
	takes "$d1" "$d2"
	expect 0 md degraded
	becomes 5 2
	stops
	md_takes 5 "$d1" "$d2"
	mdadm --zero-superblock "$d1" "$d2" 2>&1

	say "mirrors whose data move"
	emdadm --create $VOLUME --metadata 1.2 --level 1 --raid-devices 2 --assume-clean --config none "$d0" "$d1"
	wait_for 20 assembled
	emdwork fill $VOLUME "$oracle"
	emdadm $VOLUME --add "$d2"
	emdadm $VOLUME --add "$d3"
	becomes 6 4 -n 4
	stops
	md_takes 6 "$d0" "$d1" "$d2" "$d3"
}
