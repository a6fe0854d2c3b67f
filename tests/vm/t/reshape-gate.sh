# SPDX-License-Identifier: GPL-2.0-or-later
# emd/reshape_acked: writes behind the position wait for the checkpoint, reads and other writes do not, and the end waits for A.
#: disks: 4x40M
#: modules: raid6_pq xor
#: kernels: 6.1 6.12 uml
#: files: tests/vm/guest/array.sh
#: timeout: 240
. /array.sh

write_at() { dd if=/dev/urandom of="$dev" bs=4096 seek=$(($1 / 8)) count=1 oflag=direct conv=notrunc 2>/dev/null; }
read_at()  { dd if="$dev" of=/dev/null bs=4096 skip=$(($1 / 8)) count=1 iflag=direct 2>/dev/null; }
gone() { ! kill -0 "$1" 2>/dev/null; }

make_array emd0 raid5 3 64 2 "$d0" "$d1" "$d2"
start_array
fill_range "$dev" "$(size_bytes)" 7
refuse_store "No data" 0 "$emd/reshape_acked"
expect_attr "$emd/reshape_acked" none
expect_attr "$emd/reshape_unit" "0 0"
add_member "$d3"
echo 0 >"$md/sync_max"
echo 4 >"$md/raid_disks"
echo 3 >"$(member "$d3")/slot"

say "arming"
refuse_store "Invalid argument" 768 "$emd/reshape_acked"
echo 0 >"$emd/reshape_acked"
expect_attr "$emd/reshape_acked" 0
echo reshape >"$md/sync_action"
refuse_store "busy" none "$emd/reshape_acked"
echo 4096 >"$md/sync_max"
wait_for 20 completed_is 4096
expect_attr "$md/reshape_position" 12288

say "a write below the position waits, others and reads do not"
write_at 6000 & writer=$!
read_at 6000
write_at 20000
usleep 300000
kill -0 $writer || fail "the write at 6000 did not wait for the checkpoint"
refuse_store "Invalid argument" 12672 "$emd/reshape_acked"
echo 5376 >"$emd/reshape_acked"
usleep 200000
kill -0 $writer || fail "the write at 6000 passed with a checkpoint of 5376"
read_at 6000
echo 12288 >"$emd/reshape_acked"
wait_for 5 gone $writer
wait $writer
refuse_store "Invalid argument" 5376 "$emd/reshape_acked"
echo 12288 >"$emd/reshape_acked"

say "the end waits for A"
end=$(($(cat "$md/component_size") * 2 * 3))
echo max >"$md/sync_max"
wait_for 60 attr_is "$md/reshape_position" $end
usleep 300000
expect_attr "$md/raid_disks" "4 (3)"
echo $end >"$emd/reshape_acked"
wait_for 20 attr_is "$md/reshape_position" none
expect_attr "$md/raid_disks" 4
expect_attr "$emd/reshape_acked" none
wait_idle
clean_check
stop_array
