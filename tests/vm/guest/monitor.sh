# SPDX-License-Identifier: GPL-2.0-or-later
# A container with an emdmon, for tests of emdmon.
[ "$KERNEL" != uml ] || export IMSM_DEVNAME_AS_SERIAL=1	# its disks have no serial numbers
container=''	# emd127
volume=''	# emd126
monitor=''	# pid

find_array() {	# find_array PATTERN: the array whose metadata_version matches
	local block
	for block in /sys/block/emd*; do
		# shellcheck disable=SC2254
		case $(attr "$block/md/metadata_version") in $1) echo "${block##*/}"; return ;; esac
	done
	return 1
}

# make_volume LEVEL MEMBERS DISK...: a container of all the disks, a volume over the first MEMBERS, in sync.
make_volume() {
	local level=$1 members=$2
	shift 2
	emdadm --create /dev/emd/imsm0 --metadata imsm --raid-devices $# "$@"
	emdadm --create /dev/emd/vol0 --level "$level" --raid-devices "$members" --chunk 64 /dev/emd/imsm0
	find_container
	wait_attr 60 "$(md sync_action)" idle
	find_monitor
}
find_container() {
	container=$(find_array external:imsm)
	volume=$(find_array "external:[/-]$container/0")
}
md()	  { echo "/sys/block/$volume/md/$1"; }
own()	  { echo "/sys/block/$volume/emd/$1"; }

monitor_of() {	# the pid of the process that runs for the container
	local proc
	for proc in /proc/[0-9]*; do
		[ "$(readlink "$proc/exe" 2>/dev/null)" ] || continue
		# shellcheck disable=SC2046
		set -- $(tr '\0' ' ' <"$proc/cmdline" 2>/dev/null)
		case ${1:-} in *emdmon) for word; do [ "$word" = "$container" ] && echo "${proc##*/}" && return; done ;; esac
	done
	return 1
}
monitor_runs() { monitor=$(monitor_of); }
find_monitor() { wait_for 20 monitor_runs; }
kill_monitor() {	# at once, and until it is gone
	kill -9 "$monitor"
	wait_for 10 is_gone "$monitor"
}
hold_monitor() {	# until kill -CONT; the signal takes a moment
	kill -STOP "$monitor"
	wait_for 10 stands "$monitor"
}
stands() { ! grep -h '^State:' /proc/"$1"/task/*/status | grep -qv T; }
is_gone() { [ ! -e "/proc/$1" ]; }
start_monitor() { emdmon "$container"; find_monitor; }

# recorded: what the metadata says now. A volume's line "Dirty State : clean" and so on.
recorded() { emdadm --examine "$d0" | sed -n "s/^ *$1 : *//p" | head -1; }
is_recorded() { [ "$(recorded "$1")" = "$2" ]; }
wait_recorded() { wait_for "$1" is_recorded "$2" "$3"; }

member() { echo "$(md "dev-$(basename "$(readlink -f "$1")")")"; }
write_once() { dd if=/dev/urandom of="/dev/$volume" bs=64k count=1 seek="${1:-0}" oflag=direct 2>/dev/null; }
