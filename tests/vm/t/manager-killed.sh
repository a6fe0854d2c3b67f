# SPDX-License-Identifier: GPL-2.0-or-later
# The reshape manager is killed while a section is suspended, again and again; each time another one goes on. Only the beginning is moved in
# sections that are suspended: so it is slow until then.
#: kernels: 6.1
#: disks: 4x64M scsi, oracle 64M
#: modules: raid6_pq
#: rules: yes
#: timeout: 400
. /lib/emd/imsm.sh

make_container "$d0" "$d1" "$d2" "$d3"
make_raid5 3 --assume-clean
wait_for 20 idle
emdwork fill $VOLUME "$oracle" --bytes 33554432
emdwork load $VOLUME "$oracle" --jobs 2 --seconds 100000 --seed 7 &

speed 60
emdadm --grow $CONTAINER -n 4 >/tmp/grow.0 2>&1 &
manager=$!
wait_for 60 reshaping
wait_for 30 held
suspended=0
for i in 1 2 3 4; do
	reshaped && fail "the reshape has ended before manager $i was killed"
	before=$(position)
	held && suspended=$((suspended + 1))
	killall -9 emdadm || true
	wait $manager || true
	say "manager $i killed at $before, suspended $(md suspend_lo) to $(md suspend_hi)"
	# A device event may have started one already: then this one is refused.
	emdadm --grow --continue $CONTAINER >/tmp/grow.$i 2>&1 &
	manager=$!
	wait_for 60 went_on "$before"
done
[ $suspended -ge 2 ] || fail "only $suspended of them were killed with a section suspended"
speed 1000000
wait_for 200 reshaped
wait_for 30 no_process emdadm

held && fail "[$(md suspend_lo), $(md suspend_hi)) is still suspended"
stop_writers
blocks_right $VOLUME
members_agree
emdadm --stop --scan
