# SPDX-License-Identifier: GPL-2.0-or-later
# Disks and arrays are one kind of node: two flat arrays, and one over two arrays and two disks. Attributes, order, gencount,
# refusals, failure, replacement, scrub and teardown are the same for both kinds.
#: disks: 10x16M, oracle 64M
#: modules: raid6_pq xor
#: kernels: 6.12 uml
#: files: tests/vm/guest/array.sh
#: timeout: 240
. /array.sh

own()	  { echo "/sys/block/$1/emd"; }
node()	  { echo "/sys/block/$1/emd/dev-$(basename "$2")"; }	# ARRAY DEVICE
subject() { array=$1 md=/sys/block/$1/md emd=/sys/block/$1/emd dev=/dev/$1; }
number()  { cat "/sys/class/block/$(basename "$1")/dev"; }
names()	  { local device; for device; do basename "$device"; done; }
run_array() { make_array "$@"; start_array; settle; }
# in_order ARRAY: its children as the kernel lists them, NAME[PRIORITY]
in_order() { sed -nE "s/^$1 : (in)?active( raid[0-9]+)? //p" /proc/emdstat; }

children() {	# of ARRAY, by priority
	local m
	for m in "$(own "$1")"/dev-*; do [ ! -e "$m" ] || echo "$(cat "$m/priority") $(cat "$m/name")"; done | sort -n | cut -d' ' -f2
}
below() {	# ARRAY INDENT
	local child
	for child in $(children "$1"); do
		echo "$2$child"
		[ ! -e "$(own "$child")" ] || below "$child" "$2  "
	done
}
whole_tree() {
	local top
	for top in $(grep -l '^toplevel_arrays$' /sys/block/emd*/emd/parent | cut -d/ -f4); do
		echo "$top"
		below "$top" "  "
	done
}

say "the example of the design"
run_array emd0 raid0 2 64 1 "$d0" "$d1"
run_array emd1 raid1 2 0 - "$d2" "$d3"
run_array emd10 raid0 2 64 1 "$d4" "$d5"
run_array emd11 raid1 2 0 - "$d6" "$d7"
make_array emd2 raid5 4 64 2 "$d9" /dev/emd11 "$d8" /dev/emd10
in_order emd2 | grep -q "^$(basename "$d9")\[0\] emd11\[1\] $(basename "$d8")\[2\] emd10\[3\]$" || fail "the order is $(in_order emd2)"
expect_attr "$(node emd2 "$d8")/state" "0x00 unknown"
for m in $d9 /dev/emd10; do echo none >"$(member "$m")/slot"; done
echo 0 >"$(member /dev/emd10)/slot"
echo 3 >"$(member "$d9")/slot"
echo 128 >"$(member "$d9")/offset"
start_array
settle
in_order emd2 | grep -q "^emd10\[0\] emd11\[1\] $(basename "$d8")\[2\] $(basename "$d9")\[3\]$" || fail "the order is $(in_order emd2)"
# shellcheck disable=SC2046
set -- $(names "$d0" "$d1" "$d2" "$d3" "$d4" "$d5" "$d6" "$d7" "$d8" "$d9")
expect "emd0
  $1
  $2
emd1
  $3
  $4
emd2
  emd10
    $5
    $6
  emd11
    $7
    $8
  $9
  ${10}" whole_tree

say "the same attributes for both kinds"
[ "$(ls "$(node emd2 "$d8")")" = "$(ls "$(node emd2 /dev/emd10)")" ] || fail "a disk and an array differ in their attributes"
for m in $d8 $d9 /dev/emd10 /dev/emd11; do
	expect_attr "$(node emd2 "$m")/name" "$(basename "$m")"
	expect_attr "$(node emd2 "$m")/parent" emd2
	expect_attr "$(node emd2 "$m")/priority" "$(cat "$(member "$m")/slot")"
	expect_attr "$(node emd2 "$m")/total_size" "$(cat "/sys/class/block/$(basename "$m")/size")"
done
expect_attr "$(node emd2 "$d8")/type" leaf
expect_attr "$(node emd2 "$d8")/subtype" disk
expect_attr "$(node emd2 /dev/emd10)/type" array
expect_attr "$(node emd2 /dev/emd10)/subtype" raid0
expect_attr "$(own emd11)/priority" 1
expect_attr "$(node emd2 "$d9")/data_offset" 128
expect_attr "$(node emd2 "$d9")/data_size" $(($(cat "/sys/class/block/$(basename "$d9")/size") - 128))
expect_attr "$(own emd2)/refcount" 5
expect_attr "$(node emd2 /dev/emd10)/refcount" 3
expect_attr "$(node emd2 "$d8")/refcount" 1
expect_attr "$(node emd10 "$d4")/refcount" 2	# the map of a level without redundancy holds it
expect_attr "$(node emd11 "$d6")/refcount" 1

say "the same refusals"
answer() { sh -c "echo $1 >$2" 2>&1 | sed 's/.*: //'; }
for bad in state=+insync state=insync slot=7 slot=x offset=x offset=8 size=1 recovery_start=x recovery_start=8 errors=x state=remove; do
	disk=$(answer "${bad#*=}" "$(member "$d8")/${bad%%=*}")
	inner=$(answer "${bad#*=}" "$(member /dev/emd10)/${bad%%=*}")
	[ "$disk" ] || fail "$bad is taken"
	[ "$disk" = "$inner" ] || fail "$bad: '$disk' for a disk, '$inner' for an array"
done

say "gencount follows the membership, and the map follows it; I/O changes neither"
gen() { cat "$(own emd2)/gencount"; }
map_follows() { [ "$(cat "$(own emd2)/map_gen")" = "$(gen)" ]; }
changes() {
	local before
	before=$(gen)
	"$@"
	[ "$(gen)" -gt "$before" ] || fail "'$*' leaves gencount at $before"
	wait_for 10 map_follows
}
before=$(gen)
emdwork fill "$dev" "$oracle"
emdwork load "$dev" "$oracle" --count 40 --jobs 4
clean_check
[ "$(gen)" = "$before" ] || fail "I/O changes gencount from $before to $(gen)"
fail_inner() { emdadm /dev/emd2 --fail /dev/emd10; }
add_spare()  { number /dev/emd1 >"$md/new_dev"; }
put()	     { echo "$2" >"$(member "$1")/slot"; }
echo frozen >"$md/sync_action"
changes fail_inner
wait_for 20 test ! -e /sys/block/emd10
expect_attr "$md/degraded" 1
emdwork verify "$dev" "$oracle"

say "an array as a spare: initializing until its turn comes, and itself again when it is let go"
changes add_spare
echo 0 >"$(member /dev/emd1)/size"
changes put /dev/emd1 0
expect_attr "$(node emd2 /dev/emd1)/state" "0x21 optimal,initializing"
changes put /dev/emd1 none
expect_attr "$(node emd2 /dev/emd1)/state" "0x01 optimal"
emdadm /dev/emd2 --remove /dev/emd1
wait_attr 10 "$(own emd1)/parent" toplevel_arrays
dd if=/dev/emd1 of=/dev/null bs=64K count=4 iflag=direct 2>/dev/null

say "the disks of the array that failed are free: a mirror of them takes its place"
settle
run_array emd12 raid1 2 0 - "$d4" "$d5"
subject emd2
hand_in /dev/emd12 "$md/new_dev"
echo 0 >"$(member /dev/emd12)/size"
put /dev/emd12 0
echo 1280 >"$md/sync_max"
echo idle >"$md/sync_action"
wait_for 20 completed_is 1280
expect_attr "$(node emd2 /dev/emd12)/state" "0x11 optimal,rebuild-target"

say "it loses a leg and recovers by itself while it is a target"
subject emd12
echo faulty >"$(member "$d4")/state"
wait_for 10 test ! -e "$(member "$d4")"
expect_attr "$(node emd2 /dev/emd12)/state" "0x12 degraded,rebuild-target"
add_member "$d4"
wait_attr 60 "$md/degraded" 0
subject emd2
expect_attr "$(node emd2 /dev/emd12)/state" "0x11 optimal,rebuild-target"
emdwork load "$dev" "$oracle" --count 40 --jobs 4
echo max >"$md/sync_max"
wait_attr 60 "$md/degraded" 0
wait_idle
expect_attr "$(node emd2 /dev/emd12)/state" "0x01 optimal"
clean_check
echo faulty >"$(member "$d9")/state"
emdwork verify "$dev" "$oracle"

say "teardown: inner arrays before the outer, and nobody else"
settle
udevadm monitor --kernel --subsystem-match=block >/tmp/removed &
monitor=$!
listens() { grep -q "KERNEL - the kernel uevent" /tmp/removed; }
wait_for 10 listens
stop_array
gone() { grep -q "remove .*/emd2 " /tmp/removed; }
wait_for 10 gone
kill $monitor
sed -n 's,.* remove .*/\(emd[0-9]*\) .*,\1,p' /tmp/removed >/tmp/order
[ "$(tail -1 /tmp/order)" = emd2 ] || fail "removed in the order $(tr '\n' ' ' </tmp/order)"
expect "emd11
emd12
emd2" sort /tmp/order
for number in 0 1; do [ -e "$(own emd$number)" ] || fail "emd$number went, too"; done
rmmod emd
