# SPDX-License-Identifier: GPL-2.0-or-later
# Disks that hold what they are asked for until they are told to let go: dm-delay ends what it delays when it is suspended. So a test looks
# at what is under way for as long as that takes on its machine. Source it after dust.sh.
HELD=100000	# ms

# holding_disk NAME DEVICE: /dev/mapper/NAME; it holds nothing yet
holding_disk() {
	dmsetup create "$1" --noudevsync --table "$(holding_table "$(blockdev --getsz "$2")" "$2" 0 0)"
	wait_for 10 test -b "$(dust_node "$1")"
}
# holding_table SECTORS DEVICE READS WRITES: flushes are never held
holding_table() { echo "0 $1 delay $2 0 $3 $2 0 $4 $2 0 0"; }
# hold NAME reads|writes|nothing: from now on; what it has held until now goes
hold() {
	local name=$1 reads=0 writes=0
	case $2 in reads) reads=$HELD ;; writes) writes=$HELD ;; esac
	# shellcheck disable=SC2046
	set -- $(dmsetup table "$name")
	change_table "$name" "$(holding_table "$2" "$4" $reads $writes)"
}
# held NAME reads|writes: how many
held() {
	local kind=$2
	# shellcheck disable=SC2046
	set -- $(dmsetup status "$1")
	[ "$kind" = reads ] && echo "$4" || echo "$5"
}
held_are() { [ "$(held "$1" "$2")" = "$3" ]; }	# NAME reads|writes COUNT
holds_any() { [ "$(held "$1" "$2")" -gt 0 ]; }
# let_go NAME: what it holds goes; what comes from now on is held again
let_go() { dmsetup suspend --noudevsync --nolockfs --noflush "$1"; dmsetup resume --noudevsync "$1"; }
