# SPDX-License-Identifier: GPL-2.0-or-later
# A RAID5 with a partial parity log of EMD's is written in small blocks, and the power goes. With one of the members missing, another each
# time, it starts without force, and nothing is wrong that was not being written; also when the power goes a second time, while the
# array runs without that member; with all of them parity is right, also when a spare has come. The peer has it back in the end.
# Counted is what the log was good for: without it there would have been wrong blocks. --cuts 200: 200 power cuts.
#: disks: 4x16M scsi, oracle 16M
#: kernels: 6.12
#: programs: mdadm
#: modules: md_mod raid456
#: boots: 2
#: cuts: 8
#: power: yes
#: udev: no
#: flush-delay: 10
#: timeout: 240
. /lib/emd/peer.sh

at_once=$((CUTS / 10 + 8))	# cuts of one load of all members, and of the load without one that follows
goal=$CUTS cuts=0 checked=0 open=0 mended=0 strips=0 controls=0 controls_wrong=0

running() {
	array=$(readlink -f /dev/emd/arr)
	md=/sys/block/${array#/dev/}/md
	is ppl consistency_policy
}
# Forks are what a guest that is emulated has least time for, so text is taken apart without.
# is VALUE ATTRIBUTE
is() {
	local value
	read -r value <"$md/$2"
	[ "$value" = "$1" ] || fail "$md/$2 is '$value', not '$1'"
}
# number_behind TEXT MARK: sets $number, from the word behind the last MARK; 0 if there is none
number_behind() {
	number=0
	case $1 in *"$2"*) number=${1##*"$2"} number=${number%% *} ;; esac
}
assemble() { emdadm --assemble /dev/emd/arr --config none --run "$@" 2>&1; }
stopped() {
	local said
	said=$(emdadm --stop /dev/emd/arr 2>&1) || fail "$said"
	wait_for 20 no_emd
	wait_for 20 no_monitor	# it has the disks open, and they may be rewound
}
no_monitor() { ! pidof emdmon >/dev/null; }
made() {
	emdadm --create /dev/emd/arr --run --force --assume-clean --metadata 1.2 --level 5 --chunk 16 --raid-devices 4 --size 2M \
		--consistency-policy ppl "$d0" "$d1" "$d2" "$d3"
	running
	log_sector=$(cat "$md/dev-${d0#/dev/}/ppl_sector")
	emdwork fill "$array" "$oracle"
	stopped
	keep_disks clean
}
writer() { exec emdwork load "$array" "$oracle" --jobs 12 --seconds 1000 --seed "$((SEED + cuts))" --span 3; }
# loaded NAME COUNT: is written, and what cuts meanwhile would leave is kept as NAME1, NAME2, ...
loaded() {
	keep_cuts "$1" "$2" 20 300
	writer &
	wait_for 100 disks_say "$1$2"
	kill -INT $!
	wait $! || fail "the writer fails"
}
# started_after CUT MISSING: the power was cut, and now this member is missing, too; success if the log was of use
started_after() {
	local said wrong number
	rewind_disks "$1"
	said=$(assemble $(all_but "$2" "$d0" "$d1" "$d2" "$d3")) || fail "after $1 without $2: $said"
	running
	is none resync_start
	number_behind "$said" "and that of "
	wrong=$number
	said=$(emdwork verify "$array" "$oracle" --open 1) || fail "after $1 without $2: $said"
	cuts=$((cuts + 1))
	say "cut $cuts, without $2: parity of $wrong strips was wrong; ${said#emdwork: }"
	number_behind "$said" "emdwork: "
	checked=$((checked + number))
	number_behind "$said" "wrong, "
	open=$((open + number))
	strips=$((strips + wrong))
	[ "$wrong" = 0 ] || mended=$((mended + 1))
	[ "$wrong" != 0 ]
}
# control CUT MISSING: the same without the log, whose fronts are gone
control() {
	local disk said number
	rewind_disks "$1"
	for disk in "$d0" "$d1" "$d2" "$d3"; do
		dd if=/dev/zero of="$disk" bs=512 seek="$log_sector" count=8 conv=notrunc,fsync 2>/dev/null
	done
	said=$(assemble --force $(all_but "$2" "$d0" "$d1" "$d2" "$d3")) || fail "$said"
	running
	said=$(emdwork verify "$array" "$oracle" --open 1) || controls_wrong=$((controls_wrong + 1))
	controls=$((controls + 1))
	number_behind "$said" "checked, "
	say "the same without the log: $number wrong"
	stopped
}
# survived CUT MISSING
survived() {
	local useful=no
	! started_after "$1" "$2" || useful=yes
	stopped
	[ $useful = no ] || [ $controls -gt $((cuts / 16)) ] || control "$1" "$2"
}
# all_survived NAME COUNT MISSING: MISSING, or another each time
all_survived() {
	local i=1
	while [ $i -le "$2" ]; do
		survived "$1$i" "${3:-$(((SEED + cuts) % 4))}"
		i=$((i + 1))
	done
}
# some MOST: as many cuts as are left
some() { [ $((goal - cuts)) -lt "$1" ] && echo $((goal - cuts)) || echo "$1"; }
cut_some() {
	local missing count
	rewind_disks clean
	assemble "$d0" "$d1" "$d2" "$d3" >/dev/null
	running
	count=$(some $((at_once / 2 + 1)))
	loaded whole "$count"
	stopped
	all_survived whole $((count - 1))
	missing=$(((SEED + cuts / at_once) % 4))
	started_after "whole$count" $missing || true
	count=$(some $((at_once / 2 - 1)))
	[ "$count" = 0 ] || loaded degraded "$count"
	stopped
	all_survived degraded "$count" $missing
}
boot1() {
	made
	while [ $cuts -lt $goal ]; do
		cut_some
		[ $cuts -lt $goal ] || [ $mended != 0 ] || goal=$((goal + at_once))	# nothing is shown yet
		[ $goal -le $((CUTS + 5 * at_once)) ] || fail "after $cuts cuts the log was of no use"
	done
	say "$cuts cuts: $checked blocks checked, none wrong, $open open; the log has mended parity after $mended cuts, of $strips strips;" \
		"without it $controls_wrong of $controls had wrong blocks"
	[ $controls -lt 8 ] || [ $controls_wrong != 0 ] || fail "nothing would have been wrong without the log"
	rewind_disks clean
	assemble "$d0" "$d1" "$d2" "$d3"
	running
	cut_at_write any 100-300
	(writer)
	fail "the writer ended"
}

idle() { attr_is "$md/sync_action" idle; }
checked() {
	wait_for 60 idle
	echo check >"$md/sync_action"
	wait_for 60 idle
	expect_attr "$md/mismatch_cnt" 0
}
boot2() {
	say "all are here"
	assemble "$d0" "$d1" "$d2" "$d3"
	running
	emdwork verify "$array" "$oracle" --settle 1
	checked
	say "a spare comes, and what is written then is logged on it, too"
	emdadm /dev/emd/arr --fail "$d1" --remove "$d1"
	wait_attr 10 "$md/degraded" 1
	emdadm --zero-superblock "$d1"
	emdadm /dev/emd/arr --add "$d1"
	wait_attr 60 "$md/degraded" 0
	wait_for 60 idle
	loaded spare 1
	stopped
	started_after spare1 2 || true
	stopped
	say "once more with all, and then md"
	rewind_disks spare1
	assemble "$d0" "$d1" "$d2" "$d3"
	running
	emdwork verify "$array" "$oracle" --settle 1
	checked
	stopped
	mdadm --assemble /dev/md9 "$d0" "$d1" "$d2" "$d3" 2>&1
	expect_attr /sys/block/md9/md/consistency_policy ppl
	emdwork verify /dev/md9 "$oracle" --settle 1
	wait_for 20 mdadm --stop /dev/md9
}
