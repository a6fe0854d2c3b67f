# SPDX-License-Identifier: GPL-2.0-or-later
# emdadm around a reshape in a container with two volumes: paused by signals and by --pause and gone on with, stopped in the middle, and
# assembled by its identity alone.
#: disks: 4x40M scsi
#: kernels: 6.1
#: modules: raid6_pq
#: rules: yes
#: timeout: 400
. /lib/emd/refuse.sh
. /lib/emd/two-volumes.sh
moving() { case $(md reshape_position) in none|'') return 1 ;; esac; }
no_manager() { ! pidof emdadm >/dev/null; }
held() { [ "$(md suspend_hi)" -gt "$(md suspend_lo)" ]; }

# paused SIGNAL COMMAND...: the command drives a reshape; at the signal, or at --pause, it ends in order, and the array is free.
paused() {
	local signal=$1 pid status=0
	shift
	"$@" >/tmp/manager 2>&1 &
	pid=$!
	wait_for 60 moving
	wait_for 30 held
	if [ "$signal" = --pause ]; then
		refuses "vol1 is not being reshaped" emdadm --grow --pause $vol1
		emdadm --grow --pause $vol0 2>&1 | grep -q "vol0 is paused at .*--resume .* goes on" || fail "--pause does not say how to go on"
	else
		kill -"$signal" $pid
	fi
	wait $pid || status=$?
	[ $status = 0 ] || fail "'$*' ends with $status at $signal: $(cat /tmp/manager)"
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

make_two_volumes

say "another chunk, all of it backed up piece by piece: SIGTERM, SIGINT, --stop"
for limit in min max; do echo 250 >/sys/module/emd/parameters/speed_limit_$limit; done	# 16 MiB have to outlast all that interrupts them
paused TERM emdadm --grow $vol0 -c 32
paused INT emdadm --grow --continue $vol0
paused --pause emdadm --grow --resume $imsm
say "the manager is killed in the midst of a section: --pause lets that go"
emdadm --grow --resume $vol0 >/tmp/manager 2>&1 &
manager=$!
wait_for 30 held
kill -9 $manager
wait $manager || true
emdadm --grow --pause $vol0
held && fail "[$(md suspend_lo), $(md suspend_hi)) is suspended"
moving || fail "the reshape has ended: nothing was paused"
settle
uuid=$(emdadm --detail --export $vol0 | sed -n 's/^MD_UUID=//p')
emdadm --grow --continue $imsm >/tmp/manager 2>&1 &
manager=$!
wait_for 60 held
wait_for 30 emdadm --stop $vol0	# udev may hold it for a moment
wait $manager || fail "the manager ends with $? at --stop: $(cat /tmp/manager)"
settle; wait_for 30 emdadm --stop --scan
say "emdmon does not come up: the assembly is taken back, whatever udev has begun meanwhile"
mv /sbin/emdmon /sbin/emdmon.away
printf '#!/bin/sh\nsleep 3\nexit 1\n' >/sbin/emdmon
chmod 755 /sbin/emdmon
refuses "emdmon could not be started[^;]*$" emdadm --assemble $vol0 --uuid "$uuid"	# and nothing was left
settle
[ ! -e $vol0 ] || fail "$vol0 is still there"
wait_for 10 no_manager	# one that udev has started waits for the assembly, and finds no array
for array in /sys/block/emd*; do
	[ ! -e "$array/md" ] || [ "$(cat "$array/md/array_state")" = inactive ] || fail "$array is still assembled"
done
mv /sbin/emdmon.away /sbin/emdmon

emdadm --assemble $vol0 --uuid "$uuid" --freeze-reshape
settle
held && fail "what was frozen goes on"
moving || fail "the reshape has ended: nothing was stopped"
[ ! -e $vol1 ] || fail "--uuid has started vol1, too"
settle; wait_for 30 emdadm --stop --scan
