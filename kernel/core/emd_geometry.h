/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Geometry: where an array sector lies on the members. Pure: no kernel API, no
 * allocation, no locks; the same object file serves the module, the tools, the
 * fake kernel and the unit tests.
 *
 * Theory
 *
 * Striped levels cut the array into chunks; a *stripe row* is one chunk on each
 * member at the same member offset. Row r holds @data_disks data chunks (columns
 * 0..d-1) and, for RAID4/5/6, parity. Which slot holds which column is the
 * layout (md.md, "RAID4/5/6 layouts"). All positions on a member are relative to
 * the member's data offset: the data offset belongs to the map (emd_map), not to
 * the geometry, so that a reshape may change it.
 */
#ifndef _EMD_CORE_GEOMETRY_H
#define _EMD_CORE_GEOMETRY_H

#include <linux/types.h>
#include <emd/emd.h>

#ifdef __cplusplus
extern "C" {
#endif

/* No slot: e.g. the Q slot of a level without Q. */
#define EMD_NO_SLOT	0xffffffffU

/* Powers of 2 in GF(2^8) that differ; with more members Q could not tell two of them apart. */
#define EMD_Q_POWERS	255U

/**
 * struct emd_zone - a run of array sectors striped over the same members
 * @array_end:    first array sector behind the zone
 * @member_start: where the zone begins on each of its members (sectors)
 * @nr:           number of members that reach into the zone
 * @slots:        their slots, ascending; @nr entries, owned by the caller
 *
 * Only RAID0 over unequal members and linear have more than one.
 */
struct emd_zone {
	__u64 array_end;
	__u64 member_start;
	__u32 nr;
	const __u32 *slots;
};

/**
 * struct emd_geometry - everything that determines a mapping
 * @level:          EMD_LEVEL_LINEAR, 0, 1, 4, 5, 6, 10
 * @layout:         md's layout number for the level
 * @raid_disks:     number of slots
 * @chunk_sectors:  power of two; 0 for RAID1 and linear
 * @member_sectors: usable sectors of each member, a multiple of the chunk for
 *                  striped levels; ignored when @zones is set
 * @zones:          NULL, or the zones of RAID0 over unequal members / of linear,
 *                  ordered by array_end; owned by the caller
 * @nr_zones:       number of @zones
 */
struct emd_geometry {
	__s32 level;
	__u32 layout;
	__u32 raid_disks;
	__u32 chunk_sectors;
	__u64 member_sectors;
	const struct emd_zone *zones;
	__u32 nr_zones;
};

/**
 * struct emd_place - where a run of array sectors lies
 * @slot:   member
 * @sector: on that member, relative to its data offset
 * @len:    sectors from here that are contiguous on this member *and* in the array
 */
struct emd_place {
	__u32 slot;
	__u64 sector;
	__u64 len;
};

/**
 * struct emd_owner - what lies in a run of member sectors
 * @sector: of the array
 * @len:    sectors from here that follow each other on the member *and* in the array
 * @copy:   which of its copies
 */
struct emd_owner {
	__u64 sector;
	__u64 len;
	__u32 copy;
};

/**
 * emd_geometry_validate() - is this geometry one that EMD can run?
 * @geo: candidate
 * @why: set to a static sentence naming the field at fault; may be NULL
 *
 * Return: 0 or -EINVAL.
 */
int emd_geometry_validate(const struct emd_geometry *geo, const char **why);

/** emd_geometry_layout_known() - is @geo->layout a layout of level 4, 5 or 6? */
int emd_geometry_layout_known(const struct emd_geometry *geo);

/** emd_geometry_parity_disks() - parity slots per row: 0, 1 or 2. */
__u32 emd_geometry_parity_disks(const struct emd_geometry *geo);

/** emd_geometry_data_disks() - members' worth of data (RAID1: 1; RAID10: disks / copies, rounded down). */
__u32 emd_geometry_data_disks(const struct emd_geometry *geo);

/** emd_geometry_max_failures() - how many members may always be lost without loss of data. */
__u32 emd_geometry_max_failures(const struct emd_geometry *geo);

/** emd_geometry_array_sectors() - size of the array. */
__u64 emd_geometry_array_sectors(const struct emd_geometry *geo);

/** emd_geometry_copies() - copies of each chunk: RAID1 and RAID10 several, else 1. */
__u32 emd_geometry_copies(const struct emd_geometry *geo);

/** emd_geometry_row_sectors() - array sectors of one stripe row: chunk x data disks (RAID1, linear: a page). */
__u64 emd_geometry_row_sectors(const struct emd_geometry *geo);

/**
 * emd_geometry_map() - first copy of array sector @sector
 *
 * @sector must be below emd_geometry_array_sectors(). For RAID1 this is slot 0.
 */
void emd_geometry_map(const struct emd_geometry *geo, __u64 sector,
		      struct emd_place *place);

/** emd_geometry_copy() - as emd_geometry_map(), for copy @copy, below emd_geometry_copies(). */
void emd_geometry_copy(const struct emd_geometry *geo, __u64 sector, __u32 copy,
		       struct emd_place *place);

/**
 * emd_geometry_owner() - inverse of emd_geometry_copy(): what lies on @slot at member sector @sector (RAID1, RAID10)
 *
 * Return: 1; or 0 if nothing does, up to @owner->len sectors from there.
 */
int emd_geometry_owner(const struct emd_geometry *geo, __u32 slot, __u64 sector, struct emd_owner *owner);

/**
 * emd_geometry_span() - the array sectors [*@lo, *@hi) of which something lies on member sectors [@begin, @end)
 *
 * Of any member; whole stripe rows. It may hold sectors that do not lie there. Levels with redundancy.
 */
void emd_geometry_span(const struct emd_geometry *geo, __u64 begin, __u64 end, __u64 *lo, __u64 *hi);

/**
 * struct emd_row - where the columns of one stripe row lie (4, 5, 6)
 * @n:           slots
 * @p, @q:       those of parity; EMD_NO_SLOT for a Q that is not there
 * @ring:        data goes round so many slots; 0: in ascending order over those that parity leaves
 * @first_data:  slot of column 0 on the ring, @ring meaning 0; 0 in ascending order
 * @first_power: slot from which the powers of Q are counted; EMD_NO_SLOT: they are the slots' numbers.
 */
struct emd_row {
	__u32 n, p, q;
	__u32 ring, first_data;
	__u32 first_power;
};

/** emd_geometry_row() - what the slots of row @number follow from: for whoever asks for several. */
void emd_geometry_row(const struct emd_geometry *geo, __u64 number, struct emd_row *row);

/** emd_row_data_slot() - emd_geometry_data_slot() of a known row. */
__u32 emd_row_data_slot(const struct emd_row *row, __u32 column);

/** emd_row_q_power() - emd_geometry_q_power() of a known row. */
__u32 emd_row_q_power(const struct emd_row *row, __u32 slot);

/** emd_geometry_p_slot() - slot of P in @row, or EMD_NO_SLOT. */
__u32 emd_geometry_p_slot(const struct emd_geometry *geo, __u64 row);

/** emd_geometry_q_slot() - slot of Q in @row, or EMD_NO_SLOT. */
__u32 emd_geometry_q_slot(const struct emd_geometry *geo, __u64 row);

/** emd_geometry_data_slot() - slot of data column @column in @row (4, 5, 6; RAID0 with one zone). */
__u32 emd_geometry_data_slot(const struct emd_geometry *geo, __u64 row, __u32 column);

/** emd_geometry_column() - inverse of data_slot: column held by @slot, or EMD_NO_SLOT if it holds parity. */
__u32 emd_geometry_column(const struct emd_geometry *geo, __u64 row, __u32 slot);

/**
 * emd_geometry_q_power() - RAID6: the power of 2 in GF(2^8) (polynomial 0x11d) with which data slot @slot enters Q
 *
 * Q of a row is the sum of all data, each multiplied by its power.
 */
__u32 emd_geometry_q_power(const struct emd_geometry *geo, __u64 row, __u32 slot);

/** emd_geometry_q_powers() - RAID6: all powers of @geo are below this; at most EMD_Q_POWERS. */
__u32 emd_geometry_q_powers(const struct emd_geometry *geo);

/**
 * emd_geometry_zones() - zones of RAID0 (layout original/alternate) or linear
 * @geo:       level, layout, raid_disks, chunk_sectors are read
 * @size:      usable sectors of each slot, @geo->raid_disks entries
 * @zones:     out, room for raid_disks entries
 * @slots:     out, room for raid_disks * raid_disks entries (zones point into it)
 *
 * Return: number of zones, or -EINVAL. A result of 1 means that the geometry
 * needs no zones (member_sectors suffices) unless the level is linear.
 */
int emd_geometry_zones(const struct emd_geometry *geo, const __u64 *size,
		       struct emd_zone *zones, __u32 *slots);

/** emd_geometry_zone() - the zone that holds array sector @sector; @geo has zones. */
const struct emd_zone *emd_geometry_zone(const struct emd_geometry *geo, __u64 sector);

#ifdef __cplusplus
}
#endif
#endif
