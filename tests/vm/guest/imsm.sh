# SPDX-License-Identifier: GPL-2.0-or-later
# A container with IMSM metadata and one volume in it, made and grown by emdadm, assembled by udev (rules: yes).
[ "$KERNEL" != uml ] || export IMSM_DEVNAME_AS_SERIAL=1	# its disks have no serial numbers
CONTAINER=/dev/emd/imsm0
VOLUME=/dev/emd/vol0

# make_container DISK...
make_container() { emdadm --create $CONTAINER --metadata imsm --raid-devices $# "$@"; }
# make_raid5 MEMBERS [OPTION...]: the other disks of the container are spares
make_raid5() {
	local members=$1
	shift
	emdadm --create $VOLUME --level 5 --raid-devices "$members" --chunk 64 $CONTAINER "$@"
	wait_for 20 assembled
}

# The volume's name in the kernel is looked up once, because a process costs much under emulation.
volume=''	# emd126
assembled() {
	[ -b $VOLUME ] || return 1
	volume=$(readlink -f $VOLUME) volume=${volume##*/}
	[ "$(size_sectors)" -gt 0 ]
}
md() { attr "/sys/block/$volume/md/$1"; }
size_sectors() { cat "/sys/block/$volume/size"; }

idle()		{ [ "$(md sync_action)" = idle ]; }
reshaping()	{ [ "$(md sync_action)" = reshape ] && [ "$(md reshape_position)" != none ]; }
reshaped()	{ [ "$(md reshape_position)" = none ] && [ "$(md raid_disks)" = "${1:-4}" ]; }
# Array sectors: how far the reshape is, 0 without one, and where it ends.
position()	{ set -- "$(md reshape_position)"; case $1 in none | '') echo 0 ;; *) echo "$1" ;; esac; }
end_position()	{ set -- $(md raid_disks); echo $(($(md component_size) * 2 * ($1 - 1))); }
moved_past()	{ [ "$(position)" -gt "$1" ]; }
# went_on POSITION: the reshape is behind it, or has ended while nobody looked
went_on()	{ reshaped || moved_past "$1"; }
# A section is held: writes into it wait, while it is backed up and moved.
held()		{ [ "$(md suspend_hi)" -gt "$(md suspend_lo)" ]; }
# The mover has leave to overwrite what a backup covers, and has not published that it is through with it. That is short,
# so it has to be seen without starting a process. Sets $moved, $may_move (array sectors) and $lo, $hi (what is held).
in_critical_section() {
	local md=/sys/block/$volume/md
	read -r moved <"$md/reshape_position" && [ "$moved" != none ] || return 1
	read -r may_move <"$md/sync_max" && [ "$may_move" != max ] || return 1
	may_move=$((may_move * 3))	# of four disks three hold data
	read -r lo <"$md/suspend_lo"
	read -r hi <"$md/suspend_hi"
	[ "$lo" -lt "$hi" ] && [ "$moved" -lt "$may_move" ] && [ "$lo" -le "$moved" ]
}

# speed KIB: of a reshape or resync, per second and member, no more and no less
speed() { for limit in min max; do echo "$1" >/sys/module/emd/parameters/speed_limit_$limit; done; }

# members_agree: data and parity, everywhere
members_agree() {
	wait_for 60 idle
	echo check >"/sys/block/$volume/md/sync_action"
	wait_for 200 idle
	[ "$(md last_sync_action)" = check ] || fail "the last pass was '$(md last_sync_action)', no check"
	[ "$(md mismatch_cnt)" = 0 ] || fail "mismatch_cnt is $(md mismatch_cnt)"
}
no_process() { ! pidof "$1" >/dev/null; }
# stop_writers: and nothing of theirs is under way
stop_writers() { killall emdwork 2>/dev/null || true; wait_for 20 no_process emdwork; }
blocks_right() { emdwork verify "$1" "$oracle" --settle 1 || fail "an acknowledged block is wrong"; }
