# SPDX-License-Identifier: GPL-2.0-or-later
# The first write waits until "dirty" is on the disks; some time after the last one "clean" is. Nothing is answered by a
# monitor that is stopped, reads go on, and the next one answers.
#: disks: 3x48M scsi
#: kernels: 6.1 uml
#: timeout: 180
. /lib/emd/monitor.sh

make_volume 5 3 "$d0" "$d1" "$d2"
wait_attr 30 "$(md array_state)" clean
wait_recorded 10 "Dirty State" clean

say "the first write"
delay=$(attr "$(md safe_mode_delay)")
echo 0 >"$(md safe_mode_delay)"	# it stays dirty until that has been looked at
write_once
expect dirty recorded "Dirty State"
echo "$delay" >"$(md safe_mode_delay)"
wait_attr 30 "$(md array_state)" clean
wait_recorded 10 "Dirty State" clean

say "stopped: the write waits, a read does not, and the kernel says for how long"
hold_monitor
write_once 1 &
writer=$!
wait_attr 10 "$(md array_state)" write-pending
dd if="/dev/$volume" of=/dev/null bs=64k count=4 iflag=direct 2>/dev/null
expect_attr "$(md array_state)" write-pending
expect clean recorded "Dirty State"
waits() { [ "$(attr "$(own unacked_ms)")" -gt 500 ]; }
wait_for 10 waits
kill -0 $writer || fail "the write ended without an answer"
kill -CONT "$monitor"
wait $writer
wait_attr 30 "$(md array_state)" clean

say "killed: the write waits for the next monitor"
kill_monitor
write_once 2 &
writer=$!
wait_attr 10 "$(md array_state)" write-pending
kill -0 $writer || fail "the write ended without a monitor"
start_monitor
wait $writer
wait_attr 30 "$(md array_state)" clean
wait_recorded 10 "Dirty State" clean

say "taken over, also from one that hangs"
old=$monitor
emdmon --takeover "$container"
wait_for 10 is_gone "$old"
find_monitor
hold_monitor
old=$monitor
emdmon --takeover "$container"
wait_for 10 is_gone "$old"
find_monitor
write_once 3
emdmon "$container" || fail "a second emdmon is content that there is one"
expect "$monitor" monitor_of

say "SIGTERM: clean, then gone"
write_once 4
kill "$monitor"
wait_for 20 is_gone "$monitor"
expect clean recorded "Dirty State"
expect_attr "$(md array_state)" clean
