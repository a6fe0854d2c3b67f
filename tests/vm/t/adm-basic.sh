# SPDX-License-Identifier: GPL-2.0-or-later
# emdadm from the first disk to the last: create, show, stop, assemble, fail, remove, add, rebuild, stop.
#: disks: 5x64M scsi
#: modules: raid6_pq
#: rules: yes
#: timeout: 240
vol=/dev/emd/vol0
field() { emdadm --detail --export "$1" | sed -n "s/^$2=//p"; }
kernel_name() { basename "$(readlink -f "$1")"; }
md() { attr "/sys/block/$(kernel_name $vol)/md/$1"; }
# shows PATTERN COMMAND...: succeeds, and prints something that matches.
shows() {
	local pattern=$1 got
	shift
	got=$("$@" 2>&1) || fail "'$*' ends with $?: $got"
	echo "$got" | grep -Eq -- "$pattern" || fail "'$*' prints '$got', nothing like '$pattern'"
}
healthy() { [ "$(md degraded)" = 0 ] && [ "$(md sync_action)" = idle ]; }

say "dry run changes nothing"
emdadm --create /dev/emd/imsm0 -e imsm -n 4 "$d0" "$d1" "$d2" "$d3" --dry-run >/tmp/plan
grep -q "metadata: write to all disks" /tmp/plan
[ ! -e /dev/emd/imsm0 ] || fail "a dry run made an array"
refuses "no metadata" emdadm --examine "$d0"

say "create"
emdadm --create /dev/emd/imsm0 -e imsm -n 4 "$d0" "$d1" "$d2" "$d3"
[ -b /dev/emd/imsm0 ] || fail "no link for the container"
emdadm -C $vol -l 5 -n 3 -c 64 /dev/emd/imsm0
emdadm --wait $vol || true
wait_for 30 healthy
fill_range $vol 33554432 1
emdadm --detail $vol
expect raid5 field $vol MD_LEVEL
expect vol0 field $vol MD_DEVNAME
expect /dev/emd/imsm0 field $vol MD_CONTAINER
shows '"health": "ok"' emdadm --detail --json $vol
shows "^ARRAY /dev/emd/vol0 container=/dev/emd/imsm0 member=0 UUID=" emdadm --detail --scan
shows "RAID Level : 5" emdadm --examine "$d0"
shows MD_METADATA=imsm emdadm --examine --export "$d1"
shows "State : (clean|active)" emdadm --detail --test $vol

say "stop and assemble"
uuid=$(field $vol MD_UUID)
refuses "holds the running volume" emdadm --stop /dev/emd/imsm0
emdadm --stop $vol
emdadm --stop /dev/emd/imsm0
refuses "no array that EMD runs" emdadm --detail $vol
emdadm --assemble --scan
settle
expect "$uuid" field $vol MD_UUID
check_range $vol 33554432 1
emdadm --stop --scan
emdadm --assemble /dev/emd/imsm0 "$d0" "$d1" "$d2" "$d3"
check_range $vol 33554432 1

say "a disk fails, the spare comes in"
emdadm /dev/emd/imsm0 --fail "$d1"
wait_for 60 healthy
check_range $vol 33554432 1
emdadm /dev/emd/imsm0 --remove "$d1"
emdadm --detail $vol

say "the failed disk comes back as a spare"
emdadm --zero-superblock "$d1"
emdadm /dev/emd/imsm0 --add "$d1"
shows "$d1" emdadm --detail /dev/emd/imsm0
check_range $vol 33554432 1
emdadm --wait-clean $vol

say "udev is slow, and holds the volume open when it is to be stopped"
settle
mkdir -p /run/udev/rules.d
# Once: each step of a stop is an event of its own, and nobody waits for a udev that takes a minute for them.
cat >/run/udev/rules.d/99-slow.rules <<'EOF'
ACTION=="change", KERNEL=="emd*", PROGRAM="/bin/sh -c '[ -e /tmp/held ] || { touch /tmp/held; exec sleep 9 </dev/%k; }'"
EOF
udevadm control --reload
echo change >"/sys/block/$(basename "$(readlink -f $vol)")/uevent"
wait_for 20 [ -e /tmp/held ]
emdadm --stop --scan
[ -z "$(ls /sys/block | grep emd)" ] || fail "arrays are left"
