# SPDX-License-Identifier: GPL-2.0-or-later
# The superblock of a write-intent bitmap, which stands in one block with bits: whoever keeps the metadata stores it through the kernel
# while the array is written, and then it is on all members, with the bits; a new member gets it, and a failing one fails.
#: disks: 4x24M
#: modules: xor raid6_pq dm_flakey
#: programs: dmsetup fio
#: kernels: 6.12 uml
#: files: tests/vm/guest/array.sh tests/vm/guest/bitmap.sh tests/vm/guest/dust.sh
#: timeout: 120
. /bitmap.sh
. /dust.sh

# header DIGIT: 256 bytes
header() { printf "%512s" "" | tr ' ' "$1"; }
# on DEVICE: what stands there
on() { drop_caches; dd if="$1" bs=512 skip=$BITMAP_AT count=1 2>/dev/null | head -c 256 | hexdump -ve '1/1 "%02x"'; }
give() { header "$1" >"$md/bitmap/superblock"; }
# bits_on DEVICE: bytes of the first block behind it that are not zero
bits_on() { drop_caches; dd if="$1" bs=512 skip=$BITMAP_AT count=1 2>/dev/null | tail -c 256 | hexdump -ve '1/1 "%u\n"' | grep -cv '^0$' || true; }

zero_bits "$d0" "$d1" "$d2" "$d3"
bitmap_array emd0 raid5 3 64 2 "$d0" "$d1" "$d2"
echo none >"$md/bitmap/location"
echo internal >"$md/bitmap/metadata"
echo +$BITMAP_AT >"$md/bitmap/location"
refuse_store "No such file" "$(header 1)" "$md/bitmap/superblock"
expect_attr "$md/bitmap/superblock" none
start_array
echo 1000 >"$md/bitmap/time_base"	# a bit stays until it has been looked at
expect_attr "$md/bitmap/superblock" "$(header 0)"

say "it is on all members when the store returns"
give a
expect_attr "$md/bitmap/superblock" "$(header a)"
for d in $d0 $d1 $d2; do expect "$(header a)" on "$d"; done
expect 0 bits_on "$d1"
dd if=/dev/urandom of="$dev" bs=64k count=1 oflag=direct conv=notrunc 2>/dev/null
for d in $d0 $d1 $d2; do expect 1 bits_on "$d"; expect "$(header a)" on "$d"; done
give b
for d in $d0 $d1 $d2; do expect 1 bits_on "$d"; expect "$(header b)" on "$d"; done

say "while bits come and go"
echo 0.02 >"$md/bitmap/time_base"
some_writes() {
	fio --name=w --filename="$dev" --direct=1 --ioengine=libaio --iodepth=8 --numjobs=2 --thread --rw=randwrite --bs=4k --time_based \
		--runtime=3 --rate_iops=200 --norandommap --randrepeat=0 --output=/fio.out || { cat /fio.out; return 1; }
}
bits_set() { ! dirty_is 0; }
(until [ -e /stop ]; do some_writes || exit 1; done) &
load=$!
for turn in 1 2 3; do
	wait_for 20 bits_set
	for digit in 1 2 c; do
		give $digit
		expect "$(header $digit)" on "$d2"
	done
done
touch /stop
wait $load || fail "fio"
settle_bits
no_bits() { for d in $d0 $d1 $d2; do [ "$(bits_on "$d")" = 0 ] || return 1; done; }
wait_for 20 no_bits	# they are counted as clean before that is written
for d in $d0 $d1 $d2; do expect "$(header c)" on "$d"; done
clean_check

say "what is no superblock changes nothing"
refuse_store nvalid "$(header 1)1" "$md/bitmap/superblock"
refuse_store nvalid abc "$md/bitmap/superblock"
refuse_store nvalid "$(header g)" "$md/bitmap/superblock"

say "a new member gets it"
echo faulty >"$(member "$d1")/state"
gone() { [ ! -e "$(member "$d1")" ]; }
wait_for 20 gone
give d
expect "$(header d)" on "$d0"
expect "$(header c)" on "$d1"
echo frozen >"$md/sync_action"
offer "$d3"
echo 1 >"$(member "$d3")/slot"
echo recover >"$md/sync_action"
wait_attr 60 "$md/degraded" 0
wait_idle
expect "$(header d)" on "$d3"
stop_array
expect "$(header d)" on "$d0"

say "a member that refuses it fails, and the others have it"
zero_bits "$d0" "$d1"
sectors=$(blockdev --getsz "$d1")
dmsetup create half --noudevsync --table "0 $sectors linear $d1 0"
wait_for 10 test -b "$(dust_node half)"
bitmap_array emd0 raid1 2 0 - "$d0" "$(dust_node half)"
echo none >"$md/bitmap/location"
echo internal >"$md/bitmap/metadata"
echo +$BITMAP_AT >"$md/bitmap/location"
start_array
dmsetup suspend --noudevsync --nolockfs --noflush half
dmsetup load half --table "0 $DATA_AT flakey $d1 0 0 1 1 error_writes
$DATA_AT $((sectors - DATA_AT)) linear $d1 $DATA_AT"
dmsetup resume --noudevsync half
give e || fail "the store failed with the member"
expect "$(header e)" on "$d0"
wait_attr 10 "$md/degraded" 1
stop_array
dmsetup remove --noudevsync --retry half
