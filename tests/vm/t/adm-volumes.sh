# SPDX-License-Identifier: GPL-2.0-or-later
# A container with two volumes: all grow together, or none, and the power goes between the two; then one of them gets another
# chunk, with a second backup in a file.
#: disks: 4x40M scsi, 16M scsi
#: kernels: 6.1
#: modules: raid6_pq
#: programs: mkfs.ext4
#: rules: yes
#: power: yes
#: boots: 2
#: timeout: 400
. /lib/emd/refuse.sh
. /lib/emd/two-volumes.sh

both_have() { [ "$(md raid_disks)" = "$1" ] && [ "$(md1 raid_disks)" = "${2:-$1}" ]; }
speed() { for limit in min max; do echo "$1" >/sys/module/emd/parameters/speed_limit_$limit; done; }
moving() { case $(md reshape_position) in none | '') false ;; esac; }
may_move_all() { [ "$(md sync_max)" = $(($(md component_size) * 2)) ]; }
both_started() { [ -b $vol0 ] && [ -b $vol1 ] && [ "$(md array_state)" != inactive ] && [ "$(md1 array_state)" != inactive ]; }

boot1() {
	say "two volumes: all grow together, or none"
	make_two_volumes
	bad "the number of disks is changed for all volumes together" emdadm --grow $vol0 -n 4
	bad "2 volumes: name the one" emdadm --grow $imsm -c 32
	emdadm --grow $imsm -n 4 --dry-run >/tmp/plan
	grep -q "then volume vol1 in the same way" /tmp/plan || fail "the plan does not name vol1: $(cat /tmp/plan)"

	say "one disk more, both volumes; the power goes between them"
	speed 500
	emdadm --grow $imsm -n 4 >/tmp/manager 2>&1 &
	manager=$!
	wait_for 60 moving
	settle	# no event brings another manager
	wait_for 60 may_move_all
	kill -9 $manager	# the first ends without it, the second does not begin
	wait_for 60 both_have 4 3
	emdadm --wait-clean $vol0	# the end of the first is recorded
	cut_now
}
boot2() {
	wait_for 60 both_started
	settle
	expect 4 md raid_disks
	expect 3 md1 raid_disks
	data
	emdadm --grow --continue $imsm >/tmp/manager 2>&1 || fail "$(cat /tmp/manager)"
	both_have 4 || fail "vol1 was not grown: $(cat /tmp/manager)"
	data

	say "another chunk, a second backup in a file"
	mkfs.ext4 -q "$d4"
	mount -t ext4 "$d4" /mnt
	speed 500	# the backup is there as long as this goes on
	emdadm --grow $vol0 -c 128 --backup-file /mnt/backup >/tmp/grow 2>&1 &
	grow=$!
	wait_for 60 test -s /mnt/backup
	speed 1000000
	wait $grow || fail "$(cat /tmp/grow)"
	[ ! -e /mnt/backup ] || fail "the backup file is left"
	expect 131072 md chunk_size
	data
	emdadm --examine "$d3" | grep -q "128" || fail "the metadata does not say 128K"
	umount /mnt
	emdadm --wait-clean $vol0 $vol1
	settle; wait_for 30 emdadm --stop --scan
}
