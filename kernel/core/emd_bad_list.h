/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A member's list of bad blocks: ranges of its sectors that must not be read.
 *
 * Theory
 *
 * Ranges are ascending, never meet, and two that touch differ in whether they are acknowledged: known to whoever keeps the
 * metadata. A range that is acknowledged stays so, whatever is found out about it again; so a new one has to be made
 * durable only as far as it was not known. No function leaves a half-done list: what does not fit changes nothing.
 */
#ifndef _EMD_CORE_BAD_LIST_H
#define _EMD_CORE_BAD_LIST_H

#include <linux/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define EMD_BAD_RANGES	512U	/* as many as md has */

enum emd_bad_kind { EMD_BAD_NONE, EMD_BAD_UNACKED, EMD_BAD_ACKED };

struct emd_bad_range {
	__u64 begin;
	__u32 sectors;
	__u32 kind;
};

/**
 * struct emd_bad_list - zeroed memory is an empty one
 * @nr: ranges; @unacked: those of them that are not acknowledged
 */
struct emd_bad_list {
	__u32 nr;
	__u32 unacked;
	struct emd_bad_range range[EMD_BAD_RANGES];
};

/**
 * emd_bad_add() - [@begin, @end) is bad
 * @kind: EMD_BAD_ACKED: all of it is acknowledged from now on; EMD_BAD_UNACKED: what was not known before is not
 *
 * Return: 0, or -ENOSPC if there are too many ranges; @kind UNACKED may have added a part of it then.
 */
int emd_bad_add(struct emd_bad_list *list, __u64 begin, __u64 end, enum emd_bad_kind kind);

/** emd_bad_remove() - [@begin, @end) is good again. Return: 0, or -ENOSPC (nothing has changed) if that makes too many ranges. */
int emd_bad_remove(struct emd_bad_list *list, __u64 begin, __u64 end);

/** emd_bad_all() - is all of [@begin, @end) bad? */
int emd_bad_all(const struct emd_bad_list *list, __u64 begin, __u64 end);

/** emd_bad_first() - the first bad sector in [@begin, @end); @end if there is none. */
__u64 emd_bad_first(const struct emd_bad_list *list, __u64 begin, __u64 end);

#ifdef __cplusplus
}
#endif
#endif
