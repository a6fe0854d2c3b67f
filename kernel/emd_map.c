// SPDX-License-Identifier: GPL-2.0-only
/* Slots of a map, as personalities ask about them. */
#include "emd_map.h"

bool emd_slot_readable(const struct emd_map *map, u32 i, u64 sector, u64 len)
{
	const struct emd_slot *slot = &map->slot[i];
	mdu_mstate_t state;

	if (!slot->member)
		return false;
	state = emd_member_state(slot->member);
	if (MDU_MSTATE_READABLE(state))
		return true;
	return MDU_MSTATE_WRITABLE(state) && sector + len <= READ_ONCE(slot->member->filled);
}

bool emd_slot_writable(const struct emd_map *map, u32 i)
{
	struct mdk_member *m = map->slot[i].member;

	return m && MDU_MSTATE_WRITABLE(emd_member_state(m));
}

struct mdk_member *emd_slot_get(const struct emd_map *map, u32 i)
{
	struct mdk_member *m = map->slot[i].member;

	return m && emd_member_tryget(m) ? m : NULL;
}
