# SPDX-License-Identifier: GPL-2.0-or-later
# Commands that must be refused: one sentence on stderr, a status that says so, and nothing has changed.

# What must stay as it was: sectors written to each disk since boot, every attribute of every array, links, and processes.
# Not looked at: the disk $elsewhere.
elsewhere=
standing() {
	local disk a b c d e f written rest
	for disk in /sys/block/sd*; do
		[ "/dev/${disk##*/}" != "$elsewhere" ] || continue
		read -r a b c d e f written rest <"$disk/stat"
		echo "${disk##*/} $written"
	done
	find /sys/block/emd*/md/ -type f 2>/dev/null | sort | xargs grep -Hs . || true
	for disk in /dev/emd/*; do echo "$disk $(readlink "$disk")"; done	# not since when: udev makes links anew
	pidof emdmon || true
}

# bad PATTERN COMMAND...
bad() {
	local pattern=$1 status=0 said
	shift
	standing >/tmp/before
	"$@" >/tmp/out 2>/tmp/err </dev/null || status=$?
	standing >/tmp/after
	said=$(cat /tmp/err)
	[ $status = 1 ] || [ $status = 2 ] || fail "'$*' ends with $status: $said"
	[ ! -s /tmp/out ] || fail "'$*' prints on stdout: $(cat /tmp/out)"
	[ "$(wc -l </tmp/err)" = 1 ] || fail "'$*' does not say one sentence: $said"
	echo "$said" | grep -Eq -- "^emdadm: .*($pattern)" || fail "'$*' says '$said', nothing like '$pattern'"
	cmp -s /tmp/before /tmp/after || fail "'$*' has changed something: $(diff /tmp/before /tmp/after | grep "^[-+]")"
	echo "$said"
}
