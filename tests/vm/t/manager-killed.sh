# SPDX-License-Identifier: GPL-2.0-or-later
# The reshape manager is killed while a section is suspended, again and again; each time another one goes on.
#: disks: 4x64M scsi, oracle 64M
#: modules: raid6_pq
#: rules: yes
#: timeout: 400

vol=/dev/emd/vol0
md() { attr "/sys/block/$array/md/$1"; }
idle() { [ "$(md sync_action)" = idle ]; }
moving() { [ "$(md reshape_position)" != none ]; }
held() { [ "$(md suspend_hi)" -gt "$(md suspend_lo)" ]; }

emdadm --create /dev/emd/imsm0 -e imsm -n 4 "$d0" "$d1" "$d2" "$d3"
emdadm -C $vol -l 5 -n 3 -c 64 /dev/emd/imsm0 --assume-clean
array=$(basename "$(readlink -f $vol)")
wait_for 20 idle
emdwork fill $vol "$oracle" --bytes 33554432
emdwork load $vol "$oracle" --jobs 2 --seconds 100000 --seed 7 &
writer=$!

emdadm --grow /dev/emd/imsm0 -n 4 >/tmp/grow.0 2>&1 &
manager=$!
wait_for 60 moving
wait_for 30 held
ended() { [ "$(md reshape_position)" = none ]; }
went_on() { ended || [ "$(md reshape_position)" -gt "$before" ]; }
for i in 1 2 3 4; do
	ended && break
	before=$(md reshape_position)
	killall -9 emdadm || true
	wait $manager || true
	say "manager $i killed at $before, suspended $(md suspend_lo) to $(md suspend_hi)"
	# A device event may have started one already: then this one is refused.
	emdadm --grow --continue /dev/emd/imsm0 >/tmp/grow.$i 2>&1 &
	manager=$!
	wait_for 60 went_on
done
wait_for 200 ended
no_manager() { ! pidof emdadm >/dev/null; }
wait_for 30 no_manager

expect 4 md raid_disks
expect none md reshape_position
held && fail "[$(md suspend_lo), $(md suspend_hi)) is still suspended"
kill $writer; wait $writer || true
emdwork verify $vol "$oracle" || fail "data were damaged"
echo check >/sys/block/"$array"/md/sync_action
emdadm --wait $vol
expect 0 md mismatch_cnt
emdadm --stop --scan
