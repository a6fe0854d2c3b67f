# SPDX-License-Identifier: GPL-2.0-or-later
# All layouts of RAID6: what was written in pieces of all sizes is there, with all members, and without one or two: data, P
# and Q in all pairs. With seven members and more a small write reads only itself, P and Q.
#: disks: 8x2M
#: modules: xor raid6_pq
#: kernels: 6.12 uml
#: files: tests/vm/guest/array.sh tests/vm/guest/geometry.sh
#: timeout: 300
. /array.sh
. /geometry.sh

one_geometry raid6 0 4 "0,1" "$d0" "$d1" "$d2" "$d3" "$d4"
one_geometry raid6 1 64 "1,2" "$d0" "$d1" "$d2" "$d3"
one_geometry raid6 2 16 "2,6 3" "$d0" "$d1" "$d2" "$d3" "$d4" "$d5" "$d6"
one_geometry raid6 3 8 "1,4" "$d0" "$d1" "$d2" "$d3"
one_geometry raid6 4 4 "0,3 1,2" "$d0" "$d1" "$d2" "$d3" "$d4"	# P on slot 0, Q on slot 1
one_geometry raid6 5 256 "0,2 0,1" "$d0" "$d1" "$d2" "$d3"	# P on slot 2, Q on slot 3
one_geometry raid6 8 4 "0,4" "$d0" "$d1" "$d2" "$d3" "$d4"
one_geometry raid6 9 16 "1,2" "$d0" "$d1" "$d2" "$d3"
one_geometry raid6 10 4 "3,7" "$d0" "$d1" "$d2" "$d3" "$d4" "$d5" "$d6" "$d7"
one_geometry raid6 16 4 "0,3" "$d0" "$d1" "$d2" "$d3" "$d4"
one_geometry raid6 17 8 "1,3" "$d0" "$d1" "$d2" "$d3"		# Q on the last slot
one_geometry raid6 18 4 "2,3" "$d0" "$d1" "$d2" "$d3" "$d4"
one_geometry raid6 19 16 "0,1" "$d0" "$d1" "$d2" "$d3"
one_geometry raid6 20 4 "1,2" "$d0" "$d1" "$d2" "$d3" "$d4"
