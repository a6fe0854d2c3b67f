# SPDX-License-Identifier: GPL-2.0-or-later
# Lists of bad blocks at their limits: how much fits, and which disk fails; members that go with a list that nobody knows; what is
# not lost beside what is; two writes of one place; who replaces a member never has less than that.
#: disks: oracle 16M
#: extra-modules: null_blk configfs
#: modules: raid6_pq xor
#: kernels: 6.12 uml
#: files: tests/vm/guest/array.sh tests/vm/guest/nullb.sh tests/vm/guest/bitmap.sh
#: memory: 768
#: udev: no
#: timeout: 240
#: allow: I/O error|Buffer I/O error
. /bitmap.sh
. /nullb.sh

nullb_disks 4 2
list() { cat "$(member "$1")/bad_blocks"; }
expect_list() { [ "$(list "$1")" = "$2" ] || fail "$1 has '$(list "$1")' in its list, not '$2'"; }
keep_lists() { for m; do [ "$m" = - ] || echo external_bbl >"$(member "$m")/state"; done; }
put() { emdwork put "$dev" /pattern "$1" "$2"; }	# SECTOR COUNT: new data, in one request
get() { emdwork get "$dev" /pattern "$1" "$2"; }	# it is there, read in one request
lost() { refuses "reading" get "$1" "$2"; }
pattern() { bytes=$(size_bytes); head -c "$bytes" /dev/urandom >/pattern; dd if=/pattern of="$dev" bs=256K oflag=direct 2>/dev/null; }
same() { drop_caches; cmp -n "$bytes" /pattern "$dev" || fail "$*"; }
garbage() { dd if=/dev/urandom of="$1" bs=512 seek="$2" count="$3" oflag=direct conv=notrunc 2>/dev/null; }	# DEVICE SECTOR COUNT
fail_slot() { echo faulty >"$(member "$1")/state"; wait_for 10 test ! -e "$(member "$1")"; }
# lists_array LEVEL CHUNK_KIB LAYOUT DEVICE...: inactive, and all members keep lists
lists_array() {
	local level=$1 chunk=$2 layout=$3
	shift 3
	make_array emd0 "$level" $# "$chunk" "$layout" "$@"
	keep_lists "$@"
}

say "the list takes what a page shows"
nullb_disk 5 2 4096
lists_array raid1 0 - "$n5" "$n1"
start_array insync
pattern
bad_blocks=$(member "$n1")/bad_blocks
sector=1000 stored=0
while echo "$sector 1" 2>/dev/null >"$bad_blocks"; do
	sector=$((sector + 2)) stored=$((stored + 1))
	[ $stored -lt 2000 ] || fail "there is no end of it"
done
list "$n1" >/list
expect "$stored" grep -c . /list
[ "$(wc -c </list)" -le 4096 ] || fail "it is longer than a page"
expect "1000 1" head -n 1 /list
expect "$((sector - 2)) 1" tail -n 1 /list
expect_attr "$md/degraded" 0

say "a disk that refuses everything fails"
put 1000 2000
expect_list "$n1" ""
# 6.1's own lists of bad blocks do not take more at once.
for at in 0 512 1024; do nullb_break 5 $at $((at + 511)); done
for at in 0 512; do put $at 512 || fail "a write failed"; done
expect_attr "$md/degraded" 0
expect_list "$n5" "0 512
512 512"
put 1024 512 || fail "a write failed"
wait_attr 10 "$md/degraded" 1
wait_for 10 test ! -e "$(member "$n5")"
expect_list "$n1" ""
same "raid1 without the disk"
for at in 0 512 1024; do nullb_mend 5 $at $((at + 511)); done
stop_array

say "while copies may differ the copy is read that the resync takes the page from"
lists_array raid1 0 - "$n0" "$n1"
start_array insync
pattern
stop_array
garbage "$n1" 34 1
lists_array raid1 0 - "$n0" "$n1"
echo 37 1 >"$(member "$n0")/bad_blocks"
echo 0 >"$md/resync_start"
echo readonly >"$md/array_state"
refuses "is not that" get 34 1	# nobody would copy that
get 37 1
get 40 8
echo active >"$md/array_state"
wait_attr 30 "$md/resync_start" none
expect_list "$n0" ""
refuses "is not that" get 34 1
stop_array

say "what is lost everywhere is no disk's fault, however much it is"
lists_array raid1 0 - "$n0" "$n1"
start_array insync
pattern
stop_array
lists_array raid1 0 - "$n0" "$n1"
for m in "$n0" "$n1"; do for at in 0 512 1024; do echo $at 512 >"$(member "$m")/bad_blocks"; done; done
echo 0 >"$md/resync_start"
echo active >"$md/array_state"
wait_for 60 attr_is "$md/resync_start" none
wait_idle
expect_attr "$md/degraded" 0
for m in "$n0" "$n1"; do expect "0 512
512 512
1024 512" list "$m"; done
get 1536 64
lost 0 8
stop_array

# Its disk takes a second for each request: that is for the kernel with KASAN and lockdep.
two_writes_of_one_place() {
	say "two writes of one place: one was sent before the other one found it bad"
	nullb_disk 4 2 512 1000000000
	slow() { sed 's/^ *//; s/  */ /g' "/sys/class/block/$(basename "$n4")/$1" | cut -d' ' -f"$2"; }
	writes() { slow stat 5; }
	again() { [ "$(writes)" != "$before" ] && { [ "$(slow inflight 2)" != 0 ] || ! kill -0 $first 2>/dev/null; }; }
	lists_array raid1 0 - "$n4" "$n1"
	start_array insync
	put 0 64
	nullb_break 1 40 40
	nullb_break 4 40 40
	before=$(writes)
	put 40 1 2>/dev/null &
	first=$!
	wait_for 20 again
	nullb_mend 4 40 40
	put 40 1 || fail "the write that its disk has taken failed"
	! wait $first || say "the first one came too late to fail"
	get 40 1
	expect_list "$n4" ""
	expect_list "$n1" "40 1"
	nullb_mend 1 40 40
	stop_array
}
if [ "$KERNEL" = uml ]; then two_writes_of_one_place; fi

say "raid5: two columns that are bad in different blocks of a page"
lists_array raid5 64 2 "$n0" "$n1" "$n2"
start_array insync
pattern
nullb_break 0 16 16
nullb_break 1 20 20
put 0 256 || fail "a write of a row failed"
expect_list "$n0" "16 1"
expect_list "$n1" "20 1"
get 16 8
get 144 8
get 0 256
put 16 8 || fail "a write of a page failed"
put 144 8 || fail "a write of a page failed"
put 18 2 || fail "a write between bad blocks failed"
put 14 4 || fail "a write of a bad block and what stands before it failed"
same "raid5 with two bad columns in a page"
nullb_mend 0 16 16
nullb_mend 1 20 20
put 0 256
expect_list "$n0" ""
expect_list "$n1" ""
stop_array

# Row 0 of the RAID5: data on slots 0 and 1, parity on slot 2. Of the RAID6: P on slot 3, Q on slot 0, data on slots 1 and 2.
say "raid5: a resync beside a lost block makes the parity of the others right"
garbage "$n2" 0 16
lists_array raid5 64 2 "$n0" "$n1" "$n2"
nullb_break 0 3 3
nullb_break 1 3 3
start_array dirty
wait_idle
wait_attr 30 "$md/resync_start" none
expect_list "$n2" "3 1"
nullb_mend 0 3 3
nullb_mend 1 3 3
fail_slot "$n0"
get 0 3
get 4 12
lost 3 1
stop_array

say "raid6: the same"
lists_array raid6 64 2 "$n0" "$n1" "$n2" "$n3"
start_array insync
pattern
stop_array
garbage "$n0" 0 16
garbage "$n3" 0 16
lists_array raid6 64 2 "$n0" "$n1" "$n2" "$n3"
for i in 0 1 2; do nullb_break $i 3 3; done
start_array dirty
wait_idle
wait_attr 30 "$md/resync_start" none
expect_list "$n0" "3 1"
expect_list "$n3" "3 1"
for i in 0 1 2; do nullb_mend $i 3 3; done
fail_slot "$n1"
get 0 3
get 4 12
fail_slot "$n3"
get 0 3
get 4 12
lost 3 1
stop_array

# replaces OLD NEW: NEW is to replace OLD, and keeps a list
replaces() {
	cat "/sys/class/block/$(basename "$2")/dev" >"$md/new_dev"
	wait_for 5 test -e "$(member "$2")"
	keep_lists "$2"
	echo want_replacement >"$(member "$1")/state"
	echo 0 >"$(member "$2")/size"
}
has_slot_0() { [ "$(readlink "$md/rd0")" = "dev-$(basename "$1")" ]; }
# goes NUMBER DEVICE SECTOR: it refuses a write, and with it goes a replacement, and nothing else
goes() {
	nullb_break "$1" "$3" "$3"
	put "$3" 1 || fail "a write failed"
	wait_for 10 test ! -e "$(member "$2")"
	nullb_mend "$1" "$3" "$3"
	expect_attr "$md/degraded" 0
	expect_list "$n0" ""
	expect_attr "$(member "$n0")/state" in_sync,want_replacement,external_bbl
	echo max >"$md/sync_max"
	wait_idle
}

say "raid1: a replacement that refuses a write fails, although it keeps a list"
lists_array raid1 0 - "$n0" "$n1"
start_array insync
pattern
echo 1024 >"$md/sync_max"
replaces "$n0" "$n3"
wait_for 60 completed_is 1024
goes 3 "$n3" 40
stop_array

say "raid5: a replacement gets what any has, also beside what is lost; what is written leaves its list"
lists_array raid5 64 2 "$n0" "$n1" "$n2"
start_array insync
pattern
lost_at() { for sector; do nullb_break 0 "$sector" "$sector" && nullb_break 1 "$sector" "$sector"; done; }
lost_at 3 9
nullb_break 1 5 5
echo 1024 >"$md/sync_max"
replaces "$n0" "$n3"
wait_for 60 completed_is 1024
expect_list "$n3" "3 1
9 1"
nullb_mend 0 3 3
nullb_mend 0 9 9
for at in 3 5 9; do nullb_mend 1 $at $at; done
put 3 1 || fail "a write failed"
expect_list "$n3" "9 1"
goes 3 "$n3" 40
lost_at 9
replaces "$n0" "$n3"
wait_for 60 has_slot_0 "$n3"
wait_idle
expect_list "$n3" "9 1"
lost 9 1
nullb_mend 0 9 9
nullb_mend 1 9 9
get 9 1
put 8 8 || fail "a write failed"
expect_list "$n3" ""
fail_slot "$n1"
same "raid5 with the replacement alone"
stop_array

say "a spare goes, and what nobody knows of it: writes go on"
make_array emd1 raid1 2 0 - "$n2" "$n3"
start_array insync
make_array emd0 raid1 2 0 -
echo external:x >"$md/metadata_version"
add_member "$n0" 0
add_member "$n1" 1
echo 0 >"$md/safe_mode_delay"
start_array insync
put 0 8 &
writer=$!
wait_attr 10 "$md/array_state" write-pending
echo active >"$md/array_state"
wait $writer || fail "a write failed"
spare_goes() {	# DEVICE
	hand_in "$1" "$md/new_dev"
	wait_for 5 test -e "$(member "$1")"
	keep_lists "$1"
	echo 10 2 >"$(member "$1")/unacknowledged_bad_blocks"
	rm -f /written
	{ put 8 8 && touch /written; } &
	usleep 300000
	[ ! -e /written ] || fail "a write has ended before the bad blocks were known"
	echo remove >"$(member "$1")/state"
	wait_for 10 test -e /written
	wait_for 10 test ! -e "$(member "$1")"
}
spare_goes "$n5"
spare_goes /dev/emd1
hand_in /dev/emd1 "$md/new_dev"
wait_for 5 test -e "$(member /dev/emd1)"
expect spare cat "$(member /dev/emd1)/state"
expect_list /dev/emd1 ""
expect_attr "$md/degraded" 0
stop_array

say "a bitmap without metadata: what a member has not, and only the kernel knows, stays dirty"
zero_bits "$n0" "$n1"
bitmap_array emd0 raid1 2 0 - "$n0" "$n1"
keep_lists "$n0" "$n1"
start_bitmap_array insync
echo 0.1 >"$md/bitmap/time_base"
nullb_break 0 2058 2058
put 10 1
expect_list "$n0" "2058 1"
usleep 1500000
expect 1 dirty
nullb_mend 0 2058 2058
put 10 1
expect_list "$n0" ""
wait_for 30 dirty_is 0
stop_array
