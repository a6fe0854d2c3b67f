# SPDX-License-Identifier: GPL-2.0-or-later
# The story of EMD: an array grows live, loses power twice, and comes back whole. `make demo` tells it.
#: disks: 4x96M scsi, oracle 64M
#: programs: mkfs.ext4 e2fsck resize2fs fio
#: modules: ext4
#: rules: yes
#: power: yes
#: flush-delay: 4
#: boots: 3
#: memory: 768
#: timeout: 220
VOLUME=/dev/emd/vol0

step() { echo "== $*"; }
md() { attr "/sys/block/$(basename "$(readlink -f $VOLUME)")/md/$1"; }
position() { case $(md reshape_position) in none|'') echo 0 ;; *) md reshape_position ;; esac; }

reshaping()	{ [ "$(md sync_action)" = reshape ]; }
moved_past()	{ [ "$(position)" -gt "$1" ]; }
reshaped()	{ [ "$(md reshape_position)" = none ] && [ "$(md raid_disks)" = 4 ]; }
# A section is held: writes into it wait, while it is backed up and moved.
in_section()	{ reshaping && [ "$(md suspend_hi)" -gt "$(md suspend_lo)" ]; }
assembled()	{ [ -b $VOLUME ] && [ "$(cat "/sys/class/block/$(basename "$(readlink -f $VOLUME)")/size")" -gt 0 ]; }

start_writers() {
	emdwork load /mnt/blocks "$oracle" --jobs 2 --seconds 100000 --seed "$BOOT" &
	fio --name=verify --filename=/mnt/fio --size=8M --rw=randwrite --bs=4k --direct=1 --verify=crc32c \
		--verify_backlog=64 --verify_fatal=1 --time_based --runtime="$1" --minimal >/tmp/fio.log 2>&1 &
	fio=$!
}
files_right() {
	(cd /mnt/files && sha256sum -c /mnt/sums >/tmp/sums.log) || { grep -v OK /tmp/sums.log; fail "a file is damaged"; }
	say "$(grep -c OK /tmp/sums.log) of $(wc -l </mnt/sums) files right"
}
blocks_right() { emdwork verify /mnt/blocks "$oracle" --settle 1 || fail "an acknowledged block is wrong"; }
comes_back() {
	step "power is back: udev alone assembles"
	wait_for 60 assembled
	say "$VOLUME is there; reshape at $(position) of $(($(md component_size) * 4)) sectors (array)"
	mount "$VOLUME" /mnt
	files_right
	blocks_right
	step "the reshape goes on by itself"
	wait_for 60 moved_past "$1"
	say "from $1 to $(position)"
}

boot1() {
	step "a container of four disks"
	emdadm --create /dev/emd/imsm0 --metadata imsm --raid-devices 4 "$d0" "$d1" "$d2" "$d3"
	step "a RAID5 of three of them; the fourth is a spare"
	emdadm --create "$VOLUME" --level 5 --raid-devices 3 --chunk 64 /dev/emd/imsm0
	wait_for 20 assembled
	emdadm --wait "$VOLUME" || true
	emdadm --detail "$VOLUME"
	step "ext4 and files on it"
	mkfs.ext4 -q "$VOLUME"
	mount "$VOLUME" /mnt
	mkdir /mnt/files
	for i in $(seq 40); do head -c $((i * 20000)) /dev/urandom >"/mnt/files/$i"; done
	(cd /mnt/files && sha256sum *) >/mnt/sums
	head -c 16777216 /dev/zero >/mnt/blocks
	emdwork fill /mnt/blocks "$oracle"
	sync
	keep before "$(cat "/sys/class/block/$(basename "$(readlink -f $VOLUME)")/size")"
	step "emdadm --grow to four disks, under two writers that verify"
	start_writers 100000
	emdadm --grow /dev/emd/imsm0 --raid-devices 4 --dry-run
	emdadm --grow /dev/emd/imsm0 --raid-devices 4 >/tmp/grow.log 2>&1 &
	limit=$(($(now_cs) + 60 * SLOW * 100))
	until in_section && moved_past 0; do
		kill -0 $fio || { cat /tmp/fio.log; fail "fio ended"; }
		[ "$(now_cs)" -lt $limit ] || { cat /tmp/grow.log; fail "the reshape does not begin"; }
	done
	keep first "$(position)"
	step "the plug is pulled: moved $(position), section $(md suspend_lo) to $(md suspend_hi) held"
	cut_now
}

boot2() {
	comes_back "$first"
	start_writers 100000
	half=$(($(md component_size) * 2))
	wait_for 200 moved_past $half
	keep second "$(position)"
	step "and pulled again, at a random time, $(position) being moved"
	cut_within 0 1.5
	sleep 1000
}

boot3() {
	comes_back "$second"
	start_writers 15
	step "until the reshape ends"
	wait_for 300 reshaped
	wait $fio || { cat /tmp/fio.log; fail "fio found an error"; }
	say "fio verified without an error"
	killall emdwork
	wait_for 10 no_writer
	files_right
	blocks_right
	step "check: do data and parity agree everywhere?"
	emdadm --wait "$VOLUME" || true
	wait_for 60 idle
	echo check >"/sys/block/$(basename "$(readlink -f $VOLUME)")/md/sync_action"
	wait_for 120 idle
	[ "$(md mismatch_cnt)" = 0 ] || fail "mismatch_cnt is $(md mismatch_cnt)"
	say "0 mismatches"
	step "the file system grows into the new space"
	after=$(cat "/sys/class/block/$(basename "$(readlink -f $VOLUME)")/size")
	[ "$after" -gt "$before" ] || fail "the volume has $after sectors and had $before"
	resize2fs "$VOLUME" 2>&1 | grep -v '^resize2fs'
	df -h /mnt
	files_right
	umount /mnt
	e2fsck -fn "$VOLUME" || fail "the file system is damaged"
	say "volume: $before sectors before, $after after"
	emdadm --stop "$VOLUME"
	emdadm --stop /dev/emd/imsm0
}
idle() { [ "$(md sync_action)" = idle ]; }
no_writer() { ! pidof emdwork >/dev/null; }
