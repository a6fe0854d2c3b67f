// SPDX-License-Identifier: GPL-2.0-only
/* Slots of a map, as personalities ask about them. */
#include "emd_map.h"

/*
 * What is in sync is filled to any sector. The state alone would not do: that of an array that has given its place
 * up is what its own children make of it, and this map may be in use still.
 */
bool emd_slot_readable(const struct emd_map *map, u32 i, u64 sector, u64 len)
{
	return emd_slot_writable(map, i) && sector + len <= READ_ONCE(map->slot[i].member->filled);
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
