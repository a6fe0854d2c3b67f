# SPDX-License-Identifier: GPL-2.0-or-later
"""What in a guest's log is never acceptable."""
import re

SUSPICIOUS = re.compile(
    r"\bBUG\b|\bWARNING\b|\bOops\b|KASAN|UBSAN|KCSAN|possible circular|possible recursive|inconsistent lock state"
    r"|suspicious RCU|INFO: task .* blocked|hung task|unreferenced object|general protection fault|kernel panic"
    r"|Kernel panic|detected stall|self-detected stall|scheduling while atomic|sleeping function called"
    r"|list_(?:add|del) corruption|ODEBUG|refcount_t:|Call Trace:|stack-?protector|Unable to handle"
    r"|DEBUG_LOCKS_WARN|held lock|Redzone|Poison overwritten|Object corrupt|pagealloc: |segfault at|\btraps: ", re.M)

# Said by kernels that are all right.
HARMLESS = re.compile(
    r"Kernel panic - not syncing: VFS|printk: .*kernel messages|kmemleak: .*Kernel memory leak detector initialized"
    r"|Lock dependency validator|KernelAddressSanitizer initialized|lockdep|hung_task_timeout"
    r"|Command line:|Kernel command line:|ODEBUG: selftest passed|ODEBUG: \d+ of|debug_objects")

# The kernel's own: a gendisk holds the kobject of its queue directory and frees it without waiting for the release that
# DEBUG_KOBJECT_RELEASE delays. md shows the same report. UML cannot always print the stack.
REPORT = re.compile(r"^[^\n]*cut here \]-.*?end trace[^\n]*$", re.M | re.S)
QUEUE_KOBJECT = re.compile(r"kobject_delayed_cleanup(?=.*(?:bdev_free_inode|aborting stack trace))", re.S)


# "4,351,18990000,-;MESSAGE" of /dev/kmsg and "[   18.990000] MESSAGE" of the console
PREFIX = re.compile(r"^(?:\d+,\d+,\d+,[^;]*;|\[ *\d+\.\d+\] )")


def message(line):
    return PREFIX.sub("", line).rstrip()


def without_known_reports(text):
    """The console shows single lines of a report that the log has whole: they go with it."""
    known = [report for report in REPORT.findall(text) if QUEUE_KOBJECT.search(report)]
    words = {message(line) for report in known for line in report.splitlines()}
    for report in known:
        text = text.replace(report, "")
    return [line for line in text.splitlines() if message(line) not in words]


def suspicious(text, allow):
    """The lines of text that fail a test."""
    allowed = [re.compile(pattern) for pattern in allow]
    return [line for line in without_known_reports(text)
            if SUSPICIOUS.search(line) and not HARMLESS.search(line) and not any(a.search(line) for a in allowed)]
