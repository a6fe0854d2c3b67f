# SPDX-License-Identifier: GPL-2.0-or-later
# A volume that EMD made, and one that EMD grew: the peer assembles them with the same data, and agrees with the parity. An array
# of each runs in the same moment, and neither sees the other's.
#: disks: 4x48M scsi, 2x8M scsi
#: kernels: 6.1
#: programs: mdadm mdmon
#: modules: md_mod raid456 raid1
#: boots: 2
#: timeout: 240
. /lib/emd/peer.sh
BYTES=33554432

peer_reads() {
	peer_assemble
	emdwork pattern-check "$peer_volume" $BYTES "$1"
	peer_check
	expect_attr "/sys/block/${peer_volume#/dev/}/md/raid_disks" "$2"
	peer_stop
}
emd_stop() { emdadm --stop --scan && wait_for 20 no_emd; }

boot1() {
	emdadm --create /dev/emd/imsm0 --metadata imsm --raid-devices 4 "$d0" "$d1" "$d2" "$d3"
	emdadm --create /dev/emd/vol0 --level 5 --raid-devices 3 --chunk 64 /dev/emd/imsm0
	volume=$(emd_volume)
	emdadm --wait "$volume" || true
	emdwork pattern-write "$volume" $BYTES 5
	emd_stop
	say "the peer reads what EMD made"
	peer_reads 5 3
	next_boot
}
boot2() {
	emdadm --assemble --scan --config none
	volume=$(emd_volume)
	emdwork pattern-check "$volume" $BYTES 5
	emdadm --grow "/dev/$(emd_container)" --raid-devices 4
	wait_for 60 grown
	side_by_side
	emd_stop
	say "the peer reads what EMD grew"
	peer_reads 6 4
}
side_by_side() {
	say "an array of each"
	mdadm --create /dev/md9 --run --metadata 1.2 --level 1 --raid-devices 2 "$d4" "$d5" 2>&1
	emdwork pattern-write /dev/md9 4194304 9 & other=$!
	emdwork pattern-write "$volume" $BYTES 6
	wait $other || fail "the array of md met an error"
	emdwork pattern-check /dev/md9 4194304 9
	grep -q "^md9 " /proc/mdstat || fail "md does not show its array"
	! grep -q emd /proc/mdstat || fail "md shows an array of EMD: $(cat /proc/mdstat)"
	! grep -q "^md9 " /proc/emdstat || fail "EMD shows the array of md: $(cat /proc/emdstat)"
	! emdadm --detail --scan | grep -q md9 || fail "emdadm shows the array of md"
	bad_member "$d4"
	mdadm --stop /dev/md9 2>&1
	described
	mdadm --zero-superblock "$d4" "$d5"
}
# Disks of md that nobody holds: described, and not taken by themselves nor overwritten.
described() {
	local has="has md 1\.2 metadata of array .*--force"
	say "disks of md"
	md5sum "$d4" "$d5" >/tmp/sums
	emdadm --examine "$d4" | grep -q "Version : 1\.2$" || fail "the disk is not described: $(emdadm --examine "$d4" 2>&1)"
	refuses "is not claimed" emdadm --incremental "$d4"
	refuses "$has" emdadm --create /dev/emd/new -e imsm -n 2 "$d4" "$d5"
	refuses "$has" emdadm --create /dev/emd/new -e none -l 1 -n 2 "$d4" "$d5"
	refuses "$has" emdadm --add "/dev/$(emd_container)" "$d4"
	md5sum -cs /tmp/sums || fail "a disk of md is not what it was"
}
# A member of an array of md is nothing that EMD takes.
bad_member() { refuses "md9|in use|busy|used by" emdadm --add "/dev/$(emd_container)" "$1"; }
emd_container() {
	local block
	for block in /sys/block/emd*; do
		case $(attr "$block/md/metadata_version") in external:imsm) echo "${block##*/}" ;; esac
	done
}
grown() { [ "$(attr "/sys/block/${volume#/dev/}/md/raid_disks")" = 4 ] && [ "$(attr "/sys/block/${volume#/dev/}/md/reshape_position")" = none ]; }
