// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which slot of a stripe row holds which column: RAID4, 5 and 6.
 *
 * Theory
 *
 * All layouts are made of three choices.
 *
 * - P moves with the row over a *ring* of slots, to the left, to the right, or not at
 *   all. The ring is the whole array, or without its last slot if Q always lies there.
 * - Q lies behind P, before P, or on the last slot.
 * - Data either fills the slots that are left in ascending order ("asymmetric"), or
 *   continues on the ring behind parity ("symmetric").
 *
 * Q weighs each data slot with a power of the generator of GF(2^8), and a fourth choice says which: the
 * slot's place in the cycle that begins behind Q and leaves out P, or (DDF) the number of the slot itself.
 *
 * So a layout is one line of a table, and the maps below and their inverses have one
 * form for all of them. Source: the layouts of md, which are those of the disks.
 */
#include "emd_geometry.h"
#include "emd_math.h"

enum rotation { P_LEFT, P_LEFT_AHEAD, P_RIGHT, P_FIRST, P_LAST };
enum q_place { Q_NONE, Q_BEHIND_P, Q_BEFORE_P, Q_LAST_SLOT };
enum data_order { DATA_ASCENDING, DATA_BEHIND_PARITY };
enum q_power { POWER_BEHIND_Q, POWER_IS_SLOT };

struct layout {
	__u8 rotation;
	__u8 q;
	__u8 data;
	__u8 power;
};

static const struct layout raid4_layout = { P_LAST, Q_NONE, DATA_ASCENDING, POWER_BEHIND_Q };

static const struct layout raid5_layouts[] = {
	[EMD_LAYOUT_LEFT_ASYMMETRIC]	= { P_LEFT, Q_NONE, DATA_ASCENDING },
	[EMD_LAYOUT_RIGHT_ASYMMETRIC]	= { P_RIGHT, Q_NONE, DATA_ASCENDING },
	[EMD_LAYOUT_LEFT_SYMMETRIC]	= { P_LEFT, Q_NONE, DATA_BEHIND_PARITY },
	[EMD_LAYOUT_RIGHT_SYMMETRIC]	= { P_RIGHT, Q_NONE, DATA_BEHIND_PARITY },
	[EMD_LAYOUT_PARITY_FIRST]	= { P_FIRST, Q_NONE, DATA_ASCENDING },
	[EMD_LAYOUT_PARITY_LAST]	= { P_LAST, Q_NONE, DATA_ASCENDING },
};

/* Only the entries with a Q exist. */
static const struct layout raid6_layouts[] = {
	[EMD_LAYOUT_LEFT_ASYMMETRIC]	= { P_LEFT, Q_BEHIND_P, DATA_ASCENDING },
	[EMD_LAYOUT_RIGHT_ASYMMETRIC]	= { P_RIGHT, Q_BEHIND_P, DATA_ASCENDING },
	[EMD_LAYOUT_LEFT_SYMMETRIC]	= { P_LEFT, Q_BEHIND_P, DATA_BEHIND_PARITY },
	[EMD_LAYOUT_RIGHT_SYMMETRIC]	= { P_RIGHT, Q_BEHIND_P, DATA_BEHIND_PARITY },
	[EMD_LAYOUT_PARITY_FIRST]	= { P_FIRST, Q_BEHIND_P, DATA_ASCENDING },
	[EMD_LAYOUT_PARITY_LAST]	= { P_LAST, Q_LAST_SLOT, DATA_ASCENDING },
	[EMD_LAYOUT_DDF_ZERO_RESTART]	= { P_RIGHT, Q_BEHIND_P, DATA_ASCENDING, POWER_IS_SLOT },
	[EMD_LAYOUT_DDF_N_RESTART]	= { P_LEFT_AHEAD, Q_BEHIND_P, DATA_ASCENDING, POWER_IS_SLOT },
	[EMD_LAYOUT_DDF_N_CONTINUE]	= { P_LEFT, Q_BEFORE_P, DATA_BEHIND_PARITY, POWER_IS_SLOT },
	[EMD_LAYOUT_LEFT_ASYMMETRIC_6]	= { P_LEFT, Q_LAST_SLOT, DATA_ASCENDING },
	[EMD_LAYOUT_RIGHT_ASYMMETRIC_6]	= { P_RIGHT, Q_LAST_SLOT, DATA_ASCENDING },
	[EMD_LAYOUT_LEFT_SYMMETRIC_6]	= { P_LEFT, Q_LAST_SLOT, DATA_BEHIND_PARITY },
	[EMD_LAYOUT_RIGHT_SYMMETRIC_6]	= { P_RIGHT, Q_LAST_SLOT, DATA_BEHIND_PARITY },
	[EMD_LAYOUT_PARITY_FIRST_6]	= { P_FIRST, Q_LAST_SLOT, DATA_ASCENDING },
};

#define NR_RAID5_LAYOUTS (sizeof(raid5_layouts) / sizeof(raid5_layouts[0]))
#define NR_RAID6_LAYOUTS (sizeof(raid6_layouts) / sizeof(raid6_layouts[0]))

static const struct layout *layout_find(const struct emd_geometry *geo)
{
	switch (geo->level) {
	case 4:
		return &raid4_layout;
	case 5:
		return geo->layout < NR_RAID5_LAYOUTS ? &raid5_layouts[geo->layout] : NULL;
	case 6:
		if (geo->layout >= NR_RAID6_LAYOUTS || raid6_layouts[geo->layout].q == Q_NONE)
			return NULL;
		return &raid6_layouts[geo->layout];
	}
	return NULL;
}

int emd_geometry_layout_known(const struct emd_geometry *geo)
{
	return layout_find(geo) != NULL;
}

/* Slots that P rotates over. */
static __u32 layout_ring(const struct layout *layout, __u32 n)
{
	return layout->q == Q_LAST_SLOT ? n - 1 : n;
}

static __u32 layout_p(const struct layout *layout, __u32 n, __u64 row)
{
	__u32 ring = layout_ring(layout, n);
	__u32 turn;

	switch (layout->rotation) {
	case P_FIRST:
		return 0;
	case P_LAST:
		return ring - 1;
	case P_LEFT_AHEAD:
		row++;
		break;
	}
	emd_div_rem(row, ring, &turn);
	return layout->rotation == P_RIGHT ? turn : ring - 1 - turn;
}

static __u32 layout_q(const struct layout *layout, __u32 n, __u32 p)
{
	switch (layout->q) {
	case Q_BEHIND_P:
		return p + 1 == n ? 0 : p + 1;
	case Q_BEFORE_P:
		return p == 0 ? n - 1 : p - 1;
	case Q_LAST_SLOT:
		return n - 1;
	}
	return EMD_NO_SLOT;
}

/* The slot on the ring behind which symmetric data begins: the later of P and Q. */
static __u32 layout_anchor(const struct layout *layout, __u32 p, __u32 q)
{
	return layout->q == Q_BEHIND_P ? q : p;
}

static __u32 next_slot(__u32 slot, __u32 n)
{
	return slot + 1 == n ? 0 : slot + 1;
}

static inline void find_row(const struct layout *layout, const struct emd_geometry *geo, __u64 number, struct emd_row *row)
{
	row->n = geo->raid_disks;
	row->p = layout_p(layout, row->n, number);
	row->q = layout_q(layout, row->n, row->p);
	row->ring = layout->data == DATA_BEHIND_PARITY ? layout_ring(layout, row->n) : 0;
	row->first_data = row->ring ? layout_anchor(layout, row->p, row->q) + 1 : 0;
	row->first_power = EMD_NO_SLOT;
	if (row->q != EMD_NO_SLOT && layout->power != POWER_IS_SLOT)
		row->first_power = next_slot(row->q, row->n);
}

void emd_geometry_row(const struct emd_geometry *geo, __u64 number, struct emd_row *row)
{
	find_row(layout_find(geo), geo, number, row);
}

__u32 emd_row_data_slot(const struct emd_row *row, __u32 column)
{
	__u32 slot = row->first_data + column, first, second;

	if (row->ring)
		return slot >= row->ring ? slot - row->ring : slot;
	/* EMD_NO_SLOT lies behind every slot. */
	first = row->p < row->q ? row->p : row->q;
	second = row->p < row->q ? row->q : row->p;
	slot += slot >= first;
	return slot + (slot >= second);
}

__u32 emd_row_q_power(const struct emd_row *row, __u32 slot)
{
	__u32 first = row->first_power, place, p_place;

	if (first == EMD_NO_SLOT)
		return slot;
	place = slot >= first ? slot - first : slot + row->n - first;
	p_place = row->p >= first ? row->p - first : row->p + row->n - first;
	return place - (place > p_place);
}

__u32 emd_geometry_p_slot(const struct emd_geometry *geo, __u64 row)
{
	const struct layout *layout = layout_find(geo);

	return layout ? layout_p(layout, geo->raid_disks, row) : EMD_NO_SLOT;
}

__u32 emd_geometry_q_slot(const struct emd_geometry *geo, __u64 row)
{
	const struct layout *layout = layout_find(geo);

	if (!layout)
		return EMD_NO_SLOT;
	return layout_q(layout, geo->raid_disks, layout_p(layout, geo->raid_disks, row));
}

__u32 emd_geometry_data_slot(const struct emd_geometry *geo, __u64 number, __u32 column)
{
	const struct layout *layout = layout_find(geo);
	struct emd_row row;

	if (!layout)
		return column;
	find_row(layout, geo, number, &row);
	return emd_row_data_slot(&row, column);
}

__u32 emd_geometry_column(const struct emd_geometry *geo, __u64 number, __u32 slot)
{
	const struct layout *layout = layout_find(geo);
	struct emd_row row;

	if (!layout)
		return slot;
	find_row(layout, geo, number, &row);
	if (slot == row.p || slot == row.q)
		return EMD_NO_SLOT;
	if (row.ring)
		return slot >= row.first_data ? slot - row.first_data : slot + row.ring - row.first_data;
	return slot - (slot > row.p) - (slot > row.q);
}

__u32 emd_geometry_q_power(const struct emd_geometry *geo, __u64 number, __u32 slot)
{
	struct emd_row row;

	emd_geometry_row(geo, number, &row);
	return emd_row_q_power(&row, slot);
}

__u32 emd_geometry_q_powers(const struct emd_geometry *geo)
{
	const struct layout *layout = layout_find(geo);

	return layout->power == POWER_IS_SLOT ? geo->raid_disks : geo->raid_disks - 2;
}
