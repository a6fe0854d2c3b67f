# SPDX-License-Identifier: GPL-2.0-or-later
# Arrays of md with an internal bitmap, made by mdadm and by EMD: a member that was away while 1 % was written is back after less than
# 5 % of a resync, with everything; who was away for too long, or went on alone, is rebuilt whole; after a cut only what has bits is
# resynchronised, by EMD and by md, whichever wrote it.
#: disks: 4x32M scsi, 2x256M scsi
#: kernels: 6.12
#: programs: mdadm
#: modules: md_mod raid456 raid1
#: boots: 2
#: power: yes
#: timeout: 600
. /lib/emd/peer.sh
BYTES=33554432 REGION=65536

use()	     { array=$(readlink -f "/dev/emd/$1"); md=/sys/block/${array#/dev/}/md emd=/sys/block/${array#/dev/}/emd; [ -b "$array" ]; }
emd_idle()   { attr_is "$md/sync_action" idle && attr_is "$md/degraded" 0; }
md_idle()    { is_synced /sys/block/md9/md && attr_is /sys/block/md9/md/degraded 0; }
emd_takes()  { local name=$1; shift; emdadm --assemble "/dev/emd/$name" --config none "$@" || fail "EMD does not take the array"; use "$name"; }
emd_stop()   { emdadm --stop "/dev/emd/$1"; wait_for 20 test ! -e "/dev/emd/$1"; }
md_stop()    { wait_for 20 mdadm --stop /dev/md9 2>&1; wait_for 20 no_md; }
dirty_is()   { [ "$(attr "$emd/bitmap_dirty")" -le "$1" ]; }
has_bits()   { ! dirty_is 0; }
settle_bits() { echo 0.1 >"$md/bitmap/time_base"; wait_for 30 dirty_is 0; echo 5 >"$md/bitmap/time_base"; }
component()  { echo $(($(attr "$md/component_size") * 2)); }
worked()     { echo $(($(component) - $(attr "$emd/sync_skipped"))); }
drop_caches() { echo 3 >/proc/sys/vm/drop_caches; }
content()    { drop_caches; dd if="$1" bs=1M iflag=direct 2>/dev/null | sha1sum; }
# write_some: one percent of a member, at one place
write_some() { dd if=/dev/urandom of="$array" bs=65536 count=5 seek=64 oflag=direct conv=notrunc 2>/dev/null; }
# bitmap_of DEVICE KEY: what mdadm says of its bitmap
bitmap_of()  { mdadm --examine-bitmap "$1" | sed -n "s/^ *$2 : \([0-9]*\).*/\1/p"; }
same_events() { for d; do [ "$(bitmap_of "$d" Events)" = "$(mdadm --examine "$d" | sed -n 's/^ *Events : //p')" ] || fail "$d: $(mdadm --examine-bitmap "$d") $(mdadm --examine "$d")"; done; }

# makers: leave the array stopped, in sync
md_make() {
	local level=$1
	shift
	mdadm --create /dev/md9 --run --metadata 1.2 --level "$level" --raid-devices $# --name vol --bitmap internal --bitmap-chunk 64K "$@" 2>&1
	wait_for 60 md_idle
	md_stop
}
emd_make() {
	local level=$1
	shift
	emdadm --create /dev/emd/arr --level "$level" --raid-devices $# --bitmap=internal --bitmap-chunk=64K --config none "$@" || fail "EMD does not make it"
	use arr
	wait_for 60 emd_idle
	emd_stop arr
}

# comes_back MAKER LEVEL DISK...: the second one leaves
comes_back() {
	local maker=$1 level=$2 before left=$4
	shift 2
	say "RAID$level, $maker: a member is away while 1 % is written"
	"$maker" "$level" "$@"
	emd_takes arr "$@"
	wait_for 60 emd_idle
	expect_attr "$md/consistency_policy" bitmap
	expect_attr "$md/bitmap/chunksize" $REGION
	wait_attr 10 "$md/bitmap/can_clear" true
	emdwork pattern-write "$array" 16777216 1
	settle_bits
	emdadm /dev/emd/arr --fail "$left" --remove "$left"
	wait_attr 10 "$md/degraded" 1
	write_some
	before=$(content "$array")
	expect_attr "$md/bitmap/can_clear" false
	emdadm /dev/emd/arr --re-add "$left"
	wait_for 60 emd_idle
	expect_attr "$md/last_sync_action" recover
	say "of $(component) sectors of each member $(worked) were rebuilt"
	[ "$(worked)" -gt 0 ] && [ $(($(worked) * 20)) -lt "$(component)" ] || fail "$(worked) sectors were rebuilt"
	wait_attr 10 "$md/bitmap/can_clear" true
	emdadm /dev/emd/arr --fail "$1" --remove "$1"	# what came back has to hold everything
	wait_attr 10 "$md/degraded" 1
	[ "$before" = "$(content "$array")" ] || fail "something is missing on $left"
	emdadm /dev/emd/arr --add "$1"	# a former member comes back with its data by itself
	wait_for 60 emd_idle
	[ $(($(worked) * 20)) -lt "$(component)" ] || fail "$(worked) sectors were rebuilt"
	settle_bits
	emd_stop arr
	same_events "$@"
	[ "$(bitmap_of "$left" 'Events Cleared')" -le "$(bitmap_of "$left" Events)" ] || fail "$(mdadm --examine-bitmap "$left")"
	say "md takes it back, with its bitmap"
	mdadm --assemble /dev/md9 "$@" 2>&1
	wait_for 60 md_idle
	! dmesg | grep -q "bitmap.*out of date" || fail "md finds the bitmap out of date"
	[ "$before" = "$(content /dev/md9)" ] || fail "md has other data"
	echo check >/sys/block/md9/md/sync_action
	wait_for 60 md_idle
	expect_attr /sys/block/md9/md/mismatch_cnt 0
	md_stop
	mdadm --zero-superblock "$@"
}

# A pass works in windows of 512 KiB: ten places of 256 KiB, across the borders of windows, are twenty of them.
place()	 { echo bs=65536 count=4 "$1=$(($2 * 400 + 37))"; }
places() { local i; drop_caches; for i in 0 1 2 3 4 5 6 7 8 9; do dd if="$array" $(place skip $i) iflag=direct 2>/dev/null; done | sha1sum; }
scattered() {
	local i before
	say "one percent of a greater array, at ten places"
	emdadm --create /dev/emd/arr --level 1 --raid-devices 2 --assume-clean --bitmap=internal --bitmap-chunk=64K --config none "$d4" "$d5" ||
		fail "EMD does not make it"
	use arr
	wait_attr 10 "$md/bitmap/can_clear" true
	settle_bits
	emdadm /dev/emd/arr --fail "$d5" --remove "$d5"
	wait_attr 10 "$md/degraded" 1
	for i in 0 1 2 3 4 5 6 7 8 9; do dd if=/dev/urandom of="$array" $(place seek $i) oflag=direct conv=notrunc 2>/dev/null; done
	before=$(places)
	emdadm /dev/emd/arr --re-add "$d5"
	wait_for 60 emd_idle
	say "of $(component) sectors of each member $(worked) were rebuilt"
	[ "$(worked)" -gt 0 ] && [ $(($(worked) * 20)) -lt "$(component)" ] || fail "$(worked) sectors were rebuilt"
	emdadm /dev/emd/arr --fail "$d4" --remove "$d4"
	wait_attr 10 "$md/degraded" 1
	[ "$before" = "$(places)" ] || fail "something is missing on $d5"
	emd_stop arr
	mdadm --zero-superblock "$d4" "$d5"
}

away_for_too_long() {
	say "another disk has had its place meanwhile, and bits were taken back: no way but a whole rebuild"
	emd_make 1 "$d0" "$d1"
	emd_takes arr "$d0" "$d1"
	wait_for 60 emd_idle
	wait_attr 10 "$md/bitmap/can_clear" true
	emdadm /dev/emd/arr --fail "$d1" --remove "$d1"
	emdwork pattern-write "$array" 16777216 3
	emdadm /dev/emd/arr --add "$d2"
	wait_for 60 emd_idle
	expect_attr "$emd/sync_skipped" 0
	wait_attr 10 "$md/bitmap/can_clear" true
	settle_bits
	emdadm /dev/emd/arr --fail "$d2" --remove "$d2"
	refuses "away for too long.*--add" emdadm /dev/emd/arr --re-add "$d1"
	emdadm /dev/emd/arr --add "$d1"
	wait_for 60 emd_idle
	expect_attr "$emd/sync_skipped" 0
	say "a disk that went on alone has other data, and no bit says where"
	emdadm /dev/emd/arr --fail "$d1" --remove "$d1"
	emd_stop arr
	emdadm --assemble /dev/emd/arr --run --config none "$d1"
	use arr
	emdwork pattern-write "$array" 65536 4
	emd_stop arr
	emd_takes arr --run "$d0"
	refuses "does not know the members" emdadm /dev/emd/arr --re-add "$d1"
	emdadm /dev/emd/arr --add "$d1"
	wait_for 60 emd_idle
	expect_attr "$emd/sync_skipped" 0
	emdwork pattern-check "$array" 16777216 3
	emd_stop arr
	mdadm --zero-superblock "$d0" "$d1" "$d2"
}

# What differs in a region without a bit is left alone: so nobody has resynchronised it.
FAR=28311552
spoil() { dd if=/dev/urandom of="$1" bs=4096 count=1 seek=$((FAR / 4096)) oflag=direct conv=notrunc,fsync 2>/dev/null; }
monitors() { set -- "$1" $(pidof emdmon); [ $(($# - 1)) = "$1" ]; }
far()	{ drop_caches; dd if="$1" bs=4096 count=1 skip=$((FAR / 4096)) iflag=direct 2>/dev/null | sha1sum; }
near()	{ drop_caches; dd if="$1" bs=1M skip=1 count=12 iflag=direct 2>/dev/null | sha1sum; }

boot1() {
	comes_back md_make 1 "$d0" "$d1"
	comes_back emd_make 5 "$d0" "$d1" "$d2"
	scattered
	away_for_too_long

	say "two arrays are written when the power goes, and emdmon of one was killed before"
	md_make 1 "$d0" "$d1"
	emd_make 1 "$d2" "$d3"
	spoil "$d1"
	spoil "$d3"
	wait_for 20 monitors 0
	emd_takes one "$d0" "$d1"
	wait_for 20 monitors 1
	monitor=$(pidof emdmon)
	settle_bits
	emd_takes two "$d2" "$d3"
	settle_bits
	for name in one two; do
		use $name
		echo 0 >"$md/safe_mode_delay"	# it stays active
		while :; do dd if=/dev/urandom of="$array" bs=32768 count=4 seek=$((RANDOM % 64)) oflag=direct conv=notrunc 2>/dev/null; done &
	done
	for name in one two; do
		use $name
		wait_attr 30 "$md/array_state" active
		wait_for 30 has_bits
	done
	kill -9 "$monitor"
	cut_within 0.3 1.5
	wait
}
boot2() {
	say "EMD resynchronises what has bits"
	emd_takes one "$d0" "$d1"
	wait_for 60 emd_idle
	wait_attr 30 "$md/resync_start" none
	say "of $(component) sectors $(worked) were resynchronised"
	[ "$(worked)" -gt 0 ] && [ $(($(worked) * 2)) -lt "$(component)" ] || fail "$(worked) sectors were resynchronised"
	emd_stop one
	[ "$(near "$d0")" = "$(near "$d1")" ] || fail "the members differ where they were written"
	[ "$(far "$d0")" != "$(far "$d1")" ] || fail "a clean region was resynchronised"
	say "and so does md, of what EMD has written"
	mdadm --assemble /dev/md9 "$d2" "$d3" 2>&1
	wait_for 60 md_idle
	! dmesg | grep -q "bitmap.*out of date" || fail "md finds the bitmap out of date"
	md_stop
	[ "$(near "$d2")" = "$(near "$d3")" ] || fail "the members differ where they were written"
	[ "$(far "$d2")" != "$(far "$d3")" ] || fail "a clean region was resynchronised"
}
