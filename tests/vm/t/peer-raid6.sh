# SPDX-License-Identifier: GPL-2.0-or-later
# All layouts of RAID6, without metadata: the kernel's own md finds EMD's P and Q right and reads its data with two members
# missing, and EMD those of md.
#: disks: 5x2M
#: modules: xor raid6_pq md_mod raid456
#: kernels: 6.12
#: timeout: 300
CHUNK=4096

subject() { SUBJECT=$1; . /lib/emd/subject.sh; }

# hand_over WRITER READER LAYOUT SLOT SLOT DEVICE...: what one wrote the other reads, first with all members, then without two
hand_over() {
	local writer=$1 reader=$2 layout=$3 one=$4 two=$5 bytes seed=$(($3 * 2 + 1))
	shift 5
	subject "$writer"
	make_array 1 raid6 $CHUNK "$layout" none "$@"
	bytes=$(($(sectors "$(dev 1)") * 512))
	[ "$writer" = emd ] || seed=$((seed + 1))
	emdwork pattern-write "$(dev 1)" $bytes $seed
	stop_array 1
	subject "$reader"
	make_array 1 raid6 $CHUNK "$layout" none "$@"
	check_array 1
	fail_member 1 "$(eval "echo \${$((one + 1))}")"
	fail_member 1 "$(eval "echo \${$((two + 1))}")"
	wait_attr 10 "$(md_attr 1 degraded)" 2
	emdwork pattern-check "$(dev 1)" $bytes $seed || fail "layout $layout written by $writer: $reader reads something else"
	stop_array 1
}

both_ways() {
	say "layout $1"
	hand_over emd md "$@"
	hand_over md emd "$@"
}

for layout in 0 1 2 3 8 9 10 16 17 18 19; do both_ways $layout $((layout % 3)) 3 "$d0" "$d1" "$d2" "$d3" "$d4"; done
both_ways 4 2 4 "$d0" "$d1" "$d2" "$d3" "$d4"	# P and Q on the first slots
both_ways 5 0 2 "$d0" "$d1" "$d2" "$d3" "$d4"	# on the last
both_ways 20 1 2 "$d0" "$d1" "$d2" "$d3" "$d4"
