/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * What the module and its tools must agree on: names, numbers, limits.
 *
 * Level and layout numbers are md's, because they stand in on-disk formats and
 * in sysfs. Words are written once, here, as X-macros.
 */
#ifndef _UAPI_EMD_EMD_H
#define _UAPI_EMD_EMD_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* Version of the sysfs contract between emd.ko and the tools. */
#define EMD_ABI_VERSION		1

#define EMD_LEVEL_LINEAR	(-1)
#define EMD_LEVEL_NONE		(-1000000)

/* Layout of RAID4/5/6: which slot of a row holds parity, and where data begins. */
#define EMD_LAYOUT_LEFT_ASYMMETRIC	0
#define EMD_LAYOUT_RIGHT_ASYMMETRIC	1
#define EMD_LAYOUT_LEFT_SYMMETRIC	2
#define EMD_LAYOUT_RIGHT_SYMMETRIC	3
#define EMD_LAYOUT_PARITY_FIRST		4
#define EMD_LAYOUT_PARITY_LAST		5

/* RAID6 only: DDF's rotations, and RAID5's layouts with Q on the last slot. */
#define EMD_LAYOUT_DDF_ZERO_RESTART	8
#define EMD_LAYOUT_DDF_N_RESTART	9
#define EMD_LAYOUT_DDF_N_CONTINUE	10
#define EMD_LAYOUT_LEFT_ASYMMETRIC_6	16
#define EMD_LAYOUT_RIGHT_ASYMMETRIC_6	17
#define EMD_LAYOUT_LEFT_SYMMETRIC_6	18
#define EMD_LAYOUT_RIGHT_SYMMETRIC_6	19
#define EMD_LAYOUT_PARITY_FIRST_6	20

/* Layout of RAID10: near copies, far copies << 8, flags. Far sets of bit 17 do not always keep copies apart: refused. */
#define EMD_LAYOUT_RAID10_OFFSET	0x10000	/* far copies lie in the next rows */
#define EMD_LAYOUT_RAID10_SETS		0x60000
#define EMD_LAYOUT_RAID10_FAR_SETS	0x40000	/* far copies stay in sets of near * far members */
#define EMD_LAYOUT_RAID10_NEAR(n)	(0x100 | (n))
#define EMD_LAYOUT_RAID10_FAR(n)	((n) << 8 | 1)

/* Layout of RAID0 with unequal members: how the later zones begin (md's words). */
#define EMD_LAYOUT_RAID0_ORIGINAL	1
#define EMD_LAYOUT_RAID0_ALTERNATE	2

/* Limits. A geometry outside them is refused by the module and by the tools. */
#define EMD_MAX_MEMBERS		256
#define EMD_MAX_CHUNK_SECTORS	(1U << 17)	/* 64 MiB */
#define EMD_MIN_CHUNK_SECTORS	8U		/* one page */
#define EMD_MAX_DEPTH		16		/* arrays in arrays */

/*
 * Gross state and modifiers of a member (2004 design). Exactly one gross bit is
 * set in a member that can do I/O. X(name, bit, word)
 */
#define EMD_MSTATES(X)					\
	X(OPTIMAL,		0x01, "optimal")		\
	X(DEGRADED,		0x02, "degraded")		\
	X(FAILED,		0x04, "failed")			\
	X(TEARDOWN,		0x08, "teardown")		\
	X(REBUILD_TARGET,	0x10, "rebuild-target")		\
	X(INITIALIZING,		0x20, "initializing")

enum mdu_mstate {
	MDU_MSTATE_UNKNOWN = 0x00,
#define X(name, bit, word) MDU_MSTATE_##name = bit,
	EMD_MSTATES(X)
#undef X
	MDU_MSTATE_MODIFIER_MASK = 0xf0,
};

enum mdu_mtype { MDU_MTYPE_UNKNOWN, MDU_MTYPE_LEAF, MDU_MTYPE_ARRAY };

/* sync_action, in md's words. */
#define EMD_SYNC_ACTIONS(X)	\
	X(IDLE, "idle") X(FROZEN, "frozen") X(RESYNC, "resync") \
	X(RECOVER, "recover") X(CHECK, "check") X(REPAIR, "repair") X(RESHAPE, "reshape")

enum emd_sync_action {
#define X(name, word) EMD_SYNC_##name,
	EMD_SYNC_ACTIONS(X)
#undef X
};

/* array_state, in md's words. */
#define EMD_ARRAY_STATES(X)	\
	X(CLEAR, "clear") X(INACTIVE, "inactive") X(SUSPENDED, "suspended") \
	X(READONLY, "readonly") X(READ_AUTO, "read-auto") X(CLEAN, "clean") \
	X(ACTIVE, "active") X(WRITE_PENDING, "write-pending") \
	X(ACTIVE_IDLE, "active-idle") X(BROKEN, "broken")

enum emd_array_state {
#define X(name, word) EMD_ARRAY_##name,
	EMD_ARRAY_STATES(X)
#undef X
};

/* ioctl of an array's block device: reads it past the page cache of that device. For the reshape manager. */
struct emd_read_range {
	__u64	sector;
	__u64	buffer;		/* address of the caller's memory */
	__u32	bytes;		/* whole logical blocks, EMD_READ_MAX_BYTES at most */
	__u32	reserved;	/* 0 */
};

#define EMD_READ_MAX_BYTES	(1U << 20)
#define EMD_IOC_READ		_IOW(0xEB, 0x01, struct emd_read_range)

#endif
