# SPDX-License-Identifier: GPL-2.0-or-later
# emdadm --grow: three disks become four while somebody writes; the plan is printed first; the end is what was planned.
#: disks: 4x64M scsi, oracle 64M
#: modules: raid6_pq
#: kernels: 6.1
#: rules: yes
#: timeout: 300
. /lib/emd/imsm.sh

make_container "$d0" "$d1" "$d2" "$d3"
make_raid5 3 --assume-clean
wait_for 20 idle
before=$(size_sectors)
emdwork fill $VOLUME "$oracle" --bytes 33554432

emdadm --grow $CONTAINER -n 4 --dry-run >/tmp/plan
cat /tmp/plan
grep -q "to be backed up: .* in the copy area" /tmp/plan || fail "the plan does not say where the backup lives"
expect 3 md raid_disks
emdwork load $VOLUME "$oracle" --jobs 2 --seconds 100000 --seed 7 &
emdadm --grow $CONTAINER -n 4
stop_writers
reshaped || fail "emdadm --grow has ended before the reshape"
after=$(size_sectors)
[ $((after * 2)) = $((before * 3)) ] || fail "it has $after sectors, before it had $before"
blocks_right $VOLUME
members_agree
emdadm --examine "$d3" | grep -q "Members : 4" || fail "the metadata does not say four"
emdadm --stop --scan
emdadm --assemble --scan
blocks_right $VOLUME
emdadm --stop --scan
