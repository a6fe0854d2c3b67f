# SPDX-License-Identifier: GPL-2.0-or-later
# The I/O statistics of an array are those of its requests: how many, how large, how long, how many at once. Most of them begin and end in
# a tick of the clock in which others do, which is another way through the accounting than that of the first in a tick.
#: extra-modules: null_blk configfs
#: modules: raid6_pq xor
#: kernels: 6.1 6.12 uml
#: files: tests/vm/guest/array.sh tests/vm/guest/nullb.sh
#: memory: 768
#: udev: no
#: timeout: 120
. /array.sh
. /nullb.sh
SLOW_MS=40 WRITERS=8 EACH=250

READS=1 READ_SECTORS=3 WRITES=5 WRITTEN_SECTORS=7 WRITE_MS=8 IN_FLIGHT=9 BUSY_MS=10
field() { awk -v f="$1" '{ print $f }' /sys/block/emd0/stat; }
since() { echo $(($(field "$1") - $(echo "$noted" | awk -v f="$1" '{ print $f }'))); }
note() { noted=$(cat /sys/block/emd0/stat); }
counts() { expect "$2" since "$1"; }
between() { [ "$2" -ge "$3" ] && [ "$2" -le "$4" ] || fail "$1: $2, which is not within $3 and $4"; }
uptime_ms() { awk '{ print int($1 * 1000) }' /proc/uptime; }
# No process for that: it is to be seen while it is so.
many_at_once() { local a b c d e f g h n rest; read -r a b c d e f g h n rest </sys/block/emd0/stat; [ "$n" -ge $((WRITERS / 2)) ]; }
transfer() { dd "$@" 2>/dev/null; }

nullb_disks 2 16
nullb_disk 2 16 512 $((SLOW_MS * 1000000))
nullb_disk 3 16 512 $((SLOW_MS * 1000000))
for level in raid0 raid1 raid5; do
	say "$level: as many, and as large, as was asked for"
	case $level in
	raid0) make_array emd0 raid0 2 64 - "$n0" "$n1" ;;
	raid1) make_array emd0 raid1 2 0 - "$n0" "$n1" ;;
	raid5) make_array emd0 raid5 2 64 2 "$n0" "$n1" ;;
	esac
	start_array insync
	transfer if=$dev of=/dev/null bs=4K count=1 iflag=direct
	note
	transfer if=/dev/zero of=$dev bs=4K count=400 oflag=direct
	transfer if=$dev of=/dev/null bs=8K count=300 iflag=direct
	counts $WRITES 400
	counts $WRITTEN_SECTORS 3200
	counts $READS 300
	counts $READ_SECTORS 4800
	expect 0 field $IN_FLIGHT
	stop_array
done

say "as long as they took, and the disk busy as long as there were any"
make_array emd0 raid0 2 64 - "$n2" "$n3"
start_array insync
transfer if=$dev of=/dev/null bs=4K count=1 iflag=direct
note
began=$(uptime_ms)
for i in $(seq $WRITERS); do
	transfer if=/dev/zero of=$dev bs=4K count=$EACH seek=$((i * 64)) oflag=direct &
done
wait_for 20 many_at_once
wait
lasted=$(($(uptime_ms) - began))
counts $WRITES $((WRITERS * EACH))
expect 0 field $IN_FLIGHT
between "time of all writes" "$(since $WRITE_MS)" $((WRITERS * EACH * SLOW_MS * 3 / 4)) $((WRITERS * lasted + WRITERS * EACH * 10))
between "time of the disk" "$(since $BUSY_MS)" $((EACH * SLOW_MS * 3 / 4)) $((lasted + 100))
stop_array
