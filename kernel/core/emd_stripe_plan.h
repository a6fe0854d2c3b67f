/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a write to a stripe row has to read and to write. Pure.
 *
 * Theory
 *
 * A write is cut into *pieces* (emd_stripe_cut()). A piece lies in one row and is
 * uniform: it has one in-chunk range [lo, hi), and every data column in [first, last) is
 * overwritten over the whole of that range, no other column is touched. So parity over
 * the range depends on whole columns only, and a piece is either
 *
 * - FULL:  all data is new; parity comes from it, nothing is read;
 * - RMW:   read the old data of the written columns and the old parity; new parity = old
 *          parity + (new data - old data), each column with its weight in that parity;
 * - RCW:   read the data columns that are not written; new parity comes from all data;
 * - SOLVE: read whatever can be read, compute the rest of the old row from it, then as RCW;
 * - BARE:  all parity is gone; only data is written.
 *
 * Which one is possible depends on the state of each column (emd_stripe_plan()):
 *
 * - RMW needs the old data of all written columns, and each parity that is written. A
 *   parity without a member is left out. A missing column that is not written stays implied
 *   by the parities, as they change by the same difference as before.
 * - RCW needs all columns that are not written. What is missing of the written ones, and of
 *   parity, does not matter.
 * - SOLVE is what is left when a column that is not written is missing and so is an old value
 *   that RMW needs: a written column, or a parity that has a member. It can be done when
 *   no more columns are unknown than there are parities. With one parity there is no
 *   such row, so only RAID6 has it.
 *
 * A row with more columns absent than it has parity, or one of which too little is readable
 * for all three, is LOST: writing it would destroy what is left of it, or promise what cannot be kept.
 *
 * Columns are numbered as in emd_geometry: data 0..data-1, then P, then Q.
 */
#ifndef _EMD_CORE_STRIPE_PLAN_H
#define _EMD_CORE_STRIPE_PLAN_H

#include "emd_geometry.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * enum emd_column_state - what may be done with a column over the range of a piece
 * @EMD_COLUMN_PRESENT: it holds its data; read and write it
 * @EMD_COLUMN_BLIND:   write it but do not read it: the range is unreadable, or only a
 *                      part of it has been rebuilt
 * @EMD_COLUMN_ABSENT:  neither: no member, or not rebuilt yet
 */
enum emd_column_state { EMD_COLUMN_PRESENT, EMD_COLUMN_BLIND, EMD_COLUMN_ABSENT };

enum emd_stripe_kind {
	EMD_STRIPE_FULL,
	EMD_STRIPE_RMW,
	EMD_STRIPE_RCW,
	EMD_STRIPE_SOLVE,
	EMD_STRIPE_BARE,
	EMD_STRIPE_LOST,	/* data would be lost: refuse the write */
};

#define EMD_COLUMN_READ		0x1	/* phase 1 */
#define EMD_COLUMN_WRITE	0x2	/* phase 2 */

/**
 * emd_stripe_plan() - choose how to write a piece
 * @data:   data columns of the row
 * @parity: parity columns; 1 or 2
 * @first, @last: written data columns [first, last), at least one
 * @state:  of each column, @data + @parity entries (enum emd_column_state)
 * @todo:   out, per column: EMD_COLUMN_READ and EMD_COLUMN_WRITE
 *
 * RMW is chosen only if it reads fewer columns than RCW, SOLVE only if neither can be done. A
 * column of SOLVE that is not read is to be solved. Return: the kind; with EMD_STRIPE_LOST, @todo
 * is all 0.
 */
enum emd_stripe_kind emd_stripe_plan(__u32 data, __u32 parity, __u32 first, __u32 last,
				     const __u8 *state, __u8 *todo);

/** emd_stripe_modifies() - is a write of @written data columns planned as RMW when all columns are present? */
int emd_stripe_modifies(__u32 data, __u32 parity, __u32 written);

/**
 * struct emd_stripe_piece - a uniform part of a request
 * @row:   stripe row
 * @lo:    begin within each chunk, sectors
 * @hi:    end within each chunk
 * @first: first data column
 * @last:  behind the last data column
 *
 * Column c of the piece is array sectors [row * row_sectors + c * chunk + lo, ... + hi).
 */
struct emd_stripe_piece {
	__u64 row;
	__u32 lo, hi;
	__u32 first, last;
};

/**
 * struct emd_stripe_cursor - where the cutting of a request stands
 * @row: next row
 * @lo:  next in-chunk sector of that row
 */
struct emd_stripe_cursor {
	__u64 row;
	__u32 lo;
};

/** emd_stripe_begin() - cursor at the beginning of a request that begins at array sector @begin. */
void emd_stripe_begin(const struct emd_geometry *geo, __u64 begin,
		      struct emd_stripe_cursor *cursor);

/**
 * emd_stripe_cut() - next piece of the request [begin, end)
 * @slice: most sectors per column, a power of two, at least a page
 *
 * Pieces never overlap and together are the request; a row is left only when it is
 * done. Return: 1, or 0 when the request is used up.
 */
int emd_stripe_cut(const struct emd_geometry *geo, __u64 begin, __u64 end, __u32 slice,
		   struct emd_stripe_cursor *cursor, struct emd_stripe_piece *piece);

/**
 * emd_stripe_mask() - the column mask that locks in-chunk sectors [lo, hi)
 *
 * Bit i stands for in-chunk block i; a block is 1/64 of the chunk, at least a page. Two
 * writes to one row may interleave exactly when their masks do not meet.
 */
__u64 emd_stripe_mask(const struct emd_geometry *geo, __u32 lo, __u32 hi);

#ifdef __cplusplus
}
#endif
#endif
