# SPDX-License-Identifier: GPL-2.0-or-later
# The peer's tools (Debian's mdadm, mdmon and md) in a guest, for containers that both have to read.
export IMSM_NO_PLATFORM=1 MDADM_NO_UDEV=1
peer_volume=

# The peer wants mdmon from systemd, and starts it by itself only when systemctl fails.
printf '#!/bin/sh\nexit 1\n' >/bin/systemctl && chmod +x /bin/systemctl
mkdir -p /run/mdadm

# find_peer_volume: sets $peer_volume, the array that is no container
find_peer_volume() {
	local block
	for block in /sys/block/md*; do
		case $(attr "$block/md/level") in raid*) peer_volume=/dev/${block##*/}; return 0 ;; esac
	done
	return 1
}
peer_ready() { find_peer_volume && is_synced "/sys/block/${peer_volume#/dev/}/md"; }
# is_synced MD-DIRECTORY: for a moment md is idle before a resync, too. RAID0 has none.
is_synced() { attr_is "$1/sync_action" idle && { attr_is "$1/level" raid0 || attr_is "$1/resync_start" none; }; }

# peer_create LEVEL DISKS DEVICE...: a container of the devices and a volume on it, in sync
peer_create() {
	local level=$1 disks=$2
	shift 2
	mdadm --create /dev/md/imsm0 --run --metadata imsm --raid-devices $# "$@" 2>&1
	mdadm --create /dev/md/vol0 --run --level "$level" --raid-devices "$disks" --chunk 64 /dev/md/imsm0 2>&1
	wait_for 60 peer_ready
	settle
}

peer_stop() { mdadm --wait-clean --scan || true; wait_for 20 mdadm --stop --scan; wait_for 20 no_md; }
no_md() { ! ls -d /sys/block/md* >/dev/null 2>&1; }

# peer_assemble: from whatever disks there are
peer_assemble() {
	mdadm --assemble --scan 2>&1 || true
	wait_for 60 peer_ready
}
peer_has() { expect_attr "/sys/block/${peer_volume#/dev/}/md/$1" "$2"; }
# peer_check: data and parity agree everywhere, says the peer
peer_check() {
	local md=/sys/block/${peer_volume#/dev/}/md
	echo check >"$md/sync_action"
	wait_for 120 peer_ready
	expect_attr "$md/mismatch_cnt" 0
}

no_emd() { set -- /sys/block/emd*; [ ! -e "$1" ]; }
# emd_volume: the device of the array of EMD that has a personality
emd_volume() {
	local block
	for block in /sys/block/emd*; do
		case $(attr "$block/md/level") in raid*) echo "/dev/${block##*/}"; return 0 ;; esac
	done
	fail "EMD runs no volume"
}

# all_but N DISK...: the disks without the N-th, from 0; N may lie beyond them
all_but() {
	local left=$1 disk
	shift
	for disk; do
		[ "$left" = 0 ] || echo "$disk"
		left=$((left - 1))
	done
}
