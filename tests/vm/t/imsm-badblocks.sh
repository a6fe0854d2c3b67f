# SPDX-License-Identifier: GPL-2.0-or-later
# Disks of an IMSM container that refuse some blocks: emdmon records them in the container's log, the arrays stay whole, start with it
# again, and mdadm reads it and md keeps it; what is written again leaves it. On sectors of 512 and of 4096 bytes.
#: extra-modules: null_blk configfs
#: modules: md_mod raid456 raid1 raid6_pq xor
#: kernels: 6.12
#: programs: mdadm mdmon
#: files: tests/vm/guest/nullb.sh
#: memory: 768
#: timeout: 450
#: allow: I/O error|Buffer I/O error
. /lib/emd/peer.sh
. /nullb.sh
export IMSM_DEVNAME_AS_SERIAL=1
BYTES=4194304

volume() { readlink -f "/dev/emd/$1"; }
member() { local v; v=$(volume "$1"); echo "/sys/block/${v#/dev/}/md/dev-${2#/dev/}"; }
list() { cat "$(member "$1" "$2")/bad_blocks"; }
expect_list() { [ "$(list "$1" "$2")" = "$3" ] || fail "$2 has '$(list "$1" "$2")' in its list of $1, not '$3'"; }
whole() { local v; v=$(volume "$1"); expect_attr "/sys/block/${v#/dev/}/md/degraded" 0; }
emd_idle() { local v; v=$(volume "$1"); attr_is "/sys/block/${v#/dev/}/md/sync_action" idle && attr_is "/sys/block/${v#/dev/}/md/degraded" 0; }
put() { emdwork put "$(volume "$1")" "/$1" "$2" "$3"; }	# VOLUME SECTOR COUNT: new data, in one request
same() { echo 3 >/proc/sys/vm/drop_caches; cmp -n $BYTES "/$1" "$(volume "$1")" || fail "$*"; }
kept() { case $(cat "$(member "$1" "$2")/state") in in_sync*external_bbl*) ;; *) fail "$2 of $1 is $(cat "$(member "$1" "$2")/state")" ;; esac; }
# on_disk TOOL DISK: its lines, as START LENGTH
on_disk() {
	dd if="$2" iflag=direct bs=64K count=1 of=/dev/null 2>/dev/null
	echo 3 >/proc/sys/vm/drop_caches
	"$1" --examine-badblocks "$2" 2>&1 | sed -n 's/^ *\([0-9]*\) for \([0-9]*\) sectors$/\1 \2/p' | sort -n | tr '\n' ';'
}
# recorded DISK [START LENGTH]...: so say mdadm and emdadm of the disk; mdadm counts in its blocks
recorded() {
	local disk=$1 ours= theirs=
	shift
	while [ $# -gt 0 ]; do ours="$ours$1 $2;" theirs="$theirs$(($1 / UNIT)) $(($2 / UNIT));"; shift 2; done
	[ "$(on_disk emdadm "$disk")" = "$ours" ] || return 1
	[ -n "$ours" ] || emdadm --examine-badblocks "$disk" | grep -q "list is empty" || return 1
	[ "$(on_disk mdadm "$disk")" = "$theirs" ] || [ "$(on_disk mdadm "$disk")" = "$ours" ]
}
records() { recorded "$@" || fail "mdadm says: $(mdadm --examine-badblocks "$1" 2>&1), emdadm: $(emdadm --examine-badblocks "$1"), not $*"; }
takes() { emdadm --assemble /dev/emd/box --config none "$@" || fail "EMD does not take the container"; }
stop_all() { emdadm --stop --scan; wait_for 20 no_emd; }

# life BLOCK_BYTES DISK...
life() {
	local data1 data2 bad1 bad2 block=$1 first
	UNIT=$(($1 / 512))
	shift
	first=$1
	say "disks with blocks of $block bytes, two RAID5 on them"
	emdadm --create /dev/emd/box --metadata imsm --raid-devices $# --config none "$@"
	emdadm --create /dev/emd/one --level 5 --raid-devices 3 --chunk 64 --size 16M --config none /dev/emd/box
	wait_for 60 emd_idle one
	emdadm --create /dev/emd/two --level 5 --raid-devices 3 --chunk 64 --config none /dev/emd/box
	wait_for 60 emd_idle two
	for v in one two; do
		head -c $BYTES /dev/urandom >/$v
		dd if=/$v of="$(volume $v)" bs=256K oflag=direct 2>/dev/null
		for disk; do kept $v "$disk"; done
	done
	data1=$(cat "$(member one "$first")/offset") data2=$(cat "$(member two "$first")/offset")
	bad1=$((data1 + 96)) bad2=$((data2 + 96))

	say "what is refused is recorded, in either volume, and both are whole"
	nullb_break "$BASE" $bad1 $((bad1 + 7))
	nullb_break "$BASE" $bad2 $((bad2 + 7))
	put one 96 8
	put two 96 8
	[ -n "$(list one "$first")" ] || fail "nothing is listed: sector 96 of the array is not on $first"
	expect_list one "$first" "$bad1 8"
	[ -z "$(cat "$(member one "$first")/unacknowledged_bad_blocks")" ] || fail "the write ended before emdmon knew"
	records "$first" $bad1 8 $bad2 8
	records "$2"
	whole one
	whole two
	same one "with a bad block"
	same two "with a bad block"
	stop_all
	# It can be read again, and has what was there before.
	nullb_mend "$BASE" $bad1 $((bad1 + 7))
	nullb_mend "$BASE" $bad2 $((bad2 + 7))

	say "they start with the list, and nothing of what is in it is read"
	takes "$@"
	for v in one two; do for disk; do kept $v "$disk"; done; done
	case $(list one "$first") in "$bad1 8"*) ;; *) fail "one starts with '$(list one "$first")'" ;; esac
	for again in 1 2 3; do same one "after a start"; same two "after a start"; done
	stop_all

	say "md starts with it, too, and EMD after md"
	mdadm --assemble --scan 2>&1 || true
	wait_for 60 peer_ready
	cat /sys/block/md*/md/dev-"${first#/dev/}"/bad_blocks | grep -q "^$bad1 8" || fail "md does not know of it"
	peer_stop
	records "$first" $bad1 8 $bad2 8
	takes "$@"

	say "what is written again is in no list"
	put one 96 8
	wait_for 20 recorded "$first" $bad2 8
	put two 96 8
	wait_for 20 recorded "$first"
	same one "after all"
	same two "after all"

	say "a disk that fails takes its list along"
	nullb_break "$BASE" $bad1 $((bad1 + 7))
	put one 96 8
	wait_for 20 recorded "$first" $bad1 8
	emdadm /dev/emd/one --fail "$first"
	wait_for 20 attr_is "/sys/block/$(basename "$(volume one)")/md/degraded" 1
	wait_for 20 lists_nothing "$2"
	same one "without $first"
	stop_all
	emdadm --zero-superblock "$@"
}
# The log is that of all disks: whoever is left says what it holds.
lists_nothing() { emdadm --examine --json "$1" | tr -d ' \n' | grep -q '"bad_blocks":\[\]'; }

BASE=0
nullb_disks 3 48
life 512 "$n0" "$n1" "$n2"
for i in 3 4 5; do nullb_disk $i 64 4096; done
BASE=3
life 4096 "$n3" "$n4" "$n5"
