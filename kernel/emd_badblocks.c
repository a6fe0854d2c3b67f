// SPDX-License-Identifier: GPL-2.0-only
#include <linux/mm.h>
#include <linux/slab.h>

#include "emd_badblocks.h"

#define LINE_BYTES	26	/* at most, and the zero behind it */
#define LONGEST_RUN	1024U	/* of failed writes: a disk that refuses more without a gap is not bad in places */

struct emd_badblocks *emd_badblocks_alloc(bool *any)
{
	struct emd_badblocks *bb = kvzalloc(sizeof(*bb), GFP_KERNEL);

	if (!bb)
		return NULL;
	spin_lock_init(&bb->lock);
	bb->any = any;
	return bb;
}

void emd_badblocks_clear(struct emd_badblocks *bb)
{
	spin_lock_irq(&bb->lock);
	emd_bad_clear(&bb->list);
	WRITE_ONCE(*bb->any, false);
	spin_unlock_irq(&bb->lock);
}

void emd_badblocks_free(struct emd_badblocks *bb)
{
	kvfree(bb);
}

u64 emd_badblocks_first(struct emd_badblocks *bb, u64 begin, u64 end)
{
	unsigned long flags;
	u64 first;

	spin_lock_irqsave(&bb->lock, flags);
	first = emd_bad_first(&bb->list, begin, end);
	spin_unlock_irqrestore(&bb->lock, flags);
	return first;
}

/* Of a range, the number of the first piece and how many there are, as far as they differ. */
static u32 pieces(u64 begin, u64 end, u64 *first)
{
	*first = begin / EMD_BAD_PLACE;
	return min_t(u64, DIV_ROUND_UP_ULL(end, EMD_BAD_PLACE) - *first, EMD_BAD_ROUNDS);
}

static void next_round(struct emd_badblocks *bb, u64 begin, u64 end)
{
	u64 first;
	u32 i, nr = pieces(begin, end, &first);

	for (i = 0; i < nr; i++)
		bb->rounds[(first + i) % EMD_BAD_ROUNDS]++;
}

/* Changes with each of them; never 0. */
static u32 round_of(const struct emd_badblocks *bb, u64 begin, u64 end)
{
	u64 first;
	u32 i, nr = pieces(begin, end, &first), sum = 0;

	for (i = 0; i < nr; i++)
		sum += bb->rounds[(first + i) % EMD_BAD_ROUNDS];
	return sum << 1 | 1;
}

int emd_badblocks_add(struct emd_badblocks *bb, u64 begin, u64 end, enum emd_bad_kind kind, enum emd_bad_cause cause)
{
	unsigned long flags;
	bool fresh;
	int error;

	spin_lock_irqsave(&bb->lock, flags);
	fresh = !emd_bad_all(&bb->list, begin, end);
	if (fresh || cause != EMD_BAD_KNOWN)
		next_round(bb, begin, end);
	error = emd_bad_add(&bb->list, begin, end, kind);
	if (!error && fresh && cause == EMD_BAD_REFUSED && emd_bad_run(&bb->list, begin) > LONGEST_RUN)
		error = -ENOSPC;
	WRITE_ONCE(*bb->any, bb->list.nr != 0);
	spin_unlock_irqrestore(&bb->lock, flags);
	return error;
}

u32 emd_badblocks_round(struct emd_badblocks *bb, u64 begin, u64 end)
{
	unsigned long flags;
	u32 round;

	spin_lock_irqsave(&bb->lock, flags);
	round = emd_bad_first(&bb->list, begin, end) < end ? round_of(bb, begin, end) : 0;
	spin_unlock_irqrestore(&bb->lock, flags);
	return round;
}

bool emd_badblocks_written(struct emd_badblocks *bb, u64 begin, u64 end, u32 round)
{
	bool changed = false;
	unsigned long flags;

	spin_lock_irqsave(&bb->lock, flags);
	if (round == round_of(bb, begin, end) && emd_bad_first(&bb->list, begin, end) < end)
		changed = !emd_bad_remove(&bb->list, begin, end);
	WRITE_ONCE(*bb->any, bb->list.nr != 0);
	spin_unlock_irqrestore(&bb->lock, flags);
	return changed;
}

bool emd_badblocks_acked(struct emd_badblocks *bb)
{
	unsigned long flags;
	bool acked;

	spin_lock_irqsave(&bb->lock, flags);
	acked = !bb->list.unacked;
	spin_unlock_irqrestore(&bb->lock, flags);
	return acked;
}

ssize_t emd_badblocks_show(struct emd_badblocks *bb, char *page, bool unacked)
{
	const struct emd_bad_range *r;
	ssize_t len = 0;
	u32 done, some;

	spin_lock_irq(&bb->lock);
	for (r = bb->list.range; r < bb->list.range + bb->list.nr; r++) {
		if (unacked && r->kind != EMD_BAD_UNACKED)
			continue;
		for (done = 0; done < r->sectors && len <= PAGE_SIZE - LINE_BYTES; done += some) {
			some = emd_bad_line(r, done);
			len += scnprintf(page + len, PAGE_SIZE - len, "%llu %u\n",
					 (unsigned long long)r->begin + done, some);
		}
	}
	spin_unlock_irq(&bb->lock);
	return len;
}
