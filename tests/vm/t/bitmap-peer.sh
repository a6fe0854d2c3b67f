# SPDX-License-Identifier: GPL-2.0-or-later
# The peer's own arrays with an internal bitmap, by sysfs alone at the places that it has given them: EMD resyncs what the peer has
# bits for, and the peer what EMD has; mdadm shows EMD's bits, and both find that all members agree.
#: disks: 4x24M
#: modules: md_mod raid456 raid1 xor raid6_pq
#: programs: mdadm
#: kernels: 6.12
#: files: tests/vm/guest/array.sh tests/vm/guest/bitmap.sh
#: timeout: 120
. /lib/emd/peer.sh
. /bitmap.sh
pmd=/sys/block/md9/md

peer_idle() { attr_is $pmd/sync_action idle && attr_is $pmd/resync_start none; }	# for a moment md is idle before a resync, too
peer_check() { echo check >$pmd/sync_action; wait_for 60 peer_idle; expect_attr $pmd/mismatch_cnt 0; }
peer_end() { wait_for 20 mdadm --quiet --stop /dev/md9; wait_for 20 no_md; drop_caches; }
# shown DEVICE: the dirty bits that mdadm counts
shown() { mdadm --examine-bitmap "$1" | sed -n 's/.*chunks), \([0-9]*\) dirty.*/\1/p'; }
none_shown() { [ "$(shown "$1")" = 0 ]; }
pattern() { dd if="$1" bs=1M count=16 iflag=direct 2>/dev/null | sha1sum | cut -d' ' -f1; }
# spoil DEVICE REGION: what is in the middle of it
spoil() { dd if=/dev/urandom of="$1" bs=512 count=8 seek=$((DATA_AT + $2 * REGION / 512 + 1024)) oflag=direct conv=notrunc,fsync 2>/dev/null; }
# write_region FILE REGION: so much that exactly this one gets dirty
write_region() { dd if=/dev/urandom of="$1" bs=1024 count=16 seek=$(($2 * data * REGION / 1024)) oflag=direct conv=notrunc 2>/dev/null; }

# take_over insync|dirty LEVEL DISKS CHUNK_KIB LAYOUT DEVICE...
take_over() {
	local how=$1
	shift
	bitmap_array emd0 "$@"
	echo none >"$md/bitmap/location"
	echo internal >"$md/bitmap/metadata"
	echo "$component" >"$md/component_size"
	echo +$BITMAP_AT >"$md/bitmap/location"
	start_array "$how"
}

# both LEVEL DISKS CHUNK_KIB LAYOUT DATA_MEMBERS DEVICE...
both() {
	local level=$1 disks=$2 chunk=$3 layout=$4 before
	data=$5
	shift 5
	say "$level: made and filled by the peer"
	mdadm --quiet --create /dev/md9 --run --metadata 1.2 --level "$level" --raid-devices "$disks" ${chunk:+--chunk $chunk} \
		--bitmap internal --bitmap-chunk 1M "$@"
	wait_for 60 peer_idle
	dd if=/dev/urandom of=/dev/md9 bs=1M count=16 oflag=direct 2>/dev/null
	before=$(pattern /dev/md9)
	DATA_AT=$(cat "$pmd/dev-$(basename "$1")/offset") component=$(cat $pmd/component_size)
	BITMAP_AT=$((8 + $(attr $pmd/bitmap/location)))	# its superblock is in sector 8
	expect_attr $pmd/bitmap/chunksize $REGION
	echo 0.1 >$pmd/bitmap/time_base
	wait_for 30 none_shown "$1"
	echo 1000 >$pmd/bitmap/time_base
	echo 4 >$pmd/bitmap_set_bits
	expect 1 shown "$1"
	dd if="$1" bs=512 skip=$BITMAP_AT count=8 iflag=direct of=/bits 2>/dev/null
	peer_end

	say "EMD resyncs the region that the peer has a bit for"
	for d; do dd if=/bits of="$d" bs=512 seek=$BITMAP_AT oflag=direct conv=notrunc,fsync 2>/dev/null; done
	spoil "$2" 4
	[ "$level" = raid1 ] && spoilt=$before || spoilt=
	take_over dirty "$level" "$disks" "${chunk:-0}" "$layout" "$@"
	wait_attr 60 "$md/resync_start" none
	wait_idle
	expect $((REGION / 512)) worked
	[ -z "$spoilt" ] || expect "$before" pattern "$dev"
	clean_check
	say "and leaves bits for the peer"
	settle_bits 5
	echo false >"$md/bitmap/can_clear"
	write_region "$dev" 2
	write_region "$dev" 6
	before=$(pattern "$dev")
	stop_array
	drop_caches
	for d; do expect 2 shown "$d"; done
	mdadm --examine-bitmap "$1" | grep -q "Magic : 6d746962" || fail "mdadm does not know the bitmap"

	say "which resyncs them"
	spoil "$2" 6
	[ "$level" = raid1 ] || before=
	mdadm --quiet --assemble /dev/md9 --update=resync "$@"
	wait_for 60 peer_idle
	peer_check
	[ -z "$before" ] || expect "$before" pattern /dev/md9
	peer_end
	for d; do expect 0 shown "$d"; done
	for d; do mdadm --quiet --zero-superblock "$d"; done
}

both raid1 2 "" - 1 "$d0" "$d1"
both raid5 3 64 2 2 "$d1" "$d2" "$d3"
