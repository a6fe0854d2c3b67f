# SPDX-License-Identifier: GPL-2.0-or-later
# A volume grows while its monitor is killed again and again, and stopped: the reshape stands at the last position that was
# acknowledged, goes on with the next monitor, and ends with every byte right. The page cache of the volume holds something
# dirty in the critical section, as it does under a file system: the backup is made in spite of it.
#: disks: 4x64M scsi
#: kernels: 6.12 uml
#: timeout: 400
. /lib/emd/monitor.sh
BYTES=67108864

position() { attr "$(md reshape_position)"; }
grown() { attr_is "$(md raid_disks)" 4 && attr_is "$(md reshape_position)" none; }
moving() { ! attr_is "$(md reshape_position)" none; }

make_volume 5 3 "$d0" "$d1" "$d2" "$d3"
emdwork pattern-write "/dev/$volume" $BYTES 7
# The same bytes again and again, not synced, from a process that keeps the volume open.
dirty() { while :; do dd if=/tmp/block of="/dev/$volume" bs=4k count=1 seek=10 conv=notrunc 2>/dev/null; usleep 100000; done; }
dd if="/dev/$volume" of=/tmp/block bs=4k count=1 skip=10 iflag=direct 2>/dev/null
dirty <"/dev/$volume" &
dirty=$!

for limit in min max; do echo 2000 >"$(md sync_speed_$limit)"; done	# it must not end before the monitor is stopped
emdadm --grow /dev/emd/imsm0 --raid-devices 4 >/tmp/grow.log 2>&1 &
grow=$!
wait_for 60 moving
in_the_open() { moving && [ "$(position)" -gt 12288 ]; }	# behind the two sections that are backed up
wait_for 60 in_the_open
# While the monitor is stopped its write would wait, and reads of the volume for it.
no_writer() { ! pidof dd >/dev/null; }
kill $dirty
wait_for 10 no_writer	# one may be under way
sync

say "stopped: the position does not run away from what is acknowledged"
hold_monitor
acked=$(attr "$(own reshape_acked)")
emdwork pattern-check "/dev/$volume" $BYTES 7	# reads need no monitor
expect_attr "$(own reshape_acked)" "$acked"
grown && fail "the reshape has ended without the monitor"
kill -CONT "$monitor"

for limit in min max; do echo 1000000 >"$(md sync_speed_$limit)"; done
say "killed at every turn"
kills=0
while ! grown && [ $kills -lt 15 ]; do
	kill_monitor
	kills=$((kills + 1))
	start_monitor
	usleep 300000
done
say "killed $kills times"
wait $grow || { cat /tmp/grow.log; fail "emdadm --grow ends with an error"; }
if grep "backup failed" /tmp/grow.log; then fail "a backup failed"; fi
wait_for 120 grown
wait_recorded 20 "Migrate State" idle
expect 4 recorded Members
emdwork pattern-check "/dev/$volume" $BYTES 7
expect 0 attr "$(md degraded)"
wait_attr 30 "$(md sync_action)" idle
echo check >"$(md sync_action)"
wait_attr 120 "$(md sync_action)" idle
expect_attr "$(md mismatch_cnt)" 0
