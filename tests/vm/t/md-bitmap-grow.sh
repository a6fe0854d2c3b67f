# SPDX-License-Identifier: GPL-2.0-or-later
# emdadm --grow --bitmap: arrays of md get a bitmap, and give it up, while they are written; it is used at once, mdadm and md agree, and
# the power may go between any two steps.
#: disks: 4x32M scsi, oracle 96M
#: kernels: 6.12
#: programs: mdadm
#: modules: md_mod raid456 raid1
#: boots: 5
#: power: yes
#: timeout: 400
. /lib/emd/peer.sh

use()	     { array=$(readlink -f /dev/emd/arr); md=/sys/block/${array#/dev/}/md emd=/sys/block/${array#/dev/}/emd; [ -b "$array" ]; }
emd_idle()   { attr_is "$md/sync_action" idle && attr_is "$md/degraded" 0; }
md_idle()    { is_synced /sys/block/md9/md && attr_is /sys/block/md9/md/degraded 0; }
takes()	     { emdadm --assemble /dev/emd/arr --config none "$@" || fail "EMD does not take the array"; use; }
stop()	     { emdadm --stop /dev/emd/arr; wait_for 20 test ! -e /dev/emd/arr; }
has_bitmap() { for d; do mdadm --examine "$d" | grep -q "Internal Bitmap" || return 1; done; }
none_has()   { for d; do ! mdadm --examine "$d" | grep -q "Internal Bitmap" || return 1; done; }
bits_of()    { mdadm --examine-bitmap "$1" | sed -n 's/^ *Bitmap : .*, \([0-9]*\) dirty.*/\1/p'; }
worked()     { echo $(($(attr "$md/component_size") * 2 - $(attr "$emd/sync_skipped"))); }
dirty_is()   { [ "$(attr "$emd/bitmap_dirty")" -le "$1" ]; }
# a check by md: data and parity agree
md_agrees() {
	mdadm --assemble /dev/md9 "$@" 2>&1
	wait_for 60 md_idle
	echo check >/sys/block/md9/md/sync_action
	wait_for 60 md_idle
	expect_attr /sys/block/md9/md/mismatch_cnt 0
	wait_for 20 mdadm --stop /dev/md9 2>&1
	wait_for 20 no_md
}

# life VERSION LEVEL DISK...
life() {
	local version=$1 level=$2 load
	shift 2
	say "$version, RAID$level: a bitmap comes and goes under load"
	emdadm --create /dev/emd/arr --metadata "$version" --level "$level" --raid-devices $# --bitmap=none --config none "$@"
	use
	wait_for 60 emd_idle
	emdwork fill "$array" "$oracle" --bytes 16777216
	emdwork load "$array" "$oracle" --seconds 3000 --jobs 2 &
	load=$!
	for turn in 1 2 3; do
		emdadm --grow /dev/emd/arr --bitmap=internal --bitmap-chunk=64K
		expect_attr "$md/bitmap/chunksize" 65536
		has_bitmap "$@" || fail "$(mdadm --examine "$1")"
		expect_attr "$md/consistency_policy" bitmap
		wait_attr 20 "$md/bitmap/can_clear" true
		emdadm --grow /dev/emd/arr --bitmap=none
		expect_attr "$md/bitmap/location" none
		none_has "$@" || fail "$(mdadm --examine "$1")"
	done
	emdadm --grow /dev/emd/arr --bitmap=internal --bitmap-chunk=64K
	emdadm --grow /dev/emd/arr --bitmap=internal 2>&1 | grep -q "nothing to do" || fail "it is there already"
	refuses "remove it first" emdadm --grow /dev/emd/arr --bitmap=internal --bitmap-chunk=128K
	refuses "changes nothing else" emdadm --grow /dev/emd/arr --bitmap=none --raid-devices 3
	kill -INT $load
	wait $load
	emdwork verify "$array" "$oracle"
	wait_attr 20 "$md/bitmap/can_clear" true
	echo 0.1 >"$md/bitmap/time_base"
	wait_for 30 dirty_is 0
	say "$version, RAID$level: a member comes back by it"
	emdadm /dev/emd/arr --fail "$2" --remove "$2"
	wait_attr 10 "$md/degraded" 1
	dd if=/dev/urandom of="$array" bs=65536 count=4 seek=300 oflag=direct conv=notrunc 2>/dev/null
	emdadm /dev/emd/arr --re-add "$2"
	wait_for 60 emd_idle
	[ "$(worked)" -gt 0 ] && [ $(($(worked) * 10)) -lt "$(($(attr "$md/component_size") * 2))" ] || fail "$(worked) sectors were rebuilt"
	emdwork verify "$array" "$oracle"
	say "$version, RAID$level: what the kernel leaves behind has all bits set"
	wait_attr 20 "$md/bitmap/can_clear" true
	wait_for 30 dirty_is 0
	echo none >"$md/bitmap/location"
	has_bitmap "$@" || fail "the record forgot it by itself"
	for d; do [ "$(bits_of "$d")" = $((($(attr "$md/component_size") + 63) / 64)) ] || fail "$(mdadm --examine-bitmap "$d")"; done
	emdadm --grow /dev/emd/arr --bitmap=none
	none_has "$@" || fail "$(mdadm --examine "$1")"
	emdwork verify "$array" "$oracle"
	stop
	md_agrees "$@"
	mdadm --zero-superblock "$@"
}

boot1() {
	life 1.2 5 "$d0" "$d1" "$d2"
	life 1.0 1 "$d0" "$d1"
	say "and then the power goes, in the midst of it"
	emdadm --create /dev/emd/arr --level 5 --raid-devices 3 --bitmap=none --config none "$d0" "$d1" "$d2"
	use
	wait_for 60 emd_idle
	emdwork fill "$array" "$oracle" --bytes 16777216
	cycle
}
# comes and goes until the power does, with writes beside it
cycle() {
	emdwork load "$array" "$oracle" --seconds 120 --jobs 2 &
	cut_within 1 4
	while :; do
		emdadm --grow /dev/emd/arr --bitmap=internal --bitmap-chunk=64K
		emdadm --grow /dev/emd/arr --bitmap=none
	done
}
# odd boots are md's, even ones are EMD's: both find what was acknowledged, and data and parity agree
boot() {
	if [ $((BOOT % 2)) = 1 ]; then
		mdadm --assemble --run /dev/md9 "$d0" "$d1" "$d2" 2>&1
		wait_for 60 md_idle
		emdwork verify /dev/md9 "$oracle"
		wait_for 20 mdadm --stop /dev/md9 2>&1
		wait_for 20 no_md
		md_agrees "$d0" "$d1" "$d2"
	fi
	takes "$d0" "$d1" "$d2"
	wait_for 60 emd_idle
	wait_attr 30 "$md/resync_start" none
	emdwork verify "$array" "$oracle"
	echo check >"$md/sync_action"
	wait_for 60 emd_idle
	expect_attr "$md/mismatch_cnt" 0
	[ "$BOOT" -lt 5 ] || return 0
	cycle
}
