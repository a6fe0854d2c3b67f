# SPDX-License-Identifier: GPL-2.0-or-later
# A volume grows while its monitor is killed again and again, and stopped: the reshape stands at the last position that was
# acknowledged, goes on with the next monitor, and ends with every byte right.
#: disks: 4x64M scsi
#: kernels: 6.1 6.12 uml
#: timeout: 400
. /lib/emd/monitor.sh
BYTES=67108864

position() { attr "$(md reshape_position)"; }
grown() { attr_is "$(md raid_disks)" 4 && attr_is "$(md reshape_position)" none; }
moving() { ! attr_is "$(md reshape_position)" none; }

make_volume 5 3 "$d0" "$d1" "$d2" "$d3"
emdwork pattern-write "/dev/$volume" $BYTES 7
emdadm --grow /dev/emd/imsm0 --raid-devices 4 >/tmp/grow.log 2>&1 &
grow=$!
wait_for 60 moving

say "stopped: the position does not run away from what is acknowledged"
kill -STOP "$monitor"
acked=$(attr "$(own reshape_acked)")
emdwork pattern-check "/dev/$volume" $BYTES 7	# reads need no monitor
expect_attr "$(own reshape_acked)" "$acked"
grown && fail "the reshape has ended without the monitor"
kill -CONT "$monitor"

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
wait_for 120 grown
wait_recorded 20 "Migrate State" idle
expect 4 recorded Members
emdwork pattern-check "/dev/$volume" $BYTES 7
expect 0 attr "$(md degraded)"
wait_attr 30 "$(md sync_action)" idle
echo check >"$(md sync_action)"
wait_attr 120 "$(md sync_action)" idle
expect_attr "$(md mismatch_cnt)" 0
