# SPDX-License-Identifier: GPL-2.0-or-later
# A RAID5 volume with IMSM metadata grows from three disks to four, with an oracle writer on it and volatile caches in its
# disks, and the power goes ten times on the way: udev alone assembles, the reshape goes on, nothing that was acknowledged
# is missing, and when it has ended the members agree.
#: kernels: 6.12
#: disks: 4x16M scsi, oracle 32M
#: modules: raid6_pq
#: rules: yes
#: power: yes
#: flush-delay: 5
#: boots: 30
#: timeout: 150
#: emd-options: speed_limit_min=150 speed_limit_max=150
. /lib/emd/imsm.sh
CUTS=10	# that hit a reshape which had begun and had not ended; others are not counted

in_reshape() { case $(md reshape_position) in none | '') false ;; esac; }

# No resync is needed, because each row is written whole.
begin() {
	speed 1000000
	make_container "$d0" "$d1" "$d2" "$d3"
	make_raid5 3 --assume-clean
	emdwork fill $VOLUME "$oracle"
	speed 150
}
begin_again() {
	emdadm --stop --scan
	emdadm --zero-superblock "$d0" "$d1" "$d2" "$d3"
	begin
}
# Each second cut comes at a write, so that they are dense where a boot writes its metadata.
go_on() {
	emdwork load $VOLUME "$oracle" --jobs 2 --seconds 1000 --seed "$BOOT" >/tmp/load.log 2>&1 &
	if [ "$(md raid_disks)" = 3 ]; then
		emdadm --grow $CONTAINER --raid-devices 4 >/tmp/grow.log 2>&1 || cat /tmp/grow.log &
		wait_for 60 in_reshape
	fi
	case $((BOOT % 2)) in
	0) cut_within 0 2.5 ;;
	1) cut_at_write any 1-60 ;;
	esac
	wait_for 60 reshaped
	say "the reshape has ended before the power went"
	cut_now
}
all_right() {
	speed 1000000
	wait_for 120 reshaped
	wait_for 30 no_process emdadm	# who drives it has it for a moment longer
	stop_writers
	members_agree
	blocks_right $VOLUME
}

boot1() {
	keep cuts 0
	begin
	go_on
}
boot() {
	wait_for 60 assembled
	blocks_right $VOLUME
	if in_reshape; then
		cuts=$((cuts + 1))
		keep cuts $cuts
		say "cut $cuts of $CUTS survived, the reshape goes on from $(position) of $(end_position)"
		[ $cuts -lt $CUTS ] || { all_right; return 0; }
	fi
	if reshaped || moved_past $(($(end_position) * 3 / 4)); then	# too little is left for another cut
		all_right
		begin_again
	fi
	go_on
}
