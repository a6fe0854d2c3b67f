# SPDX-License-Identifier: GPL-2.0-or-later
# A disk stops answering under load: no write fails, the member is failed, no acknowledged byte is missing. A second
# disk fails: what can no longer be served gets an error, and the array says so.
#: disks: 3x16M, oracle 128M
#: timeout: 150
#: power: yes
#: kernels: 6.12
#: allow: I/O error|Buffer I/O error
. /lib/emd/subject.sh

answers() { dd if="$1" of=/dev/null bs=4096 count=1 iflag=direct 2>/dev/null; }
loaded() {	# SECONDS: load for so long, which must not see an error
	emdwork load "$(dev 1)" "$oracle" --jobs 4 --seconds "$1" || fail "a write failed"
}

for level in raid1 raid5; do
	say "$level"
	set -- "$d0" "$d1" "$d2"
	make_array 1 $level 65536 2 none "$@"
	emdwork fill "$(dev 1)" "$oracle"
	emdwork load "$(dev 1)" "$oracle" --jobs 4 --seconds 1000 --batch 1 &
	writer=$!
	fail_disk d1
	wait_attr 60 "$(md_attr 1 degraded)" 1
	kill -INT $writer
	wait $writer || fail "a write failed when one disk did"
	loaded 2
	emdwork verify "$(dev 1)" "$oracle"
	stop_array 1
	heal_disk d1
	wait_for 20 answers "$d1"
done

say "raid5 loses two"
make_array 1 raid5 65536 2 none "$@"
emdwork fill "$(dev 1)" "$oracle"
fail_disk d1
fail_disk d2
refuses "writing|flushing" emdwork load "$(dev 1)" "$oracle" --seconds 60
refuses "writing|flushing" emdwork load "$(dev 1)" "$oracle" --seconds 60 --batch 1
heal_disk d1
heal_disk d2
stop_array 1
