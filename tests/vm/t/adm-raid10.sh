# SPDX-License-Identifier: GPL-2.0-or-later
# emdadm makes a RAID0 volume a RAID10 and that a RAID0 again, under a verifying writer; the power goes on the way back; each half
# of the mirrors is worth the whole.
#: disks: 4x12M scsi, oracle 32M
#: modules: raid6_pq
#: rules: yes
#: power: yes
#: boots: 2
#: timeout: 300
#: kernels: 6.12
. /lib/emd/imsm.sh
. /lib/emd/refuse.sh

write_on() { emdwork load $VOLUME "$oracle" --jobs 2 --seconds 1000 --seed "$BOOT" >/tmp/load.log 2>&1 & }
mirrored() { [ "$(md degraded)" = 0 ] && idle; }
# Under load RAID0 becomes RAID10, and its spares become mirrors.
mirror() {
	write_on
	emdadm --grow $VOLUME --level 10
	expect raid10 md level
	expect 4 md raid_disks
	wait_for 120 mirrored
	stop_writers
	members_agree
	blocks_right $VOLUME
}

boot1() {
	make_container "$d0" "$d1" "$d2"
	emdadm --create $VOLUME --level 0 --raid-devices 2 --chunk 64 $CONTAINER
	wait_for 20 assembled
	emdwork fill $VOLUME "$oracle"
	wait_for 30 no_process emdmon	# a RAID0 has nothing to be watched
	settle
	bad "needs 2 spare disks .* emdadm --add, or use --force" emdadm --grow $VOLUME --level 10
	emdadm $CONTAINER --add "$d3"
	mirror
	say "stopped and assembled again it is a RAID10"
	emdadm --wait-clean $VOLUME
	wait_for 30 emdadm --stop --scan
	emdadm --assemble --scan
	wait_for 20 assembled
	expect raid10 md level
	blocks_right $VOLUME
	say "RAID0 again, and the power goes"
	write_on
	cut_at_write any 1-4
	emdadm --grow $VOLUME --level 0
	cut_now
}
boot2() {
	wait_for 60 assembled
	blocks_right $VOLUME
	say "the boot has found a $(md level)"
	if [ "$(md level)" = raid10 ]; then
		wait_for 120 mirrored
		write_on
		emdadm --grow $VOLUME --level 0
		stop_writers
	fi
	expect raid0 md level
	expect 2 md raid_disks
	blocks_right $VOLUME
	[ "$(ls -d /sys/block/"$volume"/md/dev-* | wc -l)" = 2 ] || fail "the spares are members still"
	mirror

	say "either half of the mirrors is enough, and can become RAID0 again"
	emdadm --fail $VOLUME "$d0"
	emdadm --fail $VOLUME "$d1"
	wait_attr 20 "/sys/block/$volume/md/degraded" 2
	blocks_right $VOLUME
	emdadm --wait-clean $VOLUME	# and the monitor has recorded it
	settle
	bad "misses a disk" emdadm --grow $VOLUME --level 0
	emdadm --grow $VOLUME --level 0 --force
	blocks_right $VOLUME
	wait_for 30 emdadm --stop --scan
	emdadm --assemble --scan
	wait_for 20 assembled
	expect raid0 md level
	blocks_right $VOLUME
}
