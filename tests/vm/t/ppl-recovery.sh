# SPDX-License-Identifier: GPL-2.0-or-later
# md writes a RAID5 with a partial parity log, in small blocks, and the power goes. Then EMD has the disks: with each of the members
# missing in turn nothing is wrong that was not being written, without a resync and without force; with all of them parity is right.
#: disks: 4x16M scsi, oracle 32M
#: kernels: 6.12
#: programs: mdadm
#: modules: md_mod raid456
#: boots: 6
#: power: yes
#: flush-delay: 4
#: timeout: 150
. /lib/emd/peer.sh
peer_volume=/dev/md9

md_writes() {
	mdadm --zero-superblock --force "$d0" "$d1" "$d2" "$d3" 2>/dev/null || true
	mdadm --create /dev/md9 --run --assume-clean --metadata 1.2 --level 5 --chunk 16 --raid-devices 4 --size 4M --consistency-policy ppl \
		"$d0" "$d1" "$d2" "$d3" 2>&1
	expect_attr /sys/block/md9/md/consistency_policy ppl
	emdwork fill /dev/md9 "$oracle"
	emdwork load /dev/md9 "$oracle" --jobs 6 --seconds 1000 --seed "$((SEED + BOOT))" --span 3 &
	cut_at_write any 200-2000
	wait
	fail "the writer ended"
}
emd_assembles() { emdadm --assemble /dev/emd/arr --config none --run "$@"; }
# emd_recovers DISK...: by the log; when the front of an area was being written itself, by force
emd_recovers() {
	local said
	if ! said=$(emd_assembles --update=no-ppl "$@" 2>&1); then
		echo "$said"
		echo "$said" | grep -q "partial parity log is no help" || fail "it is not assembled"
		emd_assembles --update=no-ppl --force "$@"
	else
		echo "$said"
	fi
	array=$(readlink -f /dev/emd/arr)
	md=/sys/block/${array#/dev/}/md
}
idle() { attr_is "$md/sync_action" idle; }

boot1() { md_writes; }
boot() {
	local missing=$((BOOT - 2)) disks
	disks=$(all_but $missing "$d0" "$d1" "$d2" "$d3")
	say "without: $missing"
	emd_recovers $disks
	if [ $missing -lt 4 ]; then
		emdwork verify /dev/emd/arr "$oracle" --open 1
	else
		emdwork verify /dev/emd/arr "$oracle" --settle 1
		wait_for 60 idle
		echo check >"$md/sync_action"
		wait_for 60 idle
		expect_attr "$md/mismatch_cnt" 0
	fi
	emdadm --stop /dev/emd/arr
	wait_for 20 no_emd
	if [ $missing -ge 4 ]; then
		say "and md has it back, as a plain RAID5"
		mdadm --assemble /dev/md9 $disks 2>&1
		expect_attr /sys/block/md9/md/consistency_policy resync
		emdwork verify /dev/md9 "$oracle" --settle 1
		wait_for 20 mdadm --stop /dev/md9
	fi
	[ "$BOOT" -lt 6 ] || return 0
	md_writes
}
