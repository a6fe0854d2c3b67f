# SPDX-License-Identifier: GPL-2.0-or-later
# Bad input: a wrong device, one in use, too small, with foreign or damaged metadata, a grow that is refused, a full backup
# place. Each gets one sentence that names the thing and a status that is not zero, and everything is as it was.
#: disks: 3x40M scsi, 24M scsi, 1M scsi, 16M scsi, 16M scsi, 12M scsi
#: modules: raid6_pq
#: programs: mkfs.ext4
#: rules: yes
#: kernels: 6.12
#: timeout: 480
. /lib/emd/refuse.sh
vol=/dev/emd/vol0
imsm=/dev/emd/imsm0
short=$d3 tiny=$d4 foreign=$d5 damaged=$d6 mounted=$d7
md=/sys/block/none
elsewhere=$(readlink -f "$mounted")
sums() { md5sum "$d0" "$d1" "$d2" "$short" "$tiny" "$foreign" "$damaged"; }
same_disks() {
	sums >/tmp/sums.now
	cmp -s /tmp/sums /tmp/sums.now || fail "the disks are not what they were: $(diff /tmp/sums /tmp/sums.now | grep "^[-+]")"
}
idle() { [ "$(attr "$md/sync_action")" = idle ] && [ "$(attr "$md/array_state")" = clean ]; }

mkfs.ext4 -q "$foreign"
mkfs.ext4 -q "$mounted"
mount -t ext4 "$mounted" /mnt
emdadm --create /dev/emd/hurt -e imsm -n 1 "$damaged"
emdadm --stop /dev/emd/hurt
printf 'dust' | dd of="$damaged" bs=1 seek=$((16777216 - 1024 + 100)) conv=notrunc 2>/dev/null
sync; settle; sums >/tmp/sums

say "nothing runs: wrong devices, devices in use, small ones, foreign and damaged ones"
create() { emdadm --create $imsm -e imsm "$@"; }
bad "/dev/nowhere" create -n 1 /dev/nowhere
bad "/dev/null is not a block device" create -n 1 /dev/null
bad "/etc/emd/emdadm.conf is not a block device" create -n 1 /etc/emd/emdadm.conf
bad "$d0 is named twice" create -n 2 "$d0" "$d0"
bad "$mounted is in use: it is mounted" create -n 2 "$d0" "$mounted"
bad "$tiny is too small for IMSM" create -n 2 "$d0" "$tiny"
bad "$foreign has an? .*ext4.*--force" create -n 2 "$d0" "$foreign"
bad "--raid-devices=3 is given with 2 disks" create -n 3 "$d0" "$d1"
bad "\"a/b?c\" is no name|b\?c" emdadm --create "/dev/emd/b?c" -e imsm -n 1 "$d0"
bad "\"hpt\" is no format" emdadm --create $imsm -e hpt -n 1 "$d0"
bad "$short is too small for DDF" emdadm --create $imsm -e ddf -n 1 "$short"
bad "say its --level" emdadm --create /dev/emd/new -e 1.2 -n 1 "$d0"
bad "with superblocks 0.90: take 1.0" emdadm --create /dev/emd/new -e 0.90 -l 1 -n 2 "$d0" "$d1"
bad "2 disks are named for 3 members" emdadm --create /dev/emd/new -l 5 -n 3 "$d0" "$d1"
bad "on the members alone: take internal, or none" emdadm --create /dev/emd/new -l 1 -n 2 --bitmap=/bits "$d0" "$d1"
bad "has no use for a bitmap" emdadm --create /dev/emd/new -l 0 -n 2 --bitmap=internal "$d0" "$d1"
bad "--bitmap=internal: emdadm makes one only" emdadm --create /dev/emd/new -e none -l 1 -n 2 --bitmap=internal "$d0" "$d1"
bad "3 disks cannot miss 2" emdadm --create /dev/emd/new -l 5 -n 3 "$d0" missing missing
bad "nothing can be assembled.*$foreign" emdadm --assemble $imsm "$foreign"
bad "nothing can be assembled.*$damaged" emdadm --assemble $imsm "$damaged"
bad "/dev/nowhere" emdadm --assemble $imsm /dev/nowhere "$d0"
bad "00000000:00000000" emdadm --assemble $imsm --uuid 00000000:00000000:00000000:00000000
bad "nothing to assemble" emdadm --assemble --scan
bad "$foreign has no metadata" emdadm --examine "$foreign"
bad "$damaged.*(damaged|checksum)" emdadm --examine "$damaged"
bad "/dev/null is not a block device" emdadm --examine /dev/null
bad "/dev/nowhere" emdadm --incremental /dev/nowhere
bad "$foreign has no metadata" emdadm --incremental "$foreign"
bad "$damaged" emdadm --incremental "$damaged"
bad "$foreign has no metadata that EMD knows: nothing is erased" emdadm --zero-superblock "$foreign"
bad "$d0 is no array" emdadm --grow "$d0" -n 4
bad "$d0 is no array" emdadm --detail "$d0"
bad "$d0 is no array" emdadm --stop "$d0"
bad "$d0 is no array" emdadm "$d0" --add "$d1"
bad "--frob is no option" emdadm --create --frob
bad "raid-devices takes a number" create -n many "$d0"
same_disks

say "a volume runs: wrong members, devices in use, small ones"
emdadm --create $imsm -e imsm -n 3 "$d0" "$d1" "$d2"
emdadm -C $vol -l 5 -n 3 -c 64 $imsm --assume-clean
settle
md=/sys/block/$(basename "$(readlink -f $vol)")/md
wait_for 30 idle
emdadm --wait-clean $vol; sync; sums >/tmp/sums
bad "$d0 is used by|$d0 is in use" emdadm --create /dev/emd/other -e imsm -n 1 "$d0"
bad "named vol0" emdadm -C $vol -l 1 -n 2 $imsm
bad "5 disks are needed and the container has 3" emdadm -C /dev/emd/vol1 -l 5 -n 5 $imsm
bad "no raid6" emdadm -C /dev/emd/vol1 -l 6 -n 3 $imsm
bad "vol1|room|free" emdadm -C /dev/emd/vol1 -l 5 -n 3 $imsm
bad "$d0 is in $imsm already" emdadm $imsm --add "$d0"
bad "$vol is a volume: add the disk to its container $imsm" emdadm $vol --add "$short"
bad "$mounted is in use" emdadm $imsm --add "$mounted"
bad "$tiny is too small for IMSM" emdadm $imsm --add "$tiny"
bad "$foreign has an? .*ext4.*--force" emdadm $imsm --add "$foreign"
bad "$foreign is no working member of $imsm" emdadm $imsm --fail "$foreign"
bad "$d0 cannot be replaced while it works: IMSM has no record of that.*--add .*--fail $d0" emdadm $vol --replace "$d0"
bad "--with $d0 needs --replace" emdadm $imsm --with "$d0"
bad "$foreign is no member of $imsm" emdadm $imsm --remove "$foreign"
bad "$d0 is a working member" emdadm $imsm --remove "$d0"
bad "$d0 is a member of" emdadm --zero-superblock "$d0"
bad "$imsm holds the running volume $vol" emdadm --stop $imsm
settle
same_disks

say "grows that are refused"
bad "vol0 needs 1 spare disk and the container has 0: add disks" emdadm --grow $imsm -n 4
bad "vol0: IMSM cannot shrink a volume" emdadm --grow $imsm -n 2
bad "vol0 has this shape already" emdadm --grow $imsm -n 3
bad "vol0: a chunk of 48K is not possible" emdadm --grow $vol -c 48
bad "vol0: the format has no raid6" emdadm --grow $vol -l 6
bad "vol0.*level" emdadm --grow $vol -l 1
bad "vol0.*layout" emdadm --grow $vol --layout right-symmetric
bad "vol0" emdadm --grow $vol --size max
bad "needs something to change" emdadm --grow $vol

say "backup places that cannot be used"
bad "/nowhere: No such file" emdadm --grow $vol -c 32 --backup-file /nowhere/backup
bad "/tmp/backup would lie in memory" emdadm --grow $vol -c 32 --backup-file /tmp/backup
touch /mnt/there
bad "/mnt/there exists already" emdadm --grow $vol -c 32 --backup-file /mnt/there
dd if=/dev/zero of=/mnt/filler bs=64k 2>/dev/null || true
bad "there is no room for the .* of /mnt/backup: free some, or name a file elsewhere" emdadm --grow $vol -c 32 --backup-file /mnt/backup
[ ! -e /mnt/backup ] || fail "/mnt/backup is left"
expect idle cat "$md/sync_action"
mkfs.ext4 -q $vol
sync; wait_for 30 idle; emdadm --wait-clean $vol
bad "$vol holds an ext4 file system of [0-9.]+ MiB: make that smaller first .resize2fs., or use --force" emdadm --grow $vol --array-size=20M
mkdir /on && mount -t ext4 -o ro $vol /on
bad "/on/backup would lie on emd[0-9]+, which is being reshaped" emdadm --grow $vol -c 32 --backup-file /on/backup
bad "$vol is in use: unmount it" emdadm --stop $vol
umount /on
settle; wait_for 30 idle; emdadm --wait-clean $vol

say "no disk for it"
emdadm $imsm --add "$short"
settle; sync; sums >/tmp/sums
bad "vol0 needs 1 more disk of at least .* $short has 24" emdadm --grow $imsm -n 4
emdadm $imsm --remove "$short"
emdadm --zero-superblock "$short"
settle; sync; sums >/tmp/sums
emdadm --readonly $vol
bad "vol0 is read-only" emdadm --grow $vol -c 32
emdadm --readwrite $vol
echo frozen >"$md/sync_action"
bad "vol0 is frozen" emdadm --grow $vol -c 32
echo idle >"$md/sync_action"
wait_for 30 idle

say "the monitor is gone, and cannot be started"
mv /sbin/emdmon /sbin/emdmon.away
pid=$(pidof emdmon)
kill -9 "$pid"
wait_for 10 test ! -e "/proc/$pid"
bad "emdmon is not installed: put it beside emdadm, or into the PATH" emdadm --grow $vol -c 32
expect idle cat "$md/sync_action"
mv /sbin/emdmon.away /sbin/emdmon
emdmon "$(basename "$(readlink -f $imsm)")"
wait_for 30 idle

say "a disk is missing"
emdadm $imsm --fail "$d2"
wait_for 30 attr_is "$md/degraded" 1
wait_for 30 test ! -e "$md/dev-$(basename "$d2")"
emdadm --wait-clean $vol; sync
bad "vol0 misses a disk" emdadm --grow $vol -c 32
bad "$d1 cannot be failed: $imsm would lose its data" emdadm $imsm --fail "$d1"
expect 1 cat "$md/degraded"
emdadm --stop --scan
umount /mnt
