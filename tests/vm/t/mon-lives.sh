# SPDX-License-Identifier: GPL-2.0-or-later
# An array is stopped and started again while the emdmon that served it has not left yet: it gets one of its own, for
# the names are those of before and the arrays are not.
#: disks: 3x64M scsi
#: kernels: 6.12
#: timeout: 120
. /lib/emd/monitor.sh
make_volume 1 2 "$d0" "$d1" "$d2"
emdwork pattern-write "/dev/$volume" 8388608 1

no_emd() { ! ls -d /sys/block/emd* >/dev/null 2>&1; }
stop_all() { emdadm --stop "/dev/$volume" "/dev/$container"; wait_for 20 no_emd; }
serves() { [ "$(monitor_of)" != "$1" ] && [ "$(cat "$(md array_state)")" != readonly ]; }

say "it hangs as the next one is started, and leaves later"
emdadm --stop "/dev/$volume"
hold_monitor
old=$monitor
emdadm --stop "/dev/$container"
wait_for 20 no_emd
emdadm --assemble /dev/emd/imsm0 "$d0" "$d1" "$d2" 2>/tmp/said &
assembly=$!
asked() { grep -q "waiting for emdmon" /tmp/said || ! kill -0 $assembly 2>/dev/null; }
wait_for 60 asked
kill -CONT "$old"
wait $assembly
find_container
wait_for 20 serves "$old"
wait_for 20 is_gone "$old"
find_monitor

say "again and again"
for round in 1 2; do
	stop_all
	emdadm --assemble /dev/emd/imsm0 "$d0" "$d1" "$d2"
	find_container
	wait_for 20 serves none
	echo 0 >"$(md safe_mode_delay)"	# it stays dirty until that has been looked at
	write_once "$round"
	wait_recorded 20 "Dirty State" dirty
done
emdwork pattern-check "/dev/$volume" 65536 1
stop_all
