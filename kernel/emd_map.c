// SPDX-License-Identifier: GPL-2.0-only
/* Slots of a map, as personalities ask about them. */
#include "emd_map.h"

/*
 * What is in sync is filled to any sector. The state alone would not do: that of an array that has given its place
 * up is what its own children make of it, and this map may be in use still.
 */
static inline bool slot_filled(const struct emd_slot *slot, u64 end)
{
	struct mdk_member *m = slot->member;

	return m && MDU_MSTATE_WRITABLE(emd_member_state(m)) && end <= READ_ONCE(m->filled);
}

/* Of a member that has bad blocks somewhere; few have. */
static noinline bool slot_good(const struct emd_slot *slot, u64 sector, u64 end)
{
	return emd_member_first_bad(slot->member, slot->offset + sector, slot->offset + end) == slot->offset + end;
}

static inline bool slot_readable(const struct emd_slot *slot, u64 sector, u64 end)
{
	return slot_filled(slot, end) && (likely(!READ_ONCE(slot->member->has_bad)) || slot_good(slot, sector, end));
}

bool emd_slot_readable(const struct emd_map *map, u32 i, u64 sector, u64 len)
{
	return slot_readable(&map->slot[i], sector, sector + len);
}

bool emd_slot_filled(const struct emd_map *map, u32 i, u64 sector, u64 len)
{
	return slot_filled(&map->slot[i], sector + len);
}

u64 emd_slot_good_sectors(const struct emd_map *map, u32 i, u64 sector, u64 len)
{
	const struct emd_slot *slot = &map->slot[i];
	u64 begin = slot->offset + sector;

	return slot_filled(slot, sector + len) ? emd_member_first_bad(slot->member, begin, begin + len) - begin : 0;
}

bool emd_map_readable(const struct emd_map *map, u64 sector, u64 len)
{
	u32 i;

	for (i = 0; i < map->geo.raid_disks; i++)
		if (!slot_readable(&map->slot[i], sector, sector + len))
			return false;
	return true;
}

u32 emd_map_replacements(const struct emd_map *map)
{
	u32 i, nr = 0;

	for (i = map->geo.raid_disks; i < map->slots; i++)
		nr += map->slot[i].member != NULL;
	return nr;
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
struct mdk_member *emd_slot_get_writable(const struct emd_map *map, u32 i)
{
	return emd_slot_writable(map, i) ? emd_slot_get(map, i) : NULL;
}
