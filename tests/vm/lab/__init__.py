# SPDX-License-Identifier: GPL-2.0-or-later
"""The VM lab: boots a kernel with a small initramfs, gives it disks, runs a test script in it, cuts its power."""
