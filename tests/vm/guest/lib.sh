# SPDX-License-Identifier: GPL-2.0-or-later
# What a test script may use. Runs under busybox ash with -eu: a command that fails ends the test.
#
# Variables: $d0 $d1 ... $oracle (device nodes), $BOOT (1, 2, ...), $KERNEL (6.1, 6.12, uml, x86-debug),
# $LIMIT (seconds that the host gives this boot), $SEED (of the run), $SLOW (how many times slower than KVM this machine may
# be; time-outs below are multiplied with it already).

say()  { echo "# $*"; }
fail() { echo "FAIL: $*"; exit 1; }
skip() { echo "skipped: $*"; exit 77; }

# Time since the guest started, in hundredths of a second.
now_cs() { local up rest; read -r up rest </proc/uptime; echo "${up%.*}${up#*.}"; }

# wait_for SECONDS COMMAND...: until the command succeeds. Polls, so that a test waits for a state and not for a time. Ends
# before the host's patience does, so that it can say what it has waited for.
wait_for() {
	local limit=$(($1 * SLOW * 100)) begin
	shift
	begin=$(now_cs)
	[ $((begin + limit)) -lt $(((LIMIT - 15) * 100)) ] || limit=$(((LIMIT - 15) * 100 - begin))
	until "$@"; do
		[ $(($(now_cs) - begin)) -lt $limit ] || { what_is; fail "waited $((limit / 100)) s in vain for: $*"; }
		usleep 50000
	done
}

# what_is: the state that a wait in vain has met: the last of the kernel log (emdmon speaks there), our processes, each with
# what it waits for in the kernel, and the arrays.
what_is() {
	local pid array
	dmesg | tail -n 12
	for pid in $(pgrep 'emd|udev|sync|dd'); do
		echo "$pid: $(tr '\0' ' ' <"/proc/$pid/cmdline") $(grep -o 'State:.*' "/proc/$pid/status") $(head -n 4 "/proc/$pid/stack" | tr '\n' ' ')"
	done 2>/dev/null
	for array in /sys/block/emd*/md; do
		[ ! -d "$array" ] || (cd "$array" && echo "$array: $(grep -s . level raid_disks array_state sync_action sync_max reshape_position | tr '\n' ' ')")
	done
}

# attr_is FILE VALUE / wait_attr SECONDS FILE VALUE: the content of a sysfs attribute, without its newline.
attr()	    { cat "$1" 2>/dev/null; }
attr_is()   { [ "$(attr "$1")" = "$2" ]; }
wait_attr() { wait_for "$1" attr_is "$2" "$3"; }

# expect VALUE COMMAND...: the command succeeds and prints exactly this.
expect() {
	local want=$1 got
	shift
	got=$("$@" 2>&1) || fail "'$*' ends with $?: $got"
	[ "$got" = "$want" ] || fail "'$*' prints '$got', not '$want'"
}

# expect_attr FILE VALUE
expect_attr() { attr_is "$1" "$2" || fail "$1 is '$(attr "$1")', not '$2'"; }

# refuses PATTERN COMMAND...: the command fails and says something that matches.
refuses() {
	local pattern=$1 got
	shift
	if got=$("$@" 2>&1); then fail "'$*' succeeds: $got"; fi
	echo "$got" | grep -Eq -- "$pattern" || fail "'$*' says '$got', nothing like '$pattern'"
}

# settle: udev has handled every event so far.
settle() { udevadm settle --timeout=$((30 * SLOW)) || { what_is; fail "udev does not settle"; }; }

# hand_in DEVICE FILE: its number into new_dev. A device is free a moment after its member has gone.
hand_in() { wait_for 10 handed_in "$1" "$2"; }
handed_in() {
	local number said
	number=$(cat "/sys/class/block/$(basename "$(readlink -f "$1")")/dev") || fail "there is no $1"
	said=$({ echo "$number" >"$2"; } 2>&1) && return
	case $said in *busy*) false ;; *) fail "$1 is not taken: $said $(dmesg | tail -n 3)" ;; esac
}

load_module() { modprobe "$@"; }

# --- the power ------------------------------------------------------------------------------------------------------
# After a cut the guest is started again with the same disks and the next $BOOT, and boot$BOOT runs.
cut_now()   { echo "@@cut now"; sleep 1000; }
# cut_within LOW HIGH: at a random time, in seconds of the host; the test goes on until it happens.
cut_within() { echo "@@cut within $1 $2"; }
# cut_at_write DISK N: when the N-th write from now reaches the disk (d0, ..., or any). N may be a range, 1-100: then it is
# random. Needs "power: yes".
cut_at_write() { echo "@@cut write $1 $2"; }
# next_boot: an orderly restart; what stays is what was flushed.
next_boot() { sync; echo "@@cut orderly"; sleep 1000; }
# fail_disk / heal_disk DISK: every request gets an I/O error from now on. Needs "power: yes".
fail_disk() { echo "@@disk fail $1"; }
heal_disk() { echo "@@disk heal $1"; }
# Many cuts of one life (need "power: yes" and an oracle). keep_disks NAME: what all disks hold now, the oracle too. keep_cuts NAME
# COUNT LOW HIGH [BELOW]: what power cuts would leave on them, COUNT of them, each LOW to HIGH writes (below that sector) after the one
# before, as NAME1, NAME2, ...; what runs goes on, and wait_for SECONDS disks_say NAME$COUNT until all are there. Those that are asked for meanwhile
# follow the last of these, with no shell in between; then wait for the last alone. rewind_disks NAME: the disks hold that,
# and nothing else survives a cut; nobody may have any of them open.
keep_disks()   { power "$1" keep "$1"; }
keep_cuts()    { power "${1}0" keep-cuts "$@"; }
rewind_disks() { power "$1" rewind "$1"; }
# power SAYS ORDER...: what the disks have said until now was said of something else, though it may be the same name. The oracle
# has no records so far behind.
power() {
	local says=$1
	shift
	: "${last_page:=$(($(blockdev --getsize64 "$oracle") / 4096 - 1))}"
	dd if=/dev/zero of="$oracle" bs=4096 seek="$last_page" count=1 oflag=direct conv=notrunc 2>/dev/null
	echo "@@power $*"
	wait_for 20 disks_say "$says"
}
disks_say() {
	local said
	dd if="$oracle" of=/run/last-page bs=4096 skip="$last_page" count=1 iflag=direct 2>/dev/null || return 1
	while read -r said; do
		[ "$said" != "$1" ] || return 0
	done </run/last-page
	return 1
}
# keep NAME VALUE: a variable that the following boots have.
keep() { echo "@@keep $1=$2"; }

# --- data -----------------------------------------------------------------------------------------------------------
# fill_disk DEVICE BYTES SEED / check_disk: a pattern that depends on the place, without an oracle.
fill_range()  { emdwork pattern-write "$1" "$2" "$3"; }
check_range() { emdwork pattern-check "$1" "$2" "$3"; }
