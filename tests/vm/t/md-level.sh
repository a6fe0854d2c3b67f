# SPDX-License-Identifier: GPL-2.0-or-later
# Arrays with md's superblocks become another level by emdadm --grow, under a verifying writer: RAID10 of four disks RAID6 of five, and RAID5 of
# three with chunks of 64K RAID0 of four with chunks of 512K. What power cuts would leave is kept all the while: between the first superblocks,
# while data move, between the last superblocks. After each of these cuts the array starts without force, and the reshape goes on to its end
# with all data. md keeps off meanwhile, and has the array at the end.
#: disks: 5x16M scsi, oracle 32M
#: kernels: 6.12
#: programs: mdadm
#: modules: md_mod raid0 raid10 raid456 raid6_pq
#: power: yes
#: udev: no
#: timeout: 500
. /lib/emd/peer.sh
. /lib/emd/imsm.sh
VOLUME=/dev/emd/arr
peer_volume=/dev/md9
SIZE=4160	# KiB per disk, no multiple of 512
FRONT=16	# sectors: superblocks begin below it, and nothing else
ENDS=100	# more than superblocks are written from the midst of the movement to its end

in_reshape() { case $(md reshape_position) in none | '') false ;; esac; }
active() { [ "$(md array_state)" = active ]; }
done_with() { ! in_reshape && [ "$(md level)" = $level ]; }
takes() { emdadm --assemble $VOLUME --config none "$@" || fail "EMD does not take the array"; assembled || fail "there is no $VOLUME"; }
writer() { emdwork load $VOLUME "$oracle" --jobs 2 --seconds 1000 --seed "$SEED" >/tmp/load.log 2>&1 & }
# It may have ended by itself, when its oracle was full, or not hear yet.
ends() { ! killall -INT emdwork 2>/dev/null; }
no_writer() { wait_for 20 ends; grep -q acknowledged /tmp/load.log || fail "the writer: $(cat /tmp/load.log)"; }
# Who drives a reshape has it for a moment longer than the array is in one.
stops() { emdadm --stop $VOLUME >/tmp/stop.log 2>&1; }
stopped() {
	wait_for 20 stops
	wait_for 20 no_emd
	wait_for 20 no_process emdmon	# it has the disks open, and they may be rewound
}
grows() { emdadm --grow $VOLUME $to >/tmp/grow.log 2>&1; }
# kept NAME: all cuts up to this are kept. When the reshape has ended the rest is of writes in front of a superblock, where nothing is.
kept() {
	[ ! -e /tmp/failed ] || fail "$(cat /tmp/grow.log)"
	! disks_say "$1" || return 0
	[ -d "/proc/$grower" ] || dd if=/dev/zero of="$d0" bs=512 count=8 oflag=direct conv=notrunc 2>/dev/null
	false
}
right() { emdwork verify "$1" "$oracle" --settle 1 || fail "$2: an acknowledged block is wrong"; }

# phase_now: sets $phase, how far the reshape is that the disks know of, and $where
phase_now() {
	local known positions levels
	mdadm --examine $disks >/tmp/examine
	positions=$(sed -n "s/.*Reshape pos'n : \([0-9]*\).*/\1/p" /tmp/examine)
	levels=$(sed -n 's/.*Raid Level : //p' /tmp/examine)
	known=$(echo $positions | wc -w)
	where="$known disks know of a reshape, to $(echo $positions) KiB, $(echo $levels)"
	case $known,$(echo $levels) in
	0,*$level*) phase=after ;;
	0,*)	phase=before ;;
	*$level*) phase=ending ;;	# some know that it has ended
	*)	phase=moving
		[ "$known" = $(echo $disks | wc -w) ] && echo $positions | grep -q '[1-9]' || phase=beginning ;;
	esac
}
sums() { for disk in $disks; do head -c 2097152 "$disk" | md5sum; done; }
md_refuses() {
	local before
	before=$(sums)
	refuses . mdadm --assemble /dev/md9 $disks
	mdadm --stop /dev/md9 2>/dev/null || true
	[ "$(sums)" = "$before" ] || fail "md has written to an array that it must not touch"
	grep -qi "New Level : $level" /tmp/examine || fail "$(cat /tmp/examine)"
}
# survived NAME MOST: the array starts after this cut, and becomes what was asked for. MOST of each phase are tried.
survived() {
	rewind_disks "$1"
	phase_now
	eval "seen=\$seen_$phase"
	[ "$seen" -lt "$2" ] || return 0
	eval "seen_$phase=\$((seen + 1))"
	say "$1: $phase, $where"
	[ $phase$seen != moving0 ] || md_refuses
	speed 100	# it goes on by itself, and must not have ended when it is looked at
	takes $disks
	[ $phase != moving ] || in_reshape || fail "no reshape is under way"
	speed 1000000
	[ $phase != moving ] || writer
	if in_reshape; then
		emdadm --grow --continue $VOLUME >/tmp/grow.log 2>&1 || fail "$1: $(cat /tmp/grow.log)"
	else
		done_with || grows || fail "$1: $(cat /tmp/grow.log)"
	fi
	wait_for 20 done_with
	[ $phase != moving ] || no_writer
	right $VOLUME "$1"
	[ $level = raid0 ] || members_agree
	stopped
}
md_has_it() {
	mdadm --assemble /dev/md9 $disks 2>&1 || fail "md does not take it: $(mdadm --examine "$d0")"
	expect_attr /sys/block/md9/md/level $level
	expect_attr /sys/block/md9/md/raid_disks $(echo $disks | wc -w)
	right /dev/md9 "with md"
	[ $level = raid0 ] || peer_check
	wait_for 20 mdadm --stop /dev/md9
}
# ended_in NAME COUNT: sets $first, the first of NAME1, NAME2, ... of which a superblock says that it has ended
ended_in() {
	local last=$2 middle
	first=1
	while [ "$first" -lt "$last" ]; do
		middle=$(((first + last) / 2))
		rewind_disks "$1$middle"
		phase_now
		case $phase in ending | after) last=$middle ;; *) first=$((middle + 1)) ;; esac
	done
}
# way FROM TO LEVEL RECORDS SPEED SPAN: RECORDS superblocks are written at first, and so many writes lie between cuts in movement; the last of the disks is the spare that comes in. md makes the array: so small ones get little room in front of their
# data unasked, and it can be asked.
way() {
	local name
	to=$2 level=$3
	mdadm --create /dev/md9 --run --metadata 1.2 $1 --spare-devices 1 --chunk 64 --size $SIZE --data-offset 4M --assume-clean --bitmap none \
		$disks 2>&1
	wait_for 20 mdadm --stop /dev/md9
	takes $disks
	emdwork fill $VOLUME "$oracle"
	speed $5
	echo 100 >/sys/block/$volume/md/safe_mode_delay	# what is recorded is the reshape, and not who is idle
	writer
	wait_for 20 active
	# No limit of speed holds while the writer waits for what is moved, so all is asked for before.
	keep_cuts $level-begin $4 1 1 $FRONT
	keep_cuts $level-move 3 $6
	keep_cuts $level-end $ENDS 1 1 $FRONT
	(grows || touch /tmp/failed) &
	grower=$!
	wait_for 60 kept $level-end$ENDS
	wait_for 20 done_with
	no_writer
	right $VOLUME "without a cut"
	[ $level = raid0 ] || members_agree
	stopped
	md_has_it
	seen_before=0 seen_beginning=0 seen_moving=0 seen_ending=0 seen_after=0
	for name in $(seq $4); do [ $seen_beginning = 2 ] || survived $level-begin$name 2; done
	for name in 1 2 3; do survived $level-move$name 2; done
	ended_in $level-end $ENDS
	for name in $(seq "$first" $ENDS); do [ $seen_after != 0 ] || survived $level-end$name 2; done
	say "cuts on the way to $level: $seen_before before the first record, $seen_beginning in the beginning," \
		"$seen_moving while data moved, $seen_ending in the end, $seen_after after it"
	for phase in beginning moving ending; do
		eval "[ \$seen_$phase != 0 ]" || fail "no cut has met the array in this phase: $phase"
	done
}

boot1() {
	disks="$d0 $d1 $d2 $d3 $d4"
	way '--level 10 --raid-devices 4' '--level 6 --raid-devices 5' raid6 10 700 '10 50'
	emdadm --zero-superblock $disks
	disks="$d0 $d1 $d2 $d3"
	way '--level 5 --raid-devices 3' '--level 0 --raid-devices 4 --chunk 512' raid0 8 300 '3 8'
}
