# SPDX-License-Identifier: GPL-2.0-or-later
# A container made by the peer, with a RAID5 volume: EMD assembles it with its data, and stops it; the peer has it again.
#: kernels: 6.1
#: disks: 3x48M scsi
#: programs: mdadm mdmon
#: modules: md_mod raid456
#: timeout: 200
. /lib/emd/peer.sh
BYTES=33554432

peer_create 5 3 "$d0" "$d1" "$d2"
emdwork pattern-write "$peer_volume" $BYTES 77
peer_stop

say "emdadm assembles it"
emdadm --assemble --scan --config none || fail "emdadm does not assemble the peer's container"
volume=$(emd_volume)
emdwork pattern-check "$volume" $BYTES 77
emdwork pattern-write "$volume" $BYTES 78
emdadm --stop --scan
wait_for 20 no_emd

say "and the peer again"
peer_assemble
emdwork pattern-check "$peer_volume" $BYTES 78
peer_check
peer_stop
