# SPDX-License-Identifier: GPL-2.0-or-later
# A disk of an array of md that refuses some blocks: emdmon records them where md has its list, the array stays whole, starts with the
# list again, and md reads it; what is written again leaves the list.
#: extra-modules: null_blk configfs
#: modules: md_mod raid456 raid1 raid6_pq xor
#: kernels: 6.12
#: programs: mdadm
#: rules: yes
#: files: tests/vm/guest/nullb.sh
#: memory: 768
#: timeout: 240
#: allow: I/O error|Buffer I/O error
. /lib/emd/peer.sh
. /nullb.sh
BYTES=4194304

# -- the array of EMD, its device in $array --
member() { echo "/sys/block/${array#/dev/}/md/dev-${1#/dev/}"; }
list() { cat "$(member "$1")/bad_blocks"; }
expect_list() { [ "$(list "$1")" = "$2" ] || fail "$1 has '$(list "$1")' in its list, not '$2'"; }
emd_idle() { [ "$(attr "/sys/block/${array#/dev/}/md/sync_action")" = idle ] && [ "$(attr "/sys/block/${array#/dev/}/md/degraded")" = 0 ]; }
emd_takes() {
	emdadm --assemble /dev/emd/arr --config none "$@" || fail "EMD does not take the array"
	array=$(readlink -f /dev/emd/arr)
	expect_attr "/sys/block/${array#/dev/}/md/degraded" 0
}
emd_stop() { emdadm --stop /dev/emd/arr; wait_for 20 no_emd; }
put() { emdwork put "$array" /pattern "$1" "$2"; }	# SECTOR COUNT: new data, in one request
same() { echo 3 >/proc/sys/vm/drop_caches; cmp -n $BYTES /pattern "$array" || fail "$*"; }
kept() { case $(cat "$(member "$1")/state") in in_sync*external_bbl*) ;; *) fail "$1 is $(cat "$(member "$1")/state")" ;; esac; }
# md_lists DISK [START LENGTH]...: so says mdadm of the disk
md_lists() {
	local disk=$1 want=
	shift
	while [ $# -gt 0 ]; do want="$want$1 for $2 sectors;"; shift 2; done
	dd if="$disk" iflag=direct bs=64K count=1 of=/dev/null 2>/dev/null
	echo 3 >/proc/sys/vm/drop_caches
	[ "$(mdadm --examine-badblocks "$disk" 2>&1 | sed -n 's/^ *\([0-9]* for [0-9]* sectors\)$/\1/p' | tr '\n' ';')" = "$want" ]
}
records() { md_lists "$@" || fail "mdadm says: $(mdadm --examine-badblocks "$1" 2>&1), not $*"; }

nullb_disks 3 32
# one LEVEL SECTOR DISK...: of the first disk 8 sectors are broken; SECTOR is where the array has the first of them
one() {
	local level=$1 sector=$2 data bad
	shift 2
	say "RAID$level"
	emdadm --create /dev/emd/arr --metadata 1.2 --level "$level" --raid-devices $# --config none "$@"
	array=$(readlink -f /dev/emd/arr)
	wait_for 60 emd_idle
	head -c $BYTES /dev/urandom >/pattern
	dd if=/pattern of="$array" bs=256K oflag=direct 2>/dev/null
	for disk; do kept "$disk"; done
	data=$(cat "$(member "$n0")/offset")
	bad=$((data + 100))

	say "RAID$level: what is refused is recorded, and the array is whole"
	nullb_break 0 $bad $((bad + 7))
	put "$sector" 8
	expect_list "$n0" "$bad 8"
	[ -z "$(cat "$(member "$n0")/unacknowledged_bad_blocks")" ] || fail "the write ended before emdmon knew"
	records "$n0" $bad 8
	emdadm --detail --json /dev/emd/arr | grep -q '"bad_blocks": 1' || fail "$(emdadm --detail --json /dev/emd/arr)"
	expect_attr "/sys/block/${array#/dev/}/md/degraded" 0
	same "with a bad block"
	emd_stop
	# It can be read again, and has what was there before.
	nullb_mend 0 $bad $((bad + 7))

	say "RAID$level: it starts with its list, and reads nothing of what is in it"
	emd_takes "$@"
	expect_list "$n0" "$bad 8"
	for disk; do kept "$disk"; done
	for again in 1 2 3 4; do same "after a start"; done
	emd_stop

	say "RAID$level: md starts with it, too, and EMD after md"
	mdadm --assemble /dev/md9 "$@" 2>&1
	expect "$bad 8" cat "/sys/block/md9/md/dev-${n0#/dev/}/bad_blocks"
	cmp -n $BYTES /pattern /dev/md9 || fail "md reads something else"
	wait_for 20 mdadm --stop /dev/md9 2>&1
	emd_takes "$@"
	expect_list "$n0" "$bad 8"

	say "RAID$level: what is written again is in no list"
	put "$((sector + 2))" 2
	expect_list "$n0" "$bad 2
$((bad + 4)) 4"
	wait_for 20 md_lists "$n0" $bad 2 $((bad + 4)) 4
	put "$sector" 8
	expect_list "$n0" ""
	wait_for 20 md_lists "$n0"
	same "after all"
	emd_stop
	mdadm --zero-superblock "$@"
}
one 1 100 "$n0" "$n1"
one 5 100 "$n0" "$n1" "$n2"
