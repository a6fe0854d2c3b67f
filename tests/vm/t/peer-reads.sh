# SPDX-License-Identifier: GPL-2.0-or-later
# A volume that EMD made, and one that EMD grew: the peer assembles them with the same data, and agrees with the parity.
#: disks: 4x48M scsi
#: programs: mdadm mdmon
#: modules: md_mod raid456
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
	emdwork pattern-write "$volume" $BYTES 6
	emd_stop
	say "the peer reads what EMD grew"
	peer_reads 6 4
}
emd_container() {
	local block
	for block in /sys/block/emd*; do
		case $(attr "$block/md/metadata_version") in external:imsm) echo "${block##*/}" ;; esac
	done
}
grown() { [ "$(attr "/sys/block/${volume#/dev/}/md/raid_disks")" = 4 ] && [ "$(attr "/sys/block/${volume#/dev/}/md/reshape_position")" = none ]; }
