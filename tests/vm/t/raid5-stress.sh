# SPDX-License-Identifier: GPL-2.0-or-later
# RAID5: many writers over the same few rows never leave parity wrong, with all members, while one fails, and degraded;
# what a verifying writer wrote is there.
#: disks: 5x12M
#: modules: xor
#: programs: fio
#: kernels: 6.12 uml
#: files: tests/vm/guest/array.sh
#: timeout: 300
. /array.sh

# Any size at any place of the first rows, from several jobs with deep queues: the writes of a row meet all the time. One writes
# block after block, many at a time, which are gathered; flushes come in between.
overlapping_writers() {
	fio --name=overlap --filename="$dev" --direct=1 --ioengine=libaio --iodepth=16 --numjobs=4 --thread --group_reporting \
		--rw=randwrite --bsrange=4k-300k --blockalign=4k --size=3m --time_based --runtime="$1" --random_generator=tausworthe64 \
		--norandommap --randrepeat=0 --output=/fio.out --buffer_compress_percentage=0 \
		--name=follow --filename="$dev" --direct=1 --ioengine=libaio --iodepth=64 --iodepth_batch_submit=32 --thread \
		--rw=write --bs=4k --fdatasync=100 --size=3m --time_based --runtime="$1" || { cat /fio.out; fail "fio"; }
}

verified_writer() {
	fio --name=verify --filename="$dev" --direct=1 --ioengine=libaio --iodepth=8 --rw=randwrite --bsrange=512-200k --bs_unaligned=0 \
		--blockalign=512 --offset=4m --size=16m --io_size=12m --verify=crc32c --verify_fatal=1 --verify_backlog=64 --randrepeat=0 \
		--output=/fio-verify.out || { cat /fio-verify.out; fail "fio --verify"; }
}

content() { echo 3 >/proc/sys/vm/drop_caches; sha1sum "$dev" | cut -d' ' -f1; }

for chunk in 64 4; do
	say "chunk $chunk KiB"
	make_array emd0 raid5 4 $chunk 2 "$d0" "$d1" "$d2" "$d3"
	start_array dirty
	wait_for 60 attr_is "$md/resync_start" none
	wait_idle
	overlapping_writers 3
	clean_check
	verified_writer
	clean_check

	say "a member fails under them"
	(overlapping_writers 5) &
	writers=$!
	usleep 1500000
	echo faulty >"$(member "$d1")/state"
	wait $writers || fail "the writers met an error"
	expect_attr "$md/degraded" 1
	verified_writer
	before=$(content)

	say "what a degraded array holds is what it holds when it is rebuilt"
	add_member "$d4"
	wait_for 60 attr_is "$md/degraded" 0
	wait_idle
	[ "$(content)" = "$before" ] || fail "the content has changed by the rebuild"
	clean_check

	say "rebuilt under writers"
	echo faulty >"$(member "$d0")/state"
	wait_for 20 test ! -e "$(member "$d0")"
	(overlapping_writers 5) &
	writers=$!
	add_member "$d1"
	wait_for 60 attr_is "$md/degraded" 0
	wait_idle
	wait $writers || fail "the writers met an error"
	clean_check
	before=$(content)
	echo faulty >"$(member "$d2")/state"
	[ "$(content)" = "$before" ] || fail "the content is another without a member"
	stop_array
done
