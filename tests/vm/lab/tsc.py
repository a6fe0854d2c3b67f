# SPDX-License-Identifier: GPL-2.0-or-later
"""How fast the time stamp counter of this machine runs.

QEMU's emulation shows it to the guest as it is. A guest that has to find its frequency out compares it with an emulated
timer, and where the host gives its emulator no CPU in that moment the result may be wrong by a factor of 25: all its
clocks then run wrong. So it is told.
"""
import ctypes
import functools
import mmap
import platform
import time

READ = bytes.fromhex("0f31" "48c1e220" "4809d0" "c3")  # rdtsc; shl rdx, 32; or rax, rdx; ret
TRIES = 20
INTERVAL = 0.2  # seconds between the two readings; their own error is below a microsecond each


@functools.cache
def frequency_khz():
    """None on a machine without the counter."""
    if platform.machine() != "x86_64":
        return None
    with mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC) as code:
        code.write(READ)
        place = (ctypes.c_char * len(READ)).from_buffer(code)
        read = ctypes.CFUNCTYPE(ctypes.c_uint64)(ctypes.addressof(place))
        begin = both(read)
        time.sleep(INTERVAL)
        end = both(read)
        del place, read
    return round((end[0] - begin[0]) * 1e6 / (end[1] - begin[1]))


def both(read):
    """The counter and the nanoseconds at one moment: of several readings the one that was interrupted least."""
    def look():
        before = time.monotonic_ns()
        ticks = read()
        after = time.monotonic_ns()
        return after - before, ticks, (before + after) // 2
    _, ticks, nanoseconds = min(look() for _ in range(TRIES))
    return ticks, nanoseconds
