# SPDX-License-Identifier: GPL-2.0-or-later
# emdadm --grow: three disks become four while somebody writes; the plan is printed first; the end is what was planned.
#: disks: 4x64M scsi, oracle 64M
#: modules: raid6_pq
#: rules: yes
#: timeout: 300
vol=/dev/emd/vol0
kernel_name() { basename "$(readlink -f "$1")"; }
md() { attr "/sys/block/$(kernel_name $vol)/md/$1"; }
idle() { [ "$(md sync_action)" = idle ]; }

emdadm --create /dev/emd/imsm0 -e imsm -n 4 "$d0" "$d1" "$d2" "$d3"
emdadm -C $vol -l 5 -n 3 -c 64 /dev/emd/imsm0 --assume-clean
wait_for 20 idle
before=$(blockdev --getsize64 $vol)
emdwork fill $vol "$oracle" --bytes 33554432

emdadm --grow /dev/emd/imsm0 -n 4 --dry-run >/tmp/plan
cat /tmp/plan
grep -q "to be backed up: .* in the copy area" /tmp/plan || fail "the plan does not say where the backup lives"
expect 3 md raid_disks
emdwork load $vol "$oracle" --jobs 2 --seconds 100000 --seed 7 &
writer=$!
emdadm --grow /dev/emd/imsm0 -n 4
kill $writer; wait $writer || true
expect 4 md raid_disks
expect none md reshape_position
wait_for 60 idle
after=$(blockdev --getsize64 $vol)
[ $((after * 2)) = $((before * 3)) ] || fail "it has $after bytes, before it had $before"
emdwork verify $vol "$oracle" || fail "data were damaged"
echo check >/sys/block/"$(kernel_name $vol)"/md/sync_action
emdadm --wait $vol
expect 0 md mismatch_cnt
emdadm --examine "$d3" | grep -q "Members : 4" || fail "the metadata does not say four"
emdadm --stop --scan
emdadm --assemble --scan
emdwork verify $vol "$oracle" || fail "data were damaged by stop and start"
emdadm --stop --scan
