# SPDX-License-Identifier: GPL-2.0-or-later
# Runs a test: the body of the script, or its function for this boot (boot1, boot2, ...; boot for all others).
. /lib/emd/lib.sh
. /test.sh
if type "boot$BOOT" >/dev/null 2>&1; then
	"boot$BOOT"
elif type boot >/dev/null 2>&1; then
	boot
fi
exit 0
