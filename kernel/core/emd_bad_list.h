/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A member's list of bad blocks: ranges of its sectors that must not be read.
 *
 * Theory
 *
 * Ranges are ascending, never meet, and two that touch differ in whether they are acknowledged: known to whoever keeps the
 * metadata. A range that is acknowledged stays so, whatever is found out about it again; so a new one has to be made
 * durable only as far as it was not known. No function leaves a half-done list: what does not fit changes nothing.
 *
 * The list has room for what can be shown in a page of text, in lines "begin sectors" of at most EMD_BAD_LINE_SECTORS: who
 * keeps the metadata sees all of it. What makes the text shorter always fits, and so does the acknowledgement of what is listed:
 * line by line, in ascending order, it adds no more than one line and a few digits at any time, for which a little is left.
 */
#ifndef _EMD_CORE_BAD_LIST_H
#define _EMD_CORE_BAD_LIST_H

#include <linux/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define EMD_BAD_TEXT		4032U	/* bytes */
#define EMD_BAD_RANGES		1024U	/* more than that many bytes can show, and room to split some */
#define EMD_BAD_LINE_SECTORS	512U	/* what an entry of md's log can say */

enum emd_bad_kind { EMD_BAD_NONE, EMD_BAD_UNACKED, EMD_BAD_ACKED };

struct emd_bad_range {
	__u64 begin;
	__u32 sectors;
	__u32 kind;
};

/**
 * struct emd_bad_list - zeroed memory is an empty one
 * @nr: ranges; @unacked: those of them that are not acknowledged; @text: bytes of all lines
 */
struct emd_bad_list {
	__u32 nr;
	__u32 unacked;
	__u32 text;
	struct emd_bad_range range[EMD_BAD_RANGES];
};

static inline void emd_bad_clear(struct emd_bad_list *list)
{
	list->nr = 0;
	list->unacked = 0;
	list->text = 0;
}

/** emd_bad_line() - sectors of the line that shows what begins @done sectors into a range. */
static inline __u32 emd_bad_line(const struct emd_bad_range *range, __u32 done)
{
	__u32 rest = range->sectors - done;

	return rest < EMD_BAD_LINE_SECTORS ? rest : EMD_BAD_LINE_SECTORS;
}

/**
 * emd_bad_add() - [@begin, @end) is bad
 * @kind: EMD_BAD_ACKED: all of it is acknowledged from now on; EMD_BAD_UNACKED: what was not known before is not
 *
 * Return: 0, or -ENOSPC if that is too much to show; @kind UNACKED may have added a part of it then.
 */
int emd_bad_add(struct emd_bad_list *list, __u64 begin, __u64 end, enum emd_bad_kind kind);

/** emd_bad_remove() - [@begin, @end) is good again. Return: 0, or -ENOSPC (nothing has changed) if what is left is too much to show. */
int emd_bad_remove(struct emd_bad_list *list, __u64 begin, __u64 end);

/** emd_bad_all() - is all of [@begin, @end) bad? */
int emd_bad_all(const struct emd_bad_list *list, __u64 begin, __u64 end);

/** emd_bad_first() - the first bad sector in [@begin, @end); @end if there is none. */
__u64 emd_bad_first(const struct emd_bad_list *list, __u64 begin, __u64 end);

/** emd_bad_run() - how many sectors around @sector are bad without a gap; 0 if it is good itself. */
__u64 emd_bad_run(const struct emd_bad_list *list, __u64 sector);

#ifdef __cplusplus
}
#endif
#endif
