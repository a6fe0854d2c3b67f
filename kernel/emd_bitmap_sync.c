// SPDX-License-Identifier: GPL-2.0-only
/* What the bitmap says to a resync or a recovery, and what it is told by them. */
#include "emd_bitmap.h"

static bool has_work(struct emd_bitmap *bm, enum emd_region_state state, u64 begin, u64 end)
{
	u32 from, to, found;
	u64 lo = begin, hi = end;

	if (bm->array_units)
		emd_geometry_span(&bm->array->geo, begin, end, &lo, &hi);
	from = lo >> bm->shift;
	to = min_t(u64, ((hi - 1) >> bm->shift) + 1, bm->regions.nr);
	spin_lock_irq(&bm->lock);
	found = emd_regions_next(&bm->regions, from, to, state);
	spin_unlock_irq(&bm->lock);
	return found < to;
}

u64 emd_bitmap_idle_end(struct emd_array *a, enum emd_sync_action action, u64 pos, u64 end, unsigned int window)
{
	struct emd_bitmap *bm = emd_bitmap_of(a);
	enum emd_region_state state = action == EMD_SYNC_RESYNC ? EMD_REGION_UNSYNCED : EMD_REGION_SETTING;

	if (!bm)
		return pos;
	while (end > pos && has_work(bm, state, pos, end))
		end = round_down(pos + (end - pos) / 2, window);
	return max(end, pos);
}

void emd_bitmap_synced(struct emd_array *a, u64 pos)
{
	struct emd_bitmap *bm = emd_bitmap_of(a);
	u32 to;

	/* Of RAID10's regions the copies lie anywhere. */
	if (!bm || (bm->array_units && pos != EMD_POS_MAX))
		return;
	to = pos == EMD_POS_MAX ? bm->regions.nr : pos >> bm->shift;
	spin_lock_irq(&bm->lock);
	emd_regions_synced(&bm->regions, 0, to);
	spin_unlock_irq(&bm->lock);
}
