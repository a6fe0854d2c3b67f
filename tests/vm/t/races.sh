# SPDX-License-Identifier: GPL-2.0-or-later
# Everybody stores states at once, under an oracle writer: two members fail and come back in the same moment while others change
# flags, order passes and read everything. The array counts its members right each time, and no byte is wrong.
#: disks: 4x8M, oracle 128M
#: kernels: 6.1 6.12 uml
#: files: tests/vm/guest/array.sh
#: timeout: 240
. /array.sh
ROUNDS=6

# until_told COMMAND...: again and again; a store that comes at the wrong moment is refused
until_told() { while [ ! -e /tmp/stop ]; do "$@" 2>/dev/null || true; done; }
store_flags() {	# MEMBER-DIRECTORY
	local word
	for word in writemostly blocked failfast -writemostly -blocked -failfast; do echo $word >"$1/state" || true; done
}
order_passes() { echo check >"$md/sync_action" || true; usleep 20000; echo idle >"$md/sync_action"; }
read_all() { cat "$md"/* "$md"/dev-*/* "$emd"/* /proc/emdstat >/dev/null; }

# at_once COMMAND ARGUMENT ARGUMENT: two of them, both have to succeed
at_once() {
	local first second
	"$1" "$2" & first=$!
	"$1" "$3" & second=$!
	wait $first && wait $second || fail "$1 $2, $1 $3: one of them was refused"
}
fail_it() { echo faulty >"$(member "$1")/state"; }
slot_of() { case $1 in "$d2") echo 2 ;; "$d3") echo 3 ;; esac; }
# A slot is given between two passes, as with md.
give_slot() { slot_of "$1" 2>/dev/null >"$(member "$1")/slot"; }
bring_back() {
	hand_in "$1" "$md/new_dev"
	wait_for 5 test -e "$(member "$1")"
	wait_for 30 give_slot "$1" 2>/dev/null
}
degraded_is() { attr_is "$md/degraded" "$1"; }

make_array emd0 raid1 4 0 - "$d0" "$d1" "$d2" "$d3"
start_array
emdwork fill "$dev" "$oracle"
emdwork load "$dev" "$oracle" --jobs 2 --seconds 1000 &
writer=$!
until_told store_flags "$(member "$d0")" & others=$!
until_told store_flags "$(member "$d1")" & others="$others $!"
until_told order_passes & others="$others $!"
until_told read_all & others="$others $!"

for round in $(seq $ROUNDS); do
	at_once fail_it "$d2" "$d3"
	expect_attr "$md/degraded" 2
	wait_for 20 test ! -e "$(member "$d2")"
	wait_for 20 test ! -e "$(member "$d3")"
	at_once bring_back "$d2" "$d3"
	wait_for 60 degraded_is 0
done
touch /tmp/stop
for pid in $others; do wait "$pid" || fail "one of the others ended with $?"; done
kill -0 $writer || fail "the writer ended: a write failed"
kill $writer
wait $writer || true
echo idle >"$md/sync_action"
for d in $d0 $d1; do
	case $(cat "$(member "$d")/state") in in_sync) ;; *) fail "$d is left as $(cat "$(member "$d")/state")" ;; esac
done
emdwork verify "$dev" "$oracle"
clean_check
stop_array
