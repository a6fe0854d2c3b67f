# SPDX-License-Identifier: GPL-2.0-or-later
# RAID4 and all layouts of RAID5: what was written in pieces of all sizes is there, with all members and without any one.
#: disks: 5x2M
#: modules: xor
#: kernels: 6.1 uml
#: files: tests/vm/guest/array.sh tests/vm/guest/geometry.sh
#: timeout: 300
. /array.sh
. /geometry.sh

one_geometry raid4 0 4 "0 1 2" "$d0" "$d1" "$d2"
one_geometry raid5 0 4 "0 1 2 3" "$d0" "$d1" "$d2" "$d3"
one_geometry raid5 1 64 "0 1 2" "$d0" "$d1" "$d2"
one_geometry raid5 2 64 "0 1 2 3 4" "$d0" "$d1" "$d2" "$d3" "$d4"
one_geometry raid5 3 16 "0 1 2" "$d0" "$d1" "$d2"
one_geometry raid5 4 8 "0 1 2 3" "$d0" "$d1" "$d2" "$d3"
one_geometry raid5 5 256 "0 1" "$d0" "$d1"
one_geometry raid5 2 512 "0 1 2" "$d0" "$d1" "$d2"
