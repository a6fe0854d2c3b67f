# SPDX-License-Identifier: GPL-2.0-or-later
# Stores and refusals: md's values and errno for arrays and members; a refused store changes nothing and says why.
#: disks: 5x24M
#: kernels: 6.1 6.12 uml
#: files: tests/vm/guest/array.sh
#: timeout: 180
. /array.sh

invalid="Invalid argument" busy="busy"
sets()	{ echo "$1" >"$2" || fail "'$1' is refused by $2: $(attr $emd/last_error)"; expect_attr "$2" "${3:-$1}"; }

say "names of arrays"
for bad in md0 emdx emd-1 emd99999999; do
	refuses "$invalid" sh -c "echo $bad >/sys/module/emd/parameters/new_array"
done
make_array emd0 raid5 4 64 2 "$d0" "$d1" "$d2" -
refuses "exists" sh -c "echo emd0 >/sys/module/emd/parameters/new_array"

say "an inactive array"
expect_attr $md/array_state inactive
refuse_store "$invalid" clean $md/array_state
for word in suspended write-pending active-idle broken nonsense; do refuse_store "$invalid" $word $md/array_state; done
[ "$(cat $emd/last_error)" ] || fail "no reason is given for a refused store"
refuse_store "$invalid" x $md/raid_disks
refuse_store "$invalid" 0 $md/raid_disks
refuse_store "$invalid" 257 $md/raid_disks
refuse_store "$invalid" 1000 $md/chunk_size
refuse_store "$invalid" x $md/layout
refuse_store "$invalid" 0.1234 $md/safe_mode_delay
sets 1.5 $md/safe_mode_delay 1.500
sets 0.2 $md/safe_mode_delay 0.200
sets 8192 $md/component_size
refuse_store "No space" 9000 $md/component_size
sets none $md/resync_start
sets 4096 $md/resync_start
refuse_store "$busy" external:imsm $md/metadata_version
refuses "$invalid" sh -c "echo 8 >$md/new_dev"
refuses "exist" sh -c "cat /sys/class/block/$(basename "$d0")/dev >$md/new_dev"
m=$(member "$d0")
refuse_store "exist" 1 "$m/slot"
refuse_store "No space" 4 "$m/slot"
refuse_store "$invalid" -2 "$m/slot"
sets none "$m/slot"
sets 3 "$m/slot"
sets 0 "$m/slot"
sets 512 "$m/recovery_start"
sets none "$m/recovery_start"
refuse_store "$invalid" 1 "$m/size"
refuse_store "$invalid" 99999999 "$m/size"
sets 128 "$m/offset"
sets 8192 "$m/size"
refuse_store "$invalid" faulty "$m/state"
refuse_store "$busy" remove "$m/state"
refuse_store "$invalid" +insync "$m/state"
expect_attr "$m/state" in_sync
echo -insync >"$m/state"
expect_attr "$m/state" spare
echo none >"$m/recovery_start"

say "what cannot start"
refuse_store "error" active $md/array_state	# degraded and resync_start is not none
echo none >$md/resync_start
echo none >"$(member "$d1")/slot"
refuse_store "error" active $md/array_state	# two of four are missing
echo 1 >"$(member "$d1")/slot"
echo 1000000000 >$md/layout
refuse_store "$invalid" active $md/array_state
echo 2 >$md/layout

say "a running array"
echo active >$md/array_state
expect_attr $md/array_state clean
expect_attr $md/degraded 1
refuse_store "$busy" 4096 $md/resync_start
refuse_store "$busy" 256 "$m/offset"
refuse_store "$busy" 0 "$m/recovery_start"
refuse_store "$busy" none "$m/slot"
refuse_store "$busy" faulty "$m/state"
refuse_store "too long" 99999999 $md/array_size
sets 4096 $md/array_size
expect 8192 cat /sys/block/emd0/size
sets default $md/array_size
expect $((8192 * 2 * 3)) cat /sys/block/emd0/size
expect_attr "$md/rd0/slot" 0
expect_attr "$md/rd2/slot" 2
[ ! -e $md/rd3 ] || fail "an empty slot has a link"
exec 3<$dev
for state in clear inactive readonly read-auto; do refuse_store "$busy" $state $md/array_state; done
exec 3<&-
wait_for 10 sh -c "echo readonly 2>/dev/null >$md/array_state"
refuses "." dd if=/dev/zero of=$dev bs=4096 count=1 conv=fsync
sets active $md/array_state clean
wait_for 10 sh -c "echo read-auto 2>/dev/null >$md/array_state"
dd if=/dev/zero of=$dev bs=4096 count=1 oflag=direct 2>/dev/null
attr $md/array_state | grep -Eq '^(clean|active)$' || fail "a write leaves the array $(attr $md/array_state)"

say "topology"
expect_attr $emd/type array
expect_attr $emd/subtype raid5
expect_attr $emd/parent toplevel_arrays
expect_attr $emd/state "0x02 degraded"
expect_attr "$emd/$(basename "$m")/type" leaf
expect_attr "$emd/$(basename "$m")/state" "0x01 optimal"
wait_attr 10 "$emd/$(basename "$m")/refcount" 1	# udev may be reading
expect_attr "$emd/$(basename "$m")/parent" emd0
wait_attr 10 $emd/refcount 4
expect_attr $emd/map_gen "$(cat $emd/gencount)"
before=$(cat $emd/gencount)
wait_for 10 sh -c "echo inactive 2>/dev/null >$md/array_state"
expect_attr $md/array_state inactive
[ ! -e $md/sync_action ] || fail "an inactive array has sync_action"
stop_array
[ ! -e /sys/block/emd0 ] || fail "the name of a stopped array is not free"

say "what is proposed is forgotten as a whole"
make_array emd0 raid5 3 64 2 "$d0" "$d1" "$d2"
start_array
emdwork pattern-write $dev 8388608 4
add_member "$d3"
echo 0 >$md/sync_max
echo 5 >$md/raid_disks
echo raid6 >$md/new_level
echo 131072 >$md/chunk_size
echo 3 >"$(member "$d3")/slot"
echo 0 >$emd/reshape_acked
refuse_store "$invalid" 3 $md/raid_disks	# there is no RAID6 of three
refuse_store "$busy" 0 $md/reshape_position
refuse_store "$invalid" x $md/reshape_position
for round in proposed nothing; do
	sets none $md/reshape_position
	expect_attr $md/raid_disks 3
	expect_attr $md/new_level raid5
	expect_attr $md/chunk_size 65536
	expect_attr $md/layout 2
	expect_attr "$emd/dev-$(basename "$d3")/reserved_slot" none
	expect_attr $emd/reshape_acked none
	expect_attr $emd/reshape_unit "0 0"
done
expect_attr $md/sync_max 0	# who has stored that takes it back
sets max $md/sync_max
echo faulty >"$(member "$d0")/state"
wait_for 30 attr_is "$(member "$d3")/slot" 0
wait_for 30 attr_is $md/degraded 0
wait_idle
emdwork pattern-check $dev 8388608 4
clean_check
stop_array
make_array emd0 raid0 3 64 - "$d0" "$d1" "$d2"
start_array
echo raid5 >$md/new_level
wait_for 5 test -e $md/sync_action
sets none $md/reshape_position
wait_for 5 test ! -e $md/sync_action
stop_array

say "changes of level that move nothing"
make_array emd0 raid0 2 64 1 "$d0" "$d1"
start_array
emdwork pattern-write $dev 8388608 5
[ ! -e $md/degraded ] || fail "raid0 has degraded"
sets raid4 $md/level
expect_attr $md/raid_disks 3
expect_attr $md/degraded 1
emdwork pattern-check $dev 8388608 5
sets raid5 $md/level
expect_attr $md/layout 5
emdwork pattern-check $dev 8388608 5
sets raid0 $md/level
expect_attr $md/raid_disks 2
[ ! -e $md/degraded ] || fail "raid0 has degraded"
emdwork pattern-check $dev 8388608 5

say "a spare that is removed has never failed"
m=$md/dev-$(basename "$d2")
for round in 1 2 3 4 5 6 7 8 9 10; do
	wait_for 10 sh -c "cat /sys/class/block/$(basename "$d2")/dev 2>/dev/null >$md/new_dev"
	while read -r word <"$m/state"; do echo "$word"; done >/tmp/states 2>/dev/null &
	wait_for 10 test -s /tmp/states
	echo remove >"$m/state"
	wait $!
	! grep -v -e spare -e removed /tmp/states || fail "round $round"
	rm /tmp/states
done
refuse_store "$invalid" raid1 $md/level
refuse_store "$invalid" nonsense $md/level
stop_array
make_array emd0 raid1 2 0 - "$d0" "$d1"
start_array
emdwork pattern-write $dev 8388608 6
sets raid5 $md/level
emdwork pattern-check $dev 8388608 6
clean_check
sets raid1 $md/level
emdwork pattern-check $dev 8388608 6
stop_array
rmmod emd
