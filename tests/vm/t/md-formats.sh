# SPDX-License-Identifier: GPL-2.0-or-later
# Arrays that mdadm or EMD made, with each kind of superblock: EMD runs them with their data, loses a member, rebuilds a
# spare, survives a cut; and md takes them back.
#: disks: 5x16M scsi
#: kernels: 6.12
#: programs: mdadm
#: rules: yes
#: modules: md_mod raid456 raid1 raid10 raid0
#: boots: 2
#: power: yes
#: timeout: 400
. /lib/emd/peer.sh
BYTES=4194304
peer_volume=/dev/md9

md_idle() { is_synced /sys/block/md9/md && attr_is /sys/block/md9/md/degraded "${1:-0}"; }
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

# What stands on disks, past the page cache: udev may have read them before md wrote.
sums() { local disk; for disk; do dd if="$disk" bs=1M iflag=direct 2>/dev/null | md5sum; done; }
# emd_make METADATA LEVEL SEED DISK...: the same, made by EMD
emd_make() {
	local metadata=$1 level=$2 seed=$3
	shift 3
	emdadm --create /dev/emd/arr --metadata "$metadata" --level "$level" --raid-devices $# --config none "$@" ||
		fail "EMD does not make the array"
	emd_array
	case $level in 0) ;; *) wait_for 60 emd_idle ;; esac
	emdwork pattern-write /dev/emd/arr $BYTES "$seed"
	emd_stop
}
# there_and_back MAKER METADATA LEVEL DISK...
there_and_back() {
	local maker=$1 metadata=$2 level=$3
	shift 3
	say "RAID$level, $metadata, $maker"
	$maker "$metadata" "$level" 1 "$@"
	emd_takes "$@"
	emdwork pattern-check /dev/emd/arr $BYTES 1
	emdwork pattern-write /dev/emd/arr $BYTES 2
	emd_stop
	md_takes 2 "$level" "$@"
	mdadm --zero-superblock "$@"
}

boot1() {
	there_and_back md_make 0.90 1 "$d0" "$d1"
	there_and_back emd_make 1.0 5 "$d0" "$d1" "$d2"
	there_and_back md_make 1.2 10 "$d0" "$d1" "$d2"
	there_and_back emd_make 1.2 0 "$d0" "$d1"

	say "a member fails, and a spare takes its place"
	md_make 1.2 5 3 "$d0" "$d1" "$d2"
	refuses "has md 1.2 metadata.*--force" emdadm --create /dev/emd/arr --level 1 --raid-devices 2 --config none "$d0" "$d1"
	emd_takes "$d0" "$d1" "$d2"
	emd_array
	emdadm /dev/emd/arr --fail "$d1"
	emdwork pattern-write /dev/emd/arr $BYTES 4
	emdadm /dev/emd/arr --remove "$d1"
	say "who was removed is given to nobody as long as its array runs"
	udevadm trigger --action=change --settle "$d1"
	udevadm info -q property "$d1" | grep -qx SYSTEMD_READY=0 || fail "md may start $d1: $(udevadm info -q property "$d1")"
	echo 8192 >"/sys/block/${array#/dev/}/md/sync_max"	# the rebuild will stand here
	emdadm /dev/emd/arr --add "$d3"
	wait_attr 20 "/sys/block/${array#/dev/}/md/sync_action" recover
	say "stopped in the midst of it: it starts again without force, and only when all that it counts on are here"
	emd_stop
	mdadm --examine "$d0" | grep -q "State : clean" || fail "dirty: $(mdadm --examine "$d0")"
	refuses "waits for member 1.*--run" emdadm --assemble /dev/emd/arr --config none "$d0" "$d2"
	wait_for 20 no_emd
	emd_takes "$d0" "$d2" "$d3"
	emd_array
	wait_for 60 emd_idle
	mdadm --examine "$d3" | grep -q "Device Role : Active device 1" || fail "the spare has no place: $(mdadm --examine "$d3")"
	emd_stop
	udevadm trigger --action=change --settle "$d1"
	! udevadm info -q property "$d1" | grep -qx SYSTEMD_READY=0 || fail "$d1 is kept from md although no array of EMD has it"
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
	refuses "md9 has .*, so its other disks are left alone" emdadm --assemble /dev/emd/arr --config none "$d0" "$d1"
	md_stop
	mdadm --zero-superblock "$d0" "$d1" "$d2" "$d3"
	md_make 0.90 5 6 "$d0" "$d2" "$d3"
	mdadm --assemble /dev/md9 "$d0" "$d2" "$d3" 2>&1
	mdadm --grow /dev/md9 --bitmap internal 2>&1
	md_stop
	sums "$d0" "$d2" "$d3" >/tmp/sums
	refuses "write-intent bitmap.*--readonly" emdadm --assemble /dev/emd/arr --config none "$d0" "$d2" "$d3"
	wait_for 20 no_emd
	emdadm --assemble /dev/emd/arr --readonly --config none "$d0" "$d2" "$d3"
	refuses "must not be written: .*write-intent bitmap" emdadm --readwrite /dev/emd/arr
	emdwork pattern-check /dev/emd/arr $BYTES 6
	refuses "must not be written: .*write-intent bitmap" emdadm /dev/emd/arr --add "$d1" --force
	emd_stop
	sums "$d0" "$d2" "$d3" | cmp -s - /tmp/sums || fail "a disk was written that only was to be read"
}
