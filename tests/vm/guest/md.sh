# SPDX-License-Identifier: GPL-2.0-or-later
# An array with md's superblocks, $VOLUME on $disks, that EMD reshapes and md goes on with as /dev/md9. After peer.sh and imsm.sh.
VOLUME=/dev/emd/arr
peer_volume=/dev/md9

takes() { emdadm --assemble $VOLUME --config none "$@" $disks || fail "EMD does not take the array"; wait_for 20 assembled; }
stops() { emdadm --stop $VOLUME >/tmp/stop.log 2>&1; }
# Who drives a reshape has it for a moment longer than the array is in one.
stopped() { wait_for 30 stops; wait_for 20 no_emd; wait_for 20 no_process emdmon; }
in_reshape() { case $(md reshape_position) in none | '') false ;; esac; }
goes_back() { attr_is "/sys/block/$volume/md/reshape_direction" backwards; }
# recorded: what the superblocks say that the reshape is at, in KiB
recorded() { mdadm --examine "$d0" | sed -n "s/.*Reshape pos'n : \([0-9]*\).*/\1/p"; }
recorded_past() { set -- "$1" "$(recorded)"; [ "${2:-0}" -ge "$1" ]; }
recorded_below() { set -- "$1" "$(recorded)"; [ "${2:-999999999}" -lt "$1" ]; }
md_done() { [ "$(attr /sys/block/md9/md/sync_action) $(attr /sys/block/md9/md/reshape_position)" = "idle none" ]; }
# md_takes MEMBERS DISK...: whole, with what it had left to do done, and all data
md_takes() {
	local members=$1
	shift
	mdadm --assemble /dev/md9 "$@" 2>&1 || fail "md does not take it: $(mdadm --examine "$@")"
	attr_is /sys/block/md9/md/level raid0 || { wait_for 60 md_done; expect_attr /sys/block/md9/md/degraded 0; }
	expect_attr /sys/block/md9/md/raid_disks "$members"
	blocks_right /dev/md9
	attr_is /sys/block/md9/md/level raid0 || peer_check
}
