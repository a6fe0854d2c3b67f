# SPDX-License-Identifier: GPL-2.0-or-later
# emdadm around a reshape in a container with two volumes: paused by signals and gone on with, stopped in the middle, and
# assembled by its identity alone.
#: disks: 4x40M scsi
#: modules: raid6_pq
#: rules: yes
#: timeout: 400
. /lib/emd/refuse.sh
imsm=/dev/emd/imsm0
vol0=/dev/emd/vol0 vol1=/dev/emd/vol1
name_of() { basename "$(readlink -f "$1")"; }
md() { attr "/sys/block/$(name_of $vol0)/md/$1"; }
md1() { attr "/sys/block/$(name_of $vol1)/md/$1"; }
idle() { [ "$(md sync_action)" = idle ]; }
moving() { case $(md reshape_position) in none|'') return 1 ;; esac; }
held() { [ "$(md suspend_hi)" -gt "$(md suspend_lo)" ]; }
data() { check_range $vol0 25165824 1; check_range $vol1 4194304 2; }

# paused SIGNAL COMMAND...: the command drives a reshape; at the signal it ends in order, and the array is free.
paused() {
	local signal=$1 pid status=0
	shift
	"$@" >/tmp/manager 2>&1 &
	pid=$!
	wait_for 60 moving
	wait_for 30 held
	kill -"$signal" $pid
	wait $pid || status=$?
	[ $status = 0 ] || fail "'$*' ends with $status at SIG$signal: $(cat /tmp/manager)"
	grep -q "paused; emdadm --grow --continue .* goes on" /tmp/manager || fail "it says: $(cat /tmp/manager)"
	moving || fail "the reshape has ended: nothing was paused"
	held && fail "[$(md suspend_lo), $(md suspend_hi)) is suspended"
	case $(md metadata_version) in *-*) fail "still tagged: $(md metadata_version)" ;; esac
	case $(md1 metadata_version) in *-*) fail "still tagged: $(md1 metadata_version)" ;; esac
	[ "$(md1 sync_action)" = idle ] || fail "vol1 is $(md1 sync_action)"
	emdadm --grow --continue --unless-paused --quiet $vol0	# as udev does, late
	held && fail "what udev runs late goes on with what was paused"
	say "paused at $(md reshape_position)"
	data
	fill_range $vol0 25165824 1
}

say "two volumes: all grow together, or none"
emdadm --create $imsm -e imsm -n 4 "$d0" "$d1" "$d2" "$d3"
emdadm -C $vol0 -l 5 -n 3 -c 64 -z 16M $imsm --assume-clean
emdadm -C $vol1 -l 5 -n 3 -c 64 -z 4M $imsm --assume-clean
wait_for 20 idle
fill_range $vol0 25165824 1
fill_range $vol1 4194304 2
settle
emdadm --wait-clean $vol0 $vol1
bad "the number of disks is changed for all volumes together" emdadm --grow $vol0 -n 4
bad "2 volumes: name the one" emdadm --grow $imsm -c 32
emdadm --grow $imsm -n 4 --dry-run >/tmp/plan
grep -q "then volume vol1 in the same way" /tmp/plan || fail "the plan does not name vol1: $(cat /tmp/plan)"

say "another chunk, all of it backed up piece by piece: SIGTERM, SIGINT, --stop"
paused TERM emdadm --grow $vol0 -c 32
paused INT emdadm --grow --continue $vol0
settle
uuid=$(emdadm --detail --export $vol0 | sed -n 's/^MD_UUID=//p')
emdadm --grow --continue $imsm >/tmp/manager 2>&1 &
manager=$!
wait_for 60 held
wait_for 30 emdadm --stop $vol0	# udev may hold it for a moment
wait $manager || fail "the manager ends with $? at --stop: $(cat /tmp/manager)"
settle; wait_for 30 emdadm --stop --scan
emdadm --assemble $vol0 --uuid "$uuid" --freeze-reshape
moving || fail "the reshape has ended: nothing was stopped"
[ ! -e $vol1 ] || fail "--uuid has started vol1, too"
settle; wait_for 30 emdadm --stop --scan
