# SPDX-License-Identifier: GPL-2.0-or-later
# RAID6 over disks with bad sectors: two in a row are computed from the others and written back, by reads, writes and check;
# one with a member missing. Three are an error for those who read them and nobody else.
#: disks: 7x6M
#: modules: xor raid6_pq dm-mod dm-dust
#: programs: dmsetup fio
#: kernels: uml
#: files: tests/vm/guest/array.sh tests/vm/guest/dust.sh
#: timeout: 300
#: allow: I/O error|Buffer I/O error|dust
. /array.sh
. /dust.sh

slots="0 1 2 3 4 5 6"
for i in $slots; do
	eval "dust_disk dust$i \$d$i"
	eval "m$i=$(dust_node dust$i)"
done
same() { echo 3 >/proc/sys/vm/drop_caches; cmp -n "$bytes" /pattern "$dev" || fail "$*"; }
all_in_sync() { for m in "$@"; do expect_attr "$(member "$m")/state" in_sync; done; }
# run_array DEVICE...: with chunks of 32 KiB, resynced and written
run_array() {
	make_array emd0 raid6 $# 32 2 "$@"
	start_array dirty
	wait_for 60 attr_is "$md/resync_start" none
	bytes=$(size_bytes)
	head -c "$bytes" /dev/urandom >/pattern
	dd if=/pattern of="$dev" bs=96K oflag=direct 2>/dev/null
}

run_array "$m0" "$m1" "$m2" "$m3" "$m4"

# A row is 8 blocks of each member and 24 of the array; requests of a row are not split. Row 0 has P on slot 4, Q on slot 0.
say "reads heal what they meet, two pages of a row; check heals P and Q"
spoil dust1 0 1 17 40 100
spoil dust2 0 18 40 101
spoil dust3 1 17 60
spoil dust4 3 60 161
spoil dust0 3 160
same "bad sectors"
clean_check
for i in 0 1 2 3 4; do healed dust$i || fail "dust$i still has $(bad_blocks dust$i) bad blocks"; done
all_in_sync "$m0" "$m1" "$m2" "$m3" "$m4"
[ "$(cat "$(member "$m1")/errors")" -gt 0 ] || fail "the errors were not counted"

say "a write that needs what cannot be read finds another way"
spoil dust1 2 3 6
spoil dust2 2 4 5
spoil dust3 4 7
spoil dust4 3 6
spoil dust0 5 7
# Written itself and one beside it; itself and P; two beside; itself and Q; one beside and P; one beside and Q.
for at in 2 3 4 13 14 7; do write_block $at; done
same "after writes over bad sectors"
all_in_sync "$m0" "$m1" "$m2" "$m3" "$m4"
clean_check

say "with a member missing, one bad page of a row is healed, also by a write that needs it"
echo faulty >"$(member "$m3")/state"
wait_attr 10 "$md/degraded" 1
spoil dust1 1 2 3
spoil dust2 4
spoil dust4 6
# Bad: what is written; one beside; one beside what is written and missing; what is written; P.
for at in 1 10 19 12 14; do write_block $at; done
same "degraded, with bad sectors"
all_in_sync "$m0" "$m1" "$m2" "$m4"

say "three unknown in a row: only their readers get an error"
spoil dust1 320
spoil dust2 320
for at in $(seq 960 983); do
	dd if="$dev" of=/dev/null bs=4096 skip="$at" count=1 iflag=direct 2>/dev/null || echo "$at" >>/errors
done
expect "960 968 976" xargs </errors
all_in_sync "$m0" "$m1" "$m2" "$m4"
dd if=/pattern of="$dev" bs=96K oflag=direct 2>/dev/null
same "written over"

say "a spare is rebuilt beside a bad sector, which is healed on the way"
spoil dust2 700
wait_for 20 test ! -e "$(member "$m3")"
add_member "$m3"
wait_for 60 attr_is "$md/degraded" 0
wait_idle
healed dust2 || fail "dust2 still has a bad block"
same "rebuilt"
clean_check
stop_array

# With seven members a small write reads what it writes and both parities. Row 0: data on slots 1 to 5, P on slot 6, Q on slot 0.
say "seven members: a small write reads itself, P and Q; where it cannot, it finds another way"
run_array "$m0" "$m1" "$m2" "$m3" "$m4" "$m5" "$m6"
wait_idle
echo 0 >"$md/safe_mode_delay"
expect 1100001 reads_by write_block 0
spoil dust1 1 5 6 7
spoil dust6 2 4 6
spoil dust0 3 4 7
spoil dust2 5
# Itself; P; Q; P and Q; itself and one beside; itself and P; itself and Q.
for at in 1 2 3 4 5 6 7; do write_block $at; done
same "seven members, after writes over bad sectors"
# The third chunk of row 0: four blocks, held back and written as one, of which one cannot be read; then without P as well.
spoil dust3 1 5
spoil dust6 5
write_together 16 4
write_together 20 4
same "seven members, after writes of a batch over bad sectors"
clean_check
all_in_sync "$m0" "$m1" "$m2" "$m3" "$m4" "$m5" "$m6"
echo faulty >"$(member "$m5")/state"	# beside what is written
wait_attr 10 "$md/degraded" 1
expect 1100001 reads_by write_block 0
echo faulty >"$(member "$m3")/state"
expect 1100001 reads_by write_block 7
write_together 8 8
same "seven members, written while two are missing"
stop_array
for i in $slots; do dmsetup remove --noudevsync --retry dust$i; done
