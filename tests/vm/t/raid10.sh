# SPDX-License-Identifier: GPL-2.0-or-later
# RAID10, near, far and offset: what was written in pieces of all sizes is there, with all members and
# without those that may go; check finds what is planted in any copy; zeroes; the size is md's.
#: disks: 5x2M
#: programs: blkdiscard
#: kernels: 6.1 uml
#: files: tests/vm/guest/array.sh tests/vm/guest/geometry.sh
#: udev: no
#: timeout: 240
. /array.sh
. /geometry.sh

plant() { dd if=/dev/urandom of="$1" bs=4096 seek="$2" count=1 conv=fsync,notrunc 2>/dev/null; }
run_pass() { echo "$1" >"$md/sync_action"; wait_idle; expect_attr "$md/last_sync_action" "$1"; }

# make_without CHUNK LAYOUT SLOTS DEVICE...: an array that lacks these slots
make_without() {
	local chunk=$1 layout=$2 gone=$3 slot=0
	shift 3
	make_array emd0 raid10 $# "$chunk" "$layout" $(for d; do
		case ,$gone, in *,$slot,*) echo - ;; *) echo "$d" ;; esac
		slot=$((slot + 1))
	done)
}

# one_layout LAYOUT CHUNK_KIB CHUNKS "SLOTS THAT MAY GO..." "SLOTS THAT MAY NOT..." DEVICE...: without any, each one may
one_layout() {
	local layout=$1 chunk=$2 chunks=$3 may=$4 may_not=$5 slot
	shift 5
	say "layout $(printf %x "$layout"), chunk $chunk KiB, $# members"
	for d; do dd if=/dev/urandom of="$d" bs=1M conv=fsync 2>/dev/null || true; done
	make_array emd0 raid10 $# "$chunk" "$layout" "$@"
	start_array dirty
	wait_for 60 attr_is "$md/resync_start" none
	wait_idle
	expect $((chunks * chunk * 2)) cat /sys/block/emd0/size
	clean_check
	bytes=$(size_bytes)
	head -c "$bytes" /dev/urandom >/pattern
	write_pieces
	same "all members are there"
	clean_check
	plant "$1" 3
	plant "$2" 77
	run_pass check
	expect_attr "$md/mismatch_cnt" 16
	run_pass repair
	clean_check
	write_pieces
	stop_array
	for slot in ${may:-$(seq 0 $(($# - 1)))}; do
		make_without "$chunk" "$layout" "$slot" "$@"
		start_array
		same "slots $slot are missing"
		expect_attr "$md/array_state" clean
		stop_array
	done
	for slot in $may_not; do
		make_without "$chunk" "$layout" "$slot" "$@"
		refuse_store "Input/output error" active "$md/array_state"
		stop_array
	done
}

head -c 1048576 /dev/urandom >/pieces
n2=258 f2=513 o2=66049 f2sets=262657
one_layout $n2 64 64 "0,2 1,3 1,2" "0,1 2,3" "$d0" "$d1" "$d2" "$d3"
one_layout $n2 16 192 "" "0,1 1,2 0,2" "$d0" "$d1" "$d2"
one_layout $f2 64 64 "0,2" "0,1 3,0" "$d0" "$d1" "$d2" "$d3"
one_layout $f2sets 64 64 "0,3 1,2" "0,1 2,3" "$d0" "$d1" "$d2" "$d3"
one_layout $o2 8 640 "0,2 1,3" "0,1 4,0" "$d0" "$d1" "$d2" "$d3" "$d4"

say "members go while it runs; not the last that has something"
make_array emd0 raid10 4 64 $n2 "$d0" "$d1" "$d2" "$d3"
start_array
bytes=$(size_bytes)
head -c "$bytes" /dev/urandom >/pattern
write_pieces
echo faulty >"$(member "$d0")/state"
echo faulty >"$(member "$d3")/state"
wait_attr 10 "$md/degraded" 2
refuse_store "busy" faulty "$(member "$d1")/state"
write_pieces
same "two are gone"
/bin/blkdiscard -z -o 126976 -l 274432 "$dev"
dd if=/dev/zero of=/pattern bs=4096 seek=31 count=67 conv=notrunc 2>/dev/null
echo 3 >/proc/sys/vm/drop_caches
same "zeroes"
wait_for 10 test ! -e "$(member "$d0")"
add_member "$d4"
wait_attr 60 "$md/degraded" 1
wait_idle
clean_check
echo faulty >"$(member "$d1")/state"
wait_attr 10 "$md/degraded" 2
same "the pair's other half is gone"
stop_array

say "where far copies lie depends on the size of the members"
make_array emd0 raid10 4 64 $f2 "$d0" "$d1" "$d2" "$d3"
echo 1024 >"$md/component_size"
start_array
refuse_store "Invalid argument" 0 "$md/component_size"
grep -q "far copies" "$emd/last_error" || fail "last_error says '$(cat "$emd/last_error")'"
stop_array

say "what is no layout is refused in a sentence"
for layout in 257 132097 524546 261; do
	make_array emd0 raid10 4 64 $layout "$d0" "$d1" "$d2" "$d3"
	refuse_store "Invalid argument" active "$md/array_state"
	grep -q layout "$emd/last_error" || fail "last_error says '$(cat "$emd/last_error")'"
	stop_array
done
