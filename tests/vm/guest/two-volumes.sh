# SPDX-License-Identifier: GPL-2.0-or-later
# A container of $d0 to $d3 with two RAID5 volumes of three disks each, both filled. Source it with refuse.sh.
imsm=/dev/emd/imsm0
vol0=/dev/emd/vol0 vol1=/dev/emd/vol1
name_of() { basename "$(readlink -f "$1")"; }
md() { attr "/sys/block/$(name_of $vol0)/md/$1"; }
md1() { attr "/sys/block/$(name_of $vol1)/md/$1"; }
idle() { [ "$(md sync_action)" = idle ]; }
data() { check_range $vol0 25165824 1; check_range $vol1 4194304 2; }

make_two_volumes() {
	emdadm --create $imsm -e imsm -n 4 "$d0" "$d1" "$d2" "$d3"
	emdadm -C $vol0 -l 5 -n 3 -c 64 -z 16M $imsm --assume-clean
	emdadm -C $vol1 -l 5 -n 3 -c 64 -z 4M $imsm --assume-clean
	wait_for 20 idle
	fill_range $vol0 25165824 1
	fill_range $vol1 4194304 2
	settle
	emdadm --wait-clean $vol0 $vol1
}
