/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A member's bad blocks: a list under a lock. Sectors count from the beginning of the device, as in md, so neither a reshape
 * nor another data offset changes what they mean.
 */
#ifndef _EMD_BADBLOCKS_H
#define _EMD_BADBLOCKS_H

#include <linux/spinlock.h>

#include "core/emd_bad_list.h"

#define EMD_BAD_PLACE	128U	/* sectors */
#define EMD_BAD_ROUNDS	128U

/**
 * struct emd_badblocks - a list that may be used in any context
 * @any: of the owner: is there something in the list? To be read without a lock.
 * @rounds: by place: changes with each failure there, but not when what is listed is acknowledged
 *
 * Each of @rounds counts for the pieces of EMD_BAD_PLACE sectors with its number (modulo EMD_BAD_ROUNDS): what fails in one window of a pass
 * does not take back what is written in another.
 */
struct emd_badblocks {
	spinlock_t		lock;
	bool			*any;
	u32			rounds[EMD_BAD_ROUNDS];
	struct emd_bad_list	list;
};

/** emd_badblocks_alloc() - an empty list that keeps *@any true while it is not. May sleep. Return: NULL without memory. */
struct emd_badblocks *emd_badblocks_alloc(bool *any);
void emd_badblocks_free(struct emd_badblocks *bb);

/** emd_badblocks_clear() - from now on it is empty. May sleep. */
void emd_badblocks_clear(struct emd_badblocks *bb);

/** emd_badblocks_first() - the first bad sector in [@begin, @end), @end if there is none. */
u64 emd_badblocks_first(struct emd_badblocks *bb, u64 begin, u64 end);

/* Why a range is listed: somebody knows it, what it should hold is lost, or a write of it was refused. */
enum emd_bad_cause { EMD_BAD_KNOWN, EMD_BAD_LOST, EMD_BAD_REFUSED };

/** emd_badblocks_add() - see emd_bad_add(). Return: 0, or -ENOSPC, also if by that too much is refused in one piece. */
int emd_badblocks_add(struct emd_badblocks *bb, u64 begin, u64 end, enum emd_bad_kind kind, enum emd_bad_cause cause);

/**
 * emd_badblocks_round() - before a write of [@begin, @end) is sent
 *
 * Return: what emd_badblocks_written() wants to know when it has succeeded; 0 if nothing there is bad.
 */
u32 emd_badblocks_round(struct emd_badblocks *bb, u64 begin, u64 end);

/**
 * emd_badblocks_written() - a write of [@begin, @end) has succeeded: it is good, unless any other has failed there since @round
 *
 * That other one may have been after it. Nor does it leave a list that would get too long by that.
 * Return: true if the list has changed.
 */
bool emd_badblocks_written(struct emd_badblocks *bb, u64 begin, u64 end, u32 round);

/** emd_badblocks_acked() - is all acknowledged? */
bool emd_badblocks_acked(struct emd_badblocks *bb);

/** emd_badblocks_show() - a line "start length" for each, as many as fit @page; @unacked: those that are not acknowledged. */
ssize_t emd_badblocks_show(struct emd_badblocks *bb, char *page, bool unacked);

#endif
