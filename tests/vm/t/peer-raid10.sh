# SPDX-License-Identifier: GPL-2.0-or-later
# RAID10 in IMSM: what the peer made EMD assembles with its data, loses a disk, takes a spare; the peer has the same. And one that
# EMD made, for the peer; and what a takeover makes of it.
#: disks: 5x24M scsi
#: programs: mdadm mdmon
#: modules: md_mod raid0 raid10
#: kernels: 6.1
#: timeout: 240
. /lib/emd/peer.sh
BYTES=25165824
md() { attr "/sys/block/${volume#/dev/}/md/$1"; }
rebuilt() { [ "$(md degraded)" = 0 ] && [ "$(md sync_action)" = idle ]; }
checked() {
	echo check >"/sys/block/${volume#/dev/}/md/sync_action"
	wait_for 60 rebuilt
	expect 0 md mismatch_cnt
}
emd_stop() { wait_for 20 emdadm --stop --scan; wait_for 20 no_emd; }

peer_create 10 4 "$d0" "$d1" "$d2" "$d3"
emdwork pattern-write "$peer_volume" $BYTES 21
peer_stop

say "emdadm assembles what the peer made"
emdadm --assemble --scan --config none
volume=$(emd_volume)
expect raid10 md level
expect 258 md layout
emdwork pattern-check "$volume" $BYTES 21
wait_for 60 rebuilt
checked
say "a disk fails, a spare takes its place"
container=$(md metadata_version)	# external:/emd127/0
container=${container#external:/} container=/dev/${container%/*}
emdadm "$container" --fail "$d2"
wait_attr 20 "/sys/block/${volume#/dev/}/md/degraded" 1
emdwork pattern-write "$volume" $BYTES 22
emdwork pattern-check "$volume" $BYTES 22
emdadm "$container" --add "$d4"
wait_for 90 rebuilt
emdwork pattern-check "$volume" $BYTES 22
checked
emd_stop
say "and the peer again"
dd if=/dev/zero of="$d2" bs=1M 2>/dev/null || true
peer_assemble
emdwork pattern-check "$peer_volume" $BYTES 22
peer_has degraded 0
peer_check
peer_stop

say "one that EMD makes"
for d in $d0 $d1 $d3 $d4; do dd if=/dev/zero of="$d" bs=1M 2>/dev/null || true; done
emdadm --create /dev/emd/imsm0 --metadata imsm --raid-devices 4 "$d0" "$d1" "$d2" "$d3"
emdadm --create /dev/emd/vol0 -l10 -n4 --chunk 64 /dev/emd/imsm0
volume=$(emd_volume)
wait_for 60 rebuilt
emdwork pattern-write "$volume" $BYTES 23
checked
emd_stop
peer_assemble
emdwork pattern-check "$peer_volume" $BYTES 23
peer_has layout 258
peer_check
peer_stop

say "what EMD makes a RAID0 of it, and a RAID10 again, is one for the peer"
emdadm --assemble --scan --config none
volume=$(emd_volume)
emdadm --grow "$volume" --level 0
emd_stop
mdadm --assemble --scan 2>&1 || true
wait_for 60 find_peer_volume
peer_has level raid0
emdwork pattern-check "$peer_volume" $BYTES 23
emdwork pattern-write "$peer_volume" $BYTES 24
peer_stop
emdadm --assemble --scan --config none
volume=$(emd_volume)
emdadm --grow "$volume" --level 10
wait_for 60 rebuilt
emdwork pattern-check "$volume" $BYTES 24
emd_stop
peer_assemble
peer_has level raid10
peer_has degraded 0
emdwork pattern-check "$peer_volume" $BYTES 24
peer_check
peer_stop
