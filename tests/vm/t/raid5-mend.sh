# SPDX-License-Identifier: GPL-2.0-or-later
# RAID5 over disks with bad sectors: they are computed from the others and written back, by reads, writes and check; no
# member is failed for one. Two in a row are an error for those who read them and nobody else. A disk that fails writes goes.
#: disks: 5x6M
#: modules: xor dm-mod dm-dust
#: programs: dmsetup fio
#: kernels: uml
#: files: tests/vm/guest/array.sh tests/vm/guest/dust.sh
#: timeout: 300
#: allow: I/O error|Buffer I/O error|dust
. /array.sh
. /dust.sh

slots="0 1 2 3 4"
for i in $slots; do
	eval "dust_disk dust$i \$d$i"
	eval "m$i=$(dust_node dust$i)"
done

all_in_sync() {
	expect_attr "$md/degraded" 0
	for m in "$@"; do expect_attr "$(member "$m")/state" in_sync; done
}
same() { cmp -n "$bytes" /pattern "$dev" || fail "$*"; }
drop_caches() { echo 3 >/proc/sys/vm/drop_caches; }

make_array emd0 raid5 3 64 2 "$m0" "$m1" "$m2"
start_array dirty
wait_for 60 attr_is "$md/resync_start" none
bytes=$(size_bytes)
head -c "$bytes" /dev/urandom >/pattern
dd if=/pattern of="$dev" bs=1M oflag=direct 2>/dev/null

say "a read heals what it meets, one page at a time"
spoil dust0 0 1 5 17 160 161
spoil dust1 40 41 42 200
spoil dust2 100
drop_caches
same "bad sectors"
# Parity is not read, so what is bad there is left to check.
clean_check
for i in 0 1 2; do healed dust$i || fail "dust$i still has $(bad_blocks dust$i) bad blocks"; done
all_in_sync "$m0" "$m1" "$m2"
[ "$(cat "$(member "$m0")/errors")" -gt 0 ] || fail "the errors were not counted"

say "a write that needs what cannot be read finds another way"
# Row 0 has parity on slot 2, row 4 on slot 1: bad are old data that is written, data beside it, and old parity.
spoil dust0 2 3 64
spoil dust1 8 66 70
spoil dust2 68
for at in 2 3 8 130 132 134 144; do write_block $at; done
drop_caches
same "after writes over bad sectors"
all_in_sync "$m0" "$m1" "$m2"
clean_check

say "two bad sectors in one row: only their readers get an error"
spoil dust0 320
spoil dust1 320
drop_caches
errors=0
for at in $(seq 640 655) $(seq 656 671); do
	dd if="$dev" of=/dev/null bs=4096 skip="$at" count=1 iflag=direct 2>/dev/null || errors=$((errors + 1))
done
[ $errors = 1 ] || [ $errors = 2 ] || fail "$errors blocks cannot be read, not one or two"
all_in_sync "$m0" "$m1" "$m2"
dd if=/pattern of="$dev" bs=1M oflag=direct 2>/dev/null
drop_caches
same "written over"
clean_check

say "a spare is rebuilt from disks with bad sectors: what cannot be had stops it"
echo faulty >"$(member "$m2")/state"
wait_attr 10 "$md/degraded" 1
spoil dust0 600
drop_caches
dd if="$dev" of=/dev/null bs=1M iflag=direct 2>/dev/null && fail "a lost page can be read"
dd if=/pattern of="$dev" bs=1M oflag=direct 2>/dev/null
drop_caches
same "degraded, written over"
add_member "$m3"
wait_for 60 attr_is "$md/degraded" 0
wait_idle
same "rebuilt"
clean_check

say "a disk that refuses writes is failed, and nobody notices"
(dd if=/pattern of="$dev" bs=96K oflag=direct conv=notrunc 2>/dev/null || touch /write-failed) &
writer=$!
error_disk dust1
wait $writer
dd if=/pattern of="$dev" bs=96K oflag=direct conv=notrunc 2>/dev/null || fail "a write failed"
[ ! -e /write-failed ] || fail "a write failed when the disk did"
wait_attr 10 "$md/degraded" 1
drop_caches
same "without the failed disk"
stop_array

# With five members a small write reads what it writes and parity. Row 0 has it on slot 4.
say "five members: a small write reads itself and parity; where it cannot, it finds another way"
dust_again dust1 "$d1"
make_array emd0 raid5 5 64 2 "$m0" "$m1" "$m2" "$m3" "$m4"
start_array dirty
wait_for 60 attr_is "$md/resync_start" none
wait_idle
bytes=$(size_bytes)
head -c "$bytes" /dev/urandom >/pattern
dd if=/pattern of="$dev" bs=1M oflag=direct 2>/dev/null
echo 0 >"$md/safe_mode_delay"
expect 10001 reads_by write_block 0
spoil dust0 2 4 6
spoil dust4 3 4 6
spoil dust1 5
for at in 2 3 4 5; do write_block $at; done	# itself; parity; both; only one beside, which nobody reads
write_together 6 4
drop_caches
same "five members, after writes over bad sectors"
all_in_sync "$m0" "$m1" "$m2" "$m3" "$m4"
clean_check
stop_array
for i in $slots; do dmsetup remove --noudevsync --retry dust$i; done
