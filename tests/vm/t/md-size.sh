# SPDX-License-Identifier: GPL-2.0-or-later
# Arrays with md's superblocks use more of each disk while somebody writes, and less again: what is new is resynchronised, shown and written; also after
# larger disks have taken the places of all. The power goes in the midst of one; md agrees on sizes and data.
#: disks: 4x16M scsi, 2x40M scsi, oracle 32M
#: kernels: 6.12
#: programs: mdadm
#: modules: md_mod raid456 raid6_pq raid1 raid10
#: boots: 2
#: power: yes
#: udev: no
#: timeout: 300
. /lib/emd/peer.sh
. /lib/emd/imsm.sh
VOLUME=/dev/emd/arr
peer_volume=/dev/md9

takes() { emdadm --assemble $VOLUME --config none "$@" || fail "EMD does not take the array"; wait_for 20 assembled; }
stops() { emdadm --wait-clean $VOLUME; emdadm --stop $VOLUME; wait_for 20 no_emd; wait_for 20 no_process emdmon; }
synced() { [ "$(md sync_action) $(md resync_start)" = "idle none" ]; }
whole() { [ "$(md degraded)" = 0 ] && synced; }
# settled: neither frozen nor between two sizes
settled() {
	case $(md metadata_version) in external:-*) return 1 ;; esac
	[ "$(md sync_action)" != frozen ] || return 1
	emdadm --grow $VOLUME --size "$(md component_size)" 2>&1 | grep -q "nothing to do"
}
write_on() { emdwork load $VOLUME "$oracle" --jobs 2 --seconds 1000 --seed "$BOOT" >/tmp/load.log 2>&1 & }
shows() { [ "$(size_sectors)" = "$1" ] || fail "it shows $(size_sectors) sectors, not $1"; }
# makes VERSION LEVEL KIB DISK...: of that size; behind it each disk has something of its own
makes() {
	local version=$1 level=$2 size=$3 disk
	shift 3
	for disk; do dd if=/dev/urandom of="$disk" bs=1M seek=2 count=13 oflag=direct conv=notrunc 2>/dev/null; done
	emdadm --create $VOLUME --metadata "$version" --level "$level" --raid-devices $# --size "$size" --bitmap=none --config none \
		$([ "$level" = 1 ] || echo --chunk 64) "$@"
	wait_for 20 assembled
	expect "$size" md component_size
	wait_for 60 synced
	emdwork fill $VOLUME "$oracle"
}
# is_refused: the kernel keeps a bitmap that nobody has recorded, so it does not follow the record, and that is taken back
is_refused() {
	local bitmap=/sys/block/$volume/md/bitmap
	echo internal >$bitmap/metadata
	echo 65536 >$bitmap/chunksize
	echo +16 >$bitmap/location
	refuses "has a bitmap" emdadm --grow $VOLUME --size max
	echo none >$bitmap/location
	expect 4096 md component_size
	synced || fail "nothing has changed, and it is at $(md sync_action) from $(md resync_start) on"
	emdadm --grow $VOLUME --size 4M 2>&1 | grep -q "nothing to do" || fail "its record has another size: $(mdadm --examine "$d0" "$d1")"
}
# replaced_by OLD NEW: and what the new one has behind the data is its own
replaced_by() {
	dd if=/dev/urandom of="$2" bs=1M seek=20 count=19 oflag=direct conv=notrunc 2>/dev/null
	emdadm $VOLUME --add "$2"
	emdadm $VOLUME --fail "$1" --remove "$1"
	wait_for 60 whole
}
# grows DATA: as far as the disks go, for DATA disks of data, under a writer
grows() {
	local before
	before=$(md component_size)
	write_on
	emdadm --grow $VOLUME --size max || fail "it does not grow"
	[ "$(md component_size)" -gt $((before * 2)) ] || fail "it had $before KiB of each, and has $(md component_size)"
	shows $(($(md component_size) * 2 * $1))
	wait_for 60 synced
	stop_writers
	expect resync md last_sync_action
	emdwork extend $VOLUME "$oracle"
	emdwork load $VOLUME "$oracle" --jobs 2 --count 100 --seed 7
	members_agree
	blocks_right $VOLUME
}
# md_takes SECTORS DISK...: md has it, of the size that EMD has
md_takes() {
	local component
	component=$(md component_size)
	stops
	mdadm --assemble /dev/md9 "$@" 2>&1 || fail "md does not take it: $(mdadm --examine "$@" 2>&1)"
	wait_for 20 is_synced /sys/block/md9/md
	expect_attr /sys/block/md9/md/degraded 0
	expect_attr /sys/block/md9/md/component_size "$component"
	blocks_right /dev/md9
	peer_check
	mdadm --stop /dev/md9 2>&1
	takes "$@"
	expect "$component" md component_size
	shows $((component * 2 * data))
	blocks_right $VOLUME
}

boot1() {
	data=2
	makes 1.2 5 4096 "$d0" "$d1" "$d2"
	refuses "changes no shape" emdadm --grow $VOLUME --size max --raid-devices 4
	refuses "replace it by a larger one" emdadm --grow $VOLUME --size 20M
	refuses "would lose what lies behind 4096 KiB.*--array-size=4096" emdadm --grow $VOLUME --size 2M
	emdadm --grow $VOLUME --size max --dry-run >/tmp/plan || fail "no plan"
	grep -q "to be resynchronised: the 1.* MiB that are new" /tmp/plan && grep -q "component_size = " /tmp/plan || fail "$(cat /tmp/plan)"
	expect 4096 md component_size
	is_refused
	grows 2
	emdadm --grow $VOLUME --size max 2>&1 | grep -q "nothing to do" || fail "it is so large already"
	md_takes "$d0" "$d1" "$d2"

	say "less of each disk"
	emdwork fill $VOLUME "$oracle" --bytes 6291456
	write_on
	refuses "would lose" emdadm --grow $VOLUME --size 5M
	emdadm --grow $VOLUME --size 5M --array-size 10M || fail "it does not become smaller"
	expect 5120 md component_size
	emdadm --grow $VOLUME --array-size 6M
	emdadm --grow $VOLUME --size 3M || fail "it does not become smaller"
	expect 3072 md component_size
	stop_writers
	synced || fail "nothing is new, and it is at $(md sync_action)"
	members_agree
	md_takes "$d0" "$d1" "$d2"

	say "whoever wants more is killed in the midst of it"
	emdadm --verbose --grow $VOLUME --size 4M 2>&1 | while read -r line; do
		case $line in *"monitor records"*) killall -9 emdadm ;; esac
	done
	wait_for 60 settled
	wait_for 60 synced
	members_agree
	blocks_right $VOLUME
	emdadm --grow $VOLUME --array-size 6M
	[ "$(md component_size)" = 3072 ] || emdadm --grow $VOLUME --size 3M

	say "more of them again, and the power goes: in the midst of the record, or of what is resynchronised"
	emdadm --wait-clean $VOLUME
	cut_at_write d$((SEED % 3)) 1-3
	emdadm --grow $VOLUME --size max
	cut_now
}
boot2() {
	data=2
	takes "$d0" "$d1" "$d2"
	say "the boot has found $(md component_size) KiB of each, $(md sync_action)"
	[ "$(md component_size)" = 3072 ] || [ "$(md component_size)" -gt 10000 ] || fail "it has another size"
	blocks_right $VOLUME
	wait_for 60 synced
	emdadm --grow $VOLUME --size max
	wait_for 60 synced
	shows $(($(md component_size) * 4))
	members_agree
	md_takes "$d0" "$d1" "$d2"
	stops
	mdadm --zero-superblock "$d0" "$d1" "$d2" 2>&1

	say "mirrors with their superblocks at the end"
	data=1
	makes 1.0 1 4096 "$d0" "$d1"
	grows 1
	md_takes "$d0" "$d1"
	say "larger disks take the places of both"
	replaced_by "$d0" "$d4"
	replaced_by "$d1" "$d5"
	grows 1
	[ "$(md component_size)" -gt 38912 ] || fail "it has $(md component_size) KiB of disks of 40 MiB"
	md_takes "$d4" "$d5"
	stops
	mdadm --zero-superblock "$d0" "$d1" "$d4" "$d5" 2>&1

	say "RAID10, which has had a bitmap"
	data=2
	makes 1.1 10 4096 "$d0" "$d1" "$d2" "$d3"
	emdadm --grow $VOLUME --bitmap=internal
	refuses "--bitmap=none takes it away" emdadm --grow $VOLUME --size max
	emdadm --grow $VOLUME --bitmap=none
	grows 2
	md_takes "$d0" "$d1" "$d2" "$d3"
}
