# SPDX-License-Identifier: GPL-2.0-or-later
# A DDF container made by EMD, with two volumes: a disk fails, a spare takes its place; the peer assembles them by their names with
# the same data, and EMD has them again, until one is deleted and the other renamed.
#: disks: 5x48M scsi
#: kernels: 6.12
#: programs: mdadm mdmon
#: modules: md_mod raid456 raid1
#: timeout: 300
. /lib/emd/peer.sh
BYTES=8388608

emd_stop() { emdadm --stop --scan; wait_for 20 no_emd; }
path_of() { readlink -f "/dev/emd/$1"; }
idle() { [ "$(attr "/sys/block/$1/md/sync_action")" = idle ] && [ "$(attr "/sys/block/$1/md/degraded")" = 0 ]; }
# both EMD|PEER: the two volumes, by name, are whole
both() { idle "$(basename "$(readlink -f "$1/vol")")" && idle "$(basename "$(readlink -f "$1/pair")")"; }
sums() { md5sum "$d0" "$d1" "$d2" "$d3" "$d4"; }

boot1() {
	say "nothing is written before it is meant"
	sums >/tmp/sums
	emdadm --create /dev/emd/ddf -e ddf -n 5 --dry-run "$d0" "$d1" "$d2" "$d3" "$d4"
	sums | cmp -s - /tmp/sums || fail "--dry-run has written"
	emdadm --create /dev/emd/ddf -e ddf -n 5 "$d0" "$d1" "$d2" "$d3" "$d4"
	sums >/tmp/sums
	refuses "DDF has mirrors of 2 and of 3" emdadm --create /dev/emd/vol -l 1 -n 5 /dev/emd/ddf
	refuses "no such layout of raid5" emdadm --create /dev/emd/vol -l 5 -p right-symmetric -n 3 /dev/emd/ddf
	refuses "has no room for 32768 KiB" emdadm --create /dev/emd/vol -l 5 -n 3 --size 32M /dev/emd/ddf
	refuses "a container of ddf" emdadm --create /dev/emd/vol -e imsm -l 5 -n 3 /dev/emd/ddf
	emdadm --create /dev/emd/vol -l 5 -n 3 --size 8M --dry-run /dev/emd/ddf
	sums | cmp -s - /tmp/sums || fail "what was refused has written"

	say "two volumes"
	emdadm --create /dev/emd/vol -l 5 -n 3 --chunk 64 --size 4M "$d0" "$d1" "$d2"
	emdadm --create /dev/emd/pair -l 1 -n 2 --size 8M "$d0" "$d3"
	refuses "has a volume named vol already|runs already" emdadm --create /dev/emd/vol -l 1 -n 2 /dev/emd/ddf
	emdwork pattern-write "$(path_of vol)" $BYTES 1
	emdwork pattern-write "$(path_of pair)" $BYTES 2
	wait_for 60 both /dev/emd

	say "a disk fails, and the spare takes its place"
	emdadm /dev/emd/vol --fail "$d1"
	emdwork pattern-write "$(path_of vol)" $BYTES 3
	wait_for 60 both /dev/emd
	emd_stop
	refuses "DDF metadata|ddf.*--force" emdadm --create /dev/emd/new -e imsm -n 1 "$d0"
	emdadm --assemble --scan --config none
	emdwork pattern-check "$(path_of vol)" $BYTES 3
	emdwork pattern-check "$(path_of pair)" $BYTES 2
	emd_stop

	say "the peer has both"
	mdadm --assemble --scan 2>&1 || true
	wait_for 30 both /dev/md
	for name in vol pair; do mdadm --examine "$d0" | grep -q "Name\[.*: $name *$" || fail "no volume $name: $(mdadm --examine "$d0")"; done
	emdwork pattern-check /dev/md/vol $BYTES 3
	emdwork pattern-check /dev/md/pair $BYTES 2
	peer_volume=$(readlink -f /dev/md/vol)
	echo check >"/sys/block/${peer_volume#/dev/}/md/sync_action"
	wait_for 60 both /dev/md
	peer_has mismatch_cnt 0
	emdwork pattern-write /dev/md/pair $BYTES 4
	peer_stop

	say "and EMD again"
	emdadm --assemble --scan --config none
	emdwork pattern-check "$(path_of vol)" $BYTES 3
	emdwork pattern-check "$(path_of pair)" $BYTES 4

	say "one of them is deleted"
	refuses "runs, a volume of this container" emdadm --kill-subarray=1 "$d0"
	emd_stop
	refuses "no volume 7: the container has 0 .vol., 1 .pair." emdadm --kill-subarray=7 "$d0"
	sums >/tmp/sums
	refuses "$d1 is not here, or failed, and would keep the record of volume pair" emdadm --kill-subarray=1 "$d0"
	emdadm --kill-subarray=1 --force --dry-run "$d3"
	sums | cmp -s - /tmp/sums || fail "--dry-run has written"
	emdadm --kill-subarray=1 --force "$d0"
	for disk in "$d0" "$d2" "$d3" "$d4"; do
		mdadm --examine "$disk" >/tmp/examined || fail "the peer cannot read $disk"
		! grep -q "Name\[.*: pair" /tmp/examined || fail "the peer has the volume still: $(cat /tmp/examined)"
	done
	emdadm --update-subarray=0 --update=name --name=other "$d2"
	mdadm --examine "$d0" | grep -q "Name\[.*: other *$" || fail "the peer knows no volume other: $(mdadm --examine "$d0")"
	emdadm --assemble --scan --config none
	[ ! -e /dev/emd/pair ] || fail "the volume is there still"
	emdwork pattern-check "$(path_of other)" $BYTES 3
	emd_stop
}
