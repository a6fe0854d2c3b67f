# SPDX-License-Identifier: GPL-2.0-or-later
# A RAID0 volume becomes a RAID5 with one disk more, under a verifying writer, by emdadm; IMSM has no way back.
#: disks: 4x16M scsi, oracle 32M
#: kernels: 6.12
#: modules: raid6_pq
#: rules: yes
#: timeout: 300
. /lib/emd/imsm.sh
. /lib/emd/refuse.sh

make_container "$d0" "$d1" "$d2" "$d3"
emdadm --create $VOLUME --level 0 --raid-devices 3 --chunk 64 $CONTAINER
wait_for 20 assembled
emdwork fill $VOLUME "$oracle"
wait_for 30 no_process emdmon	# a RAID0 has nothing to be watched
settle
bad "RAID0 becomes RAID5 with one more disk" emdadm --grow $VOLUME --level 5
bad "the format has no raid4" emdadm --grow $VOLUME --level 4 --raid-devices 4

emdwork load $VOLUME "$oracle" --jobs 2 --seconds 1000 >/tmp/load.log 2>&1 &
emdadm --grow $VOLUME --level 5 --raid-devices 4 >/tmp/grow.log 2>&1 || fail "$(cat /tmp/grow.log)"
stop_writers
expect raid5 md level
expect 4 md raid_disks
expect 0 md degraded
blocks_right $VOLUME
members_agree
emdadm --wait-clean $VOLUME	# and the monitor has recorded it
settle
bad "no other level into another" emdadm --grow $VOLUME --level 0 --raid-devices 3

say "what was recorded is a RAID5: it comes back as one, and lives without any one disk"
emdadm --wait-clean $VOLUME
wait_for 30 emdadm --stop --scan
emdadm --assemble --scan
wait_for 20 assembled
expect raid5 md level
blocks_right $VOLUME
emdadm --fail $VOLUME "$d1"
blocks_right $VOLUME
settle
wait_for 30 emdadm --stop --scan
