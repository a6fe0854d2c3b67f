# SPDX-License-Identifier: GPL-2.0-or-later
# Trees of arrays, one after the other, under a verifying load: members fail and come back, passes, reshapes, restarts, as
# the plan says (tests/vm/soak/plan.py): nothing hangs, no byte is wrong, nothing is left behind.
#: disks: 12x4M, oracle 48M
#: modules: xor raid6_pq dm-mod dm-dust
#: programs: dmsetup
#: kernels: uml
#: files: tests/vm/guest/array.sh tests/vm/guest/bitmap.sh tests/vm/guest/dust.sh tests/vm/soak/steps.sh build/soak/plan.sh
#: udev: no
#: allow: I/O error|dust
. /steps.sh
. /plan.sh

make_disks
end=$(($(now_cs) + SECONDS_TO_RUN * 100))
episode=$FIRST ran=0
while [ "$(now_cs)" -lt $end ] && [ $episode -le "$LAST" ]; do
	say "episode $episode"
	longest=0
	begin=$(now_cs)
	episode_$episode
	say "episode $episode took $((($(now_cs) - begin) / 100)) s; the longest request $longest ms"
	ran=$((ran + 1))
	[ "$FIRST" = "$LAST" ] || episode=$((episode + 1))	# a single one is done again and again
done
say "$ran episodes"
remove_disks
rmmod emd
