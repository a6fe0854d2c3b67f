# SPDX-License-Identifier: GPL-2.0-or-later
# Arrays that mdadm made and md wrote, with each kind of superblock: EMD runs them with their data, loses a member, rebuilds a
# spare, survives a cut; and md takes them back.
#: disks: 5x16M scsi
#: kernels: 6.12
#: programs: mdadm
#: modules: md_mod raid456 raid1 raid10 raid0
#: boots: 2
#: power: yes
#: timeout: 240
. /lib/emd/peer.sh
BYTES=4194304
peer_volume=/dev/md9

md_idle() { [ "$(attr /sys/block/md9/md/sync_action)" = idle ] && [ "$(attr /sys/block/md9/md/degraded)" = "${1:-0}" ]; }
# md_make METADATA LEVEL SEED DISK...: an array in sync, with a pattern, stopped
md_make() {
	local metadata=$1 level=$2 seed=$3
	shift 3
	mdadm --create /dev/md9 --run --force --metadata "$metadata" --level "$level" --raid-devices $# --name vol "$@" 2>&1
	case $level in 0) ;; *) wait_for 60 md_idle ;; esac
	emdwork pattern-write /dev/md9 $BYTES "$seed"
	md_stop
}
md_stop() { wait_for 20 mdadm --stop /dev/md9 2>&1; }
# md_takes SEED LEVEL DISK...: md has the array back, whole, with this pattern
md_takes() {
	local seed=$1 level=$2
	shift 2
	mdadm --assemble /dev/md9 "$@" 2>&1 || fail "md does not take the array back: $(mdadm --examine "$@" 2>&1)"
	emdwork pattern-check /dev/md9 $BYTES "$seed"
	case $level in 0) ;; *)
		wait_for 60 md_idle
		echo check >/sys/block/md9/md/sync_action
		wait_for 60 md_idle
		expect_attr /sys/block/md9/md/mismatch_cnt 0 ;;
	esac
	md_stop
}
emd_takes() { emdadm --assemble /dev/emd/arr --config none "$@" || fail "EMD does not take the array"; }
emd_idle() { [ "$(attr "/sys/block/${array#/dev/}/md/sync_action")" = idle ] && [ "$(attr "/sys/block/${array#/dev/}/md/degraded")" = 0 ]; }
emd_array() { array=$(readlink -f /dev/emd/arr); [ -b "$array" ]; }
emd_stop() { emdadm --stop /dev/emd/arr; wait_for 20 no_emd; }

# there_and_back METADATA LEVEL DISK...
there_and_back() {
	local metadata=$1 level=$2
	shift 2
	say "RAID$level, $metadata"
	md_make "$metadata" "$level" 1 "$@"
	emd_takes "$@"
	emdwork pattern-check /dev/emd/arr $BYTES 1
	emdwork pattern-write /dev/emd/arr $BYTES 2
	emd_stop
	md_takes 2 "$level" "$@"
	mdadm --zero-superblock "$@"
}

boot1() {
	there_and_back 0.90 1 "$d0" "$d1"
	there_and_back 1.0 5 "$d0" "$d1" "$d2"
	there_and_back 1.2 10 "$d0" "$d1" "$d2"
	there_and_back 1.2 0 "$d0" "$d1"

	say "a member fails, and a spare takes its place"
	md_make 1.2 5 3 "$d0" "$d1" "$d2"
	emd_takes "$d0" "$d1" "$d2"
	emd_array
	emdadm /dev/emd/arr --fail "$d1"
	emdwork pattern-write /dev/emd/arr $BYTES 4
	emdadm /dev/emd/arr --remove "$d1"
	emdadm /dev/emd/arr --add "$d3"
	wait_for 60 emd_idle
	mdadm --examine "$d3" | grep -q "Device Role : Active device 1" || fail "the spare has no place: $(mdadm --examine "$d3")"
	emd_stop
	say "who was away is no member any more"
	emd_takes "$d0" "$d1" "$d2" "$d3"
	emd_array
	expect_attr "/sys/block/${array#/dev/}/md/degraded" 0
	emdwork pattern-check /dev/emd/arr $BYTES 4
	emdwork pattern-write /dev/emd/arr $BYTES 5 &
	cut_within 0.2 1.2
	wait
	cut_now
}
boot2() {
	say "after the cut"
	emd_takes "$d0" "$d2" "$d3"
	emd_array
	wait_for 60 emd_idle
	emdwork pattern-write /dev/emd/arr $BYTES 6
	emd_stop
	md_takes 6 5 "$d0" "$d2" "$d3"
	say "what EMD cannot keep it leaves alone, and reads"
	mdadm --assemble /dev/md9 "$d0" "$d2" "$d3" 2>&1
	refuses "used by md9|in use|nothing can be assembled" emdadm --assemble /dev/emd/arr --config none "$d0" "$d2" "$d3"
	mdadm --grow /dev/md9 --bitmap internal 2>&1
	md_stop
	md5sum "$d0" "$d2" "$d3" >/tmp/sums
	refuses "write-intent bitmap.*--readonly" emdadm --assemble /dev/emd/arr --config none "$d0" "$d2" "$d3"
	wait_for 20 no_emd
	emdadm --assemble /dev/emd/arr --readonly --config none "$d0" "$d2" "$d3"
	refuses "must not be written: .*write-intent bitmap" emdadm --readwrite /dev/emd/arr
	emdwork pattern-check /dev/emd/arr $BYTES 6
	emd_stop
	md5sum -cs /tmp/sums || fail "a disk was written that only was to be read"
}
