# SPDX-License-Identifier: GPL-2.0-or-later
# Four processors in the data path of every level, with and without a bitmap, from before the first resync until after a check, while a member fails
# and a spare is recovered: KCSAN has nothing to report.
#: disks: 6x8M
#: modules: xor raid6_pq
#: programs: fio
#: kernels: kcsan
#: files: tests/vm/guest/array.sh tests/vm/guest/bitmap.sh
#: udev: no
#: cpus: 4
#: timeout: 300
. /bitmap.sh
SECONDS_EACH=15
kcsan=/sys/kernel/debug/kcsan settings=/sys/module/kcsan/parameters

# watch EVERY MICROSECONDS: a watchpoint on so manieth access of the module of each CPU, for so long
watch() { echo "$1" >$settings/skip_watch; echo "$2" >$settings/udelay_task; echo $(($2 / 4)) >$settings/udelay_interrupt; }
# Many, which meet places that are passed seldom, and long ones, which meet others that come by seldom.
(while [ ! -e /tmp/stop ]; do watch 1000 80; sleep 3; watch 500 5000; sleep 3; done) & alternating=$!

# Four submitters of all sizes, whole rows among them, and one whose small writes follow each other.
load() {
	fio --filename="$dev" --direct=1 --ioengine=libaio --thread --time_based --runtime=$SECONDS_EACH --size=2m --norandommap \
		--randrepeat=0 --output=/fio.out --name=mixed --numjobs=4 --rw=randrw --bsrange=4k-256k --blockalign=4k --iodepth=8 \
		--name=follow --rw=write --bs=4k --iodepth=32 --iodepth_batch_submit=16 --fdatasync=50 || { cat /fio.out; fail "fio"; }
}
# A pass of the load's time is not long: it begins anew.
passes() { while kill -0 $load 2>/dev/null; do echo check 2>/dev/null >"$md/sync_action" || true; usleep 100000; done; }
lose_one() {
	echo faulty >"$(member "$d1")/state"
	wait_for 30 test ! -e "$(member "$d1")"
	usleep 1000000
	if [ $bitmap = yes ]; then zero_bits "$d4"; offer "$d4"; else add_member "$d4"; fi
	wait_for 60 attr_is "$md/degraded" 0
}
one() {	# LEVEL DISKS CHUNK_KIB LAYOUT BITMAP DEVICE...
	local level=$1 disks=$2 chunk=$3 layout=$4 bitmap=$5 load make=make_array
	say "$*"
	shift 5
	if [ $bitmap = yes ]; then
		all_bits "$@"
		make=bitmap_array
	fi
	$make emd0 "$level" "$disks" "$chunk" "$layout" "$@"
	start_array dirty
	[ $bitmap = no ] || echo 0.1 >"$md/bitmap/time_base"
	echo 0.05 >"$md/safe_mode_delay"
	load & load=$!
	case $level in
	raid0 | linear) ;;
	*) lose_one; passes ;;
	esac
	wait $load || fail "the load met an error"
	[ "$level" = raid0 ] || wait_idle 60
	stop_array
}

one raid5 4 64 2 yes "$d0" "$d1" "$d2" "$d3"
one raid1 2 0 - yes "$d0" "$d1"
one raid6 5 16 2 no "$d0" "$d1" "$d2" "$d3" "$d5"
one raid10 4 64 258 no "$d0" "$d1" "$d2" "$d3"
one raid5 4 16 2 no "$d0" "$d1" "$d2" "$d3"
one raid0 4 64 - no "$d0" "$d1" "$d2" "$d3"
touch /tmp/stop
wait $alternating
watched=$(sed -n 's/^setup_watchpoints: *//p' $kcsan)
say "$watched accesses were watched"
[ "$watched" -gt 2000 ] || fail "nothing was watched"
