# SPDX-License-Identifier: GPL-2.0-or-later
# Lists of bad blocks: a write that a member refuses in places is recorded there, to the block, and the member stays; nothing reads
# what is listed; a monitor makes it durable before the write ends; what can be written again leaves the list.
#: disks: oracle 16M
#: extra-modules: null_blk configfs
#: modules: raid6_pq xor
#: kernels: 6.1 6.12 uml
#: files: tests/vm/guest/array.sh tests/vm/guest/nullb.sh
#: memory: 768
#: udev: no
#: timeout: 240
#: allow: I/O error|Buffer I/O error
. /array.sh
. /nullb.sh

nullb_disks 4 2
list() { cat "$(member "$1")/bad_blocks"; }
unknown() { cat "$(member "$1")/unacknowledged_bad_blocks"; }
expect_list() { [ "$(list "$1")" = "$2" ] || fail "$1 has '$(list "$1")' in its list, not '$2'"; }
keep_lists() { for m; do echo external_bbl >"$(member "$m")/state"; done; }
drop_caches() { echo 3 >/proc/sys/vm/drop_caches; }
pattern() { bytes=$(size_bytes); head -c "$bytes" /dev/urandom >/pattern; dd if=/pattern of="$dev" bs=256K oflag=direct 2>/dev/null; }
same() { drop_caches; cmp -n "$bytes" /pattern "$dev" || fail "$*"; }
put() { emdwork put "$dev" /pattern "$1" "$2"; }	# SECTOR COUNT: new data, in one request
get() { emdwork get "$dev" /pattern "$1" "$2"; }	# it is there, read in one request
lost() { refuses "reading" get "$1" "$2"; }
all_there() {
	expect_attr "$md/degraded" 0
	for m; do case $(cat "$(member "$m")/state") in in_sync*) ;; *) fail "$m is $(cat "$(member "$m")/state")" ;; esac done
}

# rebuild_without MEMBER SPARE: the spare keeps a list, too
rebuild_without() {
	echo faulty >"$(member "$1")/state"
	wait_for 10 test ! -e "$(member "$1")"
	cat "/sys/class/block/$(basename "$2")/dev" >"$md/new_dev"
	wait_for 5 test -e "$(member "$2")"
	keep_lists "$2"
	echo 0 >"$(member "$2")/size"
	wait_for 60 attr_is "$md/degraded" 0
	wait_idle
}

say "raid1: who keeps no list has none"
make_array emd0 raid1 2 0 - "$n0" "$n1"
refuse_store "No space" "8 8" "$(member "$n0")/bad_blocks"
refuse_store "Invalid" "8" "$(member "$n0")/bad_blocks"
keep_lists "$n0" "$n1"
refuse_store "Invalid" "8 0" "$(member "$n0")/bad_blocks"
refuse_store "Invalid" "99999999 8" "$(member "$n0")/bad_blocks"
start_array insync
pattern

say "raid1: a request that is refused in places is bad in those blocks and no others"
nullb_break 0 100 163
nullb_break 0 301 301
put 64 512 || fail "a write failed"
expect_list "$n0" "100 64
301 1"
expect_list "$n1" ""
[ -z "$(unknown "$n0")" ] || fail "without a monitor nobody has to know"
all_there "$n0" "$n1"
same "raid1 with bad blocks"

say "raid1: no copy is read where it is bad, though together they have all"
nullb_break 1 400 407
put 400 8 || fail "a write failed"
expect_list "$n1" "400 8"
same "bad blocks on both"
get 0 2048
get 303 105
nullb_break 1 100 103
lost 100 1
lost 96 8
get 104 8
nullb_mend 1 100 103
same "raid1 after all"

say "raid1: check passes over what it knows, and what can be written again is good"
clean_check
nullb_mend 0 100 163
put 96 32 || fail "a write failed"
expect_list "$n0" "128 36
301 1"
clean_check
expect_list "$n0" "301 1"

say "raid1: a spare has what can be had, and says what it has not"
rebuild_without "$n1" "$n3"
expect_list "$n3" "301 1"
lost 301 1
get 0 301
get 302 2048
nullb_mend 0 301 301
put 300 2
expect_list "$n0" ""
expect_list "$n3" ""
same "raid1 after a rebuild"

say "raid1: a write error fails a member whose list nobody keeps"
echo -external_bbl >"$(member "$n3")/state"
nullb_break 3 500 500
put 500 1 || fail "a write failed"
wait_for 10 test ! -e "$(member "$n3")"
expect_attr "$md/degraded" 1
expect_list "$n0" ""
get 500 1
stop_array
nullb_mend 3 500 500
nullb_mend 1 400 407
for d in 0 1 2 3; do eval "dd if=/dev/zero of=\$n$d bs=1M count=2 2>/dev/null"; done

say "raid5: rows with bad columns"
make_array emd0 raid5 3 64 2 "$n0" "$n1" "$n2"
keep_lists "$n0" "$n1" "$n2"
start_array insync
pattern
# Row 0: data on slots 0 and 1, parity on slot 2. Row 3 is the same again.
nullb_break 0 16 19
put 0 256 || fail "a write of a row failed"
expect_list "$n0" "16 4"
nullb_break 1 40 41
put 168 8 || fail "a write of a page failed"
expect_list "$n1" "40 2"
same "raid5 with bad blocks in two columns of a slice"
put 12 8 || fail "a write of what is bad, and of what stands before it, failed"
put 144 8 || fail "a write beside what is bad failed"
put 0 256 || fail "a write of a row with two bad columns failed"
same "after writes"
all_there "$n0" "$n1" "$n2"
clean_check
expect_list "$n0" "16 4"
expect_list "$n1" "40 2"

say "raid5: a spare has what can be had, and says what it has not"
nullb_mend 1 40 41
rebuild_without "$n2" "$n3"
expect_list "$n3" "16 4
40 2"
lost 17 1
lost 168 1
get 20 4
get 128 40
get 256 2048
nullb_mend 0 16 19
put 0 256 || fail "a write of the row failed"
for m in "$n0" "$n1" "$n3"; do expect_list "$m" ""; done
same "raid5 after all"
clean_check
stop_array

say "a monitor: a write ends when what it could not write is known"
make_array emd0 raid10 3 64 258
echo external:x >"$md/metadata_version"
for i in 0 1 2; do eval "add_member \$n$i $i"; done
keep_lists "$n0" "$n1" "$n2"
echo 0 >"$md/safe_mode_delay"
start_array insync
nullb_break 0 10 11
{ put 8 8 && touch /written; } &
writer=$!
wait_attr 10 "$md/array_state" write-pending
echo active >"$md/array_state"
wait_for 10 sh -c "grep -q . '$(member "$n0")/unacknowledged_bad_blocks'"
expect "10 2" unknown "$n0"
case $(cat "$(member "$n0")/state") in *blocked*) ;; *) fail "it is not blocked" ;; esac
[ ! -e /written ] || fail "the write has ended before its bad blocks were known"
echo -blocked >"$(member "$n0")/state"
[ ! -e /written ] || fail "the write has ended by -blocked alone"
echo 10 2 >"$(member "$n0")/bad_blocks"
wait $writer || fail "the write failed"
expect "" unknown "$n0"
expect_attr "$md/degraded" 0
nullb_mend 0 10 11

say "a monitor that keeps no lists any more: the member fails"
nullb_break 1 200 200
put 0 640 &
writer=$!
wait_for 10 sh -c "grep -q . '$(member "$n1")/unacknowledged_bad_blocks'"
echo -external_bbl >"$(member "$n1")/state"
echo -blocked >"$(member "$n1")/state"
wait_attr 10 "$md/degraded" 1
echo -blocked >"$(member "$n1")/state"
wait $writer || fail "the write failed"
nullb_mend 1 200 200
stop_array

say "a level that keeps nothing twice: no takeover with bad blocks; what is bad is not read, and good when it was written"
make_array emd0 raid1 2 0 - "$n2" "$n3"
keep_lists "$n2"
start_array insync
pattern
echo 100 8 >"$(member "$n2")/bad_blocks"
refuse_store "busy" raid0 "$md/level"
expect_attr "$md/level" raid1
refuse_store "busy" 1 "$md/raid_disks"
expect_attr "$md/raid_disks" 2
put 96 16 || fail "a write failed"
expect_list "$n2" ""
echo raid0 >"$md/level"
expect_attr "$md/raid_disks" 1
echo 100 8 >"$(member "$n2")/bad_blocks"
lost 107 1
lost 64 512
get 108 64
put 96 16 || fail "a write failed"
expect_list "$n2" ""
same "raid0"
stop_array

# A write that its disk will refuse is under way, and another waits for the same blocks of the row. The disk can be read again before
# the other has its turn: only the list says that what it would read is stale. A slow machine may miss that, which then shows nothing.
slow() { sed 's/^ *//; s/  */ /g' "/sys/class/block/$(basename "$n4")/$1" | cut -d' ' -f"$2"; }
reads() { slow stat 1; }
writes() { slow stat 5; }
over() { ! kill -0 $first 2>/dev/null; }
reading() { [ "$(slow inflight 1)" != 0 ] || [ "$(reads)" != "$1" ]; }	# COUNT: more than that, or it has
writing() { [ "$(slow inflight 2)" != 0 ] || [ "$(writes)" != "$1" ]; }
writing_again() { [ "$(writes)" != "$1" ] && { [ "$(slow inflight 2)" != 0 ] || over; }; }
two_writes() {	# SECTOR: of the first; the second is in the next chunk
	put $(($1 + 128)) 1 &
	second=$!
	wait_for 20 writing_again "$before"
	nullb_mend 4 8 8
	wait $first || fail "the write that is refused in a block failed"
	wait $second || fail "the write that waited failed"
	get "$1" 1
	get $(($1 + 128)) 1
}
nullb_disk 4 2 512 600000000

say "raid5: a write that waited for its row heeds that data in it was found bad meanwhile"
make_array emd0 raid5 3 64 2 "$n4" "$n1" "$n2"
keep_lists "$n4" "$n1" "$n2"
start_array insync
put 0 256
before=$(writes)
nullb_break 4 8 8
put 8 1 &
first=$!
wait_for 20 writing "$before"
two_writes 8
all_there "$n4" "$n1" "$n2"
stop_array

say "raid5: and that parity was"
make_array emd0 raid5 5 64 2 "$n0" "$n1" "$n2" "$n3" "$n4"
keep_lists "$n0" "$n4"
start_array insync
put 0 512
before=$(writes)
begun=$(reads)
put 8 1 &
first=$!
wait_for 20 reading "$begun"
nullb_break 4 8 8
two_writes 8
echo faulty >"$(member "$n0")/state"
wait_attr 10 "$md/degraded" 1
get 8 1
stop_array
