# SPDX-License-Identifier: GPL-2.0-or-later
# A DDF container made by the peer, with a RAID5 volume: EMD runs it, writes it, loses a disk, rebuilds a spare, survives a
# cut; and the peer has it again.
#: disks: 5x64M scsi, oracle 32M
#: kernels: 6.12
#: programs: mdadm mdmon
#: modules: md_mod raid456
#: boots: 2
#: power: yes
#: timeout: 300
. /lib/emd/peer.sh
BYTES=16777216

emd_takes() {
	emdadm --assemble --scan --config none "$@" || fail "emdadm does not assemble it"
	volume=$(emd_volume)
	md=/sys/block/${volume#/dev/}/md
}
emd_stop() { emdadm --stop --scan; wait_for 20 no_emd; }
whole() { [ "$(attr "$md/sync_action")" = idle ] && [ "$(attr "$md/degraded")" = 0 ]; }
says() { emdadm --examine "$1" | grep -q "$2" || fail "no \"$2\": $(emdadm --examine "$1")"; }

boot1() {
	mdadm --create /dev/md/ddf0 --run --metadata ddf --raid-devices 4 "$d0" "$d1" "$d2" "$d3" 2>&1
	mdadm --create /dev/md/vol0 --run --level 5 --raid-devices 3 --chunk 64 --size 16384 /dev/md/ddf0 2>&1
	wait_for 60 peer_ready
	settle
	emdwork pattern-write "$peer_volume" $BYTES 1
	peer_stop

	say "EMD runs it with its data"
	emd_takes
	expect_attr "$md/level" raid5
	emdwork pattern-check "$volume" $BYTES 1
	emdwork pattern-write "$volume" $BYTES 2
	emd_stop
	says "$d0" "Optimal, Consistent"

	say "and the peer again"
	peer_assemble
	emdwork pattern-check "$peer_volume" $BYTES 2
	peer_check
	peer_stop

	say "a disk fails, and the spare takes its place"
	emd_takes
	lost=$(for d in "$d0" "$d1" "$d2" "$d3"; do [ -e "$md/dev-${d#/dev/}" ] && echo "$d"; done | head -n 1)
	emdadm "/dev/${volume#/dev/}" --fail "$lost"
	emdwork pattern-write "$volume" $BYTES 3
	wait_for 60 whole
	emdwork pattern-check "$volume" $BYTES 3
	emd_stop
	for d in "$d0" "$d1" "$d2" "$d3"; do [ "$d" = "$lost" ] || says "$d" "Offline, Failed"; done
	emdadm --zero-superblock "$lost"	# as if it had been taken away

	say "a new disk comes as a spare"
	emd_takes
	container=$(ls -d /sys/block/emd* | while read -r block; do [ -e "$block/md/level" ] && case $(attr "$block/md/metadata_version") in external:ddf) echo "${block##*/}" ;; esac; done)
	emdadm "/dev/$container" --add "$d4"
	says "$d4" "Global-Spare/Online"
	emdwork fill "$volume" "$oracle"
	emdwork load "$volume" "$oracle" --jobs 4 --seconds 1000 &
	cut_within 0.2 1.2
	wait
	cut_now
}
boot2() {
	say "after the cut what was acknowledged is there"
	emd_takes
	emdwork verify "$volume" "$oracle" --settle 1
	wait_for 60 whole
	emdwork verify "$volume" "$oracle"
	emd_stop
	peer_assemble
	emdwork verify "$peer_volume" "$oracle"
	peer_check
	peer_stop
}
