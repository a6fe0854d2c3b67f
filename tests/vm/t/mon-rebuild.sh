# SPDX-License-Identifier: GPL-2.0-or-later
# A member fails under a writer: the failure is on the disks before the write that lacks it ends; the spare takes the slot;
# the monitor is killed in the middle of the rebuild and the next one goes on; a frozen volume gets no spare. What somebody who has died
# had proposed there is forgotten.
#: disks: 5x48M scsi
#: kernels: 6.12 uml
#: modules: raid6_pq
#: timeout: 240
. /lib/emd/monitor.sh

failed_on_disk() { ! is_recorded Slots "[UUU]"; }
is_rebuild() { case $(recorded "Migrate State") in rebuild*) ;; *) false ;; esac; }
rebuilt() { [ "$(attr "$(md degraded)")" = 0 ] && attr_is "$(md sync_action)" idle; }
in_slot() { [ "$(attr "$(member "$1")/slot")" = "$2" ]; }
spare_in_slot() { in_slot "$d3" 1 || in_slot "$d4" 1; }
gone() { [ ! -e "$(member "$1")" ]; }

make_volume 5 3 "$d0" "$d1" "$d2" "$d3" "$d4"
emdwork pattern-write "/dev/$volume" 33554432 1
wait_attr 30 "$(md array_state)" clean

say "the monitor is stopped: the failure is not on the disks, so the write waits"
echo 65536 >"$(md sync_max)"	# the rebuild will stand here
hold_monitor
echo faulty >"$(member "$d1")/state"
write_once &
writer=$!
wait_attr 10 "$(md array_state)" write-pending
expect_attr "$(member "$d1")/state" faulty,blocked,external_bbl
if failed_on_disk; then fail "a stopped monitor has written"; fi
kill -CONT "$monitor"
wait $writer
failed_on_disk || fail "the write ended before the failure was on the disks"
wait_for 20 gone "$d1"

say "the spare takes slot 1"
wait_for 20 spare_in_slot
wait_attr 20 "$(md sync_action)" recover
wait_for 10 is_rebuild

say "killed in the middle of the rebuild; the volume can still be written; the next one goes on"
kill_monitor
start_monitor
write_once 3
expect_attr "$(md sync_action)" recover
is_rebuild || fail "the rebuild is forgotten"
echo max >"$(md sync_max)"
wait_for 60 rebuilt
wait_recorded 20 "Migrate State" idle
wait_recorded 20 "Map State" normal

say "the data is right without one of the old members"
emdwork pattern-write "/dev/$volume" 33554432 2
wait_attr 30 "$(md array_state)" clean
hold_monitor	# it sees all of this at once
echo "external:-$container/0" >"$(md metadata_version)"
echo 0 >"$(md sync_max)"	# as emdadm leaves it when it is killed in its proposal
echo 5 >"$(md raid_disks)"
echo raid6 >"$(md new_level)"
echo 131072 >"$(md chunk_size)"
echo faulty >"$(member "$d2")/state"
kill -CONT "$monitor"
emdwork pattern-check "/dev/$volume" 33554432 2

say "frozen: the failure is handled, no spare is taken; nobody holds the container, so it is thawed after ten seconds"
frozen() { case $(attr "$(md metadata_version)") in external:-*) ;; *) false ;; esac; }
write_once 600
wait_for 20 gone "$d2"
while frozen; do
	if is_rebuild && frozen; then fail "a spare was taken in a frozen volume"; fi
	usleep 200000
done

say "thawed: the second spare"
wait_for 60 rebuilt
expect_attr "$(md raid_disks)" 3
expect_attr "$(md new_level)" raid5
expect_attr "$(md chunk_size)" 65536
wait_recorded 20 "Map State" normal
emdwork pattern-check "/dev/$volume" 33554432 2
