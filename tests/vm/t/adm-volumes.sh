# SPDX-License-Identifier: GPL-2.0-or-later
# A container with two volumes: all grow together, or none; then one of them gets another chunk, with a second backup in a file.
#: disks: 4x40M scsi, 16M scsi
#: modules: raid6_pq
#: programs: mkfs.ext4
#: rules: yes
#: timeout: 400
. /lib/emd/refuse.sh
. /lib/emd/two-volumes.sh

say "two volumes: all grow together, or none"
make_two_volumes
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

