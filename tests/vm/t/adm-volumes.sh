# SPDX-License-Identifier: GPL-2.0-or-later
# A container with two volumes: all grow together, or none; then one of them gets another chunk, with a second backup in a file.
#: disks: 4x40M scsi, 16M scsi
#: modules: raid6_pq
#: programs: mkfs.ext4
#: rules: yes
#: timeout: 400
. /lib/emd/refuse.sh
imsm=/dev/emd/imsm0
vol0=/dev/emd/vol0 vol1=/dev/emd/vol1
name_of() { basename "$(readlink -f "$1")"; }
md() { attr "/sys/block/$(name_of $vol0)/md/$1"; }
md1() { attr "/sys/block/$(name_of $vol1)/md/$1"; }
idle() { [ "$(md sync_action)" = idle ]; }
data() { check_range $vol0 25165824 1; check_range $vol1 4194304 2; }

say "two volumes: all grow together, or none"
emdadm --create $imsm -e imsm -n 4 "$d0" "$d1" "$d2" "$d3"
emdadm -C $vol0 -l 5 -n 3 -c 64 -z 16M $imsm --assume-clean
emdadm -C $vol1 -l 5 -n 3 -c 64 -z 4M $imsm --assume-clean
wait_for 20 idle
fill_range $vol0 25165824 1
fill_range $vol1 4194304 2
settle
emdadm --wait-clean $vol0 $vol1
bad "the number of disks is changed for all volumes together" emdadm --grow $vol0 -n 4
bad "2 volumes: name the one" emdadm --grow $imsm -c 32
emdadm --grow $imsm -n 4 --dry-run >/tmp/plan
grep -q "then volume vol1 in the same way" /tmp/plan || fail "the plan does not name vol1: $(cat /tmp/plan)"

say "one disk more, both volumes"
emdadm --grow $imsm -n 4 >/tmp/manager 2>&1 || fail "$(cat /tmp/manager)"
expect 4 md raid_disks
expect 4 md1 raid_disks
data

say "another chunk, a second backup in a file"
mkfs.ext4 -q "$d4"
mount -t ext4 "$d4" /mnt
emdadm --grow $vol0 -c 128 --backup-file /mnt/backup >/tmp/grow 2>&1 &
grow=$!
wait_for 60 test -s /mnt/backup
wait $grow || fail "$(cat /tmp/grow)"
[ ! -e /mnt/backup ] || fail "the backup file is left"
expect 131072 md chunk_size
data
emdadm --examine "$d3" | grep -q "128" || fail "the metadata does not say 128K"
umount /mnt
emdadm --wait-clean $vol0 $vol1
settle; wait_for 30 emdadm --stop --scan

