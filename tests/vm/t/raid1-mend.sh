# SPDX-License-Identifier: GPL-2.0-or-later
# RAID1 over disks with bad sectors: reads are served by another copy and write back what was bad, also under load; the
# last copy is never failed; a disk that refuses writes is.
#: disks: 3x6M, oracle 16M
#: modules: xor dm-mod dm-dust
#: programs: dmsetup
#: kernels: uml
#: files: tests/vm/guest/array.sh tests/vm/guest/dust.sh
#: timeout: 300
#: allow: I/O error|Buffer I/O error|dust
. /array.sh
. /dust.sh

for d in $d0 $d1 $d2; do dd if=/dev/urandom of="$d" bs=1M conv=fsync 2>/dev/null || true; done
for i in 0 1 2; do
	eval "dust_disk dust$i \$d$i"
	eval "m$i=$(dust_node dust$i)"
done
drop_caches() { echo 3 >/proc/sys/vm/drop_caches; }
read_all() { drop_caches; cmp -n "$bytes" /pattern "$dev" || fail "$*"; }

say "three copies, a dirty start"
make_array emd0 raid1 3 0 - "$m0" "$m1" "$m2"
start_array dirty
wait_for 60 attr_is "$md/resync_start" none
wait_idle
clean_check
bytes=$(size_bytes)
head -c "$bytes" /dev/urandom >/pattern
dd if=/pattern of="$dev" bs=1M oflag=direct 2>/dev/null

say "check heals what it meets"
spoil dust0 0 3 500
spoil dust1 3 4 900
spoil dust2 7
clean_check
for i in 0 1 2; do healed dust$i || fail "dust$i still has bad blocks"; done

say "reads heal; every copy of something may be the only one"
spoil dust0 $(seq 10 19)
spoil dust1 $(seq 20 29)
spoil dust2 $(seq 15 24)
for pass in 1 2 3 4; do read_all "bad sectors, pass $pass"; done
expect_attr "$md/degraded" 0
clean_check

say "reads heal while the array is written"
emdwork fill "$dev" "$oracle"
(emdwork load "$dev" "$oracle" --seconds 6 --jobs 3) &
load=$!
round=0
while kill -0 $load 2>/dev/null; do
	round=$((round + 1))
	spoil dust$((round % 3)) $((round * 13 % 1400)) $((round * 29 % 1400)) 2>/dev/null || true
	dd if="$dev" of=/dev/null bs=64K iflag=direct 2>/dev/null || fail "a read failed"
done
wait $load || fail "the load met an error"
say "$round rounds"
emdwork verify "$dev" "$oracle"
expect_attr "$md/degraded" 0
clean_check

say "a disk that refuses writes is failed; the last copy is not, whatever it says"
error_disk dust1
emdwork load "$dev" "$oracle" --count 20 || fail "a write failed"
wait_attr 10 "$md/degraded" 1
echo faulty >"$(member "$m0")/state"
wait_attr 10 "$md/degraded" 2
emdwork verify "$dev" "$oracle"
spoil dust2 5
drop_caches
dd if="$dev" of=/dev/null bs=4096 skip=5 count=1 iflag=direct 2>/dev/null && fail "what is lost can be read"
expect_attr "$(member "$m2")/state" in_sync
dd if="$dev" of=/dev/null bs=4096 skip=6 count=1 iflag=direct 2>/dev/null || fail "its neighbour cannot be read"
stop_array

say "a resync goes on without a disk that fails meanwhile"
dmsetup remove --noudevsync --retry dust1
dust_disk dust1 "$d1"
m1=$(dust_node dust1)
make_array emd0 raid1 3 0 - "$m0" "$m1" "$m2"
error_disk dust1
start_array dirty
wait_for 60 attr_is "$md/resync_start" none
expect_attr "$md/degraded" 1
wait_idle
clean_check
stop_array

say "a write that is only on a member that failed meanwhile is an error"
dmsetup remove --noudevsync --retry dust1
dust_disk dust1 "$d1"
m1=$(dust_node dust1)
make_array emd1 raid1 1 0 -
echo external:x >"$md/metadata_version"
add_member "$m1" 0
start_array
settle		# udev may have it open for a moment
inner=$md
make_array emd0 raid1 2 0 - "$m0" /dev/emd1
start_array
dd if=/dev/zero of="$dev" bs=4096 count=1 oflag=direct conv=notrunc 2>/dev/null &
writer=$!
wait_attr 10 "$inner/array_state" write-pending
echo faulty >"$(member "$m0")/state"
error_disk dust1
echo active >"$inner/array_state"
! wait $writer || fail "the only copy of the write is gone, and it was reported"
stop_array

say "a failfast member is failed for its first error, but not as the last copy"
dmsetup remove --noudevsync --retry dust1
dust_disk dust1 "$d1"
m1=$(dust_node dust1)
make_array emd0 raid1 2 0 - "$m0" "$m1"
for m in "$m0" "$m1"; do echo failfast >"$(member "$m")/state"; done
start_array
head -c 65536 /dev/urandom >/some
dd if=/some of="$dev" bs=64K oflag=direct conv=notrunc 2>/dev/null
expect_attr "$(member "$m0")/state" in_sync,failfast
spoil dust0 5
spoil dust1 7
for block in 5 7 6; do	# whichever copy is asked for which
	dd if="$dev" of=/block bs=4096 skip=$block count=1 iflag=direct 2>/dev/null && continue
	[ "$(attr "$md/degraded")" = 1 ] || fail "block $block cannot be read, though both members are there"
done
i=0
while [ "$(attr "$md/degraded")" = 0 ]; do	# the other copy's turn
	i=$((i + 1))
	[ $i -lt 64 ] || fail "no member is failed"
	for block in 5 7; do dd if="$dev" of=/block bs=4096 skip=$block count=1 iflag=direct 2>/dev/null || true; done
done
[ "$(bad_blocks dust0)$(bad_blocks dust1)" = 11 ] || fail "a failfast member was mended"
case $(attr "$(member "$m0")/state") in in_sync,failfast) lost=5 has=7 ;; *) lost=7 has=5 ;; esac
dd if="$dev" of=/block bs=4096 skip=$has count=1 iflag=direct 2>/dev/null || fail "what the last copy has cannot be read"
dd if=/some bs=4096 skip=$has count=1 2>/dev/null | cmp - /block || fail "block $has is wrong"
dd if="$dev" of=/block bs=4096 skip=$lost count=1 iflag=direct 2>/dev/null && fail "what the last copy has not can be read"
expect_attr "$md/degraded" 1
dd if=/some of="$dev" bs=64K oflag=direct conv=notrunc 2>/dev/null || fail "the last copy is not written"
dd if="$dev" of=/block bs=64K count=1 iflag=direct 2>/dev/null
cmp /some /block || fail "the last copy is wrong"
for i in 0 1; do error_disk dust$i; done
dd if=/some of="$dev" bs=64K oflag=direct conv=notrunc 2>/dev/null && fail "a write that is nowhere was reported"
expect_attr "$md/degraded" 1
stop_array

say "nor while another has bad blocks"
for i in 0 1; do
	dmsetup remove --noudevsync --retry dust$i
	eval "dust_disk dust$i \$d$i"
	eval "m$i=$(dust_node dust$i)"
done
make_array emd0 raid1 2 0 - "$m0" "$m1"
echo failfast >"$(member "$m0")/state"
for word in external_bbl writemostly; do echo $word >"$(member "$m1")/state"; done
echo 80 8 >"$(member "$m1")/bad_blocks"	# block 10 is nowhere else than on the first
start_array
spoil dust0 5
drop_caches
for block in 5 10; do dd if="$dev" of=/block bs=4096 skip=$block count=1 iflag=direct 2>/dev/null || fail "block $block cannot be read"; done
expect_attr "$md/degraded" 0
healed dust0 || fail "the member with the only copy of something was not mended"
stop_array

for i in 0 1 2; do dmsetup remove --noudevsync --retry dust$i; done
