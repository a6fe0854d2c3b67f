# SPDX-License-Identifier: GPL-2.0-or-later
# All layouts of RAID6, without metadata, half of them on each kernel: the kernel's own md finds EMD's P and Q right and reads
# its data with two members missing; what md then writes, EMD reads without them.
#: kernels: 6.12
#: disks: 5x2M
#: modules: xor raid6_pq md_mod raid456
#: timeout: 200
CHUNK=4096

subject() { SUBJECT=$1; . /lib/emd/subject.sh; }

# both_ways LAYOUT SLOT SLOT: the slots are those that will be missing
both_ways() {
	local layout=$1 one=$2 two=$3 bytes
	say "layout $layout"
	set -- "$d0" "$d1" "$d2" "$d3" "$d4"
	subject emd
	make_array 1 raid6 $CHUNK "$layout" none "$@"
	bytes=$(($(sectors "$(dev 1)") * 512))
	emdwork pattern-write "$(dev 1)" $bytes "$layout"
	stop_array 1

	subject md
	make_array 1 raid6 $CHUNK "$layout" none "$@"
	check_array 1
	fail_member 1 "$(eval "echo \$d$one")"
	fail_member 1 "$(eval "echo \$d$two")"
	wait_attr 10 "$(md_attr 1 degraded)" 2
	emdwork pattern-check "$(dev 1)" $bytes "$layout" || fail "layout $layout: md reads something else"
	emdwork pattern-write "$(dev 1)" $bytes $((layout + 100))
	stop_array 1

	subject emd
	make_array 1 raid6 $CHUNK "$layout" none $(for i in 0 1 2 3 4; do
		case $i in "$one" | "$two") echo missing ;; *) eval "echo \$d$i" ;; esac
	done)
	emdwork pattern-check "$(dev 1)" $bytes $((layout + 100)) || fail "layout $layout: EMD reads something else than md wrote"
	stop_array 1
}

case $KERNEL in
6.1)
	for layout in 0 1 8 9 16 17; do both_ways $layout $((layout % 3)) 3; done
	both_ways 5 0 2		# P and Q on the last slots
	;;
*)
	for layout in 2 3 10 18 19; do both_ways $layout $((layout % 3)) 3; done
	both_ways 4 2 4		# P and Q on the first slots
	both_ways 20 1 2	# P on the first, Q on the last
	;;
esac
